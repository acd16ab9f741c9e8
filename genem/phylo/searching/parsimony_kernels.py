"""Parsimony: the number of changes by Fitch's sets, and the growth of a tree taxon by taxon.

A growing tree hangs on a taxon. The set of an edge, seen from below and from above together, holds the states with the
fewest changes there, so that a taxon put on the edge costs one change more where it has none of them, and otherwise
nothing (Fitch 1971, doi:10.2307/2412116).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genem.jit import kernel, summing_kernel


class GrowingTree(NamedTuple):
    """A bifurcating tree that hangs on a taxon, with its sets of states.

    parent, first, second int64 (node,): parent and children, -1 where there is none; the root has one child, first.

    below, above uint32 (node, pattern): sets of states of the data below a node, and of all other data at its parent.
    """

    parent: np.ndarray
    first: np.ndarray
    second: np.ndarray
    below: np.ndarray
    above: np.ndarray


@kernel
def join_sets(first: np.ndarray, second: np.ndarray, target: np.ndarray) -> None:
    """Write by Fitch's rule the states that two sets have in common, or all of both.

    ``first``, ``second`` and ``target`` uint32 (pattern,).
    """
    for pattern in range(len(target)):
        common = first[pattern] & second[pattern]
        target[pattern] = common if common != 0 else first[pattern] | second[pattern]


@summing_kernel
def added_changes(below: np.ndarray, above: np.ndarray, taxon: np.ndarray, weight: np.ndarray) -> float:
    """The changes that a taxon costs on an edge.

    ``below``, ``above`` and ``taxon`` uint32 (pattern,); ``weight`` (pattern,).
    """
    total = 0.0
    for pattern in range(len(weight)):
        common = below[pattern] & above[pattern]
        states = common if common != 0 else below[pattern] | above[pattern]
        total += weight[pattern] if states & taxon[pattern] == 0 else 0.0
    return total


@kernel
def visit(tree: GrowingTree, root: int, order: np.ndarray) -> int:
    """List the nodes but the root, parents first, and return how many there are.

    ``order`` (node,) is filled as far.
    """
    order[0] = tree.first[root]
    n_nodes = 1
    place = 0
    while place < n_nodes:
        node = order[place]
        place += 1
        if tree.first[node] >= 0:
            order[n_nodes], order[n_nodes + 1] = tree.first[node], tree.second[node]
            n_nodes += 2
    return n_nodes


@kernel
def fill_sets(tree: GrowingTree, root: int, order: np.ndarray, n_nodes: int) -> None:
    """Fill the sets of all edges from both sides; those of the taxa are in ``below``.

    ``order`` (node,) as from :func:`visit`.
    """
    for place in range(n_nodes - 1, -1, -1):
        node = order[place]
        if tree.first[node] >= 0:
            join_sets(tree.below[tree.first[node]], tree.below[tree.second[node]], tree.below[node])
    for place in range(n_nodes):
        node = order[place]
        parent = tree.parent[node]
        if parent == root:
            tree.above[node] = tree.below[root]
        else:
            sister = tree.second[parent] if tree.first[parent] == node else tree.first[parent]
            join_sets(tree.above[parent], tree.below[sister], tree.above[node])


@kernel
def best_edge(
    tree: GrowingTree, order: np.ndarray, n_nodes: int, taxon: np.ndarray, weight: np.ndarray, draw: float
) -> int:
    """The node below the cheapest edge; ``draw``, uniform below 1, picks among equals.

    ``order`` (node,) as from :func:`visit`; ``taxon`` uint32 and ``weight`` (pattern,).
    """
    cost = np.empty(n_nodes)
    for place in range(n_nodes):
        node = order[place]
        cost[place] = added_changes(tree.below[node], tree.above[node], taxon, weight)
    least = cost.min()
    n_equal = 0
    for place in range(n_nodes):
        n_equal += cost[place] == least
    skip = int(draw * n_equal)
    for place in range(n_nodes):
        if cost[place] == least:
            if skip == 0:
                return int(order[place])
            skip -= 1
    return int(order[0])


@kernel
def put_on_edge(tree: GrowingTree, node: int, taxon: int, junction: int) -> None:
    """Hang a taxon on the edge above a node."""
    parent = tree.parent[node]
    tree.parent[junction], tree.parent[node], tree.parent[taxon] = parent, junction, junction
    tree.first[junction], tree.second[junction] = node, taxon
    if tree.first[parent] == node:
        tree.first[parent] = junction
    else:
        tree.second[parent] = junction


@kernel
def grow(
    tree: GrowingTree, root: int, added: np.ndarray, next_node: int, weight: np.ndarray, draws: np.ndarray
) -> None:
    """Add taxa one by one, each where it costs the fewest changes.

    Parameters
    ----------
    tree
        With some taxa already, and room for all nodes; changed in place.
    root
        The taxon on which it hangs.
    added
        int64 (added,): the other taxa in the order of their addition.
    next_node
        The first number that is free for a new inner node.
    weight
        float64 (pattern,)
    draws
        float64 (added,): uniform below 1, for ties.
    """
    order = np.empty(len(tree.parent), np.int64)
    for step in range(len(added)):
        n_nodes = visit(tree, root, order)
        fill_sets(tree, root, order, n_nodes)
        taxon = added[step]
        node = best_edge(tree, order, n_nodes, tree.below[taxon], weight, draws[step])
        put_on_edge(tree, node, taxon, next_node + step)
