"""Constraint trees: groups of taxa that every tree of a search must have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import InputError
from genem.phylo.trees.topology import subtree_taxa

__all__ = ["Constraint", "read_constraint", "splits"]


@dataclass(frozen=True)
class Constraint:
    """The splits of a constraint tree.

    Attributes
    ----------
    tree
        As given; its taxa may be some of those of the alignment, its nodes may have any number of neighbours.
    side
        int64 (split, taxon): 1 on one side of the split, -1 on the other, 0 for taxa that may be on either.
    """

    tree: Tree
    side: NDArray[np.int64]

    def allows(self, tree: Tree) -> bool:
        """Whether every split of the constraint is one of the tree, whose taxa are numbered as in ``side``."""
        below = subtree_taxa(tree).astype(np.int64)
        ones, others = (self.side == 1).astype(np.int64), (self.side == -1).astype(np.int64)
        ones_below, others_below = below @ ones.T, below @ others.T
        n_ones, n_others = ones.sum(axis=1), others.sum(axis=1)
        agrees = ((ones_below == n_ones) & (others_below == 0)) | ((ones_below == 0) & (others_below == n_others))
        return bool(np.all(np.any(agrees, axis=0)))


def read_constraint(tree: Tree, taxa: tuple[str, ...]) -> Constraint:
    """The constraint that a tree states for an alignment with these taxa.

    Raises
    ------
    InputError
        The tree has taxa that the alignment has not.
    """
    unknown = sorted(set(tree.taxa) - set(taxa))
    if unknown:
        raise InputError(
            f"{len(unknown)} taxa of the constraint tree are not in the alignment: "
            + ", ".join(map(repr, unknown[:5]))
            + (" ..." if len(unknown) > 5 else ""),
            remedy="take them out of the constraint tree, or spell them as in the alignment",
        )
    place = [taxa.index(name) for name in tree.taxa]
    below = subtree_taxa(tree)
    size = below.sum(axis=1)
    rows = np.unique(below[(size > 1) & (size < len(tree.taxa) - 1)], axis=0)
    side = np.zeros((len(rows), len(taxa)), np.int64)
    side[:, place] = np.where(rows, 1, -1)
    return Constraint(tree, side)


def splits(tree: Tree, shortest: float = 0.0) -> frozenset[frozenset[str]]:
    """The topology of an unrooted tree: of every inner edge the side without the first taxon by name.

    Parameters
    ----------
    tree
        With lengths.
    shortest
        Edges below this length do not count: what they separate is not resolved.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> tree = build_tree(("a", "b", "c", "d"), [4, 4, 5, 5, 5, -1], [1.0] * 6)
    >>> [sorted(group) for group in splits(tree)]
    [['c', 'd']]
    """
    below = subtree_taxa(tree)
    first = tree.taxa.index(min(tree.taxa)) if tree.taxa else 0
    groups = set()
    for node in range(len(tree.taxa), len(tree) - 1):
        away = ~below[node] if below[node, first] else below[node]
        if 1 < away.sum() < len(tree.taxa) - 1 and tree.length[node] >= shortest:
            groups.add(frozenset(name for name, is_away in zip(tree.taxa, away, strict=True) if is_away))
    return frozenset(groups)
