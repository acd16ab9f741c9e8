"""Reading variants: any VCF or BCF, whole or by region, as a stream of genotype blocks of bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from genem.data import CALLS, FIELDS, LIKELIHOODS, Field, GenotypeBlock
from genem.errors import InputError, UsageError
from genem.io.files.bgzf import TRUNCATED_REMEDY, Bytes, Compression, InflatedInput
from genem.io.variants.bcf.header import MAGIC, bcf_contigs, split_header
from genem.io.variants.bcf.records import BcfDecoder
from genem.io.variants.bcf.text import BcfTextDecoder
from genem.io.variants.header import NO_COLUMNS_REMEDY, VariantHeader, parse_header, select_samples
from genem.io.variants.index import load_index
from genem.io.variants.selection import RecordSelection, RegionLike, RegionSet, RegionsOverlap, resolve_regions
from genem.io.variants.vcf.text import VcfTextDecoder

__all__ = ["VariantReader", "open_variants"]

BLOCK_BYTES = 4 << 20
MAX_CELLS = 16 << 20
FIRST_TAKE = 1 << 16
COLUMNS_LINE = re.compile(rb"^#CHROM[^\n]*\n", re.MULTILINE)
NOT_HEADER = re.compile(rb"^[^#\r\n]", re.MULTILINE)


class _Decoder(Protocol):
    @property
    def counts(self) -> Counter[str]:
        """Records read and kept, and those kept without a field asked for."""

    def decode(self, chunk: memoryview) -> tuple[Iterator[GenotypeBlock], int]:
        """The blocks of the whole records in a chunk, and the number of bytes these take up."""

    def cut_short(self) -> InputError:
        """The error for bytes at the end of the file that are less than a record."""

    def check_fields(self) -> None:
        """At the end of the file: refuse a field that no record had."""


def open_variants(
    path: str | Path,
    *,
    fields: Sequence[str] = (CALLS.name,),
    regions: Iterable[RegionLike] | None = None,
    regions_overlap: RegionsOverlap = "record",
    samples: Sequence[str] | None = None,
    exclude_samples: bool = False,
    filters: Sequence[str] | None = None,
    ids: Collection[str] | None = None,
    snps_only: bool = False,
    threads: int = 1,
    block_bytes: int = BLOCK_BYTES,
    keep_lines: bool = False,
) -> VariantReader:
    """Open a VCF or BCF file for reading.

    Plain text, gzip, BGZF and BCF are recognised by their first bytes. Checksums and the end-of-file marker are
    verified; any record that cannot be read is an error that names it, never skipped.

    Parameters
    ----------
    path
        The file, or ``-`` for standard input.
    fields
        FORMAT fields to read: ``GT``, and at most one of ``PL``, ``GL``, ``GP``. None of them: sites only.
    regions
        Read only these: strings as in bcftools (``chr``, ``chr:pos``, ``chr:from-to``, 1-based), ``Region``
        objects, or tuples (contig, first, last). Needs a sorted BGZF file with its index; only the blocks that
        hold the regions are read. Overlapping regions give no record twice; records come in file order.
    regions_overlap
        What must overlap a region: ``pos`` (POS itself), ``record`` (POS to the end of REF or INFO/END) or
        ``variant`` (the bases that an ALT allele changes).
    samples
        Samples to read, in the order wanted; None: all. With ``exclude_samples``: all but these.
    filters
        Keep records whose FILTER names one of these (``PASS``, ``.`` too).
    ids
        Keep records with one of these identifiers.
    snps_only
        Keep records whose REF and ALT alleles all are single bases.
    threads
        With 2 or more, that many threads inflate BGZF blocks ahead of the scan. The blocks do not depend on it.
    block_bytes
        Inflated bytes scanned at a time; at least one record is. Bounds the memory.
    keep_lines
        Give the blocks their records as VCF text, too.

    Returns
    -------
    VariantReader
        A context manager, and an iterable of :class:`~genem.data.GenotypeBlock`.

    Raises
    ------
    InputError
        The file cannot be read as VCF or BCF, or lacks the index that ``regions`` need.
    UsageError
        An unknown field, sample or contig is asked for.

    Examples
    --------
    >>> with open_variants("data/population.vcf.gz") as reader:
    ...     n_variants = sum(len(block) for block in reader)
    >>> n_variants, len(reader.samples)
    (593, 180)
    """
    return VariantReader(
        path,
        fields=fields,
        regions=regions,
        regions_overlap=regions_overlap,
        samples=samples,
        exclude_samples=exclude_samples,
        filters=filters,
        ids=ids,
        snps_only=snps_only,
        threads=threads,
        block_bytes=block_bytes,
        keep_lines=keep_lines,
    )


class VariantReader:
    """A VCF or BCF file being read; made by :func:`open_variants`.

    To be iterated over once. The arrays of a block are its own: they stay valid when the next one is read.

    Attributes
    ----------
    header
        What the file says of itself.
    samples
        The samples being read, in array order.
    counts
        Records so far: ``read`` and ``kept``; passed over by reason (``outside_regions``, ``filtered``,
        ``not_in_ids``, ``not_snp``); kept without a field asked for (``without_GT``, ``without_PL``, ...), whose
        samples all are missing. With regions only the records of the blocks read are counted.
    """

    header: VariantHeader
    samples: tuple[str, ...]

    def __init__(
        self,
        path: str | Path,
        *,
        fields: Sequence[str],
        regions: Iterable[RegionLike] | None,
        regions_overlap: RegionsOverlap,
        samples: Sequence[str] | None,
        exclude_samples: bool,
        filters: Sequence[str] | None,
        ids: Collection[str] | None,
        snps_only: bool,
        threads: int,
        block_bytes: int,
        keep_lines: bool,
    ) -> None:
        likelihoods = _likelihoods(fields)
        if block_bytes < 1:
            raise UsageError(f"blocks of {block_bytes} bytes; 1 is the least")
        self._block_bytes = block_bytes
        self._input = InflatedInput(path, threads=threads)
        try:
            self._bytes = _ByteQueue(self._input.pieces(ahead=regions is None))
            self.header, self._is_bcf = self._read_header()
            name = self._input.name
            wanted = None if samples is None else list(samples)
            self.samples = select_samples(self.header, wanted, exclude=exclude_samples, path=name)
            self._stretches: list[tuple[int, int]] | None = None
            region_set = None
            if regions is not None:
                region_set, self._stretches = self._find_regions(regions)
            self._selection = RecordSelection(
                name,
                regions=region_set,
                regions_overlap=regions_overlap,
                filters=filters,
                ids=ids,
                snps_only=snps_only,
            )
            self._decoder = self._make_decoder(
                with_calls=CALLS.name in fields,
                likelihoods=likelihoods,
                selection=self._selection,
                path=name,
                max_cells=MAX_CELLS,
                keep_lines=keep_lines,
            )
        except BaseException:
            self.close()
            raise

    @property
    def counts(self) -> dict[str, int]:
        return {**self._decoder.counts, **self._selection.counts}

    @property
    def total_bytes(self) -> int | None:
        """The size of the input in bytes, as stored; None where that is unknown, or only regions are read."""
        return None if self._stretches is not None else self._input.total_bytes

    @property
    def bytes_read(self) -> int:
        """The place of the reader in the input, in bytes as stored (0 for a pipe)."""
        return self._input.bytes_read

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._input.close()

    def __iter__(self) -> Iterator[GenotypeBlock]:
        if self._stretches is None:
            yield from self._blocks(self._bytes, self._block_bytes)
        else:
            for begin, end in self._stretches:
                yield from self._blocks(_ByteQueue(self._input.pieces_between(begin, end)), FIRST_TAKE)
        self._decoder.check_fields()

    def _make_decoder(self, *, keep_lines: bool, **options: Any) -> _Decoder:
        if not self._is_bcf:
            return VcfTextDecoder(self.header, self.samples, keep_lines=keep_lines, **options)
        if keep_lines:
            return BcfTextDecoder(self.header, self.samples, keep_lines=True, **options)
        return BcfDecoder(self.header, self.samples, **options)

    def _blocks(self, source: _ByteQueue, first_take: int) -> Iterator[GenotypeBlock]:
        """The blocks of a run of records. The first chunk may be small, for a region that ends soon."""
        wanted = min(first_take, self._block_bytes)
        while True:
            chunk, is_last = source.take(wanted)
            if is_last and not self._is_bcf and bytes(chunk[-1:]) not in (b"", b"\n"):
                chunk = memoryview(bytearray(chunk) + b"\n")
            blocks, n_bytes = self._decoder.decode(chunk)
            yield from blocks
            if is_last:
                if n_bytes < len(chunk):
                    raise self._decoder.cut_short()
                return
            if n_bytes and self._selection.is_past_regions:
                return
            # No whole record: ask for twice as much, so that the bytes of a long one are searched few times.
            wanted = min(2 * wanted, self._block_bytes) if n_bytes else 2 * wanted
            source.keep_after(n_bytes)

    def _read_header(self) -> tuple[VariantHeader, bool]:
        """Read the header; whether the file is BCF."""
        path = self._input.name
        size = FIRST_TAKE
        while True:
            taken, is_last = self._bytes.take(size)
            data = bytes(taken)
            if not data:
                raise InputError("is empty", path=path)
            if data.startswith(MAGIC):
                split = split_header(data, path)
                if split is None and is_last:
                    raise InputError("the header is cut short", path=path, remedy=TRUNCATED_REMEDY)
                if split is not None:
                    text, n_bytes = split
                    self._bytes.keep_after(n_bytes)
                    return parse_header(text, path), True
                size = 2 * len(data)
                continue
            if not data.startswith(b"#"):
                raise InputError(f"starts with {data[:12]!r}: not a VCF or BCF file", path=path)
            columns = COLUMNS_LINE.search(data + b"\n" if is_last else data)
            strange = NOT_HEADER.search(data)
            if strange and (columns is None or strange.start() < columns.start()):
                line = data.count(b"\n", 0, strange.start()) + 1
                raise InputError(
                    "no #CHROM line before the first record", path=path, place=f"line {line}", remedy=NO_COLUMNS_REMEDY
                )
            if columns is not None:
                self._bytes.keep_after(min(columns.end(), len(data)))
                return parse_header(_decoded(columns.string[: columns.end()], path), path), False
            if is_last:
                raise InputError("no #CHROM line", path=path, remedy=NO_COLUMNS_REMEDY)
            size = 2 * len(data)

    def _find_regions(self, regions: Iterable[RegionLike]) -> tuple[RegionSet, list[tuple[int, int]]]:
        """The regions, and the stretches of the file that hold them, in file order."""
        path = self._input.name
        if self._input.compression is not Compression.BGZF or not self._input.is_regular_file:
            found = "standard input" if self._input.is_standard_input else f"a {self._input.compression.value} file"
            raise InputError(
                f"regions need an indexed BGZF file, not {found}",
                path=path,
                remedy="compress with bgzip (or bcftools view -Oz), then run bcftools index",
            )
        index = load_index(path, contigs=bcf_contigs(path) if self._is_bcf else None)
        if index is None:
            raise InputError("regions need an index", path=path, remedy="run bcftools index on the file")
        region_set = RegionSet.of(resolve_regions(regions, tuple(dict.fromkeys(self.header.contigs + index.contigs))))
        stretches = []
        for contig, (starts, ends) in region_set.intervals.items():
            of_contig = []
            for first, last in zip(starts.tolist(), ends.tolist(), strict=True):
                of_contig += index.chunks(contig, max(0, first - 1), last)
            stretches += _joined(of_contig)
        return region_set, sorted(stretches)


class _ByteQueue:
    """Pieces of bytes laid end to end in one buffer, which is used again and again: new memory costs more."""

    def __init__(self, pieces: Iterator[Bytes]) -> None:
        self._pieces = pieces
        self._buffer = memoryview(bytearray(FIRST_TAKE))
        self._size = 0

    def take(self, size: int) -> tuple[memoryview, bool]:
        """The first ``size`` bytes of what was kept and what follows, and whether nothing comes after them.

        The bytes are good until the next call.
        """
        while self._size <= size:
            piece = next(self._pieces, None)
            if piece is None:
                return self._buffer[: self._size], True
            end = self._size + len(piece)
            if end > len(self._buffer):
                larger = memoryview(bytearray(max(end, size + FIRST_TAKE)))
                larger[: self._size] = self._buffer[: self._size]
                self._buffer = larger
            self._buffer[self._size : end] = piece
            self._size = end
        return self._buffer[:size], False

    def keep_after(self, n_bytes: int) -> None:
        """Forget the first bytes of what was taken; the rest comes again."""
        rest = self._size - n_bytes
        self._buffer[:rest] = self._buffer[n_bytes : self._size]
        self._size = rest


def _likelihoods(fields: Sequence[str]) -> Field | None:
    for name in fields:
        if name not in FIELDS:
            raise UsageError(f"field {name!r} is not one of {', '.join(FIELDS)}")
    likelihoods = [name for name in fields if name in LIKELIHOODS]
    if len(likelihoods) > 1:
        raise UsageError(f"one likelihood field at a time, not {' and '.join(likelihoods)}")
    return LIKELIHOODS[likelihoods[0]] if likelihoods else None


def _decoded(header: bytes, path: str) -> str:
    try:
        return header.decode()
    except UnicodeDecodeError as error:
        raise InputError("the header is not UTF-8 text", path=path, place=f"byte {error.start}") from error


def _joined(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of a file in ascending order, joined where they overlap or touch."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(stretches):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
