"""The context of a run: threads, outputs, progress, and what is refused."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import pytest

from genem import jit
from genem.cli.context import RunContext
from genem.errors import NotConvergedError, UsageError
from genem.provenance import available_cpus
from tests.cli.probe import ROW


def context(**options: object) -> RunContext:
    return RunContext(ROW, argparse.Namespace(**options), ["probe"])


def test_threads_are_those_the_process_may_use(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def set_threads(n_threads: int) -> int:
        asked.append(n_threads)
        return n_threads

    monkeypatch.setattr(jit, "set_threads", set_threads)
    available = available_cpus()
    assert context(threads=None).threads == available
    assert context(threads=1).threads == 1
    with caplog.at_level(logging.INFO, logger="genem"):
        assert context(threads=available + 3).threads == available
    assert asked == [available, 1, available]
    assert caplog.messages == [f"--threads {available + 3}: the process may use {available}"]
    assert context().threads is None
    assert context().seed is None
    assert context(seed=5).seed == 5


def test_an_output_of_another_library_is_claimed_as_well(tmp_path: Path) -> None:
    run = context()
    with run.replace_on_success(tmp_path / "plot.svg") as temporary:
        temporary.write_text("<svg/>")
    assert (tmp_path / "plot.svg").read_text() == "<svg/>"
    with pytest.raises(UsageError, match="two outputs have the same name"), run.open_output(tmp_path / "plot.svg"):
        pass


def test_the_same_file_by_another_name_is_refused(tmp_path: Path) -> None:
    run = context()
    with run.open_output(tmp_path / "out.tsv"):
        pass
    (tmp_path / "link.tsv").symlink_to("out.tsv")
    with pytest.raises(UsageError, match="two outputs have the same name"), run.open_output(tmp_path / "link.tsv"):
        pass


def test_devices_may_be_named_twice_but_standard_output_not() -> None:
    run = context()
    for _ in range(2):
        with run.open_output("/dev/null") as stream:
            stream.write(b"row\n")
    with run.open_output("-"):
        pass
    with pytest.raises(UsageError, match="two outputs have the same name: - and -"), run.open_output("-"):
        pass


@pytest.mark.parametrize("options", [{"quiet": True}, {"log_format": "json"}])
def test_no_bar_beside_quiet_or_json(options: dict[str, object]) -> None:
    assert context(**options).progress("reading", 10)._enabled is False


def test_statuses_of_batches_and_single_fits_add_up(caplog: pytest.LogCaptureFixture) -> None:
    run = context(strict=True)
    run.add_statuses([0, 0, 2])
    run.add_fit("max_iter", name="one")
    run.add_fit("converged", name="two")
    with pytest.raises(NotConvergedError, match=r"^2 of 5 fits did not converge \(1 decreased, 1 max_iter\)"):
        run.finish()
    assert caplog.messages == []
    with pytest.raises(ValueError, match="9 is not a valid Status"):
        run.add_statuses([9])
