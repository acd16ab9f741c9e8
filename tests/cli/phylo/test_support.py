"""Supports of branches from ``genem phylo``: labels, table, replicate trees, scattering."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genem.io.trees.newick import read_newick
from genem.phylo import mapped_shares, percent, split_table
from tests.qtl.crosses import table
from tests.workflows.phylo_runs import fasta, phylo

FIT = ("--model", "HKY{4}+G4{0.5}", "--starts", "2", "--patience", "0")


@pytest.fixture(scope="module")
def few(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven of the bundled sequences."""
    records = (data / "alignment.fa").read_text().split(">")[1:8]
    path = tmp_path_factory.mktemp("few") / "few.fa"
    path.write_text("".join(f">{record}" for record in records))
    return path


@pytest.fixture(scope="module")
def supported(few: Path) -> Path:
    """A folder with a search and all supports."""
    folder = few.parent
    outputs = ["-o", folder / "tree.nwk", "--support", folder / "support.tsv", "--report", folder / "report.json"]
    supports = ["--alrt", 100, "--ufboot", 100, "--bootstrap", 4, "--bootstrap-trees", folder / "trees.nwk"]
    record = ["--run-record", folder / "record.json", "--skip-errors"]
    assert phylo(few, *FIT, *supports, *outputs, *record) == 0
    return folder


def test_labels_are_three_supports(supported: Path) -> None:
    (tree,) = read_newick(supported / "tree.nwk")
    rows = table(supported / "support.tsv")
    labels = np.array([label.split("/") for label in tree.labels if label], float)
    assert labels.shape == (7 - 3, 3)
    columns = np.array([[float(row[name]) for name in ("SH_ALRT", "UFBOOT", "BOOTSTRAP")] for row in rows])
    assert np.sort(labels, axis=0) == pytest.approx(np.sort(100.0 * columns, axis=0), abs=0.51)
    assert [row["BRANCH"] for row in rows] == ["1", "2", "3", "4"]
    for row in rows:
        assert 0.0 <= float(row["ALRT"]) <= 1.0
        assert 1 / 3 - 1e-9 <= float(row["ABAYES"]) <= 1.0
        assert float(row["LOGLIK_OTHER_1"]) >= float(row["LOGLIK_OTHER_2"])


def test_bootstrap_supports_are_shares_of_the_replicate_trees(supported: Path) -> None:
    (tree,) = read_newick(supported / "tree.nwk")
    trees = read_newick(supported / "trees.nwk")
    assert len(trees) == 4
    shares = mapped_shares(tree, split_table(trees))
    assert [label.split("/")[-1] for label in tree.labels] == [percent(share) for share in shares[7:]]


def test_the_report_and_the_record_tell_of_them(supported: Path) -> None:
    report = json.loads((supported / "report.json").read_text())["support"]
    assert report["alrt"] == {"n_replicates": 100, "seed": 1}
    assert report["bootstrap"] == {"first": 1, "last": 4, "n_replicates": 4, "seed": 1}
    assert report["ufboot"]["n_replicates"] == 100
    assert report["ufboot"]["n_candidates"] >= report["ufboot"]["n_expanded"] >= 1
    record = json.loads((supported / "record.json").read_text())
    assert record["counts"]["bootstrap_replicates"] == 4
    assert record["counts"]["ufboot_candidates"] == report["ufboot"]["n_candidates"]
    assert "ultrafast bootstrap" in [fit.get("name") for fit in record["fits"]]


def test_ranges_of_replicates_are_parts_of_the_whole(few: Path, supported: Path, tmp_path: Path) -> None:
    whole = (supported / "trees.nwk").read_text().splitlines(keepends=True)
    scattered = [*FIT, "--bootstrap-only"]
    assert phylo(few, *scattered, "--bootstrap", "2-3", "-o", tmp_path / "part.nwk", threads=2) == 0
    assert (tmp_path / "part.nwk").read_text() == "".join(whole[1:3])
    trees, out = tmp_path / "trees.nwk", tmp_path / "out.nwk"
    assert phylo(few, *scattered, "--bootstrap", "4-4", "--bootstrap-trees", trees, "-o", out) == 0
    assert trees.read_text() == out.read_text() == whole[3]
    assert phylo(few, *scattered, "--bootstrap", "4-4", "--seed", 2, "-o", out) == 0
    assert out.read_text() != whole[3]


def test_a_given_rooted_tree_keeps_its_form(few: Path, supported: Path, tmp_path: Path) -> None:
    rooted, out = tmp_path / "rooted.nwk", tmp_path / "out.nwk"
    given = ["--tree", supported / "tree.nwk", "--evaluate", "--fix-branches", "--skip-errors"]
    assert phylo(few, *FIT[:2], *given, "--midpoint", "-o", rooted) == 0
    support = ["--alrt", 20, "--support", tmp_path / "support.tsv"]
    assert phylo(few, *FIT[:2], "--tree", rooted, *given[2:], *support, "-o", out) == 0
    (tree,) = read_newick(out)
    assert len(tree.children()[tree.top]) == 2
    rows = table(tmp_path / "support.tsv")
    assert len(rows) == 4
    assert "UFBOOT" not in rows[0]
    assert sorted({f"{100 * float(row['SH_ALRT']):.3g}" for row in rows}) == sorted({*tree.labels} - {""})


@pytest.mark.parametrize("n_taxa", [1, 2, 3, 4])
def test_few_sequences(n_taxa: int, tmp_path: Path) -> None:
    path, out, support = fasta(tmp_path / "few.fa", "abcd"[:n_taxa]), tmp_path / "out.nwk", tmp_path / "support.tsv"
    supports = ["--alrt", 10, "--ufboot", 10, "--bootstrap", 2]
    assert phylo(path, "--model", "JC", *supports, "--support", support, "-o", out) == 0
    assert len(table(support)) == (1 if n_taxa == 4 else 0)
    (tree,) = read_newick(out)
    assert set(tree.labels) <= {""} or n_taxa == 4


def test_identical_sequences_have_no_support(tmp_path: Path) -> None:
    path, support = fasta(tmp_path / "same.fa", rows=["ACGTACGTAC"] * 5), tmp_path / "support.tsv"
    supports = ["--alrt", 10, "--ufboot", 10, "--bootstrap", 2]
    assert phylo(path, "--model", "JC", *supports, "--support", support, "-o", tmp_path / "out.nwk") == 0
    assert {row[name] for row in table(support) for name in ("SH_ALRT", "UFBOOT", "BOOTSTRAP")} == {"NA"}
    (tree,) = read_newick(tmp_path / "out.nwk")
    assert set(tree.labels) == {""}


def test_threads_do_not_change_supports(few: Path, tmp_path: Path) -> None:
    written = []
    for threads in (1, 2):
        out = tmp_path / f"{threads}.tsv"
        options = [*FIT, "--alrt", 50, "--ufboot", 50, "--bootstrap", 2, "--support", out, "-o", tmp_path / "tree.nwk"]
        assert phylo(few, *options, threads=threads) == 0
        written.append(out.read_bytes() + (tmp_path / "tree.nwk").read_bytes())
    assert written[0] == written[1]
    assert np.isfinite([float(row["UFBOOT"]) for row in table(tmp_path / "1.tsv")]).all()
