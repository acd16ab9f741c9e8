"""The progress bar and the messages that pass it."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from contextlib import redirect_stderr

import pytest

from genem.cli import progress as progress_module
from genem.cli.progress import Progress
from genem.log import ERASE_LINE, LOGGER, log_level, logging_to_stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Gone(Terminal):
    def write(self, _: str) -> int:
        raise OSError("the terminal went away")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that shows the list's last number."""
    times = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: times[-1])
    return times


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def test_a_bar_shows_share_and_time_left(clock: list[float], terminal: Terminal) -> None:
    with redirect_stderr(terminal), Progress("reading", 1000) as progress:
        clock.append(30.0)
        progress.update(250)
        progress.update(999)  # too soon to be drawn
        clock.append(31.0)
        progress.update(2000)
    first, second, last = terminal.getvalue().split(ERASE_LINE)[1:]
    assert first == "reading: [########......................]  25%, 01:30 left"
    assert second == f"reading: [{'#' * 30}] 100%, 00:00 left"
    assert last == ""


def test_without_a_total_it_counts(clock: list[float], terminal: Terminal) -> None:
    with redirect_stderr(terminal):
        progress = Progress("reading")
        clock.append(3725.0)
        progress.update(12_345_678)
    assert terminal.getvalue() == f"{ERASE_LINE}reading: 12.3 MB, 1:02:05"


def test_nothing_done_yet_has_no_time_left(terminal: Terminal) -> None:
    with redirect_stderr(terminal):
        Progress("reading", 10).update(0)
    assert terminal.getvalue().endswith("--:-- left")


def test_nothing_is_drawn_into_a_file_or_when_switched_off(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    with Progress("reading", 10, enabled=False) as progress:
        progress.update(5)
    assert terminal.getvalue() == ""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Progress("reading", 10) as progress:
        progress.update(5)
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_a_terminal_that_goes_away_stops_nothing() -> None:
    with (
        redirect_stderr(Gone()),
        Progress("reading", 10) as progress,
        logging_to_stderr("genem x", logging.INFO) as logger,
    ):
        progress.update(5)
        logger.error("message")


def test_a_message_erases_the_bar(terminal: Terminal) -> None:
    with redirect_stderr(terminal), logging_to_stderr("genem x", logging.INFO) as logger:
        logger.info("message")
    assert terminal.getvalue() == f"{ERASE_LINE}genem x: message\n"


def test_messages_without_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with logging_to_stderr("genem x", logging.INFO) as logger:
        logger.error("message")


def test_python_warnings_are_messages(capfd: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("genem x", logging.WARNING), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("odd", RuntimeWarning, stacklevel=1)
    assert capfd.readouterr().err.startswith("genem x: warning: ")
    assert logging.getLogger(LOGGER).handlers == []


def test_a_context_within_a_context_takes_over(capfd: pytest.CaptureFixture[str]) -> None:
    original = warnings.showwarning
    with logging_to_stderr("genem warm", logging.INFO) as logger:
        with logging_to_stderr("genem freq", logging.ERROR):
            logger.info("not shown")
            logger.error("inside")
        logger.info("outside")
        assert warnings.showwarning is not original
    assert warnings.showwarning is original
    assert capfd.readouterr().err == "genem freq: error: inside\ngenem warm: outside\n"


@pytest.mark.parametrize(
    ("quiet", "verbose", "level"),
    [
        (False, 0, logging.WARNING),
        (False, 1, logging.INFO),
        (False, 2, logging.DEBUG),
        (False, 5, logging.DEBUG),
        (True, 2, logging.ERROR),
    ],
)
def test_levels(quiet: bool, verbose: int, level: int) -> None:
    assert log_level(quiet=quiet, verbose=verbose) == level
