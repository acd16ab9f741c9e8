"""Haplotype-frequency EM over the pairs of haplotypes that explain each genotype.

A genotype g and one haplotype h of its pair leave a *partner pattern* q(g, h): the alleles that the other haplotype
must have, with ``ANY`` where a missing call leaves it open. With p the haplotype frequencies and S(q) the summed
frequency of the haplotypes that match q, random mating gives

    P(g) = sum_h p(h) S(q(g, h)),        d log P(g) / d p(h) = copies S(q(g, h)) / P(g)

over the haplotypes h that g can contain (both orders of a pair are counted, hence copies = 2). The EM map of Excoffier
& Slatkin (1995), doi:10.1093/oxfordjournals.molbev.a040269, is p(h) <- p(h) (d log L / d p(h)) / n with n chromosomes.
A missing call costs one pattern, not one pair for every combination of its alleles. For a haploid genotype
P(g) = sum_h p(h), copies = 1: its pattern is ``NO_PARTNER`` with S = 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genem.em.ascent_kernels import (
    Ascent,
    advance,
    begin,
    ended,
    extrapolate_from_first,
    is_extrapolated,
    new_ascent,
    running,
    squarem_rule,
)
from genem.jit import kernel

ANY = -1
ABSENT = -2
NO_PARTNER = -1
EMPTY = -1
# An extrapolation leaves every frequency at least this share of its plain EM step.
SHRINKAGE = 1e-3
# Tolerance of the residual over that of the log-likelihood.
RESIDUAL_SCALE = 1e3


class Explanations(NamedTuple):
    """Every way in which the haplotypes of a list can explain each distinct genotype.

    Attributes
    ----------
    weight
        float64 (genotype,): samples that have it; 0 for one that says nothing.
    copies
        float64 (genotype,): 2, or 1 for a haploid genotype.
    start
        int64 (genotype + 1,): entries ``start[g]`` to ``start[g + 1]`` belong to genotype g.
    haplotype, pattern
        int32 (entry,): one haplotype of the pair, and the pattern of its partner. A pattern below the number of
        haplotypes is that haplotype; the others list their members.
    member_start, member
        int64 (open pattern + 1,), int32 (member,): the haplotypes that match each open pattern.
    """

    weight: NDArray[np.float64]
    copies: NDArray[np.float64]
    start: NDArray[np.int64]
    haplotype: NDArray[np.int32]
    pattern: NDArray[np.int32]
    member_start: NDArray[np.int64]
    member: NDArray[np.int32]


@kernel
def partner_pattern(genotype: np.ndarray, haplotype: np.ndarray, pattern: np.ndarray) -> bool:
    """Fill ``pattern`` (locus,) with what the partner of ``haplotype`` (locus,) must be.

    False where the ``genotype`` (locus, copy) excludes it.
    """
    for locus in range(haplotype.shape[0]):
        first, second = genotype[locus, 0], genotype[locus, 1]
        allele = haplotype[locus]
        if second == ABSENT:
            if first >= 0 and first != allele:
                return False
            pattern[locus] = ANY
        elif first < 0 or second < 0:
            known = max(first, second)
            pattern[locus] = ANY if known < 0 or allele == known else known
        elif allele == first:
            pattern[locus] = second
        elif allele == second:
            pattern[locus] = first
        else:
            return False
    return True


@kernel
def is_open(pattern: np.ndarray) -> bool:
    """Whether a ``pattern`` (locus,) leaves an allele open."""
    n_open = 0
    for locus in range(pattern.shape[0]):
        n_open += pattern[locus] == ANY
    return n_open > 0


@kernel
def matches(haplotype: np.ndarray, pattern: np.ndarray) -> bool:
    """Whether ``haplotype`` (locus,) has every allele that ``pattern`` (locus,) asks for."""
    locus = 0
    while locus < pattern.shape[0] and (pattern[locus] == ANY or pattern[locus] == haplotype[locus]):
        locus += 1
    return bool(locus == pattern.shape[0])


@kernel
def find_slot(pattern: np.ndarray, patterns: np.ndarray, table: np.ndarray) -> int:
    """The slot of ``table`` that holds this pattern, or the empty one where it belongs (open addressing).

    ``pattern`` is (locus,), ``patterns`` (pattern, locus), ``table`` (slot,).
    """
    mask = table.shape[0] - 1
    digest = 17
    for locus in range(pattern.shape[0]):
        digest = ((digest ^ (int(pattern[locus]) + 2)) * 1_000_003) & 0xFFFFFFFFFF
    slot = (digest ^ (digest >> 17)) & mask
    while table[slot] != EMPTY:
        held = patterns[table[slot]]
        locus = 0
        while locus < pattern.shape[0] and held[locus] == pattern[locus]:
            locus += 1
        if locus == pattern.shape[0]:
            break
        slot = (slot + 1) & mask
    return int(slot)


@kernel
def new_table(n_items: int) -> np.ndarray:
    """An empty table that stays at most half full.

    Returns slots (slot,).
    """
    n_slots = 16
    while n_slots < 2 * n_items:
        n_slots *= 2
    return np.full(n_slots, EMPTY, np.int64)


@kernel
def count_entries(genotypes: np.ndarray, haplotypes: np.ndarray) -> tuple[int, int]:
    """The numbers of (genotype, haplotype) combinations that fit, and of those that leave the partner open.

    ``genotypes`` is (genotype, locus, copy), ``haplotypes`` (haplotype, locus).
    """
    pattern = np.empty(haplotypes.shape[1], np.int16)
    n_entries, n_open = 0, 0
    for genotype in range(genotypes.shape[0]):
        for haplotype in range(haplotypes.shape[0]):
            if partner_pattern(genotypes[genotype], haplotypes[haplotype], pattern):
                n_entries += 1
                if is_open(pattern):
                    n_open += 1
    return n_entries, n_open


@kernel
def fill_entries(
    genotypes: np.ndarray, haplotypes: np.ndarray, n_entries: int, n_open: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Entries sorted by genotype (start, haplotype, pattern), and the distinct open patterns.

    A combination whose partner is fully known but not among the haplotypes explains nothing and is left out.

    ``genotypes`` is (genotype, locus, copy), ``haplotypes`` (haplotype, locus).
    """
    n_haplotypes, n_loci = haplotypes.shape
    patterns = np.empty((n_haplotypes + n_open, n_loci), np.int16)
    patterns[:n_haplotypes] = haplotypes
    table = new_table(patterns.shape[0])
    for haplotype in range(n_haplotypes):
        table[find_slot(haplotypes[haplotype], patterns, table)] = haplotype
    n_patterns = n_haplotypes
    start = np.zeros(genotypes.shape[0] + 1, np.int64)
    entry_haplotype = np.empty(n_entries, np.int32)
    entry_pattern = np.empty(n_entries, np.int32)
    pattern = np.empty(n_loci, np.int16)
    filled = 0
    for genotype in range(genotypes.shape[0]):
        haploid = genotypes[genotype, 0, 1] == ABSENT
        for haplotype in range(n_haplotypes):
            if not partner_pattern(genotypes[genotype], haplotypes[haplotype], pattern):
                continue
            found = NO_PARTNER
            if not haploid:
                slot = find_slot(pattern, patterns, table)
                if table[slot] == EMPTY:
                    if not is_open(pattern):
                        continue
                    patterns[n_patterns] = pattern
                    table[slot] = n_patterns
                    n_patterns += 1
                found = table[slot]
            entry_haplotype[filled] = haplotype
            entry_pattern[filled] = found
            filled += 1
        start[genotype + 1] = filled
    open_patterns = patterns[n_haplotypes:n_patterns].copy()
    return start, entry_haplotype[:filled].copy(), entry_pattern[:filled].copy(), open_patterns


@kernel
def count_members(open_patterns: np.ndarray, haplotypes: np.ndarray) -> np.ndarray:
    """int64 (open pattern + 1,): where the members of each open pattern will start.

    ``open_patterns`` is (pattern, locus), ``haplotypes`` (haplotype, locus).
    """
    start = np.zeros(open_patterns.shape[0] + 1, np.int64)
    for index in range(open_patterns.shape[0]):
        n_members = 0
        for haplotype in range(haplotypes.shape[0]):
            if matches(haplotypes[haplotype], open_patterns[index]):
                n_members += 1
        start[index + 1] = start[index] + n_members
    return start


@kernel
def fill_members(open_patterns: np.ndarray, haplotypes: np.ndarray, start: np.ndarray) -> np.ndarray:
    """int32 (member,): the ``haplotypes`` (haplotype, locus) that match each of ``open_patterns`` (pattern, locus).

    Those of a pattern begin at its ``start`` (pattern + 1,).
    """
    members = np.empty(start[-1], np.int32)
    for index in range(open_patterns.shape[0]):
        filled = start[index]
        for haplotype in range(haplotypes.shape[0]):
            if matches(haplotypes[haplotype], open_patterns[index]):
                members[filled] = haplotype
                filled += 1
    return members


@kernel
def pattern_frequencies(frequency: np.ndarray, x: Explanations) -> np.ndarray:
    """S(q) of every pattern.

    ``frequency`` is (haplotype,); returns sums (pattern,).
    """
    n_haplotypes = frequency.shape[0]
    n_open = x.member_start.shape[0] - 1
    total = np.empty(n_haplotypes + n_open)
    total[:n_haplotypes] = frequency
    for index in range(n_open):
        summed = 0.0
        for position in range(x.member_start[index], x.member_start[index + 1]):
            summed += frequency[x.member[position]]
        total[n_haplotypes + index] = summed
    return total


@kernel
def genotype_probability(genotype: int, frequency: np.ndarray, total: np.ndarray, x: Explanations) -> float:
    """P(g), from the frequencies and the pattern frequencies.

    ``frequency`` is (haplotype,), ``total`` (pattern,).
    """
    probability = 0.0
    for entry in range(x.start[genotype], x.start[genotype + 1]):
        pattern = x.pattern[entry]
        probability += frequency[x.haplotype[entry]] * (1.0 if pattern == NO_PARTNER else total[pattern])
    return probability


@kernel
def log_likelihood_and_gradient(frequency: np.ndarray, x: Explanations, gradient: np.ndarray) -> float:
    """log L (natural logarithm); fills ``gradient`` with d log L / d p(h). -inf where a genotype is unexplained.

    ``frequency`` and ``gradient`` are (haplotype,).
    """
    total = pattern_frequencies(frequency, x)
    gradient[:] = 0.0
    log_likelihood = 0.0
    for genotype in range(x.weight.shape[0]):
        if x.weight[genotype] == 0.0:
            continue
        probability = genotype_probability(genotype, frequency, total, x)
        if not probability > 0.0:
            return -np.inf
        log_likelihood += x.weight[genotype] * math.log(probability)
        share = x.weight[genotype] * x.copies[genotype] / probability
        for entry in range(x.start[genotype], x.start[genotype + 1]):
            pattern = x.pattern[entry]
            gradient[x.haplotype[entry]] += share * (1.0 if pattern == NO_PARTNER else total[pattern])
    return log_likelihood


@kernel
def em_map(frequency: np.ndarray, x: Explanations, n_chromosomes: float, image: np.ndarray) -> float:
    """Fill ``image`` (haplotype,) with the EM image of ``frequency`` (haplotype,), whose log L is returned."""
    log_likelihood = log_likelihood_and_gradient(frequency, x, image)
    for h in range(len(frequency)):
        image[h] = frequency[h] * image[h] / n_chromosomes
    return log_likelihood


@kernel
def keep_inside(ascent: Ascent) -> None:
    """Keep what is positive off the boundary: at least a share of the plain EM point; (haplotype,) sums to one."""
    total = 0.0
    for h in range(len(ascent.point)):
        ascent.point[h] = max(ascent.point[h], SHRINKAGE * ascent.second[h])
        total += ascent.point[h]
    for h in range(len(ascent.point)):
        ascent.point[h] /= total


@kernel
def climb(
    frequency: np.ndarray, x: Explanations, max_iter: int, tolerance: float
) -> tuple[np.ndarray, float, int, int]:
    """SQUAREM ascent from ``frequency`` (haplotype,): its end (haplotype,), the log-likelihood, EM maps and status.

    Converges where an EM step changes the log-likelihood by less than ``tolerance``, relative to 1 + its size, and
    the residual, the largest p(h) |d log L / d p(h) / n - 1|, is at most a thousand times that. A frequency of zero
    stays zero, and its own first-order condition is not looked at.
    """
    n_chromosomes = np.sum(x.weight * x.copies)
    rule = squarem_rule(max_iter, tolerance, math.inf, RESIDUAL_SCALE * tolerance, math.inf, False)
    ascent = new_ascent(len(frequency))
    ascent.point[:] = frequency
    begin(ascent, rule)
    while running(ascent):
        if is_extrapolated(ascent):
            extrapolate_from_first(ascent)
            keep_inside(ascent)
        log_likelihood = em_map(ascent.point, x, n_chromosomes, ascent.image)
        residual = 0.0
        for h in range(len(frequency)):
            residual = max(residual, abs(ascent.image[h] - ascent.point[h]))
        advance(ascent, rule, log_likelihood, residual, True)
    log_likelihood, n_maps, status = ended(ascent)
    return ascent.point, log_likelihood, n_maps, status
