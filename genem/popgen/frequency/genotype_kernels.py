"""Every statistic of ``genem freq`` that follows from genotype counts in closed form or by a scalar root."""

from __future__ import annotations

import math

import numpy as np

from genem.em.status import CLOSED_FORM, DEGENERATE
from genem.jit import kernel
from genem.numerics.tails_kernels import binomial_interval, chi_square_tail, times_log
from genem.popgen.frequency.count_kernels import (
    ALLELE_NUMBER,
    COPIES,
    HETEROZYGOUS,
    HOMOZYGOUS,
    LONE_COPIES,
    N_DIPLOID,
    N_LONE,
    N_SINGLE,
    SINGLE_COPIES,
    X_REGION,
    Design,
    Options,
    Rows,
    count_variants,
)
from genem.popgen.frequency.hwe_kernels import exact_test, exact_test_x
from genem.popgen.frequency.interval_kernels import (
    inbred_bound,
    inbred_log_likelihood,
    inbred_maximum,
    inbred_standard_error,
)

# Columns of the per-ALT statistics, in the order of the table.
(
    FREQUENCY,
    STANDARD_ERROR,
    LOWER,
    UPPER,
    HWE_P,
    HWE_MID_P,
    INBREEDING,
    LRT_HWE,
    LRT_P,
    HETEROGENEITY_P,
) = range(10)
N_STATISTICS = 10


@kernel
def inbreeding_coefficient(het_frequency: float, p: float) -> float:
    """F = 1 - observed / expected heterozygosity; NaN where nothing is expected."""
    expected = 2.0 * p * (1.0 - p)
    return 1.0 - het_frequency / expected if expected > 0.0 else math.nan


@kernel
def hwe_likelihood_ratio(n_ref: float, n_het: float, n_alt: float) -> float:
    """2 (log-likelihood of free genotype frequencies - that under HWE); NaN where monomorphic or nobody is diploid.

    The sum over genotypes of n log(n / expected), which is the Kullback-Leibler divergence times 2 n: never negative.
    """
    n = n_ref + n_het + n_alt
    alt = n_het + 2.0 * n_alt
    ref = n_het + 2.0 * n_ref
    if alt == 0.0 or ref == 0.0:
        return math.nan
    p, q = 0.5 * alt / n, 0.5 * ref / n
    ratio = times_log(n_ref, n_ref / (n * q * q)) if n_ref > 0.0 else 0.0
    ratio += times_log(n_het, n_het / (2.0 * n * p * q)) if n_het > 0.0 else 0.0
    ratio += times_log(n_alt, n_alt / (n * p * p)) if n_alt > 0.0 else 0.0
    return max(0.0, 2.0 * ratio)


@kernel
def hardy_weinberg(counts: np.ndarray, row: np.ndarray, region: int, values: np.ndarray) -> None:
    """The tests of one ALT against the rest, from diploid calls (and on X the males' copies).

    ``counts`` is (N_ALT_COUNTS,), ``row`` (N_ROW_COUNTS,), ``values`` (N_STATISTICS,).
    """
    n_diploid = row[N_DIPLOID]
    hom, het = counts[HOMOZYGOUS], counts[HETEROZYGOUS]
    ref = n_diploid - het - hom
    if region == X_REGION:
        single = counts[SINGLE_COPIES]
        values[HWE_P], values[HWE_MID_P] = exact_test_x(ref, het, hom, row[N_SINGLE] - single, single)
    else:
        values[HWE_P], values[HWE_MID_P] = exact_test(ref, het, hom)
    if n_diploid > 0:
        p = (hom + 0.5 * het) / n_diploid
        values[INBREEDING] = inbreeding_coefficient(het / n_diploid, p)
        values[LRT_HWE] = hwe_likelihood_ratio(float(ref), float(het), float(hom))
        values[LRT_P] = chi_square_tail(values[LRT_HWE])


@kernel
def random_mating_estimate(copies: int, allele_number: int, quantile: float, values: np.ndarray) -> None:
    """Gene counting: AF = x / AN, SE from the observed information, profile-likelihood interval.

    ``values`` is (N_STATISTICS,).
    """
    p = copies / allele_number
    values[FREQUENCY] = p
    if 0 < copies < allele_number:
        values[STANDARD_ERROR] = math.sqrt(p * (1.0 - p) / allele_number)
    values[LOWER], values[UPPER] = binomial_interval(float(copies), float(allele_number - copies), quantile)


@kernel
def inbred_estimate(counts: np.ndarray, row: np.ndarray, quantile: float, values: np.ndarray) -> int:
    """AF, F, SE and interval with free genotype frequencies; returns the steps taken.

    ``counts`` is (N_ALT_COUNTS,), ``row`` (N_ROW_COUNTS,), ``values`` (N_STATISTICS,).
    """
    hom, het = float(counts[HOMOZYGOUS]), float(counts[HETEROZYGOUS])
    ref = row[N_DIPLOID] - het - hom
    lone_alt = float(counts[LONE_COPIES])
    lone_ref = row[N_LONE] - lone_alt
    p, n_steps = inbred_maximum(ref, het, hom, lone_ref, lone_alt)
    _, _, het_frequency = inbred_log_likelihood(ref, het, hom, lone_ref, lone_alt, p)
    values[FREQUENCY] = p
    if row[N_DIPLOID] > 0:
        values[INBREEDING] = inbreeding_coefficient(het_frequency, p)
    values[STANDARD_ERROR] = inbred_standard_error(ref, het, hom, lone_ref, lone_alt, p, het_frequency)
    values[LOWER] = inbred_bound(ref, het, hom, lone_ref, lone_alt, p, quantile)
    values[UPPER] = 1.0 - inbred_bound(hom, het, ref, lone_alt, lone_ref, 1.0 - p, quantile)
    return n_steps


@kernel
def row_log_likelihood(counts: np.ndarray, row: np.ndarray, p: float, inbreeding: bool) -> float:
    """Log-likelihood of one group's ALT-against-rest counts at ALT frequency ``p``.

    ``counts`` is (N_ALT_COUNTS,), ``row`` (N_ROW_COUNTS,).
    """
    if inbreeding:
        hom, het = float(counts[HOMOZYGOUS]), float(counts[HETEROZYGOUS])
        lone_alt = float(counts[LONE_COPIES])
        value, _, _ = inbred_log_likelihood(row[N_DIPLOID] - het - hom, het, hom, row[N_LONE] - lone_alt, lone_alt, p)
        return value
    copies = float(counts[COPIES])
    return times_log(copies, p) + times_log(row[ALLELE_NUMBER] - copies, 1.0 - p)


@kernel
def total_slope(row_counts: np.ndarray, alt_counts: np.ndarray, starts: np.ndarray, p: float) -> float:
    """Slope of the groups' summed log-likelihood under free genotype frequencies.

    ``row_counts`` is (group, N_ROW_COUNTS), ``alt_counts`` (flat, N_ALT_COUNTS), ``starts`` (group,) the groups' places
    in it.
    """
    slope = 0.0
    for g in range(row_counts.shape[0]):
        counts, row = alt_counts[starts[g]], row_counts[g]
        hom, het = float(counts[HOMOZYGOUS]), float(counts[HETEROZYGOUS])
        lone_alt = float(counts[LONE_COPIES])
        _, of_group, _ = inbred_log_likelihood(
            row[N_DIPLOID] - het - hom, het, hom, row[N_LONE] - lone_alt, lone_alt, p
        )
        slope += of_group
    return slope


@kernel
def common_frequency(
    row_counts: np.ndarray, alt_counts: np.ndarray, values: np.ndarray, starts: np.ndarray, inbreeding: bool
) -> float:
    """The single ALT frequency that fits all groups best, each with its own heterozygosity if inbred.

    ``row_counts`` is (group, N_ROW_COUNTS), ``alt_counts`` (flat, N_ALT_COUNTS), ``values`` (flat, N_STATISTICS),
    ``starts`` (group,) the groups' places in both.
    """
    copies = 0.0
    number = 0.0
    low, high = 1.0, 0.0
    for g in range(row_counts.shape[0]):
        if row_counts[g, ALLELE_NUMBER] > 0:
            copies += alt_counts[starts[g], COPIES]
            number += row_counts[g, ALLELE_NUMBER]
            low = min(low, values[starts[g], FREQUENCY])
            high = max(high, values[starts[g], FREQUENCY])
    if not inbreeding:
        return copies / number
    while high - low > 1e-13:
        middle = 0.5 * (low + high)
        if middle <= low or middle >= high:
            break
        if total_slope(row_counts, alt_counts, starts, middle) > 0.0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def heterogeneity(
    row_counts: np.ndarray, alt_counts: np.ndarray, values: np.ndarray, starts: np.ndarray, inbreeding: bool
) -> tuple[float, int]:
    """Likelihood ratio of one frequency per group against one for all, and its degrees of freedom (0: no test).

    ``row_counts`` is (group, N_ROW_COUNTS), ``alt_counts`` (flat, N_ALT_COUNTS), ``values`` (flat, N_STATISTICS),
    ``starts`` (group,) the groups' places in both.
    """
    n_filled = 0
    n_fixed_ref = 0
    n_fixed_alt = 0
    for g in range(row_counts.shape[0]):
        number = row_counts[g, ALLELE_NUMBER]
        if number > 0:
            n_filled += 1
            n_fixed_ref += alt_counts[starts[g], COPIES] == 0
            n_fixed_alt += alt_counts[starts[g], COPIES] == number
    if n_filled < 2 or n_filled in (n_fixed_ref, n_fixed_alt):
        return math.nan, 0
    common = common_frequency(row_counts, alt_counts, values, starts, inbreeding)
    statistic = 0.0
    for g in range(row_counts.shape[0]):
        if row_counts[g, ALLELE_NUMBER] > 0:
            counts, row = alt_counts[starts[g]], row_counts[g]
            statistic += row_log_likelihood(counts, row, values[starts[g], FREQUENCY], inbreeding)
            statistic -= row_log_likelihood(counts, row, common, inbreeding)
    return max(0.0, 2.0 * statistic), n_filled - 1


@kernel
def genotype_rows(
    first: int,
    last: int,
    alleles: np.ndarray,
    words: np.ndarray,
    masks: np.ndarray,
    design: Design,
    options: Options,
    rows: Rows,
) -> None:
    """Count variants ``first`` to ``last`` and fill every statistic of their rows.

    ``alleles`` is int8 (variant, sample, copy), ``words`` uint64 (variant, word), ``masks`` uint64 (bucket, word).
    """
    count_variants(first, last, alleles, words, masks, design, options, rows)
    n_groups = design.n_groups
    for variant in range(first, last):
        top = variant * (n_groups + 1)
        pooled = top + n_groups
        for row in range(top, pooled + 1):
            counts = rows.counts[row]
            if counts[ALLELE_NUMBER] == 0:
                rows.status[row] = DEGENERATE
                continue
            rows.status[row] = CLOSED_FORM
            rows.n_iter[row] = 1
            for at in range(rows.offsets[row], rows.offsets[row + 1]):
                alt_counts, values = rows.alt_counts[at], rows.values[at]
                hardy_weinberg(alt_counts, counts, design.region[variant], values)
                if options.inbreeding:
                    n_steps = inbred_estimate(alt_counts, counts, options.quantile, values)
                    rows.n_iter[row] = max(rows.n_iter[row], n_steps)
                else:
                    random_mating_estimate(alt_counts[COPIES], counts[ALLELE_NUMBER], options.quantile, values)
        if n_groups > 1:
            for alt in range(rows.offsets[pooled + 1] - rows.offsets[pooled]):
                at = rows.offsets[pooled] + alt
                starts = rows.offsets[top:pooled] + alt
                rows.heterogeneity[at, 0], rows.heterogeneity[at, 1] = heterogeneity(
                    rows.counts[top:pooled], rows.alt_counts, rows.values, starts, options.inbreeding
                )
