"""Branch lengths, model parameters and ancestors: derivatives, maxima, posteriors."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.em import Status
from genem.errors import UsageError
from genem.io.sequences.alignments import read_alignment
from genem.phylo import (
    SitePartition,
    TreeLikelihood,
    ancestral_states,
    build_tree,
    canonical,
    evaluate,
    expected_pair_counts,
    fit_branches,
    fit_models,
    search,
    star_tree,
)
from genem.phylo.likelihood.gradients import edge_sums, gradient_by_lengths, gradient_by_models
from genem.phylo.models.parameters import pack_partitions, unpack_partitions
from genem.phylo.trees.topology import relabelled
from tests.phylo.cases import MODELS, alignment_of, brute_force_arguments, cases, likelihood_of, random_tree, tips_of
from tests.reference.phylo import node_posterior, pair_counts

QUARTET = build_tree(("A", "B", "C", "D"), [4, 4, 5, 5, 5, -1], [0.1, 0.2, 0.3, 0.4, 0.05, 0.0])
FREE_MODELS = ("GTR+FO+G3{0.6}", "HKY+G4+I", "TN+R2", "K80+I{0.1}")


def simulated(seed: int, n_taxa: int, n_sites: int, speeds: tuple[float, float] = (0.2, 1.8)) -> tuple[Alignment, Tree]:
    """Letters that evolved along a random tree under Jukes-Cantor, sites of two speeds."""
    rng = np.random.default_rng(seed)
    tree = canonical(random_tree(rng, n_taxa))
    states = np.empty((len(tree), n_sites), np.int64)
    states[-1] = rng.integers(0, 4, n_sites)
    speed = rng.choice(speeds, n_sites)
    for node in range(len(tree) - 2, -1, -1):
        changes = rng.random(n_sites) < 1.0 - np.exp(-4.0 / 3.0 * speed * tree.length[node])
        states[node] = np.where(changes, rng.integers(0, 4, n_sites), states[tree.parent[node]])
    return Alignment(tree.taxa, np.frombuffer(b"ACGT", np.uint8)[states[:n_taxa]], "dna"), tree


def by_difference(function: object, centre: float, step: float) -> float:
    return (function(centre + step) - function(centre - step)) / (2.0 * step)  # type: ignore[operator]


@settings(max_examples=10)
@given(cases(most_taxa=6), st.sampled_from([*MODELS, *FREE_MODELS]))
def test_gradient_by_lengths(case: tuple[Alignment, Tree], model: str) -> None:
    alignment, tree = case
    likelihood = likelihood_of(alignment, model)
    gradient = gradient_by_lengths(edge_sums(likelihood, tree))

    def moved(node: int, length: float) -> float:
        lengths = tree.length.copy()
        lengths[node] = length
        return likelihood.evaluate(replace(tree, length=lengths)).log_likelihood

    for node in range(len(tree) - 1):
        slope = by_difference(
            lambda length, node=node: moved(node, length), tree.length[node], tree.length[node] * 1e-5
        )
        assert gradient[node] == pytest.approx(slope, rel=1e-4, abs=1e-4)


@pytest.mark.kernel
@pytest.mark.parametrize("model", [*FREE_MODELS, "HKY+G2+ASC"])
def test_gradient_by_models(model: str) -> None:
    alignment = alignment_of(["ACGTGC", "ACAAGT", "ATGCTA", "CCTTAG"])
    if "ASC" in model:
        alignment = alignment_of(["ACGTG", "ACAAT", "ATGCA", "CATTC"])
    likelihood = likelihood_of(alignment, model)
    gradient = gradient_by_models(edge_sums(likelihood, QUARTET))
    centre = pack_partitions(likelihood.partitions)

    def moved(coordinate: int, value: float) -> float:
        vector = centre.copy()
        vector[coordinate] = value
        return (
            likelihood.with_partitions(unpack_partitions(likelihood.partitions, vector))
            .evaluate(QUARTET)
            .log_likelihood
        )

    for coordinate in range(len(centre)):
        slope = by_difference(lambda value, c=coordinate: moved(c, value), centre[coordinate], 1e-5)
        assert gradient[coordinate] == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_sums_are_the_same_bits_on_threads() -> None:
    alignment, tree = simulated(3, 8, 400)
    one, two = (edge_sums(likelihood_of(alignment, MODELS[5], threads=threads), tree) for threads in (1, 2))
    np.testing.assert_array_equal(one.edge, two.edge)
    np.testing.assert_array_equal(one.top, two.top)


def test_expected_counts_of_an_edge_are_those_of_the_pair() -> None:
    alignment = alignment_of(["ACGTN", "ACAA-", "ATGCR", "CCTTY"])
    likelihood = likelihood_of(alignment, MODELS[3])
    on_edges = edge_sums(likelihood, QUARTET).expected_counts()
    pairs = expected_pair_counts(likelihood, QUARTET)
    for node in range(5):
        np.testing.assert_allclose(on_edges[0, node], pairs.counts[0, :, QUARTET.parent[node], node], atol=1e-12)


@pytest.mark.kernel
def test_pair_counts_equal_brute_force() -> None:
    alignment = alignment_of(["ACG", "AAN", "AGC", "TCC"])
    likelihood = likelihood_of(alignment, "HKY{6.25}+F{.31,.27,.12,.30}+G2{0.45}")
    sites = [tips_of(alignment, site, likelihood) for site in range(3)]
    expected = pair_counts(QUARTET, sites, *brute_force_arguments(likelihood.partitions[0].model))
    found = expected_pair_counts(likelihood, QUARTET)
    off_diagonal = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(found.counts[0][:, off_diagonal], expected[:, off_diagonal], atol=1e-12)


@pytest.mark.kernel
@pytest.mark.parametrize("model", [MODELS[3], MODELS[5]])
def test_ancestral_states_equal_brute_force(model: str) -> None:
    alignment = alignment_of(["ACGN", "AANN", "AGC-", "ACCR"])
    likelihood = likelihood_of(alignment, model)
    found = ancestral_states(likelihood, QUARTET)
    said = likelihood.partitions[0].model
    for site in range(4):
        for place, node in enumerate(found.nodes):
            tips = tips_of(alignment, site, likelihood)
            expected = node_posterior(QUARTET, tips, node, *brute_force_arguments(said), said.invariant)
            np.testing.assert_allclose(found.posterior[0][place, site], expected, atol=1e-12)


@settings(max_examples=10)
@given(cases(most_taxa=6, letters="ACGT"), st.sampled_from(MODELS), st.integers(0, 100))
def test_branches_climb_to_a_stationary_point(case: tuple[Alignment, Tree], model: str, seed: int) -> None:
    alignment, tree = case
    likelihood = likelihood_of(alignment, model)
    start = replace(tree, length=np.random.default_rng(seed).exponential(0.3, len(tree)))
    reached = [likelihood.evaluate(start).log_likelihood]
    reached += [fit_branches(likelihood, start, max_sweeps=n_sweeps).log_likelihood for n_sweeps in (1, 2, 4)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(reached))
    fit = fit_branches(likelihood, start, tolerance=1e-11, max_sweeps=2000)
    assert fit.log_likelihood == pytest.approx(likelihood.evaluate(fit.tree).log_likelihood, abs=1e-9)
    if fit.status.is_converged:
        gradient = gradient_by_lengths(edge_sums(likelihood, fit.tree)) * fit.tree.length
        inside = (fit.tree.length > 1e-8) & (fit.tree.length < 99.0)
        assert np.all(np.abs(gradient[inside]) < 1e-3)


@pytest.mark.kernel
def test_branches_under_ascertainment_climb() -> None:
    alignment = alignment_of(["ACGTGCAA", "ACAAGTCA", "ATGCTACG", "CCTTAGCC"])
    likelihood = likelihood_of(alignment, "HKY{3}+F{.3,.2,.1,.4}+ASC")
    fit = fit_branches(likelihood, QUARTET, max_sweeps=3)
    assert fit.log_likelihood == pytest.approx(likelihood.evaluate(fit.tree).log_likelihood, abs=1e-9)
    assert fit.log_likelihood > likelihood.evaluate(QUARTET).log_likelihood


def test_fixed_edges_stay() -> None:
    alignment, tree = simulated(5, 6, 200)
    free = np.ones(len(tree), np.bool_)
    free[[0, len(tree) - 2]] = False
    fit = fit_branches(likelihood_of(alignment, "JC"), tree, free=free)
    np.testing.assert_array_equal(fit.tree.length[~free], tree.length[~free])
    assert np.all(fit.tree.length[free][:-1] != tree.length[free][:-1])


def test_the_distance_of_two_sequences_is_that_of_jukes_and_cantor() -> None:
    alignment = alignment_of(["A" * 40 + "C" * 60, "A" * 40 + "C" * 45 + "G" * 15])
    fit = evaluate(alignment, star_tree(("A", "B")), "JC")
    assert fit.tree.length.sum() == pytest.approx(-0.75 * math.log(1 - 4 / 3 * 0.15), abs=1e-7)
    assert fit.n_free == 1


def test_nested_models_never_lose() -> None:
    alignment, tree = simulated(11, 7, 300)
    reached = {
        text: evaluate(alignment, tree, text).log_likelihood
        for text in ("JC", "K80", "HKY", "GTR", "HKY+G4", "HKY+I", "HKY+I+G4", "HKY+R4", "HKY+I+R3")
    }
    for smaller, larger in [
        ("JC", "K80"),
        ("HKY", "GTR"),
        ("HKY", "HKY+G4"),
        ("HKY", "HKY+I"),
        ("HKY+I", "HKY+I+G4"),
        ("HKY+G4", "HKY+I+G4"),
        ("HKY+G4", "HKY+R4"),
        ("HKY+I", "HKY+I+R3"),
    ]:
        assert reached[larger] >= reached[smaller] - 1e-4, (smaller, larger)


def test_equal_rates_are_found_as_a_large_shape() -> None:
    alignment, tree = simulated(2, 5, 300, speeds=(1.0, 1.0))
    assert evaluate(alignment, tree, "JC+G4").log_likelihood >= evaluate(alignment, tree, "JC").log_likelihood - 1e-4


def test_evaluate_reports_a_stationary_point() -> None:
    alignment, tree = simulated(4, 6, 300)
    fit = evaluate(alignment, tree, "HKY+G4", trace=True, length_errors=True)
    assert fit.status is Status.CONVERGED
    assert fit.fit is not None
    assert fit.fit.trace is not None
    assert np.all(np.diff(fit.fit.trace.log_likelihood) >= -1e-8)
    assert fit.site_log_likelihoods.sum() == pytest.approx(fit.log_likelihood, abs=1e-8)
    assert fit.n_free == 9 + 1 + 3 + 1
    assert fit.criteria.aic == pytest.approx(2 * 14 - 2 * fit.log_likelihood)
    assert fit.length_errors is not None
    known = ~np.isnan(fit.length_errors)
    assert known.sum() >= 6
    near = np.abs(fit.tree.length - canonical(tree).length)[known] < 5 * fit.length_errors[known]
    assert np.all(near)


def test_shuffled_input_and_threads_give_the_same_bits() -> None:
    alignment, tree = simulated(8, 7, 250)
    one = evaluate(alignment, tree, "HKY+G4")
    rows = [3, 0, 6, 2, 5, 1, 4]
    shuffled = Alignment(tuple(alignment.names[row] for row in rows), alignment.letters[rows], "dna")
    mixed = relabelled(tree, [tree.taxa[row] for row in rows])
    two = evaluate(shuffled, mixed, "HKY+G4", threads=2)
    assert two.log_likelihood == one.log_likelihood
    assert two.tree.taxa == one.tree.taxa
    np.testing.assert_array_equal(two.tree.length, one.tree.length)
    assert str(two.model) == str(one.model)


def test_standard_errors_of_two_sequences() -> None:
    """Jukes-Cantor: the variance of the distance is p (1 - p) / (n (1 - 4/3 p)^2)."""
    n_sites, p = 200, 0.2
    differing = int(n_sites * p)
    alignment = alignment_of(["A" * n_sites, "A" * (n_sites - differing) + "C" * differing, "-" * n_sites])
    tree = replace(star_tree(("A", "B", "C")), length=np.array([0.1, 0.0, 0.0, 0.0]))
    fit = evaluate(alignment, tree, "JC", length_errors=True)
    assert fit.length_errors is not None
    expected = math.sqrt(p * (1 - p) / n_sites) / (1 - 4 / 3 * p)
    # nothing but the sum of two edges is known: one carries it, of the others no error is faked
    assert fit.length_errors[0] == pytest.approx(expected, rel=1e-4)
    assert np.all(np.isnan(fit.length_errors[1:]))


def test_fixed_branches_and_values_leave_nothing_to_fit() -> None:
    alignment, tree = simulated(4, 5, 50)
    fit = evaluate(alignment, tree, "HKY{2}+F{.3,.2,.2,.3}+G4{0.5}", fix_branches=True)
    assert fit.fit is None
    assert fit.n_free == 0
    assert fit.tree is tree
    np.testing.assert_array_equal(fit.tree.length, tree.length)
    with pytest.raises(UsageError, match="edges without a length"):
        evaluate(alignment, replace(tree, length=np.full(len(tree), np.nan)), "JC", fix_branches=True)


def test_impossible_data_are_degenerate() -> None:
    tree = replace(star_tree(("A", "B", "C")), length=np.zeros(4))
    alignment = alignment_of(["A", "C", "A"])
    fit = evaluate(alignment, tree, "JC", fix_branches=True)
    assert (fit.status, fit.log_likelihood) == (Status.DEGENERATE, -math.inf)
    assert evaluate(alignment, tree, "JC").status is Status.CONVERGED


def test_partitions_get_their_own_models_and_rates() -> None:
    slow, tree = simulated(6, 6, 200)
    fast = replace(tree, length=tree.length * 3.0)
    rng = np.random.default_rng(0)
    other, _ = simulated(7, 6, 200)
    letters = np.concatenate([slow.letters, other.letters], axis=1)
    alignment = Alignment(tree.taxa, letters, "dna")
    order = rng.permutation(400)
    parts = [
        SitePartition("first", np.sort(order[:150]), "JC+G4"),
        SitePartition("second", np.sort(order[150:380]), "HKY"),
    ]
    fit = evaluate(alignment, fast, partitions=parts)
    assert fit.status is Status.CONVERGED
    rates = np.array([part.rate for part in fit.partitions])
    assert rates @ np.array([150, 230]) / 380 == pytest.approx(1.0)
    assert np.isnan(fit.site_log_likelihoods).sum() == 20
    assert np.nansum(fit.site_log_likelihoods) == pytest.approx(fit.log_likelihood, abs=1e-8)
    assert fit.n_free == 9 + 1 + (1 + 3) + 1
    with pytest.raises(UsageError, match="is in 'first' and 'second'"):
        evaluate(alignment, tree, partitions=[parts[0], replace(parts[1], sites=np.arange(400))])


def test_identical_sequences_keep_a_length_of_nearly_zero() -> None:
    alignment = alignment_of(["ACGTACGT", "ACGTACGT", "ACGTACCC", "AAGTACCC"])
    fit = evaluate(alignment, QUARTET, "JC")
    assert fit.status is Status.CONVERGED
    assert fit.tree.length[:2].max() < 1e-8


@pytest.mark.parametrize("n_taxa", [0, 1, 2, 3])
def test_few_taxa_are_evaluated(n_taxa: int) -> None:
    alignment = alignment_of(["ACCA", "AGCA", "TCCA"][:n_taxa])
    fit = evaluate(alignment, star_tree(alignment.names), "HKY+G4")
    assert np.isfinite(fit.log_likelihood)


def test_multifurcations_are_counted() -> None:
    alignment = alignment_of(["ACCA", "AGCA", "TCCA", "ACCC", "AAAA"])
    assert evaluate(alignment, star_tree(alignment.names), "JC").n_multifurcations == 1


def test_a_search_can_fit_roughly() -> None:
    alignment, tree = simulated(4, 6, 300)
    likelihood = likelihood_of(alignment, "HKY+G4")
    found = fit_models(likelihood, tree)
    fitted, better, reached = found.likelihood, found.tree, found.log_likelihood
    assert isinstance(fitted, TreeLikelihood)
    assert reached == pytest.approx(evaluate(alignment, tree, "HKY+G4").log_likelihood, abs=0.02)
    assert fitted.evaluate(better).log_likelihood == reached


def test_lengths_alone_under_ascertainment_reach_a_stationary_point() -> None:
    alignment, tree = simulated(11, 12, 60, (1.0, 1.0))
    letters = alignment.letters
    variable = letters[:, np.any(letters != letters[0], axis=0)]
    fit = evaluate(Alignment(alignment.names, variable, "dna"), tree, "JC+ASC")
    assert fit.status is Status.CONVERGED
    likelihood = TreeLikelihood(fit.partitions)
    gradient = gradient_by_lengths(edge_sums(likelihood, fit.tree)) * fit.tree.length
    inside = (fit.tree.length > 1e-8) & (fit.tree.length < 99.0)
    assert np.all(np.abs(gradient[inside]) < 1e-3)


def test_what_the_last_climb_left_on_a_bound_is_no_locked_start() -> None:
    found = search(read_alignment("data/alignment.fa"), "GTR+G4+I", n_starts=1, patience=0)
    assert found.best.model.invariant == 0.0
    assert found.status is Status.CONVERGED


@pytest.mark.parametrize("n_gaps", [0, 1_000, 10_000])
def test_columns_of_gaps_are_no_data(n_gaps: int) -> None:
    """Alpha has no maximum here: the ridge is as flat with the gaps as without."""
    rows = ["ACGTACGTACGGTTAC", "ACGTACGAACGGTTAC", "ACGAACGTACGCTTAC", "TCGAACGTACGCTTGC", "TCGAACTTACGCATGC"]
    found = search(alignment_of([row + "-" * n_gaps for row in rows]), "GTR+G4", n_starts=1, max_perturbations=0)
    assert found.status == Status.CONVERGED
    assert found.best.log_likelihood == pytest.approx(-46.732061, abs=1e-4)
