"""Consensus of trees, and shares as supports."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Tree
from genem.errors import InputError, UsageError
from genem.io.trees.newick import format_newick, parse_newick
from genem.phylo import (
    canonical,
    consensus,
    mapped_shares,
    node_supports,
    robinson_foulds,
    split_shares,
    split_table,
    star_tree,
)
from tests.phylo.trees.test_distances import drawn
from tests.reference.phylo_support import inner, shares, splits_by_cutting

SEEDS = st.lists(st.integers(0, 60), min_size=1, max_size=7)
"""So few seeds that trees come several times."""


def sides(tree: Tree) -> frozenset[frozenset[str]]:
    return inner(splits_by_cutting(tree), len(tree.taxa))


@settings(max_examples=40)
@given(SEEDS, st.integers(4, 6), st.sampled_from([0.5, 0.6, 0.75]))
def test_the_majority_are_the_splits_of_enough_trees(seeds: list[int], n_taxa: int, min_share: float) -> None:
    trees = [drawn(seed, n_taxa) for seed in seeds]
    found = consensus(trees, min_share=min_share, shortest=0.0)
    counted = shares(trees)
    assert sides(found.tree) == {side for side, share in counted.items() if share > min_share + 1e-9}
    assert found.n_trees == len(trees)
    assert found.n_splits == len(counted)


@settings(max_examples=40)
@given(SEEDS, st.integers(4, 6))
def test_strict_within_majority_within_greedy(seeds: list[int], n_taxa: int) -> None:
    trees = [drawn(seed, n_taxa) for seed in seeds]
    strict, majority, greedy = (
        sides(consensus(trees, rule=rule, shortest=0.0).tree) for rule in ("strict", "majority", "greedy")
    )
    counted = shares(trees)
    assert strict == {side for side, share in counted.items() if share > 1.0 - 1e-9}
    assert strict <= majority <= greedy
    for side in counted.keys() - greedy:  # whatever is left out contradicts something as frequent
        against = [other for other in greedy if side & other and side - other and other - side]
        assert max(counted[other] for other in against) >= counted[side] - 1e-9


@settings(max_examples=20)
@given(SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_trees_makes_no_difference(seeds: list[int], random: object) -> None:
    trees = [drawn(seed, 6) for seed in seeds]
    shuffled = list(trees)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = consensus(trees, rule="greedy"), consensus(shuffled, rule="greedy")
    assert one.tree.labels == other.tree.labels
    assert one.tree.parent.tolist() == other.tree.parent.tolist()
    assert one.tree.length == pytest.approx(other.tree.length)


@given(st.integers(0, 2**32), st.integers(2, 8))
def test_the_consensus_of_one_tree_is_that_tree(seed: int, n_taxa: int) -> None:
    tree = drawn(seed, n_taxa) if n_taxa > 2 else star_tree(("a", "b"))
    found = consensus([tree, tree], shortest=0.0)
    assert robinson_foulds(found.tree, tree, 0.0) == 0
    assert float(found.tree.length.sum()) == pytest.approx(float(canonical(tree).length.sum()))
    assert set(found.tree.labels) <= {"100", ""}


def test_the_consensus_of_one_taxon() -> None:
    assert format_newick(consensus([star_tree(("a",))] * 2).tree) == "(a);"


def test_lengths_are_means_over_the_trees_that_have_them() -> None:
    trees = [
        parse_newick(text) for text in ("((a:1,b:1):1,c:1,d:1);", "((a:2,b:2):3,c:2,d:2);", "((a:3,c:3):9,b:3,d:3);")
    ]
    assert format_newick(consensus(trees).tree) == "(a:2.0,b:2.0,(c:2.0,d:2.0)67:2.0);"
    trees[1] = parse_newick("((a,b),c,d);")
    assert format_newick(consensus(trees).tree) == "(a:2.0,b:2.0,(c:2.0,d:2.0)67:1.0);"
    assert format_newick(consensus([trees[1]]).tree) == "(a,b,(c,d)100);"


def test_splits_below_one_half_come_in_the_order_of_their_shares() -> None:
    texts = ["((a,b),c,d,e);"] * 4 + ["((a,c),b,d,e);"] * 3 + ["((d,e),a,b,c);"] * 3
    trees = [parse_newick(text) for text in texts]
    assert sides(consensus(trees).tree) == set()
    assert sides(consensus(trees, min_share=0.35).tree) == {frozenset("cde")}
    assert sides(consensus(trees, min_share=0.2).tree) == {frozenset("cde"), frozenset("de")}
    assert sides(consensus(trees, min_share=1.0).tree) == set()


def test_shares_on_a_tree() -> None:
    trees = [parse_newick("((a:1,b:1):1,(c:1,d:1):1,e:1);")] * 3 + [parse_newick("((a:1,c:1):1,(b:1,d:1):1,e:1);")]
    tree = parse_newick("(((a:1,b:1):1,e:1):1,(c:1,d:1):0.5);")
    values = mapped_shares(tree, split_table(trees))
    labels = {tree.taxa[child]: values[tree.parent[child]] for child in range(5)}
    assert labels == {"a": 0.75, "b": 0.75, "e": 0.75, "c": 0.75, "d": 0.75}  # both edges at the root are one
    assert np.isnan(values[[0, 1, 2, 3, 4, tree.top]]).all()


def test_an_edge_of_no_length_has_no_support_and_gives_none() -> None:
    tree = parse_newick("((a:1,b:1):0.0,(c:1,d:1):1,e:1);")
    found = node_supports(tree, split_shares([tree, tree]))
    assert np.isnan(found[5])
    assert found[6] == 1.0
    whole = parse_newick("((a:1,b:1):1,(c:1,d:1):1,e:1);")
    assert node_supports(whole, split_shares([tree, whole]))[5] == 0.5


def test_bad_requests() -> None:
    with pytest.raises(UsageError, match="share of 2"):
        consensus([star_tree(("a", "b"))], min_share=2.0)
    with pytest.raises(InputError, match=r"the tree to label.*with 'c', unlike"):
        mapped_shares(star_tree(("a", "b", "c")), split_table([star_tree(("a", "b"))]))
