"""Work spread over threads.

Kernels release the interpreter lock, and every thread runs the same machine code: the order of additions inside a sum
is that of the compiler, which a parallel copy of a kernel would not share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["map_on_threads", "spread"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    threads: int, n_items: int, work: Callable[[int, int, int], object], *, cancel: NDArray[np.int8] | None = None
) -> None:
    """Call ``work(worker, first, last)`` on contiguous ranges of items, so that every item is in one of them.

    Parameters
    ----------
    threads
        At most so many ranges at once; they are as many, or as many as items.
    n_items
        Items from 0 to ``n_items - 1``.
    work
        What is done to the items from ``first`` to ``last - 1``; ``worker`` numbers the range from 0.
    cancel
        int8 (1,), which work that may take long looks at. With it even a single range gets a thread, so that the main
        one stays free for signals; when an exception is raised there ``cancel`` is set, and the work ends soon.

    Examples
    --------
    >>> squares = [0] * 5
    >>> def work(worker, first, last):
    ...     squares[first:last] = [item * item for item in range(first, last)]
    >>> from genem.numerics.threads import spread
    >>> spread(2, 5, work)
    >>> squares
    [0, 1, 4, 9, 16]
    """
    workers = max(1, min(threads, n_items))
    if workers == 1 and cancel is None:
        work(0, 0, n_items)
        return
    edges = [n_items * worker // workers for worker in range(workers + 1)]
    ranges = [_pool(workers).submit(work, worker, *bounds) for worker, bounds in enumerate(pairwise(edges))]
    try:
        for running in ranges:
            running.result()
    except BaseException:
        if cancel is not None:
            cancel[0] = 1
        raise
    finally:
        wait(ranges)


def map_on_threads(threads: int, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return the result of ``work`` for every item, in the order of the items; a free thread takes the next one.

    Parameters
    ----------
    threads
        So many items are worked on at the same time.
    work
        What is done to an item.
    items
        Items whose costs may differ much.

    Examples
    --------
    >>> from genem.numerics.threads import map_on_threads
    >>> map_on_threads(2, len, ["a", "bcd", ""])
    [1, 3, 0]
    """
    return list(map(work, items) if threads == 1 else _pool(threads).map(work, items))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "genem")
