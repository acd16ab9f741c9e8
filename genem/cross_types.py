"""Experimental crosses of two inbred parents: how each is bred, and all that depends on it.

A cross type is one object in ``CROSS_TYPES``: readers take its codes and rules from it, the qtl models its chain and
contrasts, the command line its choices. This module stands on the ground, and imports no array library, because the
help of a command lists the choices before anything else is loaded: functions take arrays and only calculate with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from genem.errors import UsageError

__all__ = [
    "AA",
    "AB",
    "BACKCROSS_CHAIN",
    "BB",
    "CROSS_TYPES",
    "INTERCROSS_CHAIN",
    "MEMBERS",
    "NOT_AA",
    "NOT_BB",
    "UNKNOWN_GENOTYPE",
    "CrossType",
    "GenotypeChain",
    "XRule",
    "cross_type_of",
]

Array = Any
"""An array of recombination fractions, or one calculated from them."""

# Codes of genotypes and partial calls; A is the allele of the first parent, B that of the second.
UNKNOWN_GENOTYPE, AA, AB, BB, NOT_BB, NOT_AA = range(6)
MEMBERS = {AA: {AA}, AB: {AB}, BB: {BB}, NOT_BB: {AA, AB}, NOT_AA: {AB, BB}}
"""The genotypes that a call leaves."""


class XRule(Enum):
    """Rule by which the X chromosome of a cross is treated."""

    ABSENT = "plants have none"
    REFUSED = "it segregates by rules that are not modelled"
    BY_SEX = "a chain of two states; genotypes are told apart by sex"


@dataclass(frozen=True, slots=True)
class GenotypeChain:
    """Markov chain by which genotypes follow one another along a chromosome.

    Attributes
    ----------
    initial
        Their probabilities.
    transitions
        From recombination fractions (step,) a matrix, as rows of arrays (step,).
    meioses
        Meioses of one individual in which a recombination is seen.
    recombinations
        From expected transitions (step, from, to) and fractions (step,) the expected number of recombinations.
    """

    initial: tuple[float, ...]
    transitions: Callable[[Array], tuple[tuple[Array, ...], ...]]
    meioses: int
    recombinations: Callable[[Array, Array], Array]


def _one_meiosis(r: Array) -> tuple[tuple[Array, ...], ...]:
    return (1.0 - r, r), (r, 1.0 - r)


def _seen_in_one(expected: Array, r: Array) -> Array:
    del r
    return expected[:, 0, 1] + expected[:, 1, 0]


def _two_meioses(r: Array) -> tuple[tuple[Array, ...], ...]:
    neither, either, both = (1.0 - r) ** 2, 2.0 * r * (1.0 - r), r**2
    half = r * (1.0 - r)
    return (neither, either, both), (half, neither + both, half), (both, either, neither)


def _seen_in_two(expected: Array, r: Array) -> Array:
    """One between a homozygote and a heterozygote, two between homozygotes; none or two where both are heterozygous."""
    two_of_heterozygotes = r**2 / (r**2 + (1.0 - r) ** 2)
    single = expected[:, 0, 1] + expected[:, 1, 0] + expected[:, 1, 2] + expected[:, 2, 1]
    double = expected[:, 0, 2] + expected[:, 2, 0] + expected[:, 1, 1] * two_of_heterozygotes
    return single + 2.0 * double


BACKCROSS_CHAIN = GenotypeChain((0.5, 0.5), _one_meiosis, 1, _seen_in_one)
INTERCROSS_CHAIN = GenotypeChain((0.25, 0.5, 0.25), _two_meioses, 2, _seen_in_two)


def _same(fraction: Array) -> Array:
    return fraction


@dataclass(frozen=True, slots=True)
class CrossType:
    """One way to breed individuals from two inbred parents.

    Attributes
    ----------
    name
        As users write it.
    description
        In words.
    genotypes
        Codes of the genotypes on autosomes, in the order of the states of ``chain``.
    chain
        Along autosomes.
    csv_codes
        Default texts of genotypes in csv files, with their codes.
    effects
        Weights of the genotype means by name: additive effect, dominance.
    contrasts
        By suffix of its name, the values of each regressor of a locus in the genotypes.
    x_rule
        How the X chromosome is treated.
    reciprocal
        Whether females may carry the second parent's X chromosome from their father's side.
    fraction_of_lines, fraction_of_meiosis
        The recombination fraction seen in the individuals from that of one meiosis, and back.
    """

    name: str
    description: str
    genotypes: tuple[int, ...]
    chain: GenotypeChain
    csv_codes: Mapping[str, int]
    effects: Mapping[str, tuple[float, ...]]
    contrasts: Mapping[str, tuple[float, ...]]
    x_rule: XRule
    reciprocal: bool = False
    fraction_of_lines: Callable[[Array], Array] = _same
    fraction_of_meiosis: Callable[[Array], Array] = _same

    @property
    def x_by_sex(self) -> bool:
        """Whether an X chromosome needs the sex of the individuals."""
        return self.x_rule is XRule.BY_SEX


_WITH_HETEROZYGOTES = {"A": AA, "H": AB, "B": BB, "D": NOT_BB, "C": NOT_AA}


def _inbred_lines(
    name: str,
    description: str,
    x_rule: XRule,
    fraction_of_lines: Callable[[Array], Array] = _same,
    fraction_of_meiosis: Callable[[Array], Array] = _same,
) -> CrossType:
    """Homozygous individuals, whose genotypes differ by twice the additive effect."""
    return CrossType(
        name=name,
        description=description,
        genotypes=(AA, BB),
        chain=BACKCROSS_CHAIN,
        csv_codes={"A": AA, "B": BB},
        effects={"additive": (-0.5, 0.5)},
        contrasts={"": (-1.0, 1.0)},
        x_rule=x_rule,
        fraction_of_lines=fraction_of_lines,
        fraction_of_meiosis=fraction_of_meiosis,
    )


F2 = CrossType(
    name="f2",
    description="intercross",
    genotypes=(AA, AB, BB),
    chain=INTERCROSS_CHAIN,
    csv_codes=_WITH_HETEROZYGOTES,
    effects={"additive": (-0.5, 0.0, 0.5), "dominance": (-0.5, 1.0, -0.5)},
    contrasts={"a": (-1.0, 0.0, 1.0), "d": (-0.5, 0.5, -0.5)},
    x_rule=XRule.BY_SEX,
    reciprocal=True,
)
BACKCROSS = CrossType(
    name="bc",
    description="backcross to the first parent",
    genotypes=(AA, AB),
    chain=BACKCROSS_CHAIN,
    csv_codes=_WITH_HETEROZYGOTES,
    effects={"additive": (-1.0, 1.0)},
    contrasts={"": (-0.5, 0.5)},
    x_rule=XRule.BY_SEX,
)
DOUBLED_HAPLOIDS = _inbred_lines("dh", "doubled haploids", XRule.ABSENT)
# Haldane & Waddington (1931), Genetics 16:357, doi:10.1093/genetics/16.4.357.
SELFED_LINES = _inbred_lines(
    "riself",
    "inbred lines by selfing",
    XRule.ABSENT,
    lambda r: 2.0 * r / (1.0 + 2.0 * r),
    lambda fraction: fraction / (2.0 - 2.0 * fraction),
)
SIB_MATED_LINES = _inbred_lines(
    "risib",
    "inbred lines by sib mating",
    XRule.REFUSED,
    lambda r: 4.0 * r / (1.0 + 6.0 * r),
    lambda fraction: fraction / (4.0 - 6.0 * fraction),
)

CROSS_TYPES = {
    cross_type.name: cross_type for cross_type in (F2, BACKCROSS, DOUBLED_HAPLOIDS, SELFED_LINES, SIB_MATED_LINES)
}
"""All that there are, by name."""


def cross_type_of(name: str) -> CrossType:
    """The cross type of a name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in CROSS_TYPES:
        raise UsageError(f"cross type {name!r} is not one of {', '.join(CROSS_TYPES)}")
    return CROSS_TYPES[name]
