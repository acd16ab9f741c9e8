"""Splits, distances, consensus and resampling from their definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from genem.data import Tree

Split = frozenset[str]


def splits_by_cutting(tree: Tree, shortest: float = 0.0) -> dict[Split, float]:
    """The taxa that each edge separates from the first one by name, found by cutting it, and its length.

    Edges that separate the same taxa are one; inner ones below ``shortest`` are left out.
    """
    first, everything = min(tree.taxa), frozenset(tree.taxa)
    found: dict[Split, float] = {}
    for cut in range(len(tree) - 1):
        reached, waiting = {cut}, [cut]
        for node in waiting:
            near = [child for child in range(len(tree) - 1) if tree.parent[child] == node]
            near += [int(tree.parent[node])] if node != tree.top else []
            for other in near:
                if {node, other} != {cut, int(tree.parent[cut])} and other not in reached:
                    reached.add(other)
                    waiting.append(other)
        names = frozenset(tree.taxa[node] for node in reached if node < len(tree.taxa))
        side = everything - names if first in names else names
        if side:
            found[side] = found.get(side, 0.0) + float(tree.length[cut])
    return {
        side: length
        for side, length in found.items()
        if not (length < shortest and 1 < len(side) < len(everything) - 1)
    }


def inner(sides: dict[Split, float], n_taxa: int) -> frozenset[Split]:
    return frozenset(side for side in sides if 1 < len(side) < n_taxa - 1)


def distances(one: Tree, other: Tree, shortest: float = 0.0) -> tuple[int, float, float, float]:
    """Robinson-Foulds, the same over all inner splits, weighted, branch score."""
    here, there = splits_by_cutting(one, shortest), splits_by_cutting(other, shortest)
    n_taxa = len(one.taxa)
    alone = len(inner(here, n_taxa) ^ inner(there, n_taxa))
    total = len(inner(here, n_taxa)) + len(inner(there, n_taxa))
    differences = [here.get(side, 0.0) - there.get(side, 0.0) for side in here.keys() | there.keys()]
    weighted = sum(abs(difference) for difference in differences)
    return alone, alone / total if total else 0.0, weighted, math.sqrt(sum(d * d for d in differences))


def shares(trees: Sequence[Tree]) -> dict[Split, float]:
    """The share of trees that have each inner split."""
    found: dict[Split, float] = {}
    for tree in trees:
        for side in inner(splits_by_cutting(tree), len(tree.taxa)):
            found[side] = found.get(side, 0.0) + 1.0 / len(trees)
    return found


def sh_alrt(tree: np.ndarray, others: Sequence[np.ndarray], weights: np.ndarray, margin: float) -> float:
    """Support of an edge from the pattern log-likelihoods of the tree and of both interchanges, one replicate a row
    of ``weights``, the observed weights in the first.
    """
    three = [tree, *others]
    observed = [float(weights[0] @ values) for values in three]
    lead = observed[0] - max(observed[1:])
    n_smaller = 0
    for row in weights[1:]:
        centred = sorted(float(row @ values) - total for values, total in zip(three, observed, strict=True))
        n_smaller += lead > centred[2] - centred[1] + margin
    return n_smaller / (len(weights) - 1)


def best_shares(
    log_pattern: np.ndarray, sides: Sequence[frozenset[Split]], weights: np.ndarray, tie: float
) -> dict[Split, float]:
    """The share of replicates whose best tree has each split; trees within ``tie`` of the best share a replicate.

    Trees with the same splits are one, as good as the best of them.
    """
    found: dict[Split, float] = {}
    for row in weights:
        totals: dict[frozenset[Split], float] = {}
        for resolved, values in zip(sides, log_pattern, strict=True):
            totals[resolved] = max(totals.get(resolved, -math.inf), float(row @ values))
        near = [resolved for resolved, total in totals.items() if total >= max(totals.values()) - tie]
        for resolved in near:
            for side in resolved:
                found[side] = found.get(side, 0.0) + 1.0 / len(near) / len(weights)
    return found
