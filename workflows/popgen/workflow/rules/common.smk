# Reads and checks the configuration. Whatever is wrong is said here, before any job starts.
import gzip
import struct
from itertools import takewhile
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

PIECES = range(1, config["pieces"] + 1)
FILE_KEYS = ("vcf", "samples", "groups", "sex")
SAMPLE_HEADERS = ("sample", "iid", "sample_id", "id", "individual")


def user_file(cohort, key):
    """The absolute path of a file named in the configuration."""
    path = Path(config["cohorts"][cohort][key]).expanduser().absolute()
    if not path.is_file():
        raise WorkflowError(f"config: cohorts: {cohort}: {key}: no such file: {path}")
    return str(path)


def vcf_index(cohort):
    """The index beside the VCF, .csi or .tbi."""
    vcf = config["cohorts"][cohort]["vcf"]
    for suffix in (".csi", ".tbi"):
        if Path(vcf + suffix).is_file():
            return vcf + suffix
    raise WorkflowError(
        f"config: cohorts: {cohort}: vcf: {vcf} has no index; make one with tabix -p vcf"
    )


def vcf_samples(cohort):
    """The sample names in the header of a compressed VCF or BCF file."""
    vcf = config["cohorts"][cohort]["vcf"]
    try:
        with gzip.open(vcf, "rb") as stream:
            if stream.peek(5).startswith(b"BCF\2"):
                (header_length,) = struct.unpack("<5xI", stream.read(9))
                lines = stream.read(header_length).splitlines()
            else:
                lines = takewhile(lambda line: line.startswith(b"#"), stream)
            for line in lines:
                if line.startswith(b"#CHROM"):
                    return set(line.decode().rstrip("\r\n").split("\t")[9:])
    except (OSError, EOFError, struct.error) as error:
        raise WorkflowError(f"config: cohorts: {cohort}: vcf: {vcf}: {error}")
    raise WorkflowError(
        f"config: cohorts: {cohort}: vcf: {vcf} has no #CHROM line: not a VCF or BCF file"
    )


def named_samples(path):
    """The samples of a list, or of a table whose sample column is the first or has a header that says so."""
    rows = [
        line.split()
        for line in Path(path).read_text().splitlines()
        if line.strip() and not line.startswith("##")
    ]
    header = [name.lower().lstrip("#") for name in rows[0]] if rows else []
    column = next(
        (header.index(name) for name in SAMPLE_HEADERS if name in header), None
    )
    return (
        [row[0] for row in rows]
        if column is None
        else [row[column] for row in rows[1:] if len(row) > column]
    )


def check_cohort(cohort):
    """Make the cohort's paths absolute; every file must exist and name only samples that the VCF has."""
    settings = config["cohorts"][cohort]
    for key in FILE_KEYS:
        if key in settings:
            settings[key] = user_file(cohort, key)
    settings["index"] = vcf_index(cohort)
    known = vcf_samples(cohort)
    for key in FILE_KEYS[1:]:
        unknown = (
            [name for name in named_samples(settings[key]) if name not in known]
            if key in settings
            else []
        )
        if unknown:
            raise WorkflowError(
                f"config: cohorts: {cohort}: {key}: {settings[key]} names {len(unknown)} samples "
                f"that {settings['vcf']} does not have, the first is {unknown[0]}"
            )


for cohort in config["cohorts"]:
    check_cohort(cohort)


def cohort_file(key):
    """An input function: the cohort's file of that kind, nothing where it has none."""
    return lambda wildcards: config["cohorts"][wildcards.cohort].get(key, [])


wildcard_constraints:
    cohort="|".join(config["cohorts"]),
    piece=r"\d+",
