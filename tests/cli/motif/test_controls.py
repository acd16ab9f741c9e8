"""The controls of ``genem motif``: how many without being asked, in how many processes, and what is said of them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest

from genem.cli.main import main
from genem.cli.motif import controls as motif_controls
from genem.cli.processes import map_in_processes
from tests.cli.motif.test_motif import fasta, planted

WIDTHS = ["--min-width", "8", "--max-width", "8"]


def searched(folder: Path, *options: str) -> tuple[str, dict[str, object]]:
    """The MEME file and the run record of a search of a few sequences."""
    path = fasta(folder / "x.fa", planted(n=8, length=30))
    output, record = folder / "out.meme", folder / "record.json"
    assert main(["motif", str(path), *WIDTHS, *options, "-o", str(output), "--run-record", str(record)]) == 0
    return output.read_text(), json.loads(record.read_text())


def test_controls_are_searched_without_being_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(motif_controls, "AUTO_CONTROLS", 3)
    text, record = searched(tmp_path, "--threads", "1", "-v")
    assert "empirical p-value = 0.25: stronger than the best motif of each of 3 controls" in text
    assert record["counts"]["controls"] == 3
    assert {"search_cpu_seconds", "search_wall_seconds", "controls_cpu_seconds"} <= set(record["timing"])
    assert (
        sum(record["timing"][f"{part}_cpu_seconds"] for part in ("search", "controls")) <= record["cpu_seconds"] + 1e-6
    )
    shown = capfd.readouterr().err
    assert "genem motif: search: " in shown
    assert "genem motif: controls: " in shown


def test_controls_of_many_letters_wait_to_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(motif_controls, "SMALL", 239)  # of 240 letters
    text, record = searched(tmp_path, "--threads", "1")
    assert "empirical p-value" not in text
    assert (record["counts"]["controls"], record["counts"]["controls_not_searched"]) == (0, 39)
    assert list(record["timing"]) == ["search_wall_seconds", "search_cpu_seconds"]
    shown = capfd.readouterr().err
    message = "no controls were searched, which takes long (240 letters); --controls 39 gives an empirical p-value"
    assert message in shown
    assert shown.count("\n") == 1


def test_what_takes_long_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(motif_controls, "USUAL_WIDTH", 7)
    searched(tmp_path, "--threads", "1", "--n-motifs", "2")
    assert "which takes long (240 letters, 2 motifs, widths up to 8); --controls 39" in capfd.readouterr().err


def test_none_are_searched_where_none_are_wanted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text, record = searched(tmp_path, "--threads", "1", "--controls", "0")
    assert "empirical p-value" not in text
    assert record["counts"]["controls"] == 0
    assert "controls_not_searched" not in record["counts"]
    assert capfd.readouterr().err == ""


def test_a_control_set_is_a_wish_for_controls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motif_controls, "SMALL", 1)
    monkeypatch.setattr(motif_controls, "AUTO_CONTROLS", 1)
    control = fasta(tmp_path / "c.fa", planted(n=8, length=30, word="", seed=9))
    _, record = searched(tmp_path, "--threads", "1", "--control", str(control))
    assert record["counts"]["controls"] == 1


def test_processes_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motif_controls, "CONTROLS_PER_PROCESS", 1)
    alone, together = (searched(tmp_path, "--threads", threads, "--controls", "2")[0] for threads in ("1", "2"))
    assert alone == together


def test_results_of_processes_come_in_order() -> None:
    results = map_in_processes(math.sqrt, iter([9, 4, 16, 1, 25, 0, 36]), 2)
    assert [next(results), next(results)] == [3.0, 2.0]
    results.close()  # the others are not asked for


def test_a_process_that_ends_is_said() -> None:
    with pytest.raises(ChildProcessError, match="a process that shares the work was ended; --threads 1 needs none"):
        list(map_in_processes(os._exit, [3], 1))


def test_errors_in_processes_are_those_of_the_function() -> None:
    with pytest.raises(ValueError, match=r"math domain error|expected a nonnegative input"):
        list(map_in_processes(math.sqrt, [-1], 1))
