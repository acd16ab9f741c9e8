"""Everything about one pair of loci: the genotype table and every maximum of the likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import SPAN_ID, SPAN_REF, FieldName, GenotypeBlock, VariantSites
from genem.errors import InputError, UsageError
from genem.popgen.linkage.count_kernels import pair_table
from genem.popgen.linkage.cubic_kernels import coupling_log_likelihood, local_maxima
from genem.popgen.linkage.likelihood_kernels import N_STARTS_OF_FEW
from genem.popgen.linkage.likelihood_measure_kernels import log_scale, stationary_points
from genem.popgen.linkage.likelihoods import LikelihoodRows
from genem.popgen.linkage.loci import Loci, LocusReader, Rows, as_blocks
from genem.popgen.linkage.measure_kernels import D_PRIME, N_STATISTICS, R_SQUARED, count_heterozygous, fill_measures
from genem.popgen.linkage.packed import PackedCalls
from genem.popgen.linkage.packed_kernels import CALLED, CARRIER, COPY, COPY_CALLED, HOMOZYGOUS
from genem.popgen.linkage.pairs import LinkagePairs
from genem.popgen.sex_chromosomes import Build

__all__ = ["LinkageReport", "Maximum", "ld_pair"]


@dataclass(frozen=True, slots=True)
class Maximum:
    """One local maximum of the likelihood.

    Attributes
    ----------
    frequencies
        float64 (4,): REF-REF, REF-ALT, ALT-REF, ALT-ALT.
    log_likelihood
        Natural logarithm, of the genotypes or likelihoods as in the file.
    d, d_prime, r2
        NaN where undefined.
    """

    frequencies: NDArray[np.float64]
    log_likelihood: float
    d: float
    d_prime: float
    r2: float


@dataclass(frozen=True, slots=True)
class LinkageReport:
    """One pair of ALT alleles in one group of samples.

    Attributes
    ----------
    pairs
        The pair as :func:`genem.popgen.ld` gives it; one entry.
    genotypes
        int64 (3, 3): diploid samples called at both loci by number of ALT copies, A down; None from likelihoods.
    haploid
        int64 (2, 2): haploid samples likewise; None from likelihoods.
    maxima
        Every local maximum (from likelihoods: those that the starts reached), the highest first.
    """

    pairs: LinkagePairs
    genotypes: NDArray[np.int64] | None
    haploid: NDArray[np.int64] | None
    maxima: tuple[Maximum, ...]


def ld_pair(
    blocks: GenotypeBlock | Iterable[GenotypeBlock],
    first: str,
    second: str,
    *,
    field: FieldName = "GT",
    groups: ArrayLike | None = None,
    group_names: Sequence[str] | None = None,
    sex: ArrayLike | None = None,
    build: Build | None = None,
    phased: bool = False,
) -> tuple[LinkageReport, ...]:
    """Linkage disequilibrium of two named variants, wherever they are, with every maximum of the likelihood.

    Parameters
    ----------
    blocks
        Variants in any order.
    first, second
        ID, ``chrom:position`` or ``chrom:position:ref:alt`` of a variant.
    field, groups, group_names, sex, build, phased
        As in :func:`genem.popgen.ld`.

    Returns
    -------
    tuple of LinkageReport
        One for each ALT of either variant and each group.

    Raises
    ------
    UsageError
        Both names are the same variant.
    InputError
        A name is not in the file, or several variants have it.
    """
    if first == second:
        raise UsageError(f"{first} and {second} are the same variant")
    reader = LocusReader(
        field=field, phased=phased, groups=groups, group_names=group_names, sex=sex, build=build, any_order=True
    )
    found: dict[str, tuple[Loci, tuple[Rows, ...]]] = {}
    for block in as_blocks(blocks):
        for name in (first, second):
            for variant in _named(block.sites, name):
                if name in found:
                    chrom, position = found[name][0].chrom[0], found[name][0].position[0]
                    raise InputError(
                        f"two variants are named {name}: {chrom}:{position} and "
                        f"{block.sites.chrom(variant)}:{block.sites.position[variant]}",
                        remedy="name it as CHROM:POS:REF:ALT",
                    )
                found[name] = reader.read(block.select(np.arange(len(block)) == variant))
    for name in (first, second):
        if name not in found:
            raise InputError(f"no variant is named {name}", remedy="give an ID, CHROM:POS or CHROM:POS:REF:ALT")
    (loci_a, rows_a), (loci_b, rows_b) = found[first], found[second]
    if loci_a.label(0) == loci_b.label(0):
        raise UsageError(f"{first} and {second} are the same variant")
    loci = loci_a.join(loci_b)
    reports = []
    for a in range(len(loci_a)):
        for b in range(len(loci_a), len(loci)):
            for group, (part_a, part_b) in enumerate(zip(rows_a, rows_b, strict=True)):
                joined = part_a.join(part_b).rows(np.array([a, b]))  # type: ignore[arg-type]
                reports.append(_report(loci, a, b, joined, group, reader.group_names))
    return tuple(reports)


def _report(loci: Loci, a: int, b: int, rows: Rows, group: int, group_names: tuple[str, ...]) -> LinkageReport:
    statistics, integers = rows.measure(np.array([0]), np.array([1]))
    pairs = LinkagePairs(loci, group_names, np.array([a]), np.array([b]), np.array([group]), statistics, integers)
    if isinstance(rows, LikelihoodRows):
        return LinkageReport(pairs, None, None, _highest_first(_maxima_of_likelihoods(rows)))
    genotypes, haploid = _tables(rows)
    return LinkageReport(pairs, genotypes, haploid, _highest_first(_maxima_of_calls(rows)))


def _highest_first(maxima: Iterator[Maximum]) -> tuple[Maximum, ...]:
    return tuple(sorted(maxima, key=lambda maximum: -maximum.log_likelihood))


def _maximum(frequencies: NDArray[np.float64], log_likelihood: float) -> Maximum:
    statistics = np.full(N_STATISTICS, np.nan)
    d = float(frequencies[0] * frequencies[3] - frequencies[1] * frequencies[2])
    fill_measures(frequencies[2] + frequencies[3], frequencies[1] + frequencies[3], d, statistics)
    return Maximum(frequencies, log_likelihood, d, float(statistics[D_PRIME]), float(statistics[R_SQUARED]))


def _maxima_of_calls(rows: PackedCalls) -> Iterator[Maximum]:
    n_diploid, n_haploid, alt_a, alt_b, coupled, double = pair_table(rows.diploid, rows.haploid, rows.phase, 0, 1)
    n = 2 * n_diploid + n_haploid
    if n == 0:
        return
    n10, n01 = alt_a - coupled - double, alt_b - coupled - double
    table = (float(n - coupled - n10 - n01 - 2 * double), float(n01), float(n10), float(coupled), float(double))
    constant = count_heterozygous(rows.diploid, 0, 1) * math.log(2.0)
    count, *places, _ = local_maxima(*table)
    for u in places[:count]:
        v = double - u
        frequencies = np.array([table[0] + u, n01 + v, n10 + v, coupled + u]) / n
        yield _maximum(frequencies, coupling_log_likelihood(*table, u) + constant)


def _maxima_of_likelihoods(rows: LikelihoodRows) -> Iterator[Maximum]:
    found, heights = np.empty((N_STARTS_OF_FEW, 4)), np.full(N_STARTS_OF_FEW, np.nan)
    count = stationary_points(rows.values, rows.ploidy, rows.frequency, found, heights)
    constant = log_scale(rows.log_maximum, rows.ploidy, 0, 1)
    for frequencies, height in zip(found[:count], heights[:count], strict=True):
        if not math.isnan(height):
            yield _maximum(frequencies, float(height + constant))


def _tables(rows: PackedCalls) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The 3 x 3 table of diploid and the 2 x 2 table of haploid samples called at both rows."""
    diploid, haploid = rows.diploid, rows.haploid
    genotypes = [(row[CALLED] & ~row[CARRIER], row[CARRIER] & ~row[HOMOZYGOUS], row[HOMOZYGOUS]) for row in diploid]
    copies = [(row[COPY_CALLED] & ~row[COPY], row[COPY]) for row in haploid]
    return _cross(genotypes), _cross(copies)


def _cross(classes: Sequence[Sequence[NDArray[np.uint64]]]) -> NDArray[np.int64]:
    counts = [[int(np.bitwise_count(x & y).sum()) for y in classes[1]] for x in classes[0]]
    return np.array(counts, np.int64)


def _named(sites: VariantSites, name: str) -> list[int]:
    """The variants of a block with that ID, or at that place."""
    found = [v for v in range(len(sites)) if sites.field(v, SPAN_ID) == name]
    chrom, *place = name.rsplit(":", 3) if name.count(":") >= 3 else name.rsplit(":", 1)
    if found or not place or not place[0].isdigit():
        return found
    return [
        v
        for v in range(len(sites))
        if sites.position[v] == int(place[0])
        and sites.chrom(v) == chrom
        and (len(place) == 1 or place[1:] == _alleles(sites, v))
    ]


def _alleles(sites: VariantSites, variant: int) -> list[str]:
    return [sites.field(variant, SPAN_REF), ",".join(sites.alts(variant)) or "."]
