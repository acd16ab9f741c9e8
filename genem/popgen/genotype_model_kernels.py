"""The genotype models of ``genem freq``, as tables for the log-linear EM."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.popgen.log_linear_kernels import Model


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
def genotype_copies(n_alleles: int, ploidy: int, copies: np.ndarray) -> None:
    """Copies of each allele in every genotype (genotype, allele), in VCF order (the last allele varies slowest)."""
    genotype = np.zeros(ploidy, np.int64)
    for g in range(n_genotypes(n_alleles, ploidy)):
        copies[g, :] = 0
        for k in range(ploidy):
            copies[g, genotype[k]] += 1
        for k in range(ploidy):
            limit = genotype[k + 1] if k + 1 < ploidy else n_alleles - 1
            if genotype[k] < limit:
                genotype[k] += 1
                genotype[:k] = 0
                break


@kernel
def arrangements(copies: np.ndarray) -> float:
    """Orders in which the copies of a genotype can be drawn: the multinomial coefficient."""
    number = 1.0
    drawn = 0
    for allele in range(len(copies)):
        for k in range(copies[allele]):
            drawn += 1
            number *= drawn / (k + 1.0)
    return number


@kernel
def random_mating(copies: np.ndarray) -> Model:
    """Hardy-Weinberg proportions: theta = allele frequencies."""
    size, n_alleles = copies.shape
    coefficient = np.empty(size)
    for g in range(size):
        coefficient[g] = arrangements(copies[g])
    return Model(copies.copy(), coefficient, np.zeros(n_alleles, np.int64), math.nan)


@kernel
def random_mating_at(copies: np.ndarray, alt: int, p: float) -> Model:
    """Hardy-Weinberg proportions with the frequency of one allele held: theta = composition of the others."""
    size, n_alleles = copies.shape
    exponent = copies.copy()
    exponent[:, alt] = 0
    coefficient = np.empty(size)
    for g in range(size):
        coefficient[g] = arrangements(copies[g])
        for allele in range(n_alleles):
            for _ in range(copies[g, allele]):
                coefficient[g] *= p if allele == alt else 1.0 - p
    block = np.zeros(n_alleles, np.int64)
    block[alt] = -1
    return Model(exponent, coefficient, block, math.nan)


@kernel
def genotype_classes(copies: np.ndarray, n_diploid: int, alt: int, p: float) -> Model:
    """Diploid genotypes with 0, 1 or 2 copies of ``alt`` at free frequencies; the other copies pair at random.

    theta = (q0, q1, q2, composition of the other alleles); ``p`` holds q2 + q1 / 2, NaN leaves it free. Only the
    first ``n_diploid`` genotypes of the tables have a meaning.
    """
    size, n_alleles = copies.shape
    exponent = np.zeros((size, 3 + n_alleles), np.int64)
    coefficient = np.zeros(size)
    for g in range(n_diploid):
        carried = copies[g, alt]
        exponent[g, carried] = 1
        heterozygous_rest = carried == 0
        for allele in range(n_alleles):
            if allele != alt:
                exponent[g, 3 + allele] = copies[g, allele]
                if copies[g, allele] == 2:
                    heterozygous_rest = False
        coefficient[g] = 2.0 if heterozygous_rest else 1.0
    block = np.ones(3 + n_alleles, np.int64)
    block[:3] = 0
    block[3 + alt] = -1
    return Model(exponent, coefficient, block, p)
