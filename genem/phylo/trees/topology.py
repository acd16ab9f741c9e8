"""Trees taken apart and put together: taxa matched by name, roots removed, one standard form for every tree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import InputError

__all__ = ["build_tree", "canonical", "relabelled", "star_tree", "subtree_bits", "subtree_taxa", "unrooted"]


def build_tree(
    taxa: Sequence[str], parent: Sequence[int], length: Sequence[float], labels: Sequence[str] | None = None
) -> Tree:
    """A tree from nodes in any order, as long as the taxa come first.

    Parameters
    ----------
    taxa
        Names of the nodes 0, 1, ...
    parent
        Parent of every node; -1 for the top.
    length
        Length of the edge to the parent.
    labels
        Of the nodes that are not taxa; none unless given.

    Returns
    -------
    Tree
        Inner nodes are renumbered so that children come before their parents; among nodes that are free to come in
        any order, those met first from the taxa in ascending order come first.

    Raises
    ------
    ValueError
        The nodes do not make one tree.

    Examples
    --------
    >>> build_tree(("a", "b", "c"), [3, 4, 4, -1, 3], [1.0, 2.0, 3.0, 0.0, 5.0]).parent
    array([ 4,  3,  3,  4, -1])
    """
    n_taxa = len(taxa)
    above = np.asarray(parent, dtype=np.int64)
    waiting = np.bincount(above[above >= 0], minlength=len(above))
    order = list(range(n_taxa)) + [node for node in range(n_taxa, len(above)) if waiting[node] == 0]
    for node in order:
        if above[node] >= 0:
            waiting[above[node]] -= 1
            if waiting[above[node]] == 0:
                order.append(int(above[node]))
    if len(order) != len(above) or np.count_nonzero(above < 0) != 1 or above[order[-1]] >= 0:
        raise ValueError(f"{len(above)} nodes do not make one tree")
    number = np.empty(len(above), np.int64)
    number[order] = np.arange(len(order))
    new_parent = np.where(above[order] >= 0, number[above[order]], -1)
    new_labels = tuple(labels[node - n_taxa] for node in order[n_taxa:]) if labels else ("",) * (len(above) - n_taxa)
    lengths = np.asarray(length, dtype=np.float64)[order]
    lengths[-1] = 0.0
    return Tree(tuple(taxa), new_parent, lengths, new_labels)


def star_tree(taxa: Sequence[str], length: float = 0.1) -> Tree:
    """All taxa on one node; the only tree there is for three or fewer."""
    n_taxa = len(taxa)
    return Tree(tuple(taxa), np.append(np.full(n_taxa, n_taxa), -1), np.append(np.full(n_taxa, length), 0.0), ("",))


def relabelled(tree: Tree, taxa: Sequence[str]) -> Tree:
    """The tree with its taxa numbered as in ``taxa``.

    Raises
    ------
    InputError
        The names are not the same.

    Examples
    --------
    >>> relabelled(star_tree(("a", "b", "c")), ("c", "a", "b")).taxa
    ('c', 'a', 'b')
    """
    number = {name: node for node, name in enumerate(tree.taxa)}
    _require_same_names(set(number), set(taxa))
    order = [number[name] for name in taxa] + list(range(len(taxa), len(tree)))
    place = np.empty(len(tree), np.int64)
    place[order] = np.arange(len(tree))
    parent = tree.parent[order]
    return Tree(tuple(taxa), np.where(parent >= 0, place[parent], -1), tree.length[order], tree.labels)


def _require_same_names(in_tree: set[str], in_alignment: set[str]) -> None:
    """The message names both differences."""
    different = []
    for found, place, other_place in (
        (in_tree - in_alignment, "the tree", "the alignment"),
        (in_alignment - in_tree, "the alignment", "the tree"),
    ):
        if found:
            some = ", ".join(map(repr, sorted(found)[:5])) + (" ..." if len(found) > 5 else "")
            different.append(f"{len(found)} taxa of {place} are not in {other_place}: {some}")
    if different:
        raise InputError("; ".join(different), remedy="give both the same taxa, spelled alike")


def unrooted(tree: Tree) -> Tree:
    """Without a root: a top with two children is dissolved, their edges joined; inner nodes of one child as well.

    Two taxa stay on a top of two children, for there is no node to hang them on.
    """
    parent, length = tree.parent.copy(), tree.length.copy()
    children = [list(nodes) for nodes in tree.children()]
    alive = np.ones(len(tree), np.bool_)
    for node in range(len(tree.taxa), len(tree) - 1):
        if len(children[node]) == 1:
            (child,) = children[node]
            parent[child] = parent[node]
            length[child] += length[node]
            siblings = children[parent[node]]
            siblings[siblings.index(node)] = child
            alive[node] = False
    top = len(tree) - 1
    inner = [child for child in children[top] if child >= len(tree.taxa)]
    while len(children[top]) == 1 and inner:
        alive[top] = False
        (top,) = inner
        inner = [child for child in children[top] if child >= len(tree.taxa)]
    if len(children[top]) == 2 and inner:
        kept = inner[-1]
        other = children[top][0] if children[top][1] == kept else children[top][1]
        parent[other] = kept
        length[other] += length[kept]
        alive[top] = False
        top = kept
    parent[top] = -1
    return _without_dead(tree, parent, length, alive)


def _without_dead(tree: Tree, parent: NDArray[np.int64], length: NDArray[np.float64], alive: NDArray[np.bool_]) -> Tree:
    number = np.cumsum(alive) - 1
    above = np.where(parent >= 0, number[parent], -1)[alive]
    labels = [label for label, kept in zip(tree.labels, alive[len(tree.taxa) :], strict=True) if kept]
    return build_tree(tree.taxa, above.tolist(), length[alive].tolist(), labels)


def subtree_taxa(tree: Tree) -> NDArray[np.bool_]:
    """bool (node, taxon): which taxa are below every node."""
    below = np.zeros((len(tree), len(tree.taxa)), np.bool_)
    below[np.arange(len(tree.taxa)), np.arange(len(tree.taxa))] = True
    for node in range(len(tree) - 1):
        below[tree.parent[node]] |= below[node]
    return below


def subtree_bits(tree: Tree) -> list[int]:
    """The taxa below every node as the bits of a number: a set that is quick to compare."""
    below = [1 << taxon for taxon in range(len(tree.taxa))] + [0] * (len(tree) - len(tree.taxa))
    for node, parent in enumerate(tree.parent[:-1].tolist()):
        below[parent] |= below[node]
    return below


def canonical(tree: Tree) -> Tree:
    """The same unrooted tree in a form that depends on nothing but the tree.

    Taxa are sorted by name, the top is the neighbour of the first taxon, and inner nodes are numbered in the order in
    which they are completed when the children of each are visited by their first taxon.

    Examples
    --------
    >>> one = build_tree(("b", "a", "d", "c"), [4, 4, 5, 5, 6, 6, -1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0])
    >>> canonical(one).taxa, canonical(one).parent, canonical(one).length
    (('a', 'b', 'c', 'd'), array([ 5,  5,  4,  4,  5, -1]), array([ 2.,  1.,  4.,  3., 11.,  0.]))
    """
    free = unrooted(relabelled(tree, sorted(tree.taxa)))
    n_taxa = len(free.taxa)
    if n_taxa < 3:
        return free
    neighbours: list[list[tuple[int, float]]] = [[] for _ in range(len(free))]
    for node in range(len(free) - 1):
        neighbours[node].append((int(free.parent[node]), float(free.length[node])))
        neighbours[free.parent[node]].append((node, float(free.length[node])))
    top = int(free.parent[0])
    parent, length = np.full(len(free), -1), np.zeros(len(free))
    order = [top]
    for node in order:
        for other, distance in neighbours[node]:
            if other != parent[node]:
                parent[other], length[other] = node, distance
                order.append(other)
    first = np.arange(len(free))
    children: list[list[int]] = [[] for _ in range(len(free))]
    for node in reversed(order):
        if children[node]:
            children[node].sort(key=lambda child: int(first[child]))
            first[node] = first[children[node][0]]
        if parent[node] >= 0:
            children[parent[node]].append(node)
    return _numbered_in_postorder(free, top, parent, length, children)


def _numbered_in_postorder(
    tree: Tree, top: int, parent: NDArray[np.int64], length: NDArray[np.float64], children: list[list[int]]
) -> Tree:
    n_taxa = len(tree.taxa)
    reversed_postorder, stack = [], [top]
    while stack:
        node = stack.pop()
        reversed_postorder.append(node)
        stack.extend(children[node])
    order = list(range(n_taxa)) + [node for node in reversed(reversed_postorder) if node >= n_taxa]
    number = np.empty(len(tree), np.int64)
    number[order] = np.arange(len(tree))
    return Tree(
        tree.taxa,
        np.where(parent[order] >= 0, number[parent[order]], -1),
        length[order],
        tuple(tree.labels[node - n_taxa] for node in order[n_taxa:]),
    )
