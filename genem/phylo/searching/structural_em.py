"""Structural EM: a new tree from the expected substitutions of the old one.

Given the posterior of the states of all nodes under a tree, the expected complete-data log-likelihood of any other tree
on the same nodes is a sum over its edges,

    Q(T, t) = constant + sum over edges (u, v) of W(u, v; t(u, v)),
    W(u, v; t) = sum over rate categories c and states a, b of N(c, u, v, a, b) log( P(r(c) t)[a, b] / pi(b) ),

with N the expected number of sites in state a at u and b at v. So the best tree is the maximum spanning tree under the
weights max over t of W, and its likelihood exceeds that of the old tree by no less than Q does. Nodes of a spanning
tree may have any number of neighbours; a tree with the same likelihood and three neighbours per inner node is made of
it. Friedman, Ninio, Pe'er & Pupko (2002), J. Comput. Biol. 9:331, doi:10.1089/10665270252935494.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.fitting.branches import MAX_LENGTH, MIN_LENGTH
from genem.phylo.likelihood.expected_counts import PairCounts, expected_pair_counts
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.searching.pair_kernels import PairProcess, fit_pairs, pair_objective
from genem.phylo.trees.topology import build_tree, canonical

__all__ = [
    "PairWeights",
    "StructuralProposal",
    "bifurcating_tree",
    "maximum_spanning_tree",
    "pair_weights",
    "propose_structure",
]

Vector = NDArray[np.float64]
Edges = list[tuple[int, int]]

START_LENGTH = 0.1


@dataclass(frozen=True)
class PairWeights:
    """The worth of an edge between any two nodes.

    Attributes
    ----------
    length
        float64 (node, node): the best length of the edge.
    weight
        float64 (node, node): expected complete-data log-likelihood at that length, over that of independence.
    current
        float64 (node,): the same of the edge above every node of the tree, at its present length; 0 for the top.
    """

    length: Vector
    weight: Vector
    current: Vector


@dataclass(frozen=True)
class StructuralProposal:
    """One structural M-step.

    Attributes
    ----------
    tree
        Bifurcating, in standard form.
    expected_gain
        How much the expected complete-data log-likelihood rises; the log-likelihood rises at least as much (unless
        weights were disturbed, or the model has a correction for ascertainment).
    """

    tree: Tree
    expected_gain: float


def pair_process(likelihood: TreeLikelihood, blocks: Literal["categories", "mixtures"]) -> PairProcess:
    """The models of a likelihood for the pairs: a block per rate category, or one per model with all its categories.

    In a mixture sites that never change are a category of rate 0.
    """
    process = likelihood.process
    n_models, n_rates = process.rate.shape
    left = process.left[:, 0] / process.frequency[:, None, :]
    product = np.ascontiguousarray(process.right[:, :, None, :] * left.transpose(0, 2, 1)[:, None, :, :])
    if blocks == "categories":
        rate, owner = process.rate, np.repeat(np.arange(n_models), n_rates)
        mix = np.tile(np.eye(n_rates), (n_models, 1))
    else:
        rate, owner = np.column_stack([process.rate, np.zeros(n_models)]), np.arange(n_models)
        mix = np.column_stack([process.weight, process.invariant])
    return PairProcess(
        process.eigenvalue,
        product,
        1.0 / process.frequency,
        np.ascontiguousarray(rate),
        owner,
        np.ascontiguousarray(mix),
    )


def pair_weights(likelihood: TreeLikelihood, pairs: PairCounts) -> PairWeights:
    """Best length and weight of an edge between any two nodes.

    Parameters
    ----------
    likelihood
        The models under which ``pairs`` were counted.
    pairs
        The E-step.
    """
    process = pair_process(likelihood, "categories")
    n_nodes = len(pairs.tree)
    shape = (n_nodes, n_nodes, len(process.owner), *pairs.counts.shape[-2:])
    counts = np.ascontiguousarray(np.moveaxis(pairs.counts, (2, 3), (0, 1))).reshape(shape)
    length, weight = np.zeros((n_nodes, n_nodes)), np.zeros((n_nodes, n_nodes))
    fit_pairs(process, counts, START_LENGTH, MIN_LENGTH, MAX_LENGTH, length, weight)
    growth = np.empty((3, process.eigenvalue.shape[1]))
    current = np.zeros(n_nodes)
    for node, parent in enumerate(pairs.tree.parent[:-1].tolist()):
        current[node] = pair_objective(process, counts[node, parent], float(pairs.tree.length[node]), growth)[0]
    return PairWeights(length, weight, current)


def maximum_spanning_tree(weight: Vector) -> Edges:
    """Edges of the spanning tree with the greatest sum of weights (Prim 1957); among equals the first nodes win.

    Examples
    --------
    >>> maximum_spanning_tree(np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 2.0], [1.0, 2.0, 0.0]]))
    [(0, 1), (1, 2)]
    """
    n_nodes = len(weight)
    best, source = weight[0].copy(), np.zeros(n_nodes, np.int64)
    waiting = np.ones(n_nodes, np.bool_)
    waiting[:1] = False
    edges: Edges = []
    while np.any(waiting):
        node = int(np.argmax(np.where(waiting, best, -np.inf)))
        edges.append((int(source[node]), node))
        waiting[node] = False
        nearer = waiting & (weight[node] > best)
        best[nearer], source[nearer] = weight[node][nearer], node
    return edges


def bifurcating_tree(taxa: tuple[str, ...], edges: Edges, length: Vector) -> Tree:
    """A bifurcating tree with the likelihood of a spanning tree.

    Inner nodes with one neighbour go, those with two become part of one edge; a taxon with several neighbours hands
    them to a new node at distance 0, and a node with more than three shares them with new nodes at distance 0, those
    first that have the longest path in common.

    Parameters
    ----------
    taxa
        Names of the first nodes; three or more.
    edges
        Of the spanning tree.
    length
        float64 (node, node): of all edges that may be.

    Returns
    -------
    Tree
        In standard form.
    """
    n_taxa, n_nodes = len(taxa), len(length)
    neighbours: list[dict[int, float]] = [{} for _ in range(n_nodes)]
    for u, v in edges:
        neighbours[u][v] = neighbours[v][u] = float(length[u, v])
    original = list(range(n_nodes))
    _drop_idle_nodes(neighbours, n_taxa)
    for taxon in range(n_taxa):
        if len(neighbours[taxon]) > 1:
            _move_neighbours(neighbours, original, taxon, list(neighbours[taxon]))
    for node in range(n_taxa, len(neighbours)):
        while len(neighbours[node]) > 3:
            _move_neighbours(neighbours, original, node, _closest_pair(neighbours[node], original, node, length))
    return _as_tree(taxa, neighbours)


def _drop_idle_nodes(neighbours: list[dict[int, float]], n_taxa: int) -> None:
    """Take out inner nodes with one neighbour or two."""
    waiting = list(range(n_taxa, len(neighbours)))
    for node in waiting:
        near = neighbours[node]
        if len(near) == 1:
            (other,) = near
            del neighbours[other][node]
            near.clear()
            if other >= n_taxa:
                waiting.append(other)
        elif len(near) == 2:
            (first, to_first), (second, to_second) = near.items()
            del neighbours[first][node], neighbours[second][node]
            neighbours[first][second] = neighbours[second][first] = to_first + to_second
            near.clear()


def _move_neighbours(neighbours: list[dict[int, float]], original: list[int], node: int, moved: list[int]) -> None:
    """Put a new node at distance 0 beside a node, and hand some of its neighbours to it."""
    new = len(neighbours)
    neighbours.append({})
    original.append(original[node])
    for other in moved:
        neighbours[new][other] = neighbours[other][new] = neighbours[node].pop(other)
        del neighbours[other][node]
    neighbours[new][node] = neighbours[node][new] = 0.0


def _closest_pair(near: dict[int, float], original: list[int], node: int, length: Vector) -> list[int]:
    """The two neighbours whose paths to the node have most in common, by the best lengths between all three."""
    others = sorted(near)
    at = [original[other] for other in others]
    to_node = length[at, original[node]]
    common = to_node[:, None] + to_node - length[np.ix_(at, at)]
    common[np.tril_indices(len(others))] = -np.inf
    first, second = np.unravel_index(int(np.argmax(common)), common.shape)
    return [others[first], others[second]]


def _as_tree(taxa: tuple[str, ...], neighbours: list[dict[int, float]]) -> Tree:
    number = {node: place for place, node in enumerate(node for node, near in enumerate(neighbours) if near)}
    (top,) = neighbours[0]
    parent, length = [-1] * len(number), [0.0] * len(number)
    waiting = [(top, -1)]
    for node, above in waiting:
        for other, distance in neighbours[node].items():
            if other != above:
                parent[number[other]], length[number[other]] = number[node], distance
                waiting.append((other, node))
    return canonical(build_tree(taxa, parent, length))


def propose_structure(
    likelihood: TreeLikelihood, tree: Tree, *, noise: float = 0.0, rng: np.random.Generator | None = None
) -> StructuralProposal:
    """One E-step and one structural M-step.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        Bifurcating, its taxa numbered as in ``likelihood``.
    noise
        Standard deviation of a disturbance of the weights, in units of log-likelihood: with it, a spanning tree that is
        not the best may be taken, and a search that lowers it step by step is annealed.
    rng
        Where the disturbance comes from.
    """
    weights = pair_weights(likelihood, expected_pair_counts(likelihood, tree))
    chosen = weights.weight
    if noise > 0.0 and rng is not None:
        disturbance = np.triu(rng.normal(0.0, noise, chosen.shape), 1)
        chosen = chosen + disturbance + disturbance.T
    edges = maximum_spanning_tree(chosen)
    gain = sum(weights.weight[u, v] for u, v in edges) - weights.current.sum()
    return StructuralProposal(bifurcating_tree(likelihood.taxa, edges, weights.length), float(gain))
