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
    Options,
    Rows,
    count_variants,
)
from genem.popgen.frequency.hwe_kernels import exact_test, exact_test_x
from genem.popgen.samples_kernels import X_REGION, Design

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
ROOT_TOLERANCE = 1e-13
MAX_ROOT_STEPS = 200


@kernel
def heterozygosity_at(weight_ref: float, weight_het: float, weight_alt: float, p: float) -> float:
    """The heterozygote frequency h that maximises w0 log(q - h/2) + w1 log h + w2 log(p - h/2)."""
    a = weight_ref + weight_het + weight_alt
    ref, alt = 2.0 * (1.0 - p), 2.0 * p
    b = 2.0 * weight_het + weight_ref * alt + weight_alt * ref
    c = weight_het * ref * alt
    discriminant = math.sqrt(max(0.0, b * b - 4.0 * a * c))
    if b + discriminant <= 0.0:
        return 0.0
    return min(2.0 * c / (b + discriminant), ref, alt)


@kernel
def inbred_log_likelihood(
    n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float, p: float
) -> tuple[float, float, float]:
    """Log-likelihood of free genotype frequencies with ALT frequency p, its slope in p, and the heterozygosity.

    Lone copies (haploid samples, half-calls) are a random copy of a genotype: they inform p alone. The slope
    follows the bound of the heterozygosity where that binds.
    """
    het = heterozygosity_at(n_ref, n_het, n_alt, p)
    ref, alt = 1.0 - p - 0.5 * het, p - 0.5 * het
    value = times_log(n_ref, ref) + times_log(n_het, het) + times_log(n_alt, alt)
    value += times_log(lone_ref, 1.0 - p) + times_log(lone_alt, p)
    slope = 0.0
    if n_alt > 0.0:
        slope += n_alt / max(alt, 1e-300)
    if n_ref > 0.0:
        slope -= n_ref / max(ref, 1e-300)
    if n_ref == 0.0 and n_het > 0.0 and ref <= 0.0:
        slope = -2.0 * n_het / max(het, 1e-300) + 2.0 * slope
    elif n_alt == 0.0 and n_het > 0.0 and alt <= 0.0:
        slope = 2.0 * n_het / max(het, 1e-300) + 2.0 * slope
    if lone_alt > 0.0:
        slope += lone_alt / max(p, 1e-300)
    if lone_ref > 0.0:
        slope -= lone_ref / max(1.0 - p, 1e-300)
    return value, slope, het


@kernel
def inbred_maximum(n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float) -> tuple[float, int]:
    """The ALT frequency under free genotype frequencies, and the steps taken (the likelihood is concave)."""
    n, lone = n_ref + n_het + n_alt, lone_ref + lone_alt
    counted = (2.0 * n_alt + n_het + lone_alt) / (2.0 * n + lone)
    if n == 0.0 or lone == 0.0 or counted == 0.0 or counted == 1.0:
        return counted, 1
    low, high = 0.0, 1.0
    n_steps = 0
    while n_steps < MAX_ROOT_STEPS:
        n_steps += 1
        middle = 0.5 * (low + high)
        _, slope, _ = inbred_log_likelihood(n_ref, n_het, n_alt, lone_ref, lone_alt, middle)
        if slope > 0.0:
            low = middle
        else:
            high = middle
        if high - low <= ROOT_TOLERANCE * middle:
            break
    return 0.5 * (low + high), n_steps


@kernel
def inbred_bound(
    n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float, p: float, quantile: float
) -> float:
    """The lower bound t < p of the profile interval under free genotype frequencies, by bisection."""
    if p <= 0.0:
        return 0.0
    top, _, _ = inbred_log_likelihood(n_ref, n_het, n_alt, lone_ref, lone_alt, p)
    low, high = 0.0, p
    for _ in range(MAX_ROOT_STEPS):
        middle = 0.5 * (low + high)
        value, _, _ = inbred_log_likelihood(n_ref, n_het, n_alt, lone_ref, lone_alt, middle)
        if 2.0 * (top - value) > quantile:
            low = middle
        else:
            high = middle
        if high - low <= ROOT_TOLERANCE * middle:
            break
    return 0.5 * (low + high)


@kernel
def inbred_standard_error(
    n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float, p: float, het: float
) -> float:
    """Standard error of p from the observed information of the free genotype frequencies.

    A genotype frequency that is zero stays zero; NaN on the boundary of p.
    """
    if not (0.0 < p < 1.0):
        return math.nan
    ref, alt = 1.0 - p - 0.5 * het, p - 0.5 * het
    lone = 0.0
    if lone_alt > 0.0:
        lone += lone_alt / (p * p)
    if lone_ref > 0.0:
        lone += lone_ref / ((1.0 - p) * (1.0 - p))
    # Curvature along (p, h): the three frequencies move by (-1, 0, 1) with p and by (-1/2, 1, -1/2) with h.
    curve_ref = n_ref / (ref * ref) if n_ref > 0.0 else 0.0
    curve_het = n_het / (het * het) if n_het > 0.0 else 0.0
    curve_alt = n_alt / (alt * alt) if n_alt > 0.0 else 0.0
    pp = curve_ref + curve_alt + lone
    if n_het == 0.0:  # h stays 0
        return math.sqrt(1.0 / pp)
    if n_ref == 0.0:  # h = 2 (1 - p)
        return math.sqrt(1.0 / (4.0 * curve_het + 4.0 * curve_alt + lone))
    if n_alt == 0.0:  # h = 2 p
        return math.sqrt(1.0 / (4.0 * curve_het + 4.0 * curve_ref + lone))
    ph = 0.5 * (curve_ref - curve_alt)
    hh = 0.25 * (curve_ref + curve_alt) + curve_het
    return math.sqrt(hh / (pp * hh - ph * ph))


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
