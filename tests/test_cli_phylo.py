"""``genem phylo``: searches and evaluations, what is written, inputs in any order and on any number of threads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genem.cli.main import main
from genem.io.newick import read_newick

MODEL = "HKY+G4"


@pytest.fixture(scope="session")
def primates(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the search of the bundled alignment and its report."""
    folder = tmp_path_factory.mktemp("primates")
    outputs = ["-o", folder / "tree.nwk", "--report", folder / "report.json", "--site-loglik", folder / "sites.tsv"]
    further = ["--run-record", folder / "record.json", "--model", MODEL, "--threads", "1"]
    assert main(["phylo", *map(str, [data / "alignment.fa", *outputs, *further])]) == 0
    return folder


def test_a_search_finds_the_best_tree_known(primates: Path) -> None:
    report = json.loads((primates / "report.json").read_text())
    assert report["log_likelihood"] > -5728.0622
    assert report["status"] == "converged"
    (tree,) = read_newick(primates / "tree.nwk")
    assert len(tree.taxa) == 12
