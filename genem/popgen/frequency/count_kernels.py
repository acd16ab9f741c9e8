"""Counting called allele copies and genotypes, block by block of variants.

Rows are (variant, group) with the pooled row last; values per ALT allele are ragged, at ``row_offsets[row] + alt``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genem.data import ABSENT_ALLELE, MISSING_ALLELE
from genem.jit import kernel
from genem.popgen.samples_kernels import AS_CALLED, NO_COPY, SINGLE_COPY, X_REGION, Design, copies_role

# Columns of the per-row counts.
N_SAMPLES, N_CALLED, ALLELE_NUMBER, N_DIPLOID, N_SINGLE, N_LONE = range(6)
N_ROW_COUNTS = 6
# Columns of the per-ALT counts: all copies; homozygous and heterozygous diploids; copies of X males; copies of
# samples that show one copy of two (half-calls) or have only one.
COPIES, HOMOZYGOUS, HETEROZYGOUS, SINGLE_COPIES, LONE_COPIES = range(5)
N_ALT_COUNTS = 5

# Four diploid genotypes in one 64-bit word, a byte per copy.
LOW_BIT = np.uint64(0x0101010101010101)
FIRST_COPY = np.uint64(0x0001000100010001)
ALLELE_BITS = np.uint64(0x7E7E7E7E7E7E7E7E)
LANE = np.uint64(0xFFFF)
FIRST_BYTE = np.uint64(0x00FF00FF00FF00FF)
ONE, SEVEN, EIGHT, SIXTEEN = np.uint64(1), np.uint64(7), np.uint64(8), np.uint64(16)
# A 16-bit lane holds this many additions of one.
LANE_CAPACITY = 65535
# And a byte as many.
BYTE_CAPACITY = 255
# Words looked at before a count that needs everybody called.
GLANCE = 32


class Options(NamedTuple):
    """The choices of one run."""

    half_calls_missing: bool
    inbreeding: bool
    quantile: float  # chi-square quantile of the interval's level
    max_iter: int
    tolerance: float
    cancel: np.ndarray  # int8 (1,): the kernels stop soon after it is set


class Rows(NamedTuple):
    """The rows to fill; arrays named flat hold one entry per row and ALT."""

    offsets: np.ndarray  # int64 (row + 1,)
    counts: np.ndarray  # int64 (row, N_ROW_COUNTS)
    alt_counts: np.ndarray  # int64 (flat, N_ALT_COUNTS)
    values: np.ndarray  # float64 (flat, N_STATISTICS), NaN to start with
    heterogeneity: np.ndarray  # float64 (flat, 2): statistic, degrees of freedom
    log_likelihood: np.ndarray  # float64 (row,)
    n_iter: np.ndarray  # int64 (row,)
    status: np.ndarray  # int64 (row,)
    heterozygous_haploids: np.ndarray  # int64 (variant,)
    incomplete: np.ndarray  # int64 (variant,): samples whose likelihoods are partly missing
    polyploid: np.ndarray  # int64 (variant,): the first sample that counts with more than two copies, or -1
    bad_sample: np.ndarray  # int64 (variant,): the first sample that cannot be used, or -1


@kernel
def lane_sum(word: np.uint64) -> np.int64:
    """The sum of the four 16-bit lanes of a word."""
    total = np.int64(0)
    for _ in range(4):
        total += np.int64(word & LANE)
        word = word >> SIXTEEN
    return total


@kernel
def count_biallelic_words(words: np.ndarray, mask: np.ndarray) -> tuple[np.int64, np.int64, np.int64, np.bool_]:
    """Heterozygotes, ALT homozygotes and missing diploids in 64-bit words of four genotypes each.

    Genotypes outside ``mask`` count as missing. The last value tells whether anything else was seen (half-calls,
    haploid calls, other alleles): then the counts are not to be used.

    ``words`` and ``mask`` are uint64 (word,).
    """
    odd = np.uint64(0)
    n_het = np.int64(0)
    n_hom = np.int64(0)
    n_missing = np.int64(0)
    for start in range(0, len(words), LANE_CAPACITY):
        het = np.uint64(0)
        hom = np.uint64(0)
        missing = np.uint64(0)
        for i in range(start, min(start + LANE_CAPACITY, len(words))):
            word = words[i] | ~mask[i]
            uncalled = (word >> SEVEN) & LOW_BIT
            # Bits 1-6 are all set in -1 and -2, and clear in alleles 0 and 1.
            odd |= (word & ALLELE_BITS) ^ ((uncalled << SEVEN) - (uncalled << ONE))
            odd |= (uncalled ^ (uncalled >> EIGHT)) & FIRST_COPY
            alt = word & LOW_BIT & ~uncalled
            het += (alt ^ (alt >> EIGHT)) & FIRST_COPY
            hom += alt & (alt >> EIGHT) & FIRST_COPY
            missing += uncalled & FIRST_COPY
        n_het += lane_sum(het)
        n_hom += lane_sum(hom)
        n_missing += lane_sum(missing)
    return n_het, n_hom, n_missing, odd != np.uint64(0)


@kernel
def count_complete_words(words: np.ndarray) -> tuple[np.int64, np.int64, bool]:
    """Heterozygotes and ALT homozygotes in words of diploid calls of alleles 0 and 1 alone.

    The last value tells whether that is all there is; else the counts are not to be used.

    ``words`` is uint64 (word,).
    """
    n_copies = np.int64(0)
    n_hom = np.int64(0)
    for start in range(0, len(words), BYTE_CAPACITY):
        seen = np.uint64(0)
        copies = np.uint64(0)
        hom = np.uint64(0)
        for i in range(start, min(start + BYTE_CAPACITY, len(words))):
            word = words[i]
            seen |= word
            copies += word & LOW_BIT
            hom += word & (word >> EIGHT) & FIRST_COPY
        if seen & ~LOW_BIT != np.uint64(0):
            return np.int64(0), np.int64(0), False
        n_copies += lane_sum(copies & FIRST_BYTE) + lane_sum((copies >> EIGHT) & FIRST_BYTE)
        n_hom += lane_sum(hom)
    return n_copies - 2 * n_hom, n_hom, True


@kernel
def count_all_words(words: np.ndarray, mask: np.ndarray) -> tuple[np.int64, np.int64, np.int64, np.bool_]:
    """``count_biallelic_words`` of all samples, sooner where nobody is missing; the last word may hold padding.

    ``words`` and ``mask`` are uint64 (word,).
    """
    n_full = len(words) - 1
    # A few samples tell cheaply that somebody is missing, as somebody is at most sites of most files.
    seen = np.uint64(0)
    for i in range(min(GLANCE, n_full)):
        seen |= words[i]
    if seen & ~LOW_BIT != np.uint64(0):
        return count_biallelic_words(words, mask)
    n_het, n_hom, complete = count_complete_words(words[:n_full])
    if not complete:
        return count_biallelic_words(words, mask)
    last_het, last_hom, n_missing, odd = count_biallelic_words(words[n_full:], mask[n_full:])
    return n_het + last_het, n_hom + last_hom, n_missing, odd


@kernel
def read_call(call: np.ndarray, n_alleles: int) -> tuple[int, int, int, int, bool]:
    """Copies called (-1: an allele that the site does not have) and missing, the first and the last allele, whether
    alleles differ.

    ``call`` is (copy,).
    """
    n_called = 0
    n_missing = 0
    first = -1
    last = -1
    differs = False
    for k in range(call.shape[0]):
        allele = call[k]
        if allele == MISSING_ALLELE:
            n_missing += 1
        elif allele != ABSENT_ALLELE:
            if allele >= n_alleles or allele < 0:
                return -1, n_missing, first, last, differs
            if n_called == 0:
                first = allele
            elif allele != first:
                differs = True
            last = allele
            n_called += 1
    return n_called, n_missing, first, last, differs


@kernel
def count_samples(
    alleles: np.ndarray,
    design: Design,
    variant: int,
    half_calls_missing: bool,
    row_counts: np.ndarray,
    alt_counts: np.ndarray,
) -> tuple[int, int, int]:
    """Count one variant, sample by sample, into ``row_counts[group]`` and ``alt_counts[group, allele]``.

    The bucket after the last group takes the samples in none. Returns the number of heterozygous calls where one
    copy is expected (set missing), the first sample with more than two copies or -1, and the first with an allele
    the site does not have or -1.

    ``alleles`` is (sample, copy), ``row_counts`` (bucket, N_ROW_COUNTS), ``alt_counts`` (bucket, allele, N_ALT_COUNTS).
    """
    n_alleles, region = design.n_alleles[variant], design.region[variant]
    sex, group = design.sex, design.group
    n_heterozygous_haploids = 0
    polyploid = -1
    for sample in range(alleles.shape[0]):
        bucket = group[sample]
        role = copies_role(region, sex[sample])
        if role == NO_COPY:
            continue
        row_counts[bucket, N_SAMPLES] += 1
        n_called, n_missing, first, second, differs = read_call(alleles[sample], n_alleles)
        if n_called < 0:
            return n_heterozygous_haploids, polyploid, sample
        if n_called == 0 or (half_calls_missing and n_missing > 0):
            continue
        # Copies: one where one is expected, else those called.
        if role == SINGLE_COPY:
            if differs:
                n_heterozygous_haploids += 1
                continue
            n_called = 1
            n_missing = 0
            if region == X_REGION:
                row_counts[bucket, N_SINGLE] += 1
                alt_counts[bucket, first, SINGLE_COPIES] += 1
            alt_counts[bucket, first, COPIES] += 1
        else:
            for k in range(alleles.shape[1]):
                allele = alleles[sample, k]
                if allele >= 0:
                    alt_counts[bucket, allele, COPIES] += 1
        # Genotypes: of whole diploid calls alone.
        row_counts[bucket, N_CALLED] += 1
        row_counts[bucket, ALLELE_NUMBER] += n_called
        if n_called == 2 and n_missing == 0:
            row_counts[bucket, N_DIPLOID] += 1
            if differs:
                alt_counts[bucket, first, HETEROZYGOUS] += 1
                alt_counts[bucket, second, HETEROZYGOUS] += 1
            else:
                alt_counts[bucket, first, HOMOZYGOUS] += 1
        elif n_called == 1:
            row_counts[bucket, N_LONE] += 1
            alt_counts[bucket, first, LONE_COPIES] += 1
        elif polyploid < 0:
            polyploid = sample
    return n_heterozygous_haploids, polyploid, -1


@kernel
def add_counts(of_row: np.ndarray, of_alleles: np.ndarray, row: np.ndarray, alts: np.ndarray) -> None:
    """Add the counts of one bucket to a row and to its ALT values (``of_alleles`` has REF first).

    ``of_row`` and ``row`` are (N_ROW_COUNTS,), ``of_alleles`` (allele, N_ALT_COUNTS), ``alts`` (ALT, N_ALT_COUNTS).
    """
    for k in range(N_ROW_COUNTS):
        row[k] += of_row[k]
    for alt in range(1, of_alleles.shape[0]):
        for k in range(N_ALT_COUNTS):
            alts[alt - 1, k] += of_alleles[alt, k]


@kernel
def count_variants(
    first: int,
    last: int,
    alleles: np.ndarray,
    words: np.ndarray,
    masks: np.ndarray,
    design: Design,
    options: Options,
    rows: Rows,
) -> None:
    """Count variants ``first`` to ``last`` into rows and ragged ALT values.

    ``words`` (variant, word) are the calls of diploids as words of four, padded with absent copies; it has no
    columns where it does not apply. ``masks`` (bucket, word) select the samples of each group, and all.

    ``alleles`` is int8 (variant, sample, copy).
    """
    n_groups = design.n_groups
    group_sizes = np.zeros(n_groups + 1, np.int64)
    for sample in range(alleles.shape[1]):
        group_sizes[design.group[sample]] += 1
    group_sizes[n_groups] = alleles.shape[1]
    n_words = words.shape[1]
    for variant in range(first, last):
        pooled = variant * (n_groups + 1) + n_groups
        n_alleles = design.n_alleles[variant]
        # By words, where all calls are diploid and of two alleles.
        if n_words > 0 and n_alleles == 2 and design.region[variant] == AS_CALLED:
            for bucket in range(n_groups, -1, -1):  # all samples first: they tell whether words apply
                if bucket == n_groups:
                    n_het, n_hom, n_missing, odd = count_all_words(words[variant], masks[bucket])
                else:
                    n_het, n_hom, n_missing, odd = count_biallelic_words(words[variant], masks[bucket])
                if odd:
                    break
                row = variant * (n_groups + 1) + bucket
                n_called = 4 * n_words - n_missing
                rows.counts[row, N_SAMPLES] = group_sizes[bucket]
                rows.counts[row, N_CALLED] = n_called
                rows.counts[row, ALLELE_NUMBER] = 2 * n_called
                rows.counts[row, N_DIPLOID] = n_called
                at = rows.offsets[row]
                rows.alt_counts[at, COPIES] = n_het + 2 * n_hom
                rows.alt_counts[at, HOMOZYGOUS] = n_hom
                rows.alt_counts[at, HETEROZYGOUS] = n_het
            if not odd:
                continue
        # Else sample by sample; the pooled row is the sum over groups and those in none.
        by_group = np.zeros((n_groups + 1, N_ROW_COUNTS), np.int64)
        by_allele = np.zeros((n_groups + 1, n_alleles, N_ALT_COUNTS), np.int64)
        rows.heterozygous_haploids[variant], rows.polyploid[variant], rows.bad_sample[variant] = count_samples(
            alleles[variant], design, variant, options.half_calls_missing, by_group, by_allele
        )
        for bucket in range(n_groups + 1):
            row = variant * (n_groups + 1) + bucket
            add_counts(by_group[bucket], by_allele[bucket], rows.counts[row], rows.alt_counts[rows.offsets[row] :])
            if bucket < n_groups:
                at = rows.offsets[pooled]
                add_counts(by_group[bucket], by_allele[bucket], rows.counts[pooled], rows.alt_counts[at:])
