"""Every statistic of ``genem freq`` from genotype likelihoods, one variant at a time."""

from __future__ import annotations

import math

import numpy as np

from genem.em.status import CLOSED_FORM, DEGENERATE
from genem.jit import kernel
from genem.numerics.tails_kernels import chi_square_tail
from genem.popgen.frequency.count_kernels import ALLELE_NUMBER, N_CALLED, N_DIPLOID, N_ROW_COUNTS, Design, Options, Rows
from genem.popgen.frequency.em_kernels import AT_ZERO, ZERO, Model, Samples, Selection, em_map, fit
from genem.popgen.frequency.genotype_kernels import (
    FREQUENCY,
    INBREEDING,
    LRT_HWE,
    LRT_P,
    STANDARD_ERROR,
    inbreeding_coefficient,
)
from genem.popgen.frequency.genotype_model_kernels import genotype_classes, hardy_weinberg_classes, random_mating
from genem.popgen.frequency.information_kernels import standard_errors
from genem.popgen.frequency.profile_kernels import heterogeneity, profile_interval
from genem.popgen.samples_kernels import DIPLOID_SLOT, genotype_tables, lay_out, phred_likelihoods, select_samples

# Share of the frequency a start gives to the allele it favours.
FAVOURED = 0.9
# With more alleles than this, only as many starts favour one.
MAX_FAVOURED = 8


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
def favourites(samples: Samples, selection: Selection, model: Model, n_alleles: int) -> np.ndarray:
    """The alleles that a start should favour: all, or where they are many those with most expected copies.

    Returns alleles (start,).
    """
    if n_alleles <= MAX_FAVOURED:
        return np.arange(n_alleles)
    even = np.full(n_alleles, 1.0 / n_alleles)
    shares = np.empty(n_alleles)
    size = len(model.coefficient)
    em_map(samples, selection, model, even, np.empty(size), np.empty(size), shares)
    chosen = np.empty(MAX_FAVOURED, np.int64)
    for i in range(MAX_FAVOURED):
        chosen[i] = np.argmax(shares)
        shares[chosen[i]] = -1.0
    return chosen


@kernel
def random_mating_fit(
    samples: Samples, selection: Selection, alleles: np.ndarray, options: Options, theta: np.ndarray
) -> tuple[float, int, int]:
    """Allele frequencies under Hardy-Weinberg proportions: one start where concave, else the best of several.

    ``alleles`` is (genotype, copy), ``theta`` (allele,).
    """
    n_alleles = len(theta)
    model = random_mating(alleles, n_alleles)
    theta[:] = 1.0 / n_alleles
    best, n_iter, status = fit(samples, selection, model, theta, options)
    if surely_concave(samples, selection, n_alleles):
        return best, n_iter, status
    start = np.empty(n_alleles)
    for favourite in favourites(samples, selection, model, n_alleles):
        start[:] = (1.0 - FAVOURED) / (n_alleles - 1.0)
        start[favourite] = FAVOURED
        value, n_steps, end = fit(samples, selection, model, start, options)
        n_iter = max(n_iter, n_steps)
        if value > best + 1e-9 * (1.0 + abs(best)):
            theta[:] = start
            best, status = value, end
    return best, n_iter, status


@kernel
def class_start(frequencies: np.ndarray, alt: int) -> np.ndarray:
    """The parameters of free genotype classes that are Hardy-Weinberg at these allele frequencies.

    ``frequencies`` is (allele,); returns parameters (3 + allele,).
    """
    n_alleles = len(frequencies)
    theta = np.empty(3 + n_alleles)
    hardy_weinberg_classes(frequencies[alt], theta)
    rest = 0.0
    for allele in range(n_alleles):
        if allele != alt:
            rest += frequencies[allele]
    for allele in range(n_alleles):
        theta[3 + allele] = max(ZERO, frequencies[allele] / rest) if rest > 0.0 else 1.0 / n_alleles
    return theta


@kernel
def allele_frequency(theta: np.ndarray, alt: int) -> float:
    """Frequency of one allele, exactly 0 or 1 on the boundary.

    ``theta`` is (allele,).
    """
    if theta[alt] <= AT_ZERO:
        return 0.0
    for allele in range(len(theta)):
        if allele != alt and theta[allele] > AT_ZERO:
            return float(theta[alt])
    return 1.0


@kernel
def class_frequency(theta: np.ndarray) -> float:
    """ALT frequency of the genotype classes, exactly 0 or 1 on the boundary.

    ``theta`` is (parameter,).
    """
    if theta[1] <= AT_ZERO and theta[2] <= AT_ZERO:
        return 0.0
    if theta[1] <= AT_ZERO and theta[0] <= AT_ZERO:
        return 1.0
    return float(theta[2] + 0.5 * theta[1])


@kernel
def class_inbreeding(theta: np.ndarray) -> float:
    """F of the genotype classes.

    ``theta`` is (parameter,).
    """
    return inbreeding_coefficient(theta[1] if theta[1] > AT_ZERO else 0.0, class_frequency(theta))


@kernel
def class_fits(
    samples: Samples,
    buckets: Selection,
    alleles: np.ndarray,
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

    ``alleles`` is (genotype, copy), ``null_frequencies`` (allele,), ``counts`` (N_ROW_COUNTS,), ``theta`` (parameter,),
    ``values`` (N_STATISTICS,).
    """
    model = genotype_classes(alleles, len(null_frequencies), samples.table_size[DIPLOID_SLOT], alt, math.nan)
    theta[:] = class_start(null_frequencies, alt)
    value, n_iter, status = 0.0, 0, CLOSED_FORM
    monomorphic = null_frequencies[alt] <= AT_ZERO or null_frequencies[alt] >= 1.0 - 1e-12
    for n_slots in range(1, 3):
        if n_slots == 1 and (counts[N_DIPLOID] == 0 or (monomorphic and not options.inbreeding)):
            continue
        if n_slots == 2 and (not options.inbreeding or 2 * counts[N_DIPLOID] == counts[ALLELE_NUMBER]):
            continue
        selection = Selection(buckets.first, buckets.last, n_slots)
        value, n_steps, end = fit(samples, selection, model, theta, options)
        n_iter, status = max(n_iter, n_steps), max(status, end)
        if n_slots == 1 and not monomorphic:
            values[LRT_HWE] = max(0.0, 2.0 * (value - null))
            values[LRT_P] = chi_square_tail(values[LRT_HWE])
        if counts[N_DIPLOID] > 0:
            values[INBREEDING] = class_inbreeding(theta)
    return value, n_iter, status


@kernel
def fit_row(
    samples: Samples,
    buckets: Selection,
    alleles: np.ndarray,
    counts: np.ndarray,
    options: Options,
    values: np.ndarray,
    frequencies: np.ndarray,
    reached: np.ndarray,
) -> tuple[int, int]:
    """Every statistic of one row; ``frequencies`` and ``reached`` keep its fit, per ALT. Returns steps and status.

    ``alleles`` is (genotype, copy), ``counts`` (N_ROW_COUNTS,), ``values`` (ALT, N_STATISTICS), ``frequencies``
    (allele,), ``reached`` (ALT,).
    """
    n_alleles = len(frequencies)
    number = counts[ALLELE_NUMBER]
    all_diploid = 2 * counts[N_DIPLOID] == number
    n_iter, status = 0, CLOSED_FORM
    null_frequencies, null = np.full(n_alleles, 1.0 / n_alleles), 0.0
    # First the model of the row, then, where they differ, random mating of the diploids alone (the null of the test).
    for of_diploids in range(2):
        if of_diploids == 0 and options.inbreeding:
            continue
        if of_diploids == 1 and (counts[N_DIPLOID] == 0 or (all_diploid and not options.inbreeding)):
            continue
        selection = Selection(buckets.first, buckets.last, 1 if of_diploids else buckets.n_slots)
        null, n_steps, end = random_mating_fit(samples, selection, alleles, options, null_frequencies)
        n_iter, status = max(n_iter, n_steps), max(status, end)
        if of_diploids == 0 or options.inbreeding:
            frequencies[:] = null_frequencies
            reached[:] = null
    if options.inbreeding and counts[N_DIPLOID] == 0:
        frequencies[:] = null_frequencies
    # Each ALT: genotype classes, standard error, interval.
    theta = np.empty(3 + n_alleles)
    used = Selection(buckets.first, buckets.last, 2 if options.inbreeding else buckets.n_slots)
    errors = np.full(n_alleles, math.nan)
    if not options.inbreeding:
        model = random_mating(alleles, n_alleles)
        standard_errors(samples, used, model, frequencies, np.eye(n_alleles), errors)
    for alt in range(1, n_alleles):
        if options.cancel[0]:
            break
        of_alt = values[alt - 1]
        value, n_steps, end = class_fits(
            samples, buckets, alleles, alt, null_frequencies, null, counts, options, theta, of_alt
        )
        n_iter, status = max(n_iter, n_steps), max(status, end)
        if options.inbreeding:
            reached[alt - 1] = value
            model = genotype_classes(alleles, n_alleles, samples.table_size[DIPLOID_SLOT], alt, math.nan)
            weight = np.zeros((1, 3 + n_alleles))
            weight[0, 1], weight[0, 2] = 0.5, 1.0
            of_alt[FREQUENCY] = class_frequency(theta)
            standard_errors(samples, used, model, theta, weight, errors[alt : alt + 1])
        else:
            of_alt[FREQUENCY] = allele_frequency(frequencies, alt)
        if 0.0 < of_alt[FREQUENCY] < 1.0:
            of_alt[STANDARD_ERROR] = errors[alt]
        profile_interval(samples, used, alleles, alt, frequencies, options, reached[alt - 1], number, of_alt)
    return n_iter, status


@kernel
def fit_rows(
    variant: int,
    samples: Samples,
    alleles: np.ndarray,
    by_group: np.ndarray,
    offsets: np.ndarray,
    design: Design,
    options: Options,
    rows: Rows,
    fits: np.ndarray,
    reached: np.ndarray,
) -> None:
    """Every statistic of the rows of one variant, group by group and pooled.

    ``alleles`` is (genotype, copy), ``by_group`` (bucket, N_ROW_COUNTS), ``offsets`` (bucket,) what scaling took from
    the log-likelihoods; ``fits`` (bucket, allele) and ``reached`` (bucket, ALT) are filled.
    """
    n_groups, n_slots = design.n_groups, len(samples.table_size)
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
            samples, buckets, alleles, rows.counts[row], options, values, fits[bucket], reached[bucket]
        )
        rows.log_likelihood[row] = reached[bucket, 0] + offset


@kernel
def compare_groups(
    variant: int,
    samples: Samples,
    alleles: np.ndarray,
    design: Design,
    options: Options,
    rows: Rows,
    fits: np.ndarray,
    reached: np.ndarray,
) -> None:
    """The tests of one frequency for all groups, of every ALT of one variant.

    ``alleles`` is (genotype, copy), ``fits`` (bucket, allele), ``reached`` (bucket, ALT).
    """
    n_groups = design.n_groups
    top = variant * (n_groups + 1)
    for alt in range(1, fits.shape[1]):
        estimates = np.empty(n_groups)
        for g in range(n_groups):
            estimates[g] = rows.values[rows.offsets[top + g] + alt - 1, FREQUENCY]
        at = rows.offsets[top + n_groups] + alt - 1
        rows.heterogeneity[at, 0], rows.heterogeneity[at, 1] = heterogeneity(
            samples,
            rows.counts[top : top + n_groups],
            alleles,
            alt,
            fits[:n_groups],
            estimates,
            reached[:n_groups],
            options,
        )


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
    """Fill every statistic of variants ``first`` to ``last``; ``scale`` turns a value into a natural logarithm.

    ``likelihoods`` is (variant, sample, value), ``n_likelihoods`` (variant, sample).
    """
    n_samples, n_groups = n_likelihoods.shape[1], design.n_groups
    phred_table = phred_likelihoods()
    slots, best = np.empty(n_samples, np.int64), np.empty(n_samples)
    for variant in range(first, last):
        if options.cancel[0]:
            break
        n_alleles = design.n_alleles[variant]
        by_group = np.zeros((n_groups + 1, N_ROW_COUNTS), np.int64)
        largest, rows.incomplete[variant], rows.polyploid[variant], rows.bad_sample[variant] = select_samples(
            likelihoods[variant], n_likelihoods[variant], scale < 0.0, design, variant, by_group, slots, best
        )
        if rows.bad_sample[variant] >= 0:
            continue
        # Likelihoods in the order in which the fits walk through them.
        n_slots = max(2, largest)
        alleles, table_start, table_size = genotype_tables(n_alleles, n_slots, options.inbreeding)
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
            alleles,
            table_start,
            table_size,
            offsets,
        )
        # Every row by itself, then the groups beside each other.
        fits = np.full((n_groups + 1, n_alleles), math.nan)
        reached = np.zeros((n_groups + 1, n_alleles - 1))
        fit_rows(variant, samples, alleles, by_group, offsets, design, options, rows, fits, reached)
        if n_groups > 1:
            compare_groups(variant, samples, alleles, design, options, rows, fits, reached)
