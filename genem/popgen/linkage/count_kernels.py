"""Two-locus tables by population counts, and the cheap tests that spare most pairs the cubic."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, parallel_kernel, popcount, prange
from genem.popgen.linkage.cubic_kernels import best_coupling, cubic_coefficients, evaluate_cubic
from genem.popgen.linkage.packed_kernels import (
    CALLED,
    CARRIER,
    COPY,
    COPY_CALLED,
    FIRST_COPY,
    HOMOZYGOUS,
    PHASED_HETEROZYGOUS,
)

# Rows are compared tile by tile, so that the planes of a tile stay in the processor's nearest cache.
TILE_FIRST = 16
TILE_SECOND = 64

# r2 is added up as an integer number of these units.
FIXED_POINT = 2.0**36

# Relative room left for rounding where a pair is ruled out.
SLACK = 1e-9
CUBIC_SLACK = 1e-12


@kernel
def pair_table(
    diploid: np.ndarray, haploid: np.ndarray, phase: np.ndarray, a: int, b: int
) -> tuple[int, int, int, int, int, int]:
    """Counts over the samples called at both rows: diploids, haploids, ALT copies at a and b, known ALT-ALT
    haplotypes, double heterozygotes of unknown phase. Samples of different ploidy at a and b do not count.

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word).
    """
    n_diploid, alt_a, alt_b, coupled, double = 0, 0, 0, 0, 0
    for word in range(diploid.shape[2]):
        carrier_a, twice_a, called_a = diploid[a, CARRIER, word], diploid[a, HOMOZYGOUS, word], diploid[a, CALLED, word]
        carrier_b, twice_b, called_b = diploid[b, CARRIER, word], diploid[b, HOMOZYGOUS, word], diploid[b, CALLED, word]
        n_diploid += popcount(called_a & called_b)
        alt_a += popcount(carrier_a & called_b) + popcount(twice_a & called_b)
        alt_b += popcount(carrier_b & called_a) + popcount(twice_b & called_a)
        coupled += popcount(carrier_a & twice_b) + popcount(twice_a & carrier_b)
        double += popcount((carrier_a ^ twice_a) & (carrier_b ^ twice_b))
    n_haploid = 0
    for word in range(haploid.shape[2]):
        copy_a, called_a = haploid[a, COPY, word], haploid[a, COPY_CALLED, word]
        copy_b, called_b = haploid[b, COPY, word], haploid[b, COPY_CALLED, word]
        n_haploid += popcount(called_a & called_b)
        alt_a += popcount(copy_a & called_b)
        alt_b += popcount(copy_b & called_a)
        coupled += popcount(copy_a & copy_b)
    for word in range(phase.shape[2]):
        both = phase[a, PHASED_HETEROZYGOUS, word] & phase[b, PHASED_HETEROZYGOUS, word]
        n_both = popcount(both)
        double -= n_both
        coupled += n_both - popcount(both & (phase[a, FIRST_COPY, word] ^ phase[b, FIRST_COPY, word]))
    return n_diploid, n_haploid, alt_a, alt_b, coupled, double


@kernel
def complete_pair_table(diploid: np.ndarray, a: int, b: int) -> tuple[int, int]:
    """Known ALT-ALT haplotypes and double heterozygotes of two rows without a missing or haploid call.

    ``diploid`` is bit planes (row, plane, word).
    """
    coupled, double = 0, 0
    for word in range(diploid.shape[2]):
        carrier_a, twice_a = diploid[a, CARRIER, word], diploid[a, HOMOZYGOUS, word]
        carrier_b, twice_b = diploid[b, CARRIER, word], diploid[b, HOMOZYGOUS, word]
        coupled += popcount(carrier_a & twice_b) + popcount(twice_a & carrier_b)
        double += popcount((carrier_a ^ twice_a) & (carrier_b ^ twice_b))
    return coupled, double


@kernel
def may_reach(n: float, alt_a: float, alt_b: float, coupled: float, double: float, min_r2: float) -> bool:
    """False only where r2 at the maximum of the likelihood is surely below ``min_r2``; no root is looked for.

    r2 is reached at ``u`` double heterozygotes in coupling where |n (coupled + u) - alt_a alt_b| is large enough:
    outside an interval (low, high). Where the likelihood has one maximum in [0, double], it lies in that interval
    if the cubic is negative at its low and positive at its high end.
    """
    variances = alt_a * (n - alt_a) * alt_b * (n - alt_b)
    if variances <= 0.0:
        return False
    needed = min_r2 * variances * (1.0 - SLACK)
    from_zero = n * coupled - alt_a * alt_b
    from_all = from_zero + n * double
    if from_zero * from_zero < needed and from_all * from_all < needed:
        return False
    if double == 0.0:
        return True
    n10, n01 = alt_a - coupled - double, alt_b - coupled - double
    n00 = n - coupled - n10 - n01 - 2.0 * double
    c2, c1, c0 = cubic_coefficients(n00, n01, n10, coupled, double)
    inside = 0.0 < -c2 < 6.0 * double and c2 * c2 > 6.0 * c1 and c1 > 0.0
    if inside and (6.0 * double + 2.0 * c2) * double + c1 > 0.0:
        return True  # two maxima are possible
    margin = math.sqrt(needed)
    low, high = (-margin - from_zero) / n, (margin - from_zero) / n
    rounding = CUBIC_SLACK * n * n * n
    if low > 0.0 and evaluate_cubic(low, c2, c1, c0) > -rounding:
        return True
    return high < double and evaluate_cubic(high, c2, c1, c0) < rounding


@kernel
def marginal_limit(n: float, alt_a: float, alt_b: float) -> float:
    """The largest r2 that two allele frequencies allow: with the odds of the minor alleles x <= y, x / y."""
    minor_a, minor_b = min(alt_a, n - alt_a), min(alt_b, n - alt_b)
    x, y = minor_a * (n - minor_b), minor_b * (n - minor_a)
    if x <= 0.0 or y <= 0.0:
        return 0.0
    return x / y if x < y else y / x


@kernel
def screen_tile(
    diploid: np.ndarray,
    haploid: np.ndarray,
    phase: np.ndarray,
    complete: np.ndarray,
    alt_count: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    tile: tuple[int, int],
    offset: np.ndarray,
    min_r2: float,
    candidates: np.ndarray,
    n_candidates: np.ndarray,
) -> None:
    """The candidates of the first rows ``tile[0]`` to ``tile[1]``; see :func:`screen_pairs`.

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word), ``complete`` and ``alt_count`` (row,),
    ``begin``, ``end``, ``offset`` and ``n_candidates`` (first row,), ``candidates`` (place,).
    """
    first, last = tile
    start, stop = begin[first], end[first]
    for a in range(first, last):
        start, stop = min(start, begin[a]), max(stop, end[a])
        n_candidates[a] = 0
    for second in range(start, stop, TILE_SECOND):
        for a in range(first, last):
            for b in range(max(second, begin[a]), min(second + TILE_SECOND, end[a])):
                if complete[a] and complete[b]:
                    n, alt_a, alt_b = complete[a], alt_count[a], alt_count[b]
                    if marginal_limit(float(n), float(alt_a), float(alt_b)) < min_r2 * (1.0 - SLACK):
                        continue
                    coupled, double = complete_pair_table(diploid, a, b)
                else:
                    n_diploid, n_haploid, alt_a, alt_b, coupled, double = pair_table(diploid, haploid, phase, a, b)
                    n = 2 * n_diploid + n_haploid
                if may_reach(float(n), float(alt_a), float(alt_b), float(coupled), float(double), min_r2):
                    candidates[offset[a] + n_candidates[a]] = b
                    n_candidates[a] += 1


@parallel_kernel
def screen_pairs(
    diploid: np.ndarray,
    haploid: np.ndarray,
    phase: np.ndarray,
    complete: np.ndarray,
    alt_count: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    offset: np.ndarray,
    min_r2: float,
    candidates: np.ndarray,
    n_candidates: np.ndarray,
) -> None:
    """The partners b in [begin[a], end[a]) of each first row a whose r2 may reach ``min_r2`` > 0, in order.

    They are written to ``candidates`` from ``offset[a]`` on, and counted. ``complete[a]`` is the number of copies
    where every call of the row is a diploid one and phase is not used, else 0; ``alt_count`` counts ALT copies.

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word), ``complete`` and ``alt_count`` (row,),
    ``begin``, ``end``, ``offset`` and ``n_candidates`` (first row,), ``candidates`` (place,).
    """
    n_first = begin.size
    for number in prange((n_first + TILE_FIRST - 1) // TILE_FIRST):
        tile = (number * TILE_FIRST, min((number + 1) * TILE_FIRST, n_first))
        screen_tile(
            diploid, haploid, phase, complete, alt_count, begin, end, tile, offset, min_r2, candidates, n_candidates
        )


@kernel
def r_squared(n: float, alt_a: float, alt_b: float, coupled: float, double: float) -> float:
    """r2 at the maximum of the likelihood; NaN where a row is monomorphic."""
    variances = alt_a * (n - alt_a) * alt_b * (n - alt_b)
    if variances <= 0.0:
        return math.nan
    n10, n01 = alt_a - coupled - double, alt_b - coupled - double
    u, _, _ = best_coupling(n - coupled - n10 - n01 - 2.0 * double, n01, n10, coupled, double)
    covariance = n * (coupled + u) - alt_a * alt_b
    return min(1.0, covariance * covariance / variances)


@kernel
def pair_r_squared(diploid: np.ndarray, haploid: np.ndarray, phase: np.ndarray, a: int, b: int) -> float:
    """:func:`r_squared` of two packed rows.

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word).
    """
    n_diploid, n_haploid, alt_a, alt_b, coupled, double = pair_table(diploid, haploid, phase, a, b)
    return r_squared(float(2 * n_diploid + n_haploid), float(alt_a), float(alt_b), float(coupled), float(double))


@parallel_kernel
def r_squared_of_pairs(
    diploid: np.ndarray,
    haploid: np.ndarray,
    phase: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    r2: np.ndarray,
) -> None:
    """:func:`pair_r_squared` of the pairs (first[i], second[i]).

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word), ``first``, ``second`` and ``r2`` (pair,).
    """
    for pair in prange(first.size):
        r2[pair] = pair_r_squared(diploid, haploid, phase, first[pair], second[pair])


@parallel_kernel
def sum_r_squared_by_distance(
    diploid: np.ndarray,
    haploid: np.ndarray,
    phase: np.ndarray,
    position: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    bin_bp: int,
    sums: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Sum of r2 in units of 1 / ``FIXED_POINT`` and number of pairs, for each tile of first rows: [tile, bin].

    A bin holds distances of more than ``bin_bp`` times its number, up to the next multiple; the first one also 0.

    Sums of integers do not depend on their order: neither on the number of threads nor on how the rows arrived.

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word), ``position`` (row,), ``begin`` and ``end``
    (first row,), ``sums`` and ``counts`` int64 (tile, bin).
    """
    n_first = begin.size
    for number in prange((n_first + TILE_FIRST - 1) // TILE_FIRST):
        first, last = number * TILE_FIRST, min((number + 1) * TILE_FIRST, n_first)
        for a in range(first, last):
            for b in range(begin[a], end[a]):
                r2 = pair_r_squared(diploid, haploid, phase, a, b)
                place = min(max(position[b] - position[a] - 1, 0) // bin_bp, sums.shape[1] - 1)
                if r2 >= 0.0:
                    sums[number, place] += int(r2 * FIXED_POINT + 0.5)
                    counts[number, place] += 1
