"""Partition files: which columns belong together. RAxML's lines and Nexus sets, recognised by content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput

__all__ = ["FilePartition", "read_partitions"]

RANGE = re.compile(r"(?P<first>\d+)(?:\s*-\s*(?P<last>\d+|\.))?(?:\s*\\\s*(?P<step>\d+))?")
RAXML_LINE = re.compile(r"(?P<model>[^={},]*(?:\{[^{}]*\}[^={},]*)*),(?P<name>[^=]+)=(?P<columns>.+)")
NEXUS_COMMENT = re.compile(r"\[[^\]]*\]")
CHARSET = re.compile(r"charset\s+\*?\s*(?P<name>'[^'\n]*'|[^\s=]+)\s*=\s*(?P<columns>.+)", re.IGNORECASE | re.DOTALL)
CHARPARTITION = re.compile(r"charpartition\s+\*?\s*(?P<name>'[^']*'|[^\s=]+)\s*=\s*(?P<parts>.+)", re.I | re.DOTALL)
REMEDY = "write lines as 'DNA, gene1 = 1-300, 400-500\\3', or a Nexus sets block"


@dataclass(frozen=True, slots=True)
class FilePartition:
    """One partition as the file has it.

    Attributes
    ----------
    name
        Of the gene or character set.
    label
        What stands for the model: ``DNA``, ``GTR+G``, the name of a part of a Nexus partition; "" where nothing does.
    sites
        int64 (site,): columns of the alignment, from 0, in the order of the file.
    place
        Where it was found, for messages.
    """

    name: str
    label: str
    sites: NDArray[np.int64]
    place: str


def read_partitions(path: str | Path, n_sites: int) -> tuple[FilePartition, ...]:
    r"""Read a partition file.

    RAxML: a line for each partition, ``MODEL, NAME = COLUMNS``. Nexus: ``charset NAME = COLUMNS;`` and, if the file has
    one, the ``charpartition`` that uses them, ``LABEL:NAME, LABEL:NAME``; else every charset is a partition. Columns
    are counted from 1: ``1-300``, ``17``, every third ``1-300\3``, to the end ``301-.``, in Nexus also the names of
    other sets.

    Parameters
    ----------
    path
        The file.
    n_sites
        Columns of the alignment.

    Returns
    -------
    Partitions in the order of the file.

    Raises
    ------
    InputError
        The file cannot be read, a column is outside of the alignment or twice in a partition, a name comes twice, or
        there is no partition.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "genes.txt"
    ...     _ = path.write_text("DNA, first = 1-9\\3\nHKY+G, others = 2-9\\3, 3-9\\3\n")
    ...     [(part.label, part.name, part.sites.tolist()) for part in read_partitions(path, 9)]
    [('DNA', 'first', [0, 3, 6]), ('HKY+G', 'others', [1, 4, 7, 2, 5, 8])]
    """
    with InflatedInput(path) as stream:
        content = b"".join(stream.pieces())
        name = stream.name
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", path=name, remedy=REMEDY) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    reader = _Reader(name, n_sites)
    found = reader.nexus(text) if text.lstrip()[:6].upper() == "#NEXUS" else reader.raxml(text)
    if not found:
        raise InputError("holds no partition", path=name, remedy=REMEDY)
    names = [part.name for part in found]
    for number, each in enumerate(names):
        if each in names[:number]:
            raise InputError(f"two partitions are called {each!r}", path=name, remedy="give each a name of its own")
    return tuple(found)


class _Reader:
    def __init__(self, path: str, n_sites: int) -> None:
        self.path = path
        self.n_sites = n_sites
        self.sets: dict[str, str] = {}

    def raxml(self, text: str) -> list[FilePartition]:
        found = []
        for number, line in enumerate(text.split("\n"), 1):
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            match = RAXML_LINE.fullmatch(stripped)
            if match is None:
                raise self._error(f"{stripped[:60]!r} is no partition", f"line {number}")
            found.append(self._partition(match["name"], match["model"], match["columns"], f"line {number}"))
        return found

    def nexus(self, text: str) -> list[FilePartition]:
        partition = None
        for statement in NEXUS_COMMENT.sub(" ", text).split(";"):
            stripped = statement.strip()
            if match := CHARSET.fullmatch(stripped):
                self.sets[_unquoted(match["name"])] = match["columns"]
            elif match := CHARPARTITION.fullmatch(stripped):
                partition = match["parts"]
        if partition is None:
            return [self._partition(name, "", columns, f"charset {name}") for name, columns in self.sets.items()]
        found = []
        for part in _split_outside_braces(partition):
            label, colon, name = part.rpartition(":")
            if not colon:
                raise self._error(f"{part.strip()!r} is no part of a charpartition", "charpartition")
            named = _unquoted(name)
            if named not in self.sets:
                known = ", ".join(self.sets) or "none"
                raise self._error(f"there is no charset {named!r}; there are {known}", "charpartition")
            found.append(self._partition(named, _unquoted(label), self.sets[named], f"charset {named}"))
        return found

    def _partition(self, name: str, label: str, columns: str, place: str) -> FilePartition:
        sites = np.array(self._columns(columns, place), np.int64)
        values, counts = np.unique(sites, return_counts=True)
        if np.any(counts > 1):
            raise self._error(f"column {values[counts > 1][0] + 1} comes twice", place)
        if not name.strip():
            raise self._error("a partition without a name", place)
        return FilePartition(_unquoted(name), label.strip(), sites, place)

    def _columns(self, text: str, place: str, within: tuple[str, ...] = ()) -> list[int]:
        """Numbers from 0 of the columns that a list names; in Nexus names of sets are lists of their own."""
        columns: list[int] = []
        position, list_text = 0, text.replace(",", " ").strip()
        while position < len(list_text):
            match = RANGE.match(list_text, position)
            word = re.compile(r"'[^']*'|\S+").match(list_text, position)
            assert word is not None
            named = _unquoted(word[0])
            if named in self.sets and named not in within:
                columns += self._columns(self.sets[named], place, (*within, named))
                position = word.end()
            elif match is not None:
                columns += self._range(match, place)
                position = match.end()
            else:
                raise self._error(f"{word[0]!r} are no columns", place)
            while position < len(list_text) and list_text[position].isspace():
                position += 1
        if not columns:
            raise self._error("a partition without columns", place)
        return columns

    def _range(self, match: re.Match[str], place: str) -> range:
        first = int(match["first"])
        last = first if match["last"] is None else self.n_sites if match["last"] == "." else int(match["last"])
        step = int(match["step"] or 1)
        if not 1 <= first <= last or step < 1:
            raise self._error(f"{match[0]!r} are no columns", place)
        if last > self.n_sites:
            remedy = "take the partitions that belong to this alignment"
            found = f"column {last}, the alignment has {self.n_sites}"
            raise InputError(found, path=self.path, place=place, remedy=remedy)
        return range(first - 1, last, step)

    def _error(self, found: str, place: str) -> InputError:
        return InputError(found, path=self.path, place=place, remedy=REMEDY)


def _unquoted(name: str) -> str:
    stripped = name.strip()
    return stripped[1:-1] if len(stripped) > 1 and stripped[0] == stripped[-1] == "'" else stripped


def _split_outside_braces(text: str) -> list[str]:
    return re.split(r",(?![^{]*\})", text)
