# What the configuration means as options of genem qtl.
from shlex import quote


def cross_options(wildcards):
    """The input, and how it is read."""
    settings = config["crosses"][wildcards.cross]
    options = [quote(settings["input"]), f"--cross {settings['cross']}"]
    for key in ("map", "pheno", "sex", "direction", "cm_per_mb", "field"):
        if key in settings:
            options.append(f"--{key.replace('_', '-')} {quote(str(settings[key]))}")
    for key in ("parents", "genotypes", "alleles", "x_chrom"):
        if key in settings:
            options.append(
                f"--{key.replace('_', '-')} {quote(','.join(settings[key]))}"
            )
    options += [
        f"--{key.replace('_', '-')} {config[key]}"
        for key in ("step", "error_prob", "map_function")
    ]
    return " ".join(options)


def model_options(wildcards):
    """Traits, model and covariates."""
    settings = config["crosses"][wildcards.cross]
    options = [f"--model {settings['model']}"]
    if settings["model"] in ("normal", "binary"):
        options.append(f"--method {','.join(settings['methods'])}")
    for key, flag in (
        ("traits", "trait"),
        ("addcovar", "addcovar"),
        ("intcovar", "intcovar"),
    ):
        if settings.get(key):
            options.append(f"--{flag} {quote(','.join(settings[key]))}")
    for key in ("weights", "strata"):
        if key in settings:
            options.append(f"--{key} {quote(settings[key])}")
    return " ".join(options)


def permutation_range(wildcards):
    """Of all permutations those of a piece: permutation k is the same in whichever job."""
    first, n = share_of(
        config["permutations"]["number"], len(PIECES), int(wildcards.piece)
    )
    return (
        f"--permutations {n} --permutation-first {first + 1} "
        f"--seed {config['permutations']['seed']}"
    )


def peak_options(wildcards):
    """Thresholds and intervals of support."""
    interval = config["interval"]
    levels = ",".join(str(level) for level in config["permutations"]["alpha"])
    limits = (
        f"--bayes-coverage {interval['coverage']}"
        if interval["kind"] == "bayes"
        else f"--drop {interval['drop']}"
    )
    return f"--alpha {levels} --interval {interval['kind']} {limits}"
