"""Tables of genotypes at named loci: ``id``, then two columns ``LOCUS.a1 LOCUS.a2`` for every locus."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genem.data import MISSING_ALLELE, LocusTable
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput

__all__ = ["read_locus_table"]

MISSING_NAMES = frozenset({"", ".", "NA", "na", "NaN", "0"})
"""Texts that say that an allele was not called; 0 as in linkage files."""
FIRST, SECOND = ".a1", ".a2"


def read_locus_table(path: str | Path) -> LocusTable:
    r"""Read genotypes of any number of alleles with any names.

    Columns are separated by tabs; the first is the sample. Lines that begin with ``##`` are passed over. The alleles of
    a locus are numbered in the order of their names, as numbers where all of them are numbers.

    Raises
    ------
    InputError
        The file is not such a table; the message names the line and column.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
    ...     _ = file.write("id\tB.a1\tB.a2\tDR.a1\tDR.a2\ns1\t7\t44\t2\tNA\ns2\t7\t7\t11\t2\n")
    ...     file.flush()
    ...     table = read_locus_table(file.name)
    >>> table.loci, table.allele_names, table.alleles[0].tolist()
    (('B', 'DR'), (('7', '44'), ('2', '11')), [[0, 1], [0, -1]])
    """
    with InflatedInput(path) as stream:
        name = stream.name
        content = b"".join(stream.pieces())
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start} is not UTF-8 text", path=name, remedy="is it a table?") from None
    rows = [
        (number, line.split("\t"))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("##")
    ]
    if not rows:
        raise InputError("is empty", path=name)
    loci = _loci(rows[0][1], name)
    samples, cells = _cells(rows[1:], 1 + 2 * len(loci), name)
    numbered = [_number(cells[:, 2 * locus : 2 * locus + 2]) for locus in range(len(loci))]
    return LocusTable(
        samples=samples,
        loci=loci,
        allele_names=tuple(names for names, _ in numbered),
        alleles=np.stack([numbers for _, numbers in numbered], axis=1),
    )


def _loci(header: list[str], path: str) -> tuple[str, ...]:
    """Names of the loci, from the header row."""
    loci = []
    for column in range(1, len(header), 2):
        pair = [text.strip() for text in header[column : column + 2]]
        locus = pair[0].removesuffix(FIRST)
        if pair != [locus + FIRST, locus + SECOND] or not locus:
            found = " and ".join(map(repr, pair))
            raise InputError(
                f"columns {column + 1} and {column + 2} are {found}; LOCUS.a1 LOCUS.a2 expected",
                path=path,
                place="header row",
                remedy="give every locus two columns side by side, or use a VCF",
            )
        if locus in loci:
            raise InputError(f"locus {locus} is there twice", path=path, place="header row")
        loci.append(locus)
    if not loci:
        raise InputError("has no locus", path=path, place="header row", remedy="columns are id LOCUS.a1 LOCUS.a2 ...")
    return tuple(loci)


def _cells(rows: list[tuple[int, list[str]]], n_columns: int, path: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the samples, and the allele names as str (sample, column)."""
    line_of: dict[str, int] = {}
    for number, fields in rows:
        if len(fields) != n_columns:
            raise InputError(f"{len(fields)} columns, {n_columns} expected", path=path, place=f"line {number}")
        sample = fields[0].strip()
        if not sample:
            raise InputError("has no sample name", path=path, place=f"line {number}")
        if sample in line_of:
            raise InputError(f"sample {sample} is on line {line_of[sample]} too", path=path, place=f"line {number}")
        line_of[sample] = number
    if not rows:
        raise InputError("has no samples", path=path)
    return tuple(line_of), np.array([[cell.strip() for cell in fields[1:]] for _, fields in rows], dtype=object)


def _number(cells: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Allele names of one locus, and the cells as int16 indices."""
    present = {text for text in cells.ravel() if text not in MISSING_NAMES}
    numeric = all(text.isdecimal() for text in present)
    names = tuple(sorted(present, key=lambda text: (int(text), text) if numeric else (0, text)))
    index = {text: number for number, text in enumerate(names)}
    numbers = [[index.get(text, MISSING_ALLELE) for text in row] for row in cells]
    return names, np.array(numbers, dtype=np.int16)
