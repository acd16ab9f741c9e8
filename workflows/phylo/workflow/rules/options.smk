# What the configuration means as options of the genem commands.
import json
from shlex import quote


def input_options(wildcards):
    """The alignment, and how it is read."""
    settings = ALIGNMENTS[wildcards.alignment]
    options = [quote(settings["input"])]
    for key, flag in (
        ("alphabet", "alphabet"),
        ("samples", "samples-file"),
        ("partitions", "partitions"),
    ):
        if key in settings:
            options.append(f"--{flag} {quote(settings[key])}")
    if settings["is_variants"]:
        for key in ("min_maf", "max_missing_rate"):
            if key in config:
                options.append(f"--{key.replace('_', '-')} {config[key]}")
    options.append(f"--gamma-rule {config['gamma_rule']}")
    return " ".join(options)


def choice_options(wildcards):
    """Those of the choice of a model."""
    options = ["--model auto", f"--criterion {config['criterion']}"]
    if "candidates" in config:
        options.append(f"--models {quote(','.join(config['candidates']))}")
    return " ".join(options)


def model_option(wildcards, input):
    """The model: that of the configuration, or the one that was chosen."""
    model = model_of(wildcards.alignment)
    if model == "auto":
        model = json.loads(Path(input.model).read_text())["model_selection"]["model"]
    return f"--model {quote(model)}"


def search_options(wildcards):
    """Those that searches and bootstrap replicates share."""
    settings = ALIGNMENTS[wildcards.alignment]
    options = [f"--{key} {config['search'][key]}" for key in ("radius", "patience")]
    if "constraint" in settings:
        options.append(f"--constraint {quote(settings['constraint'])}")
    return " ".join(options)


def search_seed(wildcards):
    """Every search has a seed of its own."""
    return config["search"]["seed"] + int(wildcards.search)


def replicate_range(wildcards):
    """Of all replicates those of a piece: replicate k is the same in whichever job."""
    first, n = share_of(N_REPLICATES, len(REPLICATE_PIECES), int(wildcards.piece))
    return f"{first + 1}-{first + n}"


def root_option(wildcards):
    """Beside the outgroup, or in the midpoint."""
    outgroup = ALIGNMENTS[wildcards.alignment].get("outgroup")
    return f"--outgroup {quote(','.join(outgroup))}" if outgroup else "--midpoint"
