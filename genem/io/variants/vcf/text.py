"""Chunks of VCF text to blocks of genotypes: arrays around the kernels, and messages for malformed records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import CALLS, MISSING_PHRED, N_SPANS, SPAN_CHROM, SPAN_INFO, Field, GenotypeBlock, VariantSites
from genem.errors import InputError
from genem.io.variants.header import VariantHeader
from genem.io.variants.messages import VALUE_REMEDY, place_of
from genem.io.variants.selection import RecordSelection
from genem.io.variants.vcf import kernels as codes
from genem.io.variants.vcf.errors import malformed_record, shown
from genem.io.variants.vcf.genotype_kernels import scan_genotypes
from genem.io.variants.vcf.kernels import find_format_key, find_lines, pack_sites, scan_sites
from genem.io.variants.vcf.likelihood_kernels import scan_likelihoods

__all__ = ["VcfTextDecoder"]

MAX_INT8_ALLELES = 126
USUAL_PLOIDY = 2
SHORTEST_RECORD = 16
LAST_ASCII = 127
FEW_SLOW_DECIMALS = 256
LARGEST_DECIMAL = float(np.finfo(np.float32).max)
DECIMAL = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MINUS_INFINITY = re.compile(rb"-inf(inity)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Records found in a chunk of text, before their samples are read."""

    sites: VariantSites
    line_ends: NDArray[np.int64]
    format_spans: NDArray[np.int64]

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> _Rows:
        return _Rows(self.sites.select(rows), self.line_ends[rows], self.format_spans[rows])

    def __len__(self) -> int:
        return len(self.sites)


class VcfTextDecoder:
    """Reads chunks of VCF text, each a run of whole lines, into genotype blocks.

    Parameters
    ----------
    header
        Of the file.
    samples
        The samples to read, in the order wanted.
    with_calls, likelihoods
        What to read of them.
    selection
        Chooses the records.
    path
        The file, for messages.
    max_cells
        No block holds more array cells (records x samples x ploidy or genotypes) than this, but for single records.
    keep_lines
        Whether the blocks carry the text of their records.

    Attributes
    ----------
    counts
        ``read`` and ``kept`` records, and ``without_GT`` etc.: records kept that lack a field asked for.
    """

    def __init__(
        self,
        header: VariantHeader,
        samples: tuple[str, ...],
        *,
        with_calls: bool,
        likelihoods: Field | None,
        selection: RecordSelection,
        path: str,
        max_cells: int,
        keep_lines: bool = False,
    ) -> None:
        self.counts: Counter[str] = Counter(read=0, kept=0)
        self._header = header
        self._samples = samples
        self._with_calls = with_calls
        self._likelihoods = likelihoods
        self._names = [CALLS.name] * with_calls + ([] if likelihoods is None else [likelihoods.name])
        self._selection = selection
        self._path = path
        self._max_cells = max_cells
        self._keep_lines = keep_lines
        self._in_file_order = samples == header.samples
        place = {name: number for number, name in enumerate(samples)}
        self._column_target = np.array([place.get(name, -1) for name in header.samples], np.int64)
        self._contig_number = {name: number for number, name in enumerate(header.contigs)}
        self._ploidy = USUAL_PLOIDY
        self._first_formats: str | None = None

    def decode(self, chunk: memoryview) -> tuple[Iterator[GenotypeBlock], int]:
        """The blocks of the whole lines in a chunk, and the number of bytes these take up."""
        text = np.frombuffer(chunk, np.uint8)
        starts, ends, consumed = self._lines(text)
        return self._blocks(text, starts, ends), consumed

    def _lines(self, text: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
        capacity = text.size // (SHORTEST_RECORD + 2 * len(self._header.samples)) + 1
        while True:
            starts, ends = np.empty(capacity, np.int64), np.empty(capacity, np.int64)
            n_lines, consumed = find_lines(text, starts, ends)
            if n_lines <= capacity:
                return starts[:n_lines], ends[:n_lines], consumed
            capacity = n_lines

    def _blocks(
        self, text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> Iterator[GenotypeBlock]:
        """Blocks in file order; a malformed record ends them after the good records before it."""
        error = np.zeros(codes.N_ERROR, np.int64)
        rows = self._scan_sites(text, starts, ends, error)
        self.counts["read"] += len(rows)
        if not self._selection.keeps_all:
            rows = rows[self._selection.keep(rows.sites)]
        yield from self._split(rows)
        if error[codes.ERROR_CODE] != codes.FINE:
            line = text[starts[error[codes.ERROR_ROW]] : ends[error[codes.ERROR_ROW]]].tobytes()
            place = _place_of_line(line, self.counts["read"] + 1)
            raise malformed_record(
                error, text, path=self._path, place=place, samples=self._header.samples, n_alleles=0, field=""
            )

    def _scan_sites(
        self, text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], error: NDArray[np.int64]
    ) -> _Rows:
        n_lines = len(starts)
        spans = np.empty((n_lines, N_SPANS, 2), np.int64)
        format_spans = np.empty((n_lines, 2), np.int64)
        position = np.empty(n_lines, np.int64)
        n_alleles = np.empty(n_lines, np.int32)
        same_contig = np.empty(n_lines, np.bool_)
        n_good = scan_sites(
            text,
            starts,
            ends,
            self._header.has_format,
            len(self._header.samples) > 0,
            spans,
            format_spans,
            position,
            n_alleles,
            same_contig,
            error,
        )
        contig = self._number_contigs(text, spans[:n_good, SPAN_CHROM], same_contig[:n_good])
        first_record = self.counts["read"] + 1
        sites = VariantSites(
            tuple(self._contig_number),
            contig,
            position[:n_good],
            n_alleles[:n_good],
            np.arange(first_record, first_record + n_good),
            text,
            spans[:n_good],
        )
        return _Rows(sites, ends[:n_good], format_spans[:n_good])

    def _number_contigs(
        self, text: NDArray[np.uint8], chrom_spans: NDArray[np.int64], same_contig: NDArray[np.bool_]
    ) -> NDArray[np.int32]:
        changes = np.flatnonzero(~same_contig)
        numbers = np.empty(len(changes), np.int32)
        for change, (start, end) in enumerate(chrom_spans[changes].tolist()):
            name = text[start:end].tobytes().decode(errors="replace")
            numbers[change] = self._contig_number.setdefault(name, len(self._contig_number))
        return np.repeat(numbers, np.diff(np.append(changes, len(same_contig))))

    def _split(self, rows: _Rows) -> Iterator[GenotypeBlock]:
        """Blocks of at most ``max_cells`` cells: records with many alleles or copies widen the whole array."""
        if len(rows) == 0:
            return
        block = self._read_samples(rows) if self._fits(rows, self._expected_width(rows)) else None
        if block is None:
            middle = len(rows) // 2
            yield from self._split(rows[:middle])
            yield from self._split(rows[middle:])
            return
        self.counts["kept"] += len(rows)
        yield block

    def _fits(self, rows: _Rows, width: int) -> bool:
        return len(rows) == 1 or len(rows) * len(self._samples) * width <= self._max_cells

    def _expected_width(self, rows: _Rows) -> int:
        n_alleles = int(rows.sites.n_alleles.max())
        n_genotypes = comb(n_alleles + USUAL_PLOIDY - 1, USUAL_PLOIDY) if self._likelihoods else 0
        return max(self._ploidy if self._with_calls else 0, n_genotypes)

    def _read_samples(self, rows: _Rows) -> GenotypeBlock | None:
        """The block of these records, or None where it would be too large."""
        gt_index = self._field_index(rows, CALLS.name)
        alleles = phased = likelihoods = n_likelihoods = name = None
        if self._with_calls:
            calls = self._read_genotypes(rows, gt_index)
            if calls is None:
                return None
            alleles, phased = calls
        if self._likelihoods is not None:
            name = self._likelihoods.name
            field_index = self._field_index(rows, name)
            values = self._read_likelihoods(rows, self._likelihoods, field_index, gt_index)
            if values is None:
                return None
            likelihoods, n_likelihoods = values
            self._count_absent(rows, name, field_index)
        if self._with_calls:
            self._count_absent(rows, CALLS.name, gt_index)
        lines = _lines_of(rows) if self._keep_lines else None
        sites = _packed(rows.sites)
        self._check_encoding(sites)
        return GenotypeBlock(sites, self._samples, alleles, phased, name, likelihoods, n_likelihoods, lines)

    def _check_encoding(self, sites: VariantSites) -> None:
        if sites.text.max(initial=0) <= LAST_ASCII:
            return
        try:
            sites.text.tobytes().decode()
        except UnicodeDecodeError as error:
            row = int(np.searchsorted(sites.spans[:, SPAN_INFO, 1], error.start, side="right"))
            raise InputError("the record is not UTF-8 text", path=self._path, place=place_of(sites, row)) from error

    def _field_index(self, rows: _Rows, name: str) -> NDArray[np.int64]:
        index = np.full(len(rows), -1, np.int64)
        if self._header.has_format:
            find_format_key(rows.sites.text, rows.format_spans, ord(name[0]), ord(name[1]), index)
        return index

    def _count_absent(self, rows: _Rows, name: str, index: NDArray[np.int64]) -> None:
        absent = int(np.count_nonzero(index < 0))
        self.counts[f"without_{name}"] += absent
        if self._first_formats is None:
            start, end = rows.format_spans[0]
            self._first_formats = rows.sites.text[start:end].tobytes().decode(errors="replace").replace(":", ", ")
        declared = name in self._header.formats
        if index[0] < 0 and self.counts["kept"] == 0 and not declared:
            raise self._field_missing(name, "is not declared, and the first record lacks it")

    def cut_short(self) -> InputError:
        """The error for bytes at the end of the file that are less than a line."""
        place = f"record {self.counts['read'] + 1}"
        return InputError("the line has no end", path=self._path, place=place)

    def check_fields(self) -> None:
        """At the end of the file: refuse a field that no record had."""
        for name in self._names:
            if self.counts["kept"] and self.counts[f"without_{name}"] == self.counts["kept"] and self._samples:
                raise self._field_missing(name, "is in none of the records")

    def _field_missing(self, name: str, how: str) -> InputError:
        return InputError(f"FORMAT/{name} {how}", path=self._path, remedy=f"the first record has {self._first_formats}")

    def _read_genotypes(
        self, rows: _Rows, gt_index: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8] | NDArray[np.int16], NDArray[np.bool_]] | None:
        sites = rows.sites
        shape = (len(rows), len(self._samples))
        dtype = np.int8 if sites.n_alleles.max() <= MAX_INT8_ALLELES else np.int16
        error = np.zeros(codes.N_ERROR, np.int64)
        phased = np.empty(shape, np.bool_)
        room = self._ploidy
        while True:
            alleles = np.empty((*shape, room), dtype)
            ploidy = scan_genotypes(
                sites.text,
                rows.format_spans,
                rows.line_ends,
                gt_index,
                sites.n_alleles,
                self._column_target,
                self._in_file_order,
                alleles,
                phased,
                error,
            )
            self._check(error, rows, CALLS.name)
            if ploidy <= room:
                break
            if not self._fits(rows, ploidy):
                return None
            room = ploidy
        self._ploidy = max(USUAL_PLOIDY, ploidy)
        return _first_cells(alleles, ploidy), phased

    def _read_likelihoods(
        self, rows: _Rows, field: Field, field_index: NDArray[np.int64], gt_index: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32] | NDArray[np.float32], NDArray[np.int32]] | None:
        sites = rows.sites
        shape = (len(rows), len(self._samples))
        decimal = not field.is_integer
        error = np.zeros(codes.N_ERROR, np.int64)
        n_values = np.empty(shape, np.int32)
        room, slow_room = self._expected_width(rows), FEW_SLOW_DECIMALS
        while True:
            phred = np.full((*shape, room) if not decimal else (*shape, 0), MISSING_PHRED, np.int32)
            decimals = np.full((*shape, room) if decimal else (*shape, 0), np.nan, np.float32)
            slow = np.empty((slow_room, 5), np.int64)
            widest, n_slow = scan_likelihoods(
                sites.text,
                rows.format_spans,
                rows.line_ends,
                field_index,
                gt_index,
                sites.n_alleles,
                self._column_target,
                decimal,
                phred,
                decimals,
                n_values,
                slow,
                error,
            )
            self._check(error, rows, field.name)
            if widest <= room and n_slow <= slow_room:
                break
            if not self._fits(rows, widest):
                return None
            room, slow_room = max(room, widest), max(slow_room, n_slow)
        self._fill_slow_decimals(rows, field.name, decimals, slow[:n_slow])
        return _first_cells(decimals if decimal else phred, widest), n_values

    def _fill_slow_decimals(
        self, rows: _Rows, field: str, decimals: NDArray[np.float32], slow: NDArray[np.int64]
    ) -> None:
        """Decimals that the kernel left to Python: those with many digits or large exponents, and malformed ones."""
        for row, sample, genotype, start, end in slow.tolist():
            text = rows.sites.text[start:end].tobytes()
            value = float(text) if DECIMAL.fullmatch(text) else np.nan
            if abs(value) <= LARGEST_DECIMAL or MINUS_INFINITY.fullmatch(text):
                decimals[row, sample, genotype] = float(text)
                continue
            place = f"{place_of(rows.sites, row)}, sample {self._samples[sample]}"
            raise InputError(
                f"FORMAT/{field} has the value {shown(text)}, which is not a finite number",
                path=self._path,
                place=place,
                remedy=VALUE_REMEDY,
            )

    def _check(self, error: NDArray[np.int64], rows: _Rows, field: str) -> None:
        if error[codes.ERROR_CODE] != codes.FINE:
            row = int(error[codes.ERROR_ROW])
            raise malformed_record(
                error,
                rows.sites.text,
                path=self._path,
                place=place_of(rows.sites, row),
                samples=self._header.samples,
                n_alleles=int(rows.sites.n_alleles[row]),
                field=field,
            )


def _place_of_line(line: bytes, record: int) -> str:
    """The place of a record that could not be read as one: as much of its CHROM and POS as there is."""
    columns = [shown(column).strip("'") for column in line.split(b"\t", 2)[:2]]
    return f"record {record} ({':'.join(columns)})"


def _first_cells(cells: NDArray[Any], n: int) -> NDArray[Any]:
    """The first ``n`` along the last axis, contiguous."""
    return cells if cells.shape[2] == n else cells[:, :, :n].copy()


def _lines_of(rows: _Rows) -> tuple[bytes, ...]:
    """The records as text, to be taken before their spans are packed."""
    text, starts = rows.sites.text, rows.sites.spans[:, SPAN_CHROM, 0]
    return tuple(text[start:end].tobytes() for start, end in zip(starts, rows.line_ends, strict=True))


def _packed(sites: VariantSites) -> VariantSites:
    """The same sites on a text of their own, so that a block does not keep the text of its samples alive."""
    spans = np.ascontiguousarray(sites.spans)
    size = int((spans[:, SPAN_INFO, 1] - spans[:, SPAN_CHROM, 0]).sum())
    packed = np.empty(size, np.uint8)
    pack_sites(sites.text, spans, packed)
    return VariantSites(sites.contigs, sites.contig, sites.position, sites.n_alleles, sites.record, packed, spans)
