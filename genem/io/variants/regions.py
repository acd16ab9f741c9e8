"""Regions as users write them, and regions that cut a file into pieces of equal work."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError, UsageError
from genem.io.variants.bcf.header import bcf_contigs
from genem.io.variants.index import VariantIndex, load_index

__all__ = [
    "Region",
    "balanced_regions",
    "format_region",
    "format_regions",
    "parse_region",
    "parse_regions",
    "split_regions",
]


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a contig: 1-based, both ends included; ``end`` None reaches to the end of the contig."""

    contig: str
    start: int = 1
    end: int | None = None


def parse_region(text: str, contigs: Collection[str] | None = None) -> Region:
    """Read one region: ``chr``, ``chr:pos`` (that position only, as in bcftools), ``chr:from-to`` or ``chr:from-``.

    Parameters
    ----------
    text
        The region. A contig name that holds ``:`` or ``,`` may stand in braces: ``{HLA-A*01:01}:1-200``.
    contigs
        Known contig names: a text that is exactly one of them means that whole contig.

    Raises
    ------
    UsageError
        The text is not a region.

    Examples
    --------
    >>> parse_region("22:16050000-16060000")
    Region(contig='22', start=16050000, end=16060000)
    >>> parse_region("HLA-A*01:01", contigs=["HLA-A*01:01"])
    Region(contig='HLA-A*01:01', start=1, end=None)
    """
    text = text.strip()
    if contigs is not None and text in contigs:
        return Region(text)
    if text.startswith("{"):
        contig, brace, rest = text[1:].partition("}")
        if not brace or (rest and not rest.startswith(":")):
            raise UsageError(f"region {text!r}: the closing brace is missing or not followed by ':'")
        colon, span = rest[:1], rest[1:]
    else:
        contig, colon, span = text.rpartition(":")
        if not colon:
            contig = text
    if not contig:
        raise UsageError(f"region {text!r} names no contig; write chr, chr:pos or chr:from-to")
    if not colon:
        return Region(contig)
    first, dash, last = span.partition("-")
    start = _position(first, text)
    end = start if not dash else (_position(last, text) if last else None)
    if end is not None and end < start:
        raise UsageError(f"region {text!r} ends before it starts")
    return Region(contig, start, end)


def split_regions(text: str) -> list[str]:
    """The regions of a comma-separated list; commas inside braces belong to the contig name.

    Examples
    --------
    >>> split_regions("1:5-10,{HLA,A:1}")
    ['1:5-10', '{HLA,A:1}']
    """
    parts = [""]
    in_braces = False
    for character in text:
        in_braces = character == "{" or (in_braces and character != "}")
        if character == "," and not in_braces:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def parse_regions(text: str, contigs: Collection[str] | None = None) -> list[Region]:
    """Read a comma-separated list of regions.

    Examples
    --------
    >>> parse_regions("1:5-10,2")
    [Region(contig='1', start=5, end=10), Region(contig='2', start=1, end=None)]
    """
    return [parse_region(part, contigs) for part in split_regions(text)]


def format_region(region: Region) -> str:
    """The text that :func:`parse_region` reads back as the same region.

    Examples
    --------
    >>> format_region(Region("1", 5, 10)), format_region(Region("1", 5)), format_region(Region("HLA:1"))
    ('1:5-10', '1:5-', '{HLA:1}')
    """
    contig = f"{{{region.contig}}}" if set(region.contig) & set(":,") else region.contig
    if region.end is not None:
        return f"{contig}:{region.start}-{region.end}"
    return contig if region.start == 1 else f"{contig}:{region.start}-"


def format_regions(regions: Iterable[Region]) -> str:
    """The comma-separated list that :func:`parse_regions` (and ``-r``) reads back."""
    return ",".join(format_region(region) for region in regions)


def balanced_regions(path: str | Path, n_pieces: int) -> list[tuple[Region, ...]]:
    """Cut an indexed VCF or BCF file into pieces of about equal compressed size.

    The pieces are in file order and cover every contig that has records, each from position 1 to its end. Under
    ``regions_overlap="pos"`` every indexed record therefore belongs to exactly one piece. (Tabix does not index
    records at position 0.) Cuts fall on the windows of the index, usually 16,384 bases wide.

    Parameters
    ----------
    path
        A BGZF-compressed VCF or a BCF file with its index beside it.
    n_pieces
        Pieces wanted; there are fewer where the file has too few compressed blocks.

    Returns
    -------
    list of tuple of Region
        One tuple per piece; several where a piece spans contigs. Empty for a file without records.

    Raises
    ------
    InputError
        No index, or a damaged one.
    UsageError
        ``n_pieces`` is not positive.
    """
    if n_pieces < 1:
        raise UsageError(f"{n_pieces} pieces wanted; 1 is the least")
    index = load_index(path, contigs=bcf_contigs(path))
    if index is None:
        raise InputError("has no index", path=path, remedy="make one with tabix -p vcf or bcftools index")
    contigs = _contigs_in_file_order(index)
    if not contigs:
        return []
    contig, position, offset = _cut_candidates(index, contigs)
    first, last = offset[0], Path(path).stat().st_size
    targets = first + (last - first) * np.arange(1, n_pieces) / n_pieces
    nearest = np.searchsorted((offset[1:] + offset[:-1]) / 2, targets)
    # Cuts at equal offsets would leave nothing between them; a cut at the very start leaves nothing before it.
    cuts = [cut for cut in np.unique(nearest) if offset[cut] > first]
    starts = [(0, 0), *((int(contig[cut]), int(position[cut])) for cut in cuts)]
    ends = [*starts[1:], (len(contigs), 0)]
    return [_piece(contigs, start, end) for start, end in zip(starts, ends, strict=True)]


def _contigs_in_file_order(index: VariantIndex) -> list[str]:
    """The contigs that have records."""
    begins = {name: entry.chunk_begin.min() for name, entry in index.by_contig.items() if entry.chunk_begin.size}
    return sorted(begins, key=begins.__getitem__)


def _cut_candidates(
    index: VariantIndex, contigs: list[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Places to cut the file at: number of the contig, 0-based position and byte, one cut per compressed block."""
    contig, position, offset = [], [], []
    for number, name in enumerate(contigs):
        entry = index.by_contig[name]
        begin = entry.chunk_begin.min()
        landmarks = np.flatnonzero((entry.skip_position > 0) & (entry.skip_offset >= begin))
        contig.append(np.full(landmarks.size + 1, number))
        position.append(np.append(0, entry.skip_position[landmarks]))
        offset.append(np.append(begin, entry.skip_offset[landmarks]) >> 16)
    bytes_before, first = np.unique(np.concatenate(offset), return_index=True)
    return np.concatenate(contig)[first], np.concatenate(position)[first], bytes_before


def _piece(contigs: list[str], start: tuple[int, int], end: tuple[int, int]) -> tuple[Region, ...]:
    """The regions from one cut (contig number, 0-based position) up to another."""
    regions = []
    for number in range(start[0], min(end[0] + 1, len(contigs))):
        low = start[1] if number == start[0] else 0
        if number < end[0]:
            regions.append(Region(contigs[number], low + 1))
        elif end[1] > low:
            regions.append(Region(contigs[number], low + 1, end[1]))
    return tuple(regions)


def _position(text: str, region: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"region {region!r}: {text!r} is not a position")
    return int(text)
