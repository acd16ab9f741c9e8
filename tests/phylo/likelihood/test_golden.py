"""Log-likelihoods, ancestors and expected counts against other programs, on the alignments kept here."""

from __future__ import annotations

import numpy as np
import pytest

from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick
from genem.phylo import ancestral_states, evaluate, expected_pair_counts
from tests import GOLDEN_ANSWERS
from tests.phylo.cases import likelihood_of
from tests.phylo.tables import fixed_cases, model_string, read_table

GOLDEN = GOLDEN_ANSWERS / "phylo"
HKY_GAMMA = "HKY{6.25}+F{.31,.27,.12,.30}+G4{0.45}"


def test_fixed_likelihoods() -> None:
    n_rows = 0
    for row, alignment, tree in fixed_cases(GOLDEN / "fixed_likelihood.tsv", GOLDEN, GOLDEN):
        found = likelihood_of(alignment, model_string(row)).evaluate(tree).log_likelihood
        assert found == pytest.approx(float(row["logL_phangorn"]), abs=1e-6), row
        n_rows += 1
    assert n_rows == 78


def test_site_log_likelihoods() -> None:
    expected = [float(row["logL"]) for row in read_table(GOLDEN / "site_lnl_primates12_HKY85_G4.tsv")]
    (tree,) = read_newick(GOLDEN / "primates12.nwk")
    fit = evaluate(read_alignment(GOLDEN / "primates12.fasta"), tree, HKY_GAMMA, fix_branches=True)
    np.testing.assert_allclose(fit.site_log_likelihoods, expected, atol=1e-9)
    assert fit.site_log_likelihoods.sum() == pytest.approx(fit.log_likelihood, abs=1e-8)


def test_ancestral_posteriors() -> None:
    (tree,) = read_newick(GOLDEN / "primates12_asr_labelled.nwk")
    found = ancestral_states(likelihood_of(read_alignment(GOLDEN / "primates12.fasta"), HKY_GAMMA), tree)
    rows = read_table(GOLDEN / "asr_primates12_HKY85_G4.tsv")
    assert len(rows) == 1000
    for row in rows:
        place = tree.labels.index(row["Node"])
        posterior = found.posterior[0][place, int(row["Site"]) - 1]
        np.testing.assert_allclose(posterior, [float(row[f"p_{state}"]) for state in "ACGT"], atol=1e-4)
        assert found.sequences()[place][int(row["Site"]) - 1] == row["State"]


@pytest.mark.parametrize(("name", "model"), [("JC69", "JC"), ("HKY85", HKY_GAMMA[:-9]), ("HKY85+G4", HKY_GAMMA)])
def test_expected_counts_of_all_pairs(name: str, model: str) -> None:
    (tree,) = read_newick(GOLDEN / "brown5_labelled.nwk")
    found = expected_pair_counts(likelihood_of(read_alignment(GOLDEN / "brown5.fasta"), model), tree)
    number = {found.tree.name(node): node for node in range(len(found.tree))}
    rows = [row for row in read_table(GOLDEN / "sem_brown5_joint_counts.tsv") if row["model"] == name]
    assert len(rows) in (448, 4 * 448)
    for row in rows:
        pair = number[row["node_i"]], number[row["node_j"]]
        states = "ACGT".index(row["state_i"]), "ACGT".index(row["state_j"])
        count = found.counts[0, int(row["category"]), *pair, *states]
        assert count == pytest.approx(float(row["expected_count"]), abs=1e-6)
        assert found.rate[0, int(row["category"])] == pytest.approx(float(row["rate"]), abs=1e-9)


def test_estimates_are_not_below_those_of_iqtree() -> None:
    """IQ-TREE 2.0.7 -m TESTONLY: its log-likelihoods on its own tree are lower bounds here only where trees agree."""
    (tree,) = read_newick(GOLDEN / "primates12.nwk")
    alignment = read_alignment(GOLDEN / "primates12.fasta")
    fits = {model: evaluate(alignment, tree, model) for model in ("HKY+G4", "HKY+I+G4")}
    assert fits["HKY+G4"].log_likelihood == pytest.approx(-5728.062, abs=0.01)
    assert fits["HKY+I+G4"].log_likelihood >= fits["HKY+G4"].log_likelihood - 1e-6
    assert fits["HKY+G4"].n_free == 26
