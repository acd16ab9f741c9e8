"""Felsenstein's pruning algorithm, upwards and downwards, on chunks of site patterns.

With P(t) = exp(Q r t), the partial likelihood of a node is the probability of the data below it given its state,

    up(v)[x] = product over children c of sum over y of P(t_c)[x, y] up(c)[y]

and that of an edge from its upper end, of all data that are not below it, without the stationary frequencies,

    outer(v)[x] = (P(t_u) outer(u))[x] * product over siblings s of (P(t_s) up(s))[x],   u the parent of v,

so that at every edge the likelihood of a site is the sum over categories and states of w pi(x) outer(v)[x] (P(t_v)
up(v))[x] (Felsenstein 1981, doi:10.1007/BF01734359; the model is reversible, so that P serves in both directions). A
slab is ``[category, state, lane]``; a lane is one pattern of a chunk. The whole tree is worked off chunk
by chunk: a chunk's slabs stay in the cache, the inner loops run over lanes with unit stride, and chunks know nothing of
one another.

A loop over lanes writes to one row only: where it wrote to several, the compiler could not tell them apart for sure,
and would keep to one lane at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genem.jit import kernel
from genem.numerics.array_kernels import aligned
from genem.phylo.likelihood.scale_kernels import (
    add_scale,
    log_totals,
    rescale,
    set_scale,
)
from genem.phylo.likelihood.transition_kernels import Process, Transitions

LANE_STEP = 32
"""The lanes of a chunk are a multiple of this."""
FEW_STATES = 4
"""Up to so many states a tip is multiplied like any node; with more, its few letters are looked up."""


class Sites(NamedTuple):
    """The data, chunk by chunk; unused lanes of a chunk hold unknown letters and weight 0.

    code uint8 (chunk, taxon, lane); tip uint8 (chunk, taxon, state, lane), 1 where the letter may be the state;
    constant float64 (chunk, state, lane), 1 where all taxa may be; weight float64 (chunk, lane); unseen float64
    (chunk, lane), 1 for the constant patterns that +ASC says were not collected; model int64 (chunk,).
    """

    code: np.ndarray
    tip: np.ndarray
    constant: np.ndarray
    weight: np.ndarray
    unseen: np.ndarray
    model: np.ndarray


class Topology(NamedTuple):
    """Nodes in ascending order have their children before them; the children of v are child[start[v]:start[v + 1]].

    parent int64 (node,), start int64 (node + 1,), child int64 (node - 1,).
    """

    n_taxa: int
    parent: np.ndarray
    start: np.ndarray
    child: np.ndarray


class Partials(NamedTuple):
    """Partial likelihoods of all nodes with their scales.

    up and outer float64 (slot, node, category, state, lane); up_scale and outer_scale int32 (slot, node, lane).

    A tip's letters fill the first category of its ``up``, which serves for all. There is a slot for each chunk, or,
    where partials are not wanted later, one for each worker, which stays in the cache.
    """

    up: np.ndarray
    up_scale: np.ndarray
    outer: np.ndarray
    outer_scale: np.ndarray


class Chunk(NamedTuple):
    """The letters, the transitions and the partials of one chunk.

    code uint8 (taxon, lane); matrix float64 (node, category, state, state);
    letter float64 (taxon, category, state, code);
    up and outer float64 (node, category, state, lane); up_scale and outer_scale int32 (node, lane).
    """

    code: np.ndarray
    matrix: np.ndarray
    letter: np.ndarray
    up: np.ndarray
    up_scale: np.ndarray
    outer: np.ndarray
    outer_scale: np.ndarray


@kernel
def message(matrix: np.ndarray, partial: np.ndarray, is_tip: bool, target: np.ndarray) -> None:
    """Carry a slab over an edge: target = P partial. The first category of a tip serves for all.

    ``matrix`` (category, state, state); ``partial`` and ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    n_states = matrix.shape[1]
    for c in range(matrix.shape[0]):
        s = 0 if is_tip else c
        for x in range(n_states):
            p0, p1, p2, p3 = matrix[c, x, 0], matrix[c, x, 1], matrix[c, x, 2], matrix[c, x, 3]
            for l in range(n_lanes):
                target[c, x, l] = (p0 * partial[s, 0, l] + p1 * partial[s, 1, l]) + (
                    p2 * partial[s, 2, l] + p3 * partial[s, 3, l]
                )
            for y in range(4, n_states, 4):
                p0, p1, p2, p3 = matrix[c, x, y], matrix[c, x, y + 1], matrix[c, x, y + 2], matrix[c, x, y + 3]
                for l in range(n_lanes):
                    target[c, x, l] += (p0 * partial[s, y, l] + p1 * partial[s, y + 1, l]) + (
                        p2 * partial[s, y + 2, l] + p3 * partial[s, y + 3, l]
                    )


@kernel
def message_times(matrix: np.ndarray, partial: np.ndarray, is_tip: bool, target: np.ndarray) -> None:
    """Multiply target by P partial, for four states: one pass over the slab.

    ``matrix`` (category, state, state); ``partial`` and ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    for c in range(matrix.shape[0]):
        s = 0 if is_tip else c
        for x in range(4):
            p0, p1, p2, p3 = matrix[c, x, 0], matrix[c, x, 1], matrix[c, x, 2], matrix[c, x, 3]
            for l in range(n_lanes):
                target[c, x, l] *= (p0 * partial[s, 0, l] + p1 * partial[s, 1, l]) + (
                    p2 * partial[s, 2, l] + p3 * partial[s, 3, l]
                )


@kernel
def unpack_tip(tip: np.ndarray, target: np.ndarray) -> None:
    """Write the letters of a tip as the first category of a slab.

    ``tip`` uint8 (state, lane); ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    for x in range(tip.shape[0]):
        for l in range(n_lanes):
            target[0, x, l] = tip[x, l]


@kernel
def letter_message(letter: np.ndarray, code: np.ndarray, target: np.ndarray) -> None:
    """Carry a tip over an edge, from the table of its letters.

    ``letter`` (category, state, code); ``code`` (lane,); ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    for c in range(letter.shape[0]):
        for x in range(letter.shape[1]):
            for l in range(n_lanes):
                target[c, x, l] = letter[c, x, code[l]]


@kernel
def multiply(factor: np.ndarray, target: np.ndarray) -> None:
    """Multiply target by factor, slab by slab.

    ``factor`` and ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(n_lanes):
                target[c, x, l] *= factor[c, x, l]


@kernel
def assign(source: np.ndarray, target: np.ndarray) -> None:
    """Copy a slab.

    ``source`` and ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(n_lanes):
                target[c, x, l] = source[c, x, l]


@kernel
def fill_ones(target: np.ndarray) -> None:
    """Write 1 everywhere in a slab.

    ``target`` (category, state, lane).
    """
    n_lanes = target.shape[2]
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(n_lanes):
                target[c, x, l] = 1.0


@kernel
def carry_up(chunk: Chunk, node: int, target: np.ndarray) -> None:
    """Write the message of a node to its parent, P up.

    ``target`` (category, state, lane).
    """
    if node < len(chunk.letter):
        letter_message(chunk.letter[node], chunk.code[node], target)
    else:
        message(chunk.matrix[node], chunk.up[node], node < len(chunk.code), target)


@kernel
def carry_up_times(chunk: Chunk, node: int, spare: np.ndarray, target: np.ndarray) -> None:
    """Multiply target by the message of a node to its parent.

    ``spare``, to work in, and ``target`` (category, state, lane).
    """
    if target.shape[1] > FEW_STATES:
        carry_up(chunk, node, spare)
        multiply(spare, target)
    else:
        message_times(chunk.matrix[node], chunk.up[node], node < len(chunk.code), target)


@kernel
def update_up(tree: Topology, chunk: Chunk, node: int, spare: np.ndarray) -> None:
    """Fill the partials of an inner node from those of its children.

    ``spare`` (category, state, lane) is a slab to work in.
    """
    target, scale = chunk.up[node], chunk.up_scale[node]
    for position in range(tree.start[node], tree.start[node + 1]):
        child = tree.child[position]
        if position == tree.start[node]:
            carry_up(chunk, child, target)
            set_scale(chunk.up_scale[child], scale)
        else:
            carry_up_times(chunk, child, spare, target)
            add_scale(chunk.up_scale[child], scale)
            rescale(target, scale, spare[0, 0])


@kernel
def begin_outer(chunk: Chunk, node: int, target: np.ndarray, scale: np.ndarray) -> None:
    """Write the message that reaches a node from above: P outer, or 1 at the top.

    ``target`` (category, state, lane) and its ``scale`` (lane,) are filled.
    """
    n_lanes = len(scale)
    if node == len(chunk.up) - 1:
        fill_ones(target)
        for l in range(n_lanes):
            scale[l] = 0
    else:
        message(chunk.matrix[node], chunk.outer[node], False, target)
        set_scale(chunk.outer_scale[node], scale)


@kernel
def update_outer(tree: Topology, chunk: Chunk, node: int, spare: np.ndarray, running: np.ndarray) -> None:
    """Fill the outer partials of all children of a node: prefix products over the siblings, then suffix products.

    ``spare`` and ``running`` (category, state, lane) are slabs to work in.
    """
    n_lanes = running.shape[2]
    scale = np.empty(n_lanes, np.int32)
    begin_outer(chunk, node, running, scale)
    first, last = tree.start[node], tree.start[node + 1] - 1
    for position in range(first, last + 1):
        child = tree.child[position]
        assign(running, chunk.outer[child])
        set_scale(scale, chunk.outer_scale[child])
        if position < last:
            carry_up_times(chunk, child, spare, running)
            add_scale(chunk.up_scale[child], scale)
            rescale(running, scale, spare[0, 0])
    fill_ones(running)
    for l in range(n_lanes):
        scale[l] = 0
    for position in range(last, first, -1):
        child, before = tree.child[position], tree.child[position - 1]
        carry_up_times(chunk, child, spare, running)
        add_scale(chunk.up_scale[child], scale)
        rescale(running, scale, spare[0, 0])
        multiply(running, chunk.outer[before])
        add_scale(scale, chunk.outer_scale[before])
        rescale(chunk.outer[before], chunk.outer_scale[before], spare[0, 0])


@kernel
def invariant_likelihood(sites: Sites, process: Process, chunk: int, lane: int) -> float:
    """The contribution of sites that never change to the likelihood of a pattern."""
    model = sites.model[chunk]
    if process.invariant[model] == 0.0:
        return 0.0
    total = 0.0
    for x in range(process.frequency.shape[1]):
        total += process.frequency[model, x] * sites.constant[chunk, x, lane]
    return float(process.invariant[model] * total)


@kernel
def fill_invariant(sites: Sites, process: Process, chunk: int, target: np.ndarray) -> bool:
    """Write the contribution of sites that never change to every pattern of a chunk; say whether there are such sites.

    ``target`` float64 (lane,).
    """
    n_lanes = len(target)
    for l in range(n_lanes):
        target[l] = invariant_likelihood(sites, process, chunk, l)
    return bool(process.invariant[sites.model[chunk]] > 0.0)


@kernel
def weighted_sum(weight: np.ndarray, value: np.ndarray) -> float:
    """Sum over the lanes that have a weight: eight sums side by side, which is an order that vector units can keep to.

    ``weight`` and ``value`` (lane,).

    A :func:`summing_kernel` would leave the order to the compiler, which takes another one where it compiles a copy of
    the sum into a caller: the last bits would depend on which kernels a process compiled or loaded first.
    """
    n_lanes = len(weight)
    a0, a1, a2, a3, a4, a5, a6, a7 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for block in range(n_lanes // 8):
        l = 8 * block
        a0 += weight[l] * value[l] if weight[l] > 0.0 else 0.0
        a1 += weight[l + 1] * value[l + 1] if weight[l + 1] > 0.0 else 0.0
        a2 += weight[l + 2] * value[l + 2] if weight[l + 2] > 0.0 else 0.0
        a3 += weight[l + 3] * value[l + 3] if weight[l + 3] > 0.0 else 0.0
        a4 += weight[l + 4] * value[l + 4] if weight[l + 4] > 0.0 else 0.0
        a5 += weight[l + 5] * value[l + 5] if weight[l + 5] > 0.0 else 0.0
        a6 += weight[l + 6] * value[l + 6] if weight[l + 6] > 0.0 else 0.0
        a7 += weight[l + 7] * value[l + 7] if weight[l + 7] > 0.0 else 0.0
    return ((a0 + a4) + (a1 + a5)) + ((a2 + a6) + (a3 + a7))


@kernel
def finish_chunk(
    sites: Sites, process: Process, up: np.ndarray, scale: np.ndarray, chunk: int, log_site: np.ndarray
) -> None:
    """Write ln of the likelihood of every pattern of a chunk, from the top's slab.

    ``up`` (category, state, lane) and ``scale`` (lane,) of the top; ``log_site`` (chunk, lane).
    """
    n_lanes = up.shape[2]
    model = sites.model[chunk]
    total = np.zeros(n_lanes)
    for c in range(up.shape[0]):
        for x in range(up.shape[1]):
            factor = process.weight[model, c] * process.frequency[model, x]
            for l in range(n_lanes):
                total[l] += factor * up[c, x, l]
    invariant = aligned((n_lanes,))
    has_invariant = fill_invariant(sites, process, chunk, invariant)
    log_totals(total, scale, invariant, has_invariant, log_site[chunk])


@kernel
def take_chunk(sites: Sites, transitions: Transitions, storage: Partials, number: int) -> Chunk:
    """The arrays of one chunk, in the slot where it is kept."""
    return take_slot(sites, transitions, storage, number, number)


@kernel
def take_slot(sites: Sites, transitions: Transitions, storage: Partials, slot: int, number: int) -> Chunk:
    """The arrays of one chunk, its partials in a slot."""
    model = sites.model[number]
    return Chunk(
        sites.code[number],
        transitions.matrix[model],
        transitions.letter[model],
        storage.up[slot],
        storage.up_scale[slot],
        storage.outer[slot],
        storage.outer_scale[slot],
    )


@kernel
def sweep_up(sites: Sites, tree: Topology, chunk: Chunk, number: int) -> None:
    """All upward partials of one chunk."""
    spare = aligned(chunk.up.shape[1:])
    for taxon in range(tree.n_taxa):
        unpack_tip(sites.tip[number, taxon], chunk.up[taxon])
    for node in range(tree.n_taxa, len(tree.parent)):
        update_up(tree, chunk, node, spare)


@kernel
def sweep_down(tree: Topology, chunk: Chunk) -> None:
    """All outer partials of one chunk; the upward ones must be there."""
    spare, running = aligned(chunk.up.shape[1:]), aligned(chunk.up.shape[1:])
    for node in range(len(tree.parent) - 1, tree.n_taxa - 1, -1):
        update_outer(tree, chunk, node, spare, running)


@kernel
def fill_chunks(
    sites: Sites,
    process: Process,
    tree: Topology,
    transitions: Transitions,
    storage: Partials,
    down: bool,
    log_site: np.ndarray,
    worker: int,
    first: int,
    last: int,
) -> None:
    """Upward, and if asked for outer, partials of the chunks ``first`` to ``last - 1``.

    ``log_site`` float64 (chunk, lane) is filled. Chunks are kept where there is a slot for each; otherwise all are
    worked off in the slot of the worker.
    """
    top = len(tree.parent) - 1
    keeps = len(storage.up) == len(sites.model)
    for number in range(first, last):
        chunk = take_slot(sites, transitions, storage, number if keeps else worker, number)
        sweep_up(sites, tree, chunk, number)
        finish_chunk(sites, process, chunk.up[top], chunk.up_scale[top], number, log_site)
        if down:
            sweep_down(tree, chunk)
