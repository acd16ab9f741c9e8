"""The result of ``genem freq``: one row per variant and group, ragged lists with one value per ALT allele."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.em.status import Status
from genem.popgen.samples import POOLED

__all__ = ["FrequencyTable", "minor_allele_frequency", "missing_rate"]

PER_ROW = ("n_samples", "n_called", "allele_number", "n_iter", "status", "log_likelihood")
PER_VALUE = (
    "allele_frequency",
    "standard_error",
    "lower",
    "upper",
    "hwe_p",
    "hwe_mid_p",
    "inbreeding_coefficient",
    "lrt_hwe",
    "lrt_p",
    "heterogeneity_p",
)
PER_VARIANT = ("heterozygous_haploids", "incomplete_likelihoods")


@dataclass(frozen=True, slots=True)
class FrequencyTable:
    """Allele frequencies and what is known about them; missing values are NaN.

    Row ``variant * len(groups) + group`` belongs to one variant and group. Flat arrays hold one value per row and
    ALT allele: those of a row are ``row_offsets[row]`` to ``row_offsets[row + 1]`` (none at a site without ALT).

    Attributes
    ----------
    groups
        Names of the groups in the order given, then ``ALL``: every sample, in a group or not.
    row_offsets
        int64 (row + 1,)
    n_samples
        int64 (row,): samples that could count (females do not on Y).
    n_called
        int64 (row,): samples that contribute copies.
    allele_number
        int64 (row,): copies that contribute.
    n_iter
        int64 (row,): the most iterations a fit of the row took; 1 where the estimate is in closed form.
    status
        int64 (row,): codes of :class:`genem.em.status.Status`.
    log_likelihood
        float64 (row,): natural logarithm, at the allele frequencies, of the likelihoods as in the file; NaN for
        called genotypes.
    allele_frequency, standard_error, lower, upper
        float64 (flat,): estimate, standard error from the observed information (NaN at 0 and 1), ends of the
        profile-likelihood interval.
    hwe_p, hwe_mid_p
        float64 (flat,): exact Hardy-Weinberg test of the ALT against the rest (called genotypes only).
    inbreeding_coefficient
        float64 (flat,): F = 1 - P(het) / 2pq from free genotype frequencies.
    lrt_hwe, lrt_p
        float64 (flat,): likelihood-ratio statistic of Hardy-Weinberg proportions and its p-value (1 df).
    heterogeneity_p
        float64 (flat,): p-value of the likelihood-ratio test of one frequency for all groups; pooled rows only.
    heterozygous_haploids
        int64 (variant,): heterozygous calls set missing where one copy is expected (males on X and Y, mitochondria).
    incomplete_likelihoods
        int64 (variant,): samples set missing because some of their likelihoods were.
    """

    groups: tuple[str, ...]
    row_offsets: NDArray[np.int64]
    n_samples: NDArray[np.int64]
    n_called: NDArray[np.int64]
    allele_number: NDArray[np.int64]
    n_iter: NDArray[np.int64]
    status: NDArray[np.int64]
    log_likelihood: NDArray[np.float64]
    allele_frequency: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    hwe_p: NDArray[np.float64]
    hwe_mid_p: NDArray[np.float64]
    inbreeding_coefficient: NDArray[np.float64]
    lrt_hwe: NDArray[np.float64]
    lrt_p: NDArray[np.float64]
    heterogeneity_p: NDArray[np.float64]
    heterozygous_haploids: NDArray[np.int64]
    incomplete_likelihoods: NDArray[np.int64]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.status)

    @property
    def n_variants(self) -> int:
        return len(self) // len(self.groups)

    @property
    def pooled_rows(self) -> NDArray[np.int64]:
        """int64 (variant,): the ``ALL`` row of each variant."""
        return np.arange(len(self.groups) - 1, len(self), len(self.groups), dtype=np.int64)

    @property
    def not_converged(self) -> NDArray[np.bool_]:
        """bool (row,): a fit was made and did not converge (rows without data are not counted)."""
        settled = [status for status in Status if status.is_converged or status is Status.DEGENERATE]
        return ~np.isin(self.status, settled)

    def row(self, variant: int, group: str = POOLED) -> int:
        """The row of one variant and group."""
        return variant * len(self.groups) + self.groups.index(group)

    def alts(self, row: int) -> slice:
        """Place of the values of a row in the flat arrays."""
        return slice(int(self.row_offsets[row]), int(self.row_offsets[row + 1]))

    def select(self, variants: NDArray[np.bool_]) -> FrequencyTable:
        """The rows of the variants where ``variants`` (variant,) is True."""
        rows = np.repeat(variants, len(self.groups))
        lengths = np.diff(self.row_offsets)
        values = np.repeat(rows, lengths)
        row_offsets = np.zeros(int(rows.sum()) + 1, np.int64)
        np.cumsum(lengths[rows], out=row_offsets[1:])
        kept: dict[str, Any] = {"groups": self.groups, "row_offsets": row_offsets}
        for name in PER_ROW:
            kept[name] = getattr(self, name)[rows]
        for name in PER_VALUE:
            kept[name] = getattr(self, name)[values]
        for name in PER_VARIANT:
            kept[name] = getattr(self, name)[variants]
        return FrequencyTable(**kept)


def minor_allele_frequency(table: FrequencyTable) -> NDArray[np.float64]:
    """Frequency of the minor allele of each variant over all samples: 1 - that of the commonest allele.

    Parameters
    ----------
    table
        Allele frequencies.

    Returns
    -------
    float64 (variant,); 0 at a site without ALT, NaN where nothing was called.

    Examples
    --------
    >>> import numpy as np
    >>> from genem.popgen import allele_frequencies_from_genotypes
    >>> calls = np.array([[[0, 1], [1, 1]], [[0, 0], [-1, -1]]], np.int8)
    >>> minor_allele_frequency(allele_frequencies_from_genotypes(calls, np.array([2, 2])))
    array([0.25, 0.  ])
    """
    return 1.0 - _commonest_allele(table)


def missing_rate(table: FrequencyTable) -> NDArray[np.float64]:
    """Share of the samples that contribute nothing at each variant (of those that could).

    Parameters
    ----------
    table
        Allele frequencies.

    Returns
    -------
    float64 (variant,); NaN where no sample could contribute.
    """
    rows = table.pooled_rows
    n_samples = table.n_samples[rows]
    with np.errstate(invalid="ignore"):
        return np.asarray(1.0 - table.n_called[rows] / n_samples, np.float64)


def _commonest_allele(table: FrequencyTable) -> NDArray[np.float64]:
    rows = table.pooled_rows
    starts, ends = table.row_offsets[rows], table.row_offsets[rows + 1]
    commonest = np.where(table.allele_number[rows] > 0, 1.0, np.nan)
    filled = np.flatnonzero(ends > starts)
    if len(filled):
        # Flat values of group rows lie between the pooled ones: reduce over (start, end) pairs, keep the firsts.
        edges = np.stack([starts[filled], ends[filled]], axis=1).ravel()
        values = np.append(table.allele_frequency, 0.0)
        reference = 1.0 - np.add.reduceat(values, edges)[::2]
        commonest[filled] = np.maximum(np.maximum.reduceat(values, edges)[::2], reference)
    return commonest
