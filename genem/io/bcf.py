"""BCF2 records, as inflated bytes, to :class:`~genem.data.GenotypeBlock`: the same values as from VCF text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from genem.data import MISSING_PHRED, N_SPANS, GenotypeBlock, LikelihoodField, VariantSites
from genem.errors import InputError
from genem.io import bcf_kernels as field
from genem.io import bcf_site_kernels as site
from genem.io.bcf_header import BcfHeader

__all__ = ["BcfDecoder", "DecodedRecords", "SiteFilter"]

SiteFilter = Callable[[VariantSites, NDArray[np.int64]], NDArray[np.bool_]]
"""Which variants to decode the samples of, given the sites and the last reference base (1-based) of each."""

MAX_BLOCK_BYTES = 64 << 20
MAX_INT8_ALLELES = 126
DAMAGED_REMEDY = "the file is damaged; copy or make it again"
HEADER_REMEDY = "header and records do not belong together; make the file again with bcftools view -Ob"
TYPE_NAMES = {0: "Missing", 1: "Integer", 2: "Integer", 3: "Integer", 5: "Float", 7: "Character"}


@dataclass(frozen=True, slots=True)
class DecodedRecords:
    """What came out of the front of a buffer.

    Attributes
    ----------
    block
        The variants the site filter kept.
    n_bytes
        How many bytes of the buffer they and the variants left out among them took.
    n_records
        How many records that were.
    """

    block: GenotypeBlock
    n_bytes: int
    n_records: int


@dataclass(frozen=True, slots=True)
class _Records:
    """The complete records of a buffer, checked but not decoded."""

    data: NDArray[np.uint8]
    layout: NDArray[np.int64]
    sites: VariantSites


class BcfDecoder:
    """Decodes runs of records of one BCF file.

    Parameters
    ----------
    header
        The file's header.
    path
        What to call the file in messages.
    genotypes
        Whether GT is wanted.
    likelihood_field
        ``"PL"``, ``"GL"``, ``"GP"`` or None.
    samples
        Indices of the wanted samples in the header, in the wanted order; None for all.
    max_block_bytes
        Memory the genotype arrays of one block may take; a single record may exceed it.

    Notes
    -----
    INFO is not rendered: its span is empty. A sample's number of likelihoods must be that of its ploidy and the
    record's alleles, where GT tells the ploidy; otherwise that of any ploidy.
    """

    def __init__(
        self,
        header: BcfHeader,
        *,
        path: str | Path | None = None,
        genotypes: bool = True,
        likelihood_field: LikelihoodField | None = None,
        samples: Sequence[int] | None = None,
        max_block_bytes: int = MAX_BLOCK_BYTES,
    ) -> None:
        n_samples = len(header.samples)
        self.header = header
        self.path = path
        self.genotypes = genotypes
        self.likelihood_field: LikelihoodField | None = likelihood_field
        self.max_block_bytes = max_block_bytes
        self._selection = np.arange(n_samples) if samples is None else np.asarray(samples, np.int64)
        if self._selection.size and not (self._selection.min() >= 0 and self._selection.max() < n_samples):
            raise ValueError(f"sample indices must lie in 0..{n_samples - 1}")
        self._all_selected = bool(np.array_equal(self._selection, np.arange(n_samples)))
        self._samples = tuple(header.samples[index] for index in self._selection)
        self._contigs = _Names(header.contigs)
        self._strings = _Names(header.strings)

    def decode(
        self,
        data: bytes | bytearray | memoryview | NDArray[np.uint8],
        first_record: int = 1,
        *,
        keep: SiteFilter | None = None,
        final: bool = False,
    ) -> DecodedRecords:
        """Decode the complete records at the start of ``data``, as many as the block memory allows.

        Parameters
        ----------
        data
            Inflated bytes; a record starts at the first.
        first_record
            1-based number of that record in the file.
        keep
            Chooses variants by their sites; samples of the others are not looked at.
        final
            No more bytes follow ``data``: an incomplete record at its end is an error.

        Returns
        -------
        DecodedRecords
            With no record at all where ``data`` holds less than one.

        Raises
        ------
        InputError
            A record is damaged, cut short, or contradicts the header or itself.
        """
        records, n_bytes = self._checked_records(np.frombuffer(data, np.uint8), first_record, final)
        n_records = len(records.sites)
        rows = np.arange(n_records)
        if keep is not None:
            rows = np.flatnonzero(keep(records.sites, records.layout[:, site.LAST_POSITION]))
        located = self._locate(records, rows)
        n_fitting = self._n_fitting(located)
        if n_fitting < rows.size:
            n_records = int(rows[n_fitting])
            n_bytes = int(records.layout[n_records, site.RECORD_START])
            rows, located = rows[:n_fitting], located[:n_fitting]
        sites = _chosen(records.sites, rows)
        alleles, phased = self._genotypes(records.data, sites, located) if self.genotypes else (None, None)
        likelihoods, n_likelihoods = None, None
        if self.likelihood_field is not None:
            likelihoods, n_likelihoods = self._likelihoods(records.data, sites, located)
        block = GenotypeBlock(
            sites, self._samples, alleles, phased, self.likelihood_field, likelihoods, n_likelihoods
        )  # fmt: skip
        return DecodedRecords(block, n_bytes, n_records)

    def _checked_records(self, data: NDArray[np.uint8], first_record: int, final: bool) -> tuple[_Records, int]:
        n_records, n_bytes, code = site.count_records(data)
        if code != site.OK or (final and n_bytes < data.size):
            found = "the record is cut short" if code == site.OK else "the length of the record is impossible"
            raise InputError(found, path=self.path, place=f"record {first_record + n_records}", remedy=DAMAGED_REMEDY)
        layout = np.empty((n_records, site.N_LAYOUT), np.int64)
        contig = np.empty(n_records, np.int32)
        position = np.empty(n_records, np.int64)
        n_alleles = np.empty(n_records, np.int32)
        code, row, value = site.parse_sites(
            data, len(self.header.samples), self._contigs.sizes, self._strings.sizes,
            layout, contig, position, n_alleles,
        )  # fmt: skip
        if code != site.OK:
            self._refuse(code, first_record + row, value=value)
        text = np.empty(int(layout[:, site.TEXT_SIZE].sum()), np.uint8)
        spans = np.empty((n_records, N_SPANS, 2), np.int64)
        used = site.render_text(
            data, layout, contig, n_alleles,
            self._contigs.text, self._contigs.offsets, self._strings.text, self._strings.offsets, text, spans,
        )  # fmt: skip
        record = np.arange(first_record, first_record + n_records)
        sites = VariantSites(self.header.contigs, contig, position, n_alleles, record, text[:used], spans)
        self._check_encoding(sites)
        return _Records(data, layout, sites), int(n_bytes)

    def _check_encoding(self, sites: VariantSites) -> None:
        try:
            sites.text.tobytes().decode()
        except UnicodeDecodeError as error:
            row = int(np.searchsorted(sites.spans[:, -1, 1], error.start, side="right"))
            self._refuse(site.DAMAGED, int(sites.record[row]))

    def _locate(self, records: _Records, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        located = np.zeros((rows.size, field.N_LOCATED), np.int64)
        code, row, value = field.locate_fields(
            records.data, records.layout, rows, len(self.header.samples), self._strings.sizes,
            self._strings.number("GT"), self._strings.number(self.likelihood_field),
            self.likelihood_field in ("GL", "GP"), located,
        )  # fmt: skip
        if code != site.OK:
            self._refuse(code, int(records.sites.record[row]), records.sites, row, value=value)
        return located

    def _n_fitting(self, located: NDArray[np.int64]) -> int:
        """How many of the records fit into one block: its arrays are as wide as their widest record."""
        width = np.zeros(located.shape[0], np.int64)
        if self.genotypes:
            width += np.maximum.accumulate(located[:, field.GENOTYPE_COUNT])
        if self.likelihood_field is not None:
            width += 4 * np.maximum.accumulate(located[:, field.LIKELIHOOD_COUNT])
        needed = np.arange(1, width.size + 1) * width * self._selection.size
        return max(1, int(np.searchsorted(needed, self.max_block_bytes, side="right")))

    def _genotypes(
        self, data: NDArray[np.uint8], sites: VariantSites, located: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8] | NDArray[np.int16], NDArray[np.bool_]]:
        dtype = np.int16 if sites.n_alleles.max(initial=0) > MAX_INT8_ALLELES else np.int8
        n_copies = max(1, int(located[:, field.GENOTYPE_COUNT].max(initial=1)))
        shape = len(sites), self._selection.size
        alleles = np.empty((*shape, n_copies), dtype)
        phased = np.empty(shape, np.bool_)
        code, row, sample, value, largest = field.decode_genotypes(
            data, located, sites.n_alleles, len(self.header.samples), self._selection, self._all_selected,
            alleles, phased,
        )  # fmt: skip
        if code != site.OK:
            self._refuse(code, int(sites.record[row]), sites, row, sample, value)
        return _first_cells(alleles, largest), phased

    def _likelihoods(
        self, data: NDArray[np.uint8], sites: VariantSites, located: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32] | NDArray[np.float32], NDArray[np.int32]]:
        n_cells = max(1, int(located[:, field.LIKELIHOOD_COUNT].max(initial=1)))
        shape = len(sites), self._selection.size
        n_likelihoods = np.empty(shape, np.int32)
        given = data, located, sites.n_alleles, self._selection
        likelihoods: NDArray[np.int32] | NDArray[np.float32]
        if self.likelihood_field == "PL":
            likelihoods = np.full((*shape, n_cells), MISSING_PHRED, np.int32)
            code, row, sample, value = field.decode_phred(*given, likelihoods, n_likelihoods)
        else:
            likelihoods = np.full((*shape, n_cells), np.nan, np.float32)
            code, row, sample, value = field.decode_float(*given, likelihoods.view(np.uint32), n_likelihoods)
        if code != site.OK:
            self._refuse(code, int(sites.record[row]), sites, row, sample, value)
        largest = int(n_likelihoods.max(initial=1))
        return _first_cells(likelihoods, largest), n_likelihoods

    def _refuse(
        self,
        code: int,
        record: int,
        sites: VariantSites | None = None,
        row: int = 0,
        sample: int | None = None,
        value: int = 0,
    ) -> NoReturn:
        """Raise the InputError that a kernel's end code stands for."""
        place = f"record {record}"
        n_alts = 0
        if sites is not None:
            place += f" ({sites.chrom(row)}:{sites.position[row]})"
            n_alts = int(sites.n_alleles[row]) - 1
        if sample is not None:
            place += f", sample {self._samples[sample]}"
        likelihood = f"FORMAT/{self.likelihood_field}"
        wanted = "Float" if self.likelihood_field in ("GL", "GP") else "Integer"
        stored = TYPE_NAMES.get(value, f"type {value}")
        found, remedy = {
            site.DAMAGED: ("the record makes no sense", DAMAGED_REMEDY),
            site.BAD_CONTIG: (f"CHROM is contig number {value}, which the header does not name", HEADER_REMEDY),
            site.BAD_N_SAMPLES: (
                f"{value} samples in the record, {len(self.header.samples)} in the header", HEADER_REMEDY
            ),
            site.NO_REF: ("no REF allele", DAMAGED_REMEDY),
            site.BAD_FILTER: (f"FILTER number {value} is not in the header", HEADER_REMEDY),
            field.BAD_FORMAT_KEY: (f"FORMAT number {value} is not in the header", HEADER_REMEDY),
            field.BAD_GENOTYPE_TYPE: (f"FORMAT/GT is stored as {stored}, Integer expected", DAMAGED_REMEDY),
            field.BAD_LIKELIHOOD_TYPE: (
                f"{likelihood} is stored as {stored}, {wanted} expected", f"declare it with Type={wanted} in the header"
            ),
            field.BAD_GENOTYPE: (f"FORMAT/GT holds the impossible code {value}", DAMAGED_REMEDY),
            field.ALLELE_BEYOND_ALT: (
                f"FORMAT/GT has allele {value}, but the record has {n_alts} ALT", "re-run bcftools norm"
            ),
            field.NEGATIVE_LIKELIHOOD: (f"{likelihood} has the negative value {value}", "leave the record out"),
            field.BAD_LIKELIHOOD_COUNT: (
                f"{likelihood} has {value} values, which is not the number of genotypes of {n_alts + 1} alleles",
                "re-run bcftools norm or use --field GT",
            ),
        }[code]  # fmt: skip
        raise InputError(found, path=self.path, place=place, remedy=remedy)


class _Names:
    """A header dictionary laid end to end for the kernels."""

    def __init__(self, names: Sequence[str]) -> None:
        encoded = [name.encode() for name in names]
        self.text = np.frombuffer(b"".join(encoded), np.uint8)
        self.sizes = np.array([len(name) for name in encoded], np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(self.sizes)])
        self._numbers = {name: number for number, name in enumerate(names)}

    def number(self, name: str | None) -> int:
        """The number of a name; -1 where the dictionary does not have it."""
        return -1 if name is None else self._numbers.get(name, -1)


def _chosen(sites: VariantSites, rows: NDArray[np.int64]) -> VariantSites:
    if rows.size == len(sites):
        return sites
    return VariantSites(
        sites.contigs,
        sites.contig[rows],
        sites.position[rows],
        sites.n_alleles[rows],
        sites.record[rows],
        sites.text,
        sites.spans[rows],
    )


def _first_cells(cells: NDArray[Any], n: int) -> NDArray[Any]:
    """The first ``n`` along the last axis, contiguous."""
    return cells if cells.shape[2] == n else cells[:, :, :n].copy()
