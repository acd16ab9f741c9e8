"""A progress bar on stderr, drawn only on a terminal and at most ten times a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from genem.log import ERASE_LINE

SECONDS_BETWEEN_DRAWINGS = 0.1
WIDTH = 30


class Progress:
    """``with Progress("reading", total_bytes) as progress: ... progress.update(bytes_done)``.

    Without a total (a pipe) it counts instead of filling a bar. Switched off, it does nothing.
    """

    def __init__(self, label: str, total: int | None = None, *, enabled: bool = True) -> None:
        self._label = label
        self._total = total
        self._enabled = enabled and sys.stderr is not None and sys.stderr.isatty()
        self._started = time.monotonic()
        self._drawn = float("-inf")

    def update(self, done: int) -> None:
        """Say how much is done, in the unit of the total."""
        if not self._enabled:
            return
        moment = time.monotonic()
        if moment - self._drawn >= SECONDS_BETWEEN_DRAWINGS:
            self._drawn = moment
            self._print(self._line(done, moment - self._started))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._enabled and self._drawn > float("-inf"):
            self._print("")

    def _line(self, done: int, seconds: float) -> str:
        if not self._total:
            return f"{self._label}: {_amount(done)}, {_clock(seconds)}"
        share = min(1.0, done / self._total)
        filled = round(WIDTH * share)
        left = _clock(seconds * (1.0 - share) / share) if share > 0.0 else "--:--"
        return f"{self._label}: [{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%}, {left} left"

    @staticmethod
    def _print(line: str) -> None:
        try:
            sys.stderr.write(f"{ERASE_LINE}{line}")
            sys.stderr.flush()
        except OSError:
            return  # the terminal went away; the work goes on


def _amount(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"
