"""Pairs of loci that cannot be compared, because samples have two copies of the one and one copy of the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.popgen.linkage.likelihoods import LikelihoodRows
from genem.popgen.linkage.packed import PackedCalls
from genem.popgen.linkage.packed_kernels import CALLED, COPY_CALLED

__all__ = ["PloidyMismatches"]


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
        for one, other in ((diploid & ~haploid, haploid & ~diploid), (haploid & ~diploid, diploid & ~haploid)):
            before = np.concatenate([[0], np.cumsum(other)])
            self.n_pairs += int((before[end] - before[begin])[one[: len(begin)]].sum())

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
