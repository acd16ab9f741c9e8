"""FASTA: plain, gzip or BGZF, recognised by content."""

from __future__ import annotations

import codecs
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from genem.data import SequenceSet
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput
from genem.io.files.output import ByteSink

__all__ = ["DuplicateNames", "EmptyRecords", "parse_fasta", "read_fasta", "write_fasta"]

BLANKS = string.whitespace.encode()
SYMBOLS = (string.ascii_letters + string.digits + "*-.?~").encode()
"""What may stand in a sequence: letters, stop codons, gaps and unknowns, the digits of coded characters."""


EmptyRecords = Literal["refuse", "keep"]
DuplicateNames = Literal["refuse", "number"]


def read_fasta(
    path: str | Path,
    *,
    empty_records: EmptyRecords = "refuse",
    duplicate_names: DuplicateNames = "refuse",
    threads: int = 1,
) -> SequenceSet:
    """Read all sequences of a FASTA file.

    Upper and lower case (soft-masking) are kept. Blanks, tabs and empty lines inside a sequence are left out, as
    MEME and Biopython do. Which symbols make sense is for the analysis to say; here letters, digits and ``*-.?~``
    pass, anything else is an error.

    Parameters
    ----------
    path
        A file, or ``-`` for standard input.
    empty_records
        What a record without letters is: an error, or a sequence of length 0 to "keep".
    duplicate_names
        What a name used before is: an error, or made unique by a "number" behind it (``peak``, ``peak_2``).
    threads
        With 2 or more, BGZF blocks are inflated on that many threads.

    Returns
    -------
    SequenceSet
        In file order.

    Raises
    ------
    InputError
        The file cannot be read, is damaged or not FASTA; a record has no name, a symbol that cannot be part of a
        sequence or, unless allowed, a name used before or no sequence. The message names the line.

    Examples
    --------
    >>> sequences = read_fasta("data/promoters.fa")
    >>> len(sequences), sequences.names[0], len(sequences.sequence(0))
    (18, 'ce1cg', 105)
    """
    with InflatedInput(path, threads=threads) as stream:
        content = b"".join(stream.pieces()).removeprefix(codecs.BOM_UTF8)
        name = stream.name
    return parse_fasta(content, name, empty_records=empty_records, duplicate_names=duplicate_names)


def parse_fasta(
    content: bytes, path: str, *, empty_records: EmptyRecords = "refuse", duplicate_names: DuplicateNames = "refuse"
) -> SequenceSet:
    """Read the sequences of the inflated bytes of a FASTA file; ``path`` is its name in messages.

    Raises
    ------
    InputError
        As of :func:`read_fasta`.
    """
    leading_blanks = len(content) - len(content.lstrip())
    if leading_blanks == len(content):
        raise InputError("is empty", path=path)
    if content[leading_blanks : leading_blanks + 1] != b">":
        _refuse_format(content[leading_blanks:], path)
    records = content[leading_blanks + 1 :].split(b"\n>")
    place = _Place(path, content.count(b"\n", 0, leading_blanks) + 1, records)
    del content
    descriptions, names = _headers(records, place, duplicate_names)
    sequences = [record.partition(b"\n")[2].translate(None, BLANKS) for record in records]
    letters = bytearray().join(sequences)
    if empty_records == "refuse" and not all(sequences):
        empty = next(number for number, sequence in enumerate(sequences) if not sequence)
        raise place.error(empty, f"record {names[empty]!r} has no sequence", "add the sequence, or remove the record")
    if letters.translate(None, SYMBOLS):
        _refuse_symbol(records, place)
    offsets = np.zeros(len(records) + 1, np.int64)
    np.cumsum([len(sequence) for sequence in sequences], out=offsets[1:])
    return SequenceSet(names, descriptions, np.frombuffer(letters, np.uint8), offsets)


def write_fasta(stream: ByteSink, sequences: SequenceSet, *, line_length: int = 80) -> None:
    """Write sequences as FASTA, headers and case as they are.

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO()
    >>> pair = SequenceSet(("a", "b"), ("a x", "b"), np.frombuffer(b"ACgtN", np.uint8), np.array([0, 3, 5]))
    >>> write_fasta(stream, pair, line_length=2)
    >>> stream.getvalue()
    b'>a x\\nAC\\ng\\n>b\\ntN\\n'
    """
    for number, description in enumerate(sequences.descriptions):
        sequence = sequences.sequence(number)
        lines = [sequence[start : start + line_length] for start in range(0, len(sequence), line_length)]
        stream.write("\n".join([f">{description}", *lines, ""]).encode())


class _Place:
    """The place of records in a file; lines are counted only when there is something to report."""

    def __init__(self, path: str, first_line: int, records: list[bytes]) -> None:
        self.path = path
        self.first_line = first_line
        self.records = records

    def line(self, record: int) -> int:
        """The line of a record's header."""
        return self.first_line + sum(1 + earlier.count(b"\n") for earlier in self.records[:record])

    def error(self, record: int, found: str, remedy: str, *, lines_below: int = 0) -> InputError:
        return InputError(found, path=self.path, place=f"line {self.line(record) + lines_below}", remedy=remedy)


def _headers(
    records: list[bytes], place: _Place, duplicate_names: DuplicateNames
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The descriptions and the names of all records."""
    descriptions: list[str] = []
    numbers: dict[str, int] = {}
    for number, record in enumerate(records):
        header = record.partition(b"\n")[0].rstrip()
        try:
            description = header.decode()
        except UnicodeDecodeError:
            raise place.error(number, "the header is not UTF-8 text", "save the file as UTF-8") from None
        if "\r" in description:
            remedy = "replace the line ends (tr '\\r' '\\n')"
            raise place.error(number, "lines end in a carriage return alone", remedy)
        words = description.split(None, 1)
        if not words:
            raise place.error(number, "a header without a name", "write a name after '>'")
        if numbers.setdefault(words[0], number) != number and duplicate_names == "refuse":
            first = place.line(numbers[words[0]])
            raise place.error(number, f"the name {words[0]!r} was used before, in line {first}", "make names unique")
        descriptions.append(description)
    if len(numbers) == len(descriptions):
        return tuple(descriptions), tuple(numbers)
    return tuple(descriptions), _numbered(description.split(None, 1)[0] for description in descriptions)


def _numbered(names: Iterable[str]) -> tuple[str, ...]:
    """The names, those used before with the first number behind them that makes them new."""
    given = list(names)
    taken, used, unique = set(given), set[str](), list[str]()
    next_number: dict[str, int] = {}
    for name in given:
        chosen = name
        if name in used:
            number = next_number.get(name, 2)
            while f"{name}_{number}" in taken:
                number += 1
            chosen = f"{name}_{number}"
            next_number[name] = number + 1
            taken.add(chosen)
        used.add(chosen)
        unique.append(chosen)
    return tuple(unique)


def _refuse_format(content: bytes, path: str) -> NoReturn:
    start = content[:20].splitlines()[0].decode(errors="replace")
    remedy = "its first line must start with '>'"
    if start.startswith("@"):
        remedy = "FASTQ must be converted first (samtools fasta, or seqtk seq -A)"
    raise InputError(f"starts with {start!r}: not a FASTA file", path=path, remedy=remedy)


def _refuse_symbol(records: list[bytes], place: _Place) -> NoReturn:
    """Find the first symbol that cannot be part of a sequence."""
    allowed = SYMBOLS + BLANKS
    for number, record in enumerate(records):
        body = record.partition(b"\n")[2]
        strange = body.translate(None, allowed)[:1]
        if strange:
            lines_below = 1 + body.count(b"\n", 0, body.index(strange))
            remedy = "is a line break missing before it?" if strange == b">" else "remove it"
            symbol = strange.decode("latin-1")
            raise place.error(number, f"{symbol!r} inside a sequence", remedy, lines_below=lines_below)
    raise AssertionError("unreachable: every symbol is allowed")
