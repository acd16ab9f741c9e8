"""Readable twins of genem.popgen.frequency.posterior_kernels: Bayes' rule, one genotype at a time."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement
from math import comb, factorial, prod

Genotype = tuple[int, ...]


def genotypes(n_alleles: int, ploidy: int) -> list[Genotype]:
    """All unordered genotypes in VCF order."""

    def place(genotype: Genotype) -> int:
        return sum(comb(allele + copy, copy + 1) for copy, allele in enumerate(genotype))

    return sorted(combinations_with_replacement(range(n_alleles), ploidy), key=place)


def multinomial(genotype: Genotype, frequency: list[float]) -> float:
    orders = factorial(len(genotype)) / prod(factorial(n) for n in Counter(genotype).values())
    return orders * prod(frequency[allele] for allele in genotype)


def prior(genotype: Genotype, frequency: list[float], f: float) -> float:
    """Hardy-Weinberg proportions; in diploids with inbreeding coefficient F."""
    if len(genotype) != 2 or f == 0.0:
        return multinomial(genotype, frequency)
    a, b = genotype
    if a == b:
        return max(0.0, frequency[a] ** 2 + f * frequency[a] * (1 - frequency[a]))
    return 2 * frequency[a] * frequency[b] * (1 - f)


def posterior(frequency: list[float], ploidy: int, f: float, likelihood: dict[Genotype, float]) -> list[float]:
    """P(genotype | data) in VCF order, ``likelihood`` being P(data | genotype)."""
    ordered = genotypes(len(frequency), ploidy)
    weights = [prior(genotype, frequency, f) * likelihood[genotype] for genotype in ordered]
    total = sum(weights)
    return [weight / total for weight in weights]


def half_call_likelihood(n_alleles: int, ploidy: int, known: Genotype) -> dict[Genotype, float]:
    """P(the copies that were called are these | genotype): copies are called or not at random."""
    wanted = Counter(known)
    answer = {}
    for genotype in genotypes(n_alleles, ploidy):
        copies = Counter(genotype)
        ways = prod(comb(copies[allele], n) for allele, n in wanted.items())
        answer[genotype] = ways / comb(ploidy, len(known))
    return answer


def dosages(posterior: list[float], n_alleles: int, ploidy: int) -> list[float]:
    ordered = genotypes(n_alleles, ploidy)
    return [
        sum(p * genotype.count(alt) for p, genotype in zip(posterior, ordered, strict=True))
        for alt in range(1, n_alleles)
    ]
