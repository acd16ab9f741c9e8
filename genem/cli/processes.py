"""Processes that share work whose pieces are too small for threads inside the kernels."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process

WAITING_PER_PROCESS = 2
"""Pieces handed out ahead, so that no process waits for the next one."""

_function: Callable[[int], float]


def map_in_processes(function: Callable[[int], float], numbers: Iterable[int], n_processes: int) -> Iterator[float]:
    """The results that ``map`` gives, in its order; the calls are shared out among new processes.

    Pieces that nobody asks for any more are not begun. Nothing outlives this process, however it ends.

    Parameters
    ----------
    function
        Can be sent to another process.
    numbers
        What it is called with.
    n_processes
        How many processes.

    Raises
    ------
    ChildProcessError
        One of them was ended from outside.
    """
    waiting: deque[Future[float]] = deque()
    pool = ProcessPoolExecutor(n_processes, get_context("spawn"), _start, (function,))
    try:
        for number in numbers:
            with _interrupts_held():  # processes start here; they must not hear of Ctrl-C, which is for this one
                waiting.append(pool.submit(_call, number))
            if len(waiting) > WAITING_PER_PROCESS * n_processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise ChildProcessError("a process that shares the work was ended; --threads 1 needs none") from None
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the block; processes started in it never hear of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(function: Callable[[int], float]) -> None:
    """In a new process: keep the function, use one thread, and end when the process that asked for it does."""
    from genem.jit import set_threads

    global _function
    set_threads(1)
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(number: int) -> float:
    return _function(number)
