"""Expected substitutions on the edges of a tree, and what they say about every parameter.

By Fisher's identity the gradient of the log-likelihood is that of the expected complete-data log-likelihood, so one
pass up and down the tree gives it for all branch lengths and all model parameters at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.numerics.threads import spread
from genem.phylo.likelihood.change_kernels import EdgeCounts, count_groups
from genem.phylo.likelihood.transition_kernels import Transitions, fill_all_edges
from genem.phylo.likelihood.tree_likelihood import Evaluation, TreeLikelihood, build_process, build_topology
from genem.phylo.models.parameters import pack_partitions, unpack_partitions
from genem.phylo.models.partition import Partition

__all__ = ["EdgeSums", "edge_sums", "gradient_by_lengths", "gradient_by_models"]

Vector = NDArray[np.float64]

N_GROUPS = 16
"""Chunks are summed in about so many parts, whatever the number of threads."""
DIFFERENCE = 1e-5
"""Step of the central differences of transition probabilities by model parameters."""


@dataclass(frozen=True)
class EdgeSums:
    """Sums over sites that the E-step leaves of the data.

    Attributes
    ----------
    evaluation
        The tree and its log-likelihood; no partials are kept.
    edge
        float64 (model, node, category, state, state): derivative of the log-likelihood by P of the edge above a node;
        times P the expected number of sites in a state above and a state below.
    top
        float64 (model, category, state): its derivative by category weight times frequency.
    constant
        float64 (model, state): its derivative by proportion of invariant sites times frequency.
    """

    evaluation: Evaluation
    edge: Vector
    top: Vector
    constant: Vector

    @property
    def log_likelihood(self) -> float:
        return self.evaluation.log_likelihood

    def expected_counts(self) -> Vector:
        """float64 (model, node, category, state, state): expected sites in one state above and another below."""
        counts: Vector = self.edge * self.evaluation.transitions.matrix
        return counts


def edge_sums(likelihood: TreeLikelihood, tree: Tree) -> EdgeSums:
    """The E-step: one pass up and down a tree whose taxa are numbered as in ``likelihood``.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        With all branch lengths.
    """
    topology, transitions = build_topology(tree), likelihood.transitions(tree.length)
    storage = likelihood.storage(len(tree), keep=False)
    start, owner = _groups(likelihood)
    n_nodes, slab = len(tree), transitions.matrix.shape[2:]
    counts = EdgeCounts(
        np.zeros((len(owner), n_nodes, *slab)), np.zeros((len(owner), *slab[:2])), np.zeros((len(owner), slab[1]))
    )
    log_site = np.empty_like(likelihood.sites.weight)
    weight = _effective_weights(likelihood, tree)
    arguments = (likelihood.sites, likelihood.process, topology, transitions, storage, start, weight, log_site, counts)
    spread(likelihood.threads, len(owner), lambda *part: count_groups(*arguments, *part))
    models = range(len(likelihood.partitions))
    edge, top, constant = (np.array([part[owner == model].sum(axis=0) for model in models]) for part in counts)
    return EdgeSums(Evaluation(likelihood, tree, topology, transitions, storage, log_site), edge, top, constant)


def gradient_by_lengths(sums: EdgeSums) -> Vector:
    """float64 (node,): derivative of the log-likelihood by every branch length; 0 for the top."""
    likelihood = sums.evaluation.likelihood
    gradient = np.zeros(len(sums.evaluation.tree))
    for model, partition in enumerate(likelihood.partitions):
        used = slice(partition.model.n_states)
        derived = partition.model.rate_matrix() @ sums.evaluation.transitions.matrix[model, :, :, used, used]
        per_category = np.einsum("ecxy,ecxy->ec", sums.edge[model, :, :, used, used], derived)
        gradient += per_category @ likelihood.process.rate[model]
    gradient[-1] = 0.0
    return gradient


def gradient_by_models(sums: EdgeSums) -> Vector:
    """float64 (coordinate,): derivative of the log-likelihood by the coordinates of the partitions.

    Transition probabilities are differenced, the data are not: their part in the gradient is in the sums.
    """
    partitions = sums.evaluation.likelihood.partitions
    centre = pack_partitions(partitions)
    gradient = np.empty(len(centre))
    for coordinate in range(len(centre)):
        ahead, behind = centre.copy(), centre.copy()
        ahead[coordinate] += DIFFERENCE
        behind[coordinate] -= DIFFERENCE
        difference = _linear_part(sums, partitions, ahead) - _linear_part(sums, partitions, behind)
        gradient[coordinate] = difference / (ahead[coordinate] - behind[coordinate])
    return gradient


def _linear_part(sums: EdgeSums, partitions: Sequence[Partition], vector: Vector) -> float:
    """The log-likelihood as a linear function of probabilities, at other parameters."""
    process = build_process(unpack_partitions(partitions, vector))
    shape = sums.edge.shape
    transitions = Transitions(np.zeros(shape), np.zeros((shape[0], 0, *shape[2:4], len(process.sets))))
    fill_all_edges(process, sums.evaluation.tree.length, transitions)
    at_top = np.einsum("mc,mx,mcx->", process.weight, process.frequency, sums.top)
    at_constant = np.einsum("m,mx,mx->", process.invariant, process.frequency, sums.constant)
    on_edges = (sums.edge * transitions.matrix).sum()  # a dot product may go to threads of the linear algebra library
    return float(on_edges + at_top + at_constant)


def _groups(likelihood: TreeLikelihood) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts of the groups of chunks, one more than groups, and the model of every group."""
    starts, owner = [0], []
    for model in range(len(likelihood.partitions)):
        chunks = np.flatnonzero(likelihood.sites.model == model)
        for part in np.array_split(chunks, min(N_GROUPS, len(chunks))):
            starts.append(int(part[-1]) + 1)
            owner.append(model)
    return np.array(starts), np.array(owner)


def _effective_weights(likelihood: TreeLikelihood, tree: Tree) -> Vector:
    """float64 (chunk, lane): sites per pattern; with +ASC the constant patterns count as often as they were missed.

    The derivative of -n log(1 - S), where S is the sum of the probabilities L of constant patterns, is that of the sum
    of n L / (1 - S) log L.
    """
    ascertained = likelihood.ascertained
    if not np.any(ascertained):
        return likelihood.sites.weight
    evaluation = likelihood.evaluate(tree)
    missed = ascertained / np.exp(likelihood.log_seen(evaluation.log_site))
    by_chunk = missed[likelihood.sites.model][:, None] * likelihood.sites.unseen
    weight: Vector = likelihood.sites.weight + np.where(by_chunk > 0.0, by_chunk * np.exp(evaluation.log_site), 0.0)
    return weight
