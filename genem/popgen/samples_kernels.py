"""From likelihoods as in a file to scaled likelihoods in the order the fits walk through them."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.popgen.frequency.count_kernels import (
    ALLELE_NUMBER,
    N_CALLED,
    N_DIPLOID,
    N_LONE,
    N_SAMPLES,
    NO_COPY,
    SINGLE_COPY,
    Design,
    Options,
    copies_role,
)
from genem.popgen.frequency.em_kernels import Samples
from genem.popgen.frequency.genotype_model_kernels import genotype_alleles, homozygote_index, n_genotypes, ploidy_of

# Slots of the samples: diploids, haploids, then ploidy 3, 4, ...
DIPLOID_SLOT, HAPLOID_SLOT = 0, 1
LARGEST_PHRED = 3300


@kernel
def slot_of(ploidy: int) -> int:
    """The slot of a ploidy: diploids first, so that they can be selected alone."""
    if ploidy == 2:
        return DIPLOID_SLOT
    return HAPLOID_SLOT if ploidy == 1 else ploidy - 1


@kernel
def ploidy_in(slot: int) -> int:
    """The ploidy of a slot."""
    if slot == DIPLOID_SLOT:
        return 2
    return 1 if slot == HAPLOID_SLOT else slot + 1


@kernel
def phred_likelihoods() -> np.ndarray:
    """10^(-k/10) for k = 0, 1, ...; smaller likelihoods are zero beside the best of the sample.

    Returns likelihoods (LARGEST_PHRED,).
    """
    table = np.empty(LARGEST_PHRED)
    for k in range(LARGEST_PHRED):
        table[k] = 10.0 ** (-0.1 * k)
    return table


@kernel
def informative(
    likelihoods: np.ndarray, sample: int, ploidy: int, n_values: int, single: bool, phred: bool
) -> tuple[int, float]:
    """Whether a sample counts, and its best value: 1 informative, 0 flat, -1 partly missing, -2 missing.

    With ``single`` only the homozygous entries count: one copy, written as ``ploidy``.

    ``likelihoods`` is (sample, value).
    """
    n_missing = 0
    best = -math.inf
    worst = math.inf
    for k in range(n_values):
        value = float(likelihoods[sample, homozygote_index(k, ploidy) if single else k])
        if math.isnan(value) or (phred and value < 0.0):
            n_missing += 1
        else:
            value = -value if phred else value
            best = max(best, value)
            worst = min(worst, value)
    if n_missing > 0:
        return (-1 if n_missing < n_values else -2), best
    return (1 if best > worst else 0), best


@kernel
def select_samples(
    likelihoods: np.ndarray,
    n_likelihoods: np.ndarray,
    phred: bool,
    design: Design,
    variant: int,
    by_group: np.ndarray,
    slots: np.ndarray,
    best: np.ndarray,
) -> tuple[int, int, int, int]:
    """Choose the samples of one variant: ``slots[sample]`` (-1 = not used) and ``best[sample]``; count them.

    Returns the largest ploidy used, how many samples were partly missing, the first sample with more than two copies
    or -1, and the first that fits no ploidy or -1.

    ``likelihoods`` is (sample, value), ``n_likelihoods`` (sample,), ``by_group`` (bucket, N_ROW_COUNTS), ``slots`` and
    ``best`` are (sample,).
    """
    n_alleles, region = design.n_alleles[variant], design.region[variant]
    sex, group = design.sex, design.group
    largest = 2
    n_incomplete = 0
    polyploid = -1
    known_values, ploidy = 0, 0
    for sample in range(len(n_likelihoods)):
        slots[sample] = -1
        role = copies_role(region, sex[sample])
        if role == NO_COPY:
            continue
        bucket = group[sample]
        by_group[bucket, N_SAMPLES] += 1
        n_values = n_likelihoods[sample]
        if n_values == 0:
            continue
        if n_values != known_values:
            known_values, ploidy = n_values, ploidy_of(n_values, n_alleles)
        if ploidy < 0:
            return largest, n_incomplete, polyploid, sample
        if ploidy == 0:
            continue
        # Whether the values say anything.
        single = role == SINGLE_COPY
        if single:
            n_values = n_alleles
        use, best[sample] = informative(likelihoods, sample, ploidy, n_values, single, phred)
        n_incomplete += use == -1
        if use != 1:
            continue
        # A slot by ploidy, and the counts of the bucket.
        copies = 1 if single else ploidy
        largest = max(largest, copies)
        if copies > 2 and polyploid < 0:
            polyploid = sample
        slots[sample] = slot_of(copies)
        by_group[bucket, N_CALLED] += 1
        by_group[bucket, ALLELE_NUMBER] += copies
        by_group[bucket, N_DIPLOID] += copies == 2
        by_group[bucket, N_LONE] += copies == 1
    return largest, n_incomplete, polyploid, -1


@kernel
def genotype_tables(
    n_alleles: int, n_slots: int, haploids_as_diploids: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Alleles of the genotypes of all slots, one table under the other; each slot's first row and size.

    Returns alleles (genotype, copy), starts (slot,) and sizes (slot,).
    """
    start = np.zeros(n_slots, np.int64)
    size = np.zeros(n_slots, np.int64)
    rows, width = 0, 2
    for slot in range(n_slots):
        width = max(width, ploidy_in(slot))
        if slot == HAPLOID_SLOT and haploids_as_diploids:
            size[slot] = size[DIPLOID_SLOT]
            continue
        start[slot] = rows
        size[slot] = n_genotypes(n_alleles, ploidy_in(slot))
        rows += size[slot]
    alleles = np.empty((rows, width), np.int64)
    for slot in range(n_slots):
        if slot != HAPLOID_SLOT or not haploids_as_diploids:
            genotype_alleles(n_alleles, ploidy_in(slot), alleles[start[slot] : start[slot] + size[slot]])
    return alleles, start, size


@kernel
def lay_out(
    likelihoods: np.ndarray,
    n_likelihoods: np.ndarray,
    scale: float,
    phred_table: np.ndarray,
    design: Design,
    variant: int,
    options: Options,
    slots: np.ndarray,
    best: np.ndarray,
    alleles: np.ndarray,
    table_start: np.ndarray,
    table_size: np.ndarray,
    offsets: np.ndarray,
) -> Samples:
    """Scaled likelihoods of the chosen samples by (bucket, slot); ``offsets[bucket]`` sums what scaling took out.

    With inbreeding a haploid sample becomes a diploid of which one copy, chosen at random, was seen:
    L(genotype) = the mean of L over its copies.

    ``likelihoods`` is (sample, value), ``n_likelihoods`` (sample,), ``phred_table`` (LARGEST_PHRED,), ``slots`` and
    ``best`` are (sample,), ``alleles`` is (genotype, copy), ``table_start`` and ``table_size`` are (slot,), ``offsets``
    is (bucket,).
    """
    n_buckets, n_slots = design.n_groups + 1, len(table_size)
    n_alleles, region = design.n_alleles[variant], design.region[variant]
    sex, group = design.sex, design.group
    phred = scale < 0.0
    # Where the cells of every bucket and slot start.
    number = np.zeros((n_buckets, n_slots), np.int64)
    for sample in range(len(slots)):
        if slots[sample] >= 0:
            number[group[sample], slots[sample]] += 1
    start = np.zeros((n_buckets, n_slots), np.int64)
    n_cells = 0
    for bucket in range(n_buckets):
        for slot in range(n_slots):
            start[bucket, slot] = n_cells
            n_cells += number[bucket, slot] * table_size[slot]
    # Likelihoods over the best of the sample.
    cells = np.empty(n_cells)
    filled = start.copy()
    seen = np.empty(n_alleles)
    for sample in range(len(slots)):
        slot = slots[sample]
        if slot < 0:
            continue
        bucket = group[sample]
        single = copies_role(region, sex[sample]) == SINGLE_COPY
        ploidy = ploidy_of(n_likelihoods[sample], n_alleles) if single else ploidy_in(slot)
        n_values = n_alleles if single else n_likelihoods[sample]
        at = filled[bucket, slot]
        filled[bucket, slot] = at + table_size[slot]
        offsets[bucket] += best[sample] * abs(scale)
        averaged = slot == HAPLOID_SLOT and options.inbreeding
        target, place = (seen, 0) if averaged else (cells, at)
        for k in range(n_values):
            value = float(likelihoods[sample, homozygote_index(k, ploidy) if single else k])
            if phred:
                excess = int(value + best[sample])
                likelihood = phred_table[excess] if excess < LARGEST_PHRED else 0.0
            else:
                likelihood = math.exp((value - best[sample]) * scale)
            target[place + k] = likelihood
        if averaged:
            for g in range(table_size[slot]):
                genotype = alleles[table_start[slot] + g]
                cells[at + g] = 0.5 * (seen[genotype[0]] + seen[genotype[1]])
    return Samples(cells, start, number, table_start, table_size)
