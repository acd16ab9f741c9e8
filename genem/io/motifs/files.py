"""Motifs from files of any usual format, recognised by content."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput
from genem.io.motifs.meme_reader import is_meme_text, parse_meme

__all__ = ["read_motifs"]

FORMATS = "MEME text, JASPAR, TRANSFAC, HOMER, or a table with columns matrix, name, position, A, C, G, T"
TABLE_COLUMNS = ("matrix", "name", "position")
TRANSFAC_KEYS = ("AC", "BA", "DE", "DT", "ID", "NA", "P0", "PO", "TY", "VV", "XX")
DNA = "ACGT"


def read_motifs(path: str | Path) -> tuple[Motif, ...]:
    """Read motifs: MEME text (minimal or full), JASPAR, TRANSFAC, HOMER, or a table of counts.

    The format is told from the content; the file may be compressed, ``-`` is standard input. Counts become
    probabilities without pseudocounts, the number of sites is the largest total of a column, the background of
    formats that have none is uniform.

    Parameters
    ----------
    path
        The file. A table has a header row and one row per position: ``matrix``, ``name``, ``position`` and one
        column per letter, tab-separated.

    Returns
    -------
    tuple of Motif
        In the order of the file.

    Raises
    ------
    InputError
        The file cannot be read, is of no such format, or is damaged; the message names the line.

    Examples
    --------
    >>> motif = read_motifs("data/motifs.jaspar.tsv")[0]
    >>> motif.name, motif.alternative_name, motif.width, motif.n_sites
    ('MA0496.3', 'MAFK', 15, 51734.0)
    """
    with InflatedInput(path) as stream:
        content = b"".join(stream.pieces())
        name = stream.name
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError("is not text", path=name, remedy=f"motifs are read from {FORMATS}") from None
    if not text.strip():
        raise InputError("is empty", path=name, remedy=f"motifs are read from {FORMATS}")
    if is_meme_text(text):
        return parse_meme(text, name)
    first = text.split(maxsplit=1)[0]
    if first.startswith(">"):
        motifs = [_from_jaspar(record, line, name) for line, record in _records(text, ">", starts=True)]
    elif first in TRANSFAC_KEYS:
        found = (_from_transfac(record, line, name) for line, record in _records(text, "//", starts=False))
        motifs = [motif for motif in found if motif is not None]
    elif tuple(text.lstrip().splitlines()[0].lower().split("\t")[:3]) == TABLE_COLUMNS:
        motifs = list(_from_table(text, name))
    else:
        raise InputError(f"starts with {first[:20]!r}", path=name, remedy=f"motifs are read from {FORMATS}")
    if not motifs:
        raise InputError("holds no motif", path=name)
    return tuple(motifs)


def _records(text: str, mark: str, *, starts: bool) -> Iterator[tuple[int, str]]:
    """The parts of a file that start (or end) with a line marked so, each with the number of its first line."""
    first, part = 1, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        marked = line.startswith(mark)
        if marked and starts and part:
            yield first, "\n".join(part) + "\n"
            first, part = number, []
        part.append(line)
        if marked and not starts:
            yield first, "\n".join(part) + "\n"
            first, part = number + 1, []
    if any(line.strip() for line in part):
        yield first, "\n".join(part) + "\n"


def _from_jaspar(record: str, line: int, path: str) -> Motif:
    header, *rows = [row for row in record.splitlines() if row.strip()]
    if len(header.split("\t")) > 2:
        return _from_homer(record.splitlines(), line, path)
    if len(rows) != len(DNA):
        remedy = "JASPAR matrices have one row for each of A, C, G and T"
        raise InputError(f"{header[:40]!r} has {len(rows)} rows", path=path, place=f"line {line}", remedy=remedy)
    (motif,) = _parsed(record, "jaspar", line, path) or (None,)
    if motif is None:
        raise InputError(f"{header[:40]!r}: not a JASPAR matrix", path=path, place=f"line {line}")
    name = "" if motif.name == motif.matrix_id else motif.name
    return _motif(motif.matrix_id, name, _counts(motif), line, path)


def _from_homer(rows: list[str], line: int, path: str) -> Motif:
    """HOMER's records: ``>consensus``, a name and more behind tabs, then the shares of A, C, G, T by position."""
    consensus, name = rows[0][1:].split("\t")[:2]
    shares = []
    for number, row in enumerate(rows[1:], line + 1):
        if not row.strip():
            continue
        try:
            shares.append([float(word) for word in row.split()])
        except ValueError:
            raise InputError(f"{row[:40]!r}: not four numbers", path=path, place=f"line {number}") from None
        if len(shares[-1]) != len(DNA):
            found = f"{len(shares[-1])} numbers, one for each of A, C, G, T expected"
            raise InputError(found, path=path, place=f"line {number}")
    return _motif(consensus, name, np.array(shares), line, path)


def _from_transfac(record: str, line: int, path: str) -> Motif | None:
    """The motif of a record; None for a record without a matrix, such as the one with the version."""
    if not record.rstrip().endswith("//"):
        raise InputError("the last record has no end", path=path, place=f"line {line}", remedy="end it with //")
    motifs = _parsed(record, "transfac", line, path)
    if not motifs:
        return None
    motif = motifs[0]
    name = motif.get("AC") or motif.get("ID") or motif.get("NA") or f"line{line}"
    alternative = motif.get("NA") or motif.get("ID") or ""
    return _motif(name, "" if alternative == name else alternative, _counts(motif), line, path)


def _parsed(record: str, file_format: str, line: int, path: str) -> list[Any]:
    """Biopython's reading of one record, its complaints as ours."""
    from Bio import motifs

    strictness = {"strict": False} if file_format == "transfac" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(motifs.parse(io.StringIO(record), file_format, **strictness))
    except Exception as error:  # of any class: bare exceptions, too
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"not a {file_format.upper()} record: {what}", path=path, place=f"line {line}") from None


def _counts(motif: Any) -> NDArray[np.float64]:
    return np.array([list(motif.counts[letter]) for letter in DNA], np.float64).T


def _from_table(text: str, path: str) -> Iterator[Motif]:
    """Motifs of a table with one row per position; the rows of a motif stand together."""
    numbered = [(number, line.split("\t")) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    header = [name.strip() for name in numbered[0][1]]
    letters = "".join(header[3:])
    if letters not in (DNA, "ACGU", "ACDEFGHIKLMNPQRSTVWY"):
        remedy = "the columns after position are the letters of DNA, RNA or protein in alphabetical order"
        raise InputError(f"columns {' '.join(header[3:])}", path=path, place=f"line {numbered[0][0]}", remedy=remedy)
    by_matrix: dict[str, list[tuple[int, list[str]]]] = {}
    for number, cells in numbered[1:]:
        if len(cells) != len(header):
            raise InputError(f"{len(cells)} columns, {len(header)} expected", path=path, place=f"line {number}")
        by_matrix.setdefault(cells[0], []).append((number, cells))
    for matrix, rows in by_matrix.items():
        counts = []
        for position, (number, cells) in enumerate(rows, 1):
            if cells[2].strip() != str(position):
                found = f"position {cells[2]} of {matrix}, {position} expected"
                raise InputError(found, path=path, place=f"line {number}", remedy="positions count from 1 without gaps")
            try:
                counts.append([float(cell) for cell in cells[3:]])
            except ValueError:
                raise InputError(f"counts {' '.join(cells[3:])}", path=path, place=f"line {number}") from None
        name = rows[0][1][1]
        yield _motif(matrix, name, np.array(counts), rows[0][0], path, letters)


def _motif(
    name: str, alternative: str, counts: NDArray[np.float64], line: int, path: str, alphabet: str = DNA
) -> Motif:
    """The motif of a matrix of counts (width, letter)."""
    totals = counts.sum(axis=1)
    if not counts.size or not np.all(np.isfinite(counts)) or np.any(counts < 0.0) or np.any(totals <= 0.0):
        remedy = "every position needs counts of at least 0 that are not all 0"
        raise InputError(f"the matrix of {name} is not one of counts", path=path, place=f"line {line}", remedy=remedy)
    n_sites = float(totals.max())
    return Motif(
        name=name,
        alternative_name=alternative,
        alphabet=alphabet,
        probabilities=counts / totals[:, None],
        background=np.full(len(alphabet), 1.0 / len(alphabet)),
        n_sites=n_sites if n_sites > 1.5 else math.nan,  # rows that sum to 1 are shares, not counts
    )
