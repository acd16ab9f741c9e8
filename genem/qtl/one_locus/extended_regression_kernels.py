"""Extended Haley-Knott regression: the mean and the variance that the genotype probabilities imply.

y_i ~ N(m_i, s^2 / w_i + v_i) with m_i = sum_j p_ij x_ij b and v_i = sum_j p_ij (x_ij b)^2 - m_i^2.
Feenstra, Skovgaard & Broman (2006), Genetics 173:2269, doi:10.1534/genetics.106.058537.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import Ascent, Rule, advance, begin, ended, new_ascent, running
from genem.jit import kernel, parallel_kernel, prange
from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, solve
from genem.qtl.one_locus.trait_kernels import (
    LOG_ROOT_TWO_PI,
    SMALLEST_SIGMA,
    Trait,
    largest_size,
    n_parameters,
    predict,
)


class Scoring(NamedTuple):
    """Arrays that one scoring step works on; the last parameter is log sigma."""

    fitted: np.ndarray  # float64 (state, individual): predictors
    means: np.ndarray  # float64 (regressor,)
    information: np.ndarray  # float64 (parameter, parameter)
    score: np.ndarray  # float64 (parameter,), then the step
    of_mean: np.ndarray  # float64 (parameter,): derivatives of one individual's mean
    of_variance: np.ndarray  # float64 (parameter,): derivatives of one individual's variance


@kernel
def new_scoring(trait: Trait) -> Scoring:
    """Room for scoring steps of a trait with contrasts (state, column) and regressors (regressor, individual)."""
    n_regressors, n = trait.regressors.shape
    size = n_parameters(trait)
    vectors = np.zeros((3, size))
    information = np.empty((size, size))
    fitted, means = np.empty((len(trait.contrasts), n)), np.empty(n_regressors)
    return Scoring(fitted, means, information, vectors[0], vectors[1], vectors[2])


@kernel
def moments(prior: np.ndarray, fitted: np.ndarray, i: int) -> tuple[float, float]:
    """Mean and variance of one individual's predictor over its states; ``prior`` and ``fitted`` (state, individual)."""
    mean, variance = 0.0, 0.0
    for state in range(len(prior)):
        mean += prior[state, i] * fitted[state, i]
    for state in range(len(prior)):
        variance += prior[state, i] * (fitted[state, i] - mean) ** 2
    return mean, variance


@kernel
def fill_derivatives(prior: np.ndarray, trait: Trait, i: int, mean: float, work: Scoring) -> None:
    """Fill the derivatives of one individual's mean and variance by the coefficients; ``prior`` (state, individual)."""
    for column in range(trait.contrasts.shape[1]):
        x = trait.regressors[trait.regressor_of[column], i]
        first, second = 0.0, 0.0
        for state in range(len(prior)):
            share = prior[state, i] * trait.contrasts[state, column]
            first += share
            second += share * (work.fitted[state, i] - mean)
        work.of_mean[column], work.of_variance[column] = first * x, 2.0 * second * x


@kernel
def scoring_map(
    prior: np.ndarray, trait: Trait, params: np.ndarray, work: Scoring, updated: np.ndarray
) -> tuple[float, float, bool]:
    """One step of Fisher scoring from ``params`` (parameter,) to ``updated`` (parameter,): information^-1 x score.

    ``prior`` (state, individual). Returns log-likelihood and largest score at ``params``, and whether sigma is above 0.
    """
    size, n = len(params), prior.shape[1]
    sigma2 = math.exp(2.0 * params[-1])
    for state in range(len(prior)):
        predict(trait, params, state, work.means, work.fitted[state])
    work.information[:] = 0.0
    work.score[:] = 0.0
    log_likelihood = -n * LOG_ROOT_TWO_PI
    for i in range(n):
        # The individual's likelihood and derivatives.
        mean, variance = moments(prior, work.fitted, i)
        fill_derivatives(prior, trait, i, mean, work)
        work.of_variance[-1] = 2.0 * sigma2 / trait.weight[i]
        spread, residual = sigma2 / trait.weight[i] + variance, trait.response[i] - mean
        log_likelihood -= 0.5 * (math.log(spread * trait.weight[i]) + residual * residual / spread)
        # What it adds to score and information.
        excess = 0.5 * (residual * residual / spread - 1.0) / spread
        for a in range(size):
            work.score[a] += work.of_mean[a] * residual / spread + work.of_variance[a] * excess
            for b in range(a + 1):
                work.information[a, b] += work.of_mean[a] * work.of_mean[b] / spread
                work.information[a, b] += 0.5 * work.of_variance[a] * work.of_variance[b] / (spread * spread)
    steepest = largest_size(work.score)
    cholesky(work.information, DEPENDENT_PIVOT)
    solve(work.information, work.score)
    for a in range(size):
        updated[a] = params[a] + work.score[a]
    return log_likelihood, steepest, params[-1] > math.log(SMALLEST_SIGMA)


@kernel
def fit_extended(prior: np.ndarray, trait: Trait, rule: Rule, ascent: Ascent, work: Scoring) -> tuple[float, int, int]:
    """Fisher scoring from no effects under the ``prior`` (state, individual): log-likelihood, steps, status."""
    ascent.point[:] = 0.0
    begin(ascent, rule)
    while running(ascent):
        value, steepest, possible = scoring_map(prior, trait, ascent.point, work, ascent.image)
        advance(ascent, rule, value, steepest / (1.0 + abs(value)), possible)
    return ended(ascent)


@parallel_kernel
def fit_extended_positions(
    priors: np.ndarray,
    trait: Trait,
    rule: Rule,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Fit a trait at every one of the ``priors`` (position, state, individual).

    ``log_likelihood``, ``n_iter`` and ``status`` (position,) are filled.
    """
    for position in prange(len(priors)):
        ascent, work = new_ascent(n_parameters(trait)), new_scoring(trait)
        found = fit_extended(priors[position], trait, rule, ascent, work)
        log_likelihood[position], n_iter[position], status[position] = found
