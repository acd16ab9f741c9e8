"""EM for regressions on the genotypes of several loci, which are known by their joint probabilities only.

Given its cell j (a combination of genotypes), y_i ~ N(sum_c D_jc z_i,h(c) b_c, s^2 / w_i), with P(cell j) = p_ij. The
contrasts D say which cells share a coefficient: the cells have means of their own in the full model of two loci, while
in an additive one they are sums over loci. Lander & Botstein (1989), Genetics 121:185, doi:10.1093/genetics/121.1.185.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import cycle_step_length, extrapolate, longest_step, relative_change
from genem.em.status import CONVERGED, DEGENERATE, MAX_ITER
from genem.jit import kernel, parallel_kernel, prange, summing_kernel
from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, solve
from genem.numerics.vector_kernels import exponentials, sum_of_logarithms

LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
SMALLEST_LOG = -700.0
NOTHING = -1e300
SMALLEST_TOTAL = 1e-300
SMALLEST_SIGMA = 1e-6
"""Of a standardised trait: below it the likelihood has no bound worth the name."""
EXTRAPOLATE_BELOW = 1e-3
"""EM steps longer than this (of a standardised trait) are left plain, so that the maximum found is that of EM."""


class Regression(NamedTuple):
    """Standardised response and weights (individual,), z (regressor, individual); D (cell, column) and h (column,)."""

    response: np.ndarray
    weight: np.ndarray
    regressors: np.ndarray
    contrasts: np.ndarray
    regressor_of: np.ndarray


class Stop(NamedTuple):
    """When EM ends."""

    max_iter: int
    objective_tolerance: float
    parameter_tolerance: float


@kernel
def cell_means(model: Regression, params: np.ndarray, cell: int, means: np.ndarray) -> None:
    """The coefficient of every regressor in one cell."""
    means[:] = 0.0
    for column in range(len(model.regressor_of)):
        means[model.regressor_of[column]] += model.contrasts[cell, column] * params[column]


@kernel
def log_densities(model: Regression, means: np.ndarray, precision: float, values: np.ndarray) -> None:
    """Of all responses given one cell, without the constants of the normal density."""
    n_regressors, n = model.regressors.shape
    for i in range(n):
        values[i] = means[0] * model.regressors[0, i]
    for k in range(1, n_regressors):
        for i in range(n):
            values[i] += means[k] * model.regressors[k, i]
    for i in range(n):
        residual = model.response[i] - values[i]
        values[i] = -0.5 * precision * model.weight[i] * residual * residual


@kernel
def cell_posteriors(
    prior: np.ndarray, model: Regression, params: np.ndarray, posterior: np.ndarray, scratch: np.ndarray
) -> float:
    """The E-step: P(cell | response), (cell, individual); returns the log-likelihood.

    ``scratch`` is (2, individual).
    """
    n_cells, n = prior.shape
    best, total = scratch[0], scratch[1]
    means = np.empty(len(model.regressors))
    log_sigma = params[len(params) - 1]
    precision = math.exp(-2.0 * log_sigma)
    best[:] = NOTHING
    for cell in range(n_cells):
        row = posterior[cell]
        cell_means(model, params, cell, means)
        log_densities(model, means, precision, row)
        for i in range(n):
            best[i] = max(best[i], row[i] if prior[cell, i] > 0.0 else NOTHING)
    for cell in range(n_cells):
        row = posterior[cell]
        for i in range(n):
            row[i] = min(0.0, max(SMALLEST_LOG, row[i] - best[i]))
        exponentials(row, total)
    total[:] = 0.0
    for cell in range(n_cells):
        for i in range(n):
            posterior[cell, i] *= prior[cell, i]
            total[i] += posterior[cell, i]
    log_likelihood: float = -n * (log_sigma + LOG_ROOT_TWO_PI)
    for i in range(n):
        total[i] = max(total[i], SMALLEST_TOTAL)
        log_likelihood += best[i]
    log_likelihood += sum_of_logarithms(total, best)
    for i in range(n):
        total[i] = 1.0 / total[i]
    for cell in range(n_cells):
        for i in range(n):
            posterior[cell, i] *= total[i]
    return log_likelihood


@summing_kernel
def weighted_product(share: np.ndarray, weight: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """Sum of four factors over individuals."""
    total = 0.0
    for i in range(len(share)):
        total += share[i] * weight[i] * left[i] * right[i]
    return total


@kernel
def maximise(posterior: np.ndarray, model: Regression, params: np.ndarray) -> bool:
    """The M-step: weighted least squares from the moments of every cell; False where sigma vanishes."""
    n_cells, n = posterior.shape
    n_regressors, n_columns = len(model.regressors), len(model.regressor_of)
    gram, right = np.zeros((n_columns, n_columns)), np.zeros(n_columns)
    moments, products = np.empty((n_regressors, n_regressors)), np.empty(n_regressors)
    squares = 0.0
    for cell in range(n_cells):
        share = posterior[cell]
        for k in range(n_regressors):
            products[k] = weighted_product(share, model.weight, model.regressors[k], model.response)
            for other in range(k + 1):
                moments[k, other] = weighted_product(share, model.weight, model.regressors[k], model.regressors[other])
                moments[other, k] = moments[k, other]
        squares += weighted_product(share, model.weight, model.response, model.response)
        for column in range(n_columns):
            contrast = model.contrasts[cell, column]
            if contrast == 0.0:
                continue
            here = model.regressor_of[column]
            right[column] += contrast * products[here]
            for other in range(column + 1):
                gram[column, other] += (
                    contrast * model.contrasts[cell, other] * moments[here, model.regressor_of[other]]
                )
    params[:n_columns] = right
    cholesky(gram, DEPENDENT_PIVOT)
    solve(gram, params[:n_columns])
    for column in range(n_columns):
        squares -= right[column] * params[column]
    sigma = math.sqrt(max(squares, 0.0) / n)
    params[n_columns] = math.log(max(sigma, SMALLEST_SIGMA))
    return sigma > SMALLEST_SIGMA


@kernel
def cell_map(
    prior: np.ndarray,
    model: Regression,
    params: np.ndarray,
    posterior: np.ndarray,
    scratch: np.ndarray,
    updated: np.ndarray,
) -> tuple[float, bool]:
    """One E-step and M-step: the log-likelihood of the incoming parameters, and whether there is an answer."""
    log_likelihood = cell_posteriors(prior, model, params, posterior, scratch)
    return log_likelihood, maximise(posterior, model, updated)


@kernel
def fit_cells(
    prior: np.ndarray, model: Regression, stop: Stop, params: np.ndarray, posterior: np.ndarray
) -> tuple[float, int, int]:
    """EM from ``params`` (coefficients, log sigma), which end at the maximum, as does ``posterior`` (cell, individual).

    Accelerated by SQUAREM once its steps are short: an extrapolation is kept where it does not lower the
    log-likelihood. Returns log-likelihood, EM steps and status.
    """
    size = len(params)
    scratch = np.empty((2, prior.shape[1]))
    first, second, third, beyond = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    step_max = 1.0
    n_iter = 0
    log_likelihood = -math.inf
    alive = True
    while alive and n_iter < stop.max_iter:
        log_likelihood, alive = cell_map(prior, model, params, posterior, scratch, first)
        n_iter += 1
        if not alive:
            break
        longest = 0.0
        for k in range(size):
            longest = max(longest, abs(first[k] - params[k]))
        following, alive = cell_map(prior, model, first, posterior, scratch, second)
        n_iter += 1
        change = relative_change(log_likelihood, following)
        if longest <= stop.parameter_tolerance and change <= stop.objective_tolerance:
            params[:] = first
            return following, n_iter, CONVERGED
        alpha = cycle_step_length(params, first, second, step_max)
        if not alive or alpha == -1.0 or longest > EXTRAPOLATE_BELOW:
            params[:] = second
            step_max = longest_step(step_max, alpha, True)
            continue
        extrapolate(params, first, second, alpha, third)
        reached, possible = cell_map(prior, model, third, posterior, scratch, beyond)
        n_iter += 1
        kept = possible and reached >= following
        params[:] = beyond if kept else second
        step_max = longest_step(step_max, alpha, kept)
    return log_likelihood, n_iter, MAX_ITER if alive else DEGENERATE


@parallel_kernel
def fit_many_cells(
    priors: np.ndarray,
    model: Regression,
    stop: Stop,
    params: np.ndarray,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """One model under many sets of probabilities (set, cell, individual), started by one M-step under the priors."""
    for k in prange(len(priors)):
        posterior = priors[k].copy()
        if not maximise(posterior, model, params[k]):
            log_likelihood[k], n_iter[k], status[k] = -math.inf, 0, DEGENERATE
            continue
        found = fit_cells(priors[k], model, stop, params[k], posterior)
        log_likelihood[k] = found[0]
        n_iter[k] = found[1]
        status[k] = found[2]
