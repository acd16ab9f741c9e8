"""Runs gathered by topology."""

from __future__ import annotations

import numpy as np

from genem.phylo import Run
from genem.phylo.searching.starts import random_tree
from genem.phylo.searching.state import distinct_optima
from genem.phylo.trees.splits import topology_of


def test_runs_are_gathered_by_topology() -> None:
    trees = [random_tree(tuple("abcdef"), np.random.default_rng(seed)) for seed in (1, 2)]
    assert topology_of(trees[0]) != topology_of(trees[1])
    runs = [Run(0, "bionj", -5.0, trees[0]), Run(1, "random", -4.0, trees[1]), Run(2, "kick", -4.5, trees[0])]
    found = distinct_optima(runs)
    assert [(optimum.log_likelihood, optimum.n_runs) for optimum in found] == [(-4.0, 1), (-4.5, 2)]
