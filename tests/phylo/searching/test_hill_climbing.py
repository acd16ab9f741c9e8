"""Climbs: interchanges until every edge is settled, second looks at regrafts, constraints."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from genem.phylo.searching.hill_climbing import Climb
from genem.phylo.searching.rearrangements import swaps
from genem.phylo.searching.starts import random_tree
from genem.phylo.trees.constraints import read_constraint, splits
from tests.phylo.cases import likelihood_of
from tests.phylo.searching.test_tree_search import simulated


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
