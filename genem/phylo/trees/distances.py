"""Distances between trees: by their splits, and by the lengths of their edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.trees.splits import RESOLVED, SplitTable, split_table
from genem.phylo.trees.splits_kernels import compare_pairs

__all__ = ["TreeDistances", "compare_trees", "robinson_foulds"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class TreeDistances:
    """Distances of pairs of trees.

    Attributes
    ----------
    robinson_foulds
        int64 (pair,): inner splits that one of the two trees has and the other has not (Robinson & Foulds 1981,
        doi:10.1016/0025-5564(81)90043-2).
    normalised
        float64 (pair,): that number over the inner splits of both trees; 0 where neither has any.
    weighted
        float64 (pair,): absolute differences of the lengths of all edges, tips included, added up; an edge that is not
        there has length 0 (Robinson & Foulds 1979, doi:10.1007/BFb0102690). NaN where a length is missing.
    branch_score
        float64 (pair,): root of the sum of their squares (Kuhner & Felsenstein 1994,
        doi:10.1093/oxfordjournals.molbev.a040126).
    """

    robinson_foulds: NDArray[np.int64]
    normalised: Vector
    weighted: Vector
    branch_score: Vector

    def __len__(self) -> int:
        return len(self.robinson_foulds)


def compare_trees(table: SplitTable, first: NDArray[np.integer], second: NDArray[np.integer]) -> TreeDistances:
    """Distances of pairs of trees.

    Parameters
    ----------
    table
        The splits of the trees (see :func:`split_table`).
    first, second
        int (pair,): numbers of the trees to compare, from 0.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree, star_tree
    >>> taxa = ("a", "b", "c", "d")
    >>> other = build_tree(taxa, [4, 4, 5, 5, 5, -1], [1.0, 1.0, 1.0, 3.0, 0.5, 0.0])
    >>> found = compare_trees(split_table([star_tree(taxa, 1.0), other]), np.array([0]), np.array([1]))
    >>> found.robinson_foulds, found.normalised, found.weighted, found.branch_score
    (array([1]), array([1.]), array([2.5]), array([2.06155281]))
    """
    counts, sums = np.empty((len(first), 2), np.int64), np.empty((len(first), 2))
    rows = (np.asarray(first, np.int64), np.asarray(second, np.int64))
    compare_pairs(table.start, table.split, table.length, table.inner, *rows, counts, sums)
    alone, total = counts.T
    return TreeDistances(alone.copy(), alone / np.maximum(total, 1), sums[:, 0].copy(), sums[:, 1].copy())


def robinson_foulds(first: Tree, second: Tree, shortest: float = RESOLVED) -> int:
    """Inner splits that one of two trees has and the other has not.

    Parameters
    ----------
    one, other
        Of the same taxa, rooted or not.
    shortest
        Inner edges below this length are no splits.

    Raises
    ------
    InputError
        The trees have different taxa.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> taxa = ("a", "b", "c", "d")
    >>> tree = build_tree(taxa, [4, 4, 5, 5, 5, -1], [1.0] * 6)
    >>> robinson_foulds(tree, build_tree(taxa, [4, 5, 4, 5, 5, -1], [1.0] * 6))
    2
    """
    table = split_table([first, second], shortest)
    return int(compare_trees(table, np.array([0]), np.array([1])).robinson_foulds[0])
