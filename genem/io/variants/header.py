"""The header of a VCF: samples, contigs, and the FORMAT, INFO and FILTER fields it declares."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches

from genem.errors import InputError, UsageError

__all__ = ["FieldDeclaration", "VariantHeader", "parse_header", "select_samples"]

SITE_COLUMNS = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
FORMAT_COLUMN = "FORMAT"
ATTRIBUTE = re.compile(r'([^=,<]+)=("(?:[^"\\]|\\.)*"|[^,]*)')
NO_COLUMNS_REMEDY = "is it a VCF or BCF file? Its header must end with a #CHROM line"


@dataclass(frozen=True, slots=True)
class FieldDeclaration:
    """The declaration of one field in a ``##FORMAT`` or ``##INFO`` line; texts as in the file, without quotes."""

    number: str
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class VariantHeader:
    """The header of a VCF or BCF file: what it says of itself before its first record.

    Attributes
    ----------
    samples
        All sample names of the file.
    contigs
        Names in the ``##contig`` lines, in their order; they need not be complete.
    contig_lengths
        Lengths of the contigs that declare one.
    formats, infos
        Declared FORMAT and INFO fields by name.
    filters
        Declared filters, without PASS.
    has_format
        Whether there is a FORMAT column (a file without samples may do without).
    text
        The header lines as in the file, ``#CHROM`` line included, line ends normalised to a newline.
    """

    samples: tuple[str, ...]
    contigs: tuple[str, ...]
    contig_lengths: dict[str, int]
    formats: dict[str, FieldDeclaration]
    infos: dict[str, FieldDeclaration]
    filters: tuple[str, ...]
    has_format: bool
    text: str


def parse_header(text: str, path: str) -> VariantHeader:
    """Read a VCF header.

    Parameters
    ----------
    text
        The header lines, up to and including the ``#CHROM`` line.
    path
        The file, for messages.

    Returns
    -------
    VariantHeader

    Raises
    ------
    InputError
        The ``#CHROM`` line is missing or malformed, or names a sample twice.

    Examples
    --------
    >>> columns = chr(9).join([*SITE_COLUMNS, "FORMAT", "Ann", "Ben"])
    >>> header = parse_header("##contig=<ID=22,length=51304566>" + chr(10) + columns, "x.vcf")
    >>> header.samples, header.contig_lengths
    (('Ann', 'Ben'), {'22': 51304566})
    """
    contig_lengths: dict[str, int] = {}
    contigs: dict[str, None] = {}
    filters: dict[str, None] = {}
    fields: dict[str, dict[str, FieldDeclaration]] = {"FORMAT": {}, "INFO": {}}
    lines = text.splitlines()
    for line in lines:
        kind, _, value = line.removeprefix("##").partition("=<")
        if kind not in ("contig", "FILTER", "FORMAT", "INFO"):
            continue
        attributes = {key: content.strip('"') for key, content in ATTRIBUTE.findall(value.rstrip().removesuffix(">"))}
        name = attributes.get("ID")
        if not name:
            raise InputError(f"the header line {line[:60]!r} has no ID", path=path)
        if kind == "contig":
            contigs[name] = None
            if attributes.get("length", "").isdecimal():
                contig_lengths[name] = int(attributes["length"])
        elif kind == "FILTER":
            filters[name] = None
        else:
            number, type_ = attributes.get("Number", "."), attributes.get("Type", "String")
            fields[kind][name] = FieldDeclaration(number, type_, attributes.get("Description", ""))
    filters.pop("PASS", None)
    samples, has_format = _columns(lines[-1] if lines else "", path)
    return VariantHeader(
        samples,
        tuple(contigs),
        contig_lengths,
        fields["FORMAT"],
        fields["INFO"],
        tuple(filters),
        has_format,
        "\n".join(lines) + "\n",
    )


def _columns(line: str, path: str) -> tuple[tuple[str, ...], bool]:
    columns = line.split("\t")
    if columns[0] != SITE_COLUMNS[0]:
        raise InputError("no #CHROM line", path=path, remedy=NO_COLUMNS_REMEDY)
    n_fixed = len(SITE_COLUMNS)
    if tuple(columns[:n_fixed]) != SITE_COLUMNS or columns[n_fixed : n_fixed + 1] not in ([], [FORMAT_COLUMN]):
        found = " ".join(columns[: n_fixed + 1])
        raise InputError(
            f"the #CHROM line starts with {found!r}", path=path, remedy="its columns are fixed, separated by tabs"
        )
    samples = tuple(columns[n_fixed + 1 :])
    repeated = [name for name, count in Counter(samples).items() if count > 1]
    if repeated:
        raise InputError(
            f"sample {repeated[0]!r} is named {samples.count(repeated[0])} times in the #CHROM line",
            path=path,
            remedy="rename the samples (bcftools reheader)",
        )
    if "" in samples:
        raise InputError("a sample in the #CHROM line has no name", path=path)
    return samples, len(columns) > n_fixed


def select_samples(header: VariantHeader, wanted: list[str] | None, *, exclude: bool, path: str) -> tuple[str, ...]:
    """The samples to read, in the order asked for (excluding: in file order).

    Raises
    ------
    UsageError
        A sample is not in the file, or asked for twice.
    """
    if wanted is None:
        return header.samples
    known = set(header.samples)
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, header.samples, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; the file has {len(known)} samples"
            raise UsageError(f"{path}: sample {name!r} is not in the file{hint}")
    if exclude:
        unwanted = set(wanted)
        return tuple(name for name in header.samples if name not in unwanted)
    repeated = [name for name, count in Counter(wanted).items() if count > 1]
    if repeated:
        raise UsageError(f"sample {repeated[0]!r} is asked for twice")
    return tuple(wanted)
