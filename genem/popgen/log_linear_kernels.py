"""EM for genotype likelihoods under log-linear genotype models.

A model gives every genotype g the probability coefficient_g * product over k of theta_k^exponent_gk, with the
parameters theta in blocks that each sum to one. Hardy-Weinberg proportions at any ploidy and number of alleles
(theta: allele frequencies), free genotype classes (theta: class frequencies and the composition of the other
alleles) and both at a fixed ALT frequency are such models, and share one E-step, one M-step, one acceleration,
one boundary test and one observed information.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.kernels import simplex_kkt_residual, squarem_step_length
from genem.em.status import CONVERGED, DEGENERATE, MAX_ITER
from genem.jit import kernel
from genem.popgen.interval_kernels import heterozygosity_at

# Stands for zero in a fit: small enough to carry no weight, yet the slope at zero can still be computed.
ZERO = 1e-100
# A falling parameter is tried at zero when it first drops below each of these.
ZERO_TRIALS = (1e-2, 1e-6, 1e-12)
# A parameter below this whose likelihood rises (EM would take long to leave) is tried at the following.
NEAR_ZERO = 1e-10
RELEASES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
# The slope at zero must exceed the multiplier by this share.
RISE = 1e-9
LONGEST_STEP = 256.0
# Likelihoods are multiplied up to here before a logarithm is taken.
SMALLEST_PRODUCT = 1e-200


class Samples(NamedTuple):
    """Likelihoods of the samples of one variant, by bucket (group) and slot (ploidy), each scaled to a maximum of 1."""

    cells: np.ndarray  # float64: genotypes of a sample side by side, samples of a (bucket, slot) side by side
    start: np.ndarray  # int64 (bucket, slot): its first cell
    number: np.ndarray  # int64 (bucket, slot): its samples
    table_start: np.ndarray  # int64 (slot,): its first genotype in the model's tables
    table_size: np.ndarray  # int64 (slot,): its number of genotypes


class Selection(NamedTuple):
    """The samples a fit uses: buckets first to last (exclusive), and the first slots."""

    first: int
    last: int
    n_slots: int


class Model(NamedTuple):
    """A log-linear genotype model."""

    exponent: np.ndarray  # int64 (genotype, parameter)
    coefficient: np.ndarray  # float64 (genotype,)
    block: np.ndarray  # int64 (parameter,): the block it sums to one with, -1 for no parameter
    alt_frequency: float  # block 0 is (q0, q1, q2) with q2 + q1 / 2 held at this; NaN where free


@kernel
def genotype_probabilities(model: Model, theta: np.ndarray, probability: np.ndarray) -> None:
    """coefficient_g * product of theta_k^exponent_gk for every genotype of the tables."""
    for g in range(len(probability)):
        product = model.coefficient[g]
        for k in range(len(theta)):
            for _ in range(model.exponent[g, k]):
                product *= theta[k]
        probability[g] = product


@kernel
def expect_three(cells: np.ndarray, n_samples: int, probability: np.ndarray, expected: np.ndarray) -> float:
    """E-step over samples of three genotypes; adds to ``expected`` and returns the log-likelihood."""
    p0, p1, p2 = probability[0], probability[1], probability[2]
    e0, e1, e2 = 0.0, 0.0, 0.0
    value = 0.0
    product = 1.0
    for i in range(n_samples):
        w0, w1, w2 = cells[3 * i] * p0, cells[3 * i + 1] * p1, cells[3 * i + 2] * p2
        total = w0 + w1 + w2
        if total <= 0.0:
            return -math.inf
        inverse = 1.0 / total
        e0 += w0 * inverse
        e1 += w1 * inverse
        e2 += w2 * inverse
        product *= total
        if product < SMALLEST_PRODUCT:
            value += math.log(product)
            product = 1.0
    expected[0] += e0
    expected[1] += e1
    expected[2] += e2
    return value + math.log(product)


@kernel
def expect_many(cells: np.ndarray, n_samples: int, probability: np.ndarray, expected: np.ndarray) -> float:
    """E-step over samples of any number of genotypes; as ``expect_three``."""
    size = len(probability)
    value = 0.0
    product = 1.0
    at = 0
    for _ in range(n_samples):
        total = 0.0
        for g in range(size):
            total += cells[at + g] * probability[g]
        if total <= 0.0:
            return -math.inf
        inverse = 1.0 / total
        for g in range(size):
            expected[g] += cells[at + g] * probability[g] * inverse
        product *= total
        if product < SMALLEST_PRODUCT:
            value += math.log(product)
            product = 1.0
        at += size
    return value + math.log(product)


@kernel
def expected_genotypes(samples: Samples, selection: Selection, probability: np.ndarray, expected: np.ndarray) -> float:
    """E-step: expected number of samples of each genotype, and the log-likelihood of ``probability``."""
    expected[:] = 0.0
    value = 0.0
    for bucket in range(selection.first, selection.last):
        for slot in range(selection.n_slots):
            n_samples = samples.number[bucket, slot]
            if n_samples == 0:
                continue
            size, base = samples.table_size[slot], samples.table_start[slot]
            start = samples.start[bucket, slot]
            cells = samples.cells[start : start + n_samples * size]
            if size == 3:
                value += expect_three(cells, n_samples, probability[base : base + 3], expected[base : base + 3])
            else:
                value += expect_many(cells, n_samples, probability[base : base + size], expected[base : base + size])
    return value


@kernel
def normalise_blocks(model: Model, theta: np.ndarray) -> None:
    """Scale every block to one; with a held ALT frequency the homozygotes follow from the heterozygotes."""
    for b in range(0 if math.isnan(model.alt_frequency) else 1, 2):
        total = 0.0
        for k in range(len(theta)):
            if model.block[k] == b:
                total += theta[k]
        if total > 0.0:
            for k in range(len(theta)):
                if model.block[k] == b:
                    theta[k] /= total
    p = model.alt_frequency
    if not math.isnan(p):
        het = min(theta[1], 2.0 * p, 2.0 * (1.0 - p))
        theta[0] = max(ZERO, 1.0 - p - 0.5 * het)
        theta[1] = max(ZERO, het)
        theta[2] = max(ZERO, p - 0.5 * het)


@kernel
def em_map(
    samples: Samples,
    selection: Selection,
    model: Model,
    theta: np.ndarray,
    probability: np.ndarray,
    expected: np.ndarray,
    mapped: np.ndarray,
) -> float:
    """One EM step from ``theta`` to ``mapped``; returns the log-likelihood of ``theta``.

    M-step: theta_k proportional to its expected uses, within its block.
    """
    genotype_probabilities(model, theta, probability)
    value = expected_genotypes(samples, selection, probability, expected)
    mapped[:] = theta
    for b in range(2):
        total = 0.0
        for k in range(len(theta)):
            if model.block[k] == b:
                uses = 0.0
                for g in range(len(expected)):
                    uses += expected[g] * model.exponent[g, k]
                mapped[k] = uses
                total += uses
        for k in range(len(theta)):
            if model.block[k] == b:
                mapped[k] = mapped[k] / total if total > 0.0 else theta[k]
    if not math.isnan(model.alt_frequency):
        mapped[1] = heterozygosity_at(mapped[0], mapped[1], mapped[2], model.alt_frequency)
        normalise_blocks(model, mapped)
    for k in range(len(theta)):
        if model.block[k] >= 0:
            mapped[k] = max(mapped[k], ZERO)
    return value


@kernel
def stationarity(model: Model, theta: np.ndarray, mapped: np.ndarray, settled: np.ndarray) -> float:
    """Largest Karush-Kuhn-Tucker residual; mapped / theta is the slope in theta over the multiplier of its block."""
    worst = 0.0
    for k in range(len(theta)):
        if model.block[k] < 0 or settled[k]:
            continue
        if theta[k] <= ZERO:
            if not (math.isnan(model.alt_frequency) or model.block[k] > 0):
                continue
            worst = max(worst, simplex_kkt_residual(0.0, mapped[k] / theta[k], 1.0))
        else:
            worst = max(worst, simplex_kkt_residual(theta[k], mapped[k] / theta[k], 1.0))
    return worst


@kernel
def extrapolate(model: Model, theta: np.ndarray, one: np.ndarray, two: np.ndarray, trial: np.ndarray) -> None:
    """SQUAREM point from theta and its first two EM images, kept inside the simplex."""
    r_norm2 = 0.0
    v_norm2 = 0.0
    for k in range(len(theta)):
        r = one[k] - theta[k]
        v = two[k] - one[k] - r
        r_norm2 += r * r
        v_norm2 += v * v
    alpha = squarem_step_length(r_norm2, v_norm2, LONGEST_STEP)
    for k in range(len(theta)):
        r = one[k] - theta[k]
        v = two[k] - one[k] - r
        trial[k] = theta[k]
        if model.block[k] >= 0 and theta[k] > ZERO:
            trial[k] = max(theta[k] - 2.0 * alpha * r + alpha * alpha * v, 0.05 * min(theta[k], two[k]), ZERO)
    normalise_blocks(model, trial)


@kernel
def movable(model: Model, theta: np.ndarray, mapped: np.ndarray, k: int, n_trials: int) -> bool:
    """Whether parameter ``k`` should be tried at zero (it sinks) or off it (the likelihood rises there)."""
    if model.block[k] < 0 or (model.block[k] == 0 and not math.isnan(model.alt_frequency)):
        return False
    if theta[k] <= NEAR_ZERO and mapped[k] > theta[k] * (1.0 + RISE):
        return True
    return theta[k] > ZERO and n_trials < len(ZERO_TRIALS) and theta[k] < ZERO_TRIALS[n_trials] and mapped[k] < theta[k]


@kernel
def fit(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, max_iter: int, tolerance: float
) -> tuple[float, int, int]:
    """Maximise the likelihood from ``theta``, in place; returns log-likelihood, EM steps and status.

    SQUAREM with an objective gate (a step that falls below the plain EM point is dropped). A parameter that sinks
    is tried at zero, where EM itself would only crawl to; one at zero whose likelihood rises is released.
    """
    n_parameters, n_genotypes = len(theta), len(model.coefficient)
    one, two = np.empty(n_parameters), np.empty(n_parameters)
    trial, image = np.empty(n_parameters), np.empty(n_parameters)
    probability, expected = np.empty(n_genotypes), np.empty(n_genotypes)
    trials = np.zeros(n_parameters, np.int64)
    settled = np.zeros(n_parameters, np.bool_)
    value, n_iter, mapped = -math.inf, 0, False
    while True:
        if not mapped:
            value = em_map(samples, selection, model, theta, probability, expected, one)
            n_iter += 1
        if not math.isfinite(value):
            return value, n_iter, DEGENERATE
        if stationarity(model, theta, one, settled) <= tolerance:
            return value, n_iter, CONVERGED
        if n_iter >= max_iter:
            return value, n_iter, MAX_ITER
        for k in range(n_parameters):
            if settled[k] or not movable(model, theta, one, k, trials[k]):
                continue
            release = one[k] > theta[k]
            settled[k] = release
            trials[k] += 1 - release
            for attempt in range(len(RELEASES) if release else 1):
                trial[:] = theta
                trial[k] = RELEASES[attempt] if release else ZERO
                normalise_blocks(model, trial)
                reached = em_map(samples, selection, model, trial, probability, expected, image)
                n_iter += 1
                if reached > value or (reached == value and not release):
                    theta[:], one[:], value = trial, image, reached
                    settled[k] = False
                    break
        value_one = em_map(samples, selection, model, one, probability, expected, two)
        extrapolate(model, theta, one, two, trial)
        reached = em_map(samples, selection, model, trial, probability, expected, image)
        n_iter += 2
        mapped = reached >= value_one
        if mapped:
            theta[:], one[:], value = trial, image, reached
        else:
            theta[:] = two


@kernel
def curvature(samples: Samples, selection: Selection, model: Model, theta: np.ndarray, hessian: np.ndarray) -> None:
    """Second derivatives of the log-likelihood in theta (as free numbers).

    With w_g the posterior of a sample's genotypes and u_gk = e_gk / theta_k, the slope of log P_g:
    sum over g of w_g (u_gk u_gl - [k = l] u_gk / theta_k) - (sum over g of w_g u_gk) (sum over h of w_h u_hl), so that
    the sums over samples of w_g and of w_g w_h (same slot) are all that is needed.
    """
    n_parameters, n_genotypes = len(theta), len(model.coefficient)
    probability = np.empty(n_genotypes)
    genotype_probabilities(model, theta, probability)
    largest = 0
    for slot in range(selection.n_slots):
        largest = max(largest, samples.table_size[slot])
    single = np.zeros(n_genotypes)
    double = np.zeros((n_genotypes, largest))
    posterior = np.empty(largest)
    for bucket in range(selection.first, selection.last):
        for slot in range(selection.n_slots):
            size, base = samples.table_size[slot], samples.table_start[slot]
            at = samples.start[bucket, slot]
            for _ in range(samples.number[bucket, slot]):
                total = 0.0
                for g in range(size):
                    posterior[g] = samples.cells[at + g] * probability[base + g]
                    total += posterior[g]
                inverse = 1.0 / total
                for g in range(size):
                    posterior[g] *= inverse
                    single[base + g] += posterior[g]
                    for h in range(g + 1):
                        double[base + g, h] += posterior[g] * posterior[h]
                at += size
    slope = np.zeros((n_genotypes, n_parameters))
    for g in range(n_genotypes):
        for k in range(n_parameters):
            if model.exponent[g, k] > 0:
                slope[g, k] = model.exponent[g, k] / theta[k]
    hessian[:] = 0.0
    for slot in range(selection.n_slots):
        if slot > 0 and samples.table_start[slot] == samples.table_start[0]:
            continue  # shares the table of the first slot, and with it the sums
        base = samples.table_start[slot]
        for g in range(base, base + samples.table_size[slot]):
            for k in range(n_parameters):
                if slope[g, k] > 0.0:
                    hessian[k, k] -= single[g] * slope[g, k] / theta[k]
                    for l in range(n_parameters):
                        hessian[k, l] += single[g] * slope[g, k] * slope[g, l]
                        hessian[k, l] -= double[g, g - base] * slope[g, k] * slope[g, l]
                for h in range(base, g):
                    for l in range(n_parameters):
                        both = slope[g, k] * slope[h, l] + slope[h, k] * slope[g, l]
                        hessian[k, l] -= double[g, h - base] * both


@kernel
def standard_error(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, weight: np.ndarray
) -> float:
    """Standard error of weight . theta from the observed information on the blocks' simplices.

    Parameters at zero stay there. Solves the bordered system [-H C; C' 0] x = [weight; 0], whose solution gives the
    variance weight . x; NaN where the information is not positive.
    """
    n_parameters = len(theta)
    hessian = np.empty((n_parameters, n_parameters))
    curvature(samples, selection, model, theta, hessian)
    size = n_parameters + 2
    matrix = np.zeros((size, size + 1))
    n_blocks = 1
    for k in range(n_parameters):
        matrix[k, k] = 1.0
        n_blocks = max(n_blocks, model.block[k] + 1)
        if model.block[k] >= 0 and theta[k] > ZERO:
            matrix[k, size] = weight[k]
            for l in range(n_parameters):
                matrix[k, l] = -hessian[k, l] if model.block[l] >= 0 and theta[l] > ZERO else 0.0
            matrix[k, n_parameters + model.block[k]] = 1.0
            matrix[n_parameters + model.block[k], k] = 1.0
    if n_blocks < 2:  # there is no second block
        matrix[size - 1, size - 1] = 1.0
    for column in range(size):
        pivot = column
        for i in range(column + 1, size):
            if abs(matrix[i, column]) > abs(matrix[pivot, column]):
                pivot = i
        if matrix[pivot, column] == 0.0:
            return math.nan
        for j in range(size + 1):
            swapped = matrix[column, j]
            matrix[column, j] = matrix[pivot, j]
            matrix[pivot, j] = swapped
        for i in range(size):
            ratio = matrix[i, column] / matrix[column, column]
            if i != column and ratio != 0.0:
                for j in range(column, size + 1):
                    matrix[i, j] -= ratio * matrix[column, j]
    variance = 0.0
    for k in range(n_parameters):
        if model.block[k] >= 0 and theta[k] > ZERO:
            variance += weight[k] * matrix[k, size] / matrix[k, k]
    return math.sqrt(variance) if variance > 0.0 else math.nan
