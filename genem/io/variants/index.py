"""Tabix (TBI) and CSI indexes: which stretches of a BGZF file hold the records of a region.

Both formats file every record under the smallest *bin* that contains it (bins are a tree of intervals, eight
children each) and list the stretches of the file (*chunks*, pairs of virtual offsets) of every bin. The linear
index of TBI and the ``loffset`` of CSI bins say in addition before which offset nothing overlaps a position.
Li (2011), Bioinformatics 27:718, doi:10.1093/bioinformatics/btq671.
"""

from __future__ import annotations

import gzip
import logging
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError

__all__ = ["ContigIndex", "VariantIndex", "find_index", "load_index"]

logger = logging.getLogger("genem")

SUFFIXES = (".csi", ".tbi")
TBI_MIN_SHIFT, TBI_DEPTH = 14, 5
COLUMNS_SIZE = 24  # which columns of the file hold what: always the same in VCF
TBI_BIN, CSI_BIN = struct.Struct("<Ii"), struct.Struct("<Iqi")
CHUNK_SIZE = 16
NO_OFFSET = -1
REMEDY = "make the index again (tabix -p vcf or bcftools index)"


@dataclass(frozen=True, slots=True)
class ContigIndex:
    """The part of an index that is about one contig. Positions are 0-based, offsets are BGZF virtual offsets.

    Attributes
    ----------
    bin_start, bin_end
        int64 (bin,): the half-open interval each bin covers.
    chunk_bin, chunk_begin, chunk_end
        int64 (chunk,): row of the bin each chunk belongs to, and its half-open offsets.
    skip_position, skip_offset
        int64 (landmark,), both ascending: a record that overlaps ``skip_position`` or anything after it lies at
        ``skip_offset`` or later.
    n_records
        Number of records, or None where the index does not say.
    """

    bin_start: NDArray[np.int64]
    bin_end: NDArray[np.int64]
    chunk_bin: NDArray[np.int64]
    chunk_begin: NDArray[np.int64]
    chunk_end: NDArray[np.int64]
    skip_position: NDArray[np.int64]
    skip_offset: NDArray[np.int64]
    n_records: int | None

    def chunks(self, start: int, end: int | None) -> list[tuple[int, int]]:
        """Stretches of the file that hold every record overlapping [start, end), merged and ascending."""
        overlaps = self.bin_end > start
        stop = None
        if end is not None:
            overlaps &= self.bin_start < end
            beyond = self.chunk_begin[(self.bin_start >= end)[self.chunk_bin]]
            stop = int(beyond.min()) if beyond.size else None
        landmark = int(np.searchsorted(self.skip_position, start, side="right")) - 1
        earliest = int(self.skip_offset[landmark]) if landmark >= 0 else 0
        wanted = overlaps[self.chunk_bin] & (self.chunk_end > earliest)
        begins = np.maximum(self.chunk_begin[wanted], earliest)
        ends = self.chunk_end[wanted]
        if stop is not None:
            begins, ends = begins[begins < stop], np.minimum(ends[begins < stop], stop)
        return _merged(begins, ends)


@dataclass(frozen=True, slots=True)
class VariantIndex:
    """The index of one variant file; made by :func:`load_index`.

    Attributes
    ----------
    path
        The index file.
    contigs
        Names of the contigs, in the order of the index.
    by_contig
        What the index says about each contig.
    """

    path: Path
    contigs: tuple[str, ...]
    by_contig: dict[str, ContigIndex]

    def chunks(self, contig: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
        """Virtual-offset stretches that hold every record overlapping the 0-based half-open [start, end).

        The stretches are ascending, do not touch, and start at a record. They may hold records outside the
        region as well. A contig without records (or unknown to the index) gives an empty list.
        """
        index = self.by_contig.get(contig)
        return [] if index is None else index.chunks(start, end)

    def n_records(self, contig: str) -> int | None:
        """Number of records of a contig; None where the index does not say."""
        index = self.by_contig.get(contig)
        return 0 if index is None else index.n_records


def find_index(path: str | Path) -> Path | None:
    """The index beside a variant file (``.csi`` before ``.tbi``), or None."""
    for suffix in SUFFIXES:
        candidate = Path(f"{path}{suffix}")
        if candidate.is_file():
            return candidate
    return None


def load_index(path: str | Path, contigs: Sequence[str] | None = None) -> VariantIndex | None:
    """Read the TBI or CSI index that lies beside a BGZF-compressed VCF or BCF file.

    Parameters
    ----------
    path
        The *data* file; its index is ``PATH.csi`` or ``PATH.tbi``.
    contigs
        Contig names in header order. Needed for BCF, whose index names none; unused for VCF.

    Returns
    -------
    VariantIndex or None
        None where there is no index file.

    Raises
    ------
    InputError
        The index is damaged, or does not belong to the file.
    """
    index_path = find_index(path)
    if index_path is None:
        return None
    try:
        if index_path.stat().st_mtime < Path(path).stat().st_mtime:
            logger.warning("%s is older than its data file; if records are missing, %s", index_path, REMEDY)
        return _parse(index_path, _inflated(index_path), contigs)
    except (struct.error, ValueError, UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"damaged index ({error})", path=index_path, remedy=REMEDY) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path=index_path) from error


def _inflated(index_path: Path) -> bytes:
    content = index_path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def _parse(index_path: Path, content: bytes, contigs: Sequence[str] | None) -> VariantIndex:
    reader = _Reader(content)
    magic = reader.take(4)
    if magic == b"TBI\x01":
        min_shift, depth = TBI_MIN_SHIFT, TBI_DEPTH
        n_contigs = reader.count()
        names = _names(reader)
    elif magic == b"CSI\x01":
        min_shift, depth = reader.count(), reader.count()
        if min_shift + 3 * depth > 62:
            raise ValueError(f"depth {depth} and shift {min_shift} are not possible")
        auxiliary = reader.take(reader.count())
        names = _names_of_csi(auxiliary, contigs)
        n_contigs = reader.count()
    else:
        raise ValueError(f"starts with {magic!r}, neither TBI nor CSI")
    if n_contigs > len(names):
        raise ValueError(f"{n_contigs} contigs in the index, {len(names)} names")
    has_loffset = magic == b"CSI\x01"
    by_contig = {name: _contig(reader, min_shift, depth, has_loffset) for name in names[:n_contigs]}
    return VariantIndex(index_path, names, by_contig)


def _names(reader: _Reader) -> tuple[str, ...]:
    reader.take(COLUMNS_SIZE)
    names = reader.take(reader.count())
    return tuple(name.decode() for name in names.split(b"\0")[:-1])


def _names_of_csi(auxiliary: bytes, contigs: Sequence[str] | None) -> tuple[str, ...]:
    """The index of a VCF names the contigs in a block laid out as in TBI; that of a BCF has no such block."""
    if auxiliary:
        return _names(_Reader(auxiliary))
    if contigs is None:
        raise ValueError("names no contigs, though the file is not BCF")
    return tuple(contigs)


def _contig(reader: _Reader, min_shift: int, depth: int, has_loffset: bool) -> ContigIndex:
    pseudo_bin = ((1 << 3 * (depth + 1)) - 1) // 7 + 1
    bins: list[int] = []
    loffsets: list[int] = []
    sizes: list[int] = []
    pieces: list[bytes] = []
    n_records = None
    for _ in range(reader.count()):
        number, loffset, n_chunks = reader.bin_header(has_loffset)
        offsets = reader.take(CHUNK_SIZE * n_chunks)
        if number == pseudo_bin and n_chunks >= 2:
            n_records = int.from_bytes(offsets[CHUNK_SIZE : CHUNK_SIZE + 8], "little")
            continue
        bins.append(number)
        loffsets.append(loffset)
        sizes.append(n_chunks)
        pieces.append(offsets)
    bin_start, bin_end = _bin_intervals(np.array(bins, np.int64), min_shift, depth)
    chunks = _offsets(b"".join(pieces)).reshape(-1, 2)
    if (chunks < 0).any() or (chunks[:, 0] > chunks[:, 1]).any():
        raise ValueError("file offsets that run backwards")
    if has_loffset:
        order = np.argsort(bin_start, kind="stable")
        skip_position, skip_offset = bin_start[order], np.array(loffsets, np.int64)[order]
    else:
        skip_offset = _offsets(reader.take(8 * reader.count()))
        skip_position = np.arange(skip_offset.size, dtype=np.int64) << min_shift
    return ContigIndex(
        bin_start,
        bin_end,
        np.repeat(np.arange(len(bins)), sizes),
        chunks[:, 0],
        chunks[:, 1],
        skip_position,
        np.maximum.accumulate(np.maximum(skip_offset, 0)),  # windows without records may hold 0 or -1
        n_records,
    )


def _bin_intervals(bins: NDArray[np.int64], min_shift: int, depth: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The positions each bin covers; bins are numbered level by level, the widest (the whole contig) first."""
    first_of_level = ((1 << 3 * np.arange(depth + 2, dtype=np.int64)) - 1) // 7
    if bins.size and bins.max() >= first_of_level[-1]:
        raise ValueError(f"bin {bins.max()} does not exist")
    level = np.searchsorted(first_of_level, bins, side="right") - 1
    shift = min_shift + 3 * (depth - level)
    rank = bins - first_of_level[level]
    return rank << shift, (rank + 1) << shift


def _merged(begins: NDArray[np.int64], ends: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Join stretches that overlap, touch, or meet inside one compressed block."""
    merged: list[tuple[int, int]] = []
    for row in np.argsort(begins, kind="stable"):
        begin, end = int(begins[row]), int(ends[row])
        if merged and begin >> 16 <= merged[-1][1] >> 16:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def _offsets(content: bytes) -> NDArray[np.int64]:
    return np.frombuffer(content, "<i8").astype(np.int64)


class _Reader:
    """A cursor over little-endian bytes that refuses to run past their end."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0

    def take(self, size: int) -> bytes:
        taken = self.content[self.at : self.at + size]
        if len(taken) != size:
            raise ValueError("cut short")
        self.at += size
        return taken

    def count(self) -> int:
        value = int.from_bytes(self.take(4), "little", signed=True)
        if value < 0:
            raise ValueError(f"a count of {value}")
        return value

    def bin_header(self, has_loffset: bool) -> tuple[int, int, int]:
        """Number of a bin, its ``loffset`` (NO_OFFSET in TBI), and how many chunks it has."""
        layout = CSI_BIN if has_loffset else TBI_BIN
        number, *loffset, n_chunks = layout.unpack(self.take(layout.size))
        if n_chunks < 0:
            raise ValueError(f"a count of {n_chunks}")
        return number, loffset[0] if has_loffset else NO_OFFSET, n_chunks
