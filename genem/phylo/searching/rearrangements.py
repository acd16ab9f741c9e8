"""Neighbours of a tree: all nearest-neighbour interchanges, and regrafts of subtrees within a radius, scored.

Scores come from the partial likelihoods of the tree as it is. Each is the exact log-likelihood of the changed tree with
the few edges around the change at new lengths and all others as they were: a bound from below on what the new tree can
reach.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.numerics.threads import spread
from genem.phylo.likelihood.partial_kernels import Partials
from genem.phylo.likelihood.tree_likelihood import Evaluation, TreeLikelihood, build_topology
from genem.phylo.searching.local_kernels import fit_insertions, fit_swaps, screen_swaps
from genem.phylo.searching.regraft_kernels import FullTree, Walks, leave, list_targets, reverse, score_groups
from genem.phylo.trees.editing import Regraft, Swap

__all__ = ["evaluated", "full_tree", "lengths_around", "list_swaps", "read_swap", "regrafts", "score_targets", "swaps"]

Vector = NDArray[np.float64]

N_GROUPS = 16
"""Chunks are summed in so many parts, whatever the number of threads."""
SWAP_NEWTON, REGRAFT_NEWTON = 6, 6
"""Newton steps on each of the edges around a change."""


def swaps(
    likelihood: TreeLikelihood,
    tree: Tree,
    storage: Partials | None = None,
    *,
    edges: Sequence[int] | None = None,
    margin: float = 5.0,
) -> list[Swap]:
    """Both interchanges at inner edges, best first.

    At first only the edge in the middle is improved; where that comes near enough, all five are.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        Bifurcating, its taxa numbered as in ``likelihood``, at the best lengths known.
    storage
        Room for the partials of all chunks, overwritten.
    edges
        The nodes below the edges to look at; all unless given.
    margin
        All five edges are improved where the log-likelihood falls by no more than this.
    """
    evaluation = evaluated(likelihood, tree, storage)
    full = full_tree(evaluation)
    table = list_swaps(full, edges)
    found = np.empty((len(table), 6))
    spread(likelihood.threads, len(table), lambda _, *part: screen_swaps(full, table, SWAP_NEWTON, found, *part))
    chosen = np.flatnonzero(found[:, 0] > evaluation.log_likelihood - margin)
    spread(likelihood.threads, len(chosen), lambda _, *part: fit_swaps(full, table, chosen, SWAP_NEWTON, found, *part))
    order = np.argsort(-found[:, 0], kind="stable")
    return [read_swap(full, table[row], found[row]) for row in order]


def list_swaps(full: FullTree, edges: Sequence[int] | None = None) -> NDArray[np.int64]:
    """int64 (swap, 5): both interchanges at every inner edge, or at those given, as ``fit_swaps`` takes them."""
    n_nodes = len(full.lengths)
    rows = []
    for node in range(full.shape.n_taxa, n_nodes - 1) if edges is None else edges:
        below, above = leave(full.shape, node), leave(full.shape, node + n_nodes)
        rows.append((above[0], below[1], below[0], above[1], node))
        rows.append((above[1], below[1], above[0], below[0], node))
    return np.array(rows, dtype=np.int64).reshape(-1, 5)


def lengths_around(full: FullTree, rows: NDArray[np.int64]) -> Vector:
    """float64 (swap, 5): lengths in the tree of the edges that a row of :func:`list_swaps` names."""
    around: Vector = full.lengths[rows % len(full.lengths)]
    return around


def read_swap(full: FullTree, row: NDArray[np.int64], found: Vector) -> Swap:
    """The move that a row of :func:`list_swaps` stands for, with what ``fit_swaps`` found.

    Edges 0 and 1 stand together afterwards: 0 came from above, and what went up in its place is 2 or 3.
    """
    node = int(row[4])
    parent = int(full.shape.parent[node])
    ahead = [_node_ahead(full, int(edge)) for edge in row[:4]]
    below = {int(child) for child in leave(full.shape, node)}
    went_up = 2 if int(row[2]) in below else 3
    ends = [(node, ahead[0]), (node, ahead[1]), (parent, ahead[2]), (parent, ahead[3]), (node, parent)]
    lengths = tuple((*end, float(length)) for end, length in zip(ends, found[1:], strict=True))
    return Swap(node, parent, ahead[went_up], ahead[0], lengths, float(found[0]))


def regrafts(
    likelihood: TreeLikelihood,
    tree: Tree,
    radius: int,
    *,
    margin: float = 10.0,
    per_subtree: int = 2,
    storage: Partials | None = None,
) -> list[Regraft]:
    """The most promising moves of subtrees to edges within a radius, best first.

    Every subtree is tried in the middle of every edge; the best edges of each, where they come near enough, are then
    looked at with the three edges around the new junction at their best lengths.

    Parameters
    ----------
    likelihood, tree
        As in :func:`swaps`.
    radius
        Most nodes passed between the old and the new edge.
    margin
        Edges are looked at again where the log-likelihood falls by no more than this.
    per_subtree
        Most edges that are looked at again for one subtree.
    storage
        As in :func:`swaps`.
    """
    evaluation = evaluated(likelihood, tree, storage)
    full = full_tree(evaluation)
    walks = list_walks(full, radius)
    scores = score_targets(likelihood, full, walks)
    chosen = _most_promising(walks, scores, evaluation.log_likelihood - margin, per_subtree)
    found = np.empty((len(chosen), 4))
    spread(
        likelihood.threads,
        len(chosen),
        lambda _, *part: fit_insertions(full, walks, chosen, REGRAFT_NEWTON, found, *part),
    )
    order = np.argsort(-found[:, 0], kind="stable")
    return [_regraft(full, walks, int(chosen[row]), found[row]) for row in order]


def evaluated(likelihood: TreeLikelihood, tree: Tree, storage: Partials | None = None) -> Evaluation:
    """The tree with its partials from both ends of every edge."""
    room = likelihood.storage(len(tree), keep=True) if storage is None else storage
    return likelihood.run(tree, build_topology(tree), likelihood.transitions(tree.length), room, down=True)


def full_tree(evaluation: Evaluation) -> FullTree:
    """The arrays of a tree that the kernels need; it must have been evaluated downwards, too."""
    likelihood = evaluation.likelihood
    bare = likelihood.sites._replace(code=likelihood.sites.code[:, :0])
    return FullTree(
        likelihood.sites,
        bare,
        likelihood.process,
        evaluation.topology,
        evaluation.tree.length,
        evaluation.transitions,
        evaluation.partials,
        likelihood.ascertained,
    )


def list_walks(full: FullTree, radius: int) -> Walks:
    """All subtrees and their targets."""
    n_edges = 2 * (len(full.lengths) - 1)
    radius = min(radius, n_edges)
    nothing = np.empty(0, np.int64)
    empty = Walks(nothing, nothing, nothing, nothing, nothing, nothing, np.empty(0, np.bool_))
    n_targets = list_targets(full.shape, radius, empty, False)
    n_subtrees = n_edges - full.shape.n_taxa
    edge, previous, brother, depth = (np.empty(n_targets, np.int64) for _ in range(4))
    starts = np.empty(n_subtrees + 1, np.int64)
    is_end = np.empty(n_targets, np.bool_)
    walks = Walks(np.empty(n_subtrees, np.int64), starts, edge, previous, brother, depth, is_end)
    list_targets(full.shape, radius, walks, True)
    return walks


def score_targets(likelihood: TreeLikelihood, full: FullTree, walks: Walks) -> Vector:
    """float64 (target,): log-likelihood with the subtree in the middle of the edge, all lengths as they are."""
    n_chunks = len(likelihood.sites.model)
    n_groups = min(N_GROUPS, n_chunks)
    groups = np.arange(n_groups + 1) * n_chunks // n_groups
    scores = np.zeros((n_groups, len(walks.edge), 1 + len(likelihood.partitions)))
    halves = likelihood.transitions(full.lengths / 2.0).matrix
    spread(likelihood.threads, n_groups, lambda _, *part: score_groups(full, halves, walks, groups, scores, *part))
    total = scores.sum(axis=0)
    reached: Vector = total[:, 0] - np.log1p(-total[:, 1:]) @ likelihood.ascertained
    return reached


def _most_promising(walks: Walks, scores: Vector, least: float, per_subtree: int) -> NDArray[np.int64]:
    """Places of the best targets of each subtree."""
    chosen = []
    for first, last in zip(walks.start[:-1].tolist(), walks.start[1:].tolist(), strict=True):
        best = first + np.argsort(-scores[first:last], kind="stable")[:per_subtree]
        chosen.extend(best[scores[best] > least].tolist())
    return np.array(chosen, dtype=np.int64)


def _regraft(full: FullTree, walks: Walks, target: int, found: Vector) -> Regraft:
    row = int(np.searchsorted(walks.start, target, side="right")) - 1
    subtree, edge = int(walks.subtree[row]), int(walks.edge[target])
    root, junction = _node_ahead(full, subtree), _node_ahead(full, reverse(full.shape, subtree))
    near, far = _node_ahead(full, reverse(full.shape, edge)), _node_ahead(full, edge)
    lengths = ((junction, near, float(found[1])), (junction, far, float(found[2])), (junction, root, float(found[3])))
    return Regraft(root, junction, near, far, lengths, float(found[0]))


def _node_ahead(full: FullTree, edge: int) -> int:
    n_nodes = len(full.lengths)
    return edge if edge < n_nodes else int(full.shape.parent[edge - n_nodes])
