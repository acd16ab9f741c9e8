"""A cross straight from a VCF or BCF: genotypes in terms of the parents' alleles, read from the parents themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.cross_types import cross_type_of
from genem.data import (
    AA,
    AB,
    ABSENT_ALLELE,
    BB,
    MISSING_ALLELE,
    NOT_AA,
    NOT_BB,
    PHRED,
    SPAN_ID,
    UNKNOWN_GENOTYPE,
    Cross,
    GenotypeBlock,
)
from genem.errors import InputError, UsageError
from genem.io.crosses.calls import without_impossible_calls
from genem.io.crosses.tables import (
    MapTable,
    PhenotypeTable,
    directions_of,
    ordered_map,
    sex_linked_chromosomes,
    sexes_of,
)
from genem.io.variants.reading import VariantReader

__all__ = ["CrossFromVariants", "cross_from_variants"]

PARENT_PHRED = 20
"""How much less likely every other genotype of a parent must be where only likelihoods are given."""

HOMOZYGOUS_REF, HOMOZYGOUS_ALT, HETEROZYGOUS, MISSING = 0, 1, 2, 3
SWAPPED = np.array([UNKNOWN_GENOTYPE, BB, AB, AA, NOT_AA, NOT_BB], np.int8)
"""Codes with the parents exchanged."""


@dataclass(frozen=True, slots=True)
class CrossFromVariants:
    """A cross and what was left out of it.

    Attributes
    ----------
    cross
        Individuals in the order of the variants' samples.
    skipped
        Records left out, by reason: ``multi_allelic``, ``parent_missing``, ``parent_heterozygous``, ``monomorphic``
        (between the parents), ``not_in_map``, ``repeated`` (a marker of the map seen before).
    not_in_variants
        Markers of the map without a record, in map order.
    impossible_calls
        Calls that cannot arise in this cross and were set to missing: heterozygous inbred lines, homozygotes of the
        second parent in a backcross to the first, on the X chromosome heterozygous males and what sex and direction
        of the cross rule out.
    without_phenotype, without_genotype
        Samples that are not in the phenotype table, and the reverse. Both were dropped.
    """

    cross: Cross
    skipped: Mapping[str, int]
    not_in_variants: tuple[str, ...]
    impossible_calls: int
    without_phenotype: tuple[str, ...]
    without_genotype: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Marker:
    name: str
    chromosome: str
    position: float


def cross_from_variants(
    reader: VariantReader,
    *,
    parents: tuple[str, str],
    cross_type: str,
    phenotypes: PhenotypeTable,
    genetic_map: MapTable | None = None,
    cm_per_mb: float | None = None,
    alleles: tuple[str, str] = ("A", "B"),
    x_chromosomes: Collection[str] = ("X", "chrX"),
    sex: str | None = None,
    direction: str | None = None,
) -> CrossFromVariants:
    """The genotypes of a cross from calls (GT) or genotype likelihoods (PL).

    A record is a marker where both parents are homozygous, for different alleles. Records and map are matched by
    identifier, else by chromosome and base position where the map has these. A half-call (``./1``) tells that the
    individual has at least one copy of the allele called. With PL among the reader's fields the genotype likelihoods
    are kept in the place of calls; the parents are still called by GT where there is one.

    Parameters
    ----------
    reader
        Opened for ``GT``, for ``PL``, or both, with the parents among its samples.
    parents
        The samples that carry the first (A) and the second (B) allele.
    cross_type
        ``f2``, ``bc`` (to the first parent), ``dh``, ``riself`` or ``risib``.
    phenotypes
        Traits and covariates; rows in any order.
    genetic_map
        Where the markers are. Without it they lie at ``cm_per_mb`` times the distance on the reference.
    cm_per_mb
        Centimorgan per million bases, in the place of a map.
    alleles
        Names of the parents' alleles.
    x_chromosomes
        Names of the X chromosome in the map.
    sex, direction
        Columns of the phenotype table. None: ``sex``, and ``pgm`` or ``direction``, if present.

    Returns
    -------
    CrossFromVariants

    Raises
    ------
    InputError
        No record is informative (with the counts by reason), no individual is in both files, or there is an X
        chromosome but a sex is missing.
    UsageError
        A parent is not among the samples, the parents are the same, or neither map nor ``cm_per_mb`` is given.
    """
    if (genetic_map is None) == (cm_per_mb is None):
        raise UsageError("give either a genetic map or centimorgan per million bases")
    places = _Places(genetic_map, cm_per_mb)
    first, second = _parent_columns(reader.samples, parents)
    rows = {name: k for k, name in enumerate(phenotypes.individuals)}
    offspring = [(k, name) for k, name in enumerate(reader.samples) if k not in (first, second)]
    kept = [(k, name) for k, name in offspring if name in rows]
    if not kept:
        raise InputError(
            "no sample is in the phenotype table",
            remedy=f"the first sample is {offspring[0][1]}, the first row {phenotypes.individuals[0]}"
            if offspring
            else "the file holds the parents only",
        )
    collected = _collect(reader, _Collected(first, second, np.array([k for k, _ in kept])), places)
    markers = collected.markers
    ordered, order = ordered_map(
        [m.name for m in markers], [m.chromosome for m in markers], [m.position for m in markers]
    )
    of_kept = np.array([rows[name] for _, name in kept])
    table = _rows_of(phenotypes, of_kept)
    sex_linked = sex_linked_chromosomes(ordered, x_chromosomes, cross_type)
    is_male = sexes_of(table, sex, table.path, needed=bool(sex_linked) and cross_type_of(cross_type).x_by_sex)
    calls, likelihoods = collected.arrays(order)
    called = Cross(
        cross_type=cross_type,
        alleles=alleles,
        individuals=table.individuals,
        genetic_map=ordered,
        genotypes=calls,
        phenotypes=table.numbers,
        labels=table.labels,
        x_chromosomes=sex_linked,
        is_male=is_male,
        is_reverse=directions_of(table, direction, table.path),
        likelihoods=likelihoods,
    )
    cross, n_impossible = without_impossible_calls(called)
    found = {name for _, name in kept}
    return CrossFromVariants(
        cross=cross,
        skipped=dict(collected.skipped),
        not_in_variants=places.not_met(),
        impossible_calls=n_impossible,
        without_phenotype=tuple(name for _, name in offspring if name not in rows),
        without_genotype=tuple(name for name in phenotypes.individuals if name not in found),
    )


def _collect(reader: VariantReader, collected: _Collected, places: _Places) -> _Collected:
    """Add the informative records of a file, of which there must be one."""
    for block in reader:
        collected.add(block, places)
    if not collected.markers:
        counts = ", ".join(f"{count} {reason}" for reason, count in collected.skipped.items()) or "no record"
        raise InputError(
            f"no informative marker ({counts})", remedy="are the parents right, and is the map of these markers?"
        )
    return collected


class _Places:
    """Positions of the markers, and which were met."""

    def __init__(self, table: MapTable | None, cm_per_mb: float | None) -> None:
        self._cm_per_base = 0.0 if cm_per_mb is None else cm_per_mb / 1e6
        self._table = table
        self._met: set[str] = set()
        self._by_name: dict[str, _Marker] = {}
        self._by_base: dict[tuple[str, int], _Marker] = {}
        if table is not None:
            genetic_map = table.genetic_map
            for k, name in enumerate(genetic_map.markers):
                chromosome = genetic_map.chromosomes[int(genetic_map.chromosome[k])]
                marker = _Marker(name, chromosome, float(genetic_map.position[k]))
                self._by_name[name] = marker
                if table.base_position[k] > 0:
                    self._by_base[chromosome, int(table.base_position[k])] = marker

    def find(self, name: str, contig: str, base: int) -> _Marker | None:
        if self._table is None:
            named = name if name not in ("", ".") else f"{contig}:{base}"
            return _Marker(named, contig, base * self._cm_per_base)
        marker = self._by_name.get(name) or self._by_base.get((contig, base))
        if marker is not None:
            self._met.add(marker.name)
        return marker

    def not_met(self) -> tuple[str, ...]:
        return tuple(name for name in self._by_name if name not in self._met)


class _Collected:
    """The informative records so far."""

    def __init__(self, first: int, second: int, offspring: NDArray[np.int64]) -> None:
        self._first, self._second, self._offspring = first, second, offspring
        self.markers: list[_Marker] = []
        self._names: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self._calls: list[NDArray[np.int8]] = []
        self._likelihoods: list[NDArray[np.float32]] = []

    def add(self, block: GenotypeBlock, places: _Places) -> None:
        if block.likelihood_field not in (None, PHRED.name):
            raise UsageError(
                f"genotype likelihoods of a cross are read from {PHRED.name}, not from {block.likelihood_field}"
            )
        parents = _parent_genotypes(block, (self._first, self._second))
        for variant in range(len(block)):
            contig, base = block.sites.chrom(variant), int(block.sites.position[variant])
            reason = _reason(int(block.sites.n_alleles[variant]), parents[variant])
            marker = places.find(block.sites.field(variant, SPAN_ID), contig, base)
            if marker is None or reason or marker.name in self._names:
                self.skipped[reason or ("repeated" if marker else "not_in_map")] += 1
                continue
            self._names.add(marker.name)
            first_is_alt = bool(parents[variant, 0] == HOMOZYGOUS_ALT)
            self.markers.append(marker)
            if block.likelihoods is not None and block.n_likelihoods is not None:
                values = block.likelihoods[variant, self._offspring]
                known = block.n_likelihoods[variant, self._offspring]
                self._likelihoods.append(_likelihoods(values, known, first_is_alt))
                self._calls.append(np.zeros(len(self._offspring), np.int8))
            elif block.alleles is not None:
                self._calls.append(_calls(block.alleles[variant, self._offspring], first_is_alt))

    def arrays(self, order: NDArray[np.intp]) -> tuple[NDArray[np.int8], NDArray[np.float32] | None]:
        """Calls and, if there are any, likelihoods, individuals first, markers in the order given."""
        calls = np.ascontiguousarray(np.stack(self._calls, axis=1)[:, order])
        if not self._likelihoods:
            return calls, None
        return calls, np.ascontiguousarray(np.stack(self._likelihoods, axis=1)[:, order])


def _parent_columns(samples: tuple[str, ...], parents: tuple[str, str]) -> tuple[int, int]:
    if parents[0] == parents[1]:
        raise UsageError(f"both parents are {parents[0]}: two different samples expected")
    for parent in parents:
        if parent not in samples:
            raise UsageError(f"parent {parent} is not among the samples read")
    return samples.index(parents[0]), samples.index(parents[1])


def _parent_genotypes(block: GenotypeBlock, columns: tuple[int, int]) -> NDArray[np.int64]:
    """The genotype code of each parent, (variant, 2)."""
    if block.alleles is not None:
        alleles = block.alleles[:, columns, :]
        present = alleles != ABSENT_ALLELE
        missing = (alleles == MISSING_ALLELE).any(axis=2)
        largest = np.where(present, alleles, 0).max(axis=2)
        smallest = np.where(present, alleles, 127).min(axis=2)
        genotype = np.where(largest == smallest, np.minimum(largest, HOMOZYGOUS_ALT), HETEROZYGOUS)
        return np.where(missing, MISSING, genotype).astype(np.int64)
    if block.likelihoods is None or block.n_likelihoods is None:
        raise UsageError("the reader gives neither GT nor PL")
    genotypes = np.full((len(block), 2), MISSING)
    for column, parent in enumerate(columns):
        of_parent = _phred_of_three(block.likelihoods[:, parent], block.n_likelihoods[:, parent])
        best = of_parent.argmin(axis=1)
        clear = np.sort(of_parent, axis=1)[:, 1] - of_parent.min(axis=1) >= PARENT_PHRED
        of_best = np.array([HOMOZYGOUS_REF, HETEROZYGOUS, HOMOZYGOUS_ALT])[best]
        genotypes[:, column] = np.where(clear, of_best, MISSING)
    return genotypes


def _reason(n_alleles: int, parents: NDArray[np.int64]) -> str:
    """The reason why a record cannot be a marker; empty where it can."""
    if n_alleles > 2:
        return "multi_allelic"
    if MISSING in parents:
        return "parent_missing"
    if HETEROZYGOUS in parents:
        return "parent_heterozygous"
    return "monomorphic" if parents[0] == parents[1] else ""


def _calls(alleles: NDArray[np.int8] | NDArray[np.int16], first_is_alt: bool) -> NDArray[np.int8]:
    """Codes from allele indices (individual, copy)."""
    n_ref, n_alt = (alleles == 0).sum(axis=1), (alleles == 1).sum(axis=1)
    half = ((alleles == MISSING_ALLELE).any(axis=1)) & (n_ref + n_alt == 1)
    code = np.select(
        [half & (n_ref > 0), half, (n_ref > 0) & (n_alt > 0), n_ref > 0, n_alt > 0],
        [NOT_BB, NOT_AA, AB, AA, BB],
        UNKNOWN_GENOTYPE,
    ).astype(np.int8)
    return SWAPPED[code] if first_is_alt else code


def _phred_of_three(values: NDArray[np.int32] | NDArray[np.float32], known: NDArray[np.int32]) -> NDArray[np.float64]:
    """Phred-scaled likelihoods of REF/REF, REF/ALT, ALT/ALT; all 0 where unknown, infinite for what one copy is not."""
    phred = np.zeros((len(values), 3))
    diploid, haploid = known == 3, known == 2
    phred[diploid] = values[diploid][:, :3]
    phred[haploid, 0], phred[haploid, 1], phred[haploid, 2] = values[haploid, 0], np.inf, values[haploid, 1]
    phred[(phred < 0).any(axis=1)] = 0.0
    return phred


def _likelihoods(
    values: NDArray[np.int32] | NDArray[np.float32], known: NDArray[np.int32], first_is_alt: bool
) -> NDArray[np.float32]:
    """Likelihoods of AA, AB, BB over that of the best."""
    phred = _phred_of_three(values, known)
    likelihoods: NDArray[np.float64] = 10.0 ** ((phred.min(axis=1, keepdims=True) - phred) / 10.0)
    return (likelihoods[:, ::-1] if first_is_alt else likelihoods).astype(np.float32)


def _rows_of(table: PhenotypeTable, rows: Iterable[int]) -> PhenotypeTable:
    order = np.asarray(list(rows))
    return PhenotypeTable(
        tuple(table.individuals[k] for k in order.tolist()),
        {name: values[order] for name, values in table.numbers.items()},
        {name: tuple(values[k] for k in order.tolist()) for name, values in table.labels.items()},
        table.path,
    )
