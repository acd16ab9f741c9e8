"""States of nodes given the data: marginally, and jointly for all pairs of nodes.

Given the data and the category of a site, the states along a path of the tree are a Markov chain. Its transition
probabilities over an edge are, downwards from a parent u to a child v and upwards from v to u,

    P(s_v = y | s_u = x) = P[x, y] up(v)[y] / (P up(v))[x]
    P(s_u = x | s_v = y) = P[y, x] outer(v)[x] / (P outer(v))[y]

because the model is reversible. The joint distribution of a pair is the posterior of one node carried along the path to
the other (Friedman, Ninio, Pe'er & Pupko 2002, doi:10.1089/10665270252935494).
"""

from __future__ import annotations

import numpy as np

from genem.jit import kernel
from genem.numerics.array_kernels import aligned
from genem.phylo.likelihood.partial_kernels import (
    LANE_STEP,
    Chunk,
    Partials,
    Sites,
    Topology,
    begin_outer,
    invariant_likelihood,
    take_chunk,
    weighted_sum,
)
from genem.phylo.likelihood.scale_kernels import (
    HUGE,
)
from genem.phylo.likelihood.transition_kernels import Process, Transitions


@kernel
def node_slab(
    sites: Sites, process: Process, chunk: Chunk, number: int, node: int, scale: np.ndarray, target: np.ndarray
) -> None:
    """Write w pi outer up: the probability of the data with every category and state of a node, in the node's scale.

    ``target`` (category, state, lane) and its ``scale`` (lane,) are filled.
    """
    n_lanes = target.shape[2]
    model = sites.model[number]
    begin_outer(chunk, node, target, scale)
    for l in range(n_lanes):
        scale[l] += chunk.up_scale[node, l]
    for c in range(target.shape[0]):
        s = 0 if node < len(chunk.code) else c
        for x in range(target.shape[1]):
            factor = process.weight[model, c] * process.frequency[model, x]
            for l in range(n_lanes):
                target[c, x, l] *= factor * chunk.up[node, s, x, l]


@kernel
def invariant_share(
    sites: Sites, process: Process, number: int, scale: np.ndarray, slab: np.ndarray, share: np.ndarray
) -> None:
    """Normalise a slab of a node to posterior probabilities, and write the share left for sites that never change.

    ``slab`` (category, state, lane) with its ``scale`` (lane,); ``share`` (lane,).
    """
    n_lanes = len(share)
    for l in range(n_lanes):
        invariant = invariant_likelihood(sites, process, number, l)
        if scale[l] > 0 and invariant > 0.0:
            invariant *= HUGE ** scale[l]
        total = invariant
        for c in range(slab.shape[0]):
            for x in range(slab.shape[1]):
                total += slab[c, x, l]
        if total == np.inf:
            share[l], factor = 1.0, 0.0
        elif total > 0.0:
            share[l], factor = invariant / total, 1.0 / total
        else:
            share[l], factor = 0.0, 0.0
        for c in range(slab.shape[0]):
            for x in range(slab.shape[1]):
                slab[c, x, l] *= factor


@kernel
def constant_posterior(sites: Sites, process: Process, number: int, lane: int, target: np.ndarray) -> None:
    """Write the posterior of the state of a site that never changes.

    ``target`` float64 (state,).
    """
    model = sites.model[number]
    total = 0.0
    for x in range(len(target)):
        target[x] = process.frequency[model, x] * sites.constant[number, x, lane]
        total += target[x]
    for x in range(len(target)):
        target[x] = target[x] / total if total > 0.0 else 0.0


@kernel
def node_posteriors(
    sites: Sites,
    process: Process,
    transitions: Transitions,
    storage: Partials,
    nodes: np.ndarray,
    target: np.ndarray,
) -> None:
    """Marginal posteriors of the states of some nodes.

    Parameters
    ----------
    storage
        Upward and outer partials of all chunks.
    nodes
        int64 (chosen,)
    target
        float64 (chosen, chunk, state, lane), filled.
    """
    n_lanes = storage.up.shape[4]
    n_categories, n_states = storage.up.shape[2], storage.up.shape[3]
    slab, share = aligned((n_categories, n_states, n_lanes)), aligned((n_lanes,))
    scale, constant = np.empty(n_lanes, np.int32), np.empty(n_states)
    for number in range(len(sites.model)):
        chunk = take_chunk(sites, transitions, storage, number)
        for row in range(len(nodes)):
            node_slab(sites, process, chunk, number, nodes[row], scale, slab)
            invariant_share(sites, process, number, scale, slab, share)
            for l in range(n_lanes):
                constant_posterior(sites, process, number, l, constant)
                for x in range(n_states):
                    total = share[l] * constant[x]
                    for c in range(n_categories):
                        total += slab[c, x, l]
                    target[row, number, x, l] = total


@kernel
def conditional(matrix: np.ndarray, partial: np.ndarray, c: int, s: int, start: int, target: np.ndarray) -> None:
    """Write P[x, y] partial[y] / (P partial)[x] for one category and state ``s``; 0 where the state x is impossible.

    ``matrix`` (category, state, state); ``partial`` (category, state, lane); ``target`` (state, state, lane) holds the
    lanes from ``start`` on.
    """
    n_states, n_lanes = matrix.shape[1], target.shape[2]
    factor = np.empty(n_lanes)
    for x in range(n_states):
        for l in range(n_lanes):
            factor[l] = 0.0
        for y in range(n_states):
            for l in range(n_lanes):
                factor[l] += matrix[c, x, y] * partial[s, y, start + l]
        for l in range(n_lanes):
            factor[l] = 1.0 / factor[l] if factor[l] > 0.0 else 0.0
        for y in range(n_states):
            for l in range(n_lanes):
                target[x, y, l] = matrix[c, x, y] * partial[s, y, start + l] * factor[l]


@kernel
def carry_joint(joint: np.ndarray, step: np.ndarray, target: np.ndarray) -> None:
    """Write target[x, z] = sum over y of joint[x, y] step[y, z], lane by lane.

    ``joint``, ``step`` and ``target`` (state, state, lane).
    """
    n_lanes = target.shape[2]
    n_states = joint.shape[0]
    for x in range(n_states):
        for z in range(n_states):
            for l in range(n_lanes):
                target[x, z, l] = (joint[x, 0, l] * step[0, z, l] + joint[x, 1, l] * step[1, z, l]) + (
                    joint[x, 2, l] * step[2, z, l] + joint[x, 3, l] * step[3, z, l]
                )
            for y in range(4, n_states, 4):
                for l in range(n_lanes):
                    target[x, z, l] += (joint[x, y, l] * step[y, z, l] + joint[x, y + 1, l] * step[y + 1, z, l]) + (
                        joint[x, y + 2, l] * step[y + 2, z, l] + joint[x, y + 3, l] * step[y + 3, z, l]
                    )


@kernel
def add_weighted(joint: np.ndarray, weight: np.ndarray, target: np.ndarray) -> None:
    """Add the sites of a chunk to the counts of a pair.

    ``joint`` (state, state, lane); ``weight`` (lane,); ``target`` (state, state).
    """
    for x in range(joint.shape[0]):
        for y in range(joint.shape[1]):
            target[x, y] += weighted_sum(weight, joint[x, y])


@kernel
def count_lanes(
    tree: Topology,
    chunk: Chunk,
    slabs: np.ndarray,
    weight: np.ndarray,
    c: int,
    start: int,
    order: np.ndarray,
    via: np.ndarray,
    rooms: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Add ``LANE_STEP`` lanes from ``start`` on in one category to the counts of all pairs.

    ``slabs`` (node, category, state, lane): posteriors of all nodes; ``weight`` (lane,); ``order`` and ``via``
    (node, node) as in :func:`pair_counts`; ``rooms`` (3, node, state, state, lane) to work in.
    ``counts`` (node, node, state, state) is added to.
    """
    n_nodes, n_states = slabs.shape[0], slabs.shape[2]
    down, upward, joint = rooms[0], rooms[1], rooms[2]
    for node in range(n_nodes - 1):
        s = 0 if node < tree.n_taxa else c
        conditional(chunk.matrix[node], chunk.up[node], c, s, start, down[node])
        conditional(chunk.matrix[node], chunk.outer[node], c, c, start, upward[node])
    for first in range(n_nodes):
        for x in range(n_states):
            for y in range(n_states):
                for l in range(LANE_STEP):
                    joint[first, x, y, l] = slabs[first, c, x, start + l] if x == y else 0.0
        for place in range(1, n_nodes):
            node, near = order[first, place], via[first, place]
            if node < 0:
                break
            if tree.parent[node] == near:
                carry_joint(joint[near], down[node], joint[node])
            else:
                carry_joint(joint[near], upward[near], joint[node])
            add_weighted(joint[node], weight, counts[first, node])


@kernel
def pair_counts(
    sites: Sites,
    process: Process,
    tree: Topology,
    transitions: Transitions,
    storage: Partials,
    order: np.ndarray,
    via: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Expected sites by the states of two nodes, for all pairs of nodes.

    Parameters
    ----------
    storage
        Upward and outer partials of all chunks.
    order, via
        int64 (node, node): for every node u some other nodes from near to far, and the neighbour of each on the way
        back to u, at the same place; the first is u itself, and -1 follows the last. The neighbour comes before.
    counts
        float64 (model, category, node, node, state, state): those of u and the nodes on its walk are added to, states
        of u first.
    """
    n_lanes = storage.up.shape[4]
    n_nodes, n_categories, n_states = storage.up.shape[1], storage.up.shape[2], storage.up.shape[3]
    rooms = aligned((3, n_nodes, n_states, n_states, LANE_STEP))
    slabs, share = aligned((n_nodes, n_categories, n_states, n_lanes)), aligned((n_lanes,))
    scale = np.empty(n_lanes, np.int32)
    for number in range(len(sites.model)):
        chunk = take_chunk(sites, transitions, storage, number)
        model = sites.model[number]
        for node in range(n_nodes):
            node_slab(sites, process, chunk, number, node, scale, slabs[node])
            invariant_share(sites, process, number, scale, slabs[node], share)
        for c in range(n_categories):
            for start in range(0, n_lanes, LANE_STEP):
                weight = sites.weight[number, start : start + LANE_STEP]
                count_lanes(tree, chunk, slabs, weight, c, start, order, via, rooms, counts[model, c])
