# What the workflows have in common: the configuration is checked, and paths are made absolute, before any job starts.
import csv
import gzip
import io
import struct
from itertools import takewhile
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

min_version("9.0")


def refuse(place, finding):
    """End with a message that names the place in the configuration."""
    raise WorkflowError(f"config: {': '.join(place)}: {finding}")


def check_configuration(schema):
    """Fill in defaults; Snakemake prints the whole schema with a finding: keep the finding and the place."""
    try:
        validate(config, schema)
    except WorkflowError as error:
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


def make_absolute(settings, keys, place):
    """Make the paths under these keys absolute; a module with a prefix would prefix them. Every file must exist."""
    for key in keys:
        if key in settings:
            path = Path(settings[key]).expanduser().absolute()
            if not path.is_file():
                refuse((*place, key), f"no such file: {path}")
            settings[key] = str(path)


def opened(path):
    """A binary stream of a file, plain or compressed."""
    stream = open(path, "rb")
    return gzip.open(stream) if stream.peek(2)[:2] == b"\x1f\x8b" else stream


def is_variant_file(path):
    """Whether a file is a VCF or BCF file, by its content."""
    with opened(path) as stream:
        return stream.peek(16).startswith((b"BCF\2", b"##fileformat=VCF"))


def variant_samples(path, place):
    """The sample names in the header of a VCF or BCF file."""
    try:
        with opened(path) as stream:
            if stream.peek(5).startswith(b"BCF\2"):
                (header_length,) = struct.unpack("<5xI", stream.read(9))
                lines = stream.read(header_length).splitlines()
            else:
                lines = takewhile(lambda line: line.startswith(b"#"), stream)
            for line in lines:
                if line.startswith(b"#CHROM"):
                    return set(line.decode().rstrip("\r\n").split("\t")[9:])
    except (OSError, EOFError, struct.error) as error:
        refuse(place, f"{path}: {error}")
    refuse(place, f"{path} has no #CHROM line: not a VCF or BCF file")


def table_rows(path, n, delimiter="\t"):
    """The first rows of a table, lines that begin with ## left out."""
    with opened(path) as stream:
        text = (line for line in io.TextIOWrapper(stream) if not line.startswith("##"))
        return [row for row, _ in zip(csv.reader(text, delimiter=delimiter), range(n))]


def share_of(total, pieces, piece):
    """Of numbers 0 to total - 1 in pieces (counted from 0) of nearly equal length: the first, and how many."""
    first = piece * total // pieces
    return first, (piece + 1) * total // pieces - first
