"""Plain, gzip and BGZF input as one stream of inflated bytes, verified on the way.

BGZF is gzip cut into independent blocks of at most 64 KB, which is what makes random access and inflating on
several threads possible: a *virtual offset* is the byte of a block in the file << 16 | a byte inside the block.
SAM/BAM specification, section 4.1; Li (2011), doi:10.1093/bioinformatics/btq671.
"""

from __future__ import annotations

import io
import itertools
import os
import struct
import sys
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from genem.errors import InputError

try:
    import deflate
except ImportError:  # the extra "fast" is not installed
    deflate = None  # type: ignore[assignment,unused-ignore]

__all__ = ["END_MARKER", "STANDARD_INPUT", "Compression", "InflatedInput"]

STANDARD_INPUT = "standard input"
END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends every complete BGZF file."""

GZIP_MAGIC = b"\x1f\x8b"
GZIP_HAS_EXTRA_FIELDS = 4
FIXED_HEADER_SIZE = 12
USUAL_EXTRA_FIELD = b"\x06\x00BC\x02\x00"
SMALLEST_BLOCK = 26
MAX_BLOCK = MAX_INFLATED = 1 << 16
GZIP_CONTAINER = 31

HEAD_SIZE = 512
READ_BYTES = 1 << 18
BLOCKS_PER_BATCH = 8
TRUNCATED_REMEDY = "the file is truncated; copy or make it again"
CORRUPT_REMEDY = "the file is damaged; copy or make it again"

Bytes = bytes | bytearray
Block = tuple[int, memoryview]
"""The byte offset of a compressed block in its file, and the block."""


class Compression(Enum):
    """Ways to pack the bytes of an input; found out from its first bytes, never from its name."""

    PLAIN = "plain"
    GZIP = "gzip"
    BGZF = "BGZF"


class InflatedInput:
    """An input of any compression, read as inflated bytes.

    Parameters
    ----------
    path
        A file, or ``-`` for standard input.
    threads
        With 2 or more, BGZF blocks are inflated ahead of the reader on that many threads.

    Attributes
    ----------
    name
        What to call the input in messages.
    compression
        How it is packed.

    Raises
    ------
    InputError
        The file is missing, a folder, unreadable, empty, or BGZF without its end-of-file marker.
    """

    def __init__(self, path: str | Path, *, threads: int = 1) -> None:
        self.is_standard_input = str(path) == "-"
        self.name = STANDARD_INPUT if self.is_standard_input else str(path)
        self._stream: BinaryIO = sys.stdin.buffer if self.is_standard_input else _open_file(Path(path))
        self._pool = ThreadPoolExecutor(threads, "inflate") if threads > 1 else None
        self._in_flight = 2 * threads
        try:
            self._head = self._stream.read(HEAD_SIZE)
            if not self._head:
                raise InputError("is empty", path=self.name)
            self.compression = _sniff(self._head)
            if self.compression is Compression.BGZF and self.is_regular_file:
                self._check_end_marker()
        except BaseException:
            self.close()
            raise

    @property
    def is_regular_file(self) -> bool:
        """Whether the input can be read from any place in it."""
        return not self.is_standard_input and self._stream.seekable()

    @property
    def total_bytes(self) -> int | None:
        """The number of bytes of the input, as stored; None for a pipe."""
        return os.fstat(self._stream.fileno()).st_size if self.is_regular_file else None

    @property
    def bytes_read(self) -> int:
        """The number of bytes of the input, as stored, that have been read; 0 for a pipe."""
        return self._stream.tell() if self.is_regular_file else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if not self.is_standard_input:
            self._stream.close()

    def pieces(self, *, ahead: bool = True) -> Iterator[Bytes]:
        """All inflated bytes, in pieces of any size. To be asked for once, before any :meth:`pieces_between`.

        ``ahead=False``: inflate nothing that is not asked for yet.
        """
        if self.compression is Compression.BGZF:
            return (piece for _, piece in self._inflated(self._batches(self._head, 0), ahead=ahead))
        raw = itertools.chain([self._head], iter(lambda: self._stream.read(READ_BYTES), b""))
        return raw if self.compression is Compression.PLAIN else _inflate_gzip(raw, self.name)

    def pieces_between(self, begin: int, end: int) -> Iterator[Bytes]:
        """The inflated bytes between two virtual offsets of a BGZF file; no other block is read."""
        first_block, skipped = begin >> 16, begin & 0xFFFF
        last_block, kept_of_last = end >> 16, end & 0xFFFF
        self._stream.seek(first_block)
        batches = self._batches(b"", first_block, last_block if kept_of_last else last_block - 1)
        for offset, piece in self._inflated(batches):
            stop = kept_of_last if offset == last_block else len(piece)
            yield piece[skipped if offset == first_block else 0 : stop]

    def _check_end_marker(self) -> None:
        """Refuse a truncated file at once rather than after an hour of work."""
        size = self._stream.seek(0, os.SEEK_END)
        self._stream.seek(max(0, size - len(END_MARKER)))
        if self._stream.read() != END_MARKER:
            raise _without_end_marker(size, self.name)
        self._stream.seek(min(size, HEAD_SIZE))

    def _batches(self, data: bytes, offset: int, last: int | None = None) -> Iterator[list[Block]]:
        """Split the compressed stream into whole blocks, up to the one at offset ``last`` (default: all)."""
        final: memoryview | None = None
        while True:
            wanted = READ_BYTES if last is None else min(READ_BYTES, last + MAX_BLOCK - offset - len(data))
            more = self._stream.read(wanted)
            data = data + more if data else more
            view, at = memoryview(data), 0
            batch: list[Block] = []
            while True:
                if last is not None and offset + at > last:
                    yield batch
                    return
                size = _block_size(view[at:], offset + at, self.name)
                if size == 0 or at + size > len(view):
                    break
                final = view[at : at + size]
                batch.append((offset + at, final))
                at += size
                if len(batch) == BLOCKS_PER_BATCH:
                    yield batch
                    batch = []
            yield batch
            offset += at
            data = data[at:]
            if not more:
                break
        if data:
            raise InputError(
                "the file ends inside a block", path=self.name, place=_place(offset), remedy=TRUNCATED_REMEDY
            )
        if final is None or final != END_MARKER:
            raise _without_end_marker(offset, self.name)

    def _inflated(self, batches: Iterable[list[Block]], *, ahead: bool = True) -> Iterator[tuple[int, Bytes]]:
        """The offset of each block and what it holds, in file order."""
        if self._pool is None or not ahead:
            for batch in batches:
                for block in batch:
                    yield _inflate(block, self.name)
            return
        waiting: deque[Future[list[tuple[int, Bytes]]]] = deque()
        for batch in batches:
            waiting.append(self._pool.submit(_inflate_batch, batch, self.name))
            if len(waiting) == self._in_flight:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _open_file(path: Path) -> BinaryIO:
    if path.is_dir():
        raise InputError("is a folder, not a file", path=path)
    try:
        return io.BufferedReader(io.FileIO(path))
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except OSError as error:
        raise InputError(f"cannot be opened ({error.strerror or error})", path=path) from error


def _sniff(head: bytes) -> Compression:
    if not head.startswith(GZIP_MAGIC):
        return Compression.PLAIN
    return Compression.BGZF if _declared_block_size(memoryview(head)) else Compression.GZIP


def _declared_block_size(block: memoryview) -> int:
    """The size in the BC extra field of a gzip member; 0 where there is none."""
    if block[10:16] == USUAL_EXTRA_FIELD:
        return int.from_bytes(block[16:18], "little") + 1
    if len(block) < FIXED_HEADER_SIZE or not block[3] & GZIP_HAS_EXTRA_FIELDS:
        return 0
    extra = block[FIXED_HEADER_SIZE : FIXED_HEADER_SIZE + int.from_bytes(block[10:12], "little")]
    while len(extra) >= 4:
        name, size = bytes(extra[:2]), int.from_bytes(extra[2:4], "little")
        if name == b"BC" and size == 2 and len(extra) >= 6:
            return int.from_bytes(extra[4:6], "little") + 1
        extra = extra[4 + size :]
    return 0


def _block_size(block: memoryview, offset: int, name: str) -> int:
    """The size of the block that starts here; 0 where too few bytes are left to tell."""
    if len(block) < SMALLEST_BLOCK:
        return 0
    size = _declared_block_size(block) if block[:2] == GZIP_MAGIC else 0
    if size < SMALLEST_BLOCK:
        raise InputError("no BGZF block starts here", path=name, place=_place(offset), remedy=CORRUPT_REMEDY)
    return size


def _inflate_with_zlib(block: memoryview) -> bytes:
    return zlib.decompress(block, GZIP_CONTAINER, MAX_INFLATED)


def _inflate_with_libdeflate(block: memoryview) -> Bytes:
    return deflate.gzip_decompress(block, MAX_INFLATED)


# Both verify the CRC32 and the length that end the block.
_inflate_block: Callable[[memoryview], Bytes] = _inflate_with_zlib if deflate is None else _inflate_with_libdeflate
_INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error, struct.error, ValueError)
if deflate is not None:
    _INFLATE_ERRORS += (deflate.DeflateError,)


def _inflate(block: Block, name: str) -> tuple[int, Bytes]:
    offset, compressed = block
    try:
        return offset, _inflate_block(compressed)
    except _INFLATE_ERRORS as error:
        place = _place(offset)
        raise InputError(f"corrupted block ({error})", path=name, place=place, remedy=CORRUPT_REMEDY) from error


def _inflate_batch(batch: list[Block], name: str) -> list[tuple[int, Bytes]]:
    return [_inflate(block, name) for block in batch]


def _inflate_gzip(raw: Iterable[bytes], name: str) -> Iterator[Bytes]:
    """Inflate ordinary gzip, of any number of members; zero bytes may pad the end."""
    member: zlib._Decompress | None = None
    n_members = 0
    offset = 0
    for data in raw:
        rest = data
        while rest:
            if member is None:
                rest = rest.lstrip(b"\0") if n_members else rest
                if not rest:
                    break
                member = zlib.decompressobj(GZIP_CONTAINER)
                n_members += 1
            try:
                yield from _bounded(member, rest)
            except zlib.error as error:
                place = f"before byte {offset + len(data)}"
                raise InputError(f"corrupted gzip ({error})", path=name, place=place, remedy=CORRUPT_REMEDY) from error
            rest = member.unused_data
            member = None if member.eof else member
        offset += len(data)
    if member is not None:
        place = f"byte {offset}"
        raise InputError("the file ends inside a gzip member", path=name, place=place, remedy=TRUNCATED_REMEDY)


def _bounded(member: zlib._Decompress, data: bytes) -> Iterator[Bytes]:
    """Inflate in pieces of bounded size, however well the data are compressed."""
    piece = member.decompress(data, READ_BYTES)
    yield piece
    while member.unconsumed_tail or len(piece) == READ_BYTES:
        piece = member.decompress(member.unconsumed_tail, READ_BYTES)
        yield piece


def _place(offset: int) -> str:
    return f"block at byte {offset}"


def _without_end_marker(size: int, name: str) -> InputError:
    return InputError(
        "the BGZF end-of-file marker is missing", path=name, place=f"byte {size}", remedy=TRUNCATED_REMEDY
    )
