"""``genem phylo`` against phangorn and IQ-TREE: a few rows of each table, through files and options."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.phylo.tables import model_string, read_table
from tests.qtl.crosses import table
from tests.workflows.phylo_runs import phylo

pytestmark = pytest.mark.validation

HKY_GAMMA = "HKY{6.25}+F{.31,.27,.12,.30}+G4{0.45}"
ROWS = (
    ("brown5", "JC69", "none"),
    ("primates12", "HKY85", "I+G4"),
    ("DS1", "GTR", "G4"),
    ("edge8", "GTR", "I+G4"),
    ("woodmouse15", "GTR", "G4"),
    ("underflow1000", "HKY85", "G4"),
    ("mtpri7_aa", "LG", "G4"),
)


@pytest.fixture(scope="module")
def folder(reference_data: Path) -> Path:
    return reference_data / "phylo"


def evaluated(folder: Path, name: str, tree: str, model: str, output: Path, *further: object) -> dict[str, object]:
    """The report of a tree with all lengths and values given."""
    given = ["--tree", folder / tree, "--evaluate", "--fix-branches", "--model", model]
    outputs = ["-o", output / "tree.nwk", "--report", output / "report.json"]
    assert phylo(folder / "alignments" / f"{name}.fasta", *given, *outputs, *further) == 0
    report: dict[str, object] = json.loads((output / "report.json").read_text())
    return report


@pytest.mark.parametrize(("name", "model", "rates"), ROWS)
def test_fixed_likelihoods(name: str, model: str, rates: str, folder: Path, tmp_path: Path) -> None:
    rows = read_table(folder / "fixed_likelihood.tsv")
    (row,) = [row for row in rows if (row["alignment"], row["model"], row["rate_model"]) == (name, model, rates)]
    report = evaluated(folder, name, row["tree_file"], model_string(row), tmp_path)
    assert report["log_likelihood"] == pytest.approx(float(row["logL_phangorn"]), abs=1e-6)


def test_site_log_likelihoods(folder: Path, tmp_path: Path) -> None:
    sites = tmp_path / "sites.tsv"
    report = evaluated(folder, "primates12", "fixed_trees/primates12.nwk", HKY_GAMMA, tmp_path, "--site-loglik", sites)
    found = [float(row["LOG_LIKELIHOOD"]) for row in table(sites)]
    expected = [float(row["logL"]) for row in read_table(folder / "site_lnl_primates12_HKY85_G4.tsv")]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert sum(found) == pytest.approx(report["log_likelihood"], abs=1e-8)


def test_ancestral_states(folder: Path, tmp_path: Path) -> None:
    tree, ancestors = "fixed_trees/primates12_asr_labelled.nwk", tmp_path / "ancestors.tsv"
    evaluated(folder, "primates12", tree, HKY_GAMMA, tmp_path, "--ancestral", ancestors)
    found = {(row["NODE"], row["SITE"]): row for row in table(ancestors)}
    rows = list(read_table(folder / "asr_primates12_HKY85_G4.tsv"))
    assert len(found) == len(rows)
    for row in rows[::97]:
        for state in "ACGT":
            posterior = float(found[row["Node"], row["Site"]][f"P_{state}"])
            assert posterior == pytest.approx(float(row[f"p_{state}"]), abs=1e-4)
