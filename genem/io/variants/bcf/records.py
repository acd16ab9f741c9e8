"""BCF2 records, as inflated bytes, to blocks of genotypes: the same values as from VCF text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.data import CALLS, N_SPANS, SPAN_INFO, Field, GenotypeBlock, VariantSites
from genem.errors import InputError
from genem.io.variants.bcf import kernels as field
from genem.io.variants.bcf import site_kernels as site
from genem.io.variants.bcf.errors import DAMAGED_REMEDY, finding
from genem.io.variants.bcf.header import read_dictionaries
from genem.io.variants.header import VariantHeader
from genem.io.variants.messages import place_of
from genem.io.variants.selection import RecordSelection

__all__ = ["BcfDecoder"]

MAX_INT8_ALLELES = 126


@dataclass(frozen=True, slots=True)
class _Records:
    """Records whose site part was checked; ``data`` is the buffer that ``layout`` points into."""

    data: NDArray[np.uint8]
    layout: NDArray[np.int64]
    sites: VariantSites

    def __getitem__(self, rows: slice | NDArray[np.bool_]) -> _Records:
        return _Records(self.data, self.layout[rows], self.sites.select(rows))

    def __len__(self) -> int:
        return len(self.sites)


class BcfDecoder:
    """Reads inflated BCF2, in runs that start at a record, into genotype blocks.

    Parameters
    ----------
    header
        Of the file.
    samples
        The samples to read, in the order wanted.
    with_calls, likelihoods
        What to read of them.
    selection
        Chooses the records; samples of the others are not looked at.
    path
        The file, for messages.
    max_cells
        No block holds more array cells (records x samples x ploidy or genotypes) than this, but for single records.

    Attributes
    ----------
    counts
        ``read`` and ``kept`` records, and ``without_GT`` etc.: records kept that lack a field asked for.

    Notes
    -----
    Of INFO only ``END`` is rendered, and only where it is not the end of REF; otherwise INFO is ``.``. A sample's
    number of likelihoods must be that of its ploidy and the record's alleles where GT tells the ploidy (two copies
    or more, or one that is called), otherwise that of any ploidy.
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
    ) -> None:
        self.counts: Counter[str] = Counter(read=0, kept=0)
        self._samples = samples
        self._with_calls = with_calls
        self._likelihoods = likelihoods
        self._names = [CALLS.name] * with_calls + ([] if likelihoods is None else [likelihoods.name])
        self._selection = selection
        self._path = path
        self._max_cells = max_cells
        self._n_samples = len(header.samples)
        place = {name: number for number, name in enumerate(header.samples)}
        self._columns = np.array([place[name] for name in samples], np.int64)
        self._all_in_order = samples == header.samples
        dictionaries = read_dictionaries(header.text, path)
        self._contig_names = dictionaries.contigs
        self._contigs = _Names(dictionaries.contigs)
        self._strings = _Names(dictionaries.strings)
        self._formats = ", ".join(header.formats)

    def decode(self, chunk: bytes | memoryview | NDArray[np.uint8]) -> tuple[Iterator[GenotypeBlock], int]:
        """The blocks of the whole records in a chunk, and the number of bytes these take up.

        At the end of the file the chunk must be used up; if it is not, raise :meth:`cut_short`.
        """
        data = np.frombuffer(chunk, np.uint8)
        n_records, n_bytes, code = site.count_records(data)
        return self._blocks(data, n_records, code), int(n_bytes)

    def cut_short(self) -> InputError:
        """The error for bytes at the end of the file that are less than a record."""
        place = f"record {self.counts['read'] + 1}"
        return InputError("the record is cut short", path=self._path, place=place, remedy=DAMAGED_REMEDY)

    def check_fields(self) -> None:
        """At the end of the file: refuse a field that no record had."""
        for name in self._names:
            if self.counts["kept"] and self.counts[f"without_{name}"] == self.counts["kept"] and self._samples:
                raise InputError(
                    f"FORMAT/{name} is in none of the records",
                    path=self._path,
                    remedy=f"the header declares {self._formats or 'no FORMAT field'}",
                )

    def _blocks(self, data: NDArray[np.uint8], n_records: int, code: int) -> Iterator[GenotypeBlock]:
        """Blocks in file order; a record that cannot be used ends them after the good records before it."""
        records, refused = self._read_sites(data, n_records)
        self.counts["read"] += len(records)
        if not self._selection.keeps_all:
            records = records[self._selection.keep(records.sites)]
        yield from self._split(records)
        if refused is None and code != site.OK:
            refused = self._refusal(code, self.counts["read"] + 1)
        if refused is not None:
            raise refused

    def _read_sites(self, data: NDArray[np.uint8], n_records: int) -> tuple[_Records, InputError | None]:
        """The records up to the first unusable one, and what is wrong with that."""
        first_record = self.counts["read"] + 1
        layout = np.empty((n_records, site.N_LAYOUT), np.int64)
        contig = np.empty(n_records, np.int32)
        position = np.empty(n_records, np.int64)
        n_alleles = np.empty(n_records, np.int32)
        code, n_good, value = site.parse_sites(
            data, self._n_samples, self._contigs.sizes, self._strings.sizes, layout, contig, position, n_alleles
        )
        refused = None if code == site.OK else self._refusal(code, first_record + n_good, value=value)
        layout, contig, position, n_alleles = layout[:n_good], contig[:n_good], position[:n_good], n_alleles[:n_good]
        text = np.empty(int(layout[:, site.TEXT_SIZE].sum()), np.uint8)
        spans = np.empty((n_good, N_SPANS, 2), np.int64)
        size = site.render_text(
            data,
            layout,
            contig,
            position,
            n_alleles,
            self._contigs.text,
            self._contigs.offsets,
            self._strings.text,
            self._strings.offsets,
            text,
            spans,
        )
        record = np.arange(first_record, first_record + n_good)
        sites = VariantSites(self._contig_names, contig, position, n_alleles, record, text[:size], spans)
        records = _Records(data, layout, sites)
        try:
            sites.text.tobytes().decode()
        except UnicodeDecodeError as error:
            n_good = int(np.searchsorted(spans[:, SPAN_INFO, 1], error.start, side="right"))
            return records[:n_good], self._refusal(site.DAMAGED, first_record + n_good)
        return records, refused

    def _split(self, records: _Records) -> Iterator[GenotypeBlock]:
        """Blocks of at most ``max_cells`` cells: records with many alleles or copies widen the whole array."""
        located = self._locate(records)
        width = np.zeros(len(records), np.int64)
        if self._with_calls:
            width = located[:, field.GENOTYPE_COUNT]
        if self._likelihoods is not None:
            width = np.maximum(width, located[:, field.LIKELIHOOD_COUNT])
        start = 0
        while start < len(records):
            widest = np.maximum.accumulate(width[start:])
            cells = widest * np.arange(1, widest.size + 1) * len(self._samples)
            stop = start + max(1, int(np.searchsorted(cells, self._max_cells, side="right")))
            block = self._read_samples(records[start:stop], located[start:stop])
            self.counts["kept"] += len(block)
            yield block
            start = stop

    def _locate(self, records: _Records) -> NDArray[np.int64]:
        located = np.empty((len(records), field.N_LOCATED), np.int64)
        code, row, value = field.locate_fields(
            records.data,
            records.layout,
            self._n_samples,
            self._strings.sizes,
            self._strings.number(CALLS.name),
            -1 if self._likelihoods is None else self._strings.number(self._likelihoods.name),
            self._likelihoods is None or not self._likelihoods.is_integer,
            located,
        )
        if code != site.OK:
            raise self._refusal(code, int(records.sites.record[row]), records.sites, row, value=value)
        return located

    def _read_samples(self, records: _Records, located: NDArray[np.int64]) -> GenotypeBlock:
        alleles = phased = likelihoods = n_likelihoods = None
        if self._with_calls:
            alleles, phased = self._read_genotypes(records, located)
            self.counts[f"without_{CALLS.name}"] += int(np.count_nonzero(located[:, field.GENOTYPE_START] == 0))
        name = None
        if self._likelihoods is not None:
            name = self._likelihoods.name
            likelihoods, n_likelihoods = self._read_likelihoods(records, located, self._likelihoods)
            self.counts[f"without_{name}"] += int(np.count_nonzero(located[:, field.LIKELIHOOD_START] == 0))
        return GenotypeBlock(records.sites, self._samples, alleles, phased, name, likelihoods, n_likelihoods)

    def _read_genotypes(
        self, records: _Records, located: NDArray[np.int64]
    ) -> tuple[NDArray[np.int8] | NDArray[np.int16], NDArray[np.bool_]]:
        sites = records.sites
        shape = len(sites), len(self._samples)
        dtype = np.int8 if sites.n_alleles.max() <= MAX_INT8_ALLELES else np.int16
        alleles = np.empty((*shape, max(1, int(located[:, field.GENOTYPE_COUNT].max()))), dtype)
        phased = np.empty(shape, np.bool_)
        code, row, sample, value, largest = field.decode_genotypes(
            records.data, located, sites.n_alleles, self._n_samples, self._columns, self._all_in_order, alleles, phased
        )
        if code != site.OK:
            raise self._refusal(code, int(sites.record[row]), sites, row, sample, value)
        return _first_cells(alleles, largest), phased

    def _read_likelihoods(
        self, records: _Records, located: NDArray[np.int64], wanted: Field
    ) -> tuple[NDArray[np.int32] | NDArray[np.float32], NDArray[np.int32]]:
        sites = records.sites
        shape = len(sites), len(self._samples)
        n_cells = max(1, int(located[:, field.LIKELIHOOD_COUNT].max()))
        n_values = np.empty(shape, np.int32)
        given = records.data, located, sites.n_alleles, self._n_samples, self._columns
        likelihoods: NDArray[np.int32] | NDArray[np.float32]
        if wanted.is_integer:
            likelihoods = np.empty((*shape, n_cells), np.int32)
            code, row, sample, value = field.decode_phred(*given, likelihoods, n_values)
        else:
            likelihoods = np.empty((*shape, n_cells), np.float32)
            code, row, sample, value = field.decode_float(*given, likelihoods.view(np.uint32), n_values)
        if code != site.OK:
            raise self._refusal(code, int(sites.record[row]), sites, row, sample, value)
        return _first_cells(likelihoods, int(n_values.max(initial=1))), n_values

    def _refusal(
        self,
        code: int,
        record: int,
        sites: VariantSites | None = None,
        row: int = 0,
        sample: int | None = None,
        value: int = 0,
    ) -> InputError:
        """The error that a kernel's end code stands for."""
        place = f"record {record}" if sites is None else place_of(sites, row)
        n_alleles = 0 if sites is None else int(sites.n_alleles[row])
        if sample is not None:
            place += f", sample {self._samples[sample]}"
        found, remedy = finding(
            code, value, n_samples=self._n_samples, n_alleles=n_alleles, likelihoods=self._likelihoods
        )
        return InputError(found, path=self._path, place=place, remedy=remedy)


class _Names:
    """A header dictionary laid end to end for the kernels."""

    def __init__(self, names: Sequence[str]) -> None:
        encoded = [name.encode() for name in names]
        self.text = np.frombuffer(b"".join(encoded), np.uint8)
        self.sizes = np.array([len(name) for name in encoded], np.int64)
        self.offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.sizes)])
        self._numbers = {name: number for number, name in enumerate(names)}

    def number(self, name: str) -> int:
        """The number of a name; -1 where the dictionary does not have it."""
        return self._numbers.get(name, -1)


def _first_cells(cells: NDArray[Any], n: int) -> NDArray[Any]:
    """The first ``n`` along the last axis, contiguous."""
    return cells if cells.shape[2] == n else np.ascontiguousarray(cells[:, :, :n])
