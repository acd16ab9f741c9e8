"""Small parts of the search: Newton's steps, interchanges that are screened, trees by topology, kicks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.phylo import Run, fit_branches
from genem.phylo.fitting.newton_kernels import bracketed_step
from genem.phylo.searching.hill_climbing import Climb
from genem.phylo.searching.perturbations import kicked
from genem.phylo.searching.pool import distinct_optima, topology_of
from genem.phylo.searching.rearrangements import swaps
from genem.phylo.searching.starts import random_tree
from genem.phylo.trees.constraints import read_constraint, splits
from tests.phylo.cases import likelihood_of
from tests.phylo.searching.test_tree_search import simulated


@pytest.mark.kernel
@given(st.floats(1e-6, 50.0), st.floats(1e-9, 100.0))
def test_steps_in_a_bracket_come_to_the_root(root: float, here: float) -> None:
    """The derivative root / t - 1 of a function that is concave; its Newton steps overshoot from afar."""
    lowest, highest = 1e-9, 100.0
    low, high = lowest, highest
    for _ in range(100):
        last = here
        here, low, high = bracketed_step(here, root / here - 1.0, -root / here**2, low, high, lowest, highest)
        assert lowest <= low <= root * (1.0 + 1e-12)
        assert root * (1.0 - 1e-12) <= high <= highest
        assert low <= here <= high
        if abs(here - last) <= 1e-12 * here:
            break
    assert here == pytest.approx(root, rel=1e-9)


@pytest.mark.kernel
@pytest.mark.parametrize(("slope", "end"), [(1.0, 2.0), (-1.0, 1e-9)])
def test_steps_without_a_root_go_to_a_bound(slope: float, end: float) -> None:
    here, low, high = 0.3, 1e-9, 2.0
    for _ in range(60):
        here, low, high = bracketed_step(here, slope, 1.0, low, high, 1e-9, 2.0)
    assert here == pytest.approx(end)


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


def test_a_climb_looks_at_every_edge_until_it_is_settled() -> None:
    likelihood = likelihood_of(simulated(10, 60, 33), "JC")
    climb = Climb(likelihood, random_tree(likelihood.taxa, np.random.default_rng(1)), stages=("nni",))
    climb.run()
    assert not climb.swap_round()
    again = swaps(likelihood, climb.tree)
    assert max(move.log_likelihood for move in again) <= climb.log_likelihood + 0.5
    one_by_one = [step.log_likelihood for step in climb.trace]
    assert all(later > earlier for earlier, later in pairwise(one_by_one))


def test_a_second_look_finds_regrafts_whose_three_lengths_say_no() -> None:
    """Climbs that have ended: some go on by regrafts that gain only once lengths elsewhere follow."""
    gains = []
    for seed in range(12):
        likelihood = likelihood_of(simulated(14, 60, seed), "HKY{4}+F{.31,.27,.12,.3}")
        climb = Climb(likelihood, random_tree(likelihood.taxa, np.random.default_rng(seed)), stages=("nni", "spr"))
        climb.run()
        assert not climb.regraft_round(climb.radius)
        before, n_steps = climb.log_likelihood, len(climb.trace)
        found = climb.second_look()
        gains.append(climb.log_likelihood - before)
        assert climb.log_likelihood == pytest.approx(likelihood.evaluate(climb.tree).log_likelihood, abs=1e-7)
        assert found == (gains[-1] > 1e-3) == (len(climb.trace) > n_steps)
        if found:
            assert climb.trace[-1].gain == pytest.approx(gains[-1], abs=1e-9)
    assert min(gains) >= 0.0
    assert max(gains) > 0.1


def test_a_second_look_keeps_a_constraint() -> None:
    likelihood = likelihood_of(simulated(14, 60, 9), "HKY{4}+F{.31,.27,.12,.3}")
    start = random_tree(likelihood.taxa, np.random.default_rng(9))
    constraint = read_constraint(start, likelihood.taxa)
    climb = Climb(likelihood, start, stages=("nni", "spr"), constraint=constraint)
    assert not climb.second_look()
    assert splits(climb.tree) == splits(start)


@given(st.integers(4, 12), st.integers(0, 2**32))
@settings(max_examples=20)
def test_topologies_are_the_splits_of_a_tree(n_taxa: int, seed: int) -> None:
    tree = random_tree(tuple("abcdefghijkl"[:n_taxa]), np.random.default_rng(seed))
    named = {frozenset(tree.taxa[k] for k in range(n_taxa) if group >> k & 1) for group in topology_of(tree)}
    assert named == splits(tree)
    assert len(named) == n_taxa - 3


def test_runs_are_gathered_by_topology() -> None:
    trees = [random_tree(tuple("abcdef"), np.random.default_rng(seed)) for seed in (1, 2)]
    assert topology_of(trees[0]) != topology_of(trees[1])
    runs = [Run(0, "bionj", -5.0, trees[0]), Run(1, "random", -4.0, trees[1]), Run(2, "kick", -4.5, trees[0])]
    found = distinct_optima(runs)
    assert [(optimum.log_likelihood, optimum.n_runs) for optimum in found] == [(-4.0, 1), (-4.5, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_kicks_keep_a_constraint(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(tuple("abcdefgh"), rng)
    constraint = read_constraint(tree, tree.taxa)
    assert splits(kicked(tree, rng, 1.0, constraint)) == splits(tree)
    assert splits(kicked(tree, rng, 1.0)) != splits(tree)
