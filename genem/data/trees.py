"""Trees with branch lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tree:
    """A phylogeny: nodes in arrays, an edge belongs to the node below it.

    The taxa are the nodes 0 to ``len(taxa) - 1``, the other nodes follow, and every parent has a larger number than
    its children: ascending numbers visit children before parents. The last node is the top. A top with three or more
    children is only the place where an unrooted tree was picked up; with two children the tree is rooted there. Any
    number of children is allowed. A tree of one taxon is a top with a single child, the tree of none a lone top.

    Attributes
    ----------
    taxa
        Names of the taxa, in node order.
    parent
        int64 (node,): -1 for the top.
    length
        float64 (node,): length of the edge to the parent, in expected substitutions per site; NaN where the tree
        has none, 0 for the top.
    labels
        One per node that is not a taxon, in node order: its name or its support, "" where it has none.
    """

    taxa: tuple[str, ...]
    parent: NDArray[np.int64]
    length: NDArray[np.float64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def top(self) -> int:
        return len(self.parent) - 1

    def children(self) -> tuple[tuple[int, ...], ...]:
        """The children of every node, in ascending order."""
        below: list[list[int]] = [[] for _ in range(len(self.parent))]
        for node, parent in enumerate(self.parent[:-1].tolist()):
            below[parent].append(node)
        return tuple(map(tuple, below))

    def name(self, node: int) -> str:
        """Name of a taxon or label of another node."""
        return self.taxa[node] if node < len(self.taxa) else self.labels[node - len(self.taxa)]
