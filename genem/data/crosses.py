"""Experimental crosses and genetic maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.cross_types import AA, AB, BB, NOT_AA, NOT_BB, UNKNOWN_GENOTYPE, CrossType, cross_type_of

__all__ = ["AA", "AB", "BB", "NOT_AA", "NOT_BB", "UNKNOWN_GENOTYPE", "Cross", "CrossType", "GeneticMap"]


@dataclass(frozen=True, slots=True)
class GeneticMap:
    """Markers along chromosomes.

    Attributes
    ----------
    chromosomes
        Names of the chromosomes; ``chromosome`` indexes them.
    markers
        Names of the markers, chromosome by chromosome and in ascending order along each.
    chromosome
        int32 (marker,)
    position
        float64 (marker,), in centimorgan.
    """

    chromosomes: tuple[str, ...]
    markers: tuple[str, ...]
    chromosome: NDArray[np.int32]
    position: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.markers)

    def on(self, chromosome: int) -> NDArray[np.intp]:
        """The markers of a chromosome, in order."""
        return np.flatnonzero(self.chromosome == chromosome)


@dataclass(frozen=True, slots=True)
class Cross:
    """An experimental cross of two inbred parents.

    Attributes
    ----------
    cross_type
        How the individuals were bred: a name among ``CROSS_TYPES`` of :mod:`genem.cross_types`.
    alleles
        One-letter (or longer) names of the first and the second parent's allele.
    individuals
        Names of the individuals, in array order.
    genetic_map
        The markers.
    genotypes
        int8 (individual, marker): ``AA``, ``AB``, ``BB``, the partial calls ``NOT_BB`` and ``NOT_AA``, or
        ``UNKNOWN_GENOTYPE``. Males are ``AA`` or ``BB`` on the X chromosome.
    phenotypes
        Columns of numbers by name, float64 (individual,) with NaN where missing: traits, covariates, weights.
    labels
        Columns that are not numbers, by name.
    x_chromosomes
        Which of the map's chromosomes are the X chromosome.
    is_male
        bool (individual,), or None where sex was not given.
    is_reverse
        bool (individual,): bred from the reciprocal cross (the second parent's on the mother's side). None: nobody.
    likelihoods
        float32 (individual, marker, 3): likelihood of ``AA``, ``AB`` and ``BB`` relative to the best of them, in the
        place of ``genotypes``; all 1 where nothing is known. None where genotypes were called.
    """

    cross_type: str
    alleles: tuple[str, str]
    individuals: tuple[str, ...]
    genetic_map: GeneticMap
    genotypes: NDArray[np.int8]
    phenotypes: Mapping[str, NDArray[np.float64]]
    labels: Mapping[str, tuple[str, ...]]
    x_chromosomes: frozenset[str] = frozenset()
    is_male: NDArray[np.bool_] | None = None
    is_reverse: NDArray[np.bool_] | None = None
    likelihoods: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.individuals)

    @property
    def breeding(self) -> CrossType:
        """All that depends on the cross type."""
        return cross_type_of(self.cross_type)
