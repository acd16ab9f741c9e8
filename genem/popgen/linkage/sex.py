"""Copies that count on sex chromosomes: calls and likelihoods of males and females as haploid, or missing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, VariantSites
from genem.popgen.frequency.count_kernels import ONE_COPY, X_REGION, Y_REGION
from genem.popgen.sex_chromosomes import Build, ploidy_regions

__all__ = ["FEMALE", "MALE", "CountedCopies", "calls_of_copies", "counted_copies"]

MALE, FEMALE = 1, 2


class CountedCopies:
    """Where other copies count than are written: bool (variant, sample) each.

    Attributes
    ----------
    single
        One copy counts.
    none
        The sample does not count.
    """

    def __init__(self, single: NDArray[np.bool_], none: NDArray[np.bool_]) -> None:
        self.single, self.none = single, none


def counted_copies(sites: VariantSites, sex: NDArray[np.integer[Any]], build: Build | None) -> CountedCopies | None:
    """The copies that count at each variant, as :func:`genem.popgen.freq` counts them; None where all do as written."""
    region = ploidy_regions(sites, sexed=True, build=build)[:, np.newaxis]
    if not region.any():
        return None
    male, female = sex[np.newaxis] == MALE, sex[np.newaxis] == FEMALE
    sexual = (region == X_REGION) | (region == Y_REGION)
    single = (region == ONE_COPY) | (sexual & male)
    none = (sexual & ~male & ~female) | ((region == Y_REGION) & female)
    return CountedCopies(single, none)


def calls_of_copies(alleles: NDArray[Any], copies: CountedCopies) -> NDArray[Any]:
    """Calls with a second copy taken away where one counts (missing where the two differ), missing where none does."""
    if alleles.shape[2] < 2:
        return np.where(copies.none[:, :, np.newaxis], MISSING_ALLELE, alleles).astype(alleles.dtype)
    changed = alleles.copy()
    diploid = copies.single & (alleles[:, :, 1] != ABSENT_ALLELE)
    differ = diploid & (alleles[:, :, 0] != alleles[:, :, 1])
    changed[diploid, 1:] = ABSENT_ALLELE
    changed[differ | copies.none, 0] = MISSING_ALLELE
    changed[copies.none, 1:] = ABSENT_ALLELE
    return changed
