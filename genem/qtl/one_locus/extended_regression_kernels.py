"""Extended Haley-Knott regression: the mean and the variance that the genotype probabilities imply.

y_i ~ N(m_i, s^2 / w_i + v_i) with m_i = sum_j p_ij x_ij b and v_i = sum_j p_ij (x_ij b)^2 - m_i^2.
Feenstra, Skovgaard & Broman (2006), Genetics 173:2269, doi:10.1534/genetics.106.058537.
"""

from __future__ import annotations

import math

import numpy as np

from genem.em.status import CONVERGED, DEGENERATE, MAX_ITER
from genem.jit import kernel, parallel_kernel, prange
from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, solve
from genem.qtl.one_locus.mixture_kernels import LOG_ROOT_TWO_PI, SMALLEST_SIGMA, Data, Rule, predictor

SHORTEST_STEP = 1e-8


@kernel
def moments(prior: np.ndarray, data: Data, i: int, beta: np.ndarray) -> tuple[float, float]:
    """Mean and variance of one individual's predictor over its genotypes."""
    n_states = prior.shape[1]
    mean = 0.0
    for state in range(n_states):
        mean += prior[i, state] * predictor(data, i, state, n_states, beta)
    variance = 0.0
    for state in range(n_states):
        variance += prior[i, state] * (predictor(data, i, state, n_states, beta) - mean) ** 2
    return mean, variance


@kernel
def extended_log_likelihood(prior: np.ndarray, data: Data, params: np.ndarray) -> float:
    """``params`` holds coefficients and log sigma."""
    n, size = len(prior), len(params) - 1
    sigma2 = math.exp(2.0 * params[size])
    log_likelihood = -n * LOG_ROOT_TWO_PI
    for i in range(n):
        mean, variance = moments(prior, data, i, params[:size])
        spread = sigma2 + variance * data.weight[i]
        log_likelihood -= 0.5 * (math.log(spread) + data.weight[i] * (data.response[i] - mean) ** 2 / spread)
    return log_likelihood


@kernel
def scoring_step(prior: np.ndarray, data: Data, params: np.ndarray, step: np.ndarray) -> None:
    """Fisher scoring: information^-1 x score."""
    n, n_states = prior.shape
    size = len(params) - 1
    n_own, n_shared = data.own.shape[1], data.shared.shape[1]
    sigma2 = math.exp(2.0 * params[size])
    information = np.zeros((size + 1, size + 1))
    of_mean, of_variance = np.zeros(size + 1), np.zeros(size + 1)
    step[:] = 0.0
    for i in range(n):
        mean, variance = moments(prior, data, i, params[:size])
        for state in range(n_states):
            deviation = predictor(data, i, state, n_states, params[:size]) - mean
            for k in range(n_own):
                x = prior[i, state] * data.own[i, k]
                of_mean[state * n_own + k] = x
                of_variance[state * n_own + k] = 2.0 * deviation * x
        for k in range(n_shared):
            of_mean[n_states * n_own + k] = data.shared[i, k]
        of_variance[size] = 2.0 * sigma2 / data.weight[i]
        spread = sigma2 / data.weight[i] + variance
        residual = data.response[i] - mean
        excess = 0.5 * (residual * residual / spread - 1.0) / spread
        for a in range(size + 1):
            step[a] += of_mean[a] * residual / spread + of_variance[a] * excess
            for b in range(a + 1):
                information[a, b] += of_mean[a] * of_mean[b] / spread
                information[a, b] += 0.5 * of_variance[a] * of_variance[b] / (spread * spread)
    cholesky(information, DEPENDENT_PIVOT)
    solve(information, step)


@kernel
def fit_extended(prior: np.ndarray, data: Data, rule: Rule, params: np.ndarray) -> tuple[float, int, int]:
    """Fisher scoring from no effects, halving steps that lower the likelihood: log-likelihood, steps, status."""
    size = len(params)
    params[:] = 0.0
    step, trial = np.empty(size), np.empty(size)
    current = extended_log_likelihood(prior, data, params)
    for n_iter in range(1, rule.max_iter + 1):
        scoring_step(prior, data, params, step)
        length, gained = 1.0, -1.0
        while gained < 0.0 and length > SHORTEST_STEP:
            for k in range(size):
                trial[k] = params[k] + length * step[k]
            gained = extended_log_likelihood(prior, data, trial) - current
            length *= 0.5
        if not (gained > rule.objective_tolerance * (1.0 + abs(current))):
            return current, n_iter, CONVERGED
        params[:] = trial
        current += gained
        if params[size - 1] < math.log(SMALLEST_SIGMA):
            return current, n_iter, DEGENERATE
    return current, rule.max_iter, MAX_ITER


@parallel_kernel
def fit_extended_positions(
    probabilities: np.ndarray,
    data: Data,
    rule: Rule,
    log_likelihood: np.ndarray,
    params: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """The same at every position of ``probabilities`` (position, individual, state)."""
    for position in prange(len(probabilities)):
        found = fit_extended(probabilities[position], data, rule, params[position])
        log_likelihood[position] = found[0]
        n_iter[position] = found[1]
        status[position] = found[2]
