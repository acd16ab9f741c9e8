"""Readable twins of the spectrum kernels."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np


def count_likelihoods(likelihoods, copies):
    """P(data | k derived) by summing over every combination of genotypes, in exact arithmetic.

    A genotype with g of c copies derived can be written in C(c, g) ways, and k of n in C(n, k).
    """
    n = sum(copies)
    total = [Fraction(0)] * (n + 1)
    for genotypes in itertools.product(*(range(c + 1) for c in copies)):
        ways = Fraction(1)
        for g, c, values in zip(genotypes, copies, likelihoods, strict=True):
            ways *= math.comb(c, g) * Fraction(values[g])
        total[sum(genotypes)] += ways
    return [value / math.comb(n, k) for k, value in enumerate(total)]


def log_count_likelihoods(likelihoods, copies):
    """ln P(data | k), by the recursion of Li (2011) in logarithms, samples in the given order."""
    log = np.zeros(1)
    for values, c in zip(likelihoods, copies, strict=True):
        longer = np.full(log.size + c, -np.inf)
        for g in range(c + 1):
            if values[g] > 0.0:
                term = log + math.log(values[g]) + math.log(math.comb(c, g))
                longer[g : g + log.size] = np.logaddexp(longer[g : g + log.size], term)
        log = longer
    n = log.size - 1
    return np.array([log[k] - log_choose(n, k) for k in range(n + 1)])


def log_choose(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def em(likelihoods, n_steps, fold=False):
    """Plain EM of the spectrum from a flat start; likelihoods float64 (site, count)."""
    size = likelihoods.shape[1]
    frequency = np.full(size, 1.0 / size)
    for _ in range(n_steps):
        joint = likelihoods * frequency
        frequency = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
        if fold:
            frequency = (frequency + frequency[::-1]) / 2
    return frequency


def log_likelihood(likelihoods, frequency):
    return float(np.sum(np.log(likelihoods @ frequency)))


def pairwise_differences(haplotypes):
    """Mean number of differences over all pairs of rows of a 0/1 array (chromosome, site)."""
    pairs = list(itertools.combinations(range(len(haplotypes)), 2))
    return sum(int(np.sum(haplotypes[i] != haplotypes[j])) for i, j in pairs) / len(pairs)


def tajima_d(n, segregating, pi):
    """Tajima (1989), with its own names."""
    a1 = sum(1 / i for i in range(1, n))
    a2 = sum(1 / i**2 for i in range(1, n))
    b1 = (n + 1) / (3 * (n - 1))
    b2 = 2 * (n**2 + n + 3) / (9 * n * (n - 1))
    c1 = b1 - 1 / a1
    c2 = b2 - (n + 2) / (a1 * n) + a2 / a1**2
    e1, e2 = c1 / a1, c2 / (a1**2 + a2)
    return (pi - segregating / a1) / math.sqrt(e1 * segregating + e2 * segregating * (segregating - 1))
