"""EM for genotype likelihoods under log-linear genotype models.

A model gives every genotype g the probability coefficient_g * product of the theta_k it uses, with the parameters
theta in blocks that each sum to one; a genotype uses few parameters, so the uses are listed. Hardy-Weinberg
proportions at any ploidy and number of alleles (theta: allele frequencies), free genotype classes (theta: class
frequencies and the composition of the other alleles) and both at a fixed ALT frequency are such models, and share
one E-step, one M-step, one acceleration, one boundary test and one observed information.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import (
    Ascent,
    advance,
    begin,
    ended,
    frequency_rule,
    is_extrapolated,
    is_image,
    leave,
    move,
    new_ascent,
    running,
    simplex_kkt_residual,
    starts_cycle,
)
from genem.jit import inlined_kernel, kernel
from genem.popgen.frequency.count_kernels import Options
from genem.popgen.frequency.interval_kernels import heterozygosity_at

# Stands for zero in a fit: small enough to carry no weight, yet the slope at zero can still be computed.
ZERO = 1e-100
# A parameter up to here is at zero: scaling a block moves it off ZERO by rounding.
AT_ZERO = 1e-90
# A falling parameter is tried at zero when it first drops below each of these.
ZERO_TRIALS = (1e-2, 1e-6, 1e-12)
# A parameter below this whose likelihood rises (EM would take long to leave) is tried at the following.
NEAR_ZERO = 1e-10
RELEASES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
# The slope at zero must exceed the multiplier by this share.
RISE = 1e-9
LONGEST_STEP = 256.0
# An extrapolation leaves a parameter at least this share of what it was before.
SHRINKAGE = 0.05
# No parameter, no allele.
NONE = -1
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

    uses: np.ndarray  # int64 (genotype, factor): the parameters of the product, one as often as its exponent, or NONE
    coefficient: np.ndarray  # float64 (genotype,)
    block: np.ndarray  # int64 (parameter,): the block it sums to one with, -1 for no parameter
    alt_frequency: float  # block 0 is (q0, q1, q2) with q2 + q1 / 2 held at this; NaN where free


class Work(NamedTuple):
    """Memory of a fit."""

    trial: np.ndarray  # float64 (parameter,)
    image: np.ndarray  # float64 (parameter,): the EM image of the trial
    probability: np.ndarray  # float64 (genotype,)
    expected: np.ndarray  # float64 (genotype,)
    sinking: np.ndarray  # bool (parameter,)


@inlined_kernel
def genotype_probabilities(model: Model, theta: np.ndarray, probability: np.ndarray) -> None:
    """Fill ``probability`` (genotype,): coefficient_g * product of the ``theta`` (parameter,) it uses."""
    for g in range(len(probability)):
        product = model.coefficient[g]
        for factor in range(model.uses.shape[1]):
            k = model.uses[g, factor]
            if k != NONE:
                product *= theta[k]
        probability[g] = product


@inlined_kernel
def expect_three(cells: np.ndarray, n_samples: int, probability: np.ndarray, expected: np.ndarray) -> float:
    """E-step over samples of three genotypes, ``cells`` (sample x genotype,); returns the log-likelihood.

    ``probability`` (genotype,) is given; the expected samples are added to ``expected`` (genotype,).
    """
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
    """E-step over samples of any number of genotypes, ``cells`` (sample x genotype,), as ``expect_three``.

    ``probability`` (genotype,) is given; the expected samples are added to ``expected`` (genotype,).
    """
    size = len(probability)
    n_fours = size // 4
    share = np.zeros(size)
    value = 0.0
    product = 1.0
    for i in range(n_samples):
        likelihood = cells[i * size : (i + 1) * size]
        # Four sums side by side: additions in one chain would wait for each other.
        sum0, sum1, sum2, sum3 = 0.0, 0.0, 0.0, 0.0
        for four in range(n_fours):
            g = 4 * four
            sum0 += likelihood[g] * probability[g]
            sum1 += likelihood[g + 1] * probability[g + 1]
            sum2 += likelihood[g + 2] * probability[g + 2]
            sum3 += likelihood[g + 3] * probability[g + 3]
        for g in range(4 * n_fours, size):
            sum0 += likelihood[g] * probability[g]
        total = (sum0 + sum1) + (sum2 + sum3)
        if total <= 0.0:
            return -math.inf
        inverse = 1.0 / total
        # The probability is the same for all samples and comes in at the end.
        for g in range(size):
            share[g] += likelihood[g] * inverse
        product *= total
        if product < SMALLEST_PRODUCT:
            value += math.log(product)
            product = 1.0
    for g in range(size):
        expected[g] += share[g] * probability[g]
    return value + math.log(product)


@inlined_kernel
def expected_genotypes(samples: Samples, selection: Selection, probability: np.ndarray, expected: np.ndarray) -> float:
    """E-step: fill ``expected`` (genotype,); returns the log-likelihood of ``probability`` (genotype,)."""
    for g in range(len(expected)):
        expected[g] = 0.0
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


@inlined_kernel
def normalise_blocks(model: Model, theta: np.ndarray) -> None:
    """Scale every block of ``theta`` (parameter,) to one.

    With a held ALT frequency the homozygotes follow from the heterozygotes.
    """
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


@inlined_kernel
def em_map(
    samples: Samples,
    selection: Selection,
    model: Model,
    theta: np.ndarray,
    probability: np.ndarray,
    expected: np.ndarray,
    mapped: np.ndarray,
) -> float:
    """One EM step from ``theta`` (parameter,) to ``mapped`` (parameter,); returns the log-likelihood of ``theta``.

    ``probability`` (genotype,) and ``expected`` (genotype,) are filled on the way.

    M-step: theta_k proportional to its expected uses, within its block.
    """
    genotype_probabilities(model, theta, probability)
    value = expected_genotypes(samples, selection, probability, expected)
    for k in range(len(mapped)):
        mapped[k] = 0.0
    for g in range(len(expected)):
        for factor in range(model.uses.shape[1]):
            k = model.uses[g, factor]
            if k != NONE:
                mapped[k] += expected[g]
    for b in range(-1, 2):
        total = 0.0
        for k in range(len(theta)):
            if model.block[k] == b:
                total += mapped[k]
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


@inlined_kernel
def stationarity(model: Model, theta: np.ndarray, mapped: np.ndarray, settled: np.ndarray) -> float:
    """Largest Karush-Kuhn-Tucker residual of ``theta`` (parameter,), but for the ``settled`` (parameter,).

    mapped / theta, ``mapped`` (parameter,), is the slope in theta over the multiplier of its block.
    """
    worst = 0.0
    for k in range(len(theta)):
        if model.block[k] < 0 or settled[k]:
            continue
        if theta[k] <= AT_ZERO:
            if not (math.isnan(model.alt_frequency) or model.block[k] > 0):
                continue
            worst = max(worst, simplex_kkt_residual(0.0, mapped[k] / theta[k], 1.0))
        else:
            worst = max(worst, simplex_kkt_residual(theta[k], mapped[k] / theta[k], 1.0))
    return worst


@inlined_kernel
def keep_inside(model: Model, ascent: Ascent) -> None:
    """Move an extrapolation, ``point`` (parameter,), inside the simplex; what starts at zero stays there."""
    for k in range(len(ascent.point)):
        if model.block[k] < 0 or ascent.start[k] <= AT_ZERO:
            ascent.point[k] = ascent.start[k]
        else:
            ascent.point[k] = max(ascent.point[k], SHRINKAGE * min(ascent.start[k], ascent.second[k]), ZERO)
    normalise_blocks(model, ascent.point)


@inlined_kernel
def movable(model: Model, k: int) -> bool:
    """Whether parameter ``k`` can be moved by itself: not where it is none, or bound to a held ALT frequency."""
    return model.block[k] == 1 or (model.block[k] == 0 and math.isnan(model.alt_frequency))


@inlined_kernel
def sinks(model: Model, theta: np.ndarray, mapped: np.ndarray, k: int, n_trials: int) -> bool:
    """Whether parameter ``k`` of ``theta`` (parameter,) falls to ``mapped`` (parameter,) and is to be tried at zero."""
    if not movable(model, k) or theta[k] <= AT_ZERO or mapped[k] >= theta[k] or n_trials == len(ZERO_TRIALS):
        return False
    return bool(theta[k] < ZERO_TRIALS[n_trials])


@inlined_kernel
def rises(model: Model, theta: np.ndarray, mapped: np.ndarray, k: int) -> bool:
    """Whether parameter ``k`` of ``theta`` (parameter,) is at zero, or nearly, and rises to ``mapped`` (parameter,)."""
    return bool(movable(model, k) and theta[k] <= NEAR_ZERO and mapped[k] > theta[k] * (1.0 + RISE))


@kernel
def map_trial(samples: Samples, selection: Selection, model: Model, work: Work) -> float:
    """Scale the trial (parameter,) of ``work`` to one and fill its EM image; returns its log-likelihood."""
    normalise_blocks(model, work.trial)
    return em_map(samples, selection, model, work.trial, work.probability, work.expected, work.image)


@kernel
def take_trial(theta: np.ndarray, image: np.ndarray, work: Work) -> None:
    """Replace ``theta`` (parameter,) and its EM ``image`` (parameter,) by the trial of ``work`` and its image."""
    for k in range(len(theta)):
        theta[k], image[k] = work.trial[k], work.image[k]


@kernel
def sink(
    samples: Samples,
    selection: Selection,
    model: Model,
    theta: np.ndarray,
    image: np.ndarray,
    value: float,
    trials: np.ndarray,
    work: Work,
) -> tuple[float, int]:
    """Try the sinking parameters at zero, all at once or else one by one; returns the log-likelihood and EM steps.

    ``theta`` (parameter,) and its EM ``image`` (parameter,) are moved; ``trials`` (parameter,) counts the attempts.
    """
    n_sinking, n_steps = 0, 0
    for k in range(len(theta)):
        work.sinking[k] = sinks(model, theta, image, k, trials[k])
        if work.sinking[k]:
            n_sinking += 1
            trials[k] += 1
    if n_sinking > 1:
        for k in range(len(theta)):
            work.trial[k] = ZERO if work.sinking[k] else theta[k]
        reached = map_trial(samples, selection, model, work)
        n_steps += 1
        if reached >= value:
            take_trial(theta, image, work)
            return reached, n_steps
    if n_sinking == 0:
        return value, 0
    for k in range(len(theta)):
        if work.sinking[k]:
            work.trial[:] = theta
            work.trial[k] = ZERO
            reached = map_trial(samples, selection, model, work)
            n_steps += 1
            if reached >= value:
                take_trial(theta, image, work)
                value = reached
    return value, n_steps


@kernel
def release(
    samples: Samples,
    selection: Selection,
    model: Model,
    theta: np.ndarray,
    image: np.ndarray,
    value: float,
    settled: np.ndarray,
    work: Work,
) -> tuple[float, int]:
    """Move parameters off zero where the likelihood rises; those for which no step helps are ``settled`` (parameter,).

    ``theta`` (parameter,) and its EM ``image`` (parameter,) are moved. Returns the log-likelihood and EM steps.
    """
    n_steps = 0
    for k in range(len(theta)):
        if settled[k] or not rises(model, theta, image, k):
            continue
        settled[k] = True
        for step in RELEASES:
            work.trial[:] = theta
            work.trial[k] = step
            reached = map_trial(samples, selection, model, work)
            n_steps += 1
            if reached > value:
                take_trial(theta, image, work)
                value = reached
                settled[k] = False
                break
    return value, n_steps


@kernel
def fit(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, options: Options
) -> tuple[float, int, int]:
    """Maximise the likelihood from ``theta`` (parameter,), in place; returns log-likelihood, EM steps and status.

    The residual of the stop rule is that of the first-order conditions where a cycle of SQUAREM starts. A parameter
    that sinks is tried at zero, where EM itself would only crawl to; one at zero whose likelihood rises is released.
    """
    n_parameters, n_genotypes = len(theta), len(model.coefficient)
    work = Work(
        np.empty(n_parameters),
        np.empty(n_parameters),
        np.empty(n_genotypes),
        np.empty(n_genotypes),
        np.zeros(n_parameters, np.bool_),
    )
    trials = np.zeros(n_parameters, np.int64)
    settled = np.zeros(n_parameters, np.bool_)
    rule = frequency_rule(options.max_iter, options.tolerance, LONGEST_STEP, 1.0, 1.0)
    ascent = new_ascent(n_parameters)
    ascent.point[:] = theta
    begin(ascent, rule)
    while running(ascent):
        if is_extrapolated(ascent):
            keep_inside(model, ascent)
        value = em_map(samples, selection, model, ascent.point, work.probability, work.expected, ascent.image)
        if options.cancel[0]:
            leave(ascent, value)
            break
        residual = math.inf if is_image(ascent) else stationarity(model, ascent.point, ascent.image, settled)
        advance(ascent, rule, value, residual, True)
        if starts_cycle(ascent):
            value, n_sunk = sink(samples, selection, model, ascent.start, ascent.first, value, trials, work)
            value, n_released = release(samples, selection, model, ascent.start, ascent.first, value, settled, work)
            move(ascent, value, n_sunk + n_released)
    theta[:] = ascent.point
    return ended(ascent)
