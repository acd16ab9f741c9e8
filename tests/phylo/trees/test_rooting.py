"""Roots: distances, splits and the labels of splits stay as they are, wherever a tree is picked up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import UsageError
from genem.io.trees.newick import format_newick, parse_newick
from genem.phylo import root_at_midpoint, root_at_outgroup
from genem.phylo.trees.rooting import NoGroupError
from genem.phylo.trees.topology import relabelled, subtree_taxa
from tests.phylo.cases import random_tree


def distances(tree: Tree) -> NDArray[np.float64]:
    """Between all taxa in the order of their names: what lies below just one of the two."""
    below = subtree_taxa(tree)[:-1, np.argsort(np.array(tree.taxa))]
    apart = below[:, :, None] != below[:, None, :]
    total: NDArray[np.float64] = (apart * tree.length[:-1, None, None]).sum(axis=0)
    return total


def split_labels(tree: Tree) -> dict[frozenset[frozenset[str]], str]:
    """The label of every split that is not a single taxon's, as two sets of names."""
    below = subtree_taxa(tree)
    names = np.array(tree.taxa)
    found: dict[frozenset[frozenset[str]], str] = {}
    for node in range(len(tree.taxa), len(tree) - 1):
        sides = frozenset([frozenset(names[below[node]].tolist()), frozenset(names[~below[node]].tolist())])
        if min(map(len, sides)) > 1:
            found[sides] = found.get(sides) or tree.name(node)
    return found


@st.composite
def labelled_trees(draw: st.DrawFn) -> Tree:
    """Trees with a label of its own on every inner edge; some are rooted, some edges have length 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tree = random_tree(rng, draw(st.integers(2, 12)), multifurcating=draw(st.sampled_from([0.0, 0.3])))
    lengths = np.where(rng.random(len(tree)) < draw(st.sampled_from([0.0, 0.3, 1.0])), 0.0, tree.length)
    labels = tuple(f"n{node}" for node in range(len(tree.labels) - 1))
    tree = replace(tree, length=np.append(lengths[:-1], 0.0), labels=(*labels, "top"))
    return root_at_outgroup(tree, [tree.taxa[0]]) if len(tree.taxa) > 2 and draw(st.booleans()) else tree


@given(labelled_trees())
def test_the_midpoint_changes_nothing_but_the_root(tree: Tree) -> None:
    rooted = root_at_midpoint(tree)
    assert rooted.taxa == tree.taxa
    assert len(rooted.children()[rooted.top]) == 2
    np.testing.assert_allclose(distances(rooted), distances(tree), rtol=1e-12, atol=1e-12)
    assert split_labels(rooted) == split_labels(tree)
    if tree.length.any():
        depth = np.zeros(len(rooted))
        for node in reversed(range(len(rooted) - 1)):
            depth[node] = depth[rooted.parent[node]] + rooted.length[node]
        longest = distances(tree).max()
        np.testing.assert_allclose(depth[: len(tree.taxa)].max(), 0.5 * longest, rtol=1e-12)


@given(labelled_trees(), st.randoms(use_true_random=False))
def test_the_midpoint_does_not_depend_on_the_order_of_nodes(tree: Tree, random: object) -> None:
    names = list(tree.taxa)
    random.shuffle(names)  # type: ignore[attr-defined]
    one, other = root_at_midpoint(tree), root_at_midpoint(parse_newick(format_newick(relabelled(tree, names))))
    assert clades(one) == clades(other)


@given(labelled_trees(), st.data())
def test_every_edge_can_be_the_root(tree: Tree, data: st.DataObject) -> None:
    below = subtree_taxa(tree)
    node = data.draw(st.integers(0, len(tree) - 2))
    outgroup = [name for name, inside in zip(tree.taxa, below[node], strict=True) if inside]
    if data.draw(st.booleans()):
        outgroup = [name for name in tree.taxa if name not in outgroup]
    rooted = root_at_outgroup(tree, outgroup)
    assert frozenset(outgroup) in clades(rooted)
    assert frozenset(set(tree.taxa) - set(outgroup)) in clades(rooted)
    np.testing.assert_allclose(distances(rooted), distances(tree), rtol=1e-12, atol=1e-12)
    assert split_labels(rooted) == split_labels(tree)
    one, other = rooted.children()[rooted.top]
    assert rooted.length[one] == pytest.approx(rooted.length[other])


@given(labelled_trees(), st.data())
def test_what_is_no_group_is_refused(tree: Tree, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(tree.taxa), min_size=1, max_size=len(tree.taxa) - 1, unique=True))
    groups = {frozenset(side) for side in sides_of(tree)}
    if frozenset(names) in groups:
        root_at_outgroup(tree, names)
    else:
        with pytest.raises(NoGroupError, match="is no group of the unrooted tree"):
            root_at_outgroup(tree, names)


def sides_of(tree: Tree) -> list[set[str]]:
    below = subtree_taxa(tree)[:-1]
    return [{name for name, there in zip(tree.taxa, row, strict=True) if there} for row in [*below, *~below]]


def clades(tree: Tree) -> set[frozenset[str]]:
    return {
        frozenset(name for name, there in zip(tree.taxa, row, strict=True) if there) for row in subtree_taxa(tree)[:-1]
    }


def test_labels_go_with_their_edges() -> None:
    """The path from the old top to the new one turns round; all other labels stay."""
    tree = parse_newick("(a:1,b:1,((c:1,d:1)cd:1,(e:1,f:1)ef:1)cdef:1)old;")
    rooted = root_at_outgroup(tree, ["c", "d"])
    assert format_newick(rooted) == "((c:1.0,d:1.0)cd:0.5,((a:1.0,b:1.0)cdef:1.0,(e:1.0,f:1.0)ef:1.0)cd:0.5);"


def test_a_root_is_forgotten_with_both_halves_of_its_edge() -> None:
    tree = parse_newick("((a:1,b:1)90:2,((c:1,d:1)70:1,e:1)90:3);")
    assert format_newick(root_at_outgroup(tree, ["e"])) == "(e:0.5,((a:1.0,b:1.0)90:5.0,(c:1.0,d:1.0)70:1.0):0.5);"
    half = parse_newick("((a:1,b:1)90:2,((c:1,d:1)70:1,e:1));")
    assert format_newick(root_at_outgroup(half, ["a", "b"])).count(")90:1.0") == 2


def test_the_support_of_a_rooted_taxon_comes_back() -> None:
    tree = parse_newick("(a:1,((b:1,c:1)80:1,d:1)100:1);")
    assert format_newick(root_at_outgroup(tree, ["a"])) == format_newick(tree)


def test_equal_paths_are_told_apart_by_name() -> None:
    assert format_newick(root_at_midpoint(parse_newick("(d:1,c:1,b:1,a:1);"))) == "(b:1.0,(d:1.0,c:1.0,a:1.0):0.0);"


@pytest.mark.parametrize("length", ["", ":0"])
def test_without_lengths_edges_are_counted(length: str) -> None:
    tree = parse_newick("(a,(b,(c,(d,(e,(f,g))))))".replace(",", length + ",").replace(")", length + ")") + ";")
    rooted = root_at_midpoint(tree)
    assert {frozenset("abcd"), frozenset("efg")} <= clades(rooted)
    np.testing.assert_array_equal(rooted.length[:-1], float(length.lstrip(":") or "nan"))


def test_negative_and_missing_lengths_count_as_nothing() -> None:
    tree = parse_newick("(a:2,b:9,(c:1,d)x:1);")
    tree = replace(tree, length=np.where(tree.length == 9.0, -9.0, tree.length))
    rooted = root_at_midpoint(tree)
    assert frozenset("a") in clades(rooted)
    np.testing.assert_array_equal(np.sort(rooted.length), np.sort([2.0, 0.0, -9.0, 1.0, np.nan, 1.0, 0.0]))


def test_nodes_in_passing_are_left_out() -> None:
    tree = parse_newick("(((((a:1,b:1)95:1):1):1,c:1));")
    assert format_newick(root_at_outgroup(tree, ["c"])) == "(c:2.0,(a:1.0,b:1.0)95:2.0);"


@pytest.mark.parametrize("text", [";", "(a:1);", "a;"])
def test_a_single_taxon_has_no_midpoint(text: str) -> None:
    assert format_newick(root_at_midpoint(parse_newick(text))) == format_newick(parse_newick(text))


@pytest.mark.parametrize(
    ("outgroup", "message"),
    [
        ([], "the outgroup is empty"),
        (["Pann"], r"no taxon 'Pann' in the tree.*did you mean 'Pan'\?"),
        (["Xyz_12"], "no taxon 'Xyz_12' in the tree, as which the outgroup names it$"),
        (["Pan", "Homo", "Gorilla", "Pongo", "Hylobates", "Lemur"], "is all taxa of the tree"),
        (["Pan", "Lemur"], "'Pan', 'Lemur' is no group of the unrooted tree: 'Lemur' lies among the others"),
        (["Pan", "Gorilla"], "'Pan', 'Gorilla' is no group of the unrooted tree: 'Homo' lies among them"),
    ],
)
def test_refusals(outgroup: list[str], message: str) -> None:
    tree = parse_newick("(((Homo,Pan),Gorilla),Pongo,(Hylobates,Lemur));")
    with pytest.raises(UsageError, match=message):
        root_at_outgroup(tree, outgroup)


def test_a_deep_tree_needs_no_recursion() -> None:
    depth = 2000
    tree = parse_newick("(" * depth + "a:1" + "".join(f",t{number}:1):1" for number in range(depth)) + ";")
    assert len(root_at_midpoint(tree).taxa) == depth + 1
