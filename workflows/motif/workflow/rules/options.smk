# What the configuration means as options of the genem commands.
from shlex import quote


def sequence_options(wildcards):
    """Those of genem sequences."""
    settings = config["sets"][wildcards.set]
    return f"--width {settings['width']}" if "width" in settings else ""


def shared_options(wildcards):
    """Those that genem motif and shuffle share."""
    settings = config["sets"][wildcards.set]
    return f"--alphabet {settings['alphabet']} --mask {config['mask']} --seed {config['seed']}"


def shuffle_options(wildcards):
    """Those of genem shuffle."""
    return shared_options(wildcards)


def motif_options(wildcards):
    """Those of genem motif that say what is searched and how."""
    settings = config["sets"][wildcards.set]
    options = [shared_options(wildcards)]
    options.append(f"--model {settings.get('model', config['model'])}")
    for key in ("min_width", "max_width", "n_motifs", "background_order"):
        options.append(f"--{key.replace('_', '-')} {config[key]}")
    if settings["both_strands"]:
        options.append("--both-strands")
    if config["palindrome"]:
        options.append("--palindrome")
    if "control" in settings:
        options.append(f"--control {quote(settings['control'])}")
    return " ".join(options)


def coordinates_option(wildcards):
    """Sites of intervals are places in the genome."""
    settings = config["sets"][wildcards.set]
    return "--genome-coordinates" if "bed" in settings else ""


def control_range(wildcards):
    """The controls of one job: as equal shares of all as can be."""
    first, number = share_of(config["controls"], config["pieces"], int(wildcards.piece))
    return f"--controls {number} --first-control {first}"


def scan_options(wildcards):
    """Those of genem scan."""
    settings = config["sets"][wildcards.set]
    strand = "" if settings["both_strands"] else " --one-strand"
    return f"--p-threshold {config['scan_p']} --mask {config['mask']}{strand}"
