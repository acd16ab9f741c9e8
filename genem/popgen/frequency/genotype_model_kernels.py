"""Likelihoods, genotypes and models of ``genem freq``, as tables for the log-linear EM.

Likelihoods as in a file become scaled likelihoods in the order the fits walk through them.
"""

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
    Options,
)
from genem.popgen.frequency.em_kernels import NONE, ZERO, Model, Samples
from genem.popgen.samples_kernels import NO_COPY, SINGLE_COPY, Design, copies_role

# Slots of the samples: diploids, haploids, then ploidy 3, 4, ...
DIPLOID_SLOT, HAPLOID_SLOT = 0, 1
LARGEST_PHRED = 3300


@kernel
def n_genotypes(n_alleles: int, ploidy: int) -> int:
    """Number of unordered genotypes: (n_alleles + ploidy - 1) choose ploidy."""
    number = 1
    for k in range(ploidy):
        number = number * (n_alleles + k) // (k + 1)
    return number


@kernel
def ploidy_of(n_values: int, n_alleles: int) -> int:
    """The ploidy with this many genotypes; -1 where none has, 0 where it cannot be told (one allele)."""
    if n_alleles == 1:
        return 0 if n_values == 1 else -1
    ploidy = 1
    while n_genotypes(n_alleles, ploidy) < n_values:
        ploidy += 1
    return ploidy if n_genotypes(n_alleles, ploidy) == n_values else -1


@kernel
def homozygote_index(allele: int, ploidy: int) -> int:
    """Place of the genotype a/a/../a in VCF order."""
    return n_genotypes(allele + 1, ploidy) - 1


@kernel
def genotype_alleles(n_alleles: int, ploidy: int, alleles: np.ndarray) -> None:
    """Alleles of every genotype (genotype, copy), in VCF order (the last copy varies slowest); unused copies are -1.

    ``alleles`` is int64 (genotype, copy).
    """
    genotype = np.zeros(ploidy, np.int64)
    for g in range(n_genotypes(n_alleles, ploidy)):
        alleles[g, :ploidy] = genotype
        alleles[g, ploidy:] = NONE
        for k in range(ploidy):
            limit = genotype[k + 1] if k + 1 < ploidy else n_alleles - 1
            if genotype[k] < limit:
                genotype[k] += 1
                genotype[:k] = 0
                break


@kernel
def arrangements(genotype: np.ndarray) -> float:
    """Orders in which the copies of a genotype (alleles ascending) can be drawn: the multinomial coefficient.

    ``genotype`` is (copy,).
    """
    number = 1.0
    alike = 1
    for k in range(len(genotype)):
        if genotype[k] == NONE:
            break
        alike = alike + 1 if k > 0 and genotype[k] == genotype[k - 1] else 1
        number *= (k + 1.0) / alike
    return number


@kernel
def random_mating(alleles: np.ndarray, n_alleles: int) -> Model:
    """Hardy-Weinberg proportions: theta = allele frequencies.

    ``alleles`` is (genotype, copy).
    """
    coefficient = np.empty(len(alleles))
    for g in range(len(alleles)):
        coefficient[g] = arrangements(alleles[g])
    return Model(alleles, coefficient, np.zeros(n_alleles, np.int64), math.nan)


@kernel
def random_mating_at(alleles: np.ndarray, n_alleles: int, alt: int, p: float) -> Model:
    """Hardy-Weinberg proportions with the frequency of one allele held: theta = composition of the others.

    ``alleles`` is (genotype, copy).
    """
    uses = alleles.copy()
    coefficient = np.empty(len(alleles))
    for g in range(len(alleles)):
        coefficient[g] = arrangements(alleles[g])
        for k in range(alleles.shape[1]):
            if alleles[g, k] == alt:
                uses[g, k] = NONE
                coefficient[g] *= p
            elif alleles[g, k] != NONE:
                coefficient[g] *= 1.0 - p
    block = np.zeros(n_alleles, np.int64)
    block[alt] = -1
    return Model(uses, coefficient, block, math.nan)


@kernel
def hardy_weinberg_classes(p: float, theta: np.ndarray) -> None:
    """Frequencies of the genotypes with 0, 1 and 2 copies at ALT frequency ``p`` into the first three parameters.

    ``theta`` is (parameter,).
    """
    theta[0] = max(ZERO, (1.0 - p) ** 2)
    theta[1] = max(ZERO, 2.0 * p * (1.0 - p))
    theta[2] = max(ZERO, p * p)


@kernel
def genotype_classes(alleles: np.ndarray, n_alleles: int, n_diploid: int, alt: int, p: float) -> Model:
    """Diploid genotypes with 0, 1 or 2 copies of ``alt`` at free frequencies; the other copies pair at random.

    theta = (q0, q1, q2, composition of the other alleles); ``p`` holds q2 + q1 / 2, NaN leaves it free. Only the
    first ``n_diploid`` genotypes of the tables have a meaning.

    ``alleles`` is (genotype, copy).
    """
    uses = np.full((len(alleles), 3), NONE, np.int64)
    coefficient = np.zeros(len(alleles))
    for g in range(n_diploid):
        uses[g, 0] = 0
        for k in range(2):
            if alleles[g, k] == alt:
                uses[g, 0] += 1
            else:
                uses[g, 1 + k] = 3 + alleles[g, k]
        coefficient[g] = 2.0 if uses[g, 0] == 0 and alleles[g, 0] != alleles[g, 1] else 1.0
    block = np.ones(3 + n_alleles, np.int64)
    block[:3] = 0
    block[3 + alt] = -1
    return Model(uses, coefficient, block, p)


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
