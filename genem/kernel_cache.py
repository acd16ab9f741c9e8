"""Compiled kernels on disk: where they are kept, and what happens when a place cannot be read or written.

Numba keeps compiled kernels per source file, trusts the time stamp of that file, does not notice when a kernel *called*
by the cached one (or a constant frozen into it) is edited in another file, and ends with an error where a folder is
read-only, a file is cut off, or the disk is full. Here the kernels of a module lie in a folder named after a hash of
the module and of every module of genem that it imports, directly or through others: an edit recompiles the kernels that
it can reach and no others, and copies of the same sources share one folder. A damaged file is removed and compiled
anew; where the first place cannot be written, the next is tried; where none can be, kernels live only as long as the
process. What a wheel carries in ``_kernels`` is looked at before all of them, by what the processor can do.

This module and ``jit.py`` are the only ones that import Numba, and this one alone touches what is private there.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import hashlib
import logging
import os
import pickle
import platform
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import get_host_cpu_features
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile

__all__ = ["LEVELS", "REFUSALS", "KernelCache", "cache_places", "shipped_place", "sources"]

IMPORT = re.compile(r"^[ \t]*from (genem[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
PRUNE_AFTER_SECONDS = 30 * 24 * 3600
DIGEST_BYTES = hashlib.sha256().digest_size
SHIPPED = Path(__file__).with_name("_kernels")
"""Kernels that a wheel carries: a folder per processor level, laid out as every other place."""
LEVELS = {
    "x86_64": (
        ("x86-64-v3", frozenset({"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"})),
        ("x86-64", frozenset()),
    ),
    "aarch64": (("generic", frozenset()),),
}
"""Processor levels that kernels are shipped for, by machine, the best first, with the features that they need."""
LOG = logging.getLogger("genem")
REFUSALS: list[str] = []
"""A line for every kernel of this process that no place took."""


@cache
def cache_places() -> tuple[Path, ...]:
    """The folders that may hold compiled kernels, in the order in which they are read and written.

    ``NUMBA_CACHE_DIR`` where it is set, else genem's own folder in the user's cache; then a folder of the user below
    that of temporary files, for installations without a home that can be written.
    """
    places = [Path(numba.config.CACHE_DIR)] if numba.config.CACHE_DIR else [*_user_cache()]
    return (*places, Path(tempfile.gettempdir()) / f"genem-kernels-{_user()}")


@cache
def shipped_place() -> Path | None:
    """The folder of shipped kernels that this processor can run, the best where there are several."""
    able = {name for name, present in get_host_cpu_features().items() if present}
    for level, needed in LEVELS.get(platform.machine(), ()):
        if needed <= able and (SHIPPED / level).is_dir():
            return SHIPPED / level
    return None


class _Locator:
    """The folder and the file name of a kernel; the stamp of its sources is the name of the folder."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.folder = _source_hash(function.__module__)
        self.line = str(function.__code__.co_firstlineno)

    @classmethod
    def from_function(cls, function: Callable[..., Any], _file: str) -> _Locator:
        return cls(function)

    def get_cache_path(self) -> str:
        return str(cache_places()[0] / self.folder)

    def get_source_stamp(self) -> str:
        return self.folder

    def get_disambiguator(self) -> str:
        return self.line


class _Parts(CompileResultCacheImpl):  # type: ignore[misc]
    """Numba's way to take a compiled kernel apart and to put it together."""

    _locator_classes = (_Locator,)


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The compiled versions of one kernel on disk, as Numba's dispatchers ask for them."""

    _impl_class = _Parts

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        shipped = shipped_place()
        self._shipped = _CheckedFile(str(shipped / stamp), self._impl.filename_base, stamp) if shipped else None
        self._files = [_CheckedFile(str(place / stamp), self._impl.filename_base, stamp) for place in cache_places()]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel compiled for the types ``sig``, or None where no place holds it undamaged."""
        target_context.refresh()
        if not self._enabled:
            return None
        key = self._index_key(sig, target_context.codegen())
        shipped = self._load_shipped(key, target_context)
        if shipped is not None:
            return shipped
        for file in self._files:
            try:
                data = file.load(key) if _is_trusted(file.place) else None
                if data is not None:
                    _mark_as_used(file.path.parent)
                    return self._impl.rebuild(target_context, data)
            except PermissionError:
                continue
            except Exception as damage:  # whatever unpickling makes of a damaged file
                LOG.debug("%s is damaged and compiled anew: %s", file.path, damage)
                file.remove()
        return None

    def _load_shipped(self, key: Any, target_context: Any) -> Any:
        """The kernel that the wheel carries: compiled for a level of processors, not for this one."""
        if self._shipped is None:
            return None
        sig, (triple, *_), code = key
        try:
            data = self._shipped.load((sig, (triple, self._shipped.place.name, ""), code))
            return None if data is None else self._impl.rebuild(target_context, data)
        except Exception as damage:  # whatever unpickling makes of a damaged file
            LOG.debug("%s is damaged: %s", self._shipped.path, damage)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel in the first place that takes it; say once where that is not the first."""
        if not self._enabled or not self._impl.check_cachable(data):
            return
        if self._shipped is not None and not self._shipped.path.parent.is_dir():
            running = f"Numba {numba.__version__} on Python {sys.version_info[0]}.{sys.version_info[1]}"
            _say_once(f"the compiled kernels of this installation are not for {running}: compiling others, once")
        key, reduced = self._index_key(sig, data.codegen), self._impl.reduce(data)
        refused = []
        for file in self._files:
            try:
                file.keep(key, reduced)
            except OSError as refusal:
                refused.append(f"{file.place} ({refusal.strerror})")
                continue
            if refused:
                _say_once(f"compiled kernels cannot be kept in {', '.join(refused)}; they are kept in {file.place}")
            return
        REFUSALS.append(f"compiled kernels cannot be kept in {' or '.join(refused)}")
        _say_once(f"{REFUSALS[-1]}; every run compiles them anew")


class _CheckedFile(IndexDataCacheFile):  # type: ignore[misc]
    """The index and the data files of one kernel in one place; every data file begins with its checksum."""

    @property
    def path(self) -> Path:
        """The index file."""
        return Path(self._index_path)

    @property
    def place(self) -> Path:
        """The folder that holds the kernels of all modules."""
        return self.path.parents[1]

    def keep(self, key: Any, data: Any) -> None:
        """Write a compiled kernel; a damaged index is written anew."""
        _make_place(self.place)
        self.path.parent.mkdir(exist_ok=True)
        try:
            self.save(key, data)
        except OSError:
            raise
        except Exception:  # whatever unpickling makes of a damaged index
            self.remove()
            self.save(key, data)

    def remove(self) -> None:
        """Remove the index, and with it what it refers to, as far as this is allowed."""
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[DIGEST_BYTES:]).digest() != content[:DIGEST_BYTES]:
            raise pickle.UnpicklingError(f"{name} does not have its checksum")
        return pickle.loads(content[DIGEST_BYTES:])

    def _dump(self, obj: Any) -> bytes:
        return bytes(super()._dump(obj))

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as stream:
            stream.write(hashlib.sha256(content).digest())
            stream.write(content)


def sources(module: str) -> tuple[Path, ...]:
    """The source file of a module of genem and those of all modules of genem that it imports, sorted."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if path is not None and name not in found:
            found[name] = path
            waiting.extend(_imported(path))
    return tuple(sorted({*found.values(), _package() / "jit.py", Path(__file__)}))


def _package() -> Path:
    return Path(__file__).parent


def _source(module: str) -> Path | None:
    """The file of a module or package of genem; None for names that are neither, and elsewhere."""
    first, *parts = module.split(".")
    path = _package().joinpath(*parts)
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None) if first == "genem" and parts else None


@cache
def _imported(path: Path) -> tuple[str, ...]:
    """Names of what a source file imports of genem, absolute: ``from a import b`` may mean ``a`` or ``a.b``."""
    names: list[str] = []
    for package, imported in IMPORT.findall(path.read_text()):
        names.extend((package, *(f"{package}.{name}" for name in re.findall(r"\w+", imported))))
    return tuple(names)


@cache
def _source_hash(module: str) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]} {numba.__version__} {module}".encode())
    for source in sources(module):
        digest.update(source.relative_to(_package()).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _user_cache() -> list[Path]:
    """genem's folder in the user's cache; none where the user has no home."""
    try:
        home = Path.home()
    except RuntimeError:  # no HOME, and no entry in the list of users
        home = None
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # the XDG specification has relative paths ignored
        return [named / "genem" / "kernels"]
    if home is None or not home.is_absolute():
        return []
    return [home.joinpath(*(("Library", "Caches") if sys.platform == "darwin" else (".cache",))) / "genem" / "kernels"]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry in the list of users, nor a variable that names one
        return str(os.getuid())


def _is_trusted(place: Path) -> bool:
    """Whether nobody else could have put kernels there: what lies in a folder for temporary files would be run."""
    if place != cache_places()[-1]:
        return True
    try:
        status = place.stat()
    except OSError:
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@cache
def _make_place(place: Path) -> None:
    """Make a folder for kernels and remove in it what nobody used for a month."""
    place.mkdir(parents=True, exist_ok=True, mode=0o700 if place == cache_places()[-1] else 0o777)
    if not _is_trusted(place):
        raise PermissionError(errno.EPERM, "others may write there")
    oldest = time.time() - PRUNE_AFTER_SECONDS
    for folder in place.glob("[0-9a-f]" * 16):
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


@cache
def _mark_as_used(folder: Path) -> None:
    with contextlib.suppress(OSError):
        os.utime(folder)


@cache
def _say_once(message: str) -> None:
    LOG.warning(message)
