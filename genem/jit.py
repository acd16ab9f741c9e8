"""The only door to Numba: one way to compile a kernel; where compiled kernels are kept is in ``kernel_cache``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba import prange, types
from numba.extending import intrinsic

try:
    from genem.kernel_cache import KernelCache
except ImportError:  # a Numba that has moved what kernel_cache builds on
    KernelCache = None  # type: ignore[assignment, misc]

__all__ = [
    "inlined_kernel",
    "jit_enabled",
    "kernel",
    "numba_version",
    "parallel_kernel",
    "popcount",
    "prange",
    "set_threads",
    "summing_kernel",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def jit_enabled() -> bool:
    """Whether kernels are compiled (False under ``NUMBA_DISABLE_JIT=1``)."""
    return not bool(numba.config.DISABLE_JIT)


def numba_version() -> str:
    return str(numba.__version__)


def kernel(function: Function) -> Function:
    """Compile ``function`` lazily, cached on disk, without the GIL; a division by zero gives inf or nan."""
    return _compile(function, parallel=False)


def inlined_kernel(function: Function) -> Function:
    """Like :func:`kernel`, copied into every kernel that calls it: for pieces so short that a call would cost more."""
    return _compile(function, parallel=False, forceinline=True)


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


def _compile(
    function: Function, *, parallel: bool, fastmath: set[str] | None = None, forceinline: bool = False
) -> Function:
    decorate = numba.njit(
        error_model="numpy", nogil=True, parallel=parallel, fastmath=fastmath or False, forceinline=forceinline
    )
    compiled: Function = decorate(function)
    if not jit_enabled():
        return compiled
    try:
        compiled._cache = KernelCache(function)  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        with contextlib.suppress(RuntimeError):  # Numba's own cache where ours does not fit; none where it has no place
            compiled.enable_caching()  # type: ignore[attr-defined]
    return compiled
