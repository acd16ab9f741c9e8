"""Splits and distances of trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Tree
from genem.errors import InputError
from genem.io.trees.newick import parse_newick
from genem.phylo import canonical, compare_trees, robinson_foulds, split_table, star_tree, unrooted
from genem.phylo.trees.splits import edge_splits, is_inner, split_lengths
from tests.phylo.cases import random_tree
from tests.reference.phylo_support import distances, splits_by_cutting

SEEDS = st.integers(0, 2**32)


def drawn(seed: int, n_taxa: int) -> Tree:
    """A random tree, multifurcating or not, some inner edges of length 0, its taxa in random order."""
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, n_taxa, multifurcating=float(rng.choice([0.0, 0.3])))
    lengths = np.where(rng.random(len(tree)) < 0.2, 0.0, tree.length)
    lengths[-1] = 0.0
    return replace(tree, length=lengths, taxa=tuple(rng.permutation(tree.taxa).tolist()))


def names_of(split: int, taxa: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for number, name in enumerate(taxa) if split >> number & 1)


@given(SEEDS, st.integers(3, 9))
def test_splits_are_what_cutting_an_edge_separates(seed: int, n_taxa: int) -> None:
    tree = drawn(seed, n_taxa)
    taxa = tuple(sorted(tree.taxa))
    found = {names_of(split, taxa): length for split, length in split_lengths(tree, taxa).items()}
    expected = splits_by_cutting(tree)
    assert found.keys() == expected.keys()
    assert all(found[side] == pytest.approx(length) for side, length in expected.items())


@given(SEEDS)
def test_the_root_plays_no_part(seed: int) -> None:
    tree = drawn(seed, 7)
    taxa = tuple(sorted(tree.taxa))
    assert split_lengths(canonical(tree), taxa) == pytest.approx(split_lengths(tree, taxa))


@pytest.mark.kernel
@settings(max_examples=30)
@given(st.lists(SEEDS, min_size=2, max_size=4), st.integers(3, 8), st.sampled_from([0.0, 0.05]))
def test_distances_follow_their_definitions(seeds: list[int], n_taxa: int, shortest: float) -> None:
    trees = [drawn(seed, n_taxa) for seed in seeds]
    first, second = np.triu_indices(len(trees))
    found = compare_trees(split_table(trees, shortest), first, second)
    for pair, (one, other) in enumerate(zip(first, second, strict=True)):
        expected = distances(trees[one], trees[other], shortest)
        row = (found.robinson_foulds, found.normalised, found.weighted, found.branch_score)
        assert [float(column[pair]) for column in row] == pytest.approx(expected, abs=1e-12)


@pytest.mark.kernel
@given(SEEDS, SEEDS, SEEDS)
def test_distances_are_metrics(a: int, b: int, c: int) -> None:
    trees = [drawn(seed, 6) for seed in (a, b, c)]
    found = compare_trees(split_table(trees, 0.0), np.array([0, 1, 0, 1]), np.array([1, 2, 2, 0]))
    for distance in (found.robinson_foulds, found.weighted, found.branch_score):
        assert distance[2] <= distance[0] + distance[1] + 1e-12
        assert distance[0] == distance[3]
    assert compare_trees(split_table(trees), np.arange(3), np.arange(3)).weighted.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.kernel
def test_bifurcating_trees_without_common_splits_are_at_the_greatest_distance() -> None:
    one, other = parse_newick("((a,b),(c,d),(e,f));"), parse_newick("((a,c),(b,e),(d,f));")
    found = compare_trees(split_table([one, other]), np.array([0]), np.array([1]))
    assert (found.robinson_foulds[0], found.normalised[0]) == (6, 1.0)
    assert np.isnan(found.weighted[0])
    assert np.isnan(found.branch_score[0])


def test_short_inner_edges_are_no_splits_unless_lengths_are_missing() -> None:
    tree = parse_newick("((a:1,b:1):1e-9,c:1,d:1);")
    assert robinson_foulds(tree, star_tree(tuple("abcd"))) == 0
    assert robinson_foulds(tree, star_tree(tuple("abcd")), shortest=0.0) == 1
    assert robinson_foulds(parse_newick("((a,b),c,d);"), star_tree(tuple("abcd"))) == 1


def test_a_rooted_tree_has_the_splits_of_the_unrooted_one() -> None:
    rooted = parse_newick("((a:1,b:2):0.25,(c:1,d:1):0.5);")
    assert robinson_foulds(rooted, unrooted(rooted)) == 0
    table = split_table([rooted, unrooted(rooted)])
    assert compare_trees(table, np.array([0]), np.array([1])).weighted[0] == 0.0
    assert table.counts().tolist() == [2] * 5


def test_many_taxa_are_no_special_case() -> None:
    rng = np.random.default_rng(4)
    taxa = tuple(f"taxon{number:03}" for number in range(150))
    trees = [replace(random_tree(rng, 150), taxa=tuple(rng.permutation(taxa).tolist())) for _ in range(2)]
    assert robinson_foulds(trees[0], trees[0]) == 0
    assert robinson_foulds(*trees) == distances(*trees)[0] > 200


def test_inner_splits_of_few_taxa() -> None:
    star = star_tree(("a", "b", "c"))
    assert not any(is_inner(split, 3) for split in edge_splits(star, star.taxa))
    assert split_table([star_tree(("a",))]).splits == ()
    assert robinson_foulds(star_tree(("a", "b")), star_tree(("b", "a"))) == 0


def test_trees_of_other_taxa_are_refused() -> None:
    trees = [parse_newick("(a,b,c);"), parse_newick("(a,b,(x,y));")]
    with pytest.raises(InputError, match=r"tree 2.*without 'c' and with 'x', 'y'"):
        split_table(trees)
    with pytest.raises(InputError, match="no tree"):
        split_table([])
