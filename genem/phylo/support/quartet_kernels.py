"""The three trees around an inner edge, site by site, and trees on resampled sites."""

from __future__ import annotations

import math

import numpy as np

from genem.em.newton_kernels import is_at_rest
from genem.jit import kernel, summing_kernel
from genem.numerics.array_kernels import aligned
from genem.phylo.fitting.branch_kernels import EdgeTable, fill_growth, newton_length, sum_growth
from genem.phylo.likelihood.partial_kernels import Sites
from genem.phylo.likelihood.scale_kernels import (
    LOG_TINY,
)
from genem.phylo.likelihood.transition_kernels import Process
from genem.phylo.searching.local_kernels import (
    fill_middle,
    fit_local,
    new_edge_table,
    new_local_tree,
    put_far,
    sweep_local,
)
from genem.phylo.searching.regraft_kernels import FullTree

LAST_SWEPT = 1
"""Leaf of a quartet whose edge a sweep comes to last: the table is left as that edge's."""


@kernel
def write_log_sites(sites: Sites, process: Process, table: EdgeTable, length: float, target: np.ndarray) -> None:
    """Write ln of the likelihood of every pattern, from the table of an edge of this length.

    ``target`` (chunk, lane).
    """
    n_lanes = table.value.shape[3]
    growth = np.empty((3, *table.value.shape[1:3]))
    total = aligned((n_lanes,))
    model = -1
    for number in range(len(sites.model)):
        if sites.model[number] != model:
            model = sites.model[number]
            fill_growth(process, model, length, growth)
        sum_growth(growth[0], table.value[number], total)
        for l in range(n_lanes):
            likelihood = total[l] + table.offset[number, l]
            if likelihood > 0.0:
                target[number, l] = math.log(likelihood) + table.scale[number, l] * LOG_TINY
            else:
                target[number, l] = -math.inf


@kernel
def screen_quartets(
    full: FullTree, quartets: np.ndarray, max_newton: int, log_site: np.ndarray, first: int, last: int
) -> None:
    """Improve only the edge in the middle of each quartet, else as :func:`fit_quartets`.

    ``quartets`` (quartet, 5); ``log_site`` (quartet, chunk, lane) is filled.
    """
    table = new_edge_table(full.storage)
    for place in range(first, last):
        fill_middle(full, quartets[place], table)
        length = full.lengths[quartets[place, 4]]
        length = newton_length(full.sites, full.process, table, full.ascertained, length, max_newton)
        write_log_sites(full.sites, full.process, table, length, log_site[place])


@kernel
def fit_quartets(
    full: FullTree,
    quartets: np.ndarray,
    start: np.ndarray,
    max_sweeps: int,
    tolerance: float,
    max_newton: int,
    found: np.ndarray,
    log_site: np.ndarray,
    first: int,
    last: int,
) -> None:
    """The likelihood of the whole tree with a quartet joined in some way and its five edges at their best lengths.

    What is there already stays where this climb comes no higher.

    Parameters
    ----------
    quartets
        int64 (quartet, 5): four edges with a direction, the first two to stand together, and the node below the edge in
        the middle; those from ``first`` to ``last - 1`` are worked off.
    start
        float64 (quartet, 5): lengths to begin with.
    max_sweeps, tolerance
        Rounds over the five edges end when one gains less.
    max_newton
        Most steps on one edge in one round.
    found
        float64 (quartet, 6): log-likelihood, -inf before the first climb, and the lengths of these five edges.
    log_site
        float64 (quartet, chunk, lane): ln of the likelihood of every pattern, before the correction for
        ascertainment.
    """
    local = new_local_tree(4, full.transitions, full.storage)
    lengths = np.zeros(6)
    for place in range(first, last):
        for leaf in range(4):
            put_far(full, quartets[place, leaf], local, leaf)
        lengths[:5] = start[place]
        reached = fit_local(full, local, lengths, max_newton)
        for _ in range(max_sweeps - 1):
            before = reached
            reached = sweep_local(full, local, lengths, before, max_newton)
            if is_at_rest(before, reached, tolerance):
                break
        if reached > found[place, 0]:
            write_log_sites(full.bare, full.process, local.table, lengths[LAST_SWEPT], log_site[place])
            found[place, 0] = reached
            found[place, 1:] = lengths[:5]


@summing_kernel
def resample(log_pattern: np.ndarray, weights: np.ndarray, totals: np.ndarray, first: int, last: int) -> None:
    """Log-likelihoods of trees on resampled sites (RELL: Kishino, Miyata & Hasegawa 1990, doi:10.1007/BF02109483).

    Parameters
    ----------
    log_pattern
        float64 (tree, pattern).
    weights
        float64 (replicate, pattern): those from ``first`` to ``last - 1`` are worked off.
    totals
        float64 (tree, replicate), filled.
    """
    for replicate in range(first, last):
        for tree in range(len(log_pattern)):
            total = 0.0
            for place in range(log_pattern.shape[1]):
                total += weights[replicate, place] * log_pattern[tree, place]
            totals[tree, replicate] = total
