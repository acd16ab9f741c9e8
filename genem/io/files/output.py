"""Results that are either whole or not there: write to a temporary file beside the result, then rename.

A run that is killed outright may leave its temporary file, ``.NAME.genem-XXXXXXXX.tmp``, which can be deleted;
the result itself never exists half-written. Standard output, FIFOs and devices are written straight.
"""

from __future__ import annotations

import atexit
import errno
import logging
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from genem.errors import OutputError
from genem.io.files.bgzf_writer import BgzfWriter
from genem.io.tables.index import index_beside, remove_indexes

STDOUT = "-"
IndexKind = Literal["vcf", "table"]
Bytes = bytes | bytearray | memoryview

log = logging.getLogger(__name__)
_temporary: set[Path] = set()


class ByteSink(Protocol):
    """Anything that takes bytes: an :class:`OutputStream`, a ``BytesIO``."""

    def write(self, data: bytes, /) -> object: ...


class OutputStream:
    """A binary stream whose failures name the result they concern."""

    def __init__(self, name: str, stream: BinaryIO, *, compress: bool) -> None:
        self.name = name
        self._stream = stream
        self._bgzf = BgzfWriter(self._write_plain) if compress else None

    def write(self, data: Bytes) -> int:
        """Write all of ``data``; anything with the buffer protocol."""
        view = memoryview(data).cast("B")
        if self._bgzf is None:
            self._write_plain(view)
        else:
            self._bgzf.write(view)
        return len(view)

    def flush(self) -> None:
        """Pass on what is buffered (whole BGZF blocks only)."""
        with output_errors(self.name):
            self._stream.flush()

    def finish(self) -> None:
        """Complete the compressed stream and flush."""
        if self._bgzf is not None:
            self._bgzf.finish()
        self.flush()

    def _write_plain(self, data: Bytes) -> None:
        with output_errors(self.name):
            self._stream.write(data)


@contextmanager
def open_output(path: str | Path, *, index: IndexKind | None = None) -> Iterator[OutputStream]:
    """Open a result for writing; it appears under its name only when the context ends without an exception.

    Parameters
    ----------
    path
        ``-`` for standard output; a FIFO or device is written straight; a regular file is replaced as a whole.
        A name ending in ``.gz`` is compressed as BGZF.
    index
        Make a tabix index for a compressed regular file: ``vcf``, or ``table`` for tables whose first two columns
        are CHROM and POS. Where the rows are not sorted there is no index, and a message says so.

    Raises
    ------
    OutputError
        The result cannot be written; nothing is left under its name, or what was there before.
    """
    name = str(path)
    compress = name.endswith(".gz")
    if name == STDOUT:
        yield from _write_into(OutputStream("standard output", _standard_output(), compress=False))
    elif _is_special(name):
        yield from _write_and_close(name, Path(name), compress=compress)
    else:
        with replace_on_success(name, index=index if compress else None) as temporary:
            yield from _write_and_close(name, temporary, compress=compress)


@contextmanager
def replace_on_success(path: str | Path, *, index: IndexKind | None = None) -> Iterator[Path]:
    """The path of a temporary file for a library that opens its output itself; renamed to ``path`` on success.

    A FIFO or device is yielded as it is.
    """
    name = str(path)
    if _is_special(name):
        yield Path(name)
        return
    target = Path(os.path.realpath(name))
    _check_target(name, target)
    temporary = _create_temporary(name, target)
    try:
        yield temporary
        with output_errors(name):
            _synchronise(temporary)
            made = None if index is None else index_beside(temporary, index)
            if index is not None:
                remove_indexes(target)
            temporary.replace(target)
            if made is not None:
                made.replace(target.with_name(target.name + made.suffix))
            elif index is not None:
                log.info("%s has no index: its rows are not sorted by CHROM and POS", name)
    finally:
        remove_indexes(temporary)
        _remove(temporary)


def check_output(path: str | Path) -> None:
    """Raise the error that writing to ``path`` would raise at once: no such folder, no permission.

    Raises
    ------
    OutputError
        The result could not be written.
    """
    name = str(path)
    if name == STDOUT or _is_special(name):
        return
    target = Path(os.path.realpath(name))
    _check_target(name, target)
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"{name}: cannot write: no permission to write in {target.parent}")


@atexit.register
def remove_temporary_files() -> None:
    """Remove what a writer left that was interrupted before it could clean up."""
    for temporary in tuple(_temporary):
        remove_indexes(temporary)
        _remove(temporary)


@contextmanager
def output_errors(name: str) -> Iterator[None]:
    """Turn the operating system's errors into one line about the result; a closed pipe stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(_explain(name, error)) from error


def _explain(name: str, error: OSError) -> str:
    reasons = {
        errno.ENOSPC: "no space left on the device; free some or write elsewhere with -o",
        errno.EDQUOT: "disk quota exceeded; free some space or write elsewhere with -o",
        errno.EFBIG: "the file would exceed the size limit (ulimit -f)",
        errno.EACCES: "no permission to write here",
        errno.EISDIR: "is a folder; give the name of a file",
    }
    reason = reasons.get(error.errno or 0) or error.strerror or str(error)
    return f"{name}: cannot write: {reason}"


def _write_into(output: OutputStream) -> Iterator[OutputStream]:
    yield output
    output.finish()


def _write_and_close(name: str, path: Path, *, compress: bool) -> Iterator[OutputStream]:
    with output_errors(name):
        stream = path.open("wb")
    try:
        yield from _write_into(OutputStream(name, stream, compress=compress))
    except BaseException:
        with suppress(OSError):  # what went wrong first is what matters
            stream.close()
        raise
    with output_errors(name):
        stream.close()


def _standard_output() -> BinaryIO:
    if sys.stdout is None:
        raise OutputError("standard output is closed; name a file with -o")
    return sys.stdout.buffer


def _is_special(name: str) -> bool:
    """Whether the path exists and is neither a regular file nor a folder."""
    try:
        mode = Path(name).stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _check_target(name: str, target: Path) -> None:
    if not target.parent.exists():
        raise OutputError(f"{name}: there is no folder {target.parent}; make it first")
    if not target.parent.is_dir():
        raise OutputError(f"{name}: {target.parent} is not a folder")
    with output_errors(name), suppress(FileNotFoundError):
        Path(name).stat()  # a loop of links, a name too long
    if target.is_dir():
        raise OutputError(f"{name}: is a folder; give the name of a file")
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{name}: cannot write: the file is read-only")


def _create_temporary(name: str, target: Path) -> Path:
    """An empty file beside the target, with the permissions the target has or a new file would get."""
    label = target.name.encode()[:200].decode(errors="ignore")
    temporary = target.with_name(f".{label}.genem-{secrets.token_hex(4)}.tmp")
    _temporary.add(temporary)
    with output_errors(name):
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
    return temporary


def _synchronise(temporary: Path) -> None:
    descriptor = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(temporary: Path) -> None:
    temporary.unlink(missing_ok=True)
    _temporary.discard(temporary)
