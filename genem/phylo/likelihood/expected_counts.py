"""The E-step of structural EM: expected substitutions between all pairs of nodes, neighbours or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.likelihood.posterior_kernels import pair_counts
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood

__all__ = ["PairCounts", "expected_pair_counts"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PairCounts:
    """Expected sites by the states of two nodes.

    Attributes
    ----------
    tree
        The tree whose nodes these are, its taxa in the order of the patterns.
    counts
        float64 (model, category, node, node, state, state): expected number of sites of a category with a state at one
        node and another at the other; symmetric. The pair of a node with itself is left at 0.
    rate
        float64 (model, category): how fast each category is.
    log_likelihood
        Of the tree.
    """

    tree: Tree
    counts: Vector
    rate: Vector
    log_likelihood: float


def expected_pair_counts(likelihood: TreeLikelihood, tree: Tree) -> PairCounts:
    """Joint posteriors of the states of all pairs of nodes, summed over sites.

    Sites that never change (+I) are in no category: whatever the tree, they say the same about every pair.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        With all branch lengths.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo.models.partition import Partition
    >>> from genem.phylo.models.substitution import starting_model
    >>> from genem.phylo.patterns import site_patterns
    >>> from genem.phylo.trees.topology import star_tree
    >>> letters = np.array([list(b"AC"), list(b"AC"), list(b"AG")], np.uint8)
    >>> patterns = site_patterns(Alignment(("a", "b", "c"), letters, "dna"))
    >>> likelihood = TreeLikelihood([Partition(patterns, starting_model("JC", patterns))])
    >>> expected_pair_counts(likelihood, star_tree(("a", "b", "c"))).counts[0, 0, 2, 3].round(3)
    array([[1.   , 0.   , 0.   , 0.   ],
           [0.   , 0.   , 0.   , 0.   ],
           [0.001, 0.965, 0.033, 0.001],
           [0.   , 0.   , 0.   , 0.   ]])
    """
    evaluation = likelihood.evaluate(tree, down=True)
    n_nodes = len(evaluation.tree)
    counts = np.zeros(
        (len(likelihood.partitions), likelihood.n_categories, n_nodes, n_nodes, *2 * (likelihood.n_states,))
    )
    order, via = _walks(evaluation.tree)
    pair_counts(
        likelihood.sites,
        likelihood.process,
        evaluation.topology,
        evaluation.transitions,
        evaluation.partials,
        order,
        via,
        counts,
    )
    counts += counts.transpose(0, 1, 3, 2, 5, 4)
    return PairCounts(evaluation.tree, counts, likelihood.process.rate, evaluation.log_likelihood)


def _walks(tree: Tree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For every node those that come later in postorder, from near to far, and of each the neighbour on the way back.

    The way to a later node leads through later nodes only, so that every pair is met once. Rows end with -1.
    """
    children = tree.children()
    neighbours: list[list[int]] = [list(nodes) for nodes in children]
    for node, parent in enumerate(tree.parent[:-1].tolist()):
        neighbours[node].append(parent)
    rank = _postorder_ranks(children, tree.top)
    order, via = np.full((len(tree), len(tree)), -1), np.full((len(tree), len(tree)), -1)
    for first in range(len(tree)):
        walk, back = [first], [first]
        for place, node in enumerate(walk):
            for other in neighbours[node]:
                if other != back[place] and rank[other] > rank[first]:
                    walk.append(other)
                    back.append(node)
        order[first, : len(walk)], via[first, : len(walk)] = walk, back
    return order, via


def _postorder_ranks(children: tuple[tuple[int, ...], ...], top: int) -> list[int]:
    rank = [0] * len(children)
    waiting, later = [top], len(children)
    while waiting:
        node = waiting.pop()
        later -= 1
        rank[node] = later
        waiting.extend(children[node])
    return rank
