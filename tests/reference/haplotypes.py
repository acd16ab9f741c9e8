"""Readable twins of haplotype-frequency EM: every pair of haplotypes of every genotype, written out."""

from __future__ import annotations

import itertools
import math

import numpy as np

MISSING, ABSENT = -1, -2


def pairs_of(genotype, n_alleles):
    """Every ordered pair of haplotypes that makes up one genotype [(a, b), ...]; a haploid one gives (h, None)."""
    if all(b == ABSENT for _, b in genotype):
        choices = [range(n) if a == MISSING else [a] for (a, _), n in zip(genotype, n_alleles, strict=True)]
        return [(haplotype, None) for haplotype in itertools.product(*choices)]
    per_locus = []
    for (a, b), n in zip(genotype, n_alleles, strict=True):
        everything = itertools.product(range(n), range(n))
        per_locus.append([pair for pair in everything if fits(pair, (a, b)) or fits(pair, (b, a))])
    return [tuple(zip(*combination, strict=True)) for combination in itertools.product(*per_locus)]


def fits(pair, call):
    return all(known in (MISSING, allele) for allele, known in zip(pair, call, strict=True))


def probability(pairs, frequency):
    return sum(frequency.get(h, 0.0) * (1.0 if other is None else frequency.get(other, 0.0)) for h, other in pairs)


def log_likelihood(genotypes, n_alleles, frequency):
    return sum(math.log(probability(pairs_of(g, n_alleles), frequency)) for g in genotypes)


def em_step(genotypes, n_alleles, frequency):
    """Expected copies of every haplotype, divided by their number."""
    expected = dict.fromkeys(frequency, 0.0)
    total = 0.0
    for genotype in genotypes:
        pairs = pairs_of(genotype, n_alleles)
        whole = probability(pairs, frequency)
        for haplotype, other in pairs:
            posterior = frequency.get(haplotype, 0.0) * (1.0 if other is None else frequency.get(other, 0.0)) / whole
            for copy in (haplotype, other):
                if copy is not None and copy in expected:
                    expected[copy] += posterior
        total += 1.0 if pairs[0][1] is None else 2.0
    return {haplotype: count / total for haplotype, count in expected.items()}


def fit(genotypes, n_alleles, start, n_steps=2000):
    frequency = dict(start)
    for _ in range(n_steps):
        frequency = em_step(genotypes, n_alleles, frequency)
    return frequency


def all_haplotypes(n_alleles):
    return list(itertools.product(*(range(n) for n in n_alleles)))


def best_of_starts(genotypes, n_alleles, n_starts, seed=0, n_steps=400):
    """The best log-likelihood of EM from random starts over all haplotypes."""
    rng = np.random.default_rng(seed)
    haplotypes = all_haplotypes(n_alleles)
    best = -math.inf
    for _ in range(n_starts):
        start = dict(zip(haplotypes, rng.dirichlet(np.ones(len(haplotypes))), strict=True))
        found = fit(genotypes, n_alleles, start, n_steps)
        best = max(best, log_likelihood(genotypes, n_alleles, found))
    return best


def diplotype_posteriors(genotype, n_alleles, frequency):
    """Posterior of every unordered pair of haplotypes."""
    pairs = pairs_of(genotype, n_alleles)
    whole = probability(pairs, frequency)
    posterior = {}
    for haplotype, other in pairs:
        share = frequency.get(haplotype, 0.0) * (1.0 if other is None else frequency.get(other, 0.0)) / whole
        key = (haplotype, None) if other is None else tuple(sorted((haplotype, other)))
        posterior[key] = posterior.get(key, 0.0) + share
    return posterior


def numerical_standard_errors(genotypes, n_alleles, haplotypes, frequency, step=1e-5):
    """From the second differences of the log-likelihood, with the last frequency tied by the sum."""
    free = len(haplotypes) - 1

    def objective(values):
        tied = [*values, 1.0 - sum(values)]
        return log_likelihood(genotypes, n_alleles, dict(zip(haplotypes, tied, strict=True)))

    at = list(frequency[:-1])
    information = np.empty((free, free))
    for i, j in itertools.product(range(free), repeat=2):
        total = 0.0
        for si, sj in itertools.product((1, -1), repeat=2):
            moved = list(at)
            moved[i] += si * step
            moved[j] += sj * step
            total += si * sj * objective(moved)
        information[i, j] = -total / (4 * step * step)
    covariance = np.linalg.inv(information)
    last = covariance.sum()
    return np.sqrt([*np.diag(covariance), last])


def two_locus_maximum(table):
    """The best log-likelihood of a 3x3 table of two biallelic loci (rows, columns: copies of allele 1), on a grid
    of the one free parameter, refined by bisection of the grid.
    """
    table = np.asarray(table, float)
    n = 2 * table.sum()
    p = (table[1].sum() + 2 * table[2].sum()) / n
    q = (table[:, 1].sum() + 2 * table[:, 2].sum()) / n

    def value(p11):
        frequency = {(1, 1): p11, (1, 0): p - p11, (0, 1): q - p11, (0, 0): 1 - p - q + p11}
        total = 0.0
        for i, j in itertools.product(range(3), repeat=2):
            if table[i, j]:
                genotype = [tuple(sorted((int(i > 0), int(i > 1)))), tuple(sorted((int(j > 0), int(j > 1))))]
                whole = probability(pairs_of(genotype, (2, 2)), frequency)
                if whole <= 0.0:
                    return -math.inf
                total += table[i, j] * math.log(whole)
        return total

    low, high = max(0.0, p + q - 1.0), min(p, q)
    for _ in range(12):
        grid = np.linspace(low, high, 61)
        best = max(range(61), key=lambda index: value(grid[index]))
        low, high = grid[max(0, best - 1)], grid[min(60, best + 1)]
    return value(grid[best])
