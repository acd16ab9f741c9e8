"""The only door to Numba: one way to compile a kernel, one place where compiled kernels are kept.

Numba keeps compiled kernels per source file and does not notice when a kernel *called* by the cached one, or a
constant frozen into it, is edited in another file. The compiled kernels of a module are therefore kept in a folder
named after a hash of the module and of every module of genem that it imports, directly or through others: an edit
recompiles the kernels that it can reach and no others.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import prange, types
from numba.extending import intrinsic

__all__ = [
    "cache_folder",
    "cache_root",
    "jit_enabled",
    "kernel",
    "numba_version",
    "parallel_kernel",
    "popcount",
    "prange",
    "set_threads",
    "sources",
    "summing_kernel",
]

Function = TypeVar("Function", bound=Callable[..., Any])

IMPORT = re.compile(r"^[ \t]*from (genem[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
PRUNE_AFTER_SECONDS = 30 * 24 * 3600


def jit_enabled() -> bool:
    """Whether kernels are compiled (False under ``NUMBA_DISABLE_JIT=1``)."""
    return not bool(numba.config.DISABLE_JIT)


def numba_version() -> str:
    return str(numba.__version__)


def kernel(function: Function) -> Function:
    """Compile ``function`` lazily, cached on disk, without the GIL; a division by zero gives inf or nan."""
    return _compile(function, parallel=False)


def summing_kernel(function: Function) -> Function:
    """Like :func:`kernel`, for sums over many samples: terms may be added in another order, on vector units.

    The order is that of the compiled code, the same in every call and on every thread. Nothing else is relaxed: NaN,
    infinity and division by zero mean what they mean elsewhere. A kernel that calls this one may hold a copy with
    another order, and which of the two runs depends on what the process compiled and what it loaded: where the last
    bits count, call it from Python only, or write the order down.
    """
    return _compile(function, parallel=False, fastmath={"reassoc", "nsz"})


def parallel_kernel(function: Function) -> Function:
    """Like :func:`kernel`, with ``prange`` loops run on threads. Never call it from a Python thread."""
    return _compile(function, parallel=True)


def set_threads(n_threads: int) -> int:
    """Let parallel kernels use ``n_threads`` threads, at most what the process may use; return the number set."""
    granted = max(1, min(n_threads, int(numba.config.NUMBA_NUM_THREADS)))
    numba.set_num_threads(granted)
    return granted


if jit_enabled():

    @intrinsic  # type: ignore[untyped-decorator]
    def popcount(_context: Any, _word: Any) -> Any:
        """Number of set bits of a uint64, as int64: LLVM's ctpop."""

        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return types.int64(types.uint64), generate

else:

    def popcount(word: Any) -> int:
        """Number of set bits of a uint64."""
        return int(word).bit_count()


@cache
def cache_root() -> Path:
    """The folder below which compiled kernels are kept: ``NUMBA_CACHE_DIR``, else genem's own in the user's cache.

    Where it cannot be written, a temporary one is used.
    """
    root = Path(numba.config.CACHE_DIR) if numba.config.CACHE_DIR else _user_cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError:
        return Path(tempfile.mkdtemp(prefix="genem-kernels-"))
    if not numba.config.CACHE_DIR:
        _prune(root)
    return root


@cache
def cache_folder(module: str) -> str:
    """The folder that holds the compiled kernels of a module of genem, for exactly its sources."""
    folder = cache_root() / _source_hash(module)
    try:
        folder.mkdir(exist_ok=True)
        os.utime(folder)
    except OSError:
        return tempfile.mkdtemp(prefix="genem-kernels-")
    return str(folder)


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
    return tuple(sorted({*found.values(), Path(__file__)}))


def _source(module: str) -> Path | None:
    """The file of a module or package of genem; None for names that are neither, and elsewhere."""
    first, *parts = module.split(".")
    path = Path(__file__).parent.joinpath(*parts)
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None) if first == "genem" and parts else None


@cache
def _imported(path: Path) -> tuple[str, ...]:
    """What a source file imports of genem, by absolute names: ``from a import b`` may mean ``a`` or ``a.b``."""
    names: list[str] = []
    for package, imported in IMPORT.findall(path.read_text()):
        names.extend((package, *(f"{package}.{name}" for name in re.findall(r"\w+", imported))))
    return tuple(names)


def _compile(function: Function, *, parallel: bool, fastmath: set[str] | None = None) -> Function:
    restored = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = cache_folder(function.__module__)
    try:
        decorate = numba.njit(
            cache=True, error_model="numpy", nogil=True, parallel=parallel, fastmath=fastmath or False
        )
        compiled: Function = decorate(function)
    finally:
        numba.config.CACHE_DIR = restored
    return compiled


def _user_cache_root() -> Path:
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "genem" / "kernels"


def _source_hash(module: str) -> str:
    package = Path(__file__).parent
    digest = hashlib.sha256(f"{sys.version_info[:2]} {numba.__version__} {module}".encode())
    for source in sources(module):
        digest.update(source.relative_to(package).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _prune(root: Path) -> None:
    """Remove folders that nobody opened for a month."""
    oldest = time.time() - PRUNE_AFTER_SECONDS
    for folder in root.iterdir():
        try:
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
