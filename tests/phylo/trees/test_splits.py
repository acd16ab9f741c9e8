"""Topologies as sets of splits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.phylo.searching.starts import random_tree
from genem.phylo.trees.constraints import splits
from genem.phylo.trees.splits import topology_of


@given(st.integers(4, 12), st.integers(0, 2**32))
@settings(max_examples=20)
def test_topologies_are_the_splits_of_a_tree(n_taxa: int, seed: int) -> None:
    tree = random_tree(tuple("abcdefghijkl"[:n_taxa]), np.random.default_rng(seed))
    named = {frozenset(tree.taxa[k] for k in range(n_taxa) if group >> k & 1) for group in topology_of(tree)}
    assert named == splits(tree)
    assert len(named) == n_taxa - 3
