"""Splits: what each edge of a tree says about the taxa, however the tree was drawn and wherever it was rooted.

A split is a whole number. The taxa are numbered by name; bit k is set where taxon k is on the side of the edge that
taxon 0 is not on. So the split of one edge is the same number in every tree, sets are compared by ``&``, and of two
splits that can be in one tree either one holds the other or they have nothing in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import InputError
from genem.phylo.trees.topology import subtree_bits

__all__ = [
    "RESOLVED",
    "SplitTable",
    "Topology",
    "edge_splits",
    "is_inner",
    "split_lengths",
    "split_table",
    "topology_of",
]

Topology = frozenset[int]
Vector = NDArray[np.float64]

RESOLVED = 1e-6
"""Length from which an inner edge counts as resolved: a shorter one makes no split of the tree."""


@dataclass(frozen=True)
class SplitTable:
    """The splits of some trees of the same taxa, in the manner of a sparse matrix with a row per tree.

    A split is a whole number: bit k is set where taxon k is on the side of the edge that taxon 0 is not on.

    Attributes
    ----------
    taxa
        Names in ascending order: their numbers.
    splits
        The distinct splits, tips included, in the order in which they were met.
    start
        int64 (tree + 1,): the edges of tree i are those from ``start[i]`` to ``start[i + 1] - 1``.
    split
        int64 (edge,): place in ``splits``, ascending within every tree.
    length
        float64 (edge,): NaN where the tree has none.
    """

    taxa: tuple[str, ...]
    splits: tuple[int, ...]
    start: NDArray[np.int64]
    split: NDArray[np.int64]
    length: Vector

    @property
    def n_trees(self) -> int:
        return len(self.start) - 1

    @property
    def inner(self) -> NDArray[np.bool_]:
        """bool (split,): whether there are two taxa or more on both sides."""
        return np.array([is_inner(split, len(self.taxa)) for split in self.splits], dtype=np.bool_)

    def counts(self) -> NDArray[np.int64]:
        """int64 (split,): trees that have it."""
        return np.bincount(self.split, minlength=len(self.splits))

    def mean_lengths(self) -> Vector:
        """float64 (split,): over the trees that have the split with a length; NaN where none has."""
        known = ~np.isnan(self.length)
        total = np.bincount(self.split[known], self.length[known], minlength=len(self.splits))
        n_known = np.bincount(self.split[known], minlength=len(self.splits))
        mean: Vector = np.where(n_known > 0, total / np.maximum(n_known, 1), np.nan)
        return mean


def is_inner(split: int, n_taxa: int) -> bool:
    """Whether two taxa or more are on both sides.

    Examples
    --------
    >>> [is_inner(split, 4) for split in (0b0010, 0b1100, 0b1110)]
    [False, True, False]
    """
    return 2 <= split.bit_count() <= n_taxa - 2


def edge_splits(tree: Tree, taxa: Sequence[str]) -> list[int]:
    """The split of the edge above every node but the top.

    Parameters
    ----------
    tree
        Rooted or not, with any number of children per node. The two edges at a root have the same split.
    taxa
        Which names have which bits: the same names as those of the tree.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> tree = build_tree(("b", "a", "d", "c"), [4, 4, 5, 5, 5, -1], [1.0] * 6)
    >>> [f"{split:04b}" for split in edge_splits(tree, ("a", "b", "c", "d"))]
    ['0010', '1110', '1000', '0100', '1100']
    """
    bit = {name: 1 << number for number, name in enumerate(taxa)}
    below = [bit[name] for name in tree.taxa] + [0] * (len(tree) - len(tree.taxa))
    for node, parent in enumerate(tree.parent[:-1].tolist()):
        below[parent] |= below[node]
    everything = (1 << len(bit)) - 1
    return [everything ^ taxa_below if taxa_below & 1 else taxa_below for taxa_below in below[:-1]]


def split_lengths(tree: Tree, taxa: Sequence[str]) -> dict[int, float]:
    """The splits of a tree with their lengths; edges in a row, as at a root, are one edge.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> rooted = build_tree(("a", "b", "c", "d"), [4, 4, 5, 5, 6, 6, -1], [1.0, 1.0, 1.0, 1.0, 0.25, 0.5, 0.0])
    >>> split_lengths(rooted, rooted.taxa)[0b1100]
    0.75
    """
    found: dict[int, float] = {}
    for split, length in zip(edge_splits(tree, taxa), tree.length.tolist(), strict=False):
        found[split] = found[split] + length if split in found else length
    found.pop(0, None)  # all taxa below: an edge that separates nothing
    return found


def resolved_splits(lengths: Mapping[int, float], n_taxa: int, shortest: float = RESOLVED) -> frozenset[int]:
    """The inner splits of those that :func:`split_lengths` found, without those of edges that are too short."""
    return frozenset(split for split, length in lengths.items() if is_inner(split, n_taxa) and not length < shortest)


def split_table(trees: Sequence[Tree], shortest: float = RESOLVED) -> SplitTable:
    """The splits of some trees.

    Parameters
    ----------
    trees
        One or more, all of the same taxa.
    shortest
        Inner edges below this length are left out; those without a length stay.

    Raises
    ------
    InputError
        There is no tree, or one has other taxa than the first.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree, star_tree
    >>> taxa = ("a", "b", "c", "d")
    >>> table = split_table([star_tree(taxa), build_tree(taxa, [4, 4, 5, 5, 5, -1], [1.0] * 6)])
    >>> table.splits[-1], table.counts()
    (12, array([2, 2, 2, 2, 1]))
    """
    if not trees:
        raise InputError("no tree", remedy="give at least one")
    taxa = tuple(sorted(trees[0].taxa))
    place: dict[int, int] = {}
    start, split, lengths = [0], [], []
    for number, tree in enumerate(trees, 1):
        require_taxa(tree, taxa, f"tree {number}")
        edges = {
            place.setdefault(name, len(place)): length
            for name, length in split_lengths(tree, taxa).items()
            if not (length < shortest and is_inner(name, len(taxa)))
        }
        ordered = sorted(edges)
        split += ordered
        lengths += [edges[edge] for edge in ordered]
        start.append(len(split))
    return SplitTable(
        taxa, tuple(place), np.array(start, np.int64), np.array(split, np.int64), np.array(lengths, np.float64)
    )


def require_taxa(tree: Tree, taxa: Sequence[str], place: str) -> None:
    """Refuse a tree whose taxa are not these.

    Raises
    ------
    InputError
        It names some that are missing, or there without need.
    """
    found, wanted = set(tree.taxa), set(taxa)
    if found == wanted:
        return
    missing, foreign = sorted(wanted - found), sorted(found - wanted)
    differences = [f"without {_some(missing)}"] * bool(missing) + [f"with {_some(foreign)}"] * bool(foreign)
    raise InputError(
        f"has {len(found)} taxa, {' and '.join(differences)}, unlike the first tree",
        place=place,
        remedy="give trees of the same taxa, spelled alike",
    )


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")


def topology_of(tree: Tree, least: float = RESOLVED) -> Topology:
    """The splits of all inner edges of at least some length: equal sets are equal topologies.

    Taxa are numbered as in the tree, which is in standard form.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> tree = build_tree(("a", "b", "c", "d"), [4, 4, 5, 5, 5, -1], [1.0] * 6)
    >>> [bin(group) for group in topology_of(tree)]
    ['0b1100']
    """
    bits = subtree_bits(tree)
    everything = bits[-1]
    groups = (
        bits[node] ^ (everything if bits[node] & 1 else 0)
        for node in range(len(tree.taxa), len(tree) - 1)
        if tree.length[node] >= least
    )
    return frozenset(group for group in groups if group.bit_count() < len(tree.taxa) - 1)
