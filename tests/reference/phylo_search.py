"""All trees of a few taxa, and what a search must find among them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from genem.data import Tree
from genem.phylo import build_tree, canonical


def all_trees(taxa: tuple[str, ...]) -> Iterator[Tree]:
    """Every unrooted bifurcating tree: each taxon on each edge of each tree of the taxa before it."""

    def grow(parent: dict[int, int], taxon: int) -> Iterator[dict[int, int]]:
        if taxon == len(taxa):
            yield parent
            return
        junction = len(taxa) + taxon - 2
        for node in list(parent):
            grown = {**parent, junction: parent[node], node: junction, taxon: junction}
            yield from grow(grown, taxon + 1)

    top = len(taxa)
    for parent in grow({0: top, 1: top, 2: top}, 3):
        above = [parent.get(node, -1) for node in range(2 * len(taxa) - 2)]
        yield canonical(build_tree(taxa, above, [0.1] * len(above)))


def fitch_changes(tree: Tree, letters: np.ndarray) -> int:
    """Fewest changes of single states on a tree: for every site the least over all states of all inner nodes."""
    total = 0
    for site in letters.T:
        cost = np.full((len(tree), 256), np.inf)
        for node in range(len(tree)):
            if node < len(tree.taxa):
                cost[node, site[node]] = 0.0
            else:
                children = np.flatnonzero(tree.parent == node)
                cost[node] = sum(np.minimum(cost[child], cost[child].min() + 1.0) for child in children)
        total += int(cost[-1].min())
    return total


def best_spanning_weight(weight: np.ndarray) -> float:
    """Greatest sum over all sets of edges that span the nodes: by trying all."""
    n_nodes = len(weight)
    pairs = list(combinations(range(n_nodes), 2))
    best = -np.inf
    for edges in combinations(pairs, n_nodes - 1):
        group = list(range(n_nodes))
        for u, v in edges:
            old, new = group[u], group[v]
            group = [new if g == old else g for g in group]
        if len(set(group)) == 1:
            best = max(best, sum(float(weight[u, v]) for u, v in edges))
    return best
