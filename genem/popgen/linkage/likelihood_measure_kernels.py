"""All statistics of pairs of loci known by genotype likelihoods."""

from __future__ import annotations

import math

import numpy as np

from genem.em.newton_kernels import has_stopped
from genem.jit import kernel, parallel_kernel, prange
from genem.popgen.linkage.likelihood_kernels import N_STARTS_OF_FEW, best_of_starts, evaluate
from genem.popgen.linkage.measure_kernels import (
    DISEQUILIBRIUM,
    GRID_STEPS,
    LOD,
    LOG_LIKELIHOOD,
    N_ITER,
    N_MAXIMA,
    N_SAMPLES,
    P_REF_REF,
    R_SQUARED_SE,
    STATUS,
    delta_method,
    fill_bounds,
    fill_measures,
    grid_bounds,
    largest_disequilibrium,
)
from genem.popgen.linkage.newton_kernels import (
    A0,
    A1,
    A2,
    B0,
    B1,
    B2,
    HA0,
    HA1,
    HB0,
    HB1,
    N_HAPLOID_ROWS,
    N_ROWS,
    likelihood_hessian,
)

SMALLEST_PRODUCT = 1e-250

# Not 0.5, from where data symmetric in the alleles would not let go.
FREQUENCY_START = 0.4
# A climb may end this far from a frequency of zero: the locus is monomorphic then.
MONOMORPHIC = 1e-9
FREQUENCY_TOLERANCE = 1e-12
MAX_FREQUENCY_STEPS = 5000


@kernel
def climb_allele_frequency(values: np.ndarray, ploidy: np.ndarray, copies: int, start: float) -> tuple[float, float]:
    """ALT frequency that EM under Hardy-Weinberg proportions reaches from a start, and its log-likelihood.

    ``values`` is (genotype, sample), ``ploidy`` (sample,).
    """
    p, height = start, -math.inf
    for _ in range(MAX_FREQUENCY_STEPS):
        expected, height = 0.0, 0.0
        for s in range(ploidy.size):
            if ploidy[s] == 2:
                heterozygous, alt = p * (1.0 - p) * values[1, s], p * p * values[2, s]
                total = (1.0 - p) * (1.0 - p) * values[0, s] + 2.0 * heterozygous + alt
                expected += 2.0 * (heterozygous + alt) / total
                height += math.log(total)
            elif ploidy[s] == 1:
                total = (1.0 - p) * values[0, s] + p * values[1, s]
                expected += p * values[1, s] / total
                height += math.log(total)
        updated = expected / copies
        if has_stopped(p, updated, FREQUENCY_TOLERANCE):
            return updated, height
        p = updated
    return p, height


@kernel
def allele_frequency(values: np.ndarray, ploidy: np.ndarray) -> float:
    """ALT frequency of one row, the better of two starts; NaN where no sample says anything.

    ``values`` is (genotype, sample), ``ploidy`` (sample,).
    """
    copies = 0
    for s in range(ploidy.size):
        copies += ploidy[s]
    if copies == 0:
        return math.nan
    low, height_low = climb_allele_frequency(values, ploidy, copies, FREQUENCY_START)
    high, height_high = climb_allele_frequency(values, ploidy, copies, 1.0 - FREQUENCY_START)
    return high if height_high > height_low else low


@parallel_kernel
def allele_frequencies(values: np.ndarray, ploidy: np.ndarray, frequency: np.ndarray) -> None:
    """:func:`allele_frequency` of every row of [row, genotype, sample].

    ``values`` is (row, genotype, sample), ``ploidy`` (row, sample), ``frequency`` (row,).
    """
    for row in prange(frequency.size):
        frequency[row] = allele_frequency(values[row], ploidy[row])


@kernel
def gather_samples(
    values: np.ndarray, ploidy: np.ndarray, a: int, b: int, diploid: np.ndarray, haploid: np.ndarray
) -> tuple[int, int]:
    """Copy the samples known at either row; one that is missing at a row is flat there. Returns how many of each
    ploidy; samples of different ploidy at the two rows are left out.

    ``values`` is (row, genotype, sample), ``ploidy`` (row, sample), ``diploid`` (N_ROWS, sample), ``haploid``
    (N_HAPLOID_ROWS, sample).
    """
    n_diploid, n_haploid = 0, 0
    for s in range(ploidy.shape[1]):
        at_a, at_b = ploidy[a, s], ploidy[b, s]
        copies = max(at_a, at_b)
        if copies == 0 or (at_a != at_b and min(at_a, at_b) > 0):
            continue
        if copies == 2:
            for genotype in range(3):
                diploid[A0 + genotype, n_diploid] = values[a, genotype, s] if at_a else 1.0
                diploid[B0 + genotype, n_diploid] = values[b, genotype, s] if at_b else 1.0
            n_diploid += 1
        else:
            for allele in range(2):
                haploid[HA0 + allele, n_haploid] = values[a, allele, s] if at_a else 1.0
                haploid[HB0 + allele, n_haploid] = values[b, allele, s] if at_b else 1.0
            n_haploid += 1
    return n_diploid, n_haploid


@kernel
def log_scale(log_maximum: np.ndarray, ploidy: np.ndarray, a: int, b: int) -> float:
    """Logarithm of what scaling each sample's largest likelihood to one took from the log-likelihood of the pair.

    ``log_maximum`` and ``ploidy`` are (row, sample).
    """
    total = 0.0
    for s in range(ploidy.shape[1]):
        at_a, at_b = ploidy[a, s], ploidy[b, s]
        if at_a == at_b or min(at_a, at_b) == 0:
            total += log_maximum[a, s] + log_maximum[b, s]
    return total


@kernel
def flush(products: np.ndarray, surface: np.ndarray) -> None:
    """Add the logarithms of ``products`` (grid point,) to ``surface`` (grid point,) and set the products to 1."""
    for step in range(products.size):
        surface[step] += math.log(products[step]) if products[step] > 0.0 else -math.inf
        products[step] = 1.0


@kernel
def multiply_quadratic(c0: float, c1: float, c2: float, bound: float, step_size: float, products: np.ndarray) -> float:
    """Multiply in c0 + c1 D + c2 D^2 at every grid point; return a lower bound of the products.

    ``products`` is (grid point,).
    """
    reach = GRID_STEPS * step_size
    smallest = min(c0, c0 + reach * (c1 + reach * c2))
    if c2 > 0.0 and 0.0 < -c1 / (2.0 * c2 * reach) < 1.0:
        smallest = min(smallest, c0 - c1 * c1 / (4.0 * c2))
    for step in range(products.size):
        d = step * step_size
        products[step] *= max(0.0, c0 + d * (c1 + d * c2))
    return bound * max(0.0, min(1.0, smallest))


@kernel
def d_prime_surface(
    diploid: np.ndarray, haploid: np.ndarray, p_a: float, p_b: float, positive: bool, surface: np.ndarray
) -> None:
    """Log-likelihood at |D'| = 0, 0.01, ..., 1 with the allele frequencies held.

    A sample's likelihood is a quadratic in D; the products are turned into logarithms before they underflow.

    ``diploid`` is (N_ROWS, sample), ``haploid`` (N_HAPLOID_ROWS, sample), ``surface`` (grid point,).
    """
    step_size = largest_disequilibrium(p_a, p_b, positive) / GRID_STEPS
    if not positive:
        step_size = -step_size
    q_a, q_b = 1.0 - p_a, 1.0 - p_b
    products = np.ones(GRID_STEPS + 1)
    surface[:] = 0.0
    bound = 1.0
    for s in range(diploid.shape[1]):
        a0, a1, a2 = diploid[A0, s], diploid[A1, s], diploid[A2, s]
        b0, b1, b2 = diploid[B0, s], diploid[B1, s], diploid[B2, s]
        x0, x1 = q_a * a0 + p_a * a1, q_a * a1 + p_a * a2
        y0, y1 = q_b * b0 + p_b * b1, q_b * b1 + p_b * b2
        c0 = (q_a * x0 + p_a * x1) * (q_b * y0 + p_b * y1)
        c1 = 2.0 * (x0 - x1) * (y0 - y1)
        c2 = (a0 - 2.0 * a1 + a2) * (b0 - 2.0 * b1 + b2)
        bound = multiply_quadratic(c0, c1, c2, bound, step_size, products)
        if bound < SMALLEST_PRODUCT:
            flush(products, surface)
            bound = 1.0
    for s in range(haploid.shape[1]):
        a0, a1, b0, b1 = haploid[HA0, s], haploid[HA1, s], haploid[HB0, s], haploid[HB1, s]
        c0 = (q_a * a0 + p_a * a1) * (q_b * b0 + p_b * b1)
        bound = multiply_quadratic(c0, (a0 - a1) * (b0 - b1), 0.0, bound, step_size, products)
        if bound < SMALLEST_PRODUCT:
            flush(products, surface)
            bound = 1.0
    flush(products, surface)


@kernel
def independent_log_likelihood(diploid: np.ndarray, haploid: np.ndarray, p_a: float, p_b: float) -> float:
    """The log-likelihood without linkage disequilibrium, at the best allele frequencies of either locus.

    ``diploid`` is (N_ROWS, sample), ``haploid`` (N_HAPLOID_ROWS, sample).
    """
    q_a, q_b = 1.0 - p_a, 1.0 - p_b
    p = np.array([q_a * q_b, q_a * p_b, p_a * q_b, p_a * p_b])
    return evaluate(diploid, haploid, p, np.empty(4), np.empty(diploid.shape[1] + haploid.shape[1]))


@kernel
def measure_gathered(
    diploid: np.ndarray, haploid: np.ndarray, p_a: float, p_b: float, statistics: np.ndarray
) -> tuple[int, int, int]:
    """Fill ``statistics`` (the log-likelihood of the scaled likelihoods); maxima found, evaluations and status.

    ``diploid`` is (N_ROWS, sample), ``haploid`` (N_HAPLOID_ROWS, sample), ``statistics`` (N_STATISTICS,).
    """
    statistics[:] = math.nan
    p = statistics[P_REF_REF : P_REF_REF + 4]
    found, heights = np.empty((N_STARTS_OF_FEW, 4)), np.empty(N_STARTS_OF_FEW)
    height, n_maxima, n_iter, status = best_of_starts(diploid, haploid, p_a, p_b, p, found, heights)
    if n_maxima == 0:
        return 0, 0, status
    statistics[LOG_LIKELIHOOD] = height
    at_a, at_b = p[2] + p[3], p[1] + p[3]
    d = p[0] * p[3] - p[1] * p[2]
    if min(min(at_a, 1.0 - at_a), min(at_b, 1.0 - at_b)) < MONOMORPHIC:
        statistics[DISEQUILIBRIUM] = 0.0
        return n_maxima, n_iter, status
    fill_measures(at_a, at_b, d, statistics)
    if min(min(p[0], p[1]), min(p[2], p[3])) > 0.0:
        hessian = np.empty((4, 4))
        likelihood_hessian(diploid, haploid, p, hessian)
        statistics[R_SQUARED_SE] = delta_method(hessian, at_a, at_b, d)
    independent = independent_log_likelihood(diploid, haploid, p_a, p_b)
    statistics[LOD] = max(0.0, (height - independent) / math.log(10.0))
    surface = np.empty(GRID_STEPS + 1)
    d_prime_surface(diploid, haploid, at_a, at_b, d >= 0.0, surface)
    low, high = grid_bounds(surface)
    fill_bounds(d, low, high, statistics)
    return n_maxima, n_iter, status


@kernel
def stationary_points(
    values: np.ndarray, ploidy: np.ndarray, frequency: np.ndarray, found: np.ndarray, heights: np.ndarray
) -> int:
    """The distinct maxima of one pair, rows 0 and 1, and their log-likelihoods (of the scaled likelihoods).

    ``values`` is (row, genotype, sample), ``ploidy`` (row, sample), ``frequency`` (row,), ``found`` (start, 4),
    ``heights`` (start,).
    """
    n_samples = ploidy.shape[1]
    diploid, haploid = np.empty((N_ROWS, n_samples)), np.empty((N_HAPLOID_ROWS, n_samples))
    n_diploid, n_haploid = gather_samples(values, ploidy, 0, 1, diploid, haploid)
    p_a = frequency[0] if frequency[0] >= 0.0 else 0.5
    p_b = frequency[1] if frequency[1] >= 0.0 else 0.5
    _, n_maxima, _, _ = best_of_starts(
        diploid[:, :n_diploid].copy(), haploid[:, :n_haploid].copy(), p_a, p_b, np.empty(4), found, heights
    )
    return n_maxima


@parallel_kernel
def measure_likelihood_pairs(
    values: np.ndarray,
    ploidy: np.ndarray,
    log_maximum: np.ndarray,
    frequency: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    statistics: np.ndarray,
    integers: np.ndarray,
) -> None:
    """All statistics of the pairs (first[i], second[i]) of rows of likelihoods.

    ``values`` (row, genotype, sample) are scaled to a largest value of one per sample, ``ploidy`` (row, sample) is 0
    where missing or flat, ``log_maximum`` (row, sample) the logarithm of the scale, ``frequency`` (row,) that of ALT.
    ``first`` and ``second`` are (pair,), ``statistics`` (pair, N_STATISTICS) and
    ``integers`` (pair, N_INTEGERS) are filled.
    """
    n_samples = ploidy.shape[1]
    for pair in prange(first.size):
        a, b = first[pair], second[pair]
        diploid, haploid = np.empty((N_ROWS, n_samples)), np.empty((N_HAPLOID_ROWS, n_samples))
        n_diploid, n_haploid = gather_samples(values, ploidy, a, b, diploid, haploid)
        p_a = frequency[a] if frequency[a] >= 0.0 else 0.5
        p_b = frequency[b] if frequency[b] >= 0.0 else 0.5
        n_maxima, n_iter, status = measure_gathered(
            diploid[:, :n_diploid].copy(), haploid[:, :n_haploid].copy(), p_a, p_b, statistics[pair]
        )
        statistics[pair, LOG_LIKELIHOOD] += log_scale(log_maximum, ploidy, a, b)
        integers[pair, N_SAMPLES] = n_diploid + n_haploid
        integers[pair, N_MAXIMA] = n_maxima
        integers[pair, N_ITER] = n_iter
        integers[pair, STATUS] = status
