"""Lengths of branches: Newton's method on one edge, and a sweep over all edges of a tree.

In the eigenvectors of Q the likelihood of a site as a function of the length t of one edge is

    L(t) = sum over categories c and eigenvalues k of table[c, k] exp(eigenvalue[k] rate[c] t) + invariant,
    table[c, k] = weight[c] (left outer)[c, k] (left up)[c, k],

because left[k, x] = right[x, k] pi(x): both ends are turned by the same matrix. The table is made once, and a Newton
step costs a few sums over it (Yang 2000, doi:10.1007/s002399910018; the table as in Stamatakis 2014,
doi:10.1093/bioinformatics/btu033). Steps are kept between the points where the derivative is known to be positive and
negative, and the length is put back where the log-likelihood did not rise, so that a sweep never descends.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.newton_kernels import bracketed_step, has_settled
from genem.jit import kernel
from genem.numerics.array_kernels import aligned
from genem.numerics.vector_kernels import logarithms
from genem.phylo.likelihood.partial_kernels import (
    Chunk,
    Partials,
    Sites,
    Topology,
    begin_outer,
    carry_up_times,
    invariant_likelihood,
    message,
    take_chunk,
    update_up,
    weighted_sum,
)
from genem.phylo.likelihood.scale_kernels import (
    LOG_TINY,
    TINY,
    add_scale,
    rescale,
)
from genem.phylo.likelihood.transition_kernels import Process, Transitions, fill_edge

MIN_LENGTH = 1e-9
MAX_LENGTH = 100.0
MAX_NEWTON = 50
LENGTH_TOLERANCE, LENGTH_OFFSET = 1e-6, 1e-4
"""Newton's method ends with a step of at most the tolerance times the length plus the offset; the error that is left is
of the order of its square."""
ROUNDING = 1e-12
"""Fall of the log-likelihood, relative to its size, that is put down to rounding."""


class EdgeTable(NamedTuple):
    """One edge over all chunks.

    value float64 (chunk, category, state, lane); offset float64 (chunk, lane), what sites that never change add, in the
    scale of the pattern; scale int32 (chunk, lane).
    """

    value: np.ndarray
    offset: np.ndarray
    scale: np.ndarray


@kernel
def fill_chunk_table(
    sites: Sites, process: Process, chunk: Chunk, number: int, node: int, spare: np.ndarray, table: EdgeTable
) -> None:
    """The table of the edge above a node for one chunk.

    ``spare`` is a slab (category, state, lane) to work in.
    """
    message(process.left[sites.model[number]], chunk.up[node], node < len(chunk.code), table.value[number])
    finish_chunk_table(
        sites, process, number, chunk.up_scale[node], chunk.outer[node], chunk.outer_scale[node], spare, table
    )


@kernel
def finish_chunk_table(
    sites: Sites,
    process: Process,
    number: int,
    up_scale: np.ndarray,
    outer: np.ndarray,
    outer_scale: np.ndarray,
    spare: np.ndarray,
    table: EdgeTable,
) -> None:
    """Turn the lower end of an edge, which the values of its table hold already, into the table of one chunk.

    ``up_scale`` and ``outer_scale`` (lane,) are the scales of the lower and the upper end, ``outer`` the partial
    (category, state, lane) of the upper one; ``spare`` is a slab (category, state, lane) to work in.
    """
    n_lanes = spare.shape[2]
    model = sites.model[number]
    value, offset, scale = table.value[number], table.offset[number], table.scale[number]
    message(process.left[model], outer, False, spare)
    for c in range(value.shape[0]):
        weight = process.weight[model, c]
        for k in range(value.shape[1]):
            for l in range(n_lanes):
                value[c, k, l] *= spare[c, k, l] * weight
    for l in range(n_lanes):
        scale[l] = up_scale[l] + outer_scale[l]
        offset[l] = 0.0
    if process.invariant[model] > 0.0:
        for l in range(n_lanes):
            offset[l] = invariant_likelihood(sites, process, number, l)
            if scale[l] > 0 and offset[l] > 0.0:  # lifted four times, the offset would be infinite
                factor = TINY ** scale[l]
                scale[l] = 0
                for c in range(value.shape[0]):
                    for k in range(value.shape[1]):
                        value[c, k, l] *= factor


@kernel
def fill_growth(process: Process, model: int, length: float, growth: np.ndarray) -> None:
    """Write exp(eigenvalue rate t) and its two derivatives.

    ``growth`` float64 (3, category, state) is filled.
    """
    for c in range(growth.shape[1]):
        for k in range(growth.shape[2]):
            speed = process.eigenvalue[model, k] * process.rate[model, c]
            growth[0, c, k] = math.exp(speed * length)
            growth[1, c, k] = speed * growth[0, c, k]
            growth[2, c, k] = speed * growth[1, c, k]


@kernel
def sum_growths(growth: np.ndarray, value: np.ndarray, total: np.ndarray) -> None:
    """Sum growth times value over categories and eigenvalues for the function and both derivatives, in one pass.

    ``growth`` (3, category, state); ``value`` (category, state, lane); ``total`` (3, lane) is filled.
    """
    n_lanes = total.shape[1]
    for d in range(3):
        for l in range(n_lanes):
            total[d, l] = 0.0
    for c in range(value.shape[0]):
        for k in range(0, value.shape[1], 4):
            f0, f1, f2, f3 = growth[0, c, k], growth[0, c, k + 1], growth[0, c, k + 2], growth[0, c, k + 3]
            g0, g1, g2, g3 = growth[1, c, k], growth[1, c, k + 1], growth[1, c, k + 2], growth[1, c, k + 3]
            h0, h1, h2, h3 = growth[2, c, k], growth[2, c, k + 1], growth[2, c, k + 2], growth[2, c, k + 3]
            for l in range(n_lanes):
                v0, v1, v2, v3 = value[c, k, l], value[c, k + 1, l], value[c, k + 2, l], value[c, k + 3, l]
                total[0, l] += (f0 * v0 + f1 * v1) + (f2 * v2 + f3 * v3)
                total[1, l] += (g0 * v0 + g1 * v1) + (g2 * v2 + g3 * v3)
                total[2, l] += (h0 * v0 + h1 * v1) + (h2 * v2 + h3 * v3)


@kernel
def sum_growth(growth: np.ndarray, value: np.ndarray, total: np.ndarray) -> None:
    """Sum growth times value over categories and eigenvalues.

    ``growth`` (category, state); ``value`` (category, state, lane); ``total`` (lane,) is filled.
    """
    n_lanes = len(total)
    for l in range(n_lanes):
        total[l] = 0.0
    for c in range(value.shape[0]):
        for k in range(0, value.shape[1], 4):
            g0, g1, g2, g3 = growth[c, k], growth[c, k + 1], growth[c, k + 2], growth[c, k + 3]
            for l in range(n_lanes):
                total[l] += (g0 * value[c, k, l] + g1 * value[c, k + 1, l]) + (
                    g2 * value[c, k + 2, l] + g3 * value[c, k + 3, l]
                )


@kernel
def add_derivatives(weight: np.ndarray, offset: np.ndarray, total: np.ndarray) -> tuple[float, float]:
    """First and second derivative of the log-likelihood of one chunk, before the correction for ascertainment.

    ``weight`` and ``offset`` (lane,); ``total`` (3, lane), from :func:`sum_growths`, is overwritten.
    """
    n_lanes = len(weight)
    for l in range(n_lanes):
        inverse = 1.0 / (total[0, l] + offset[l]) if weight[l] > 0.0 else 0.0
        slope = total[1, l] * inverse
        total[1, l] = slope
        total[2, l] = total[2, l] * inverse - slope * slope
    return weighted_sum(weight, total[1]), weighted_sum(weight, total[2])


@kernel
def derivatives(
    sites: Sites, process: Process, table: EdgeTable, ascertained: np.ndarray, length: float
) -> tuple[float, float]:
    """First and second derivative of the log-likelihood by the length of the edge.

    ``ascertained`` float64 (model,): number of sites of the models with +ASC, 0 for the others.
    """
    n_lanes = table.value.shape[3]
    growth = np.empty((3, *table.value.shape[1:3]))
    total = aligned((3, n_lanes))
    unseen = np.zeros((len(ascertained), 3))
    first, second = 0.0, 0.0
    model = -1
    for number in range(len(sites.model)):
        if sites.model[number] != model:
            model = sites.model[number]
            fill_growth(process, model, length, growth)
        sum_growths(growth, table.value[number], total)
        slope, curve = add_derivatives(sites.weight[number], table.offset[number], total)
        first += slope
        second += curve
        if ascertained[model] > 0.0:
            add_unseen(sites.unseen[number], table.scale[number], table.offset[number], total, unseen[model])
    for model in range(len(ascertained)):
        if ascertained[model] > 0.0:
            seen = 1.0 - unseen[model, 0]
            slope = unseen[model, 1] / seen
            first += ascertained[model] * slope
            second += ascertained[model] * (unseen[model, 2] / seen + slope * slope)
    return first, second


@kernel
def add_unseen(
    unseen: np.ndarray, scale: np.ndarray, offset: np.ndarray, total: np.ndarray, target: np.ndarray
) -> None:
    """Add the probabilities of constant patterns, and as many derivatives as ``total`` has rows.

    ``unseen``, ``scale`` and ``offset`` (lane,); ``total`` (order, lane); ``target`` (order,) is added to.
    """
    n_lanes = len(unseen)
    for l in range(n_lanes):
        if unseen[l] > 0.0:
            factor = TINY ** scale[l] if scale[l] > 0 else 1.0
            target[0] += (total[0, l] + offset[l]) * factor
            for d in range(1, total.shape[0]):
                target[d] += total[d, l] * factor


@kernel
def edge_log_likelihood(
    sites: Sites, process: Process, table: EdgeTable, ascertained: np.ndarray, length: float
) -> float:
    """The log-likelihood of the tree with this length of the edge.

    ``ascertained`` (model,): sites of the models with +ASC, 0 for the others.
    """
    n_lanes = table.value.shape[3]
    growth = np.empty((3, *table.value.shape[1:3]))
    total, log_site = aligned((1, n_lanes)), aligned((n_lanes,))
    unseen = np.zeros((len(ascertained), 1))
    result = 0.0
    model = -1
    for number in range(len(sites.model)):
        if sites.model[number] != model:
            model = sites.model[number]
            fill_growth(process, model, length, growth)
        sum_growth(growth[0], table.value[number], total[0])
        if ascertained[model] > 0.0:
            add_unseen(sites.unseen[number], table.scale[number], table.offset[number], total, unseen[model])
        n_impossible = 0
        for l in range(n_lanes):
            total[0, l] += table.offset[number, l]
            n_impossible += sites.weight[number, l] > 0.0 and not total[0, l] > 0.0
        if n_impossible > 0:
            return -math.inf
        logarithms(total[0], log_site)
        for l in range(n_lanes):
            log_site[l] += table.scale[number, l] * LOG_TINY
        result += weighted_sum(sites.weight[number], log_site)
    for model in range(len(ascertained)):
        if ascertained[model] > 0.0:
            result -= ascertained[model] * math.log1p(-unseen[model, 0])
    return result


@kernel
def newton_length(
    sites: Sites, process: Process, table: EdgeTable, ascertained: np.ndarray, length: float, max_newton: int
) -> float:
    """A length where the derivative vanishes, uphill of the given one, or the bound that it leads to.

    ``ascertained`` (model,): as for :func:`derivatives`.
    """
    low, high = MIN_LENGTH, MAX_LENGTH
    current = min(max(length, low), high)
    for _ in range(max_newton):
        slope, curve = derivatives(sites, process, table, ascertained, current)
        if not math.isfinite(slope):
            return length
        previous = current
        current, low, high = bracketed_step(previous, slope, curve, low, high, MIN_LENGTH, MAX_LENGTH)
        if has_settled(previous, current, LENGTH_TOLERANCE, LENGTH_OFFSET):
            break
    return current


@kernel
def improve_edge(
    sites: Sites,
    process: Process,
    table: EdgeTable,
    ascertained: np.ndarray,
    length: float,
    current: float,
    max_newton: int,
) -> tuple[float, float]:
    """A better length of one edge and the log-likelihood then, or those given (``current`` belongs to ``length``).

    ``ascertained`` (model,): as for :func:`derivatives`.
    """
    proposed = newton_length(sites, process, table, ascertained, length, max_newton)
    if proposed == length:
        return length, current
    reached = edge_log_likelihood(sites, process, table, ascertained, proposed)
    if reached >= current - ROUNDING * abs(current):
        return proposed, reached
    return length, current


@kernel
def fill_outer(tree: Topology, chunk: Chunk, node: int, spare: np.ndarray) -> None:
    """Outer partials of one node from those of its parent and the upward ones of its siblings, as they are now.

    ``spare`` is a slab (category, state, lane) to work in.
    """
    parent = tree.parent[node]
    target, scale = chunk.outer[node], chunk.outer_scale[node]
    begin_outer(chunk, parent, target, scale)
    for position in range(tree.start[parent], tree.start[parent + 1]):
        sibling = tree.child[position]
        if sibling != node:
            carry_up_times(chunk, sibling, spare, target)
            add_scale(chunk.up_scale[sibling], scale)
            rescale(target, scale, spare[0, 0])


@kernel
def fill_table(
    sites: Sites,
    process: Process,
    tree: Topology,
    transitions: Transitions,
    storage: Partials,
    node: int,
    spare: np.ndarray,
    table: EdgeTable,
) -> None:
    """Outer partials and table of the edge above a node, over all chunks; every chunk must have its slot.

    ``spare`` is a slab (category, state, lane) to work in.
    """
    for number in range(len(sites.model)):
        chunk = take_chunk(sites, transitions, storage, number)
        fill_outer(tree, chunk, node, spare)
        fill_chunk_table(sites, process, chunk, number, node, spare, table)


@kernel
def sweep_branches(
    sites: Sites,
    process: Process,
    tree: Topology,
    transitions: Transitions,
    storage: Partials,
    table: EdgeTable,
    ascertained: np.ndarray,
    lengths: np.ndarray,
    free: np.ndarray,
    current: float,
    max_newton: int,
) -> float:
    """Improve every edge once, parents before children, and return the log-likelihood reached.

    Parameters
    ----------
    storage
        Upward partials of all chunks, valid for ``lengths``; they are kept valid. Outer ones are overwritten.
    table
        Room for one edge.
    lengths
        float64 (node,), changed in place, and ``transitions`` with them.
    free
        bool (node,): which edges may change.
    ascertained
        float64 (model,): sites of the models with +ASC, 0 for the others.
    current
        Log-likelihood of ``lengths``.
    """
    spare = aligned(storage.up.shape[2:])
    top = len(tree.parent) - 1
    # Depth first: a node's children are visited one by one, and its partials are made anew when it is left.
    position = tree.start[:-1].copy()
    node = top
    while True:
        if position[node] < tree.start[node + 1]:
            child = tree.child[position[node]]
            position[node] += 1
            # Down an edge: improve its length on the table of the edge, with all else as it is now.
            if free[child]:
                fill_table(sites, process, tree, transitions, storage, child, spare, table)
                if current == -math.inf:
                    current = edge_log_likelihood(sites, process, table, ascertained, lengths[child])
                length, current = improve_edge(sites, process, table, ascertained, lengths[child], current, max_newton)
                if length != lengths[child]:
                    lengths[child] = length
                    fill_edge(process, child, length, transitions)
            else:
                for number in range(len(sites.model)):
                    fill_outer(tree, take_chunk(sites, transitions, storage, number), child, spare)
            if child >= tree.n_taxa:
                node = child
        elif node == top:
            break
        else:
            # Up again: the parent sees the new lengths below.
            for number in range(len(sites.model)):
                update_up(tree, take_chunk(sites, transitions, storage, number), node, spare)
            node = tree.parent[node]
    for number in range(len(sites.model)):
        update_up(tree, take_chunk(sites, transitions, storage, number), top, spare)
    return current
