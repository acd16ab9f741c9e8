"""Consensus of trees, and how many of them agree with each edge of a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import UsageError
from genem.phylo.trees.splits import (
    RESOLVED,
    SplitTable,
    edge_splits,
    is_inner,
    require_taxa,
    split_lengths,
    split_table,
)
from genem.phylo.trees.topology import build_tree, canonical

__all__ = ["Consensus", "ConsensusRule", "consensus", "node_supports", "percent", "split_shares", "with_labels"]

Vector = NDArray[np.float64]
ConsensusRule = Literal["majority", "strict", "greedy"]


@dataclass(frozen=True)
class Consensus:
    """A tree of what trees have in common.

    Attributes
    ----------
    tree
        In standard form (see :func:`canonical`); lengths are means over the trees that have the edge, labels of
        inner nodes the percentage of trees that do.
    share
        float64 (node,): the share of the trees that have the split above the node; NaN for the top and the tips.
    n_trees
        How many trees there were.
    n_splits
        Distinct inner splits among them.
    """

    tree: Tree
    share: Vector
    n_trees: int
    n_splits: int


def consensus(
    trees: Sequence[Tree] | SplitTable,
    *,
    rule: ConsensusRule = "majority",
    min_share: float = 0.5,
    shortest: float = RESOLVED,
) -> Consensus:
    """The splits that enough trees have, as a tree.

    Parameters
    ----------
    trees
        Of the same taxa, rooted or not: roots play no part. Or their splits.
    rule
        ``majority``: splits of more than ``min_share`` of the trees (Margush & McMorris 1981,
        doi:10.1007/BF02459446); ``strict``: those of all trees; ``greedy``: all splits, the most frequent first, each
        unless it contradicts one that is there already (the extended majority rule).
    min_share
        For ``majority``. Below 0.5 splits may contradict one another: the more frequent ones come first.
    shortest
        Inner edges below this length are no splits.

    Returns
    -------
    Consensus

    Raises
    ------
    InputError
        There is no tree, or the trees have different taxa.
    UsageError
        ``min_share`` is no share.

    Examples
    --------
    >>> taxa = ("a", "b", "c", "d", "e")
    >>> one = build_tree(taxa, [5, 5, 7, 6, 6, 7, 7, -1], [1.0] * 8)
    >>> two = build_tree(taxa, [5, 7, 5, 6, 6, 7, 7, -1], [2.5] * 8)
    >>> found = consensus([one, one, two])
    >>> found.tree.labels, found.tree.length
    (('100', '67', ''), array([1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1. , 0. ]))
    """
    if not 0.0 <= min_share <= 1.0:
        raise UsageError(f"a share of {min_share:g} was asked for; it is from 0 to 1")
    table = trees if isinstance(trees, SplitTable) else split_table(trees, shortest)
    threshold = {"majority": min_share, "strict": 1.0, "greedy": 0.0}[rule]
    share = table.counts() / table.n_trees
    inner = np.flatnonzero(table.inner)
    order = sorted(inner.tolist(), key=lambda place: (-share[place], table.splits[place]))
    frequent = [place for place in order if share[place] > threshold or share[place] == 1.0]
    chosen = _compatible([table.splits[place] for place in frequent], len(table.taxa))
    place_of = {split: place for place, split in enumerate(table.splits)}
    mean = table.mean_lengths()
    lengths = {split: float(mean[place]) for split, place in place_of.items()}
    tree = tree_of_splits(table.taxa, chosen, lengths)
    supports = node_supports(tree, {split: float(share[place_of[split]]) for split in chosen})
    return Consensus(with_labels(tree, map(percent, supports)), supports, table.n_trees, len(inner))


def _compatible(splits: Iterable[int], n_taxa: int) -> list[int]:
    """The splits that contradict none before them."""
    chosen: list[int] = []
    for split in splits:
        if len(chosen) == n_taxa - 3:
            break
        if all(split & other in (0, split, other) for other in chosen):
            chosen.append(split)
    return chosen


def tree_of_splits(taxa: Sequence[str], inner: Iterable[int], lengths: dict[int, float]) -> Tree:
    """The tree, in standard form, that has these inner splits and no others.

    Parameters
    ----------
    taxa
        In ascending order.
    inner
        None contradicts another.
    lengths
        Of splits, tips included; edges of others have none.
    """
    n_taxa = len(taxa)
    everything = (1 << n_taxa) - 1
    tips = [1 << taxon for taxon in range(n_taxa)]
    groups = [*tips, *sorted(inner, key=int.bit_count), everything]
    parent = [-1] * len(groups)
    for node, group in enumerate(groups[:-1]):
        first = max(node + 1, n_taxa)
        parent[node] = next(above for above in range(first, len(groups)) if groups[above] & group == group)
    length = [lengths.get(everything ^ group if group & 1 else group, float("nan")) for group in groups]
    if n_taxa == 2:
        length = [0.5 * both for both in length]  # two tips share the one edge there is
    return canonical(build_tree(taxa, parent, length))


def split_shares(trees: Sequence[Tree] | SplitTable, shortest: float = RESOLVED) -> dict[int, float]:
    """The share of trees that have each of their inner splits (see :class:`SplitTable`)."""
    table = trees if isinstance(trees, SplitTable) else split_table(trees, shortest)
    rows = zip(table.splits, (table.counts() / table.n_trees).tolist(), strict=True)
    return {split: share for split, share in rows if is_inner(split, len(table.taxa))}


def node_supports(tree: Tree, shares: dict[int, float], shortest: float = RESOLVED) -> Vector:
    """float64 (node,): values of splits at the edges of a tree.

    Parameters
    ----------
    tree
        Of the same taxa, rooted or not; both children of a root that are no tips get the value of their common edge.
    shares
        By split; 0 for others.
    shortest
        Inner edges below this length have no value.

    Returns
    -------
    ndarray
        NaN for the top, for tips, and for edges that are too short: the tree does not say what they separate.

    Examples
    --------
    >>> taxa = ("a", "b", "c", "d")
    >>> tree = build_tree(taxa, [4, 4, 5, 5, 5, -1], [1.0] * 6)
    >>> node_supports(tree, split_shares([tree, tree]))
    array([nan, nan, nan, nan,  1., nan])
    """
    taxa = sorted(tree.taxa)
    length = split_lengths(tree, taxa)
    values = np.full(len(tree), np.nan)
    for node, split in enumerate(edge_splits(tree, taxa)):
        if is_inner(split, len(taxa)) and node >= len(taxa) and not length[split] < shortest:
            values[node] = shares.get(split, 0.0)
    return values


def mapped_shares(tree: Tree, trees: SplitTable, shortest: float = RESOLVED) -> Vector:
    """float64 (node,): the share of some trees that has each edge of a tree (see :func:`node_supports`).

    Raises
    ------
    InputError
        The tree has other taxa than the trees.
    """
    require_taxa(tree, trees.taxa, "the tree to label")
    return node_supports(tree, split_shares(trees), shortest)


def percent(share: float) -> str:
    """A share as a label: percent without decimals; nothing where it is NaN.

    Examples
    --------
    >>> percent(0.996), percent(2 / 3), percent(float("nan"))
    ('100', '67', '')
    """
    return "" if np.isnan(share) else f"{100.0 * share:.0f}"


def with_labels(tree: Tree, labels: Iterable[str]) -> Tree:
    """The tree with labels by node; those of tips play no part."""
    return replace(tree, labels=tuple(labels)[len(tree.taxa) :])
