"""Interchanges and regrafts: their scores, their reach, and the screening of interchanges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.phylo import fit_branches
from genem.phylo.searching.rearrangements import regrafts, swaps
from genem.phylo.searching.starts import (
    random_tree,
)
from genem.phylo.trees.constraints import splits
from genem.phylo.trees.editing import EditableTree
from tests.phylo.cases import alignment_of, is_bifurcating, likelihood_of, simulated

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


@settings(max_examples=8)
@given(st.integers(5, 8), st.integers(0, 2**32))
def test_scores_of_moves_are_likelihoods_of_the_trees_they_make(n_taxa: int, seed: int) -> None:
    likelihood = likelihood_of(simulated(n_taxa, 12, seed), MODEL)
    tree = random_tree(likelihood.taxa, np.random.default_rng(seed))
    moves = [*swaps(likelihood, tree), *regrafts(likelihood, tree, 4, margin=np.inf, per_subtree=3)]
    assert moves
    for move in moves:
        changed = EditableTree(tree)
        assert changed.apply(move)
        made = changed.to_tree()
        assert is_bifurcating(made)
        assert likelihood.evaluate(made).log_likelihood == pytest.approx(move.log_likelihood, abs=1e-8)


@pytest.mark.kernel
@pytest.mark.parametrize("model", ["GTR{1,3,1,1,4,1}+F{.3,.2,.2,.3}+I{0.2}", "JC+ASC"])
def test_scores_under_invariant_sites_and_ascertainment(model: str) -> None:
    rows = ["AACGTACGTT", "CACGTACGAT", "CCAGTTCGAT", "CCATTTAGAA", "GCATGTAAAA"]
    if "ASC" not in model:
        rows = [row + "GGG" for row in rows]
    likelihood = likelihood_of(alignment_of(rows), model)
    tree = random_tree(likelihood.taxa, np.random.default_rng(3))
    for move in [*swaps(likelihood, tree), *regrafts(likelihood, tree, 3, margin=np.inf)]:
        changed = EditableTree(tree)
        assert changed.apply(move)
        assert likelihood.evaluate(changed.to_tree()).log_likelihood == pytest.approx(move.log_likelihood, abs=1e-8)


def test_moves_reach_all_neighbours() -> None:
    likelihood = likelihood_of(simulated(6, 20, 1), "JC")
    tree = random_tree(likelihood.taxa, np.random.default_rng(1))
    made = set()
    for move in swaps(likelihood, tree):
        changed = EditableTree(tree)
        changed.apply(move)
        made.add(splits(changed.to_tree()))
    assert len(made) == 2 * (6 - 3)
    far = set()
    for move in regrafts(likelihood, tree, 10, margin=np.inf, per_subtree=100):
        changed = EditableTree(tree)
        changed.apply(move)
        far.add(splits(changed.to_tree()))
    assert len(far) == 2 * (6 - 3) * (2 * 6 - 7)  # Allen & Steel 2001
    assert made < far


def test_a_move_is_refused_once_what_it_needs_is_gone() -> None:
    likelihood = likelihood_of(simulated(6, 20, 2), "JC")
    tree = random_tree(likelihood.taxa, np.random.default_rng(2))
    changed = EditableTree(tree)
    first = swaps(likelihood, tree)[0]
    assert changed.apply(first)
    assert not changed.apply(first)


def test_screened_interchanges_do_not_lose_a_good_one() -> None:
    likelihood = likelihood_of(simulated(12, 120, 31), "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}")
    n_good = 0
    for seed in range(4):
        tree = fit_branches(likelihood, random_tree(likelihood.taxa, np.random.default_rng(seed)), max_sweeps=3).tree
        here = likelihood.evaluate(tree).log_likelihood
        full = {(s.near, s.near_subtree, s.far_subtree): s for s in swaps(likelihood, tree, margin=np.inf)}
        fast = {(s.near, s.near_subtree, s.far_subtree): s for s in swaps(likelihood, tree)}
        assert full.keys() == fast.keys()
        for key, move in full.items():
            assert fast[key].log_likelihood <= move.log_likelihood + 1e-9
            if move.log_likelihood > here:
                n_good += 1
                assert fast[key].log_likelihood == move.log_likelihood
    assert n_good > 10


def test_some_edges_alone_have_the_interchanges_they_have_among_all() -> None:
    likelihood = likelihood_of(simulated(8, 40, 32), "JC")
    tree = random_tree(likelihood.taxa, np.random.default_rng(2))
    every = swaps(likelihood, tree)
    some = swaps(likelihood, tree, edges=[9, 10])
    assert len(some) == 4
    assert [move for move in every if move.near in (9, 10)] == some
