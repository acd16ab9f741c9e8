"""Genotype likelihoods as the rows that ``genem ld`` compares: one ALT allele against the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import FIELDS, FieldName
from genem.em.newton_kernels import has_stopped
from genem.popgen.linkage.likelihood_measure_kernels import allele_frequencies, measure_likelihood_pairs
from genem.popgen.linkage.measure_kernels import N_INTEGERS, N_STATISTICS, R_SQUARED
from genem.popgen.linkage.packed import CallError, all_pairs

__all__ = ["LikelihoodRows", "likelihood_rows"]

SMALLEST = 1e-300
"""Relative likelihoods below this count as this, so that products do not vanish."""
MAX_STEPS = 5000
TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class LikelihoodRows:
    """Likelihoods of biallelic rows, scaled to a largest value of one.

    Attributes
    ----------
    values
        float64 (row, 3, sample): by number of ALT copies; a haploid sample uses the first two.
    ploidy
        int8 (row, sample): 2, 1, or 0 where missing or flat.
    log_maximum
        float64 (row, sample): natural logarithm of the largest likelihood in the file, 0 where missing.
    frequency
        float64 (row,): ALT frequency of the row by itself, NaN where nobody is known.
    """

    values: NDArray[np.float64]
    ploidy: NDArray[np.int8]
    log_maximum: NDArray[np.float64]
    frequency: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frequency)

    def rows(self, rows: slice | NDArray[np.int64]) -> LikelihoodRows:
        """Some of the rows."""
        return LikelihoodRows(self.values[rows], self.ploidy[rows], self.log_maximum[rows], self.frequency[rows])

    def join(self, other: LikelihoodRows) -> LikelihoodRows:
        """Append the other's rows."""
        return LikelihoodRows(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.ploidy, other.ploidy]),
            np.concatenate([self.log_maximum, other.log_maximum]),
            np.concatenate([self.frequency, other.frequency]),
        )

    def candidates(
        self,
        begin: NDArray[np.int64],
        end: NDArray[np.int64],
        min_r2: float,  # noqa: ARG002 - likelihoods give no cheap bound
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every pair (a, b), begin[a] <= b < end[a], in order."""
        return all_pairs(begin, end - begin)

    def measure(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Statistics [pair, N_STATISTICS] and integers [pair, N_INTEGERS] of pairs of rows."""
        statistics = np.empty((len(first), N_STATISTICS))
        integers = np.empty((len(first), N_INTEGERS), np.int64)
        measure_likelihood_pairs(
            self.values, self.ploidy, self.log_maximum, self.frequency, first, second, statistics, integers
        )
        return statistics, integers

    def measure_r2(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """r2 alone, float64 (pair,)."""
        return self.measure(first, second)[0][:, R_SQUARED]

    def alt_frequencies(self) -> NDArray[np.float64]:
        """ALT frequency of each row, NaN where nobody is known."""
        return self.frequency


def likelihood_rows(
    likelihoods: NDArray[np.int32] | NDArray[np.float32],
    n_likelihoods: NDArray[np.integer[Any]],
    n_alleles: NDArray[np.integer[Any]],
    row_variant: NDArray[np.int64],
    row_allele: NDArray[np.int64],
    *,
    field: FieldName,
    samples: NDArray[np.int64] | None = None,
    one_copy: NDArray[np.bool_] | None = None,
) -> LikelihoodRows:
    r"""Scale likelihoods and gather the alleles other than each row's ALT.

    At a site of more than two alleles the likelihood of d copies of an ALT is
    :math:`\sum_{g: d} P(g \mid d) L_g`, where :math:`P(g \mid d)` has the other alleles in Hardy-Weinberg proportions
    at their maximum-likelihood frequencies at that site: the others are taken to be independent of the second locus.

    Parameters
    ----------
    likelihoods, n_likelihoods
        As in :class:`genem.data.GenotypeBlock`.
    n_alleles
        int (variant,), REF included.
    row_variant, row_allele
        int64 (row,): which variant a row is of, and which of its alleles is ALT there.
    field
        ``PL`` or ``GL``.
    samples
        int64: the samples to use, in this order; None: all.
    one_copy
        bool (variant, sample): the sample has one copy there, and the likelihoods of its homozygotes count.

    Returns
    -------
    LikelihoodRows

    Raises
    ------
    CallError
        A sample has a number of likelihoods that fits neither one nor two copies.

    Examples
    --------
    >>> import numpy as np
    >>> pl = np.array([[[0, 3, 40], [20, 0, 30], [0, 0, 0]]], np.int32)
    >>> rows = likelihood_rows(pl, np.full((1, 3), 3), np.array([2]), np.array([0]), np.array([1]), field="PL")
    >>> print(rows.ploidy, rows.frequency.round(4))
    [[2 2 0]] [0.3303]
    """
    chosen = np.arange(likelihoods.shape[1]) if samples is None else samples
    n_rows, n_samples = len(row_variant), len(chosen)
    values = np.ones((n_rows, 3, n_samples))
    ploidy, log_maximum = np.zeros((n_rows, n_samples), np.int8), np.zeros((n_rows, n_samples))
    for variant in np.unique(row_variant):
        sites = int(n_alleles[variant])
        if sites < 2:  # nothing to tell apart: flat
            continue
        single = None if one_copy is None else one_copy[variant, chosen]
        scaled, copies, scale = _scaled(
            likelihoods[variant, chosen], n_likelihoods[variant, chosen], sites, field, single, int(variant)
        )
        others = _frequencies(scaled, copies, sites) if sites > 2 else np.array([1.0, 0.0])
        for row in np.flatnonzero(row_variant == variant):
            values[row] = _collapse(scaled, copies, sites, int(row_allele[row]), others)
            largest = values[row].max(axis=0)
            values[row] = np.where(copies > 0, values[row] / largest, 1.0)
            ploidy[row], log_maximum[row] = copies, scale + np.log(np.where(copies > 0, largest, 1.0))
    frequency = np.empty(n_rows)
    allele_frequencies(values, ploidy, frequency)
    return LikelihoodRows(values, ploidy, log_maximum, frequency)


def genotype_alleles(n_alleles: int) -> NDArray[np.int64]:
    """int64 (genotype, 2): the alleles of diploid genotypes in VCF order."""
    return np.array([(i, j) for j in range(n_alleles) for i in range(j + 1)], np.int64)


def _scaled(
    likelihoods: NDArray[np.int32] | NDArray[np.float32],
    n_likelihoods: NDArray[np.integer[Any]],
    n_alleles: int,
    field: FieldName,
    single: NDArray[np.bool_] | None,
    variant: int,
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.float64]]:
    """Likelihoods (sample, genotype) with a largest value of one, ploidy (0: flat or missing), ln of the scale."""
    n_diploid = n_alleles * (n_alleles + 1) // 2
    bad = np.flatnonzero(~np.isin(n_likelihoods, (0, n_alleles, n_diploid)))
    if len(bad):
        found = f"{n_likelihoods[bad[0]]} likelihoods, {n_diploid} or {n_alleles} expected"
        raise CallError(found, variant, int(bad[0]))
    logs = np.full((len(n_likelihoods), n_diploid), -np.inf)
    width = min(n_diploid, likelihoods.shape[1])
    scale = FIELDS[field]
    logs[:, :width] = scale.natural_logarithms(likelihoods[:, :width])
    used = np.arange(n_diploid) < n_likelihoods[:, np.newaxis]
    missing = scale.is_missing(likelihoods[:, :width]) & used[:, :width]
    copies = np.where(n_likelihoods == n_diploid, 2, 1).astype(np.int8)
    copies[missing.any(axis=1) | (n_likelihoods == 0)] = 0
    logs[~used] = -np.inf
    if single is not None and single.any():
        haploid = single & (copies == 2)
        homozygous = np.cumsum(np.arange(n_alleles) + 1) - 1
        logs[haploid, :n_alleles] = logs[haploid][:, homozygous]
        logs[haploid, n_alleles:] = -np.inf
        copies[haploid] = 1
    logs[copies == 0] = 0.0
    best = logs.max(axis=1)
    values = np.maximum(np.exp(logs - best[:, np.newaxis]), SMALLEST)
    in_use = np.where(copies == 2, n_diploid, n_alleles)[:, np.newaxis] > np.arange(n_diploid)
    flat = (np.where(in_use, values, 1.0) == 1.0).all(axis=1)
    return np.where(in_use, values, 0.0), np.where(flat, 0, copies).astype(np.int8), best


def _frequencies(values: NDArray[np.float64], copies: NDArray[np.int8], n_alleles: int) -> NDArray[np.float64]:
    """Allele frequencies of one site by EM under Hardy-Weinberg proportions."""
    diploid, haploid = values[copies == 2], values[copies == 1][:, :n_alleles]
    pairs = genotype_alleles(n_alleles)
    doses = np.zeros((len(pairs), n_alleles))
    np.add.at(doses, (np.arange(len(pairs)), pairs[:, 0]), 1.0)
    np.add.at(doses, (np.arange(len(pairs)), pairs[:, 1]), 1.0)
    p = np.arange(n_alleles, 0, -1) / (n_alleles * (n_alleles + 1) / 2)  # not symmetric: no saddle holds it
    n_copies = 2 * len(diploid) + len(haploid)
    for _ in range(MAX_STEPS if n_copies else 0):
        prior = p[pairs[:, 0]] * p[pairs[:, 1]] * np.where(pairs[:, 0] == pairs[:, 1], 1.0, 2.0)
        posterior = diploid * prior
        posterior /= posterior.sum(axis=1, keepdims=True)
        alone = haploid * p
        alone /= alone.sum(axis=1, keepdims=True)
        updated = (posterior.sum(axis=0) @ doses + alone.sum(axis=0)) / n_copies
        previous, p = p, updated
        if has_stopped(0.0, float(np.abs(updated - previous).max()), TOLERANCE):
            break
    return p


def _collapse(
    values: NDArray[np.float64], copies: NDArray[np.int8], n_alleles: int, allele: int, frequencies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64 (3, sample): likelihoods of 0, 1 and 2 copies of one allele, the others in their proportions."""
    others = np.delete(frequencies, allele)
    rest = np.insert(
        others / others.sum() if others.sum() > 0.0 else np.full(len(others), 1.0 / len(others)), allele, 0.0
    )
    pairs = genotype_alleles(n_alleles)
    dose = (pairs == allele).sum(axis=1)
    shares = np.where(pairs[:, 0] == pairs[:, 1], 1.0, 2.0) * rest[pairs[:, 0]] * rest[pairs[:, 1]]
    shares[dose == 1] = rest[pairs[dose == 1].sum(axis=1) - allele]
    shares[dose == 2] = 1.0
    weights = np.zeros((len(pairs), 3))
    weights[np.arange(len(pairs)), dose] = shares
    collapsed = values @ weights
    alone = values[:, :n_alleles]
    haploid = np.stack([alone @ rest, alone[:, allele], np.zeros(len(values))], axis=1)
    result: NDArray[np.float64] = np.where((copies == 1)[:, np.newaxis], haploid, collapsed).T
    return result
