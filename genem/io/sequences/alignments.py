"""Alignments: FASTA, PHYLIP, Nexus and Clustal, plain or compressed, recognised by content."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import Alignment, Datatype
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput

__all__ = ["make_alignment", "read_alignment"]

SYMBOLS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.?~*")
NUCLEOTIDES = b"ACGTUacgtu"
AMBIGUOUS = b"RYSWKMBDHVryswkmbdhv"
SAY_NOTHING = b"NXOnxo-.?~*"
NUCLEOTIDE_SHARE = 0.85
"""Smallest share of A, C, G, T and U among known letters, the others IUPAC codes, for an alignment to be DNA."""
LEAST_SHARE, MANY_LETTERS = 0.5, 100
"""Smallest share where there are many letters, as in SNPs with heterozygous calls: no such protein lacks others."""
MATCH_SHARE = 0.5
STRICT_NAME = 10
PHYLIP_HEADER = re.compile(r"\s*(\d+)\s+(\d+)\s*(?:[IS]\s*)?\n", re.IGNORECASE)
COMMENT = re.compile(r"\[[^\]]*\]")

Records = list[tuple[str, str]]


def read_alignment(path: str | Path, *, datatype: Datatype | None = None, threads: int = 1) -> Alignment:
    """Read an alignment.

    The format is that of the content: ``>`` begins FASTA, two numbers PHYLIP (names of ten columns, or of any length
    followed by a blank; interleaved or not), ``#NEXUS`` Nexus, ``CLUSTAL`` (or MUSCLE, PROBCONS) Clustal. In FASTA the
    whole header line is the name. Names are kept as they are, with their blanks, quotes, colons, parentheses and
    underscores, but for the quotes that Nexus puts around them.

    Parameters
    ----------
    path
        A file, or ``-`` for standard input.
    datatype
        The kind of the letters, where it should not be told from the letters themselves.
    threads
        For decompression.

    Raises
    ------
    InputError
        The file is in no such format, the sequences have different lengths, a name comes twice or is empty, or a symbol
        stands for nothing.

    Examples
    --------
    >>> alignment = read_alignment("data/lexA_sites.fa")
    >>> len(alignment), alignment.n_sites, alignment.datatype.name
    (19, 20, 'DNA')
    """
    with InflatedInput(path, threads=threads) as stream:
        content = b"".join(stream.pieces())
        name = stream.name
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", path=name, remedy="give a FASTA, PHYLIP, Nexus or Clustal file") from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    records, stated = _parse(text, name)
    return make_alignment(records, datatype=datatype or stated, path=name)


def make_alignment(
    records: Sequence[tuple[str, str]], *, datatype: Datatype | None = None, path: str | None = None
) -> Alignment:
    """An alignment from pairs of name and sequence.

    Parameters
    ----------
    records
        Any number, also none.
    datatype
        Told from the letters unless given.
    path
        Where they come from, for messages.

    Raises
    ------
    InputError
        As :func:`read_alignment`.

    Examples
    --------
    >>> make_alignment([("a", "AC-GT"), ("b", "ACG")])
    Traceback (most recent call last):
    genem.errors.InputError: sequences have different lengths: 5 (1 sequence, as 'a'), 3 (1 sequence, as 'b'); align ...
    """
    _check_names([name for name, _ in records], path)
    _check_lengths(records, path)
    for name, sequence in records:
        strange = set(sequence) - SYMBOLS
        if strange:
            symbol = min(strange, key=sequence.index)
            place = f"sequence {name!r}, column {sequence.index(symbol) + 1}"
            raise InputError(f"{symbol!r} in an alignment", path=path, place=place, remedy="remove it")
    n_sites = len(records[0][1]) if records else 0
    text = "".join(sequence for _, sequence in records).replace(".", "-").encode()
    letters = np.frombuffer(text, np.uint8).reshape(len(records), n_sites)
    return Alignment(tuple(name for name, _ in records), letters, datatype or _guess_datatype(text))


def _parse(text: str, path: str) -> tuple[Records, Datatype | None]:
    start = text.lstrip()
    if not start:
        raise InputError("holds no sequence", path=path, remedy="give FASTA, PHYLIP, Nexus or Clustal")
    if start.startswith(">"):
        records = list(_fasta(start))
        _refuse_written_out_once(records, path)
        return records, None
    if start[:6].upper() == "#NEXUS":
        return _nexus(start, path)
    if start.split(None, 1)[0].upper() in ("CLUSTAL", "CLUSTALW", "MUSCLE", "PROBCONS"):
        return _clustal(start, path), None
    if PHYLIP_HEADER.match(start):
        return _phylip(start, path), None
    shown = start[:20].splitlines()[0]
    raise InputError(f"starts with {shown!r}: no alignment", path=path, remedy="give FASTA, PHYLIP, Nexus or Clustal")


def _fasta(text: str) -> Iterator[tuple[str, str]]:
    for record in ("\n" + text).split("\n>")[1:]:
        header, _, body = record.partition("\n")
        yield header.strip(), "".join(body.split())


def _nexus(text: str, path: str) -> tuple[Records, Datatype | None]:
    from Bio.Nexus.Nexus import Nexus, NexusError

    _refuse_open_quotes(text, path)
    try:
        matrix: Any = Nexus(text)
        records = [(name, str(matrix.matrix[name])) for name in matrix.taxlabels]
    except (NexusError, LookupError, ValueError, AttributeError, TypeError, StopIteration) as error:
        raise InputError(f"is no Nexus alignment that can be read: {_one_line(error)}", path=path) from None
    if not records:
        raise InputError("is no Nexus alignment that can be read: it has no matrix", path=path)
    gaps = str.maketrans({matrix.gap: "-", matrix.missing: "?"})
    return [(name, sequence.translate(gaps)) for name, sequence in records], Datatype.of_label(str(matrix.datatype))


def _refuse_open_quotes(text: str, path: str) -> None:
    """A name in quotes that goes on in the next line: the reader would look for its end for ever."""
    in_matrix = False
    for number, line in enumerate(COMMENT.sub(_line_breaks, text).splitlines(), 1):
        in_matrix |= line.strip().lower().startswith("matrix")
        if in_matrix and line.count("'") % 2:
            found = "is no Nexus alignment that can be read: a quote of this line is not closed in it"
            raise InputError(found, path=path, place=f"line {number}", remedy="write every name in one line")
        in_matrix &= ";" not in line


def _line_breaks(comment: re.Match[str]) -> str:
    return "\n" * comment.group().count("\n")


def _clustal(text: str, path: str) -> Records:
    from Bio import AlignIO

    if not text.partition("\n")[2].strip():  # the reader would look for the first sequence for ever
        raise InputError("holds no sequence", path=path, remedy="give an alignment of at least one")
    try:
        records = AlignIO.read(StringIO(text), "clustal")
    except (ValueError, AssertionError, IndexError) as error:
        raise InputError(f"is no Clustal alignment that can be read: {_one_line(error)}", path=path) from None
    return [(record.id, str(record.seq)) for record in records]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or "it is cut short, or its columns do not line up"


def _phylip(text: str, path: str) -> Records:
    """The first way of reading it that gives as many sequences, as long, as the first line says."""
    header = PHYLIP_HEADER.match(text)
    assert header is not None
    n_taxa, n_sites = int(header[1]), int(header[2])
    lines = [line.rstrip() for line in text[header.end() :].split("\n") if line.strip()]
    attempts = []
    for strict in (False, True):
        for arrange in (_interleaved, _sequential):
            records = arrange(lines, n_taxa, n_sites, strict)
            attempts.append(records)
            if len(records) == n_taxa and all(len(sequence) == n_sites for _, sequence in records):
                _refuse_match_characters(records, path)
                return records
    read = next((records for records in attempts if records), [])
    shown = ", ".join(f"{name!r} {len(sequence)}" for name, sequence in read[:5])
    raise InputError(
        f"PHYLIP of {n_taxa} sequences of {n_sites} letters, found {len(read)} sequences"
        + (f": {shown}" if read else ""),
        path=path,
        remedy="correct the two numbers of the first line, or the sequences",
    )


def _split_name(line: str, strict: bool) -> tuple[str, str]:
    if strict:
        return line[:STRICT_NAME].strip(), "".join(line[STRICT_NAME:].split())
    name, *letters = line.split()
    return name, "".join(letters)


def _interleaved(lines: list[str], n_taxa: int, _n_sites: int, strict: bool) -> Records:
    """Every block has a line of each taxon; names stand in the first block, and may be repeated in others."""
    if n_taxa == 0 or len(lines) % n_taxa:
        return []
    first = [_split_name(line, strict) for line in lines[:n_taxa]]
    pieces = [[letters] for _, letters in first]
    for number, line in enumerate(lines[n_taxa:]):
        name, others = first[number % n_taxa][0], line
        if line.startswith(name) and line[len(name) : len(name) + 1].isspace():
            others = line[len(name) :]
        pieces[number % n_taxa].append("".join(others.split()))
    return [(name, "".join(letters)) for (name, _), letters in zip(first, pieces, strict=True)]


def _sequential(lines: list[str], _n_taxa: int, n_sites: int, strict: bool) -> Records:
    """One taxon after the other, each over as many lines as it takes."""
    records = []
    waiting = iter(lines)
    for line in waiting:
        name, letters = _split_name(line, strict)
        while len(letters) < n_sites and (more := next(waiting, None)) is not None:
            letters += "".join(more.split())
        records.append((name, letters))
    return records


def _refuse_match_characters(records: Records, path: str) -> None:
    for name, sequence in records:
        if "." in sequence:
            place = f"sequence {name!r}, column {sequence.index('.') + 1}"
            remedy = "in PHYLIP it stands for the letter of the first sequence: write that, or '-' for a gap"
            raise InputError("'.' in an alignment", path=path, place=place, remedy=remedy)


def _refuse_written_out_once(records: Records, path: str) -> None:
    """In FASTA '.' is a gap; but where the first sequence is free of it and the others hold little else, it stands for
    the letter of the first one, and gaps would be another alignment.
    """
    others = "".join(sequence for _, sequence in records[1:])
    if others.count(".") > MATCH_SHARE * len(others) and "." not in records[0][1]:
        raise InputError(
            "most letters are '.', but none of the first sequence: they seem to stand for its letters",
            path=path,
            remedy="write the letters out, or '-' for a gap",
        )


def _check_names(names: list[str], path: str | None) -> None:
    if "" in names:
        raise InputError("a sequence without a name", path=path, place=f"sequence {names.index('') + 1}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:5])) + (" ..." if len(twice) > 5 else "")
        raise InputError(f"names that come more than once: {shown}", path=path, remedy="make names unique")


def _check_lengths(records: Sequence[tuple[str, str]], path: str | None) -> None:
    lengths = Counter(len(sequence) for _, sequence in records)
    if len(lengths) < 2:
        return
    shown = []
    for length, count in lengths.most_common(5):
        name = next(name for name, sequence in records if len(sequence) == length)
        shown.append(f"{length} ({count} sequence{'s' if count > 1 else ''}, as {name!r})")
    more = " ..." if len(lengths) > 5 else ""
    raise InputError(
        f"sequences have different lengths: {', '.join(shown)}{more}",
        path=path,
        remedy="align them first (mafft, muscle, clustalo)",
    )


def _guess_datatype(text: bytes) -> Datatype:
    counts: NDArray[np.int64] = np.bincount(np.frombuffer(text, np.uint8), minlength=256)
    clear, ambiguous, silent = (int(counts[list(letters)].sum()) for letters in (NUCLEOTIDES, AMBIGUOUS, SAY_NOTHING))
    told = len(text) - silent
    others = told - clear - ambiguous
    share = LEAST_SHARE if told >= MANY_LETTERS else NUCLEOTIDE_SHARE
    return Datatype.DNA if others == 0 and clear >= share * told else Datatype.PROTEIN
