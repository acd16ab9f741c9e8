"""A bifurcating tree that can be changed: nodes with their neighbours, and the moves of a search."""

from __future__ import annotations

from dataclasses import dataclass

from genem.data import Tree
from genem.phylo.trees.topology import build_tree, canonical

__all__ = ["EditableTree", "Move", "Regraft", "Swap"]


@dataclass(frozen=True)
class Swap:
    """Nearest-neighbour interchange: two subtrees at the ends of an edge change places.

    Attributes
    ----------
    near, far
        The ends of the edge.
    near_subtree, far_subtree
        The neighbours of ``near`` and of ``far`` that change places.
    lengths
        New lengths by pairs of nodes, as they are neighbours afterwards.
    log_likelihood
        What is expected: of the tree with these lengths and all others as they were.
    """

    near: int
    far: int
    near_subtree: int
    far_subtree: int
    lengths: tuple[tuple[int, int, float], ...]
    log_likelihood: float


@dataclass(frozen=True)
class Regraft:
    """Subtree pruning and regrafting: a subtree with the junction that carries it moves to another edge.

    Attributes
    ----------
    subtree, junction
        The first node of the subtree, and its neighbour that moves with it.
    near, far
        The ends of the edge on which the junction is put.
    lengths
        As in :class:`Swap`.
    log_likelihood
        As in :class:`Swap`.
    """

    subtree: int
    junction: int
    near: int
    far: int
    lengths: tuple[tuple[int, int, float], ...]
    log_likelihood: float


Move = Swap | Regraft


class EditableTree:
    """Nodes and their neighbours, with the length of every edge; numbers of nodes stay as they are.

    Parameters
    ----------
    tree
        Unrooted and bifurcating; its numbers of nodes are taken over.
    """

    def __init__(self, tree: Tree) -> None:
        self.taxa = tree.taxa
        self.neighbours: list[dict[int, float]] = [{} for _ in range(len(tree))]
        for node, (parent, length) in enumerate(zip(tree.parent[:-1].tolist(), tree.length.tolist(), strict=False)):
            self._connect(node, parent, length)

    def copy(self) -> EditableTree:
        other = object.__new__(EditableTree)
        other.taxa = self.taxa
        other.neighbours = [dict(near) for near in self.neighbours]
        return other

    def inner_edges(self) -> list[tuple[int, int]]:
        """Edges between nodes that are not taxa, the smaller number first, in ascending order."""
        n_taxa = len(self.taxa)
        return [
            (node, other)
            for node in range(n_taxa, len(self.neighbours))
            for other in sorted(self.neighbours[node])
            if other > node
        ]

    def apply(self, move: Move) -> bool:
        """Make a move, unless moves made before have taken away what it needs; say whether it was made."""
        made = self._swap(move) if isinstance(move, Swap) else self._regraft(move)
        if made:
            for node, other, length in move.lengths:
                if other in self.neighbours[node]:
                    self._connect(node, other, length)
        return made

    def to_tree(self) -> Tree:
        """In standard form (see :func:`canonical`)."""
        parent, length = [-1] * len(self.neighbours), [0.0] * len(self.neighbours)
        (top,) = self.neighbours[0]
        waiting = [top]
        for node in waiting:
            for other, distance in self.neighbours[node].items():
                if other != parent[node]:
                    parent[other], length[other] = node, distance
                    waiting.append(other)
        return canonical(build_tree(self.taxa, parent, length))

    def _connect(self, node: int, other: int, length: float) -> None:
        self.neighbours[node][other] = self.neighbours[other][node] = length

    def _disconnect(self, node: int, other: int) -> float:
        del self.neighbours[other][node]
        return self.neighbours[node].pop(other)

    def _swap(self, move: Swap) -> bool:
        near, far, first, second = move.near, move.far, move.near_subtree, move.far_subtree
        at_near, at_far = self.neighbours[near], self.neighbours[far]
        if far not in at_near or first not in at_near or second not in at_far:
            return False
        self._connect(far, first, self._disconnect(near, first))
        self._connect(near, second, self._disconnect(far, second))
        return True

    def _regraft(self, move: Regraft) -> bool:
        subtree, junction = move.subtree, move.junction
        if subtree not in self.neighbours[junction] or move.far not in self.neighbours[move.near]:
            return False
        if junction in (move.near, move.far) or self._is_behind(move.near, junction, subtree):
            return False
        first, second = (other for other in self.neighbours[junction] if other != subtree)
        self._connect(first, second, self._disconnect(junction, first) + self._disconnect(junction, second))
        length = self._disconnect(move.near, move.far)
        self._connect(junction, move.near, 0.5 * length)
        self._connect(junction, move.far, 0.5 * length)
        return True

    def _is_behind(self, node: int, junction: int, subtree: int) -> bool:
        """Whether a node is in the subtree that begins beyond the edge from junction to subtree."""
        came_from = {subtree: junction}
        waiting = [subtree]
        for current in waiting:
            if current == node:
                return True
            for other in self.neighbours[current]:
                if other != came_from[current]:
                    came_from[other] = current
                    waiting.append(other)
        return False
