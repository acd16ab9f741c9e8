"""Inner edges of length 0: which of their three resolutions a tree is written with."""

from __future__ import annotations

import numpy as np

from genem.data import Tree
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.trees.editing import EditableTree, Swap
from genem.phylo.trees.splits import RESOLVED

__all__ = ["resolve_polytomies"]

SHORT = 1e-6
"""The length at which resolutions are compared: their log-likelihoods differ by their slopes at 0."""
LEAST_DIFFERENCE = 1e-12  # relative difference of two log-likelihoods that is more than rounding
SWEEPS = 2


def resolve_polytomies(likelihood: TreeLikelihood, tree: Tree) -> Tree:
    """The tree with every inner edge of length 0 resolved in the way that the data contradict least.

    At length 0 the three resolutions have the same likelihood, and there the likelihood of each falls with the length
    of the edge, or it would be longer. It falls least for the one that the data come nearest to supporting.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        In standard form, its taxa numbered as in ``likelihood``, at its best lengths.
    """
    current = EditableTree(tree)
    for _ in range(SWEEPS):
        before = current
        for near, far in before.inner_edges():
            current = _resolved(likelihood, current, near, far)
        if current is before:
            break
    return current.to_tree()


def _resolved(likelihood: TreeLikelihood, current: EditableTree, near: int, far: int) -> EditableTree:
    """The tree with one edge resolved, if it is of length 0 between nodes of three neighbours: else as it is."""
    at_near, at_far = current.neighbours[near], current.neighbours[far]
    if at_near.get(far, np.inf) >= RESOLVED or len(at_near) != 3 or len(at_far) != 3:
        return current
    best, reached = current, _log_likelihood_nearby(likelihood, current, near, far)
    first = min(node for node in at_near if node != far)
    for other in sorted(node for node in at_far if node != near):
        changed = current.copy()
        changed.apply(Swap(near, far, first, other, (), np.nan))
        value = _log_likelihood_nearby(likelihood, changed, near, far)
        if value > reached + LEAST_DIFFERENCE * abs(reached):
            best, reached = changed, value
    return best


def _log_likelihood_nearby(likelihood: TreeLikelihood, current: EditableTree, near: int, far: int) -> float:
    """Log-likelihood of the tree with a short edge in the place of none."""
    longer = current.copy()
    longer.neighbours[near][far] = longer.neighbours[far][near] = SHORT
    return likelihood.evaluate(longer.to_tree()).log_likelihood
