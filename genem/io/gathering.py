"""Joining tables that have the same header."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from genem.errors import InputError
from genem.io.output import ByteSink

GZIP_MAGIC = b"\x1f\x8b"
CHUNK_BYTES = 1 << 20


def gather_tables(paths: Sequence[str | Path], sink: ByteSink) -> int:
    """Write the header of the first table and the rows of all; return how many tables were not empty.

    The header is the ``##`` lines and the row below them.

    Raises
    ------
    InputError
        A table cannot be read, its header differs from the first, or its last line has no end.
    """
    first: tuple[str | Path, bytes] | None = None
    n_gathered = 0
    for path in paths:
        with _open_table(path) as stream:
            try:
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
                        remedy="gather only tables that one version of one command wrote with the same options",
                    )
                _copy_rows(stream, sink, path)
            except (EOFError, gzip.BadGzipFile) as error:
                raise InputError(f"damaged or truncated: {error}", path=path) from error
        n_gathered += 1
    return n_gathered


def _open_table(path: str | Path) -> BinaryIO:
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise InputError(error.strerror or str(error), path=path) from error
    if stream.peek(2).startswith(GZIP_MAGIC):
        return io.BufferedReader(gzip.GzipFile(fileobj=stream))
    return stream


def _read_header(stream: BinaryIO) -> bytes:
    lines = []
    for line in stream:
        lines.append(line)
        if not line.startswith(b"##"):
            break
    return b"".join(lines)


def _copy_rows(stream: BinaryIO, sink: ByteSink, path: str | Path) -> None:
    last = b"\n"
    while chunk := stream.read(CHUNK_BYTES):
        sink.write(chunk)
        last = chunk[-1:]
    if last != b"\n":
        raise InputError("the last line has no end", path=path, remedy="make the table again")
