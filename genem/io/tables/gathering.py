"""Joining the tables, VCFs or Newick trees that runs on parts of a file, or of the work, wrote."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, cast

from genem.errors import InputError
from genem.io.files.bgzf_writer import END_OF_FILE
from genem.io.files.output import ByteSink

__all__ = ["gather_tables", "gather_trees", "kind_of_tables", "read_columns", "read_notes"]

GZIP_MAGIC = b"\x1f\x8b"
BGZF_SUBFIELD = b"BC"
CHUNK_BYTES = 1 << 20
ROWS_AT_ONCE = 1 << 14
RUN_AGAIN = "make the table again"


def kind_of_tables(paths: Sequence[str | Path]) -> Literal["vcf", "table", "trees"]:
    """Whether the pieces are VCFs, tables of genem or Newick trees, told by the first that is not empty.

    Raises
    ------
    InputError
        All are empty.
    """
    for path in paths:
        with _opened(path) as stream:
            first_line = stream.readline()
        if first_line:
            if first_line.startswith(b"("):
                return "trees"
            return "vcf" if first_line.startswith(b"##fileformat=VCF") else "table"
    raise InputError("every piece is empty: there is nothing to gather", path=paths[0])


def gather_tables(paths: Sequence[str | Path], sink: ByteSink) -> int:
    """Write the header of the first table and the rows of all; return how many tables were not empty.

    The header is the ``##`` lines and the row below them. An empty file is a piece without rows.

    Raises
    ------
    InputError
        A table cannot be read, its header differs from the first, or its end is missing.
    """
    first: tuple[str | Path, bytes] | None = None
    n_gathered = 0
    for path in paths:
        with _opened(path) as stream:
            header = _read_header(stream)
            if not header:
                continue
            if first is None:
                first = path, header
                sink.write(header)
            elif header != first[1]:
                raise InputError(
                    f"its header differs from that of {first[0]}",
                    path=path,
                    place=_first_difference(header, first[1]),
                    remedy="gather only tables that one version of one command wrote with the same options",
                )
            _copy_rows(stream, sink, path)
        n_gathered += 1
    return n_gathered


def gather_trees(paths: Sequence[str | Path], sink: ByteSink) -> int:
    """Write the trees of all files, one after the other; return how many files were not empty.

    Raises
    ------
    InputError
        A file cannot be read, holds no Newick trees, or breaks off.
    """
    n_gathered = 0
    for path in paths:
        with _opened(path) as stream:
            first_line = stream.readline()
            if not first_line:
                continue
            if not first_line.startswith(b"("):
                raise InputError("is no Newick file", path=path, remedy="gather trees with trees only")
            sink.write(first_line)
            _copy_rows(stream, sink, path, last=first_line[-1:])
        n_gathered += 1
    return n_gathered


def read_notes(path: str | Path) -> dict[str, str]:
    """The ``##name=value`` lines of a table, those about columns left out.

    Raises
    ------
    InputError
        The table cannot be read.
    """
    with _opened(path) as stream:
        lines = _read_header(stream).decode().splitlines()
    pairs = [line[2:].partition("=") for line in lines if line.startswith("##")]
    return {name: value for name, _, value in pairs if name != "column"}


def read_columns(
    path: str | Path, names: Sequence[str], *, written_by: str = "genem freq"
) -> Iterator[tuple[list[str], ...]]:
    """The cells of some columns of a table, as text, some thousand rows at a time.

    Raises
    ------
    InputError
        The table lacks a column, or a row is too short.
    """
    with _opened(path) as stream:
        header = _read_header(stream).decode().splitlines()
        if not header:
            raise InputError("is empty", path=path, remedy=f"give a table of {written_by}")
        row = header[-1].split("\t")
        missing = [name for name in names if name not in row]
        if missing:
            raise InputError(f"has no column {missing[0]}", path=path, remedy=f"give a table of {written_by}")
        columns = [row.index(name) for name in names]
        numbered = enumerate(stream, start=len(header) + 1)
        while lines := [*islice(numbered, ROWS_AT_ONCE)]:
            rows = [_split(line, len(row), path, number) for number, line in lines]
            yield tuple([values[column] for values in rows] for column in columns)


def _split(line: bytes, n_columns: int, path: str | Path, number: int) -> list[str]:
    values = line.decode().rstrip("\n").split("\t")
    if len(values) != n_columns:
        raise InputError(f"{len(values)} columns, {n_columns} expected", path=path, place=f"line {number}")
    return values


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """A table as a stream of decompressed bytes; damage found on the way is reported with the file's name."""
    try:
        raw = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InputError(error.strerror or str(error), path=path) from error
    with raw:
        start = raw.peek(14)[:14]
        if not start.startswith(GZIP_MAGIC):
            yield raw
            return
        try:
            if start[12:] == BGZF_SUBFIELD:
                _check_end_of_file(raw, path)
            with gzip.open(raw) as stream:
                yield cast(BinaryIO, stream)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"damaged or truncated: {error}", path=path, remedy=RUN_AGAIN) from error


def _check_end_of_file(raw: BinaryIO, path: str | Path) -> None:
    """A BGZF file must end with its end-of-file marker: without it, whole blocks may be missing."""
    size = raw.seek(0, 2)
    raw.seek(max(0, size - len(END_OF_FILE)))
    if raw.read() != END_OF_FILE:
        raise InputError("damaged or truncated: no BGZF end-of-file marker", path=path, remedy=RUN_AGAIN)
    raw.seek(0)


def _read_header(stream: BinaryIO) -> bytes:
    lines = []
    for line in stream:
        lines.append(line)
        if not line.startswith(b"##"):
            break
    return b"".join(lines)


def _first_difference(header: bytes, expected: bytes) -> str:
    lines, others = header.splitlines(), expected.splitlines()
    same = [a == b for a, b in zip(lines, others, strict=False)]
    return f"line {1 + (same.index(False) if False in same else len(same))}"


def _copy_rows(stream: BinaryIO, sink: ByteSink, path: str | Path, last: bytes = b"\n") -> None:
    """Copy what is left; ``last`` is the byte before it."""
    while chunk := stream.read(CHUNK_BYTES):
        sink.write(chunk)
        last = chunk[-1:]
    if last != b"\n":
        raise InputError("the last line has no end", path=path, remedy=RUN_AGAIN)
