"""Measures of linkage from four haplotype frequencies: D, D', r2, their uncertainty and the evidence for them."""

from __future__ import annotations

import math

import numpy as np

from genem.em.status import CLOSED_FORM, DEGENERATE
from genem.jit import kernel, parallel_kernel, popcount, prange
from genem.numerics.linear_kernels import cholesky, solve_lower
from genem.popgen.linkage.count_kernels import pair_table
from genem.popgen.linkage.cubic_kernels import best_coupling, table_log_likelihood
from genem.popgen.linkage.packed_kernels import CALLED, CARRIER, HOMOZYGOUS

# Columns of the statistics of a pair, in the order of the table.
(
    P_REF_REF,
    P_REF_ALT,
    P_ALT_REF,
    P_ALT_ALT,
    DISEQUILIBRIUM,
    D_PRIME,
    D_PRIME_LOW,
    D_PRIME_HIGH,
    R_SQUARED,
    R_SQUARED_SE,
    LOD,
    LOG_LIKELIHOOD,
) = range(12)
N_STATISTICS = 12
# Columns of the integers of a pair.
N_SAMPLES, N_MAXIMA, N_ITER, STATUS = range(4)
N_INTEGERS = 4

# |D'| is tried at 0, 0.01, ..., 1, and 5 % of the likelihood is left out at either side.
GRID_STEPS = 100
TAIL = 0.05
# The information is singular where less than this share of what is known of a frequency is left beside the others.
SINGULAR = 1e-8


@kernel
def largest_disequilibrium(p_a: float, p_b: float, positive: bool) -> float:
    """The largest |D| of that sign that two allele frequencies allow (Lewontin 1964)."""
    if positive:
        return min(p_a * (1.0 - p_b), (1.0 - p_a) * p_b)
    return min(p_a * p_b, (1.0 - p_a) * (1.0 - p_b))


@kernel
def grid_bounds(surface: np.ndarray) -> tuple[float, float]:
    """The interval of |D'| that leaves out ``TAIL`` of the likelihood at either side.

    ``surface`` holds the log-likelihood at |D'| = 0, 0.01, ..., 1 and is overwritten. The interval ends one step
    outside the grid point where the accumulated likelihood passes ``TAIL``: Gabriel et al. (2002), Science 296:2225,
    doi:10.1126/science.1069424, after Wall & Pritchard (2003), as Haploview and PLINK compute it.

    ``surface`` is (grid point,).
    """
    peak = -math.inf
    for step in range(GRID_STEPS + 1):
        peak = max(peak, surface[step])
    total = 0.0
    for step in range(GRID_STEPS + 1):
        surface[step] = math.exp(surface[step] - peak)
        total += surface[step]
    low, high = 0, GRID_STEPS
    mass = 0.0
    for step in range(GRID_STEPS + 1):
        mass += surface[step]
        if mass > TAIL * total:
            low = max(step - 1, 0)
            break
    mass = 0.0
    for step in range(GRID_STEPS, -1, -1):
        mass += surface[step]
        if mass > TAIL * total:
            high = min(step + 1, GRID_STEPS)
            break
    return low / GRID_STEPS, high / GRID_STEPS


@kernel
def fill_measures(p_a: float, p_b: float, d: float, statistics: np.ndarray) -> bool:
    """Write D, D' and r2 from ALT frequencies and D; False where a locus is monomorphic: D' and r2 stay NaN.

    ``statistics`` is (N_STATISTICS,).
    """
    statistics[DISEQUILIBRIUM] = d
    variances = p_a * (1.0 - p_a) * p_b * (1.0 - p_b)
    if variances <= 0.0:
        return False
    statistics[R_SQUARED] = min(1.0, d * d / variances)
    statistics[D_PRIME] = max(-1.0, min(1.0, d / largest_disequilibrium(p_a, p_b, d >= 0.0)))
    return True


@kernel
def fill_bounds(d: float, low: float, high: float, statistics: np.ndarray) -> None:
    """Write the interval of |D'| with the sign of D.

    ``statistics`` is (N_STATISTICS,).
    """
    statistics[D_PRIME_LOW] = low if d >= 0.0 else -high
    statistics[D_PRIME_HIGH] = high if d >= 0.0 else -low


@kernel
def r_squared_gradient(p_a: float, p_b: float, d: float, gradient: np.ndarray) -> None:
    """Derivatives of r2 by P_REF_ALT, P_ALT_REF and P_ALT_ALT, P_REF_REF being one minus their sum.

    ``gradient`` is (3,).
    """
    variance_a, variance_b = p_a * (1.0 - p_a), p_b * (1.0 - p_b)
    variances = variance_a * variance_b
    by_d = 2.0 * d / variances
    ratio = d * d / variances
    by_a = -by_d * p_b - ratio * (1.0 - 2.0 * p_a) / variance_a
    by_b = -by_d * p_a - ratio * (1.0 - 2.0 * p_b) / variance_b
    gradient[0] = by_b
    gradient[1] = by_a
    gradient[2] = by_a + by_b + by_d


@kernel
def reduce_information(hessian: np.ndarray, information: np.ndarray) -> None:
    """From second derivatives by the four frequencies (REF-REF first) to minus those by the last three, sum fixed.

    ``hessian`` is (4, 4), ``information`` (3, 3).
    """
    for i in range(3):
        for j in range(3):
            information[i, j] = hessian[i + 1, 0] + hessian[0, j + 1] - hessian[i + 1, j + 1] - hessian[0, 0]


@kernel
def delta_method(hessian: np.ndarray, p_a: float, p_b: float, d: float) -> float:
    """Standard error of r2 from the second derivatives of the log-likelihood; NaN where D = 0 or it is not strictly
    concave, as where two maxima and the minimum between them meet.

    ``hessian`` is (4, 4).
    """
    if d == 0.0:
        return math.nan
    information, gradient = np.empty((3, 3)), np.empty(3)
    reduce_information(hessian, information)
    r_squared_gradient(p_a, p_b, d, gradient)
    if cholesky(information, SINGULAR) < 3:
        return math.nan
    solve_lower(information, gradient)
    variance = 0.0
    for i in range(3):
        variance += gradient[i] * gradient[i]
    return math.sqrt(variance)


@kernel
def table_standard_error(
    n00: float, n01: float, n10: float, n11: float, double: float, statistics: np.ndarray
) -> float:
    """Standard error of r2 from the observed information of haplotype counts; NaN on a boundary.

    ``statistics`` is (N_STATISTICS,).
    """
    p00, p01, p10, p11 = statistics[P_REF_REF], statistics[P_REF_ALT], statistics[P_ALT_REF], statistics[P_ALT_ALT]
    if min(min(p00, p01), min(p10, p11)) <= 0.0:
        return math.nan
    hessian = np.zeros((4, 4))
    hessian[0, 0], hessian[1, 1] = -n00 / (p00 * p00), -n01 / (p01 * p01)
    hessian[2, 2], hessian[3, 3] = -n10 / (p10 * p10), -n11 / (p11 * p11)
    if double > 0.0:
        mixed = p00 * p11 + p01 * p10
        other = (p11, p10, p01, p00)
        for i in range(4):
            for j in range(4):
                hessian[i, j] -= double * other[i] * other[j] / (mixed * mixed)
            hessian[i, 3 - i] += double / mixed
    return delta_method(hessian, p10 + p11, p01 + p11, statistics[DISEQUILIBRIUM])


@kernel
def measure_table(
    n: float, alt_a: float, alt_b: float, coupled: float, double: float, n_heterozygous: float, statistics: np.ndarray
) -> tuple[int, int, int]:
    """Fill ``statistics`` of one pair from its counts; return the number of maxima, of iterations and the status.

    ``n`` haplotypes, ALT copies at either locus, known ALT-ALT haplotypes, double heterozygotes of unknown phase,
    and samples heterozygous anywhere (each adds ln 2 to the log-likelihood).

    ``statistics`` is (N_STATISTICS,).
    """
    statistics[:] = math.nan
    if n <= 0.0:
        return 0, 0, DEGENERATE
    n10, n01 = alt_a - coupled - double, alt_b - coupled - double
    n00 = n - coupled - n10 - n01 - 2.0 * double
    u, n_maxima, n_iter = best_coupling(n00, n01, n10, coupled, double)
    p00, p01 = (n00 + u) / n, (n01 + double - u) / n
    p10, p11 = (n10 + double - u) / n, (coupled + u) / n
    statistics[P_REF_REF], statistics[P_REF_ALT], statistics[P_ALT_REF], statistics[P_ALT_ALT] = p00, p01, p10, p11
    log_likelihood = table_log_likelihood(n00, n01, n10, coupled, double, p00, p01, p10, p11)
    statistics[LOG_LIKELIHOOD] = log_likelihood + n_heterozygous * math.log(2.0)
    p_a, p_b = alt_a / n, alt_b / n
    d = (n * (coupled + u) - alt_a * alt_b) / (n * n)
    if not fill_measures(p_a, p_b, d, statistics):
        return n_maxima, n_iter, CLOSED_FORM
    # r2 from the integers: exactly 1 for identical loci
    covariance = n * (coupled + u) - alt_a * alt_b
    statistics[R_SQUARED] = min(1.0, covariance * covariance / (alt_a * (n - alt_a) * alt_b * (n - alt_b)))
    statistics[R_SQUARED_SE] = table_standard_error(n00, n01, n10, coupled, double, statistics)
    surface = np.empty(GRID_STEPS + 1)
    step_size = largest_disequilibrium(p_a, p_b, d >= 0.0) / GRID_STEPS
    if d < 0.0:
        step_size = -step_size
    q_a, q_b = 1.0 - p_a, 1.0 - p_b
    for step in range(GRID_STEPS + 1):
        shift = step * step_size
        surface[step] = table_log_likelihood(
            n00, n01, n10, coupled, double,
            max(0.0, q_a * q_b + shift), max(0.0, q_a * p_b - shift),
            max(0.0, p_a * q_b - shift), max(0.0, p_a * p_b + shift),
        )  # fmt: skip
    statistics[LOD] = max(0.0, (log_likelihood - surface[0]) / math.log(10.0))
    low, high = grid_bounds(surface)
    fill_bounds(d, low, high, statistics)
    return n_maxima, n_iter, CLOSED_FORM


@kernel
def count_heterozygous(diploid: np.ndarray, a: int, b: int) -> int:
    """Diploid samples called at both rows and heterozygous at one of them at least.

    ``diploid`` is bit planes (row, plane, word).
    """
    total = 0
    for word in range(diploid.shape[2]):
        either = (diploid[a, CARRIER, word] ^ diploid[a, HOMOZYGOUS, word]) | (
            diploid[b, CARRIER, word] ^ diploid[b, HOMOZYGOUS, word]
        )
        total += popcount(either & diploid[a, CALLED, word] & diploid[b, CALLED, word])
    return total


@parallel_kernel
def measure_pairs(
    diploid: np.ndarray,
    haploid: np.ndarray,
    phase: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    statistics: np.ndarray,
    integers: np.ndarray,
) -> None:
    """All statistics of the pairs (first[i], second[i]) of packed rows: [pair, N_STATISTICS], [pair, N_INTEGERS].

    ``diploid``, ``haploid`` and ``phase`` are bit planes (row, plane, word), ``first`` and ``second`` (pair,),
    ``statistics`` (pair, N_STATISTICS), ``integers`` (pair, N_INTEGERS).
    """
    for pair in prange(first.size):
        a, b = first[pair], second[pair]
        n_diploid, n_haploid, alt_a, alt_b, coupled, double = pair_table(diploid, haploid, phase, a, b)
        n_maxima, n_iter, status = measure_table(
            float(2 * n_diploid + n_haploid),
            float(alt_a),
            float(alt_b),
            float(coupled),
            float(double),
            float(count_heterozygous(diploid, a, b)),
            statistics[pair],
        )
        integers[pair, N_SAMPLES] = n_diploid + n_haploid
        integers[pair, N_MAXIMA] = n_maxima
        integers[pair, N_ITER] = n_iter
        integers[pair, STATUS] = status
