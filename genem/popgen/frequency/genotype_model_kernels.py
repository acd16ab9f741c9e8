"""The genotype models of ``genem freq``, as tables for the log-linear EM."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.popgen.frequency.em_kernels import NONE, ZERO, Model


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
