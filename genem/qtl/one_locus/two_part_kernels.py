"""EM for a trait with a spike: P(in the spike) and, outside it, a normal mean, both by genotype.

Broman (2003), Genetics 163:1169, doi:10.1093/genetics/163.3.1169.
"""

from __future__ import annotations

import math

import numpy as np

from genem.em.ascent_kernels import relative_change
from genem.em.status import CONVERGED, DEGENERATE, MAX_ITER
from genem.jit import kernel, parallel_kernel, prange
from genem.qtl.one_locus.mixture_kernels import LOG_ROOT_TWO_PI, SMALLEST_SIGMA, Rule


@kernel
def maximise_two_part(
    response: np.ndarray, in_spike: np.ndarray, posterior: np.ndarray, spike: np.ndarray, mean: np.ndarray
) -> float:
    """The M-step: fill P(spike) and mean of each genotype; return sigma."""
    n, n_states = posterior.shape
    n_outside, squares = 0, 0.0
    for state in range(n_states):
        total, outside, summed = 0.0, 0.0, 0.0
        for i in range(n):
            total += posterior[i, state]
            if not in_spike[i]:
                outside += posterior[i, state]
                summed += posterior[i, state] * response[i]
        spike[state] = 1.0 - outside / total if total > 0.0 else 0.0
        mean[state] = summed / outside if outside > 0.0 else 0.0
    for i in range(n):
        if not in_spike[i]:
            n_outside += 1
            for state in range(n_states):
                squares += posterior[i, state] * (response[i] - mean[state]) ** 2
    return math.sqrt(squares / n_outside)


@kernel
def expect_two_part(
    prior: np.ndarray,
    response: np.ndarray,
    in_spike: np.ndarray,
    spike: np.ndarray,
    mean: np.ndarray,
    sigma: float,
    posterior: np.ndarray,
) -> float:
    """The E-step: fill P(genotype | response); return the log-likelihood."""
    n, n_states = prior.shape
    log_likelihood = 0.0
    for i in range(n):
        nearest = math.inf
        for state in range(n_states):
            if prior[i, state] > 0.0:
                nearest = min(nearest, ((response[i] - mean[state]) / sigma) ** 2)
        total = 0.0
        for state in range(n_states):
            posterior[i, state] = 0.0
            if prior[i, state] > 0.0:
                if in_spike[i]:
                    density = spike[state]
                else:
                    square = ((response[i] - mean[state]) / sigma) ** 2
                    density = (1.0 - spike[state]) * math.exp(-0.5 * (square - nearest))
                posterior[i, state] = prior[i, state] * density
                total += posterior[i, state]
        if not (total > 0.0):
            return -math.inf
        for state in range(n_states):
            posterior[i, state] /= total
        log_likelihood += math.log(total)
        if not in_spike[i]:
            log_likelihood -= 0.5 * nearest + math.log(sigma) + LOG_ROOT_TWO_PI
    return log_likelihood


@kernel
def fit_two_part(prior: np.ndarray, response: np.ndarray, in_spike: np.ndarray, rule: Rule) -> tuple[float, int, int]:
    """Plain EM from the prior probabilities: log-likelihood, steps, status."""
    n_states = prior.shape[1]
    posterior, spike, mean = prior.copy(), np.empty(n_states), np.empty(n_states)
    previous = -math.inf
    for n_iter in range(1, rule.max_iter + 1):
        sigma = maximise_two_part(response, in_spike, posterior, spike, mean)
        if not (sigma > SMALLEST_SIGMA):
            return previous, n_iter, DEGENERATE
        log_likelihood = expect_two_part(prior, response, in_spike, spike, mean, sigma, posterior)
        if relative_change(previous, log_likelihood) <= rule.objective_tolerance:
            return log_likelihood, n_iter, CONVERGED
        previous = log_likelihood
    return previous, rule.max_iter, MAX_ITER


@parallel_kernel
def fit_two_part_positions(
    probabilities: np.ndarray,
    response: np.ndarray,
    in_spike: np.ndarray,
    rule: Rule,
    log_likelihood: np.ndarray,
    n_iter: np.ndarray,
    status: np.ndarray,
) -> None:
    """The same at every position of ``probabilities`` (position, individual, state)."""
    for position in prange(len(probabilities)):
        found = fit_two_part(probabilities[position], response, in_spike, rule)
        log_likelihood[position] = found[0]
        n_iter[position] = found[1]
        status[position] = found[2]
