"""Looking for better optima of the haplotype likelihood: candidate haplotypes, and genotypes explained otherwise.

The likelihood has many local maxima, most of which differ in how a few ambiguous genotypes with rare alleles are
explained. A sweep asks of every genotype, for every other pair that could explain it, whether EM climbs higher from
there: that joins the EM of :mod:`genem.popgen.haplotypes.em_kernels` to a local search over explanations.
"""

from __future__ import annotations

import numpy as np

from genem.jit import kernel
from genem.popgen.haplotypes.em_kernels import (
    ABSENT,
    ANY,
    EMPTY,
    NO_PARTNER,
    Explanations,
    climb,
    find_slot,
    genotype_probability,
    is_open,
    new_table,
    partner_pattern,
    pattern_frequencies,
)

# A genotype with up to this many heterozygous loci has all its pairs among the candidates (2^5 = 32 haplotypes), and a
# partner with open loci all its alleles where they make no more combinations than that.
MAX_ENUMERATED = 32


@kernel
def add_pattern(pattern: np.ndarray, patterns: np.ndarray, table: np.ndarray, n_patterns: int) -> int:
    """Append ``pattern`` unless it is there or the array is full; return the new number.

    ``pattern`` is (locus,), ``patterns`` (pattern, locus), ``table`` (slot,).
    """
    slot = find_slot(pattern, patterns, table)
    if table[slot] == EMPTY and n_patterns < patterns.shape[0]:
        patterns[n_patterns] = pattern
        table[slot] = n_patterns
        n_patterns += 1
    return n_patterns


@kernel
def add_completions(
    pattern: np.ndarray, n_alleles: np.ndarray, patterns: np.ndarray, table: np.ndarray, n_patterns: int
) -> int:
    """Append every haplotype that an open pattern allows, where they are few.

    ``pattern`` and ``n_alleles`` are (locus,), ``patterns`` is (pattern, locus), ``table`` (slot,).
    """
    n_combinations = 1
    for locus in range(pattern.shape[0]):
        if pattern[locus] == ANY:
            n_combinations = min(MAX_ENUMERATED + 1, n_combinations * n_alleles[locus])
    if n_combinations > MAX_ENUMERATED:
        return n_patterns
    completed = pattern.copy()
    for combination in range(n_combinations):
        rest = combination
        for locus in range(pattern.shape[0]):
            if pattern[locus] == ANY:
                completed[locus] = rest % n_alleles[locus]
                rest //= n_alleles[locus]
        n_patterns = add_pattern(completed, patterns, table, n_patterns)
    return n_patterns


@kernel
def add_phases(genotype: np.ndarray, patterns: np.ndarray, table: np.ndarray, n_patterns: int) -> int:
    """Append both haplotypes of every pair of a complete genotype, where they are few.

    ``genotype`` is (locus, 2), ``patterns`` (pattern, locus), ``table`` (slot,).
    """
    n_loci = genotype.shape[0]
    n_phases = 1
    for locus in range(n_loci):
        if genotype[locus, 0] < 0 or genotype[locus, 1] < 0:
            return n_patterns
        if genotype[locus, 0] != genotype[locus, 1]:
            n_phases = min(2 * MAX_ENUMERATED, 2 * n_phases)
    if n_phases > MAX_ENUMERATED:
        return n_patterns
    haplotype = np.empty(n_loci, np.int16)
    for phase in range(n_phases):
        rest = phase
        for locus in range(n_loci):
            copy = 0
            if genotype[locus, 0] != genotype[locus, 1]:
                copy = rest % 2
                rest //= 2
            haplotype[locus] = genotype[locus, copy]
        n_patterns = add_pattern(haplotype, patterns, table, n_patterns)
    return n_patterns


@kernel
def candidate_haplotypes(
    genotypes: np.ndarray, haplotypes: np.ndarray, n_alleles: np.ndarray, limit: int
) -> np.ndarray:
    """``haplotypes``, then every haplotype that could explain a genotype together with one of them, up to ``limit``.

    A haplotype outside this list has a partner of frequency zero everywhere, so that its gradient is zero too.

    ``genotypes`` is (genotype, locus, 2), ``haplotypes`` (haplotype, locus), ``n_alleles`` (locus,).
    """
    n_haplotypes, n_loci = haplotypes.shape
    patterns = np.empty((n_haplotypes + limit, n_loci), np.int16)
    patterns[:n_haplotypes] = haplotypes
    table = new_table(patterns.shape[0])
    for haplotype in range(n_haplotypes):
        table[find_slot(haplotypes[haplotype], patterns, table)] = haplotype
    n_patterns = n_haplotypes
    partner = np.empty(n_loci, np.int16)
    for genotype in range(genotypes.shape[0]):
        if genotypes[genotype, 0, 1] == ABSENT:
            continue
        n_patterns = add_phases(genotypes[genotype], patterns, table, n_patterns)
        for haplotype in range(n_haplotypes):
            if partner_pattern(genotypes[genotype], haplotypes[haplotype], partner):
                if is_open(partner):
                    n_patterns = add_completions(partner, n_alleles, patterns, table, n_patterns)
                else:
                    n_patterns = add_pattern(partner, patterns, table, n_patterns)
    return patterns[:n_patterns].copy()


@kernel
def restrict(frequency: np.ndarray, x: Explanations) -> tuple[np.ndarray, Explanations, np.ndarray]:
    """The positive frequencies, the explanations among them, and the old index of each.

    ``frequency`` is (haplotype,).
    """
    n_haplotypes = frequency.shape[0]
    renumbered = np.full(n_haplotypes, -1, np.int32)
    kept = np.flatnonzero(frequency > 0.0)
    for index in range(kept.shape[0]):
        renumbered[kept[index]] = index
    n_kept = kept.shape[0]
    member_start = np.zeros_like(x.member_start)
    member = np.empty_like(x.member)
    filled = 0
    for pattern in range(member_start.shape[0] - 1):
        for position in range(x.member_start[pattern], x.member_start[pattern + 1]):
            if renumbered[x.member[position]] >= 0:
                member[filled] = renumbered[x.member[position]]
                filled += 1
        member_start[pattern + 1] = filled
    member = member[:filled].copy()
    start = np.zeros_like(x.start)
    haplotype = np.empty_like(x.haplotype)
    partner = np.empty_like(x.pattern)
    filled = 0
    for genotype in range(start.shape[0] - 1):
        for entry in range(x.start[genotype], x.start[genotype + 1]):
            pattern = x.pattern[entry]
            if pattern >= n_haplotypes:
                pattern += n_kept - n_haplotypes
            elif pattern != NO_PARTNER:
                pattern = renumbered[pattern]
                if pattern < 0:
                    continue
            if renumbered[x.haplotype[entry]] >= 0:
                haplotype[filled] = renumbered[x.haplotype[entry]]
                partner[filled] = pattern
                filled += 1
        start[genotype + 1] = filled
    narrowed = Explanations(
        x.weight, x.copies, start, haplotype[:filled].copy(), partner[:filled].copy(), member_start, member
    )
    return frequency[kept], narrowed, kept


@kernel
def partner_of(entry: int, frequency: np.ndarray, x: Explanations) -> int:
    """The likeliest haplotype that matches the entry's pattern.

    ``frequency`` is (haplotype,).
    """
    pattern = int(x.pattern[entry])
    if pattern < frequency.shape[0]:
        return pattern
    first = x.member_start[pattern - frequency.shape[0]]
    last = x.member_start[pattern - frequency.shape[0] + 1]
    best = int(x.haplotype[entry])
    for position in range(first, last):
        if position == first or frequency[x.member[position]] > frequency[best]:
            best = int(x.member[position])
    return best


@kernel
def take_away(genotype: int, frequency: np.ndarray, total: np.ndarray, x: Explanations, moved: np.ndarray) -> None:
    """Subtract from ``moved`` the share of the frequencies that one sample with this genotype accounts for.

    ``frequency`` and ``moved`` are (haplotype,), ``total`` is (pattern,).
    """
    n_chromosomes = np.sum(x.weight * x.copies)
    probability = genotype_probability(genotype, frequency, total, x)
    for entry in range(x.start[genotype], x.start[genotype + 1]):
        haplotype = x.haplotype[entry]
        posterior = frequency[haplotype] * total[x.pattern[entry]] / probability
        moved[haplotype] = max(0.0, moved[haplotype] - 2.0 * x.weight[genotype] * posterior / n_chromosomes)


@kernel
def moved_to(genotype: int, first: int, second: int, frequency: np.ndarray, x: Explanations) -> np.ndarray:
    """The frequencies with every sample of one genotype explained by the pair (first, second).

    ``frequency`` is (haplotype,).
    """
    n_chromosomes = np.sum(x.weight * x.copies)
    moved = frequency.copy()
    take_away(genotype, frequency, pattern_frequencies(frequency, x), x, moved)
    moved[moved * n_chromosomes < 1e-4] = 0.0
    moved[first] += x.weight[genotype] / n_chromosomes
    moved[second] += x.weight[genotype] / n_chromosomes
    moved /= np.sum(moved)
    return moved


@kernel
def explains(genotype: int, first: int, second: int, frequency: np.ndarray, x: Explanations) -> bool:
    """Whether this pair is more probable than all others of the genotype together.

    ``frequency`` is (haplotype,).
    """
    probability = genotype_probability(genotype, frequency, pattern_frequencies(frequency, x), x)
    pair = frequency[first] * frequency[second] * (2.0 if first != second else 1.0)
    return bool(pair > 0.5 * probability)


@kernel
def rephase(
    frequency: np.ndarray,
    log_likelihood: float,
    order: np.ndarray,
    x: Explanations,
    max_alternatives: int,
    max_iter: int,
    tolerance: float,
    min_gain: float,
) -> tuple[np.ndarray, float]:
    """One sweep: give each genotype each other pair it allows, climb, keep what is better by ``min_gain``.

    ``frequency`` is (haplotype,), ``order`` (genotype,).
    """
    for genotype in order:
        if x.copies[genotype] != 2.0 or x.weight[genotype] == 0.0:
            continue
        n_entries = x.start[genotype + 1] - x.start[genotype]
        n_tried = 0
        for offset in range(n_entries):
            if n_entries <= 2 or n_tried == max_alternatives:
                break
            entry = x.start[genotype] + offset
            first, second = x.haplotype[entry], partner_of(entry, frequency, x)
            if second < first:
                continue
            if explains(genotype, first, second, frequency, x):
                continue
            n_tried += 1
            few, narrowed, kept = restrict(moved_to(genotype, first, second, frequency, x), x)
            few, reached, _, _ = climb(few, narrowed, max_iter, tolerance)
            if reached > log_likelihood + min_gain:
                log_likelihood = reached
                frequency = np.zeros_like(frequency)
                frequency[kept] = few
    return frequency, log_likelihood


@kernel
def earliest_pairs(
    frequency: np.ndarray, log_likelihood: float, x: Explanations, tolerance: float
) -> tuple[np.ndarray, bool]:
    """One sweep: explain each genotype by the earliest pair that is as likely as the one it has, within ``tolerance``.

    Equally likely answers differ in arbitrary ways; this picks the same one whatever the start. A pair (h, h') comes
    before another if h, then h', has the smaller number. Returns the frequencies and whether they changed.

    ``frequency`` is (haplotype,).
    """
    changed = False
    for genotype in range(x.weight.shape[0]):
        if x.copies[genotype] != 2.0 or x.weight[genotype] == 0.0:
            continue
        for entry in range(x.start[genotype], x.start[genotype + 1]):
            first, second = x.haplotype[entry], partner_of(entry, frequency, x)
            if second < first:
                continue
            if explains(genotype, first, second, frequency, x):
                break
            few, narrowed, kept = restrict(moved_to(genotype, first, second, frequency, x), x)
            few, reached, _, _ = climb(few, narrowed, 10, 1e-7)
            if reached > log_likelihood - 1e-2:
                few, reached, _, _ = climb(few, narrowed, 500, 1e-11)
            if reached < log_likelihood - tolerance:
                continue
            explained = np.zeros_like(frequency)
            explained[kept] = few
            if explains(genotype, first, second, explained, x):
                frequency = explained
                changed = True
                break
    return frequency, changed


@kernel
def perturb(frequency: np.ndarray, chosen: np.ndarray, draw: np.ndarray, x: Explanations) -> np.ndarray:
    """Explain each ``chosen`` genotype by the entry that ``draw``, uniform in [0, 1), picks.

    ``frequency`` is (haplotype,), ``chosen`` and ``draw`` are (genotype,).
    """
    n_chromosomes = np.sum(x.weight * x.copies)
    total = pattern_frequencies(frequency, x)
    moved = frequency.copy()
    for index in range(chosen.shape[0]):
        genotype = chosen[index]
        take_away(genotype, frequency, total, x, moved)
        n_entries = x.start[genotype + 1] - x.start[genotype]
        entry = x.start[genotype] + int(draw[index] * n_entries)
        moved[x.haplotype[entry]] += x.weight[genotype] / n_chromosomes
        moved[partner_of(entry, frequency, x)] += x.weight[genotype] / n_chromosomes
    moved /= np.sum(moved)
    return moved
