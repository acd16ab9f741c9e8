"""Likelihoods of trees against phangorn, IQ-TREE and enumeration, on all alignments of the reference data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick
from genem.phylo import ancestral_states, evaluate
from genem.phylo.models.amino_acid_matrices import amino_acid_matrix
from tests.phylo.cases import likelihood_of
from tests.phylo.tables import fixed_cases, model_string, read_table

pytestmark = pytest.mark.validation

HKY_GAMMA = "HKY{6.25}+F{.31,.27,.12,.30}+G4{0.45}"


@pytest.fixture(scope="module")
def folder(reference_data: Path) -> Path:
    return reference_data / "phylo"


def test_every_fixed_likelihood(folder: Path) -> None:
    cases = list(fixed_cases(folder / "fixed_likelihood.tsv", folder / "alignments", folder))
    assert len(cases) == 120
    for row, alignment, tree in cases:
        evaluation = likelihood_of(alignment, model_string(row)).evaluate(tree)
        assert evaluation.log_likelihood == pytest.approx(float(row["logL_phangorn"]), abs=1e-6), row
        total = evaluation.site_log_likelihoods()[0].sum()
        assert total == pytest.approx(evaluation.log_likelihood, abs=1e-8), row


def test_a_thousand_taxa_stay_finite_up_and_down(folder: Path) -> None:
    alignment = read_alignment(folder / "alignments" / "underflow1000.fasta")
    (tree,) = read_newick(folder / "fixed_trees" / "underflow1000.nwk")
    evaluation = likelihood_of(alignment, HKY_GAMMA).evaluate(tree, down=True)
    assert np.all(np.isfinite(evaluation.site_log_likelihoods()[0]))
    assert np.all(np.isfinite(evaluation.partials.outer[:, :-1]))


def test_ancestral_posteriors_of_every_site(folder: Path) -> None:
    (tree,) = read_newick(folder / "fixed_trees" / "primates12_asr_labelled.nwk")
    likelihood = likelihood_of(read_alignment(folder / "alignments" / "primates12.fasta"), HKY_GAMMA)
    found = ancestral_states(likelihood, tree).posterior[0]
    for row in read_table(folder / "asr_primates12_HKY85_G4.tsv"):
        expected = [float(row[f"p_{state}"]) for state in "ACGT"]
        np.testing.assert_allclose(found[tree.labels.index(row["Node"]), int(row["Site"]) - 1], expected, atol=1e-4)


@pytest.mark.parametrize(("name", "file"), [("JTT", "jones.dat"), ("WAG", "wag.dat"), ("LG", "lg.dat")])
def test_published_matrices_are_those_of_paml(folder: Path, name: str, file: str) -> None:
    numbers = np.array((folder / "rate_matrices" / file).read_text().split()[:210], dtype=float)
    exchangeability, frequency = amino_acid_matrix(name)
    np.testing.assert_array_equal(exchangeability[np.tril_indices(20, -1)], numbers[:190])
    np.testing.assert_allclose(frequency, numbers[190:] / numbers[190:].sum(), rtol=1e-15)


BEST = {"JC69": "JC", "HKY85+G4": "HKY+G4", "GTR+G4": "GTR+G4", "LG+G4": "LG+G4"}


def test_the_best_trees_known_are_as_good_here(folder: Path) -> None:
    """Lengths and models estimated on each tabulated best tree reach the tabulated log-likelihood."""
    for row in read_table(folder / "expected_best.tsv"):
        if row["alignment"] == "perf100":
            continue
        alignment = read_alignment(folder / "alignments" / f"{row['alignment']}.fasta")
        (tree,) = read_newick(folder / "best_trees" / row["best_tree_file"])
        fit = evaluate(alignment, tree, BEST[row["model"]])
        assert fit.log_likelihood >= float(row["best_logL"]) - 0.01, row
        assert fit.status.label == "converged", row
