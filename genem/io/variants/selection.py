"""Choice of the records of a file to read: regions, filters, identifiers, SNPs only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genem.data import SPAN_FILTER, SPAN_ID, VariantSites
from genem.errors import InputError, UsageError
from genem.io.variants.regions import Region, format_region, parse_region
from genem.io.variants.vcf.kernels import find_changes, find_record_ends, find_snps, find_unchanged_prefix

__all__ = ["RecordSelection", "RegionSet", "RegionsOverlap", "read_regions_file", "resolve_regions"]

RegionsOverlap = Literal["pos", "record", "variant"]
RegionLike = str | Region | tuple[str, int | None, int | None]

NO_END = np.iinfo(np.int64).max
BED_SUFFIXES = (".bed", ".bed.gz")


def read_regions_file(path: str | Path) -> list[Region]:
    """Read regions from a table: BED (0-based, half-open) where the name ends in ``.bed``, else 1-based.

    Tab-separated lines ``CHROM POS`` or ``CHROM FROM TO`` (both ends included); ``#`` starts a comment.

    Raises
    ------
    InputError
        The file cannot be read, or a line is not a region.
    """
    is_bed = str(path).endswith(BED_SUFFIXES)
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", path=path) from error
    regions = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(("#", "track ", "browser ")):
            continue
        columns = line.split("\t")
        numbers = columns[1:3]
        if len(numbers) < 1 + is_bed or not all(text.strip().isdecimal() for text in numbers):
            form = "CHROM START END" if is_bed else "CHROM FROM TO"
            raise InputError(f"{line[:60]!r} is not a region", path=path, place=f"line {number}",
                             remedy=f"write {form}, separated by tabs")  # fmt: skip
        start, end = int(numbers[0]) + is_bed, int(numbers[-1])
        if end < start:
            raise InputError("the region ends before it starts", path=path, place=f"line {number}")
        regions.append(Region(columns[0], start, end))
    if not regions:
        raise InputError("holds no regions", path=path, remedy="write one region a line")
    return regions


def resolve_regions(regions: Iterable[RegionLike], contigs: Collection[str]) -> list[Region]:
    """Turn region strings and tuples (contig, first, last; 1-based, None for an open end) into regions.

    Raises
    ------
    UsageError
        A text is no region, or its contig is not among ``contigs``.
    """
    resolved = []
    for given in regions:
        if isinstance(given, str):
            region = parse_region(given, contigs)
        elif isinstance(given, Region):
            region = given
        else:
            contig, first, last = given
            region = Region(contig, 1 if first is None else first, last)
        if region.contig not in contigs:
            known = ", ".join(list(contigs)[:5]) + (", ..." if len(contigs) > 5 else "")
            raise UsageError(f"region {format_region(region)}: no contig {region.contig!r} in the file; it has {known}")
        resolved.append(region)
    return resolved


@dataclass(frozen=True, slots=True)
class RegionSet:
    """Regions joined where they overlap: per contig the first and last positions, 1-based, both included."""

    intervals: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]

    @classmethod
    def of(cls, regions: Iterable[Region]) -> RegionSet:
        by_contig: dict[str, list[list[int]]] = {}
        for region in sorted(regions, key=lambda region: region.start):
            joined = by_contig.setdefault(region.contig, [])
            end = NO_END if region.end is None else region.end
            if joined and region.start <= joined[-1][1]:
                joined[-1][1] = max(joined[-1][1], end)
            else:
                joined.append([region.start, end])
        return cls({contig: (np.array(joined)[:, 0], np.array(joined)[:, 1]) for contig, joined in by_contig.items()})

    def overlaps(self, contig: str, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each stretch [first, last] of a contig touches a region."""
        if contig not in self.intervals:
            return np.zeros(first.shape, np.bool_)
        starts, ends = self.intervals[contig]
        nearest = np.minimum(np.searchsorted(ends, first), len(ends) - 1)
        return (ends[nearest] >= first) & (starts[nearest] <= last)


class RecordSelection:
    """Chooses records by their sites and counts what it passes over.

    Parameters
    ----------
    path
        The file, for messages.
    regions
        Keep records that overlap them; None: all.
    regions_overlap
        What must overlap: ``pos`` the position, ``record`` POS to the end of REF or INFO/END, ``variant`` only the
        bases that an ALT allele changes. As in bcftools.
    filters
        Keep records whose FILTER names one of these (``PASS`` and ``.`` are names too).
    ids
        Keep records with one of these identifiers.
    snps_only
        Keep records whose alleles are all single bases, and which have an ALT allele.

    Attributes
    ----------
    counts
        Records passed over, by reason: ``outside_regions``, ``filtered``, ``not_in_ids``, ``not_snp``.
    """

    def __init__(
        self,
        path: str,
        *,
        regions: RegionSet | None = None,
        regions_overlap: RegionsOverlap = "record",
        filters: Sequence[str] | None = None,
        ids: Collection[str] | None = None,
        snps_only: bool = False,
    ) -> None:
        if regions_overlap not in get_args(RegionsOverlap):
            raise UsageError(f"regions overlap {regions_overlap!r} is not one of {', '.join(get_args(RegionsOverlap))}")
        self.regions = regions
        self.regions_overlap = regions_overlap
        self.counts: Counter[str] = Counter()
        self._path = path
        self._last_site = ("", 0)
        self._filters = None if filters is None else {name.encode() for name in filters}
        self._ids = None if ids is None else {name.encode() for name in ids}
        self._snps_only = snps_only

    @property
    def keeps_all(self) -> bool:
        return self.regions is None and self._filters is None and self._ids is None and not self._snps_only

    @property
    def is_past_regions(self) -> bool:
        """Whether the last site seen lies behind all regions of its contig."""
        contig, position = self._last_site
        if self.regions is None or contig not in self.regions.intervals:
            return False
        return bool(position > self.regions.intervals[contig][1][-1])

    def keep(self, sites: VariantSites) -> NDArray[np.bool_]:
        """Whether to keep each of the sites; a record passed over is counted under its first reason."""
        kept = np.ones(len(sites), np.bool_)
        if self.regions is not None:
            self._narrow(kept, self._in_regions(self.regions, sites), "outside_regions")
        if self._filters is not None:
            self._narrow(kept, _names_one_of(sites, SPAN_FILTER, self._filters), "filtered")
        if self._ids is not None:
            self._narrow(kept, _names_one_of(sites, SPAN_ID, self._ids), "not_in_ids")
        if self._snps_only:
            is_snp = np.empty(len(sites), np.bool_)
            find_snps(sites.text, sites.spans, is_snp)
            self._narrow(kept, is_snp, "not_snp")
        return kept

    def _narrow(self, kept: NDArray[np.bool_], passes: NDArray[np.bool_], reason: str) -> None:
        self.counts[reason] += int(np.count_nonzero(kept & ~passes))
        kept &= passes

    def _in_regions(self, regions: RegionSet, sites: VariantSites) -> NDArray[np.bool_]:
        self._check_order(sites)
        first = last = sites.position
        if self.regions_overlap != "pos":
            last = np.empty(len(sites), np.int64)
            find_record_ends(sites.text, sites.spans, sites.position, last)
        if self.regions_overlap == "variant":
            prefix = np.empty(len(sites), np.int64)
            find_unchanged_prefix(sites.text, sites.spans, prefix)
            first = sites.position + prefix
        inside = np.zeros(len(sites), np.bool_)
        for number in np.unique(sites.contig):
            rows = np.flatnonzero(sites.contig == number)
            inside[rows] = regions.overlaps(sites.contigs[number], first[rows], last[rows])
        return inside

    def _check_order(self, sites: VariantSites) -> None:
        """An index finds the records of a region only where positions do not run backwards."""
        if not len(sites):
            return
        previous = self._last_site[1] if sites.chrom(0) == self._last_site[0] else 0
        before = np.concatenate(([previous], sites.position[:-1]))
        same_contig = np.concatenate(([True], sites.contig[1:] == sites.contig[:-1]))
        backwards = np.flatnonzero((sites.position < before) & same_contig)
        if backwards.size:
            row = int(backwards[0])
            chrom = sites.chrom(row)
            raise InputError(
                f"{chrom}:{sites.position[row]} follows {chrom}:{before[row]}: the file is not sorted",
                path=self._path,
                remedy="regions need a sorted file (bcftools sort, then bcftools index)",
            )
        self._last_site = (sites.chrom(len(sites) - 1), int(sites.position[-1]))


def _names_one_of(sites: VariantSites, span: int, wanted: set[bytes]) -> NDArray[np.bool_]:
    """Whether a field, a list separated by semicolons, holds one of the names.

    Asked once for a run of equal values: most records of a file have the same FILTER.
    """
    changes = np.empty(len(sites), np.bool_)
    find_changes(sites.text, sites.spans[:, span], changes)
    first_rows = np.flatnonzero(changes)
    answers = []
    for start, end in sites.spans[first_rows, span].tolist():
        value = sites.text[start:end].tobytes()
        answers.append(value in wanted or not wanted.isdisjoint(value.split(b";")))
    return np.repeat(np.array(answers, np.bool_), np.diff(np.append(first_rows, len(sites))))
