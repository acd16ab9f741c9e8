"""Consequences of fitted haplotype frequencies: the pairs of each genotype, and the observed information."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel
from genem.popgen.haplotypes.em_kernels import NO_PARTNER, Explanations, genotype_probability, pattern_frequencies


@kernel
def count_pairs(frequency: np.ndarray, x: Explanations, min_posterior: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts of the pairs of each genotype, int64 (genotype + 1,), and the threshold each genotype uses.

    The threshold is ``min_posterior``, or the largest posterior where that is smaller: every genotype keeps a pair.

    ``frequency`` is (haplotype,).
    """
    n_genotypes = x.weight.shape[0]
    start = np.zeros(n_genotypes + 1, np.int64)
    threshold = np.empty(n_genotypes)
    total = pattern_frequencies(frequency, x)
    pairs, posterior = np.empty((0, 2), np.int32), np.empty(0)
    for genotype in range(n_genotypes):
        _, best = visit_pairs(genotype, frequency, total, x, min_posterior, pairs, posterior)
        threshold[genotype] = min(min_posterior, best)
        n_pairs, _ = visit_pairs(genotype, frequency, total, x, threshold[genotype], pairs, posterior)
        start[genotype + 1] = start[genotype] + n_pairs
    return start, threshold


@kernel
def fill_pairs(
    frequency: np.ndarray, x: Explanations, threshold: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """int32 (pair, 2) haplotypes, the second -1 for a haploid genotype, and float64 (pair,) posteriors.

    ``frequency`` is (haplotype,), ``threshold`` (genotype,), ``start`` (genotype + 1,).
    """
    pairs = np.empty((start[-1], 2), np.int32)
    posterior = np.empty(start[-1])
    total = pattern_frequencies(frequency, x)
    for genotype in range(start.shape[0] - 1):
        first, last = start[genotype], start[genotype + 1]
        visit_pairs(genotype, frequency, total, x, threshold[genotype], pairs[first:last], posterior[first:last])
    return pairs, posterior


@kernel
def visit_pairs(
    genotype: int,
    frequency: np.ndarray,
    total: np.ndarray,
    x: Explanations,
    threshold: float,
    pairs: np.ndarray,
    posterior: np.ndarray,
) -> tuple[int, float]:
    """Note the pairs h <= h' of one genotype, as far as there is room; how many there are, and the best posterior.

    ``frequency`` is (haplotype,), ``total`` (pattern,), ``pairs`` (pair, 2), ``posterior`` (pair,).
    """
    n_haplotypes = frequency.shape[0]
    probability = genotype_probability(genotype, frequency, total, x)
    n_pairs = 0
    best = 0.0
    for entry in range(x.start[genotype], x.start[genotype + 1]):
        haplotype, pattern = x.haplotype[entry], x.pattern[entry]
        first, last = 0, 1
        if pattern >= n_haplotypes:
            first, last = x.member_start[pattern - n_haplotypes], x.member_start[pattern - n_haplotypes + 1]
        for position in range(first, last):
            partner = pattern if pattern < n_haplotypes else x.member[position]
            share = frequency[haplotype] / probability
            if partner != NO_PARTNER:
                if partner < haplotype:
                    continue
                share *= frequency[partner] * (2.0 if partner != haplotype else 1.0)
            best = max(best, share)
            if share >= threshold:
                if n_pairs < pairs.shape[0]:
                    pairs[n_pairs, 0] = haplotype
                    pairs[n_pairs, 1] = partner
                    posterior[n_pairs] = share
                n_pairs += 1
    return n_pairs, best


@kernel
def observed_information(frequency: np.ndarray, x: Explanations) -> np.ndarray:
    """float64 (haplotype, haplotype): minus the second derivatives of log L.

    P(g) = p' M p with M the 0/1 matrix of the pairs that explain g, so that each genotype adds
    (2 M p)(2 M p)' / P^2 - 2 M / P.

    ``frequency`` is (haplotype,).
    """
    n_haplotypes = frequency.shape[0]
    total = pattern_frequencies(frequency, x)
    information = np.zeros((n_haplotypes, n_haplotypes))
    for genotype in range(x.weight.shape[0]):
        weight = x.weight[genotype]
        if weight == 0.0:
            continue
        probability = genotype_probability(genotype, frequency, total, x)
        scale = x.copies[genotype] / probability
        for entry in range(x.start[genotype], x.start[genotype + 1]):
            haplotype, pattern = x.haplotype[entry], x.pattern[entry]
            slope = scale * (1.0 if pattern == NO_PARTNER else total[pattern])
            for other in range(x.start[genotype], x.start[genotype + 1]):
                partner = x.pattern[other]
                other_slope = scale * (1.0 if partner == NO_PARTNER else total[partner])
                information[haplotype, x.haplotype[other]] += weight * slope * other_slope
            if pattern == NO_PARTNER:
                continue
            if pattern < n_haplotypes:
                information[haplotype, pattern] -= weight * scale
            else:
                position = pattern - n_haplotypes
                for index in range(x.member_start[position], x.member_start[position + 1]):
                    information[haplotype, x.member[index]] -= weight * scale
    return information
