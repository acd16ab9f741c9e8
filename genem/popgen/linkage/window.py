"""Pairs of loci within a window, from a stream: memory depends on the window, not on the number of variants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.popgen.linkage.copies import PloidyMismatches
from genem.popgen.linkage.decay import LinkageDecay
from genem.popgen.linkage.likelihoods import LikelihoodRows
from genem.popgen.linkage.loci import CONTIG_SPACE, Loci, LocusReader, Rows
from genem.popgen.linkage.measure_kernels import N_SAMPLES, R_SQUARED
from genem.popgen.linkage.packed import PackedCalls
from genem.popgen.linkage.pairs import LinkagePairs, merge_groups

__all__ = ["LinkageWindow", "RowWindow", "Span", "WindowPart", "portions"]

Span = tuple[str, int, int]
"""Contig, first and last position, 1-based and inclusive."""

MAX_SCREENED = 1 << 20
"""Pairs screened at a time."""
MAX_MEASURED = 1 << 16
"""Pairs whose statistics are held at a time."""


@dataclass(frozen=True, slots=True)
class WindowPart:
    """Rows whose windows are complete, and the rows in these windows.

    ``begin[a]`` to ``end[a]`` are the partners of first row ``a``; there are ``len(begin)`` first rows.
    """

    loci: Loci
    rows: tuple[Rows, ...]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]


class RowWindow:
    """Holds the rows of the last variants; gives each row out once, when its window is complete.

    Parameters
    ----------
    window_bp
        Most base pairs between two loci; None: no limit.
    window_variants
        Most variants from one to the other (1: neighbours); None: no limit.
    first_in
        Only rows in these spans are first rows; None: all are.
    """

    def __init__(
        self, *, window_bp: int | None, window_variants: int | None, first_in: Sequence[Span] | None = None
    ) -> None:
        if window_bp is not None and window_bp < 1:
            raise UsageError(f"window_bp is {window_bp}, at least 1 expected")
        if window_variants is not None and window_variants < 1:
            raise UsageError(f"window_variants is {window_variants}, at least 1 expected")
        self._span = CONTIG_SPACE // 2 if window_bp is None else min(window_bp, CONTIG_SPACE // 2)
        self._reach = window_variants
        self._first_in = first_in
        self._loci: Loci | None = None
        self._rows: tuple[Rows, ...] = ()

    def feed(self, loci: Loci, rows: tuple[Rows, ...]) -> WindowPart | None:
        """Take more rows; the part whose windows are complete now, if any."""
        if self._loci is None:
            self._loci, self._rows = loci, rows
        else:
            self._loci = self._loci.join(loci)
            self._rows = tuple(old.join(new) for old, new in zip(self._rows, rows, strict=True))  # type: ignore[arg-type]
        return self._take(at_end=False)

    def finish(self) -> WindowPart | None:
        """The rest."""
        return self._take(at_end=True)

    def beyond(self, spans: Sequence[Span]) -> bool:
        """Whether no row held can be a first row in these spans, nor any later one of the last span's contig."""
        if self._loci is None or not len(self._loci):
            return False
        contig, _, last = spans[-1]
        return self._loci.chrom[0] == contig and int(self._loci.position[0]) > last

    def _take(self, *, at_end: bool) -> WindowPart | None:
        loci = self._loci
        if loci is None or not len(loci):
            return None
        begin = np.searchsorted(loci.variant, loci.variant, side="right").astype(np.int64)
        end = np.searchsorted(loci.key, loci.key + self._span, side="right").astype(np.int64)
        if self._reach is not None:
            end = np.minimum(end, np.searchsorted(loci.variant, loci.variant + self._reach, side="right"))
        n_ready = len(loci) if at_end else int(np.searchsorted(end, len(loci), side="left"))
        if n_ready == 0:
            return None
        begin, end = begin[:n_ready], np.maximum(begin, end)[:n_ready]
        if self._first_in is not None:
            end = np.where(_inside(loci, n_ready, self._first_in), end, begin)
        part = WindowPart(loci, self._rows, begin, end)
        self._loci = loci.after(n_ready)
        self._rows = tuple(rows.rows(slice(n_ready, None)) for rows in self._rows)
        return part


class LinkageWindow:
    """Statistics of every pair of loci within a window whose r2 is at least ``min_r2``.

    Parameters
    ----------
    reader
        Where the rows come from; names the groups.
    window_bp, window_variants, first_in
        As in :class:`RowWindow`.
    min_r2
        Smallest r2 that is given out; 0: all pairs, those without an r2 too.
    decay
        Takes the r2 of every pair.
    mismatches
        Counts the pairs that share no sample because ploidies differ.
    """

    def __init__(
        self,
        reader: LocusReader,
        *,
        window_bp: int | None = 1_000_000,
        window_variants: int | None = None,
        min_r2: float = 0.2,
        first_in: Sequence[Span] | None = None,
        decay: LinkageDecay | None = None,
        mismatches: PloidyMismatches | None = None,
    ) -> None:
        if not 0.0 <= min_r2 <= 1.0:
            raise UsageError(f"min_r2 is {min_r2}, a number between 0 and 1 expected")
        self._reader = reader
        self._min_r2 = min_r2
        self._decay = decay
        self._mismatches = mismatches
        self.window = RowWindow(window_bp=window_bp, window_variants=window_variants, first_in=first_in)

    def feed(self, loci: Loci, rows: tuple[Rows, ...]) -> Iterator[LinkagePairs]:
        """Take more rows, give out the pairs that are complete."""
        return self._pairs(self.window.feed(loci, rows))

    def finish(self) -> Iterator[LinkagePairs]:
        """The pairs that are left."""
        return self._pairs(self.window.finish())

    def _pairs(self, part: WindowPart | None) -> Iterator[LinkagePairs]:
        if part is None:
            return
        for low, high in portions(part.end - part.begin, MAX_SCREENED):
            yield from self._portion(part, low, high)

    def _portion(self, part: WindowPart, low: int, high: int) -> Iterator[LinkagePairs]:
        """The pairs of first rows ``low`` to ``high``."""
        found = []
        begin, end = part.begin[low:high] - low, part.end[low:high] - low
        for group, rows in enumerate(part.rows):
            moved = rows.rows(slice(low, None))
            first, second = moved.candidates(begin, end, self._min_r2)
            found.append((first + low, second + low))
            if self._decay is not None and isinstance(moved, PackedCalls):
                self._decay.add_calls(group, moved, part.loci.position[low:], begin, end)
            if self._mismatches is not None and isinstance(moved, PackedCalls) and self._pools(group):
                self._mismatches.add_calls(moved, begin, end)
        for cut in _cuts(found, low, high):
            measured = []
            for group, (rows, (first, second)) in enumerate(zip(part.rows, found, strict=True)):
                chosen = slice(*np.searchsorted(first, cut))
                measured.append(self._measure(part.loci, rows, group, first[chosen], second[chosen]))
            pairs = merge_groups(measured)
            if len(pairs):
                yield pairs

    def _measure(
        self, loci: Loci, rows: Rows, group: int, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> LinkagePairs:
        statistics, integers = rows.measure(first, second)
        if self._decay is not None and isinstance(rows, LikelihoodRows):
            distance = loci.position[second] - loci.position[first]
            self._decay.add_pairs(group, distance, statistics[:, R_SQUARED])
        if self._mismatches is not None and isinstance(rows, LikelihoodRows) and self._pools(group):
            self._mismatches.add_pairs(rows, first, second, integers[:, N_SAMPLES])
        numbers = np.full(len(first), group, np.int64)
        pairs = LinkagePairs(loci, self._reader.group_names, first, second, numbers, statistics, integers)
        return pairs if self._min_r2 <= 0.0 else pairs.rows(pairs.r2 >= self._min_r2)

    def _pools(self, group: int) -> bool:
        """Whether the group is that of all samples."""
        return group == len(self._reader.group_names) - 1


def _inside(loci: Loci, n_rows: int, spans: Sequence[Span]) -> NDArray[np.bool_]:
    inside = np.zeros(n_rows, np.bool_)
    chrom = np.array(loci.chrom[:n_rows])
    position = loci.position[:n_rows]
    for contig, start, end in spans:
        inside |= (chrom == contig) & (position >= start) & (position <= end)
    return inside


def portions(sizes: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of rows with at most so many pairs, or one row."""
    ends = np.cumsum(sizes)
    low, done = 0, 0
    while low < len(sizes):
        high = max(low + 1, int(np.searchsorted(ends, done + most, side="right")))
        yield low, high
        low, done = high, int(ends[high - 1])


def _cuts(found: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], low: int, high: int) -> Iterator[list[int]]:
    """Ranges of first rows whose candidates, over all groups, are few enough to measure together."""
    sizes = np.zeros(high - low, np.int64)
    for first, _ in found:
        sizes += np.bincount(first - low, minlength=high - low)
    for start, end in portions(sizes, MAX_MEASURED):
        yield [low + start, low + end]
