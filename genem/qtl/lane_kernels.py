"""EM for genotype means and one variance, over many permuted traits side by side.

The traits of a group lie next to each other in memory, so that one pass over the individuals serves them all and the
inner loops are free of branches and of sums across traits: compilers make vector instructions of them. The variance is
common, so the log-odds of genotype j to genotype 0 are linear in the trait: one exponential per genotype but one.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, parallel_kernel, prange

LANES = 32
"""Traits side by side."""
LOG2_E = 1.4426950408889634
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
ROUND = 6755399441055744.0
"""1.5 x 2^52: adding it leaves the nearest integer in the low bits."""
EXPONENT_BIAS = 1023 << 52
LARGEST_LOG_ODDS = 170.0
SMALLEST_VARIANCE = 1e-10
NOBODY = 1e-10


@kernel
def exponentials(values: np.ndarray, powers: np.ndarray) -> None:
    """Replace values from -700 to 700 by their exponentials, to a relative 1e-15; ``powers`` is scratch space.

    x = k log 2 + r with |r| <= log(2) / 2, exp(x) = 2^k exp(r); a Taylor polynomial of degree 13 gives exp(r), and k
    moves from the low bits of x / log(2) + 1.5 x 2^52 to the exponent of a double.
    """
    bits = powers.view(np.int64)
    for i in range(len(values)):
        powers[i] = values[i] * LOG2_E + ROUND
    for i in range(len(values)):
        k = powers[i] - ROUND
        r = (values[i] - k * LN2_HIGH) - k * LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        values[i] = p * r + 1.0
    for i in range(len(values)):
        bits[i] = (bits[i] << 52) + EXPONENT_BIAS
    for i in range(len(values)):
        values[i] *= powers[i]


@kernel
def relative_densities(
    traits: np.ndarray, mean: np.ndarray, variance: np.ndarray, odds: np.ndarray, powers: np.ndarray
) -> None:
    """Density under each genotype over that under genotype 0, ``odds`` (genotype - 1, individual x lane)."""
    n, lanes = traits.shape
    slope, offset = np.empty(lanes), np.empty(lanes)
    for state in range(1, len(mean)):
        row = odds[state - 1].reshape(n, lanes)
        for lane in range(lanes):
            slope[lane] = (mean[state, lane] - mean[0, lane]) / variance[lane]
            offset[lane] = -0.5 * slope[lane] * (mean[state, lane] + mean[0, lane])
        for i in range(n):
            for lane in range(lanes):
                value = offset[lane] + slope[lane] * traits[i, lane]
                row[i, lane] = min(LARGEST_LOG_ODDS, max(-LARGEST_LOG_ODDS, value))
        exponentials(odds[state - 1], powers)


@kernel
def update_means(
    prior: np.ndarray, traits: np.ndarray, odds: np.ndarray, mean: np.ndarray, variance: np.ndarray, squares: np.ndarray
) -> float:
    """The M-step from relative densities; returns the largest change of a mean. ``prior`` is (genotype, individual)."""
    n, lanes = traits.shape
    n_states = len(prior)
    count, summed = np.zeros((n_states, lanes)), np.zeros((n_states, lanes))
    total = np.empty(lanes)
    for i in range(n):
        for lane in range(lanes):
            total[lane] = prior[0, i]
        for state in range(1, n_states):
            p = prior[state, i]
            for lane in range(lanes):
                total[lane] += p * odds[state - 1, i * lanes + lane]
        for lane in range(lanes):
            total[lane] = 1.0 / total[lane]
            share = prior[0, i] * total[lane]
            count[0, lane] += share
            summed[0, lane] += share * traits[i, lane]
        for state in range(1, n_states):
            p = prior[state, i]
            for lane in range(lanes):
                share = p * odds[state - 1, i * lanes + lane] * total[lane]
                count[state, lane] += share
                summed[state, lane] += share * traits[i, lane]
    largest = 0.0
    for lane in range(lanes):
        explained = 0.0
        for state in range(n_states):
            updated = summed[state, lane] / count[state, lane] if count[state, lane] > NOBODY else 0.0
            explained += updated * summed[state, lane]
            largest = max(largest, abs(updated - mean[state, lane]))
            mean[state, lane] = updated
        variance[lane] = max((squares[lane] - explained) / n, SMALLEST_VARIANCE)
    return largest


@kernel
def add_log_totals(prior: np.ndarray, odds: np.ndarray, lanes: int, log_likelihood: np.ndarray) -> None:
    """Add sum_i log sum_j p_ij odds_ij; the logarithm is taken of products of four."""
    n_states, n = prior.shape
    product = np.ones(lanes)
    for i in range(n):
        for lane in range(lanes):
            total = prior[0, i]
            for state in range(1, n_states):
                total += prior[state, i] * odds[state - 1, i * lanes + lane]
            product[lane] *= total
        if i % 4 == 3 or i == n - 1:
            for lane in range(lanes):
                log_likelihood[lane] += math.log(product[lane])
                product[lane] = 1.0


@kernel
def scan_lanes(
    priors: np.ndarray,
    traits: np.ndarray,
    null: np.ndarray,
    max_iter: int,
    tolerance: float,
    warm: bool,
    lod: np.ndarray,
    n_iter: np.ndarray,
) -> None:
    """LOD scores (position, lane) along ``priors`` (position, state, individual), and EM steps (position,).

    Plain EM from the prior probabilities, or (``warm``) from the position before, until no mean moves further than
    ``tolerance``. The likelihood is that of the parameters before the last step: the change is of second order.
    """
    n_positions, n_states, n = priors.shape
    lanes = traits.shape[1]
    odds, powers = np.ones((n_states - 1, n * lanes)), np.empty(n * lanes)
    mean, variance = np.zeros((n_states, lanes)), np.ones(lanes)
    log_likelihood, squares, summed = np.empty(lanes), np.zeros(lanes), np.zeros(lanes)
    for i in range(n):
        for lane in range(lanes):
            squares[lane] += traits[i, lane] * traits[i, lane]
            summed[lane] += traits[i, lane]
    for position in range(n_positions):
        if position == 0 or not warm:
            odds[:] = 1.0
            update_means(priors[position], traits, odds, mean, variance, squares)
        moved = math.inf
        n_iter[position] = 0
        while moved > tolerance and n_iter[position] < max_iter:
            for lane in range(lanes):
                m = mean[0, lane]
                from_first = squares[lane] - 2.0 * m * summed[lane] + n * m * m
                log_likelihood[lane] = -0.5 * (from_first / variance[lane] + n * math.log(variance[lane]))
            relative_densities(traits, mean, variance, odds, powers)
            moved = update_means(priors[position], traits, odds, mean, variance, squares)
            n_iter[position] += 1
        add_log_totals(priors[position], odds, lanes, log_likelihood)
        for lane in range(lanes):
            lod[position, lane] = (log_likelihood[lane] - null[lane]) / math.log(10.0)


@parallel_kernel
def scan_permuted(
    priors: np.ndarray, traits: np.ndarray, null: np.ndarray, max_iter: int, tolerance: float, largest_lod: np.ndarray
) -> None:
    """The highest LOD scores (group, lane) of groups of permuted traits (group, individual, lane), with warm starts."""
    n_positions, lanes = len(priors), traits.shape[2]
    for group in prange(len(traits)):
        lod, n_iter = np.empty((n_positions, lanes)), np.empty(n_positions, np.int64)
        scan_lanes(priors, traits[group], null[group], max_iter, tolerance, True, lod, n_iter)
        for lane in range(lanes):
            for position in range(n_positions):
                largest_lod[group, lane] = max(largest_lod[group, lane], lod[position, lane])


@parallel_kernel
def scan_traits(
    priors: np.ndarray,
    traits: np.ndarray,
    null: np.ndarray,
    max_iter: int,
    tolerance: float,
    lod: np.ndarray,
    n_iter: np.ndarray,
) -> None:
    """All LOD scores (group, position, lane) of groups of traits, every position started afresh."""
    for group in prange(len(traits)):
        scan_lanes(priors, traits[group], null[group], max_iter, tolerance, False, lod[group], n_iter[group])
