"""The result of ``genem ld``: one entry per pair of loci and group of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.popgen.linkage.loci import Loci
from genem.popgen.linkage.measure_kernels import (
    D_PRIME,
    D_PRIME_HIGH,
    D_PRIME_LOW,
    DISEQUILIBRIUM,
    LOD,
    LOG_LIKELIHOOD,
    N_ITER,
    N_MAXIMA,
    N_SAMPLES,
    P_REF_REF,
    R_SQUARED,
    R_SQUARED_SE,
    STATUS,
)

__all__ = ["LinkagePairs", "merge_groups"]


@dataclass(frozen=True, slots=True)
class LinkagePairs:
    """Linkage disequilibrium of pairs of loci, in the order of the first locus, the second one and the group.

    Missing values are NaN: D' and r2 where a locus is monomorphic, standard errors on a boundary or where
    the information is singular, everything where no sample is known at both loci.

    Attributes
    ----------
    loci
        Labels that ``first`` and ``second`` index.
    group_names
        Names that ``group`` indexes.
    first, second, group
        int64 (pair,)
    statistics
        float64 (pair, 12): the columns of which the properties are views.
    integers
        int64 (pair, 4): likewise.
    """

    loci: Loci
    group_names: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    group: NDArray[np.int64]
    statistics: NDArray[np.float64]
    integers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def haplotype_frequencies(self) -> NDArray[np.float64]:
        """float64 (pair, 4): REF-REF, REF-ALT, ALT-REF, ALT-ALT."""
        return self.statistics[:, P_REF_REF : P_REF_REF + 4]

    @property
    def d(self) -> NDArray[np.float64]:
        """D = P(ALT-ALT) - P(ALT at A) P(ALT at B)."""
        return self.statistics[:, DISEQUILIBRIUM]

    @property
    def d_prime(self) -> NDArray[np.float64]:
        """D over the largest D of its sign that the allele frequencies allow; it keeps the sign."""
        return self.statistics[:, D_PRIME]

    @property
    def d_prime_low(self) -> NDArray[np.float64]:
        return self.statistics[:, D_PRIME_LOW]

    @property
    def d_prime_high(self) -> NDArray[np.float64]:
        return self.statistics[:, D_PRIME_HIGH]

    @property
    def r2(self) -> NDArray[np.float64]:
        """Squared correlation of the ALT alleles of a haplotype."""
        return self.statistics[:, R_SQUARED]

    @property
    def r2_standard_error(self) -> NDArray[np.float64]:
        return self.statistics[:, R_SQUARED_SE]

    @property
    def lod(self) -> NDArray[np.float64]:
        """log10 of the likelihood over that of D = 0."""
        return self.statistics[:, LOD]

    @property
    def log_likelihood(self) -> NDArray[np.float64]:
        """Natural logarithm, of the genotypes or likelihoods as in the file."""
        return self.statistics[:, LOG_LIKELIHOOD]

    @property
    def n_samples(self) -> NDArray[np.int64]:
        """Samples that contribute: called at both loci, or with likelihoods at one of them."""
        return self.integers[:, N_SAMPLES]

    @property
    def n_maxima(self) -> NDArray[np.int64]:
        """Local maxima: all of them for calls, the distinct ones reached from the starts for likelihoods."""
        return self.integers[:, N_MAXIMA]

    @property
    def n_iter(self) -> NDArray[np.int64]:
        """Newton steps on the cubic, or evaluations of the likelihood over all starts."""
        return self.integers[:, N_ITER]

    @property
    def status(self) -> NDArray[np.int64]:
        """Codes of :class:`genem.em.status.Status`."""
        return self.integers[:, STATUS]

    def rows(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> LinkagePairs:
        """Some of the pairs."""
        return LinkagePairs(
            self.loci, self.group_names, self.first[rows], self.second[rows], self.group[rows],
            self.statistics[rows], self.integers[rows],
        )  # fmt: skip


def merge_groups(parts: Sequence[LinkagePairs]) -> LinkagePairs:
    """The pairs of all groups, ordered by first locus, second locus and group."""
    if len(parts) == 1:
        return parts[0]
    joined = LinkagePairs(
        parts[0].loci,
        parts[0].group_names,
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.group for part in parts]),
        np.concatenate([part.statistics for part in parts]),
        np.concatenate([part.integers for part in parts]),
    )
    return joined.rows(np.lexsort((joined.group, joined.second, joined.first)))
