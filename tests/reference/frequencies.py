"""Allele frequencies as in a textbook: genotypes enumerated one by one, maxima by general optimisers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import chi2


def genotypes(n_alleles: int, ploidy: int) -> list[tuple[int, ...]]:
    """Unordered genotypes in VCF order: sorted by the largest allele, then the next, and so on."""
    unordered = combinations_with_replacement(range(n_alleles), ploidy)
    return sorted(unordered, key=lambda genotype: genotype[::-1])


def genotype_probability(genotype: Sequence[int], frequencies: np.ndarray) -> float:
    """Multinomial probability of an unordered genotype."""
    copies = np.bincount(genotype, minlength=len(frequencies))
    ways = factorial(len(genotype)) / prod(factorial(int(c)) for c in copies)
    return float(ways * np.prod(frequencies**copies))


def log_likelihood(samples: Sequence[np.ndarray], frequencies: np.ndarray) -> float:
    """Sum of log likelihoods; each sample a vector over the genotypes of its ploidy."""
    value = 0.0
    for likelihood in samples:
        ploidy = next(m for m in range(1, 20) if len(genotypes(len(frequencies), m)) == len(likelihood))
        prior = [genotype_probability(g, frequencies) for g in genotypes(len(frequencies), ploidy)]
        value += np.log(np.dot(likelihood, prior))
    return float(value)


def maximum(samples: Sequence[np.ndarray], n_alleles: int) -> tuple[np.ndarray, float]:
    """Best allele frequencies and their log-likelihood, from many starts, on the log-ratio scale."""

    def frequencies(logits: np.ndarray) -> np.ndarray:
        powers = np.exp(np.append(logits, 0.0) - max(logits.max(), 0.0))
        return powers / powers.sum()

    best_p, best = np.full(n_alleles, 1.0 / n_alleles), -np.inf
    for start in [np.zeros(n_alleles - 1), *(3.0 * np.eye(n_alleles - 1)), -3.0 * np.ones(n_alleles - 1)]:
        found = minimize(
            lambda x: -log_likelihood(samples, frequencies(x)),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 4000},
        )
        if -found.fun > best:
            best_p, best = frequencies(found.x), -found.fun
    return best_p, best


def free_genotypes(samples: Sequence[np.ndarray], n_iter: int = 20000) -> tuple[np.ndarray, float]:
    """Free genotype frequencies of diploids at two alleles by plain EM, and their log-likelihood."""
    likelihood = np.array(samples)
    q = np.full(3, 1.0 / 3.0)
    for _ in range(n_iter):
        joint = likelihood * q
        q = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    return q, float(np.log(likelihood @ q).sum())


def standard_error(value: Callable[[float], float], p: float) -> float:
    """From a five-point second difference of a log-likelihood."""
    h = 1e-3 * min(p, 1.0 - p)
    second = (-value(p + 2 * h) + 16 * value(p + h) - 30 * value(p) + 16 * value(p - h) - value(p - 2 * h)) / (
        12 * h * h
    )
    return float(1.0 / np.sqrt(-second))


def profile_interval(value: Callable[[float], float], p: float, ci: float) -> tuple[float, float]:
    """Where a log-likelihood has fallen by half the chi-square quantile; 0 or 1 where it never has."""
    drop = 0.5 * chi2.ppf(ci, 1)
    edge = 1e-14

    def excess(t: float) -> float:
        return value(p) - value(t) - drop

    low = brentq(excess, edge, p, xtol=1e-15, rtol=1e-14) if p > edge and excess(edge) > 0 else 0.0
    high = brentq(excess, p, 1 - edge, xtol=1e-15, rtol=1e-14) if p < 1 - edge and excess(1 - edge) > 0 else 1.0
    return float(low), float(high)


def common_frequency(values: Sequence[Callable[[float], float]]) -> float:
    """The largest sum of log-likelihoods over one common frequency."""
    found = minimize_scalar(
        lambda t: -sum(value(t) for value in values), bounds=(0, 1), method="bounded", options={"xatol": 1e-11}
    )
    return -float(found.fun)


def best_share(value: Callable[[float], float], most: float) -> float:
    """The largest value over [0, most] of a function with several maxima: a grid, then refined between its points."""
    grid = np.linspace(0.0, most, 41)
    heights = [value(x) for x in grid]
    top = int(np.argmax(heights))
    ends = (grid[max(0, top - 1)], grid[min(40, top + 1)])
    found = minimize_scalar(lambda x: -value(x), bounds=ends, method="bounded", options={"xatol": 1e-12})
    return max(max(heights), -float(found.fun))


def inbred_profile(samples: Sequence[np.ndarray], p: float) -> float:
    """Log-likelihood at ALT frequency p of diploids and haploids at two alleles, over the heterozygote frequency."""

    def value(het: float) -> float:
        free = np.array([1.0 - p - 0.5 * het, het, p - 0.5 * het])
        of_ploidy = {3: free, 2: np.array([1.0 - p, p])}
        return float(sum(np.log(max(sample @ of_ploidy[len(sample)], 1e-300)) for sample in samples))

    return best_share(value, min(2.0 * p, 2.0 * (1.0 - p)))


def three_allele_profile(samples: Sequence[np.ndarray], alt: int, p: float) -> float:
    """Log-likelihood at ALT frequency p, over how the other two alleles share the rest."""

    def value(share: float) -> float:
        return log_likelihood(samples, np.insert([(1.0 - p) * share, (1.0 - p) * (1.0 - share)], alt, p))

    return best_share(value, 1.0)
