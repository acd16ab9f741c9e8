"""Every statistic of ``genem freq`` from genotype likelihoods, one variant at a time."""

from __future__ import annotations

import math

import numpy as np

from genem.em.status import CONVERGED, DEGENERATE
from genem.jit import kernel
from genem.popgen.count_kernels import ALLELE_NUMBER, N_CALLED, N_DIPLOID, N_ROW_COUNTS, Design, Options, Rows
from genem.popgen.genotype_kernels import (
    FREQUENCY,
    INBREEDING,
    LOWER,
    LRT_HWE,
    LRT_P,
    STANDARD_ERROR,
    UPPER,
    inbreeding_coefficient,
)
from genem.popgen.genotype_model_kernels import genotype_classes, random_mating, random_mating_at
from genem.popgen.interval_kernels import chi_square_upper_tail
from genem.popgen.log_linear_kernels import (
    ZERO,
    Samples,
    Selection,
    curvature,
    em_map,
    fit,
    standard_error,
)
from genem.popgen.sample_kernels import DIPLOID_SLOT, copy_tables, lay_out, phred_likelihoods, select_samples

# Share of the frequency a start gives to the allele it favours.
FAVOURED = 0.9
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
GOLDEN_STEPS = 45
MAX_BOUND_STEPS = 100
BOUND_TOLERANCE = 1e-11


@kernel
def surely_concave(samples: Samples, selection: Selection, n_alleles: int) -> bool:
    """Two alleles, diploids, and L01^2 >= L00 L11 in every sample: the log-likelihood in p is concave.

    log(a p^2 + b p + c) is concave where its discriminant b^2 - 4 a c = 4 (L01^2 - L00 L11) is not negative.
    """
    if n_alleles != 2:
        return False
    for bucket in range(selection.first, selection.last):
        for slot in range(selection.n_slots):
            if samples.number[bucket, slot] == 0 or samples.table_size[slot] == 2:
                continue
            if samples.table_size[slot] != 3:
                return False
            at = samples.start[bucket, slot]
            for _ in range(samples.number[bucket, slot]):
                if samples.cells[at + 1] ** 2 < samples.cells[at] * samples.cells[at + 2]:
                    return False
                at += 3
    return True


@kernel
def random_mating_fit(
    samples: Samples, selection: Selection, copies: np.ndarray, options: Options, theta: np.ndarray
) -> tuple[float, int, int]:
    """Allele frequencies under Hardy-Weinberg proportions: one start where concave, else the best of several."""
    model = random_mating(copies)
    n_alleles = len(theta)
    even = np.full(n_alleles, 1.0 / n_alleles)
    probability, expected = np.empty(len(copies)), np.empty(len(copies))
    em_map(samples, selection, model, even, probability, expected, theta)
    best, n_iter, status = fit(samples, selection, model, theta, options.max_iter, options.tolerance)
    if surely_concave(samples, selection, n_alleles):
        return best, n_iter, status
    for favourite in range(n_alleles):
        start = np.full(n_alleles, (1.0 - FAVOURED) / (n_alleles - 1.0))
        start[favourite] = FAVOURED
        value, n_steps, end = fit(samples, selection, model, start, options.max_iter, options.tolerance)
        n_iter = max(n_iter, n_steps)
        if value > best + 1e-9 * (1.0 + abs(best)):
            theta[:], best, status = start, value, end
    return best, n_iter, status


@kernel
def class_start(frequencies: np.ndarray, alt: int) -> np.ndarray:
    """The parameters of free genotype classes that are Hardy-Weinberg at these allele frequencies."""
    n_alleles = len(frequencies)
    p = frequencies[alt]
    theta = np.empty(3 + n_alleles)
    theta[0], theta[1], theta[2] = (1.0 - p) ** 2, 2.0 * p * (1.0 - p), p * p
    rest = 0.0
    for allele in range(n_alleles):
        if allele != alt:
            rest += frequencies[allele]
    for allele in range(n_alleles):
        theta[3 + allele] = max(ZERO, frequencies[allele] / rest) if rest > 0.0 else 1.0 / n_alleles
    for k in range(3):
        theta[k] = max(theta[k], ZERO)
    return theta


@kernel
def profile(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    n_diploid: int,
    alt: int,
    p: float,
    frequencies: np.ndarray,
    options: Options,
) -> float:
    """Log-likelihood at ALT frequency ``p``, maximised over everything else (from ``frequencies`` as start)."""
    held = min(1.0 - 1e-16, max(p, ZERO))
    if options.inbreeding:
        start = frequencies.copy()
        start[alt] = held
        theta = class_start(start, alt)
        model = genotype_classes(copies, n_diploid, alt, held)
    else:
        theta = frequencies.copy()
        theta[alt] = 0.0
        total = theta.sum()
        for allele in range(len(theta)):
            theta[allele] = max(ZERO, theta[allele] / total) if total > 0.0 else 1.0 / len(theta)
        model = random_mating_at(copies, alt, held)
    value, _, _ = fit(samples, selection, model, theta, options.max_iter, options.tolerance)
    return value


@kernel
def profile_bound(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    n_diploid: int,
    alt: int,
    frequencies: np.ndarray,
    options: Options,
    top: float,
    p: float,
    limit: float,
    guess: float,
) -> float:
    """The end of the profile interval between ``p`` and ``limit`` (0 or 1).

    Solves sqrt(2 (top - profile)) = sqrt(quantile), nearly linear in the frequency, by the Illinois rule.
    """
    target = math.sqrt(options.quantile)
    inside, outside = p, limit
    root_inside, root_outside = -target, math.inf
    t = guess
    last_side = 0
    for _ in range(MAX_BOUND_STEPS):
        if not (min(inside, outside) < t < max(inside, outside)):
            t = 0.5 * (inside + outside)
        value = profile(samples, selection, copies, n_diploid, alt, t, frequencies, options)
        root = math.sqrt(max(0.0, 2.0 * (top - value))) - target
        if abs(root) <= BOUND_TOLERANCE or abs(inside - outside) <= 1e-15:
            return t
        if root < 0.0:
            slope_t, slope_root = inside, root_inside
            inside, root_inside = t, root
            if math.isfinite(root_outside):
                if last_side == -1:
                    root_outside *= 0.5
            else:  # no point outside yet: go on along the secant, a little further, or ask the limit itself
                step = (t - slope_t) * (1.05 * root / (slope_root - root)) if slope_root < root else 0.0
                ahead = t + step
                if step == 0.0 or not (min(t, limit) < ahead < max(t, limit)):
                    value = profile(samples, selection, copies, n_diploid, alt, limit, frequencies, options)
                    root_outside = math.sqrt(max(0.0, 2.0 * (top - value))) - target
                    if root_outside <= 0.0:
                        return limit
                    root_outside = min(root_outside, target * 10.0)
                else:
                    t = ahead
                    continue
            last_side = -1
        else:
            outside, root_outside = t, root
            if not math.isfinite(root):
                root_outside = target * 10.0
            if last_side == 1:
                root_inside *= 0.5
            last_side = 1
        t = inside - root_inside * (outside - inside) / (root_outside - root_inside)
    return t


@kernel
def interval(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    n_diploid: int,
    alt: int,
    frequencies: np.ndarray,
    options: Options,
    top: float,
    number: int,
    values: np.ndarray,
) -> None:
    """Both ends of the profile interval; first guesses from Wilson's interval at the effective number of copies."""
    p, error = values[FREQUENCY], values[STANDARD_ERROR]
    q = options.quantile
    n = p * (1.0 - p) / (error * error) if error > 0.0 else float(number)
    centre = p + 0.5 * q / n
    spread = math.sqrt(q * (p * (1.0 - p) + 0.25 * q / n) / n)
    low, high = (centre - spread) / (1.0 + q / n), (centre + spread) / (1.0 + q / n)
    values[LOWER] = 0.0
    values[UPPER] = 1.0
    if p > 0.0:
        values[LOWER] = profile_bound(
            samples, selection, copies, n_diploid, alt, frequencies, options, top, p, 0.0, low
        )
    if p < 1.0:
        values[UPPER] = profile_bound(
            samples, selection, copies, n_diploid, alt, frequencies, options, top, p, 1.0, high
        )


@kernel
def class_frequency(theta: np.ndarray) -> float:
    """ALT frequency of the genotype classes, exactly 0 or 1 on the boundary."""
    if theta[1] <= ZERO and theta[2] <= ZERO:
        return 0.0
    if theta[1] <= ZERO and theta[0] <= ZERO:
        return 1.0
    return theta[2] + 0.5 * theta[1]


@kernel
def class_inbreeding(theta: np.ndarray) -> float:
    """F of the genotype classes."""
    return inbreeding_coefficient(theta[1] if theta[1] > ZERO else 0.0, class_frequency(theta))


@kernel
def test_random_mating(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    n_diploid: int,
    alt: int,
    frequencies: np.ndarray,
    null: float,
    options: Options,
    values: np.ndarray,
) -> tuple[int, int]:
    """F, LRT_HWE and LRT_P of one ALT over diploids, from the null's frequencies; returns steps and status."""
    p = frequencies[alt]
    if p <= ZERO or p >= 1.0 - 1e-12:
        return 0, CONVERGED
    theta = class_start(frequencies, alt)
    model = genotype_classes(copies, n_diploid, alt, math.nan)
    value, n_iter, status = fit(samples, selection, model, theta, options.max_iter, options.tolerance)
    values[LRT_HWE] = max(0.0, 2.0 * (value - null))
    values[LRT_P] = chi_square_upper_tail(values[LRT_HWE])
    values[INBREEDING] = class_inbreeding(theta)
    return n_iter, status


@kernel
def random_mating_estimates(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    theta: np.ndarray,
    top: float,
    number: int,
    options: Options,
    values: np.ndarray,
) -> None:
    """AF, SE and interval of every ALT at the Hardy-Weinberg maximum ``theta``."""
    n_alleles = len(theta)
    model = random_mating(copies)
    hessian = np.empty((n_alleles, n_alleles))
    curvature(samples, selection, model, theta, hessian)
    weight = np.zeros(n_alleles)
    n_present = 0
    for allele in range(n_alleles):
        n_present += theta[allele] > ZERO
    for alt in range(1, n_alleles):
        of_alt = values[alt - 1]
        of_alt[FREQUENCY] = theta[alt] if theta[alt] > ZERO else 0.0
        if n_present == 1 and theta[alt] > ZERO:
            of_alt[FREQUENCY] = 1.0
        if n_present > 1 and theta[alt] > ZERO:
            weight[:] = 0.0
            weight[alt] = 1.0
            of_alt[STANDARD_ERROR] = standard_error(hessian, model, theta, weight)
        interval(samples, selection, copies, 0, alt, theta, options, top, number, of_alt)


@kernel
def inbred_estimates(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    n_diploid: int,
    start: np.ndarray,
    number: int,
    has_diploids: bool,
    options: Options,
    values: np.ndarray,
    reached: np.ndarray,
) -> tuple[int, int]:
    """AF, F, SE and interval of every ALT under free genotype classes; ``reached`` takes the log-likelihoods."""
    n_alleles = len(start)
    n_iter = 0
    status = CONVERGED
    weight = np.zeros(3 + n_alleles)
    weight[1], weight[2] = 0.5, 1.0
    hessian = np.empty((3 + n_alleles, 3 + n_alleles))
    for alt in range(1, n_alleles):
        of_alt = values[alt - 1]
        inner = np.maximum(start, 1e-3)
        theta = class_start(inner / inner.sum(), alt)
        model = genotype_classes(copies, n_diploid, alt, math.nan)
        reached[alt - 1], n_steps, end = fit(samples, selection, model, theta, options.max_iter, options.tolerance)
        n_iter, status = max(n_iter, n_steps), max(status, end)
        of_alt[FREQUENCY] = class_frequency(theta)
        of_alt[INBREEDING] = class_inbreeding(theta) if has_diploids else math.nan
        if 0.0 < of_alt[FREQUENCY] < 1.0:
            curvature(samples, selection, model, theta, hessian)
            of_alt[STANDARD_ERROR] = standard_error(hessian, model, theta, weight)
        interval(samples, selection, copies, n_diploid, alt, start, options, reached[alt - 1], number, of_alt)
    return n_iter, status


@kernel
def fit_row(
    samples: Samples,
    buckets: Selection,
    copies: np.ndarray,
    counts: np.ndarray,
    options: Options,
    values: np.ndarray,
    frequencies: np.ndarray,
    reached: np.ndarray,
) -> tuple[int, int]:
    """Every statistic of one row; ``frequencies`` and ``reached`` keep its fit, per ALT. Returns steps and status."""
    n_alleles = len(frequencies)
    n_diploid = samples.table_size[DIPLOID_SLOT]
    diploids = Selection(buckets.first, buckets.last, 1)
    all_diploid = 2 * counts[N_DIPLOID] == counts[ALLELE_NUMBER]
    top, n_iter, status = 0.0, 0, CONVERGED
    if not options.inbreeding:
        top, n_iter, status = random_mating_fit(samples, buckets, copies, options, frequencies)
        reached[:] = top
        random_mating_estimates(samples, buckets, copies, frequencies, top, counts[ALLELE_NUMBER], options, values)
    null_frequencies = frequencies
    if counts[N_DIPLOID] > 0:
        if options.inbreeding or not all_diploid:
            null_frequencies = np.empty(n_alleles)
            top, n_steps, end = random_mating_fit(samples, diploids, copies, options, null_frequencies)
            n_iter, status = max(n_iter, n_steps), max(status, end)
        for alt in range(1, n_alleles):
            n_steps, end = test_random_mating(
                samples, diploids, copies, n_diploid, alt, null_frequencies, top, options, values[alt - 1]
            )
            n_iter, status = max(n_iter, n_steps), max(status, end)
    if options.inbreeding:
        if counts[N_DIPLOID] == 0:
            null_frequencies[:] = 1.0 / n_alleles
        n_steps, end = inbred_estimates(
            samples,
            Selection(buckets.first, buckets.last, 2),
            copies,
            n_diploid,
            null_frequencies,
            counts[ALLELE_NUMBER],
            counts[N_DIPLOID] > 0,
            options,
            values,
            reached,
        )
        n_iter, status = max(n_iter, n_steps), max(status, end)
        frequencies[:] = null_frequencies
    return n_iter, status


@kernel
def summed_profile(
    samples: Samples, counts: np.ndarray, copies: np.ndarray, alt: int, p: float, fits: np.ndarray, options: Options
) -> float:
    """Sum over the groups of their profile log-likelihoods at a common ALT frequency."""
    n_slots = 2 if options.inbreeding else len(samples.table_size)
    value = 0.0
    for g in range(len(counts)):
        if counts[g, N_CALLED] > 0:
            value += profile(
                samples,
                Selection(g, g + 1, n_slots),
                copies,
                samples.table_size[DIPLOID_SLOT],
                alt,
                p,
                fits[g],
                options,
            )
    return value


@kernel
def heterogeneity(
    samples: Samples,
    counts: np.ndarray,
    copies: np.ndarray,
    alt: int,
    fits: np.ndarray,
    estimates: np.ndarray,
    reached: np.ndarray,
    options: Options,
) -> tuple[float, int]:
    """Likelihood ratio of one ALT frequency per group against one for all, and its degrees of freedom (0: no test).

    Rows are the groups. The common frequency lies between the groups' own; golden section finds it, precise enough
    since the log-likelihood is flat there.
    """
    n_filled = 0
    low, high, own = 1.0, 0.0, 0.0
    for g in range(len(counts)):
        if counts[g, N_CALLED] > 0:
            n_filled += 1
            low, high = min(low, estimates[g]), max(high, estimates[g])
            own += reached[g, alt - 1]
    if n_filled < 2 or high == 0.0 or low == 1.0:
        return math.nan, 0
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left = summed_profile(samples, counts, copies, alt, left, fits, options)
    at_right = summed_profile(samples, counts, copies, alt, right, fits, options)
    for _ in range(GOLDEN_STEPS):
        if high - low <= 1e-8:
            break
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = summed_profile(samples, counts, copies, alt, left, fits, options)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = summed_profile(samples, counts, copies, alt, right, fits, options)
    return max(0.0, 2.0 * (own - max(at_left, at_right))), n_filled - 1


@kernel
def likelihood_rows(
    first: int,
    last: int,
    likelihoods: np.ndarray,
    n_likelihoods: np.ndarray,
    scale: float,
    design: Design,
    options: Options,
    rows: Rows,
) -> None:
    """Fill every statistic of variants ``first`` to ``last``; ``scale`` turns a value into a natural logarithm."""
    n_samples, n_groups = n_likelihoods.shape[1], design.n_groups
    phred_table = phred_likelihoods()
    slots, best = np.empty(n_samples, np.int64), np.empty(n_samples)
    for variant in range(first, last):
        n_alleles = design.n_alleles[variant]
        by_group = np.zeros((n_groups + 1, N_ROW_COUNTS), np.int64)
        largest, rows.incomplete[variant], rows.bad_sample[variant] = select_samples(
            likelihoods[variant], n_likelihoods[variant], scale < 0.0, design, variant, by_group, slots, best
        )
        if rows.bad_sample[variant] >= 0:
            continue
        n_slots = max(2, largest)
        copies, table_start, table_size = copy_tables(n_alleles, n_slots, options.inbreeding)
        offsets = np.zeros(n_groups + 1)
        samples = lay_out(
            likelihoods[variant],
            n_likelihoods[variant],
            scale,
            phred_table,
            design,
            variant,
            options,
            slots,
            best,
            copies,
            table_start,
            table_size,
            offsets,
        )
        fits = np.full((n_groups + 1, n_alleles), math.nan)
        reached = np.zeros((n_groups + 1, n_alleles - 1))
        for bucket in range(n_groups + 1):
            row = variant * (n_groups + 1) + bucket
            buckets = Selection(bucket, bucket + 1, n_slots)
            rows.counts[row] = by_group[bucket]
            offset = offsets[bucket]
            if bucket == n_groups:  # the pooled row takes every sample
                buckets = Selection(0, n_groups + 1, n_slots)
                rows.counts[row] = by_group.sum(axis=0)
                offset = offsets.sum()
            if rows.counts[row, N_CALLED] == 0:
                rows.status[row] = DEGENERATE
                continue
            values = rows.values[rows.offsets[row] : rows.offsets[row + 1]]
            rows.n_iter[row], rows.status[row] = fit_row(
                samples, buckets, copies, rows.counts[row], options, values, fits[bucket], reached[bucket]
            )
            rows.log_likelihood[row] = reached[bucket, 0] + offset
        top = variant * (n_groups + 1)
        for alt in range(1, n_alleles):
            if n_groups > 1:
                estimates = np.empty(n_groups)
                for g in range(n_groups):
                    estimates[g] = rows.values[rows.offsets[top + g] + alt - 1, FREQUENCY]
                at = rows.offsets[top + n_groups] + alt - 1
                rows.heterogeneity[at, 0], rows.heterogeneity[at, 1] = heterogeneity(
                    samples,
                    rows.counts[top : top + n_groups],
                    copies,
                    alt,
                    fits[:n_groups],
                    estimates,
                    reached[:n_groups],
                    options,
                )
