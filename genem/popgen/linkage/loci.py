"""The rows of a stream of variants: one per ALT allele, with their labels and places in the genome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import ESTIMATED_FROM, FIELDS, SPAN_ID, SPAN_REF, FieldName, GenotypeBlock, VariantSites
from genem.errors import InputError, UsageError
from genem.popgen.linkage.copies import CountedCopies, calls_of_copies, counted_copies
from genem.popgen.linkage.likelihoods import LikelihoodRows, likelihood_rows
from genem.popgen.linkage.packed import CallError, PackedCalls, pack
from genem.popgen.samples import POOLED
from genem.popgen.sex_chromosomes import Build

__all__ = ["Loci", "LocusReader", "Rows", "SampleGroups", "as_blocks"]

Rows = PackedCalls | LikelihoodRows

CONTIG_SPACE = 1 << 40
"""Positions of different contigs are this far apart in :attr:`Loci.key`."""


@dataclass(frozen=True, slots=True)
class Loci:
    """Labels of rows, one per variant and ALT allele, in file order.

    Attributes
    ----------
    chrom, identifier, ref, alt
        Names, one a row.
    position
        int64 (row,), 1-based.
    variant
        int64 (row,): running number of the variant in the stream.
    key
        int64 (row,): contigs end to end; rows of one contig are as far apart as their positions.
    """

    chrom: tuple[str, ...]
    identifier: tuple[str, ...]
    ref: tuple[str, ...]
    alt: tuple[str, ...]
    position: NDArray[np.int64]
    variant: NDArray[np.int64]
    key: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.position)

    def after(self, row: int) -> Loci:
        """The rows from ``row`` on."""
        return Loci(
            self.chrom[row:], self.identifier[row:], self.ref[row:], self.alt[row:],
            self.position[row:], self.variant[row:], self.key[row:],
        )  # fmt: skip

    def rows(self, rows: NDArray[np.int64]) -> Loci:
        """Some of the rows."""
        names = (self.chrom, self.identifier, self.ref, self.alt)
        chrom, identifier, ref, alt = (tuple(column[row] for row in rows) for column in names)
        return Loci(chrom, identifier, ref, alt, self.position[rows], self.variant[rows], self.key[rows])

    def join(self, other: Loci) -> Loci:
        """Append the other's rows."""
        return Loci(
            self.chrom + other.chrom,
            self.identifier + other.identifier,
            self.ref + other.ref,
            self.alt + other.alt,
            np.concatenate([self.position, other.position]),
            np.concatenate([self.variant, other.variant]),
            np.concatenate([self.key, other.key]),
        )

    def label(self, row: int) -> str:
        """``chrom:position:ref:alt`` of a row."""
        return f"{self.chrom[row]}:{self.position[row]}:{self.ref[row]}:{self.alt[row]}"


@dataclass(frozen=True, slots=True)
class SampleGroups:
    """Names of the groups, the pooled one last, and the samples of each."""

    names: tuple[str, ...]
    members: tuple[NDArray[np.int64], ...]

    @classmethod
    def make(cls, n_samples: int, groups: ArrayLike | None, group_names: Iterable[str] | None) -> SampleGroups:
        """From group numbers, -1 for none, as :func:`genem.popgen.freq` takes them."""
        everybody = np.arange(n_samples, dtype=np.int64)
        if groups is None:
            return cls((POOLED,), (everybody,))
        numbers = np.asarray(groups, np.int64)
        if numbers.shape != (n_samples,):
            raise UsageError(f"groups has shape {numbers.shape}, one value for each of {n_samples} samples expected")
        highest = int(numbers.max(initial=-1))
        names = tuple(group_names) if group_names is not None else tuple(str(k) for k in range(highest + 1))
        if highest >= len(names):
            raise UsageError(f"group numbers up to {highest} do not fit {len(names)} group names")
        if POOLED in names:
            raise UsageError(f"a group cannot be named {POOLED}: that is the pooled one")
        members = tuple(np.flatnonzero(numbers == k).astype(np.int64) for k in range(len(names)))
        return cls((*names, POOLED), (*members, everybody))


def as_blocks(blocks: GenotypeBlock | Iterable[GenotypeBlock]) -> Iterator[GenotypeBlock]:
    """A single block, or any number of them, as a stream without empty ones."""
    stream = [blocks] if isinstance(blocks, GenotypeBlock) else blocks
    return (block for block in stream if len(block))


class LocusReader:
    """Turns the blocks of a stream into rows; refuses a stream that is not sorted, unless told otherwise."""

    def __init__(
        self,
        *,
        field: FieldName = "GT",
        phased: bool = False,
        groups: ArrayLike | None = None,
        group_names: Iterable[str] | None = None,
        sex: ArrayLike | None = None,
        build: Build | None = None,
        any_order: bool = False,
    ) -> None:
        if field not in ESTIMATED_FROM:
            raise UsageError(f"field is {field!r}, one of {', '.join(ESTIMATED_FROM)} expected")
        if phased and not FIELDS[field].is_call:
            raise UsageError(f"phase is counted from calls; {field} has none")
        self.field: FieldName = field
        self.phased = phased
        self.any_order = any_order
        self.sample_groups: SampleGroups | None = None
        self.n_variants = 0
        self._groups, self._group_names = groups, group_names
        self._sex = None if sex is None else np.asarray(sex, np.int8)
        self._build = build
        self._contigs: dict[str, int] = {}
        self._last: tuple[str | None, int] = (None, 0)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the groups, the pooled one last; empty before the first block."""
        return () if self.sample_groups is None else self.sample_groups.names

    def read(self, block: GenotypeBlock) -> tuple[Loci, tuple[Rows, ...]]:
        """Labels, and the rows of each group."""
        if self.sample_groups is None:
            self.sample_groups = SampleGroups.make(len(block.samples), self._groups, self._group_names)
        row_variant, row_allele = alt_rows(block.sites)
        loci = self._loci(block.sites, row_variant, row_allele)
        copies = self._copies(block)
        if FIELDS[self.field].is_call and block.alleles is not None and copies is not None:
            block = replace(block, alleles=calls_of_copies(block.alleles, copies))
        return loci, tuple(
            self._rows(block, row_variant, row_allele, members, copies) for members in self.sample_groups.members
        )

    def _copies(self, block: GenotypeBlock) -> CountedCopies | None:
        if self._sex is None:
            return None
        if self._sex.shape != (len(block.samples),):
            n_samples = len(block.samples)
            raise UsageError(f"sex has shape {self._sex.shape}, one value for each of {n_samples} samples expected")
        return counted_copies(block.sites, self._sex, self._build)

    def _rows(
        self,
        block: GenotypeBlock,
        row_variant: NDArray[np.int64],
        row_allele: NDArray[np.int64],
        members: NDArray[np.int64],
        copies: CountedCopies | None,
    ) -> Rows:
        try:
            if FIELDS[self.field].is_call:
                if block.alleles is None:
                    raise InputError("the block holds no GT", remedy="read it with GT among the fields")
                phased = block.phased if self.phased else None
                return pack(block.alleles, row_variant, row_allele, samples=members, phased=phased)
            if block.likelihoods is None or block.n_likelihoods is None or block.likelihood_field != self.field:
                raise InputError(f"the block holds no {self.field}", remedy=f"read it with {self.field} in the fields")
            counts = block.n_likelihoods
            return likelihood_rows(
                block.likelihoods,
                counts if copies is None else np.where(copies.none, 0, counts),
                block.sites.n_alleles,
                row_variant,
                row_allele,
                field=self.field,
                samples=members,
                one_copy=None if copies is None else copies.single,
            )
        except CallError as error:
            place = f"{place_of(block.sites, error.variant)}, sample {block.samples[members[error.sample]]}"
            raise InputError(error.found, place=place, remedy=error.remedy) from None

    def _loci(self, sites: VariantSites, row_variant: NDArray[np.int64], row_allele: NDArray[np.int64]) -> Loci:
        self._check_order(sites)
        chrom = [sites.chrom(v) for v in range(len(sites))]
        identifier = [sites.field(v, SPAN_ID) for v in range(len(sites))]
        ref = [sites.field(v, SPAN_REF) for v in range(len(sites))]
        alts = [sites.alts(v) or (".",) for v in range(len(sites))]
        offset = np.array([self._contigs[name] for name in chrom], np.int64) * CONTIG_SPACE
        first = self.n_variants
        self.n_variants += len(sites)
        return Loci(
            tuple(chrom[v] for v in row_variant),
            tuple(identifier[v] for v in row_variant),
            tuple(ref[v] for v in row_variant),
            tuple(alts[v][a - 1] for v, a in zip(row_variant, row_allele, strict=True)),
            sites.position[row_variant],
            first + row_variant,
            (sites.position + offset)[row_variant],
        )

    def _check_order(self, sites: VariantSites) -> None:
        last_contig, last_position = self._last
        for variant in range(len(sites)):
            name, position = sites.chrom(variant), int(sites.position[variant])
            found = None
            if name != last_contig:
                found = f"chromosome {name} again, after {last_contig}" if name in self._contigs else None
                self._contigs.setdefault(name, len(self._contigs))
            elif position < last_position:
                found = f"position {position} after {last_position}"
            if found and not self.any_order:
                remedy = "linkage windows need a sorted file; run bcftools sort"
                raise InputError(found, place=place_of(sites, variant), remedy=remedy)
            last_contig, last_position = name, position
        self._last = (last_contig, last_position)


def alt_rows(sites: VariantSites) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Variant and allele index of each row; a site without ALT has one row, on which nobody carries it."""
    n_rows = np.maximum(sites.n_alleles.astype(np.int64) - 1, 1)
    row_variant = np.repeat(np.arange(len(sites), dtype=np.int64), n_rows)
    row_allele = 1 + np.arange(len(row_variant)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    return row_variant, row_allele


def place_of(sites: VariantSites, variant: int) -> str:
    """``record 17 (22:16051249)``."""
    return f"record {sites.record[variant]} ({sites.chrom(variant)}:{sites.position[variant]})"
