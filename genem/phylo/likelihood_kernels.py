"""Felsenstein's pruning algorithm, upwards and downwards, on chunks of site patterns.

With P(t) = exp(Q r t), the partial likelihood of a node is the probability of the data below it given its state,

    up(v)[x] = product over children c of sum over y of P(t_c)[x, y] up(c)[y]

and that of an edge from its upper end, of all data that are not below it, without the stationary frequencies,

    outer(v)[x] = (P(t_u) outer(u))[x] * product over siblings s of (P(t_s) up(s))[x],   u the parent of v,

so that at every edge the likelihood of a site is sum over categories and states of w pi(x) outer(v)[x] (P(t_v) up(v))[x]
(Felsenstein 1981, doi:10.1007/BF01734359; the model is reversible, so that P serves in both directions). A slab is
``[category, state, lane]``; a lane is one pattern of a chunk of ``LANES``. The whole tree is worked off chunk by chunk: a
chunk's slabs stay in the cache, the inner loops run over lanes with unit stride, and chunks know nothing of one another.

A pattern whose largest partial falls below ``TINY`` is multiplied by ``HUGE``, and the event is counted per node.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel, parallel_kernel, prange, summing_kernel

LANES = 64
TINY = 2.0**-256
HUGE = 2.0**256
LOG_TINY = -256.0 * math.log(2.0)
FEW_STATES = 4
"""Up to so many states a tip is multiplied like any node; with more, its few letters are looked up."""


class Sites(NamedTuple):
    """The data, chunk by chunk; unused lanes of a chunk hold unknown letters and weight 0.

    code uint8 (chunk, taxon, lane); tip float64 (chunk, taxon, 1, state, lane), 1 where the letter may be the state;
    constant float64 (chunk, state, lane), 1 where all taxa may be; weight float64 (chunk, lane); unseen float64
    (chunk, lane), 1 for the constant patterns that +ASC says were not collected; model int64 (chunk,).
    """

    code: np.ndarray
    tip: np.ndarray
    constant: np.ndarray
    weight: np.ndarray
    unseen: np.ndarray
    model: np.ndarray


class Process(NamedTuple):
    """The substitution models of the partitions, P(t) = I + right diag(expm1(eigenvalue rate t)) left.

    frequency float64 (model, state); weight, rate float64 (model, category); invariant float64 (model,); eigenvalue
    float64 (model, state); left float64 (model, category, state, state), the same for every category, and right float64
    (model, state, state): Q = right diag(eigenvalue) left, and left[k, x] = right[x, k] frequency[x]; sets float64
    (code, state).
    """

    frequency: np.ndarray
    weight: np.ndarray
    rate: np.ndarray
    invariant: np.ndarray
    eigenvalue: np.ndarray
    left: np.ndarray
    right: np.ndarray
    sets: np.ndarray


class Topology(NamedTuple):
    """Nodes in ascending order have their children before them; the children of v are child[start[v]:start[v + 1]]."""

    n_taxa: int
    parent: np.ndarray
    start: np.ndarray
    child: np.ndarray


class Transitions(NamedTuple):
    """P of every edge: matrix float64 (model, node, category, state, state).

    letter float64 (model, taxon, category, state, code): P times the sets of states of a letter, for tip edges; empty
    where there are few states.
    """

    matrix: np.ndarray
    letter: np.ndarray


class Partials(NamedTuple):
    """up (chunk, inner node, category, state, lane), outer (chunk, node, category, state, lane), and their scales.

    Inner nodes are numbered from 0: node minus number of taxa. Scales are int32 (chunk, [inner] node, lane).
    """

    up: np.ndarray
    up_scale: np.ndarray
    outer: np.ndarray
    outer_scale: np.ndarray


@kernel
def fill_transition(process: Process, model: int, length: float, target: np.ndarray) -> None:
    """P of one edge into float64 (category, state, state); exact to rounding also where the edge is very short."""
    n_states = target.shape[1]
    for c in range(target.shape[0]):
        for x in range(n_states):
            for y in range(n_states):
                target[c, x, y] = 1.0 if x == y else 0.0
        if length <= 0.0 or process.rate[model, c] <= 0.0:
            continue
        for k in range(n_states):
            grown = math.expm1(process.eigenvalue[model, k] * process.rate[model, c] * length)
            for x in range(n_states):
                scaled = process.right[model, x, k] * grown
                for y in range(n_states):
                    target[c, x, y] += scaled * process.left[model, c, k, y]
        for x in range(n_states):
            for y in range(n_states):
                target[c, x, y] = max(target[c, x, y], 0.0)


@kernel
def fill_letters(matrix: np.ndarray, sets: np.ndarray, target: np.ndarray) -> None:
    """P times the set of every letter, into float64 (category, state, code)."""
    for c in range(matrix.shape[0]):
        for x in range(matrix.shape[1]):
            for code in range(sets.shape[0]):
                total = 0.0
                for y in range(matrix.shape[2]):
                    total += matrix[c, x, y] * sets[code, y]
                target[c, x, code] = total


@kernel
def fill_edge(process: Process, node: int, length: float, transitions: Transitions) -> None:
    """P of the edge above a node under every model."""
    for model in range(process.frequency.shape[0]):
        fill_transition(process, model, length, transitions.matrix[model, node])
        if node < transitions.letter.shape[1]:
            fill_letters(transitions.matrix[model, node], process.sets, transitions.letter[model, node])


@kernel
def fill_all_edges(process: Process, lengths: np.ndarray, transitions: Transitions) -> None:
    """P of all edges; the last node, the top, has none."""
    for node in range(len(lengths) - 1):
        fill_edge(process, node, lengths[node], transitions)


@kernel
def message(matrix: np.ndarray, partial: np.ndarray, target: np.ndarray) -> None:
    """target = P partial: a slab carried over an edge. A partial of a single category serves all."""
    n_states = matrix.shape[1]
    for c in range(matrix.shape[0]):
        s = c if partial.shape[0] > 1 else 0
        for x in range(n_states):
            p0, p1, p2, p3 = matrix[c, x, 0], matrix[c, x, 1], matrix[c, x, 2], matrix[c, x, 3]
            for l in range(LANES):
                target[c, x, l] = (p0 * partial[s, 0, l] + p1 * partial[s, 1, l]) + (
                    p2 * partial[s, 2, l] + p3 * partial[s, 3, l]
                )
            for y in range(4, n_states, 4):
                p0, p1, p2, p3 = matrix[c, x, y], matrix[c, x, y + 1], matrix[c, x, y + 2], matrix[c, x, y + 3]
                for l in range(LANES):
                    target[c, x, l] += (p0 * partial[s, y, l] + p1 * partial[s, y + 1, l]) + (
                        p2 * partial[s, y + 2, l] + p3 * partial[s, y + 3, l]
                    )


@kernel
def letter_message(letter: np.ndarray, code: np.ndarray, target: np.ndarray) -> None:
    """As :func:`message` for a tip, from the table of its letters."""
    for c in range(letter.shape[0]):
        for x in range(letter.shape[1]):
            for l in range(LANES):
                target[c, x, l] = letter[c, x, code[l]]


@kernel
def multiply(factor: np.ndarray, target: np.ndarray) -> None:
    """target *= factor, slab by slab."""
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(LANES):
                target[c, x, l] *= factor[c, x, l]


@kernel
def assign(source: np.ndarray, target: np.ndarray) -> None:
    """target = source, slab by slab."""
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(LANES):
                target[c, x, l] = source[c, x, l]


@kernel
def rescale(target: np.ndarray, scale: np.ndarray, largest: np.ndarray) -> None:
    """Lift the lanes of a slab that are about to underflow, and count it in ``scale``; a lane of zeros stays."""
    for l in range(LANES):
        largest[l] = 0.0
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(LANES):
                largest[l] = max(largest[l], target[c, x, l])
    smallest = 1.0
    for l in range(LANES):
        smallest = min(smallest, largest[l])
    if smallest >= TINY:
        return
    for l in range(LANES):
        if 0.0 < largest[l] < TINY:
            scale[l] += 1
            for c in range(target.shape[0]):
                for x in range(target.shape[1]):
                    target[c, x, l] *= HUGE


@kernel
def carry_up(
    sites: Sites, tree: Topology, transitions: Transitions, partials: Partials, chunk: int, node: int, target: np.ndarray
) -> None:
    """The message of a node to its parent, P up, into a slab."""
    model = sites.model[chunk]
    if node >= tree.n_taxa:
        message(transitions.matrix[model, node], partials.up[chunk, node - tree.n_taxa], target)
    elif node < transitions.letter.shape[1]:
        letter_message(transitions.letter[model, node], sites.code[chunk, node], target)
    else:
        message(transitions.matrix[model, node], sites.tip[chunk, node], target)


@kernel
def update_up(
    sites: Sites, tree: Topology, transitions: Transitions, partials: Partials, chunk: int, node: int, work: np.ndarray
) -> None:
    """Partials of an inner node from those of its children; ``work`` is float64 (3 or more, category, state, LANES)."""
    inner = node - tree.n_taxa
    target, scale = partials.up[chunk, inner], partials.up_scale[chunk, inner]
    for l in range(LANES):
        scale[l] = 0
    for position in range(tree.start[node], tree.start[node + 1]):
        child = tree.child[position]
        if child >= tree.n_taxa:
            child_scale = partials.up_scale[chunk, child - tree.n_taxa]
            for l in range(LANES):
                scale[l] += child_scale[l]
        if position == tree.start[node]:
            carry_up(sites, tree, transitions, partials, chunk, child, target)
        else:
            carry_up(sites, tree, transitions, partials, chunk, child, work[0])
            multiply(work[0], target)
            rescale(target, scale, work[1, 0, 0])


@kernel
def begin_outer(
    tree: Topology, transitions: Transitions, partials: Partials, model: int, chunk: int, node: int, target: np.ndarray
) -> None:
    """What reaches a node from above: P outer, or 1 at the top."""
    if node == len(tree.parent) - 1:
        target[:, :, :] = 1.0
    else:
        message(transitions.matrix[model, node], partials.outer[chunk, node], target)


@kernel
def update_outer(
    sites: Sites, tree: Topology, transitions: Transitions, partials: Partials, chunk: int, node: int, work: np.ndarray
) -> None:
    """Outer partials of all children of a node: prefix products over the siblings, then suffix products."""
    top = len(tree.parent) - 1
    running, one = work[1], work[0]
    count = np.zeros(LANES, np.int32)
    begin_outer(tree, transitions, partials, sites.model[chunk], chunk, node, running)
    if node != top:
        count[:] = partials.outer_scale[chunk, node]
    first, last = tree.start[node], tree.start[node + 1] - 1
    for position in range(first, last + 1):
        child = tree.child[position]
        assign(running, partials.outer[chunk, child])
        partials.outer_scale[chunk, child, :] = count
        if position < last:
            carry_up(sites, tree, transitions, partials, chunk, child, one)
            multiply(one, running)
            if child >= tree.n_taxa:
                count += partials.up_scale[chunk, child - tree.n_taxa]
            rescale(running, count, work[2, 0, 0])
    running[:, :, :] = 1.0
    count[:] = 0
    for position in range(last, first, -1):
        child, before = tree.child[position], tree.child[position - 1]
        carry_up(sites, tree, transitions, partials, chunk, child, one)
        multiply(one, running)
        if child >= tree.n_taxa:
            count += partials.up_scale[chunk, child - tree.n_taxa]
        rescale(running, count, work[2, 0, 0])
        multiply(running, partials.outer[chunk, before])
        partials.outer_scale[chunk, before, :] += count
        rescale(partials.outer[chunk, before], partials.outer_scale[chunk, before], work[2, 0, 0])


@kernel
def invariant_likelihood(sites: Sites, process: Process, chunk: int, lane: int) -> float:
    """What sites that never change add to the likelihood of a pattern."""
    model = sites.model[chunk]
    if process.invariant[model] == 0.0:
        return 0.0
    total = 0.0
    for x in range(process.frequency.shape[1]):
        total += process.frequency[model, x] * sites.constant[chunk, x, lane]
    return process.invariant[model] * total


@kernel
def log_total(scaled: float, scale: int, invariant: float) -> float:
    """ln(scaled * TINY**scale + invariant), without underflow."""
    if scale == 0:
        total = scaled + invariant
        return math.log(total) if total > 0.0 else -math.inf
    if invariant > 0.0:
        return math.log(invariant) + math.log1p(scaled / invariant * TINY**scale)
    return math.log(scaled) + scale * LOG_TINY if scaled > 0.0 else -math.inf


@summing_kernel
def finish_chunk(
    sites: Sites, process: Process, up: np.ndarray, scale: np.ndarray, chunk: int, log_site: np.ndarray
) -> None:
    """ln of the likelihood of every pattern of a chunk, from the top's slab."""
    model = sites.model[chunk]
    total = np.zeros(LANES)
    for c in range(up.shape[0]):
        for x in range(up.shape[1]):
            factor = process.weight[model, c] * process.frequency[model, x]
            for l in range(LANES):
                total[l] += factor * up[c, x, l]
    for l in range(LANES):
        log_site[chunk, l] = log_total(total[l], scale[l], invariant_likelihood(sites, process, chunk, l))


@kernel
def sweep_up(
    sites: Sites, process: Process, tree: Topology, transitions: Transitions, partials: Partials, chunk: int,
    log_site: np.ndarray,
) -> None:
    """All upward partials of one chunk, and the log-likelihoods of its patterns."""
    work = np.empty((3, *partials.up.shape[2:]))
    for node in range(tree.n_taxa, len(tree.parent)):
        update_up(sites, tree, transitions, partials, chunk, node, work)
    top = len(tree.parent) - 1 - tree.n_taxa
    finish_chunk(sites, process, partials.up[chunk, top], partials.up_scale[chunk, top], chunk, log_site)


@kernel
def sweep_down(
    sites: Sites, tree: Topology, transitions: Transitions, partials: Partials, chunk: int
) -> None:
    """All outer partials of one chunk; the upward ones must be there."""
    work = np.empty((3, *partials.up.shape[2:]))
    for node in range(len(tree.parent) - 1, tree.n_taxa - 1, -1):
        update_outer(sites, tree, transitions, partials, chunk, node, work)


@kernel
def pass_serial(
    sites: Sites, process: Process, tree: Topology, transitions: Transitions, partials: Partials, down: bool,
    log_site: np.ndarray,
) -> None:
    """Upward, and if asked for downward, partials of all chunks; log_site is float64 (chunk, lane)."""
    for chunk in range(len(sites.model)):
        sweep_up(sites, process, tree, transitions, partials, chunk, log_site)
        if down:
            sweep_down(sites, tree, transitions, partials, chunk)


@parallel_kernel
def pass_parallel(
    sites: Sites, process: Process, tree: Topology, transitions: Transitions, partials: Partials, down: bool,
    log_site: np.ndarray,
) -> None:
    """As :func:`pass_serial`, chunks spread over threads: the same bits."""
    for chunk in prange(len(sites.model)):
        sweep_up(sites, process, tree, transitions, partials, chunk, log_site)
        if down:
            sweep_down(sites, tree, transitions, partials, chunk)
