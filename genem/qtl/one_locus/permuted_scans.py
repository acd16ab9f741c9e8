"""The highest LOD score of a chromosome in each of many permutations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from genem.qtl.one_locus.methods import (
    LN10,
    Task,
    is_plain,
    null_basis,
    rank_null,
    rank_scales,
    rank_scores,
    residuals,
    two_part_null,
)
from genem.qtl.one_locus.regression_kernels import position_bases
from genem.qtl.one_locus.scanning import Method, Model, fit_task
from genem.qtl.one_locus.sweep_kernels import regress_orders, sweep_orders
from genem.qtl.one_locus.trait_kernels import BINARY, NORMAL, TWO_PART
from genem.qtl.one_locus.traits import Reached, cell_trait, null_trait

__all__ = ["highest_lods"]

Floats = NDArray[np.float64]
Orders = NDArray[np.int64]

AT_ONCE = 256
"""Permutations in one matrix product. They are counted from the first of the seed, so that every product has the same
shape, and every permutation the same place in it, however the permutations are cut into pieces."""


def highest_lods(
    task: Task, orders: Orders, first: int, method: Method, model: Model, strata: NDArray[np.int64], reached: Floats
) -> Floats:
    """Scan one chromosome with the trait in each of the ``orders`` (permutation, individual).

    The trait moves together with its covariates and weights: the null model stays as it is. ``reached``
    (permutation,) are LOD scores of chromosomes before: where it is clear that a position does not surpass them, it is
    not followed further.
    """
    if model == "np":
        return _by_ranks(task, orders, first, strata)
    if method == "hk" and model == "normal" and is_plain(task):
        return _haley_knott(task, orders, first)
    if method in ("em", "hk"):
        return _sweep(task, orders, method, model, reached)
    return _one_by_one(task, orders, method, model, strata)


def _haley_knott(task: Task, orders: Orders, first: int) -> Floats:
    """Matrix products of all permutations with an orthonormal basis of each position."""
    n_positions, n, n_states = task.probabilities.shape
    basis = null_basis(task.design, task.weights)
    bases = np.empty((n_positions, n_states, n))
    position_bases(basis, task.probabilities, task.design.own, bases, np.empty(n_positions, np.int64))
    left = residuals(basis, task.responses)[:, 0]
    total = left @ left

    def lods(some: Orders) -> Floats:
        squares = (bases.reshape(-1, n) @ left[some].T) ** 2
        explained = squares.reshape(n_positions, n_states, -1).sum(axis=1).max(axis=0)
        with np.errstate(divide="ignore"):
            return np.asarray(-0.5 * n * np.log1p(-np.minimum(explained / total, 1.0)) / LN10)

    return _in_blocks(lods, orders, first)


def _by_ranks(task: Task, orders: Orders, first: int, strata: NDArray[np.int64]) -> Floats:
    """Kruskal and Wallis's test of all permutations: only the sums of ranks depend on them."""
    n_positions, n, n_states = task.probabilities.shape
    by_state = np.ascontiguousarray(task.probabilities.transpose(0, 2, 1)).reshape(-1, n)
    scales = rank_scales(task.probabilities)[:, :, None]
    scores = rank_scores(task.responses[:, 0])
    null = rank_null(scores, strata)

    def lods(some: Orders) -> Floats:
        summed = (by_state @ scores[some].T).reshape(n_positions, n_states, -1)
        return np.asarray((scales * summed**2).sum(axis=1).max(axis=0) - null)

    return _in_blocks(lods, orders, first)


def _in_blocks(lods: Callable[[Orders], Floats], orders: Orders, first: int) -> Floats:
    """``lods`` of blocks of AT_ONCE orders whose number is a multiple of it, filled up with the last order."""
    highest = np.empty(len(orders))
    done = 0
    while done < len(orders):
        before = (first + done) % AT_ONCE
        some = orders[done : done + AT_ONCE - before]
        filled = np.concatenate(
            [np.repeat(some[:1], before, axis=0), some, np.repeat(some[-1:], AT_ONCE - before - len(some), axis=0)]
        )
        highest[done : done + len(some)] = lods(filled)[before : before + len(some)]
        done += len(some)
    return highest


def _sweep(task: Task, orders: Orders, method: Method, model: Model, reached: Floats) -> Floats:
    """EM, or regressions on the genotype probabilities, permutation by permutation along the chromosome.

    The fits are those of the scan; positions that provably stay below ``reached`` or a position before are left.
    """
    response, weights = task.responses[:, 0].copy(), task.weights
    if model == "2part":
        in_spike = response == response.max()
        family, weights, null = TWO_PART, (~in_spike).astype(np.float64), two_part_null(task, in_spike)
    else:
        family = BINARY if model == "binary" else NORMAL
        null = float(task.null(family)[0])
    priors, highest = task.priors, np.empty(len(orders))
    mixture = cell_trait(family, task.design, response, weights, np.eye(priors.shape[1]))
    regression = null_trait(family, task.design, response, weights)
    for start in range(0, len(orders), AT_ONCE):
        some = orders[start : start + AT_ONCE]
        found = Reached.empty(len(some), len(priors))
        if method == "hk":
            regress_orders(priors, regression, some, task.design.own.shape[1], task.rule, *found)
        else:
            goals = reached[start : start + AT_ONCE] * LN10 + null
            sweep_orders(priors, mixture, some, task.rule, goals, *found)
        highest[start : start + AT_ONCE] = (found.log_likelihood.max(axis=1) - null) / LN10
    return highest


def _one_by_one(task: Task, orders: Orders, method: Method, model: Model, strata: NDArray[np.int64]) -> Floats:
    """Whole scans with genotypes shuffled instead of the trait, which is the same."""
    highest = np.empty(len(orders))
    for k, order in enumerate(orders):
        shuffled = np.ascontiguousarray(task.probabilities[:, np.argsort(order)])
        shuffled_task = Task(shuffled, task.design, task.responses, task.weights, task.rule)
        lod = fit_task(shuffled_task, method, model, strata).lod
        highest[k] = lod.max(initial=-np.inf, where=~np.isnan(lod))
    return highest
