"""EM along the positions of a chromosome, for many traits or for many permutations of one.

Every fit starts anew: its result depends neither on other traits and positions nor on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np

from genem.em.ascent_kernels import Ascent, Rule, advance, ended, leave, new_ascent, running
from genem.jit import kernel, parallel_kernel, prange
from genem.qtl.one_locus.fence_kernels import Fence, new_fence, stays_below
from genem.qtl.one_locus.trait_kernels import (
    LOG_ROOT_TWO_PI,
    NORMAL,
    Scratch,
    Trait,
    begin_from_prior,
    climb,
    expect,
    fit_from_prior,
    maximise,
    n_parameters,
    new_scratch,
)

AT_ONCE = 32
"""Positions that are fitted one after the other, in the same memory."""
WORTH_A_LOOK = 0.25
"""A proof is tried where the last EM step gained no more than this share of what lacks to the goal."""
LOOK_AGAIN = 0.3
"""It is tried again where gains have shrunk by this factor."""


@kernel
def with_response(trait: Trait, response: np.ndarray) -> Trait:
    """The same with another ``response`` (individual,)."""
    return Trait(trait.family, response, trait.weight, trait.regressors, trait.contrasts, trait.regressor_of)


@kernel
def reordered(trait: Trait, order: np.ndarray) -> Trait:
    """Every individual with the trait, weight and regressors of the one that ``order`` (individual,) names."""
    return Trait(
        trait.family,
        trait.response[order],
        trait.weight[order],
        np.ascontiguousarray(trait.regressors[:, order]),
        trait.contrasts,
        trait.regressor_of,
    )


@kernel
def with_genotypes(trait: Trait, n_states: int, n_own: int) -> Trait:
    """The null model of a trait (regressor, individual) with room for regressors on genotype probabilities."""
    n_null, n = trait.regressors.shape
    n_all = n_null + (n_states - 1) * n_own
    regressors = np.zeros((n_all, n))
    regressors[:n_null] = trait.regressors
    return Trait(trait.family, trait.response, trait.weight, regressors, np.ones((1, n_all)), np.arange(n_all))


@kernel
def fill_in_genotypes(prior: np.ndarray, n_own: int, regressors: np.ndarray, n_null: int) -> None:
    """Fill rows of ``regressors`` (regressor, individual): probabilities of all genotypes but one times own regressors.

    ``prior`` (genotype, individual). The own regressors come first.
    """
    for state in range(len(prior) - 1):
        for k in range(n_own):
            for i in range(regressors.shape[1]):
                regressors[n_null + state * n_own + k, i] = prior[state, i] * regressors[k, i]


@parallel_kernel
def fit_positions(
    priors: np.ndarray,
    trait: Trait,
    responses: np.ndarray,
    rule: Rule,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Fit each of the ``responses`` (trait, individual) under each of the ``priors`` (position, cell, individual).

    ``log_likelihood``, ``n_iter`` and ``status`` (trait, position) are filled.
    """
    n_blocks = -(-len(priors) // AT_ONCE)
    for task in prange(len(responses) * n_blocks):
        k, start = task // n_blocks, task % n_blocks * AT_ONCE
        current = with_response(trait, responses[k])
        ascent, scratch = new_ascent(n_parameters(current)), new_scratch(current)
        for position in range(start, min(start + AT_ONCE, len(priors))):
            found = fit_from_prior(priors[position], current, rule, ascent, scratch)
            log_likelihood[k, position], n_iter[k, position], status[k, position] = found


@parallel_kernel
def regress_positions(
    priors: np.ndarray,
    trait: Trait,
    responses: np.ndarray,
    n_own: int,
    rule: Rule,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Regress each of the ``responses`` (trait, individual) on each of the ``priors`` (position, genotype, individual).

    ``trait`` is that of the null model, whose first ``n_own`` regressors interact with the genotype.
    ``log_likelihood``, ``n_iter`` and ``status`` (trait, position) are filled.
    """
    n_blocks = -(-len(priors) // AT_ONCE)
    n_null, n = trait.regressors.shape
    for task in prange(len(responses) * n_blocks):
        k, start = task // n_blocks, task % n_blocks * AT_ONCE
        current = with_genotypes(with_response(trait, responses[k]), priors.shape[1], n_own)
        ascent, scratch, certain = new_ascent(n_parameters(current)), new_scratch(current), np.ones((1, n))
        for position in range(start, min(start + AT_ONCE, len(priors))):
            fill_in_genotypes(priors[position], n_own, current.regressors, n_null)
            found = fit_from_prior(certain, current, rule, ascent, scratch)
            log_likelihood[k, position], n_iter[k, position], status[k, position] = found


@kernel
def gain_of_step(trait: Trait, scratch: Scratch, log_sigma: float, new_log_sigma: float) -> float:
    """The gain in expected log-likelihood of an M-step of a normal trait from ``log_sigma``; arrays (individual,)."""
    n, explained = len(trait.response), 0.0
    for column in range(len(scratch.step)):
        explained += scratch.right[column] * scratch.step[column]
    squares = n * math.exp(2.0 * new_log_sigma) + explained
    return n * (log_sigma - new_log_sigma - 0.5) + 0.5 * squares * math.exp(-2.0 * log_sigma)


@kernel
def climb_towards(
    prior: np.ndarray, trait: Trait, rule: Rule, ascent: Ascent, scratch: Scratch, fence: Fence, goal: float
) -> tuple[float, int, int]:
    """Follow EM under the ``prior`` (cell, individual) until it ends, or provably ends below ``goal``.

    Returns log-likelihood (-inf where it was left), steps and status.
    """
    if trait.family != NORMAL:
        return climb(prior, trait, rule, ascent, scratch)
    log_sigma = float(ascent.point[-1])
    lacking = goal + len(trait.response) * (log_sigma + LOG_ROOT_TWO_PI + 0.5)
    gain, checked = 0.0, math.inf
    for column in range(len(scratch.step)):
        gain += 0.5 * scratch.right[column] * scratch.step[column] * math.exp(-2.0 * log_sigma)
    if running(ascent) and stays_below(trait, scratch, fence, 0.0, log_sigma, gain, lacking):
        leave(ascent, -math.inf)
    while running(ascent):
        value = expect(prior, trait, ascent.point, scratch)
        steepest, possible = maximise(trait, ascent.point, scratch, ascent.image)
        gain = gain_of_step(trait, scratch, ascent.point[-1], ascent.image[-1])
        lacking = goal - value - gain
        if possible and gain < WORTH_A_LOOK * lacking and gain < LOOK_AGAIN * checked:
            checked = gain
            if stays_below(trait, scratch, fence, ascent.point[-1], ascent.image[-1], gain, lacking):
                leave(ascent, -math.inf)
                continue
        advance(ascent, rule, value, steepest / (1.0 + abs(value)), possible)
    return ended(ascent)


@kernel
def sweep(
    priors: np.ndarray,
    trait: Trait,
    rule: Rule,
    goal: float,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Fit a trait at every position that may surpass ``goal`` and those before.

    ``priors`` (position, cell, individual). ``log_likelihood``, ``n_iter`` and ``status`` (position,) are filled; the
    first is -inf where a position was left.
    """
    ascent, scratch, fence = new_ascent(n_parameters(trait)), new_scratch(trait), new_fence(trait)
    for position in range(len(priors)):
        begin_from_prior(priors[position], trait, rule, ascent, scratch)
        found = climb_towards(priors[position], trait, rule, ascent, scratch, fence, goal)
        log_likelihood[position], n_iter[position], status[position] = found
        goal = max(goal, found[0])


@parallel_kernel
def sweep_orders(
    priors: np.ndarray,
    trait: Trait,
    orders: np.ndarray,
    rule: Rule,
    goals: np.ndarray,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Fit a trait in each of the ``orders`` (permutation, individual) at all positions.

    ``priors`` (position, cell, individual). An individual takes the trait, weight and covariates of the one that its
    order names. Positions that stay below ``goals`` (permutation,), or below one before, are left. ``log_likelihood``,
    ``n_iter`` and ``status`` (permutation, position) are filled.
    """
    for k in prange(len(orders)):
        sweep(priors, reordered(trait, orders[k]), rule, goals[k], log_likelihood[k], n_iter[k], status[k])


@parallel_kernel
def regress_orders(
    priors: np.ndarray,
    trait: Trait,
    orders: np.ndarray,
    n_own: int,
    rule: Rule,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Regress a trait in each of the ``orders`` (permutation, individual) on genotype probabilities.

    ``priors`` (position, genotype, individual), ``trait`` as in ``regress_positions``. ``log_likelihood``, ``n_iter``
    and ``status`` (permutation, position) are filled.
    """
    n_null, n = trait.regressors.shape
    for k in prange(len(orders)):
        current = with_genotypes(reordered(trait, orders[k]), priors.shape[1], n_own)
        ascent, scratch, certain = new_ascent(n_parameters(current)), new_scratch(current), np.ones((1, n))
        for position in range(len(priors)):
            fill_in_genotypes(priors[position], n_own, current.regressors, n_null)
            found = fit_from_prior(certain, current, rule, ascent, scratch)
            log_likelihood[k, position], n_iter[k, position], status[k, position] = found
