"""Joining what scattered runs wrote, tables or VCFs: the header once, then the rows of every piece in order."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from genem.errors import InputError
from genem.io.bgzf_writer import END_OF_FILE

__all__ = ["join_pieces", "kind_of_pieces", "read_columns"]

GZIP_MAGIC = b"\x1f\x8b"
COPY_BYTES = 1 << 20


class ByteSink(Protocol):
    """Anything that takes bytes."""

    def write(self, data: bytes, /) -> object: ...


def kind_of_pieces(paths: Sequence[str | Path]) -> Literal["vcf", "table"]:
    """Whether pieces are VCFs or tables, told by the first that is not empty."""
    for path in paths:
        with _opened(path) as stream:
            header = _read_header(stream)
        if header:
            return "vcf" if header.startswith(b"##fileformat=VCF") else "table"
    raise InputError("every piece is empty: there is nothing to join", path=paths[0])


def join_pieces(paths: Sequence[str | Path], output: ByteSink) -> int:
    """Write the header of the pieces once and their rows in the order given.

    Parameters
    ----------
    paths
        Tables (``##`` lines, a header row, rows) or VCFs, plain or gzip-compressed. An empty file is a piece without
        rows.
    output
        Takes the joined bytes.

    Returns
    -------
    int
        How many pieces were not empty.

    Raises
    ------
    InputError
        A piece is cut short, or its header differs from that of the first.
    """
    first: tuple[str | Path, bytes] | None = None
    n_joined = 0
    for path in paths:
        with _opened(path) as stream:
            header = _read_header(stream)
            if not header:
                continue
            if first is None:
                first = path, header
                output.write(header)
            elif header != first[1]:
                raise _different_headers(first, path, header)
            _copy_rows(stream, output, path)
        n_joined += 1
    return n_joined


def read_columns(path: str | Path, names: Sequence[str]) -> dict[str, list[str]]:
    """The cells of some columns of a table, as text; none where the file is empty.

    Raises
    ------
    InputError
        The table lacks a column, or a row is too short.
    """
    with _opened(path) as stream:
        header = _read_header(stream).decode().splitlines()
        if not header:
            return {name: [] for name in names}
        row = header[-1].split("\t")
        missing = [name for name in names if name not in row]
        if missing:
            raise InputError(f"has no column {missing[0]}", path=path, remedy="give a table of genem freq")
        columns = [row.index(name) for name in names]
        cells: dict[str, list[str]] = {name: [] for name in names}
        for number, line in enumerate(stream, start=len(header) + 1):
            values = line.decode().rstrip("\n").split("\t")
            if len(values) != len(row):
                raise InputError(f"{len(values)} columns, {len(row)} expected", path=path, place=f"line {number}")
            for name, column in zip(names, columns, strict=True):
                cells[name].append(values[column])
    return cells


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    """A piece as a stream of decompressed bytes; damage found on the way is reported with the file's name."""
    try:
        with Path(path).open("rb") as raw:
            if raw.read(2) != GZIP_MAGIC:
                raw.seek(0)
                yield raw
                return
            raw.seek(0)
            with gzip.open(raw) as stream:
                yield stream  # type: ignore[misc]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"damaged or cut short ({error})", path=path, remedy="run the piece again") from None


def _read_header(stream: BinaryIO) -> bytes:
    """The ``##`` lines and the row after them."""
    lines = []
    for line in stream:
        lines.append(line)
        if not line.startswith(b"##"):
            break
    return b"".join(lines)


def _copy_rows(stream: BinaryIO, output: ByteSink, path: str | Path) -> None:
    """Copy what is left of a piece, which must end with a whole line."""
    last = b"\n"
    while chunk := stream.read(COPY_BYTES):
        output.write(chunk)
        last = chunk[-1:]
    if last != b"\n":
        raise InputError("the last line is incomplete", path=path, remedy="run the piece again")
    _check_end_of_file(path)


def _check_end_of_file(path: str | Path) -> None:
    """A compressed piece must end with the BGZF end-of-file marker: without it, blocks may be missing."""
    with Path(path).open("rb") as raw:
        compressed = raw.read(2) == GZIP_MAGIC
        raw.seek(-min(len(END_OF_FILE), raw.seek(0, 2)), 2)
        if compressed and raw.read() != END_OF_FILE:
            raise InputError("has no BGZF end-of-file marker: it is cut short", path=path, remedy="run the piece again")


def _different_headers(first: tuple[str | Path, bytes], path: str | Path, header: bytes) -> InputError:
    lines, expected = header.decode().splitlines(), first[1].decode().splitlines()
    number = next(
        (i for i, (a, b) in enumerate(zip(lines, expected, strict=False)) if a != b), min(len(lines), len(expected))
    )
    found = repr(lines[number]) if number < len(lines) else "nothing"
    return InputError(
        f"{found}, which differs from {first[0]}",
        path=path,
        place=f"line {number + 1}",
        remedy="join pieces of one run only",
    )
