"""EM along the positions of a chromosome, for many permutations of a trait or for many traits.

Each trait is fitted by itself: its result depends neither on the others nor on the number of threads.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import STEP_GROWTH, cycle_step_length, extrapolate, longest_step
from genem.em.status import CONVERGED, DEGENERATE, MAX_ITER
from genem.jit import kernel, parallel_kernel, prange
from genem.qtl.one_locus.family_kernels import (
    BINARY,
    OWN,
    SMALLEST_VARIANCE,
    em_step,
    n_coefficients,
    n_parameters,
    start_from_prior,
)

EXTRAPOLATE_BELOW = 1e-2
"""Where an EM step gains more log-likelihood than this, steps are left plain, so that the maximum is that of EM."""
LARGEST_RATE = 0.9999
FIRST_RATE = 0.7
"""Rate of convergence that is assumed at a position which has seen one step only."""
CAUTION = 20.0
"""A position is left where even so many times the gain to be expected would not lift it to the highest one."""
ROUNDING = 1e-12


class Stop(NamedTuple):
    """Which model, how many own regressors; when EM ends: log-likelihood still to be gained, most steps.

    ``regression``: on the genotype probabilities, not a mixture. ``highest``: only the highest likelihood along the
    positions is of interest.
    """

    family: int
    n_own: int
    regression: bool
    highest: bool
    tolerance: float
    max_iter: int


@kernel
def fit_position(
    prior: np.ndarray,
    rows: np.ndarray,
    stop: Stop,
    goal: float,
    points: np.ndarray,
    wide: np.ndarray,
    long: np.ndarray,
    small: np.ndarray,
) -> tuple[float, int, int]:
    """Move the parameters to the maximum, or until it is clear that it lies below ``goal``.

    The gains of EM steps shrink by the square of the rate of convergence r: gain / (1 - r) is to come before a step.
    Small steps are extrapolated by SQUAREM. ``points`` (5, parameter) begins with the parameters; the rest is scratch
    space. Returns the log-likelihood but for its constants, steps and status.
    """
    params, kept, first, second, updated = points[0], points[1], points[2], points[3], points[4]
    best, gain_before, rate, step_max = -math.inf, 0.0, FIRST_RATE, 1.0
    measured, one_step, extrapolated = False, False, False
    for n_iter in range(1, stop.max_iter + 1):
        log_likelihood, gain = em_step(stop.family, stop.n_own, prior, rows, params, updated, wide, long, small)
        if log_likelihood < best - ROUNDING * abs(best) and (extrapolated or stop.family == BINARY):
            if extrapolated:
                params[:] = second
                step_max = max(1.0, step_max / STEP_GROWTH)
                extrapolated, one_step = False, False
            else:
                for k in range(len(params)):
                    params[k] = 0.5 * (params[k] + kept[k])
            gain_before = 0.0
            continue
        if stop.family != BINARY and not (updated[-1] > math.log(2.0 * SMALLEST_VARIANCE)):
            return log_likelihood, n_iter, DEGENERATE
        best = max(best, log_likelihood)
        kept[:] = params
        if gain_before > 0.0:
            rate, measured = min(LARGEST_RATE, math.sqrt(max(gain, 0.0) / gain_before)), True
        to_come = gain / (1.0 - rate)
        if best + CAUTION * to_come < goal or (to_come <= stop.tolerance and (measured or gain <= ROUNDING)):
            params[:] = updated
            return best, n_iter, CONVERGED
        alpha = -1.0
        if one_step and gain < EXTRAPOLATE_BELOW:
            alpha = cycle_step_length(first, params, updated, step_max)
            step_max = longest_step(step_max, alpha, True)
        extrapolated = alpha < -1.0
        if extrapolated:
            second[:] = updated
            extrapolate(first, params, updated, alpha, params)
            gain_before, one_step = 0.0, False
        else:
            first[:] = params
            params[:] = updated
            gain_before, one_step = gain, True
    return best, stop.max_iter, MAX_ITER


@kernel
def with_room_for_genotypes(rows: np.ndarray, n_states: int, n_own: int) -> np.ndarray:
    """``rows`` and, for all genotypes but one, as many rows as there are own regressors."""
    wider = np.empty((len(rows) + (n_states - 1) * n_own, rows.shape[1]))
    wider[: len(rows)] = rows
    return wider


@kernel
def fill_in_genotypes(prior: np.ndarray, n_own: int, rows: np.ndarray, n_given: int) -> None:
    """Regressors behind the first ``n_given`` rows: probabilities of all genotypes but one times own regressors."""
    for state in range(len(prior) - 1):
        for k in range(n_own):
            for i in range(rows.shape[1]):
                rows[n_given + state * n_own + k, i] = prior[state, i] * rows[OWN + k, i]


@kernel
def sweep(
    priors: np.ndarray,
    rows: np.ndarray,
    stop: Stop,
    goal: float,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Fit one trait at every position of ``priors`` (position, state, individual).

    Each position starts from its prior probabilities: a start from the position before would end in other maxima. Where
    only the ``highest`` likelihood is of interest, a position is left as soon as it is clearly below ``goal`` or a
    position before.

    In a regression ``rows`` begins with the own regressors and goes on with the others of the null model.
    """
    prior, n_given = priors[0], len(rows)
    if stop.regression:
        prior, rows = np.ones((1, priors.shape[2])), with_room_for_genotypes(rows, priors.shape[1], stop.n_own)
    n_states, n = prior.shape
    points = np.empty((5, n_parameters(stop.family, stop.n_own, rows, n_states)))
    size = n_coefficients(stop.n_own, rows, n_states)
    wide, long, small = np.empty((4, n_states, n)), np.empty((2, n)), np.empty((2 * size + 2, size))
    for position in range(len(priors)):
        if stop.regression:
            fill_in_genotypes(priors[position], stop.n_own, rows, n_given)
        else:
            prior = priors[position]
        start_from_prior(stop.family, stop.n_own, prior, rows, points[0], wide, small)
        found = fit_position(prior, rows, stop, goal, points, wide, long, small)
        log_likelihood[position], n_iter[position], status[position] = found
        if stop.highest:
            goal = max(goal, found[0])


@parallel_kernel
def sweep_all(
    priors: np.ndarray,
    rows: np.ndarray,
    responses: np.ndarray,
    orders: np.ndarray,
    stop: Stop,
    goals: np.ndarray,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Many traits (trait, individual), or one trait in many ``orders`` (permutation, individual).

    An individual takes the trait, weight and covariates of the one that its order names. The answers are (trait or
    permutation, position).
    """
    for k in prange(max(len(responses), len(orders))):
        order = orders[k % len(orders)]
        one = rows[:, order]
        one[0] = responses[k % len(responses)][order]
        sweep(priors, one, stop, goals[k], log_likelihood[k], n_iter[k], status[k])
