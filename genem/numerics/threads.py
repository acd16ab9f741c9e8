"""Chunks spread over threads. Kernels release the interpreter lock, and every thread runs the same machine code: the
order of additions inside a sum is that of the compiler, which a parallel copy of a kernel would not share.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

__all__ = ["spread"]


def spread(threads: int, n_items: int, work: Callable[[int, int, int], object]) -> None:
    """Call ``work(worker, first, last)`` so that every item from 0 to ``n_items - 1`` is in one range."""
    workers = max(1, min(threads, n_items))
    bounds = [n_items * worker // workers for worker in range(workers + 1)]
    if workers == 1:
        work(0, 0, n_items)
    else:
        for _ in _pool(threads).map(work, range(workers), bounds[:-1], bounds[1:]):
            pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "phylo")
