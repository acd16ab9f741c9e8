"""Exact Hardy-Weinberg tests by enumeration in rational arithmetic: slow, and right to the last digit."""

from __future__ import annotations

from fractions import Fraction
from math import factorial


def exact(n_hom_ref: int, n_het: int, n_hom_alt: int) -> tuple[float, float]:
    """p and mid-p of the autosomal test: every table with these allele counts."""
    n = n_hom_ref + n_het + n_hom_alt
    n_ref = 2 * n_hom_ref + n_het
    weights = {}
    for het in range(n_ref % 2, min(n_ref, 2 * n - n_ref) + 1, 2):
        ref, alt = (n_ref - het) // 2, (2 * n - n_ref - het) // 2
        weights[het] = Fraction(2**het, factorial(ref) * factorial(het) * factorial(alt))
    return _p_values(list(weights.values()), weights[n_het])


def exact_x(n_hom_ref: int, n_het: int, n_hom_alt: int, n_male_ref: int, n_male_alt: int) -> tuple[float, float]:
    """p and mid-p of the joint X test: every table with these numbers of females, males and alleles."""
    females, males = n_hom_ref + n_het + n_hom_alt, n_male_ref + n_male_alt
    n_ref = 2 * n_hom_ref + n_het + n_male_ref
    weights = {}
    for male_ref in range(min(males, n_ref) + 1):
        female_ref = n_ref - male_ref
        for het in range(female_ref % 2, female_ref + 1, 2):
            ref = (female_ref - het) // 2
            alt = females - ref - het
            if alt >= 0:
                ways = factorial(male_ref) * factorial(males - male_ref)
                ways *= factorial(ref) * factorial(het) * factorial(alt)
                weights[male_ref, het] = Fraction(2**het, ways)
    return _p_values(list(weights.values()), weights[n_male_ref, n_het])


def _p_values(weights: list[Fraction], observed: Fraction) -> tuple[float, float]:
    total = sum(weights)
    p = sum(weight for weight in weights if weight <= observed) / total
    tied = sum(weight for weight in weights if weight == observed) / total
    return float(p), float(p - tied / 2)
