# What the configuration means as options of the genem commands.
from shlex import quote


def freq_options(wildcards):
    """The options of genem freq that come from the configuration."""
    settings = config["cohorts"][wildcards.cohort]
    options = [
        f"--field {settings['field']}",
        f"--ci {config['ci']}",
        f"--half-calls {config['half_calls']}",
    ]
    for key, flag in (
        ("samples", "--samples-file"),
        ("groups", "--groups"),
        ("sex", "--sex"),
        ("build", "--build"),
    ):
        if key in settings:
            options.append(f"{flag} {quote(settings[key])}")
    for key in ("min_maf", "max_missing_rate"):
        if key in config:
            options.append(f"--{key.replace('_', '-')} {config[key]}")
    if config["inbreeding"]:
        options.append("--inbreeding")
    return " ".join(options)


def linkage_options(wildcards):
    """The options that genem ld, prune and blocks share."""
    settings = config["cohorts"][wildcards.cohort]
    options = [f"--field {settings['field']}"]
    for key, flag in (
        ("samples", "--samples-file"),
        ("sex", "--sex"),
        ("build", "--build"),
    ):
        if key in settings:
            options.append(f"{flag} {quote(settings[key])}")
    if "max_missing_rate" in config:
        options.append(f"--max-missing-rate {config['max_missing_rate']}")
    return " ".join(options)


def ld_options(wildcards):
    """Those that genem ld has beside them."""
    settings = config["cohorts"][wildcards.cohort]
    linkage = config["linkage"]
    options = [
        linkage_options(wildcards),
        f"--window-bp {linkage['window_bp']}",
        f"--min-r2 {linkage['min_r2']}",
    ]
    if "groups" in settings:
        options.append(f"--groups {quote(settings['groups'])}")
    if "min_maf" in config:
        options.append(f"--min-maf {config['min_maf']}")
    return " ".join(options)


def prune_options(wildcards):
    """Those of genem prune: the window of genem ld, and its threshold."""
    linkage = config["linkage"]
    options = [
        linkage_options(wildcards),
        f"--window-bp {linkage['window_bp']}",
        f"--r2 {linkage['prune_r2']}",
    ]
    if "min_maf" in config:
        options.append(f"--min-maf {config['min_maf']}")
    return " ".join(options)


def sfs_options(wildcards):
    """The options of genem sfs that come from the configuration."""
    settings = config["cohorts"][wildcards.cohort]
    options = [
        f"--field {settings['field']}",
        f"--block-size {config['sfs']['block_size']}",
    ]
    if "samples" in settings:
        options.append(f"--samples-file {quote(settings['samples'])}")
    if config["sfs"]["fold"]:
        options.append("--fold")
    return " ".join(options)


def replicate_range(wildcards):
    """First replicate and number of replicates of a piece; all pieces together are replicates 0 to N - 1."""
    first, n = share_of(
        config["sfs"]["bootstrap"], len(SFS_PIECES), int(wildcards.piece)
    )
    return f"--bootstrap-first {first} --bootstrap {n}"
