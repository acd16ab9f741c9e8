"""EM steps of the models of a trait at one position, individuals side by side.

Every array runs along the individuals, so that compilers make vector instructions of the loops. The models differ in
the density of a trait under a genotype and in the M-step:

* normal: y_i ~ N(x_ij b, v / w_i), parameters b and log v;
* binary: P(y_i = 1) = logistic(x_ij b), parameters b; the M-step is one step of Newton's method (EM gradient
  algorithm, Lange 1995, J. R. Stat. Soc. B 57:425, doi:10.1111/j.2517-6161.1995.tb02037.x);
* two-part: in a spike with probability q_j, else N(m_j, v), parameters q, m and log v; w_i is 0 in the spike, else 1.

x_ij b is sum_k own_ik b_jk, with coefficients of each genotype j, plus sum_k shared_ik c_k. ``rows`` (row, individual)
holds y, w, the ``n_own`` own regressors and the shared ones.

Scratch space: ``wide`` (4, genotype, individual) for posterior, mean, curvature and target, ``long`` (2, individual),
``small`` (2 x size + 2, size) for the normal equations, a copy, their right-hand side and solution.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, summing_kernel
from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, solve
from genem.numerics.vector_kernels import exponentials, sum_of_logarithms

NORMAL, BINARY, TWO_PART = 0, 1, 2
RESPONSE, WEIGHT, OWN = 0, 1, 2
POSTERIOR, MEAN, CURVATURE, TARGET = 0, 1, 2, 3
LARGEST_LOG_ODDS = 170.0
SMALLEST_VARIANCE = 1e-12
SMALLEST_DENSITY = 1e-300
SMALLEST_SHARE = 1e-12
"""Of a genotype in the spike or out of it: a share of exactly 0 could not be left again."""


@kernel
def n_coefficients(n_own: int, rows: np.ndarray, n_states: int) -> int:
    return n_states * n_own + len(rows) - OWN - n_own


@kernel
def n_parameters(family: int, n_own: int, rows: np.ndarray, n_states: int) -> int:
    """How many parameters there are."""
    if family == TWO_PART:
        return 2 * n_states + 1
    return n_coefficients(n_own, rows, n_states) + (1 if family == NORMAL else 0)


@kernel
def predict(n_own: int, rows: np.ndarray, params: np.ndarray, wide: np.ndarray) -> None:
    """x_ij b for every genotype."""
    n_states, n = wide.shape[1:]
    for state in range(n_states):
        b = params[state * n_own]
        for i in range(n):
            wide[MEAN, state, i] = b * rows[OWN, i]
        for k in range(1, n_own):
            b = params[state * n_own + k]
            for i in range(n):
                wide[MEAN, state, i] += b * rows[OWN + k, i]
        for k in range(len(rows) - OWN - n_own):
            b = params[n_states * n_own + k]
            for i in range(n):
                wide[MEAN, state, i] += b * rows[OWN + n_own + k, i]


@kernel
def relative_densities(
    prior: np.ndarray, rows: np.ndarray, variance: float, wide: np.ndarray, long: np.ndarray
) -> None:
    """Fill the posterior with p_ij N(y; m_j, v / w) / N(y; m_0, v / w), the ratio within bounds."""
    n_states, n = prior.shape
    scale = 1.0 / variance
    wide[POSTERIOR, 0] = prior[0]
    for state in range(1, n_states):
        for i in range(n):
            step = wide[MEAN, state, i] - wide[MEAN, 0, i]
            value = scale * rows[WEIGHT, i] * step * (rows[RESPONSE, i] - wide[MEAN, 0, i] - 0.5 * step)
            wide[POSTERIOR, state, i] = min(LARGEST_LOG_ODDS, max(-LARGEST_LOG_ODDS, value))
        exponentials(wide[POSTERIOR, state], long[0])
        for i in range(n):
            wide[POSTERIOR, state, i] *= prior[state, i]


@summing_kernel
def normalise(wide: np.ndarray, long: np.ndarray) -> float:
    """Divide each individual's weights by their total; return the sum of the logarithms of the totals."""
    n_states, n = wide.shape[1:]
    for i in range(n):
        long[0, i] = SMALLEST_DENSITY
    for state in range(n_states):
        for i in range(n):
            long[0, i] += wide[POSTERIOR, state, i]
    for i in range(n):
        long[1, i] = 1.0 / long[0, i]
    for state in range(n_states):
        for i in range(n):
            wide[POSTERIOR, state, i] *= long[1, i]
    return sum_of_logarithms(long[0], long[1])


@summing_kernel
def weighted_squares(rows: np.ndarray, wide: np.ndarray) -> float:
    """sum_i w_i (y_i - m_i0)^2"""
    total = 0.0
    for i in range(rows.shape[1]):
        total += rows[WEIGHT, i] * (rows[RESPONSE, i] - wide[MEAN, 0, i]) ** 2
    return total


@summing_kernel
def squares_and_count(rows: np.ndarray) -> tuple[float, float]:
    """sum_i w_i y_i^2 and sum_i w_i"""
    squares, count = 0.0, 0.0
    for i in range(rows.shape[1]):
        squares += rows[WEIGHT, i] * rows[RESPONSE, i] * rows[RESPONSE, i]
        count += rows[WEIGHT, i]
    return squares, count


@kernel
def expect_normal(
    n_own: int, prior: np.ndarray, rows: np.ndarray, params: np.ndarray, wide: np.ndarray, long: np.ndarray
) -> float:
    """The E-step: fill P(genotype | y); return the log-likelihood but for its constants."""
    predict(n_own, rows, params, wide)
    variance = math.exp(params[-1])
    relative_densities(prior, rows, variance, wide, long)
    squares = weighted_squares(rows, wide)
    total: float = normalise(wide, long) - 0.5 * (squares / variance + rows.shape[1] * params[-1])
    return total


@kernel
def expect_binary(
    n_own: int, prior: np.ndarray, rows: np.ndarray, params: np.ndarray, wide: np.ndarray, long: np.ndarray
) -> float:
    """The same for a 0/1 trait; the means become the probabilities of the observed y under each genotype."""
    n_states, n = prior.shape
    predict(n_own, rows, params, wide)
    for state in range(n_states):
        for i in range(n):
            value = wide[MEAN, state, i] * (1.0 - 2.0 * rows[RESPONSE, i])
            wide[MEAN, state, i] = min(LARGEST_LOG_ODDS, max(-LARGEST_LOG_ODDS, value))
        exponentials(wide[MEAN, state], long[0])
        for i in range(n):
            density = 1.0 / (1.0 + wide[MEAN, state, i])
            wide[MEAN, state, i] = density
            wide[POSTERIOR, state, i] = prior[state, i] * density
    total: float = normalise(wide, long)
    return total


@kernel
def kept_off_bounds(share: float) -> float:
    return min(1.0 - SMALLEST_SHARE, max(SMALLEST_SHARE, share))


@kernel
def expect_two_part(
    prior: np.ndarray, rows: np.ndarray, params: np.ndarray, wide: np.ndarray, long: np.ndarray
) -> float:
    """The same for a trait with a spike."""
    n_states, n = prior.shape
    for state in range(n_states):
        wide[MEAN, state] = params[n_states + state]
    variance = math.exp(params[-1])
    relative_densities(prior, rows, variance, wide, long)
    for state in range(n_states):
        share = kept_off_bounds(params[state])
        for i in range(n):
            wide[POSTERIOR, state, i] *= rows[WEIGHT, i] * (1.0 - share) + (1.0 - rows[WEIGHT, i]) * share
    n_outside = squares_and_count(rows)[1]
    total: float = normalise(wide, long) - 0.5 * (weighted_squares(rows, wide) / variance + n_outside * params[-1])
    return total


@summing_kernel
def assemble(n_own: int, rows: np.ndarray, wide: np.ndarray, small: np.ndarray) -> None:
    """Normal equations (lower triangle) and their right-hand side from curvature and target."""
    n_states, n = wide.shape[1:]
    last, size = n_states * n_own, small.shape[1]
    small[:] = 0.0
    for state in range(n_states):
        first = state * n_own
        for a in range(len(rows) - OWN):
            at = first + a if a < n_own else last + a - n_own
            total = 0.0
            for i in range(n):
                total += wide[TARGET, state, i] * rows[OWN + a, i]
            small[2 * size, at] += total
            for b in range(a + 1):
                total = 0.0
                for i in range(n):
                    total += wide[CURVATURE, state, i] * rows[OWN + a, i] * rows[OWN + b, i]
                small[at, first + b if b < n_own else last + b - n_own] += total
    for a in range(size):
        for b in range(a + 1):
            small[size + a, b] = small[a, b]


@kernel
def solve_equations(small: np.ndarray) -> None:
    """Fill the last row with the solution."""
    size = small.shape[1]
    factor, solution = small[size : 2 * size], small[2 * size + 1]
    solution[:] = small[2 * size]
    cholesky(factor, DEPENDENT_PIVOT)
    solve(factor, solution)


@kernel
def expected_gain(n: float, moved: float, before: float, after: float) -> float:
    """Of a normal log-likelihood: ``moved`` = sum of squared shifts of means, log variances before and after."""
    change = after - before
    return 0.5 * (moved * math.exp(-before) + n * (math.expm1(change) - change))


@kernel
def maximise_normal(
    n_own: int, rows: np.ndarray, params: np.ndarray, wide: np.ndarray, small: np.ndarray, updated: np.ndarray
) -> float:
    """The M-step from the posterior: fill the updated parameters; return the gain in expected log-likelihood."""
    n_states, n = wide.shape[1:]
    for state in range(n_states):
        for i in range(n):
            share = wide[POSTERIOR, state, i] * rows[WEIGHT, i]
            wide[CURVATURE, state, i] = share
            wide[TARGET, state, i] = share * rows[RESPONSE, i]
    assemble(n_own, rows, wide, small)
    solve_equations(small)
    size = small.shape[1]
    explained, moved = 0.0, 0.0
    for a in range(size):
        value = small[2 * size + 1, a]
        explained += value * small[2 * size, a]
        small[2 * size + 1, a] = value - params[a]
        updated[a] = value
    for a in range(size):
        step = small[2 * size + 1, a]
        moved += small[a, a] * step * step
        for b in range(a):
            moved += 2.0 * small[a, b] * step * small[2 * size + 1, b]
    before, after = params[size], math.log(max((squares_and_count(rows)[0] - explained) / n, SMALLEST_VARIANCE))
    updated[size] = after
    return expected_gain(n, moved, float(before), after)


@kernel
def maximise_binary(
    n_own: int, rows: np.ndarray, params: np.ndarray, wide: np.ndarray, small: np.ndarray, updated: np.ndarray
) -> float:
    """One step of Newton's method."""
    n_states, n = wide.shape[1:]
    for state in range(n_states):
        for i in range(n):
            density = wide[MEAN, state, i]
            slope = wide[POSTERIOR, state, i] * (1.0 - density)
            wide[CURVATURE, state, i] = slope * density
            wide[TARGET, state, i] = (2.0 * rows[RESPONSE, i] - 1.0) * slope
    assemble(n_own, rows, wide, small)
    solve_equations(small)
    size = small.shape[1]
    gain = 0.0
    for a in range(size):
        gain += 0.5 * small[2 * size + 1, a] * small[2 * size, a]
        updated[a] = params[a] + small[2 * size + 1, a]
    return gain


@summing_kernel
def spike_counts(rows: np.ndarray, wide: np.ndarray, state: int) -> tuple[float, float, float]:
    """Of one genotype: individuals, those outside the spike, and the sum of their trait."""
    everybody, outside, total = 0.0, 0.0, 0.0
    for i in range(rows.shape[1]):
        share = wide[POSTERIOR, state, i]
        everybody += share
        outside += share * rows[WEIGHT, i]
        total += share * rows[WEIGHT, i] * rows[RESPONSE, i]
    return everybody, outside, total


@kernel
def maximise_two_part(rows: np.ndarray, params: np.ndarray, wide: np.ndarray, updated: np.ndarray) -> float:
    """The M-step: shares and means genotype by genotype."""
    n_states = wide.shape[1]
    squares, n_outside = squares_and_count(rows)
    explained, moved, gain, log_variance = 0.0, 0.0, 0.0, float(params[-1])
    for state in range(n_states):
        everybody, outside, total = spike_counts(rows, wide, state)
        share = kept_off_bounds(1.0 - outside / everybody if everybody > 0.0 else 0.5)
        mean = total / outside if outside > 0.0 else 0.0
        before = kept_off_bounds(params[state])
        gain += outside * math.log((1.0 - share) / (1.0 - before)) + (everybody - outside) * math.log(share / before)
        explained += mean * total
        moved += outside * (mean - params[n_states + state]) ** 2
        updated[state], updated[n_states + state] = share, mean
    after = math.log(max((squares - explained) / n_outside, SMALLEST_VARIANCE))
    updated[-1] = after
    return gain + expected_gain(n_outside, moved, log_variance, after)


@kernel
def em_step(
    family: int,
    n_own: int,
    prior: np.ndarray,
    rows: np.ndarray,
    params: np.ndarray,
    updated: np.ndarray,
    wide: np.ndarray,
    long: np.ndarray,
    small: np.ndarray,
) -> tuple[float, float]:
    """One E-step and M-step: log-likelihood of the incoming parameters, gain of the expected one."""
    if family == NORMAL:
        log_likelihood = expect_normal(n_own, prior, rows, params, wide, long)
        gain = maximise_normal(n_own, rows, params, wide, small, updated)
    elif family == BINARY:
        log_likelihood = expect_binary(n_own, prior, rows, params, wide, long)
        gain = maximise_binary(n_own, rows, params, wide, small, updated)
    else:
        log_likelihood = expect_two_part(prior, rows, params, wide, long)
        gain = maximise_two_part(rows, params, wide, updated)
    return log_likelihood, gain


@kernel
def start_from_prior(
    family: int,
    n_own: int,
    prior: np.ndarray,
    rows: np.ndarray,
    params: np.ndarray,
    wide: np.ndarray,
    small: np.ndarray,
) -> None:
    """Parameters of an M-step under the prior probabilities; 0 for a 0/1 trait, whose first E-step gives them back."""
    params[:] = 0.0
    wide[POSTERIOR] = prior
    if family == NORMAL:
        maximise_normal(n_own, rows, params, wide, small, params)
    elif family == TWO_PART:
        maximise_two_part(rows, params, wide, params)
