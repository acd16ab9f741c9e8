"""EM for regressions whose genotype is known by its probabilities only: normal and binary traits.

y_i | genotype j ~ N(x_ij b, s^2 / w_i), or Bernoulli(logistic(x_ij b)), with P(genotype j) = p_ij. x_ij b adds
regressors whose coefficients each genotype has of its own (the intercept, interacting covariates) and shared ones.
Lander & Botstein (1989), Genetics 121:185, doi:10.1093/genetics/121.1.185.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import cycle_step_length, extrapolate, longest_step, relative_change
from genem.em.status import CONVERGED, DEGENERATE, MAX_ITER
from genem.jit import kernel, parallel_kernel, prange
from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, solve

LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
SMALLEST_SIGMA = 1e-7
"""Of a standardised trait: below it the likelihood has no bound worth the name."""
EXTRAPOLATE_BELOW = 1e-3
"""EM steps longer than this (of a standardised trait) are left plain, so that the maximum found is that of EM."""
NEWTON_STEPS = 30
NEWTON_TOLERANCE = 1e-13


class Data(NamedTuple):
    """Individuals: standardised response (or 0/1), weights, and regressors (individual, column)."""

    response: np.ndarray
    weight: np.ndarray
    own: np.ndarray
    shared: np.ndarray


class Rule(NamedTuple):
    """Whether the trait is binary, and when to stop."""

    binary: bool
    max_iter: int
    objective_tolerance: float
    parameter_tolerance: float


@kernel
def predictor(data: Data, i: int, state: int, n_states: int, beta: np.ndarray) -> float:
    """x_ij b: coefficients genotype by genotype, then the shared ones."""
    n_own, n_shared = data.own.shape[1], data.shared.shape[1]
    value = 0.0
    for k in range(n_own):
        value += data.own[i, k] * beta[state * n_own + k]
    for k in range(n_shared):
        value += data.shared[i, k] * beta[n_states * n_own + k]
    return value


@kernel
def log_logistic(value: float) -> float:
    """log(1 / (1 + exp(-value))) without overflow."""
    return -math.log1p(math.exp(-value)) if value > 0.0 else value - math.log1p(math.exp(value))


@kernel
def log_density(data: Data, i: int, value: float, sigma: float, binary: bool) -> float:
    """Of a response given its predictor; the normal one without its constants."""
    if binary:
        return log_logistic(value) if data.response[i] > 0.5 else log_logistic(-value)
    residual = (data.response[i] - value) / sigma
    density: float = -0.5 * data.weight[i] * residual * residual
    return density


@kernel
def add_equations(
    data: Data,
    i: int,
    state: int,
    n_states: int,
    curvature: float,
    target: float,
    gram: np.ndarray,
    right: np.ndarray,
) -> None:
    """Add curvature x x' and target x of one individual as one genotype to the normal equations (lower triangle)."""
    n_own, n_shared = data.own.shape[1], data.shared.shape[1]
    first, last = state * n_own, n_states * n_own
    for a in range(n_own):
        scaled = curvature * data.own[i, a]
        right[first + a] += target * data.own[i, a]
        for b in range(a + 1):
            gram[first + a, first + b] += scaled * data.own[i, b]
        for b in range(n_shared):
            gram[last + b, first + a] += scaled * data.shared[i, b]
    for a in range(n_shared):
        right[last + a] += target * data.shared[i, a]
        for b in range(a + 1):
            gram[last + a, last + b] += curvature * data.shared[i, a] * data.shared[i, b]


@kernel
def posterior_weights(
    prior: np.ndarray, data: Data, beta: np.ndarray, sigma: float, binary: bool, posterior: np.ndarray
) -> float:
    """The E-step: P(genotype | response) of everybody; returns the log-likelihood."""
    n, n_states = prior.shape
    log_likelihood = 0.0
    for i in range(n):
        best = -math.inf
        for state in range(n_states):
            posterior[i, state] = -math.inf
            if prior[i, state] > 0.0:
                value = predictor(data, i, state, n_states, beta)
                posterior[i, state] = log_density(data, i, value, sigma, binary)
                best = max(best, posterior[i, state])
        total = 0.0
        for state in range(n_states):
            share = prior[i, state]
            if share > 0.0:
                share *= math.exp(posterior[i, state] - best)
            posterior[i, state] = share
            total += share
        for state in range(n_states):
            posterior[i, state] /= total
        log_likelihood += best + math.log(total)
    if not binary:
        log_likelihood -= n * (math.log(sigma) + LOG_ROOT_TWO_PI)
    return log_likelihood


@kernel
def maximise_normal(posterior: np.ndarray, data: Data, params: np.ndarray) -> bool:
    """The M-step: weighted least squares, and sigma with divisor n; False where sigma vanishes."""
    n, n_states = posterior.shape
    size = len(params) - 1
    gram, right = np.zeros((size, size)), np.zeros(size)
    for i in range(n):
        for state in range(n_states):
            share = posterior[i, state] * data.weight[i]
            if share > 0.0:
                add_equations(data, i, state, n_states, share, share * data.response[i], gram, right)
    cholesky(gram, DEPENDENT_PIVOT)
    solve(gram, right)
    params[:size] = right
    squares = 0.0
    for i in range(n):
        for state in range(n_states):
            if posterior[i, state] > 0.0:
                residual = data.response[i] - predictor(data, i, state, n_states, params)
                squares += posterior[i, state] * data.weight[i] * residual * residual
    sigma = math.sqrt(squares / n)
    params[size] = math.log(max(sigma, SMALLEST_SIGMA))
    return sigma > SMALLEST_SIGMA


@kernel
def expected_binary_log_likelihood(posterior: np.ndarray, data: Data, beta: np.ndarray) -> float:
    n, n_states = posterior.shape
    total = 0.0
    for i in range(n):
        for state in range(n_states):
            if posterior[i, state] > 0.0:
                value = predictor(data, i, state, n_states, beta)
                total += posterior[i, state] * log_density(data, i, value, 1.0, True)
    return total


@kernel
def maximise_binary(posterior: np.ndarray, data: Data, params: np.ndarray) -> bool:
    """The M-step: logistic regression by Newton's method, halving steps that lower the likelihood."""
    n, n_states = posterior.shape
    size = len(params) - 1
    beta, trial = params[:size], np.empty(size)
    current = expected_binary_log_likelihood(posterior, data, beta)
    for _ in range(NEWTON_STEPS):
        gram, right = np.zeros((size, size)), np.zeros(size)
        for i in range(n):
            for state in range(n_states):
                share = posterior[i, state]
                if share > 0.0:
                    mean = math.exp(log_logistic(predictor(data, i, state, n_states, beta)))
                    residual = share * (data.response[i] - mean)
                    add_equations(data, i, state, n_states, share * mean * (1.0 - mean), residual, gram, right)
        cholesky(gram, DEPENDENT_PIVOT)
        solve(gram, right)
        length = 1.0
        gained = -1.0
        while gained < 0.0 and length > 1e-6:
            for k in range(size):
                trial[k] = beta[k] + length * right[k]
            gained = expected_binary_log_likelihood(posterior, data, trial) - current
            length *= 0.5
        if gained < 0.0:
            return True
        current += gained
        for k in range(size):
            beta[k] = trial[k]
        if gained <= NEWTON_TOLERANCE * (1.0 + abs(current)):
            return True
    return True


@kernel
def em_map(
    prior: np.ndarray, data: Data, binary: bool, params: np.ndarray, posterior: np.ndarray, updated: np.ndarray
) -> tuple[float, bool]:
    """One E-step and M-step: the log-likelihood of the incoming parameters, and whether there is an answer."""
    size = len(params) - 1
    log_likelihood = posterior_weights(prior, data, params[:size], math.exp(params[size]), binary, posterior)
    updated[:] = params
    if binary:
        return log_likelihood, maximise_binary(posterior, data, updated)
    return log_likelihood, maximise_normal(posterior, data, updated)


@kernel
def fit_mixture(
    prior: np.ndarray, data: Data, rule: Rule, params: np.ndarray, posterior: np.ndarray
) -> tuple[float, int, int]:
    """Fill ``params`` (coefficients, log sigma) and ``posterior`` (individual, state) at the maximum.

    Starts with one M-step under the prior probabilities, then EM, accelerated by SQUAREM once its steps are short:
    an extrapolation is kept where it does not lower the log-likelihood. Returns log-likelihood, EM steps and status.
    """
    size = len(params)
    posterior[:] = prior
    params[:] = 0.0
    alive = maximise_binary(posterior, data, params) if rule.binary else maximise_normal(posterior, data, params)
    first, second, third, beyond = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    step_max = 1.0
    n_iter = 0
    log_likelihood = -math.inf
    while alive and n_iter < rule.max_iter:
        log_likelihood, alive = em_map(prior, data, rule.binary, params, posterior, first)
        n_iter += 1
        if not alive:
            break
        longest = 0.0
        for k in range(size):
            longest = max(longest, abs(first[k] - params[k]))
        following, alive = em_map(prior, data, rule.binary, first, posterior, second)
        n_iter += 1
        settled = longest <= rule.parameter_tolerance or rule.binary
        if settled and relative_change(log_likelihood, following) <= rule.objective_tolerance:
            params[:] = first
            return following, n_iter, CONVERGED
        alpha = cycle_step_length(params, first, second, step_max)
        if not alive or alpha == -1.0 or longest > EXTRAPOLATE_BELOW:
            params[:] = second
            step_max = longest_step(step_max, alpha, True)
            continue
        extrapolate(params, first, second, alpha, third)
        reached, possible = em_map(prior, data, rule.binary, third, posterior, beyond)
        n_iter += 1
        kept = possible and reached >= following
        params[:] = beyond if kept else second
        step_max = longest_step(step_max, alpha, kept)
    return log_likelihood, n_iter, MAX_ITER if alive else DEGENERATE


@parallel_kernel
def fit_positions(
    probabilities: np.ndarray,
    data: Data,
    rule: Rule,
    log_likelihood: np.ndarray,
    params: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """Fit the mixture at every position of ``probabilities`` (position, individual, state)."""
    for position in prange(len(probabilities)):
        posterior = np.empty(probabilities.shape[1:])
        found = fit_mixture(probabilities[position], data, rule, params[position], posterior)
        log_likelihood[position] = found[0]
        n_iter[position] = found[1]
        status[position] = found[2]
