# Reads and checks the configuration. Whatever is wrong is said here, before any job starts.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

try:
    validate(config, "../schemas/config.schema.yaml")
except WorkflowError as error:
    # Snakemake prints the whole schema with the finding; keep the finding and the place.
    lines = str(error).splitlines()
    finding = [
        line.removeprefix("ValidationError: ")
        for line in lines
        if line.startswith("ValidationError: ")
    ]
    place = [
        line.removeprefix("On instance").rstrip(":")
        for line in lines
        if line.startswith("On instance")
    ]
    raise WorkflowError(
        f"config{''.join(place)}: {''.join(finding) or error}; config/README.md explains the keys"
    )

PICTURE = config["plot_format"]
FILE_KEYS = ("fasta", "genome", "bed", "control")


def user_file(name, place):
    """The absolute path of a file named in the configuration."""
    path = Path(name).expanduser().absolute()
    if not path.is_file():
        raise WorkflowError(f"config: {place}: no such file: {path}")
    return str(path)


DATABASE = user_file(config["database"], "database") if "database" in config else None

if config["min_width"] > config["max_width"]:
    raise WorkflowError(
        f"config: min_width: {config['min_width']} is above max_width, {config['max_width']}"
    )
if 0 < config["controls"] < config["pieces"]:
    raise WorkflowError(
        f"config: pieces: {config['controls']} controls cannot be cut into {config['pieces']} pieces"
    )

for name, settings in config["sets"].items():
    for key in FILE_KEYS:
        if key in settings:
            settings[key] = user_file(settings[key], f"sets: {name}: {key}")
    if "genome" in settings and not Path(settings["genome"] + ".fai").is_file():
        raise WorkflowError(
            f"config: sets: {name}: genome: {settings['genome']} has no index; make one with samtools faidx"
        )
    if settings["both_strands"] and settings["alphabet"] == "protein":
        raise WorkflowError(
            f"config: sets: {name}: both_strands: proteins have one strand"
        )


def set_file(key):
    """An input function: the set's file of that kind, nothing where it has none."""
    return lambda wildcards: config["sets"][wildcards.set].get(key, [])


def sequences_of(wildcards):
    """The FASTA file of a set: its own, or the one cut out of the genome."""
    settings = config["sets"][wildcards.set]
    return settings.get("fasta", f"results/{wildcards.set}/sequences.fa.gz")


def control_of(wildcards):
    """The control of a set: its own, or the sequences shuffled."""
    settings = config["sets"][wildcards.set]
    return settings.get("control", f"results/{wildcards.set}/shuffled.fa.gz")


wildcard_constraints:
    set="|".join(config["sets"]),
    piece=r"\d+",
