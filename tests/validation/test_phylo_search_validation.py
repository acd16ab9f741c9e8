"""Searches and structural EM beside the answers of other programs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.data import Alignment
from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick
from genem.phylo import expected_pair_counts, search
from genem.phylo.searching.structural_em import maximum_spanning_tree, pair_weights
from genem.phylo.trees.constraints import splits
from tests.phylo.cases import likelihood_of

pytestmark = pytest.mark.validation

MODELS = {"JC69": "JC", "HKY85+G4": "HKY+F+G4", "GTR+G4": "GTR+F+G4", "LG+G4": "LG+G4"}
SEM_MODELS = {
    "JC69": "JC",
    "HKY85": "HKY{6.25}+F{.31,.27,.12,.3}",
    "HKY85+G4": "HKY{6.25}+F{.31,.27,.12,.3}+G4{0.45}",
}
QUICK = [("primates12", "JC69"), ("primates12", "HKY85+G4"), ("primates12", "GTR+G4")]
QUICK += [("woodmouse15", model) for model in ("JC69", "HKY85+G4", "GTR+G4")]
SLOW = [(name, model) for name in ("DS1", "sim20_hky") for model in ("JC69", "HKY85+G4", "GTR+G4")]
SLOW += [("sim50_gtr", "GTR+G4"), ("laurasia47", "GTR+G4"), ("perf100", "GTR+G4")]
SLOW += [("mtpri7_aa", "LG+G4"), ("phyml37_aa", "LG+G4")]
TREES_AS_GOOD = {"sim20_hky": 0, "sim50_gtr": 8, "perf100": 4}
"""Robinson-Foulds distances to the true tree of the best trees that other programs found."""


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.mark.parametrize("name", sorted(SEM_MODELS))
def test_expected_counts_weights_and_spanning_tree(reference_data: Path, name: str) -> None:
    folder = reference_data / "phylo"
    likelihood = likelihood_of(read_alignment(folder / "alignments/brown5.fasta"), SEM_MODELS[name])
    (tree,) = read_newick(folder / "fixed_trees/brown5_labelled.nwk")
    pairs = expected_pair_counts(likelihood, tree)
    node = {pairs.tree.name(number): number for number in range(len(pairs.tree))}
    counts = [row for row in rows(folder, "sem_brown5_joint_counts.tsv") if row["model"] == name]
    assert len(counts) == 448 * likelihood.n_categories
    for row in counts:
        states = ["ACGT".index(row[key]) for key in ("state_i", "state_j")]
        found = pairs.counts[0, int(row["category"]), node[row["node_i"]], node[row["node_j"]], states[0], states[1]]
        assert found == pytest.approx(float(row["expected_count"]), abs=1e-6)
    weights = pair_weights(likelihood, pairs)
    expected = [row for row in rows(folder, "sem_brown5_pair_weights.tsv") if row["model"] == name]
    assert len(expected) == 28
    for row in expected:
        pair = node[row["node_i"]], node[row["node_j"]]
        assert weights.weight[pair] == pytest.approx(float(row["weight"]), abs=1e-6)
        assert weights.length[pair] == pytest.approx(float(row["t_opt"]), abs=1e-6)
    spanning = {
        frozenset((node[row["node_i"]], node[row["node_j"]])) for row in expected if row["in_max_spanning_tree"] == "1"
    }
    assert {frozenset(edge) for edge in maximum_spanning_tree(weights.weight)} == spanning


def check_search(folder: Path, name: str, model: str) -> None:
    (expected,) = (
        row for row in rows(folder, "expected_best.tsv") if row["alignment"] == name and row["model"] == model
    )
    found = search(read_alignment(folder / f"alignments/{name}.fasta"), MODELS[model])
    assert found.best.log_likelihood >= float(expected["best_logL"]) - 0.1
    assert np.nansum(found.best.site_log_likelihoods) == pytest.approx(found.best.log_likelihood, abs=1e-8)
    if name in TREES_AS_GOOD:
        (true,) = read_newick(folder / f"true_trees/{name}.true.nwk")
        assert len(splits(true) ^ splits(found.best.tree)) <= TREES_AS_GOOD[name]


@pytest.mark.parametrize(("name", "model"), QUICK)
def test_search_is_not_worse_than_the_best_known(reference_data: Path, name: str, model: str) -> None:
    check_search(reference_data / "phylo", name, model)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), SLOW)
def test_search_of_larger_sets_is_not_worse(reference_data: Path, name: str, model: str) -> None:
    check_search(reference_data / "phylo", name, model)


@pytest.mark.slow
def test_threads_and_order_of_sequences_change_no_bit(reference_data: Path) -> None:
    alignment = read_alignment(reference_data / "phylo/alignments/primates12.fasta")
    order = np.random.default_rng(1).permutation(len(alignment))
    shuffled = Alignment(tuple(alignment.names[k] for k in order), alignment.letters[order], alignment.datatype)
    one = search(alignment, "GTR+F+G4", seed=3)
    other = search(shuffled, "GTR+F+G4", seed=3, threads=2)
    assert one.best.log_likelihood == other.best.log_likelihood
    assert np.array_equal(one.best.tree.parent, other.best.tree.parent)
    assert np.array_equal(one.best.tree.length, other.best.tree.length)
    assert np.array_equal(one.best.site_log_likelihoods, other.best.site_log_likelihoods)
    assert [run.log_likelihood for run in one.runs] == [run.log_likelihood for run in other.runs]
