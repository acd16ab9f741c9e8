"""Copies of chromosomes: those that count where sexes differ, and pairs of loci of which samples have other numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, VariantSites
from genem.popgen.linkage.likelihoods import LikelihoodRows
from genem.popgen.linkage.packed import PackedCalls
from genem.popgen.linkage.packed_kernels import CALLED, COPY_CALLED
from genem.popgen.samples_kernels import FEMALE, MALE, ONE_COPY, X_REGION, Y_REGION
from genem.popgen.sex_chromosomes import Build, ploidy_regions

__all__ = ["CountedCopies", "PloidyMismatches", "calls_of_copies", "counted_copies"]


class CountedCopies:
    """Places where other copies count than are written: bool (variant, sample) each.

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


class PloidyMismatches:
    """Counts, while :func:`genem.popgen.ld` runs, the pairs without a sample because ploidies differ.

    A sample contributes to a pair with the same number of copies at both loci. A pair counts where both loci are
    known and nobody contributes: from calls, where one locus has diploid calls alone and the other haploid ones alone.
    Of groups of samples only the one of all is looked at.

    Attributes
    ----------
    n_pairs
        Such pairs in the window, reported or not.
    """

    def __init__(self) -> None:
        self.n_pairs = 0

    def add_calls(self, rows: PackedCalls, begin: NDArray[np.int64], end: NDArray[np.int64]) -> None:
        """Count among the pairs (a, b), begin[a] <= b < end[a]."""
        diploid = np.asarray(rows.diploid[:, CALLED].any(axis=1))
        haploid = np.asarray(rows.haploid[:, COPY_CALLED].any(axis=1))
        for ploidy_a, ploidy_b in ((diploid & ~haploid, haploid & ~diploid), (haploid & ~diploid, diploid & ~haploid)):
            before = np.concatenate([[0], np.cumsum(ploidy_b)])
            self.n_pairs += int((before[end] - before[begin])[ploidy_a[: len(begin)]].sum())

    def add_pairs(
        self,
        rows: LikelihoodRows,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        n_samples: NDArray[np.int64],
    ) -> None:
        """Count among measured pairs, to which a sample known at one locus alone contributes, too."""
        known = np.asarray(rows.ploidy.any(axis=1))
        self.n_pairs += int((known[first] & known[second] & (n_samples == 0)).sum())
