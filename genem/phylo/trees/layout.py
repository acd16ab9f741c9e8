"""Layout of a drawn tree: the order of its taxa, its nodes, and the labels that find room beside edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.trees.rooting import root_at_midpoint

__all__ = ["Boxes", "TreeLayout", "lay_out", "place_labels"]


@dataclass(frozen=True)
class TreeLayout:
    """A tree on paper, its top at the left, a row for every taxon.

    Attributes
    ----------
    tree
        As drawn: an unrooted one perhaps with a root in its midpoint.
    x
        float64 (node,): distance to the top, in substitutions per site or, of a cladogram, as a share of the width.
    y
        float64 (node,): row, counted from 0 at the upper edge.
    is_phylogram
        Distances are lengths; otherwise only the splits are shown, all taxa at the same distance.
    notes
        What a reader has to know: that a root is an assumption, that lengths are missing.
    """

    tree: Tree
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    is_phylogram: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Boxes:
    """Rectangles with sides parallel to the axes; lines are rectangles of no width or no height.

    Attributes
    ----------
    left, right, top, bottom
        float64 (box,): with ``left <= right`` and ``top <= bottom``, for rows are counted downwards.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]

    def hit(self, left: float, right: float, top: float, bottom: float) -> bool:
        """Whether a rectangle has more than its rim in common with one of these."""
        return bool(np.any((self.left < right) & (self.right > left) & (self.top < bottom) & (self.bottom > top)))


def lay_out(tree: Tree, *, midpoint: bool = True) -> TreeLayout:
    """Find a place for every node.

    Of the children of a node those with more taxa come first, among equals those with the first taxon by name: the
    picture depends on nothing but the tree. An inner node is half way between its first and its last child. Lengths
    that are missing or negative are drawn as 0; a tree without any length greater than 0 becomes a cladogram.

    Parameters
    ----------
    tree
        Rooted, or unrooted with three or more children at its top.
    midpoint
        Root an unrooted tree of more than three taxa at its midpoint.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> layout = lay_out(build_tree(("a", "b", "c"), [4, 3, 3, 4, -1], [1.0, 1.0, 1.0, 0.5, 0.0]))
    >>> layout.x, layout.y
    (array([1. , 1.5, 1.5, 0.5, 0. ]), array([2.  , 0.  , 1.  , 0.5 , 1.25]))
    """
    length = np.where(np.isfinite(tree.length[:-1]), tree.length[:-1], 0.0)
    notes = _notes_on_lengths(tree, length)
    shown = tree
    if midpoint and len(tree.taxa) > 3 and len(tree.children()[tree.top]) > 2:
        shown = root_at_midpoint(tree)
        notes.insert(0, "unrooted: drawn from the midpoint of its longest path")
    is_phylogram = bool(np.any(length > 0.0))
    x = _distances_to_the_top(shown) if is_phylogram else _levels(shown)
    return TreeLayout(shown, x, _rows(shown), is_phylogram, tuple(notes))


def place_labels(
    nodes: Sequence[int],
    widths: Sequence[float],
    height: float,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    taken: Boxes,
    *,
    gap: float = 1.5,
) -> dict[int, tuple[float, float]]:
    """Find places for the labels of inner nodes where they cover no line, no name and no other label.

    A label stands above the edge of its node, ending there; else below the edge; else to the right of the node.

    Parameters
    ----------
    nodes
        Those that have labels.
    widths, height
        Of the labels; like all distances here in points.
    x, y
        float64 (node,): places of the nodes.
    taken
        Where there are lines and names.
    gap
        Between a label and its edge or node.

    Returns
    -------
    dict
        By node: the left end and the middle of the height of its label. Nodes whose label finds no room are not in it.
    """
    found: dict[int, tuple[float, float]] = {}
    for node, width in zip(nodes, widths, strict=True):
        beside = x[node] - width - gap
        places = (
            (beside, y[node] - gap - 0.5 * height),
            (beside, y[node] + gap + 0.5 * height),
            (x[node] + 2.0 * gap, y[node]),
        )
        for left, middle in places:
            box = left, left + width, middle - 0.5 * height, middle + 0.5 * height
            if not taken.hit(*box):
                found[node] = float(left), float(middle)
                taken = Boxes(
                    *(
                        np.append(side, value)
                        for side, value in zip((taken.left, taken.right, taken.top, taken.bottom), box, strict=True)
                    )
                )
                break
    return found


def _notes_on_lengths(tree: Tree, length: NDArray[np.float64]) -> list[str]:
    n_missing = int(np.count_nonzero(~np.isfinite(tree.length[:-1])))
    n_negative = int(np.count_nonzero(length < 0.0))
    if not np.any(length > 0.0):
        if n_missing < len(length):
            return ["no length is greater than 0: only the splits are shown"]
        return ["no lengths: only the splits are shown"] if len(tree.taxa) > 1 else []
    notes = []
    if n_missing:
        notes.append(f"{n_missing} of {len(length)} edges have no length and are drawn as 0")
    if n_negative:
        notes.append(f"{n_negative} of {len(length)} lengths are negative and are drawn as 0")
    return notes


def _distances_to_the_top(tree: Tree) -> NDArray[np.float64]:
    length = np.where(np.isfinite(tree.length), np.maximum(tree.length, 0.0), 0.0)
    x = np.zeros(len(tree))
    for node in reversed(range(len(tree) - 1)):
        x[node] = x[tree.parent[node]] + length[node]
    return x


def _levels(tree: Tree) -> NDArray[np.float64]:
    """Taxa at 1, every other node left of its children by as much as the longest chain of nodes below it."""
    level = np.zeros(len(tree))
    for node in range(len(tree) - 1):
        level[tree.parent[node]] = max(level[tree.parent[node]], level[node] + 1.0)
    x: NDArray[np.float64] = (level[-1] - level) / max(level[-1], 1.0)
    return x


def _rows(tree: Tree) -> NDArray[np.float64]:
    n_taxa = len(tree.taxa)
    size = np.array([1] * n_taxa + [0] * (len(tree) - n_taxa))
    rank = np.full(len(tree), n_taxa)
    rank[sorted(range(n_taxa), key=tree.taxa.__getitem__)] = np.arange(n_taxa)
    for node, above in enumerate(tree.parent[:-1].tolist()):
        size[above] += size[node]
        rank[above] = min(rank[above], rank[node])
    children = [sorted(below, key=lambda node: (-size[node], rank[node])) for below in tree.children()]
    y = np.zeros(len(tree))
    row, stack = 0, [tree.top]
    while stack:
        node = stack.pop()
        if node < n_taxa:
            y[node] = row
            row += 1
        stack.extend(reversed(children[node]))
    for node in range(n_taxa, len(tree)):
        if children[node]:
            y[node] = 0.5 * (y[children[node][0]] + y[children[node][-1]])
    return y
