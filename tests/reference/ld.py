"""Textbook versions of two-locus estimation: slow, readable, independent of the kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from genem.data import N_SPANS, SPAN_ALT, SPAN_CHROM, SPAN_ID, SPAN_REF, GenotypeBlock, VariantSites

Calls = NDArray[np.int8]


def make_block(
    calls: Calls,
    *,
    position: Sequence[int] | None = None,
    chrom: Sequence[str] | None = None,
    identifier: Sequence[str] | None = None,
    alts: Sequence[str] | None = None,
    phased: NDArray[np.bool_] | None = None,
    pl: NDArray[np.int32] | None = None,
    n_pl: NDArray[np.int32] | None = None,
    first_record: int = 1,
) -> GenotypeBlock:
    """A block of the given calls (variant, sample, ploidy), everything else by default."""
    n = len(calls)
    chroms = list(chrom) if chrom is not None else ["1"] * n
    contigs = tuple(dict.fromkeys(chroms))
    texts = {
        SPAN_CHROM: chroms,
        SPAN_ID: list(identifier) if identifier is not None else [f"v{k + 1}" for k in range(n)],
        SPAN_REF: ["A"] * n,
        SPAN_ALT: list(alts) if alts is not None else ["C"] * n,
    }
    text, spans = b"", np.zeros((n, N_SPANS, 2), np.int64)
    for span, values in texts.items():
        for variant, value in enumerate(values):
            spans[variant, span] = len(text), len(text) + len(value)
            text += value.encode()
    sites = VariantSites(
        contigs,
        np.array([contigs.index(name) for name in chroms], np.int32),
        np.array(position if position is not None else np.arange(1, n + 1) * 100, np.int64),
        np.array([1 if alt == "." else 2 + alt.count(",") for alt in texts[SPAN_ALT]], np.int32),
        np.arange(first_record, first_record + n, dtype=np.int64),
        np.frombuffer(text, np.uint8),
        spans,
    )
    samples = tuple(f"s{k + 1}" for k in range(calls.shape[1]))
    if pl is None:
        return GenotypeBlock(sites, samples, alleles=calls, phased=phased)
    counts = n_pl if n_pl is not None else np.full(pl.shape[:2], pl.shape[2], np.int32)
    return GenotypeBlock(
        sites, samples, alleles=calls, phased=phased, likelihood_field="PL", likelihoods=pl, n_likelihoods=counts
    )


def haplotype_pairs(genotype_a: Sequence[int], genotype_b: Sequence[int]) -> list[tuple[tuple[int, int], ...]]:
    """The distinct ordered haplotype tuples that two genotypes may hide."""
    if len(genotype_a) == 1:
        return [((genotype_a[0], genotype_b[0]),)]
    orders_a = {tuple(genotype_a), tuple(genotype_a)[::-1]}
    orders_b = {tuple(genotype_b), tuple(genotype_b)[::-1]}
    return [tuple(zip(a, b, strict=True)) for a, b in product(orders_a, orders_b)]


def log_likelihood(calls_a: Calls, calls_b: Calls, p: NDArray[np.float64]) -> float:
    """ln P(genotypes) over the samples called at both loci, p[i, j] the frequency of haplotype ij."""
    total = 0.0
    for a, b in zip(calls_a, calls_b, strict=True):
        a, b = a[a != -2], b[b != -2]
        if len(a) == 0 or len(a) != len(b) or (a < 0).any() or (b < 0).any():
            continue
        likelihood = sum(math.prod(p[h] for h in pair) for pair in haplotype_pairs(a, b))
        total += math.log(likelihood) if likelihood > 0 else -math.inf
    return total


def table_maxima(n00: int, n01: int, n10: int, n11: int, double: int, n_grid: int = 4001) -> list[tuple[float, float]]:
    """(number of double heterozygotes in coupling, log-likelihood) at every local maximum, by grid and bisection."""
    n = n00 + n01 + n10 + n11 + 2 * double

    def slope(u: float) -> float:
        """Expected coupling given coupling, less coupling: has the sign of the derivative of the likelihood."""
        cis, trans = (n11 + u) * (n00 + u), (n10 + double - u) * (n01 + double - u)
        return double * cis - u * (cis + trans)

    def height(u: float) -> float:
        v = double - u
        p00, p01, p10, p11 = (n00 + u) / n, (n01 + v) / n, (n10 + v) / n, (n11 + u) / n
        terms = [(n00, p00), (n01, p01), (n10, p10), (n11, p11), (double, p00 * p11 + p01 * p10)]
        return sum(count * (math.log(value) if value > 0 else -math.inf) for count, value in terms if count)

    if double == 0:
        return [(0.0, height(0.0))]
    grid = np.linspace(0.0, double, n_grid)
    slopes = [slope(u) for u in grid]
    maxima = []
    inner = slope(1e-7 * double)
    if slopes[0] <= 0 and inner < 0:
        maxima.append(0.0)
    for left, right, up, down in zip(grid, grid[1:], slopes, slopes[1:], strict=False):
        rises = up > 0 or (up == 0 and slope(0.5 * (left + right)) > 0 and left == 0.0)
        falls = down < 0 or (down == 0 and right < double)
        if rises and falls:
            low, high = (left, right) if up > 0 else (0.5 * (left + right), right)
            for _ in range(200):
                middle = 0.5 * (low + high)
                low, high = (middle, high) if slope(middle) > 0 else (low, middle)
            maxima.append(0.5 * (low + high))
    if slopes[-1] >= 0 and slope(double * (1 - 1e-7)) > 0:
        maxima.append(float(double))
    return [(u, height(u)) for u in maxima]


def d_prime(p: NDArray[np.float64]) -> float:
    """D' of haplotype frequencies p[i, j]; NaN where a locus is monomorphic."""
    p_a, p_b = p[1].sum(), p[:, 1].sum()
    d = p[1, 1] - p_a * p_b
    limit = min(p_a * (1 - p_b), (1 - p_a) * p_b) if d >= 0 else min(p_a * p_b, (1 - p_a) * (1 - p_b))
    return d / limit if limit > 0 else math.nan


def r_squared(p: NDArray[np.float64]) -> float:
    """r2 of haplotype frequencies p[i, j]; NaN where a locus is monomorphic."""
    p_a, p_b = p[1].sum(), p[:, 1].sum()
    variances = p_a * (1 - p_a) * p_b * (1 - p_b)
    return (p[1, 1] - p_a * p_b) ** 2 / variances if variances > 0 else math.nan


def likelihood_log_likelihood(a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]) -> float:
    """Sum over diploid samples of ln sum over ordered haplotype pairs; a, b likelihoods (sample, genotype)."""
    total = 0.0
    for one, two in zip(a, b, strict=True):
        total += math.log(
            sum(p[i, j] * p[k, m] * one[i + k] * two[j + m] for i, j, k, m in product(range(2), repeat=4))
        )
    return total


def em_from_likelihoods(
    a: NDArray[np.float64], b: NDArray[np.float64], start: NDArray[np.float64], n_steps: int = 20_000
) -> tuple[NDArray[np.float64], list[float]]:
    """Plain EM from a start; the frequencies and the log-likelihood before every step."""
    p = start.copy()
    matrix_a, matrix_b = (np.array([[x[:, 0], x[:, 1]], [x[:, 1], x[:, 2]]]) for x in (a, b))
    trace: list[float] = []
    for _ in range(n_steps):
        y = np.einsum("iks,km,jms->ijs", matrix_a, p, matrix_b)
        likelihood = np.einsum("ij,ijs->s", p, y)
        trace.append(float(np.log(likelihood).sum()))
        updated = p * (y / likelihood).mean(axis=2)
        moved = np.abs(updated - p).max()
        p = updated
        if moved < 1e-15:
            break
    return p, trace


def highest_from_random_starts(
    a: NDArray[np.float64], b: NDArray[np.float64], generator: np.random.Generator, n_starts: int = 40
) -> float:
    """The highest log-likelihood that plain EM reaches from random starts, many of them near the boundary."""
    starts = generator.dirichlet(np.full(4, 0.6), n_starts).reshape(n_starts, 2, 2)
    return max(em_from_likelihoods(a, b, start, 1000)[1][-1] for start in starts)


def numerical_standard_error(log_likelihood_of: object, p: NDArray[np.float64], step: float = 1e-5) -> float:
    """Standard error of r2 by numerical second derivatives and the delta method; p[i, j] inside the simplex."""
    assert callable(log_likelihood_of)

    def frequencies(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([[1 - x.sum(), x[0]], [x[1], x[2]]])

    x0 = np.array([p[0, 1], p[1, 0], p[1, 1]])
    unit = np.eye(3) * step
    hessian, gradient = np.empty((3, 3)), np.empty(3)
    for i in range(3):
        gradient[i] = (r_squared(frequencies(x0 + unit[i])) - r_squared(frequencies(x0 - unit[i]))) / (2 * step)
        for j in range(3):
            corners = [
                sign * log_likelihood_of(frequencies(x0 + s * unit[i] + t * unit[j]))
                for s, t, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
            ]
            hessian[i, j] = sum(corners) / (4 * step * step)
    return float(np.sqrt(gradient @ np.linalg.solve(-hessian, gradient)))


def d_prime_interval(log_likelihood_of: object, p: NDArray[np.float64]) -> tuple[float, float]:
    """The 5 % and 95 % bounds of |D'| on a grid of steps of 0.01, allele frequencies held."""
    assert callable(log_likelihood_of)
    p_a, p_b = p[1].sum(), p[:, 1].sum()
    d = p[1, 1] - p_a * p_b
    limit = min(p_a * (1 - p_b), (1 - p_a) * p_b) if d >= 0 else -min(p_a * p_b, (1 - p_a) * (1 - p_b))
    independent = np.outer([1 - p_a, p_a], [1 - p_b, p_b])
    sign = np.array([[1.0, -1.0], [-1.0, 1.0]])
    surface = np.array(
        [log_likelihood_of(np.maximum(0.0, independent + sign * limit * step / 100)) for step in range(101)]
    )
    weight = np.exp(surface - surface.max())
    share = np.cumsum(weight) / weight.sum()
    low = max(0, int(np.argmax(share > 0.05)) - 1)
    share = np.cumsum(weight[::-1]) / weight.sum()
    high = min(100, 100 - int(np.argmax(share > 0.05)) + 1)
    return low / 100, high / 100
