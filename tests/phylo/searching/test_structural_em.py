"""Structural EM: weights of pairs, spanning trees, and bifurcating trees of the same likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.phylo import build_tree, expected_pair_counts
from genem.phylo.searching.starts import (
    random_tree,
)
from genem.phylo.searching.structural_em import bifurcating_tree, maximum_spanning_tree, pair_weights, propose_structure
from tests.phylo.cases import cases, is_bifurcating, likelihood_of, simulated
from tests.reference.phylo_search import best_spanning_weight

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


@pytest.mark.kernel
@given(st.integers(3, 5), st.integers(0, 2**32))
@settings(max_examples=20)
def test_spanning_tree_is_the_best_of_all(n_nodes: int, seed: int) -> None:
    weight = np.random.default_rng(seed).normal(size=(n_nodes, n_nodes))
    weight += weight.T
    found = sum(float(weight[u, v]) for u, v in maximum_spanning_tree(weight))
    assert found == pytest.approx(best_spanning_weight(weight))


@pytest.mark.kernel
@settings(max_examples=10)
@given(cases(most_taxa=5), st.integers(0, 2**32))
def test_structural_step_gains_no_less_than_it_promises(case: tuple[Alignment, Tree], seed: int) -> None:
    alignment, _ = case
    if len(alignment) < 4:
        return
    likelihood = likelihood_of(alignment, MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(seed))
    proposal = propose_structure(likelihood, tree)
    assert is_bifurcating(proposal.tree)
    assert proposal.expected_gain >= -1e-8
    gain = likelihood.evaluate(proposal.tree).log_likelihood - likelihood.evaluate(tree).log_likelihood
    assert gain >= proposal.expected_gain - 1e-7


@pytest.mark.kernel
def test_bifurcating_tree_keeps_the_likelihood_of_a_spanning_tree() -> None:
    # Taxon B has three neighbours, node 4 two, node 5 one, and A four when the dust has settled.
    likelihood = likelihood_of(simulated(4, 30, 5), MODEL)
    length = np.full((6, 6), 0.3)
    tree = bifurcating_tree(likelihood.taxa, [(0, 1), (1, 2), (1, 4), (4, 3), (0, 5)], length)
    star = build_tree(likelihood.taxa, [4, 4, 4, 4, -1], [0.3, 0.0, 0.3, 0.6, 0.0])
    assert is_bifurcating(tree)
    assert likelihood.evaluate(tree).log_likelihood == pytest.approx(likelihood.evaluate(star).log_likelihood, abs=1e-9)


@pytest.mark.kernel
def test_pair_weights_are_maxima() -> None:
    likelihood = likelihood_of(simulated(4, 30, 6), MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(6))
    pairs = expected_pair_counts(likelihood, tree)
    weights = pair_weights(likelihood, pairs)
    process = likelihood.process
    for u, v in ((0, 1), (2, 4)):
        best = -np.inf
        for t in np.append(weights.length[u, v], np.geomspace(1e-6, 5.0, 60)):
            value = 0.0
            for c, rate in enumerate(process.rate[0]):
                p = process.right[0] @ np.diag(np.exp(process.eigenvalue[0] * rate * t)) @ process.left[0, c]
                value += float((pairs.counts[0, c, u, v] * np.log(p / process.frequency[0])).sum())
            best = max(best, value)
        assert weights.weight[u, v] == pytest.approx(best, abs=1e-9)
