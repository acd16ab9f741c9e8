"""Roots of trees: at the midpoint of its longest path, or beside an outgroup.

What is written at an inner node (a support) is about the edge above it. When the root moves, parents become children,
so the label goes with its edge to the node that is below it then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import UsageError
from genem.phylo.trees.topology import build_tree, subtree_taxa

__all__ = ["check_outgroup", "root_at_midpoint", "root_at_outgroup"]

SHOWN = 5
"""Names in a message."""


class NoGroupError(UsageError):
    """No edge of the tree divides the outgroup from all other taxa."""


def root_at_midpoint(tree: Tree) -> Tree:
    """Root a tree in the middle of the longest path between two taxa (Farris 1972).

    This is the root under a molecular clock: it needs no outgroup, and misleads where rates differ between lineages.
    Lengths that are missing or negative count as 0; where no length is greater, as in a tree without lengths, edges
    are counted instead. Among several longest paths names decide, so that the order of nodes does not matter.

    Parameters
    ----------
    tree
        Rooted or not; a root that it has is forgotten.

    Returns
    -------
    Tree
        The top has two children. Taxa keep their numbers, the distances between them are as before. Each label belongs
        to the same split as before, and stands on both sides of the root where that is within its edge; the label of
        the old top is gone, for it is about no edge. Trees of one taxon and of none are returned as they are.

    References
    ----------
    Farris (1972), doi:10.1086/282802

    Examples
    --------
    >>> tree = build_tree(("a", "b", "c", "d"), [4, 4, 5, 5, 5, -1], [1.0, 1.0, 2.0, 7.0, 1.0, 0.0], ("95", ""))
    >>> rooted = root_at_midpoint(tree)
    >>> [[rooted.name(node), float(rooted.length[node])] for node in rooted.children()[rooted.top]]
    [['d', 4.5], ['', 2.5]]
    """
    if len(tree.taxa) < 2:
        return tree
    unrooted = _Unrooted(tree)
    weight = np.nan_to_num(np.maximum(unrooted.length, 0.0))
    if not weight.any():
        weight = np.ones_like(weight)
    by_name = sorted(range(len(tree.taxa)), key=tree.taxa.__getitem__)
    distance, _ = unrooted.distances(by_name[0], weight)
    start = max(by_name, key=distance.__getitem__)
    distance, before = unrooted.distances(start, weight)
    end = max(by_name, key=distance.__getitem__)
    middle, node = 0.5 * distance[end], end
    while distance[before[node]] >= middle:
        node = before[node]
    share = (distance[node] - middle) / (distance[node] - distance[before[node]])
    return unrooted.rooted(node, before[node], share)


def root_at_outgroup(tree: Tree, outgroup: Sequence[str]) -> Tree:
    """Root a tree in the middle of the edge between an outgroup and all other taxa.

    Parameters
    ----------
    tree
        Rooted or not; a root that it has is forgotten.
    outgroup
        Names of taxa, one or more but not all, that an edge of the unrooted tree divides from the others.

    Returns
    -------
    Tree
        As of :func:`root_at_midpoint`.

    Raises
    ------
    NoGroupError
        The outgroup is no group of the unrooted tree; the taxa in the way are named.
    UsageError
        A name is not in the tree (the nearest are named), or the outgroup is empty or everything.

    Examples
    --------
    >>> tree = build_tree(("a", "b", "c", "d"), [4, 4, 5, 5, 5, -1], [1.0, 1.0, 2.0, 7.0, 1.0, 0.0], ("95", ""))
    >>> rooted = root_at_outgroup(tree, ["c", "d"])
    >>> [[rooted.name(node), float(rooted.length[node])] for node in rooted.children()[rooted.top]]
    [['95', 0.5], ['95', 0.5]]
    >>> root_at_outgroup(tree, ["a", "c"])
    Traceback (most recent call last):
        ...
    genem.phylo.trees.rooting.NoGroupError: the outgroup 'a', 'c' is no group of the unrooted tree: ...
    """
    check_outgroup(tree.taxa, outgroup)
    member = np.isin(np.array(tree.taxa), np.array(list(outgroup)))
    below = subtree_taxa(tree)[:-1]
    unrooted = _Unrooted(tree)
    for node, inside in enumerate(below):
        if np.array_equal(inside, member) or np.array_equal(inside, ~member):
            return unrooted.rooted(*unrooted.ends(node), 0.5)
    raise _no_group(tree.taxa, member, below)


class _Unrooted:
    """A tree without its root: nodes with their neighbours, and edges, each with a length and a label.

    Inner nodes with one neighbour or two are left out, the two edges of such a node joined into one.

    Parameters
    ----------
    tree
        Of two taxa or more. An edge has the number of the node that is below it there; edges that were joined are found
        by either number.
    """

    def __init__(self, tree: Tree) -> None:
        self.taxa = tree.taxa
        self.length = tree.length[:-1].copy()
        self.label = [*[""] * len(tree.taxa), *tree.labels[:-1]]
        self.neighbours: list[dict[int, int]] = [{} for _ in range(len(tree))]
        self._joined = list(range(len(tree) - 1))
        for node, above in enumerate(tree.parent[:-1].tolist()):
            self.neighbours[node][above] = self.neighbours[above][node] = node
        for node in [*range(len(tree.taxa), len(tree)), *reversed(range(len(tree.taxa), len(tree)))]:
            self._leave_out_in_passing(node)

    def ends(self, edge: int) -> tuple[int, int]:
        """The nodes that an edge joins."""
        while self._joined[edge] != edge:
            edge = self._joined[edge]
        return next(
            (node, other) for node, near in enumerate(self.neighbours) for other, found in near.items() if found == edge
        )

    def distances(self, start: int, weight: NDArray[np.float64]) -> tuple[dict[int, float], dict[int, int]]:
        """The distance of every node from a start, and the node before it on the way."""
        distance, before = {start: 0.0}, {start: start}
        order = [start]
        for node in order:
            for other, edge in self.neighbours[node].items():
                if other not in before:
                    before[other] = node
                    distance[other] = distance[node] + float(weight[edge])
                    order.append(other)
        return distance, before

    def rooted(self, first: int, second: int, share: float) -> Tree:
        """With the top on the edge between two neighbours, after this share of the way from the first to the second."""
        n_taxa = len(self.taxa)
        split = self.neighbours[first][second]
        parent, length = {first: -1, second: -1}, {first: share * self.length[split]}
        length[second] = self.length[split] - length[first]
        label = {first: self.label[split], second: self.label[split]}
        order = [first, second]
        for node in order:
            for near, edge in self.neighbours[node].items():
                if near not in parent and edge != split:
                    parent[near], length[near], label[near] = node, self.length[edge], self.label[edge]
                    order.append(near)
        nodes = [*range(n_taxa), *(node for node in order if node >= n_taxa)]
        number = {node: k for k, node in enumerate(nodes)} | {-1: len(nodes)}
        return build_tree(
            self.taxa,
            [*(number[parent[node]] for node in nodes), -1],
            [*(length[node] for node in nodes), 0.0],
            [*(label[node] for node in nodes[n_taxa:]), ""],
        )

    def _leave_out_in_passing(self, node: int) -> None:
        """Take out an inner node that has fewer than three neighbours."""
        near = self.neighbours[node]
        if len(near) == 2:
            (node_before, first), (node_after, second) = near.items()
            self.length[first] = _sum(self.length[first], self.length[second])
            self.label[first] = self.label[first] or self.label[second]
            self._joined[second] = first
            self.neighbours[node_before][node_after] = self.neighbours[node_after][node_before] = first
        if len(near) < 3:
            for neighbour in near:
                del self.neighbours[neighbour][node]
            near.clear()


def _sum(first: float, second: float) -> float:
    """The sum of two lengths, either of which may be missing."""
    return first if math.isnan(second) else second if math.isnan(first) else first + second


def check_outgroup(taxa: Sequence[str], outgroup: Sequence[str]) -> None:
    """Refuse names that are no outgroup of any tree of these taxa.

    Raises
    ------
    UsageError
        There is none, one is no taxon, or they are all taxa.
    """
    if not outgroup:
        raise UsageError("the outgroup is empty; name one taxon or more")
    for name in outgroup:
        if name not in taxa:
            near = get_close_matches(name, taxa, n=3)
            found = f"no taxon {name!r} in the tree, as which the outgroup names it"
            raise UsageError(f"{found}; did you mean {' or '.join(map(repr, near))}?" if near else found)
    if set(outgroup) == set(taxa):
        raise UsageError("the outgroup is all taxa of the tree; name those that lie outside of the group of interest")


def _no_group(taxa: Sequence[str], member: NDArray[np.bool_], below: NDArray[np.bool_]) -> NoGroupError:
    """The error that no edge divides these taxa from the others, with the fewest that would have to be elsewhere."""
    sides = np.concatenate([below, ~below])
    amid = [(side & ~member, "among them") for side in sides[np.all(sides >= member, axis=1)]]
    amid += [(side & member, "among the others") for side in sides[np.all(sides >= ~member, axis=1)]]
    intruders, where = min(amid, key=lambda found: int(found[0].sum()))
    return NoGroupError(
        f"the outgroup {_listed(taxa, member)} is no group of the unrooted tree: {_listed(taxa, intruders)} "
        f"{'lies' if intruders.sum() == 1 else 'lie'} {where}; name taxa that one edge divides from all others"
    )


def _listed(taxa: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    names = [repr(name) for name, is_chosen in zip(taxa, chosen, strict=True) if is_chosen]
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
