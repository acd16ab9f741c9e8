"""Work on threads: every item once, results in order, exceptions, and a main thread that stays free for signals."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.numerics.threads import map_on_threads, spread


@given(st.integers(1, 5), st.integers(0, 20))
def test_every_item_is_in_one_range(threads: int, n_items: int) -> None:
    ranges = []
    spread(threads, n_items, lambda *part: ranges.append(part))
    ranges.sort()
    assert [worker for worker, _, _ in ranges] == list(range(max(1, min(threads, n_items))))
    assert [item for _, first, last in ranges for item in range(first, last)] == list(range(n_items))


@given(st.integers(1, 4), st.lists(st.integers(), max_size=10))
def test_results_are_in_the_order_of_the_items(threads: int, items: list[int]) -> None:
    assert map_on_threads(threads, lambda item: item + 1, items) == [item + 1 for item in items]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_exception_of_the_work_is_raised_when_all_threads_have_ended(threads: int) -> None:
    ended = []

    def work(worker: int, _first: int, _last: int) -> None:
        if worker == 0:
            raise KeyError("of the first range")
        time.sleep(0.05)
        ended.append(worker)

    with pytest.raises(KeyError, match="of the first range"):
        spread(threads, 3, work)
    assert sorted(ended) == list(range(1, threads))


def test_a_single_range_runs_in_the_main_thread_unless_it_can_be_cancelled() -> None:
    seen = []
    spread(4, 1, lambda *_: seen.append(threading.current_thread()))
    spread(4, 1, lambda *_: seen.append(threading.current_thread()), cancel=np.zeros(1, np.int8))
    assert seen[0] is threading.main_thread()
    assert seen[1] is not threading.main_thread()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell that runs the tests in the background lets them ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_exception_in_the_main_thread_stops_the_work() -> None:
    cancel = np.zeros(1, np.int8)
    ended = []

    def endless(*_: int) -> None:
        until = time.monotonic() + 60.0
        while not cancel[0] and time.monotonic() < until:
            time.sleep(0.01)
        ended.append(bool(cancel[0]))

    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        spread(1, 3, endless, cancel=cancel)
    assert ended == [True]
