"""Starting trees: distances, neighbour joining, parsimony, chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.phylo import build_tree, fit_branches, star_tree
from genem.phylo.searching.starts import (
    bionj_tree,
    join_neighbours,
    pairwise_distances,
    parsimony_tree,
    random_resolution,
    random_tree,
)
from genem.phylo.trees.constraints import splits
from tests.phylo.cases import alignment_of, is_bifurcating, likelihood_of, simulated
from tests.reference.phylo_search import all_trees, fitch_changes

MODEL = "HKY{4}+F{.31,.27,.12,.3}+G4{0.6}"


def path_up(tree: Tree, node: int) -> set[int]:
    above = set()
    while tree.parent[node] >= 0:
        above.add(node)
        node = int(tree.parent[node])
    return above


def without(tree: Tree, taxon: str) -> frozenset[frozenset[str]]:
    """The splits that are left when a taxon goes."""
    rest = set(tree.taxa) - {taxon}
    return frozenset(group - {taxon} for group in splits(tree) if 1 < len(group - {taxon}) < len(rest) - 1)


def test_distances_are_those_of_pairs_alone() -> None:
    alignment = simulated(4, 60, 7)
    likelihood = likelihood_of(alignment, MODEL)
    pair = Alignment(alignment.names[:2], alignment.letters[:2], "dna")
    alone = fit_branches(likelihood_of(pair, MODEL), star_tree(("A", "B"))).tree.length.sum()
    assert pairwise_distances(likelihood)[0, 1] == pytest.approx(alone, rel=1e-5)


def test_distances_without_common_sites_are_the_longest() -> None:
    distances = pairwise_distances(likelihood_of(alignment_of(["ACGT--", "----AC", "ACGAAC"]), "JC"))
    assert distances[0, 1] == distances.max() > 0.0


@settings(max_examples=10)
@given(st.integers(4, 9), st.integers(0, 2**32))
def test_neighbour_joining_finds_the_tree_behind_additive_distances(n_taxa: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(tuple(chr(65 + taxon) for taxon in range(n_taxa)), rng)
    tree = replace(tree, length=np.append(rng.uniform(0.1, 1.0, len(tree) - 1), 0.0))
    distances = np.zeros((n_taxa, n_taxa))
    for a in range(n_taxa):
        for b in range(n_taxa):
            up_a, up_b = path_up(tree, a), path_up(tree, b)
            distances[a, b] = sum(tree.length[node] for node in up_a ^ up_b)
    found = join_neighbours(tree.taxa, distances)
    assert splits(found) == splits(tree)
    assert found.length.sum() == pytest.approx(tree.length.sum())


@pytest.mark.kernel
def test_parsimony_adds_a_taxon_where_it_costs_least() -> None:
    alignment = simulated(6, 25, 8)
    likelihood = likelihood_of(alignment, "JC")
    five = Alignment(alignment.names[:5], alignment.letters[:5], "dna")
    backbone = parsimony_tree(likelihood_of(five, "JC"), np.random.default_rng(1))
    grown = parsimony_tree(likelihood, np.random.default_rng(2), backbone=backbone)
    letters = alignment.letters
    restricted = [tree for tree in all_trees(likelihood.taxa) if without(tree, "F") == splits(backbone)]
    assert len(restricted) == 7
    assert fitch_changes(grown, letters) == min(fitch_changes(tree, letters) for tree in restricted)
    assert without(grown, "F") == splits(backbone)


def test_starts_know_nothing_of_the_order_of_sequences() -> None:
    alignment = simulated(8, 40, 9)
    shuffled = Alignment(alignment.names[::-1], alignment.letters[::-1], "dna")
    one, other = likelihood_of(alignment, "JC"), likelihood_of(shuffled, "JC")
    for first, second in (
        (bionj_tree(one), bionj_tree(other)),
        (parsimony_tree(one, np.random.default_rng(5)), parsimony_tree(other, np.random.default_rng(5))),
    ):
        assert first.taxa == second.taxa
        assert np.array_equal(first.parent, second.parent)
        assert np.array_equal(first.length, second.length)


def test_random_trees_are_all_trees() -> None:
    found = {splits(random_tree(("a", "b", "c", "d", "e"), np.random.default_rng(seed))) for seed in range(200)}
    assert found == {splits(tree) for tree in all_trees(("a", "b", "c", "d", "e"))}
    assert len(found) == 15


def test_resolutions_have_the_groups_of_their_tree() -> None:
    tree = build_tree(("A", "B", "C", "D", "E", "F"), [6, 6, 6, 7, 7, 7, 7, -1], [0.1] * 8)
    made = random_resolution(tree, np.random.default_rng(1))
    assert is_bifurcating(made)
    assert splits(tree) < splits(made)
