"""Checkpoints of ``genem phylo``: killed searches go on where they were, nothing is left half written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.workflows.phylo_runs import fasta, phylo

OPTIONS = ("--model", "HKY+G4", "--seed", "3", "--patience", "1", "--threads", "1")
SECONDS = 120.0


@contextmanager
def started(root: Path, arguments: list[object]) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, which is gone at the end."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "genem", "phylo", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finished(root: Path, arguments: list[object]) -> str:
    """What the command said on its way to success."""
    with started(root, arguments) as process:
        _, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
    return said


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until the file is there; the process must still be at work then."""
    end = time.monotonic() + SECONDS
    while not path.exists() and time.monotonic() < end:
        assert process.poll() is None
        time.sleep(0.005)
    assert process.poll() is None


def test_a_killed_search_is_resumed_to_the_same_bytes(root: Path, data: Path, tmp_path: Path) -> None:
    whole = [tmp_path / "whole.nwk", tmp_path / "whole.json"]
    parts = [tmp_path / "parts.nwk", tmp_path / "parts.json"]
    checkpoint = tmp_path / "search.json"
    search = [data / "alignment.fa", *OPTIONS]
    resumable = [*search, "-o", parts[0], "--report", parts[1], "--checkpoint", checkpoint]
    with started(root, resumable) as process:
        wait_for(checkpoint, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    n_before = len(json.loads(checkpoint.read_text())["state"]["runs"])
    assert not parts[0].exists()
    said = finished(root, resumable)
    assert f"search.json: the search is resumed after run {n_before}" in said
    assert len(json.loads(checkpoint.read_text())["state"]["runs"]) > n_before
    assert finished(root, [*search, "-o", whole[0], "--report", whole[1]]) == ""
    for one, other in zip(whole, parts, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_finished_search_is_not_searched_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [fasta(tmp_path / "x.fa"), "--model", "JC", "--checkpoint", tmp_path / "c.json"]
    for name in ("one.nwk", "two.nwk"):
        assert phylo(*options, "-o", tmp_path / name) == 0
    runs = json.loads((tmp_path / "c.json").read_text())["state"]["runs"]
    assert f"the search is resumed after run {len(runs)}" in capsys.readouterr().err
    assert (tmp_path / "one.nwk").read_bytes() == (tmp_path / "two.nwk").read_bytes()


@pytest.mark.slow
def test_an_interrupted_search_ends_in_one_line_and_keeps_its_checkpoint(
    root: Path, data: Path, tmp_path: Path
) -> None:
    checkpoint, tree = tmp_path / "search.json", tmp_path / "tree.nwk"
    with started(root, [data / "alignment.fa", *OPTIONS, "-o", tree, "--checkpoint", checkpoint]) as process:
        wait_for(checkpoint, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (130, "genem phylo: error: interrupted\n")
    assert list(tmp_path.iterdir()) == [checkpoint]


@pytest.mark.parametrize(
    ("options", "different"),
    [
        (["--seed", "2"], "seed"),
        (["--model", "K80"], "model"),
        (["--radius", "3", "--starts", "2"], "starts, radius"),
    ],
)
def test_the_checkpoint_of_another_search_is_refused(
    options: list[str], different: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [fasta(tmp_path / "x.fa"), "--model", "JC", "-o", tmp_path / "t.nwk", "--checkpoint", tmp_path / "c.json"]
    assert phylo(*common) == 0
    assert phylo(*common, *options) == 1
    message = f"c.json: is the checkpoint of another search: {different} differ; delete the file"
    assert message in capsys.readouterr().err


def test_other_sequences_are_another_search_but_their_order_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", "JC", "-o", tmp_path / "t.nwk", "--checkpoint", tmp_path / "c.json"]
    assert phylo(fasta(tmp_path / "x.fa"), *options) == 0
    rows = (tmp_path / "x.fa").read_text().split(">")[1:]
    (tmp_path / "y.fa").write_text("".join(f">{row}" for row in reversed(rows)))
    assert phylo(tmp_path / "y.fa", *options) == 0
    (tmp_path / "z.fa").write_text((tmp_path / "x.fa").read_text().replace("ACGTACGTAC", "ACGTACGTAA"))
    assert phylo(tmp_path / "z.fa", *options) == 1
    assert "is the checkpoint of another search: alignment differ" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"kind": "genem phylo checkpoint"}', "\x00"])
def test_what_is_no_checkpoint_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tmp_path / "c.json"
    checkpoint.write_text(content)
    options = ["--model", "JC", "-o", tmp_path / "t.nwk", "--checkpoint", checkpoint]
    assert phylo(fasta(tmp_path / "x.fa"), *options) == 1
    assert "c.json: is no checkpoint of genem phylo" in capsys.readouterr().err
    assert checkpoint.read_text() == content
