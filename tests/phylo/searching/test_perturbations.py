"""Perturbations of trees."""

from __future__ import annotations

import numpy as np
import pytest

from genem.phylo.searching.perturbations import anneal, interchange_at_random, reweight
from genem.phylo.searching.starts import (
    bionj_tree,
    random_tree,
)
from genem.phylo.trees.constraints import read_constraint, splits
from tests.phylo.cases import is_bifurcating, likelihood_of, simulated

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


def test_perturbations_change_the_tree() -> None:
    likelihood = likelihood_of(simulated(9, 60, 14), "JC")
    tree = bionj_tree(likelihood)
    rng = np.random.default_rng(1)
    assert is_bifurcating(interchange_at_random(tree, rng))
    assert splits(interchange_at_random(tree, rng)) != splits(tree)
    assert is_bifurcating(anneal(likelihood, tree, rng))
    weights = reweight(likelihood, rng).partitions[0].patterns.weight
    assert weights.sum() > likelihood.partitions[0].patterns.weight.sum()


@pytest.mark.parametrize("seed", range(5))
def test_interchanges_at_random_keep_a_constraint(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(tuple("abcdefgh"), rng)
    constraint = read_constraint(tree, tree.taxa)
    assert splits(interchange_at_random(tree, rng, 1.0, constraint)) == splits(tree)
    assert splits(interchange_at_random(tree, rng, 1.0)) != splits(tree)
