"""Decay of linkage disequilibrium with distance: mean r2 of all pairs in bins of base pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.popgen.linkage.count_kernels import FIXED_POINT
from genem.popgen.linkage.packed import PackedCalls

__all__ = ["DecayCurve", "LinkageDecay"]


@dataclass(frozen=True, slots=True)
class DecayCurve:
    """Mean r2 of one group of samples by distance.

    Attributes
    ----------
    group
        Name of the group.
    start, end
        int64 (bin,): base pairs between two loci, more than ``start`` and up to ``end``; 0 is in the first bin.
    n_pairs
        int64 (bin,): pairs with an r2.
    mean_r2
        float64 (bin,): NaN in an empty bin.
    """

    group: str
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    n_pairs: NDArray[np.int64]
    mean_r2: NDArray[np.float64]


class LinkageDecay:
    """Adds up r2 by distance while :func:`genem.popgen.ld` runs.

    Sums are kept as integers, so that they do not depend on the order in which pairs arrive.

    Parameters
    ----------
    bin_bp
        Width of a bin in base pairs.
    max_bp
        Pairs further apart than this are left out.
    """

    def __init__(self, *, bin_bp: int = 10_000, max_bp: int = 1_000_000) -> None:
        if bin_bp < 1 or max_bp < bin_bp:
            raise UsageError(
                f"bins of {bin_bp} bp up to {max_bp} bp: widths from 1 up to the largest distance expected"
            )
        self.bin_bp = bin_bp
        self.n_bins = -(-max_bp // bin_bp)
        self._sums: dict[int, list[int]] = {}
        self._counts: dict[int, list[int]] = {}

    def add_calls(
        self,
        group: int,
        rows: PackedCalls,
        position: NDArray[np.int64],
        begin: NDArray[np.int64],
        end: NDArray[np.int64],
    ) -> None:
        """Add the pairs (a, b), begin[a] <= b < end[a], of packed rows."""
        # the last cell takes what is further away
        sums, counts = rows.r_squared_by_distance(position, begin, end, self.bin_bp, self.n_bins + 1)
        self._add(group, sums, counts)

    def add_pairs(self, group: int, distance: NDArray[np.int64], r2: NDArray[np.float64]) -> None:
        """Add pairs whose r2 is known; NaN is left out."""
        known = ~np.isnan(r2)
        place = np.minimum(np.maximum(distance[known] - 1, 0) // self.bin_bp, self.n_bins)
        sums, counts = np.zeros(self.n_bins + 1, np.int64), np.bincount(place, minlength=self.n_bins + 1)
        np.add.at(sums, place, (r2[known] * FIXED_POINT + 0.5).astype(np.int64))
        self._add(group, sums, counts)

    def curves(self, group_names: tuple[str, ...]) -> tuple[DecayCurve, ...]:
        """The mean r2 of each group, in the bins up to the largest distance at which any group has a pair."""
        n_bins = max((self._n_used(counts) for counts in self._counts.values()), default=0)
        start = np.arange(n_bins, dtype=np.int64) * self.bin_bp
        result = []
        for group, name in enumerate(group_names):
            sums = self._sums.get(group, [0] * n_bins)[:n_bins]
            counts = self._counts.get(group, [0] * n_bins)[:n_bins]
            means = [total / FIXED_POINT / n if n else np.nan for total, n in zip(sums, counts, strict=True)]
            result.append(
                DecayCurve(name, start, start + self.bin_bp, np.array(counts, np.int64), np.array(means, np.float64))
            )
        return tuple(result)

    def _n_used(self, counts: list[int]) -> int:
        """Bins up to the last one that is not empty."""
        return max((number for number, n in enumerate(counts[: self.n_bins], 1) if n), default=0)

    def _add(self, group: int, sums: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
        for totals, more in ((self._sums, sums), (self._counts, counts)):
            old = totals.get(group, [0] * len(more))
            totals[group] = [a + b for a, b in zip(old, more.tolist(), strict=True)]
