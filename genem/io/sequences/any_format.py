"""Sequences of the motif commands in any format: the one place that tells formats apart.

A new format is a module with a parser like :func:`~genem.io.sequences.fasta.parse_fasta`, and a line in ``FORMATS``.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from genem.data import SequenceSet
from genem.io.files.bgzf import InflatedInput
from genem.io.sequences.fasta import DuplicateNames, EmptyRecords, parse_fasta

__all__ = ["FORMATS", "Parser", "SequenceFormat", "format_of", "read_sequences"]

LEADING_BLANKS = re.compile(rb"\s*")


class Parser(Protocol):
    """Makes sequences of the inflated bytes of a file."""

    def __call__(
        self, content: bytes, path: str, *, empty_records: EmptyRecords, duplicate_names: DuplicateNames
    ) -> SequenceSet:
        """Return the sequences; ``path`` is the name of the file in messages."""


@dataclass(frozen=True, slots=True)
class SequenceFormat:
    """A format of sequences: its name, what its files start with, and its parser."""

    name: str
    start: bytes
    parse: Parser


FORMATS = (SequenceFormat("FASTA", b">", parse_fasta),)
"""What is read; a file that starts like none of them is refused by the parser of the first."""


def read_sequences(
    path: str | Path,
    *,
    empty_records: EmptyRecords = "refuse",
    duplicate_names: DuplicateNames = "refuse",
    threads: int = 1,
) -> SequenceSet:
    """Read sequences, in the format that the first letter of the file tells.

    Parameters
    ----------
    path
        A file, plain or compressed, or ``-`` for standard input.
    empty_records, duplicate_names, threads
        As of :func:`genem.io.sequences.fasta.read_fasta`.

    Raises
    ------
    InputError
        The file cannot be read, or is of no format known.

    Examples
    --------
    >>> len(read_sequences("data/promoters.fa"))
    18
    """
    with InflatedInput(path, threads=threads) as stream:
        content = b"".join(stream.pieces()).removeprefix(codecs.BOM_UTF8)
        name = stream.name
    known = format_of(content) or FORMATS[0]
    return known.parse(content, name, empty_records=empty_records, duplicate_names=duplicate_names)


def format_of(content: bytes) -> SequenceFormat | None:
    """Return the format of the inflated bytes of a file; None where they are no sequences.

    Examples
    --------
    >>> format_of(b">a\\nACGT").name, format_of(b"A 0.25")
    ('FASTA', None)
    """
    blanks = LEADING_BLANKS.match(content)
    assert blanks is not None
    return next((known for known in FORMATS if content.startswith(known.start, blanks.end())), None)
