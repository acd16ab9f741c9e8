"""The ultrafast bootstrap beside the same done on all trees there are."""

from __future__ import annotations

import numpy as np
import pytest

from genem.em import Status
from genem.errors import UsageError
from genem.phylo import TreeFit, TreeLikelihood, evaluate, fit_branches, fit_tree, star_tree, ultrafast_bootstrap
from genem.phylo.searching.local_kernels import screen_swaps
from genem.phylo.searching.rearrangements import evaluated, full_tree, list_swaps
from genem.phylo.searching.starts import random_tree
from genem.phylo.support.candidate_trees import QUARTET_NEWTON, fitted_candidate, neighbours
from genem.phylo.support.resampling import pattern_log_likelihoods, resampled_totals, weight_table
from genem.phylo.support.ultrafast import TIE
from genem.phylo.trees.splits import RESOLVED
from tests.phylo.cases import alignment_of, likelihood_of, simulated
from tests.reference.phylo_search import all_trees
from tests.reference.phylo_support import best_shares, inner, splits_by_cutting

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


def fit_of(n_taxa: int, n_sites: int, seed: int) -> TreeFit:
    likelihood = likelihood_of(simulated(n_taxa, n_sites, seed), MODEL)
    return fit_tree(likelihood, random_tree(likelihood.taxa, np.random.default_rng(1)))


@pytest.mark.parametrize(("n_taxa", "n_sites", "seed"), [(5, 60, 1), (5, 40, 4), (6, 50, 2)])
def test_shares_are_those_of_all_trees(n_taxa: int, n_sites: int, seed: int) -> None:
    fit = fit_of(n_taxa, n_sites, seed)
    likelihood = TreeLikelihood(fit.partitions)
    trees = [fit_branches(likelihood, tree, tolerance=1e-4).tree for tree in all_trees(likelihood.taxa)]
    log_site = np.stack([likelihood.evaluate(tree).log_site for tree in trees])
    weights = weight_table(fit.partitions, 3, range(1, 201))
    sides = [inner(splits_by_cutting(tree, RESOLVED), n_taxa) for tree in trees]
    expected = best_shares(pattern_log_likelihoods(likelihood, log_site), sides, weights, TIE)
    found = ultrafast_bootstrap(fit, n_replicates=200, seed=3)
    names = {
        frozenset(n for k, n in enumerate(likelihood.taxa) if split >> k & 1): x for split, x in found.shares.items()
    }
    assert found.status in (Status.CONVERGED, Status.LEFT)
    for side in expected.keys() | names.keys():
        assert names.get(side, 0.0) == pytest.approx(expected.get(side, 0.0), abs=0.04)
    assert max(expected.values()) > 0.3
    assert min(expected.values()) < 0.9


@pytest.mark.kernel
def test_neighbours_are_the_interchanges_with_their_likelihoods() -> None:
    likelihood = likelihood_of(simulated(6, 20, 5), MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(5))
    here, _ = fitted_candidate(likelihood, tree)
    found, log_pattern = neighbours(likelihood, here.origin, set())
    assert len({candidate.topology for candidate in found}) == len(found) == 2 * (6 - 3)
    weight = likelihood.partitions[0].patterns.weight
    for candidate, values in zip(found, log_pattern, strict=True):
        made = candidate.tree()
        again, _ = fitted_candidate(likelihood, made)
        assert again.topology == candidate.topology
        assert candidate.lengths == pytest.approx(
            {split: made.length[node] for split, node in _inner_nodes(made, likelihood.taxa).items()}
        )
        assert float(weight @ values) == pytest.approx(likelihood.evaluate(made).log_likelihood)
    known = {candidate.topology for candidate in found[:4]}
    assert [candidate.topology for candidate in neighbours(likelihood, here.origin, known)[0]] == [
        candidate.topology for candidate in found[4:]
    ]


@pytest.mark.kernel
@pytest.mark.parametrize("model", [MODEL, "JC+I{0.1}"])
def test_neighbours_are_screened_with_the_edge_in_the_middle_improved(model: str) -> None:
    likelihood = likelihood_of(simulated(6, 20, 5), model)
    here, _ = fitted_candidate(likelihood, random_tree(likelihood.taxa, np.random.default_rng(5)))
    whole = full_tree(evaluated(likelihood, here.origin))
    rows = list_swaps(whole)
    expected = np.empty((len(rows), 6))
    screen_swaps(whole, rows, QUARTET_NEWTON, expected, 0, len(rows))
    weight, seen = likelihood.partitions[0].patterns.weight, []

    def every_second(log_pattern: np.ndarray) -> np.ndarray:
        seen.extend((log_pattern @ weight).tolist())
        return np.arange(len(log_pattern)) % 2 == 0

    known: set[frozenset[int]] = set()
    found, log_pattern = neighbours(likelihood, here.origin, known, every_second)
    everything, all_patterns = neighbours(likelihood, here.origin, set())
    assert seen == pytest.approx(expected[:, 0].tolist(), rel=1e-12)
    assert np.all(all_patterns @ weight >= np.array(seen) - 1e-9)
    assert [each.topology for each in found] == [each.topology for each in everything[::2]]
    assert log_pattern.tobytes() == all_patterns[::2].tobytes()
    assert known == {each.topology for each in everything}


def _inner_nodes(tree: object, taxa: tuple[str, ...]) -> dict[int, int]:
    from genem.phylo.trees.splits import edge_splits, is_inner

    return {s: node for node, s in enumerate(edge_splits(tree, taxa)) if is_inner(s, len(taxa))}  # type: ignore[arg-type]


@pytest.mark.kernel
def test_resampled_totals_are_weighted_sums() -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=(3, 17)), rng.integers(0, 4, (5, 17)).astype(float)
    assert resampled_totals(values, weights) == pytest.approx(values @ weights.T)
    assert resampled_totals(values, weights, threads=3).tobytes() == resampled_totals(values, weights).tobytes()


def test_one_seed_and_any_number_of_threads() -> None:
    fit = fit_of(7, 60, 6)
    one, other = ultrafast_bootstrap(fit, n_replicates=60), ultrafast_bootstrap(fit, n_replicates=60, threads=2)
    assert one.shares == other.shares
    assert one.share.tobytes() == other.share.tobytes()
    assert ultrafast_bootstrap(fit, n_replicates=60, seed=2).shares != one.shares


def test_the_start_makes_little_difference() -> None:
    fit = fit_of(7, 200, 6)
    others = [random_tree(fit.tree.taxa, np.random.default_rng(seed)) for seed in range(3)]
    one, other = ultrafast_bootstrap(fit, n_replicates=100), ultrafast_bootstrap(fit, others, n_replicates=100)
    for split in one.shares.keys() | other.shares.keys():
        assert one.shares.get(split, 0.0) == pytest.approx(other.shares.get(split, 0.0), abs=0.03)


def test_fewer_trees_are_looked_at_where_that_is_asked_for() -> None:
    fit = fit_of(7, 60, 6)
    rounds: list[tuple[int, float]] = []
    found = ultrafast_bootstrap(fit, n_replicates=60, most_expanded=3, progress=lambda *seen: rounds.append(seen))
    assert found.status == Status.MAX_ITER
    assert found.n_expanded == 3
    assert rounds[-1] == (found.n_candidates, found.correlation)


def test_few_taxa_and_identical_sequences() -> None:
    for n_taxa in (1, 2, 3):
        alignment = alignment_of(["ACGTAC", "ACGTTC", "ACTTAC"][:n_taxa])
        found = ultrafast_bootstrap(evaluate(alignment, star_tree(alignment.names), "JC"), n_replicates=5)
        assert np.isnan(found.share).all()
        assert (found.shares, found.status) == ({}, Status.CONVERGED)
    alike = alignment_of(["ACGTACGTAA"] * 5)
    found = ultrafast_bootstrap(evaluate(alike, star_tree(alike.names), "JC"), n_replicates=5)
    assert found.shares == {}


def test_no_replicate_is_refused() -> None:
    with pytest.raises(UsageError, match="0 replicates"):
        ultrafast_bootstrap(fit_of(4, 10, 1), n_replicates=0)
