"""Terms of a model of several loci: main effects and interactions, written as a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from genem.errors import UsageError

__all__ = ["Term", "count_interactions", "formula_of", "hierarchical", "parse_formula"]

LOCUS = re.compile(r"[Qq]([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class Term:
    """The product of the effects of some loci, and of covariates.

    Attributes
    ----------
    loci
        Their numbers from 0, ascending.
    covariates
        Names, in alphabetical order.
    """

    loci: tuple[int, ...]
    covariates: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of factors."""
        return len(self.loci) + len(self.covariates)

    def within(self, other: Term) -> bool:
        """Whether all factors are factors of another term."""
        return set(self.loci) <= set(other.loci) and set(self.covariates) <= set(other.covariates)

    def __str__(self) -> str:
        return ":".join([*(f"Q{locus + 1}" for locus in self.loci), *self.covariates])


def hierarchical(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Terms with all that are contained in them, smallest first, loci before covariates.

    Examples
    --------
    >>> [str(term) for term in hierarchical([Term((0, 2)), Term((1,))])]
    ['Q1', 'Q2', 'Q3', 'Q1:Q3']
    """
    every = set()
    for term in terms:
        factors: list[int | str] = [*term.loci, *term.covariates]
        for size in range(1, len(factors) + 1):
            for chosen in combinations(factors, size):
                loci = sorted(factor for factor in chosen if isinstance(factor, int))
                every.add(Term(tuple(loci), tuple(sorted(factor for factor in chosen if isinstance(factor, str)))))
    return tuple(sorted(every, key=lambda term: (term.size, not term.loci, term.loci, term.covariates)))


def parse_formula(formula: str, n_loci: int) -> tuple[Term, ...]:
    """The terms of a formula such as ``Q1 + Q2 + Q3*Q4 + age``.

    ``:`` is a product of factors, ``*`` a product with all that it contains. ``Q1`` is the first locus; other names are
    covariates. What an interaction contains belongs to the model whether written or not.

    Raises
    ------
    UsageError
        The formula cannot be read, or it names a locus that there is not, or leaves one out.

    Examples
    --------
    >>> [str(term) for term in parse_formula("y ~ Q1 + Q2*Q3", 3)]
    ['Q1', 'Q2', 'Q3', 'Q2:Q3']
    """
    terms = []
    for part in formula.split("~")[-1].split("+"):
        factors = [factor.strip() for factor in re.split(r"[:*]", part)]
        if not all(re.fullmatch(r"[^\s()^-]+", factor) for factor in factors):
            raise UsageError(f"formula {formula!r}: '{part.strip()}' is not a term; Q1 + Q2*Q3 is a formula")
        loci, covariates = set(), set()
        for factor in factors:
            named = LOCUS.fullmatch(factor)
            if named is None:
                covariates.add(factor)
            elif int(named[1]) > n_loci:
                raise UsageError(f"formula {formula!r}: {factor} is not one of the {n_loci} loci")
            else:
                loci.add(int(named[1]) - 1)
        terms.append(Term(tuple(sorted(loci)), tuple(sorted(covariates))))
    absent = set(range(n_loci)) - {locus for term in terms for locus in term.loci}
    if absent:
        raise UsageError(f"formula {formula!r} leaves Q{min(absent) + 1} out")
    return hierarchical(terms)


def formula_of(terms: Sequence[Term]) -> str:
    """The formula of terms, ``1`` for none.

    Examples
    --------
    >>> formula_of(parse_formula("Q1*Q2", 2))
    'Q1 + Q2 + Q1:Q2'
    """
    return " + ".join(map(str, terms)) or "1"


def count_interactions(terms: Sequence[Term]) -> tuple[int, int]:
    """Interactions of two loci that cost the light penalty, one for each connected group of them, and the others.

    Manichaikul et al. (2009), Genetics 181:1077, doi:10.1534/genetics.108.094565.

    Examples
    --------
    >>> count_interactions(parse_formula("Q1*Q2 + Q2*Q3 + Q4*Q5 + Q6", 6))
    (2, 1)
    """
    pairs = [set(term.loci) for term in terms if len(term.loci) == 2 and not term.covariates]
    groups: list[set[int]] = []
    for pair in pairs:
        touched = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair]
        groups.append(pair.union(*touched))
    return len(groups), len(pairs) - len(groups)
