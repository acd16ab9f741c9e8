"""Expected substitutions on every edge: the E-step of the tree, and the gradient of everything by Fisher's identity.

For an edge e and category c

    count[e, c, x, y] = sum over sites of n / L  w(c) pi(x) outer[c, x] up[c, y]

times P(x, y) is the expected number of sites of category c that are in state x above the edge and y below, given the
data; without P it is the derivative of the log-likelihood by P(x, y) (Friedman et al. 2002,
doi:10.1089/10665270252935494). Chunks are summed in fixed groups, so that the bits do not depend on the number of
threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel
from genem.phylo.likelihood.partial_kernels import (
    Partials,
    Sites,
    Topology,
    finish_chunk,
    sweep_down,
    sweep_up,
    take_slot,
    weighted_sum,
)
from genem.phylo.likelihood.scale_kernels import (
    LOG_TINY,
)
from genem.phylo.likelihood.transition_kernels import Process, Transitions


class EdgeCounts(NamedTuple):
    """Sums over the sites of one group of chunks.

    edge float64 (group, node, category, state above, state below), without P; top float64 (group, category, state), sum
    of n / L up at the top, without weights and frequencies; constant float64 (group, state), sum of n / L over sites
    that may be constant.
    """

    edge: np.ndarray
    top: np.ndarray
    constant: np.ndarray


@kernel
def fill_share(
    weight: np.ndarray,
    log_site: np.ndarray,
    reference: np.ndarray,
    above: np.ndarray,
    below: np.ndarray,
    relative: np.ndarray,
    share: np.ndarray,
) -> None:
    """n / L in the scale of an edge, from ``relative``, the same in the scale of the top.

    ``weight``, ``log_site``, ``reference``, ``above``, ``below`` and ``relative`` (lane,) are those of one chunk, the
    scales of the top and of both ends of the edge among them; ``share`` (lane,) is filled.
    """
    n_lanes = len(share)
    for l in range(n_lanes):
        shift = above[l] + below[l] - reference[l]
        share[l] = relative[l]
        if shift != 0 and weight[l] > 0.0:
            share[l] = weight[l] * math.exp((above[l] + below[l]) * LOG_TINY - log_site[l])


@kernel
def add_products(
    share: np.ndarray,
    process: Process,
    model: int,
    outer: np.ndarray,
    up: np.ndarray,
    is_tip: bool,
    weighted: np.ndarray,
    target: np.ndarray,
) -> None:
    """Add share w pi outer[x] up[y] over the lanes to float64 (category, state, state).

    ``share`` and ``weighted`` (lane,), the latter to work in; ``outer`` and ``up`` (category, state, lane); ``target``
    (category, state, state).
    """
    n_lanes = len(share)
    for c in range(outer.shape[0]):
        s = 0 if is_tip else c
        for x in range(outer.shape[1]):
            factor = process.weight[model, c] * process.frequency[model, x]
            for l in range(n_lanes):
                weighted[l] = share[l] * outer[c, x, l]
            for y in range(outer.shape[1]):
                target[c, x, y] += factor * weighted_sum(weighted, up[s, y])


@kernel
def add_ends(
    sites: Sites,
    number: int,
    share: np.ndarray,
    log_site: np.ndarray,
    weight: np.ndarray,
    up: np.ndarray,
    top: np.ndarray,
    constant: np.ndarray,
) -> None:
    """Add one chunk to the sums at the top and over constant sites.

    ``share``, ``log_site`` and ``weight`` (lane,); ``up`` (category, state, lane) of the top; ``top`` (category, state)
    and ``constant`` (state,) are added to.
    """
    n_lanes = len(weight)
    for c in range(up.shape[0]):
        for x in range(up.shape[1]):
            top[c, x] += weighted_sum(share, up[c, x])
    for l in range(n_lanes):
        if weight[l] > 0.0:
            for x in range(up.shape[1]):
                if sites.constant[number, x, l] > 0.0:
                    constant[x] += weight[l] * math.exp(-log_site[l])


@kernel
def count_group(
    sites: Sites,
    process: Process,
    tree: Topology,
    transitions: Transitions,
    storage: Partials,
    slot: int,
    first: int,
    last: int,
    group: int,
    weight: np.ndarray,
    log_site: np.ndarray,
    counts: EdgeCounts,
) -> None:
    """Carry the chunks ``first`` to ``last - 1`` up and down and add them to the counts of a group.

    ``weight`` and ``log_site`` (chunk, lane), the latter filled.
    """
    n_lanes = weight.shape[1]
    top = len(tree.parent) - 1
    relative, share, weighted = np.empty(n_lanes), np.empty(n_lanes), np.empty(n_lanes)
    for number in range(first, last):
        # Partials of all nodes from both sides.
        chunk = take_slot(sites, transitions, storage, slot, number)
        sweep_up(sites, tree, chunk, number)
        finish_chunk(sites, process, chunk.up[top], chunk.up_scale[top], number, log_site)
        sweep_down(tree, chunk)
        # n / L of every pattern in the scale of the top, and what it says of the top and of constant sites.
        model, reference = sites.model[number], chunk.up_scale[top]
        for l in range(n_lanes):
            relative[l] = 0.0
            if weight[number, l] > 0.0:
                relative[l] = weight[number, l] * math.exp(reference[l] * LOG_TINY - log_site[number, l])
        add_ends(
            sites,
            number,
            relative,
            log_site[number],
            weight[number],
            chunk.up[top],
            counts.top[group],
            counts.constant[group],
        )
        # The same in the scale of every edge, times the partials at its ends.
        for node in range(top):
            fill_share(
                weight[number],
                log_site[number],
                reference,
                chunk.outer_scale[node],
                chunk.up_scale[node],
                relative,
                share,
            )
            add_products(
                share,
                process,
                model,
                chunk.outer[node],
                chunk.up[node],
                node < tree.n_taxa,
                weighted,
                counts.edge[group, node],
            )


@kernel
def count_groups(
    sites: Sites,
    process: Process,
    tree: Topology,
    transitions: Transitions,
    storage: Partials,
    start: np.ndarray,
    weight: np.ndarray,
    log_site: np.ndarray,
    counts: EdgeCounts,
    worker: int,
    first: int,
    last: int,
) -> None:
    """Counts of the groups ``first`` to ``last - 1``; group g has the chunks start[g] to start[g + 1] - 1.

    ``start`` (group + 1,) and ``log_site`` (chunk, lane).

    ``weight`` float64 (chunk, lane) says how often each pattern counts; ``log_site`` is filled; ``counts`` start at 0.
    """
    for group in range(first, last):
        count_group(
            sites,
            process,
            tree,
            transitions,
            storage,
            worker,
            start[group],
            start[group + 1],
            group,
            weight,
            log_site,
            counts,
        )
