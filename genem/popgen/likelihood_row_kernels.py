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
from genem.popgen.log_linear_kernels import ZERO, Samples, Selection, fit, standard_error
from genem.popgen.sample_kernels import DIPLOID_SLOT, copy_tables, lay_out, phred_likelihoods, select_samples

# Share of the frequency a start gives to the allele it favours.
FAVOURED = 0.9
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
GOLDEN_STEPS = 45
MAX_BOUND_STEPS = 100
STEEPEST = 10.0
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
    n_starts = 1 if surely_concave(samples, selection, n_alleles) else 1 + n_alleles
    best, n_iter, status = -math.inf, 0, DEGENERATE
    start = np.empty(n_alleles)
    for favourite in range(n_starts):  # the first start favours none
        for allele in range(n_alleles):
            start[allele] = (1.0 - FAVOURED) / (n_alleles - 1.0) if favourite > 0 else 1.0 / n_alleles
        if favourite > 0:
            start[favourite - 1] = FAVOURED
        value, n_steps, end = fit(samples, selection, model, start, options.max_iter, options.tolerance)
        n_iter = max(n_iter, n_steps)
        if favourite == 0 or value > best + 1e-9 * (1.0 + abs(best)):
            theta[:] = start
            best, status = value, end
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
        model = genotype_classes(copies, samples.table_size[DIPLOID_SLOT], alt, held)
    else:
        theta = frequencies.copy()
        theta[alt] = 0.0
        total = 0.0
        for allele in range(len(theta)):
            total += theta[allele]
        for allele in range(len(theta)):
            theta[allele] = max(ZERO, theta[allele] / total) if total > 0.0 else 1.0 / len(theta)
        model = random_mating_at(copies, alt, held)
    value, _, _ = fit(samples, selection, model, theta, options.max_iter, options.tolerance)
    return value


@kernel
def profile_interval(
    samples: Samples,
    selection: Selection,
    copies: np.ndarray,
    alt: int,
    frequencies: np.ndarray,
    options: Options,
    top: float,
    number: int,
    values: np.ndarray,
) -> None:
    """Both ends of the profile interval of one ALT, into LOWER and UPPER.

    Each solves sqrt(2 (top - profile)) = sqrt(quantile), nearly linear in the frequency, by the Illinois rule, from
    Wilson's bound at the effective number of copies. The profile is tried at 0 or 1 itself only where no
    frequency before it is far enough down.
    """
    p, error, q = values[FREQUENCY], values[STANDARD_ERROR], options.quantile
    target = math.sqrt(q)
    n = p * (1.0 - p) / (error * error) if error > 0.0 else float(number)
    centre = p + 0.5 * q / n
    spread = math.sqrt(q * (p * (1.0 - p) + 0.25 * q / n) / n)
    for side in range(2):
        limit = float(side)
        column = LOWER if side == 0 else UPPER
        values[column] = limit
        if p == limit:
            continue
        t = (centre - spread if side == 0 else centre + spread) / (1.0 + q / n)
        inside, root_inside = p, -target
        outside, root_outside = limit, math.inf
        last = 0
        for _ in range(MAX_BOUND_STEPS):
            if t != limit and not (min(inside, outside) < t < max(inside, outside)):
                t = 0.5 * (inside + outside)
            value = profile(samples, selection, copies, alt, t, frequencies, options)
            root = math.sqrt(max(0.0, 2.0 * (top - value))) - target
            if t == limit:  # asked only while no point outside is known
                if root <= 0.0:
                    values[column] = limit
                    break
                root_outside = min(root, STEEPEST * target)
            else:
                values[column] = t
                if abs(root) <= BOUND_TOLERANCE or abs(inside - outside) <= 1e-15:
                    break
                if root < 0.0:
                    if last == -1:
                        root_outside *= 0.5
                    secant = t + (t - inside) * 1.05 * root / (root_inside - root) if root_inside < root else limit
                    inside, root_inside, last = t, root, -1
                else:
                    if last == 1:
                        root_inside *= 0.5
                    outside, root_outside, last = t, min(root, STEEPEST * target), 1
            if math.isfinite(root_outside):
                t = inside - root_inside * (outside - inside) / (root_outside - root_inside)
            else:
                t = secant if min(inside, limit) < secant < max(inside, limit) else limit


@kernel
def allele_frequency(theta: np.ndarray, alt: int) -> float:
    """Frequency of one allele, exactly 0 or 1 on the boundary."""
    if theta[alt] <= ZERO:
        return 0.0
    for allele in range(len(theta)):
        if allele != alt and theta[allele] > ZERO:
            return float(theta[alt])
    return 1.0


@kernel
def class_frequency(theta: np.ndarray) -> float:
    """ALT frequency of the genotype classes, exactly 0 or 1 on the boundary."""
    if theta[1] <= ZERO and theta[2] <= ZERO:
        return 0.0
    if theta[1] <= ZERO and theta[0] <= ZERO:
        return 1.0
    return float(theta[2] + 0.5 * theta[1])


@kernel
def class_inbreeding(theta: np.ndarray) -> float:
    """F of the genotype classes."""
    return inbreeding_coefficient(theta[1] if theta[1] > ZERO else 0.0, class_frequency(theta))


@kernel
def class_fits(
    samples: Samples,
    buckets: Selection,
    copies: np.ndarray,
    alt: int,
    null_frequencies: np.ndarray,
    null: float,
    counts: np.ndarray,
    options: Options,
    theta: np.ndarray,
    values: np.ndarray,
) -> tuple[float, int, int]:
    """Free genotype classes of one ALT, from the null's frequencies; returns log-likelihood, steps and status.

    Over the diploids for F and the likelihood-ratio test; then, where inbreeding is the model and there are haploid
    samples, over all.
    """
    model = genotype_classes(copies, samples.table_size[DIPLOID_SLOT], alt, math.nan)
    theta[:] = class_start(null_frequencies, alt)
    value, n_iter, status = 0.0, 0, CONVERGED
    monomorphic = null_frequencies[alt] <= ZERO or null_frequencies[alt] >= 1.0 - 1e-12
    for n_slots in range(1, 3):
        if n_slots == 1 and (counts[N_DIPLOID] == 0 or (monomorphic and not options.inbreeding)):
            continue
        if n_slots == 2 and (not options.inbreeding or 2 * counts[N_DIPLOID] == counts[ALLELE_NUMBER]):
            continue
        selection = Selection(buckets.first, buckets.last, n_slots)
        value, n_steps, end = fit(samples, selection, model, theta, options.max_iter, options.tolerance)
        n_iter, status = max(n_iter, n_steps), max(status, end)
        if n_slots == 1 and not monomorphic:
            values[LRT_HWE] = max(0.0, 2.0 * (value - null))
            values[LRT_P] = chi_square_upper_tail(values[LRT_HWE])
        if counts[N_DIPLOID] > 0:
            values[INBREEDING] = class_inbreeding(theta)
    return value, n_iter, status


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
    number = counts[ALLELE_NUMBER]
    all_diploid = 2 * counts[N_DIPLOID] == number
    n_iter, status = 0, CONVERGED
    null_frequencies, null = np.full(n_alleles, 1.0 / n_alleles), 0.0
    # First the model of the row, then, where they differ, random mating of the diploids alone (the null of the test).
    for of_diploids in range(2):
        if of_diploids == 0 and options.inbreeding:
            continue
        if of_diploids == 1 and (counts[N_DIPLOID] == 0 or (all_diploid and not options.inbreeding)):
            continue
        selection = Selection(buckets.first, buckets.last, 1 if of_diploids else buckets.n_slots)
        null, n_steps, end = random_mating_fit(samples, selection, copies, options, null_frequencies)
        n_iter, status = max(n_iter, n_steps), max(status, end)
        if of_diploids == 0 or options.inbreeding:
            frequencies[:] = null_frequencies
            reached[:] = null
    if options.inbreeding and counts[N_DIPLOID] == 0:
        frequencies[:] = null_frequencies
    theta = np.empty(3 + n_alleles)
    used = Selection(buckets.first, buckets.last, 2 if options.inbreeding else buckets.n_slots)
    for alt in range(1, n_alleles):
        of_alt = values[alt - 1]
        value, n_steps, end = class_fits(
            samples, buckets, copies, alt, null_frequencies, null, counts, options, theta, of_alt
        )
        n_iter, status = max(n_iter, n_steps), max(status, end)
        model = random_mating(copies)
        estimate, weight = frequencies, np.zeros(3 + n_alleles)
        if options.inbreeding:
            reached[alt - 1] = value
            model = genotype_classes(copies, samples.table_size[DIPLOID_SLOT], alt, math.nan)
            estimate = theta
            weight[1], weight[2] = 0.5, 1.0
            of_alt[FREQUENCY] = class_frequency(theta)
        else:
            weight[alt] = 1.0
            of_alt[FREQUENCY] = allele_frequency(frequencies, alt)
        if 0.0 < of_alt[FREQUENCY] < 1.0:
            of_alt[STANDARD_ERROR] = standard_error(samples, used, model, estimate, weight)
        profile_interval(samples, used, copies, alt, frequencies, options, reached[alt - 1], number, of_alt)
    return n_iter, status


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
    n_slots = 2 if options.inbreeding else len(samples.table_size)
    points = np.array([high - GOLDEN * (high - low), low + GOLDEN * (high - low)])
    reaches = np.empty(2)
    side = 0
    for step in range(GOLDEN_STEPS):
        reaches[side] = 0.0
        for g in range(len(counts)):
            if counts[g, N_CALLED] > 0:
                selection = Selection(g, g + 1, n_slots)
                reaches[side] += profile(samples, selection, copies, alt, points[side], fits[g], options)
        if step > 0:
            if high - low <= 1e-8:
                break
            if reaches[0] >= reaches[1]:
                high, points[1], reaches[1] = points[1], points[0], reaches[0]
                points[0] = high - GOLDEN * (high - low)
                side = 0
            else:
                low, points[0], reaches[0] = points[0], points[1], reaches[1]
                points[1] = low + GOLDEN * (high - low)
                side = 1
        else:
            side = 1
    return max(0.0, 2.0 * (own - max(reaches[0], reaches[1]))), n_filled - 1


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
                for g in range(n_groups):
                    offset += offsets[g]
                    for k in range(N_ROW_COUNTS):
                        rows.counts[row, k] += by_group[g, k]
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
