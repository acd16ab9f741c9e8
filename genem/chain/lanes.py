"""Sequences side by side: the concatenation of all, cut into lanes of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError

__all__ = ["Lanes"]

MAX_LANES = 128
"""Lanes of a long input: so many that the bookkeeping of a step is small beside its arithmetic."""
MIN_PLACES = 64
"""Places of a lane at least: shorter ones would be mostly boundary."""


class Lanes:
    """Sequences laid end to end and cut into lanes, which passes of a chain go along side by side.

    A lane may hold several sequences and a sequence may go through several lanes; the passes make the cuts exact.
    Places after the last one are padded by sequences of one place where nothing was observed.

    Parameters
    ----------
    lengths
        Number of places of each sequence, all positive.

    Attributes
    ----------
    n_observed
        Places of all sequences.
    n_lanes, n_places
        Number of lanes, and of places in each.
    restarts
        int64 (restart, 2): place and lane of every start of a sequence (padding too), sorted by place. A lane after
        which a sequence starts has a restart at ``n_places``.

    Examples
    --------
    >>> lanes = Lanes([3, 2])
    >>> lanes.n_lanes, lanes.n_places
    (1, 5)
    >>> lanes.restarts.tolist()
    [[0, 0], [3, 0], [5, 0]]
    """

    def __init__(self, lengths: Sequence[int] | NDArray[np.int64]) -> None:
        self.lengths = np.asarray(lengths, np.int64)
        if len(self.lengths) == 0 or not (self.lengths > 0).all():
            raise UsageError("sequences of no length: at least one place each expected")
        self.n_observed = int(self.lengths.sum())
        self.n_lanes = max(1, min(MAX_LANES, self.n_observed // MIN_PLACES))
        self.n_places = -(-self.n_observed // self.n_lanes)
        starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        padding = np.arange(self.n_observed, self.n_lanes * self.n_places)
        every = np.concatenate([starts, padding])
        place, lane = every % self.n_places, every // self.n_places
        ends_lane = np.append(lane[(place == 0) & (lane > 0)] - 1, self.n_lanes - 1)
        at_end = np.column_stack([np.full(len(ends_lane), self.n_places), ends_lane])
        restarts = np.concatenate([np.column_stack([place, lane]), at_end])
        self.restarts: NDArray[np.int64] = np.ascontiguousarray(restarts[np.lexsort((restarts[:, 1], restarts[:, 0]))])
        self._within: dict[tuple[int, int], NDArray[np.int64]] = {}

    def spread(self, values: NDArray[Any], missing: float) -> NDArray[Any]:
        """Lay out values (place of all sequences, ...) as (place, ..., lane), padded with ``missing``.

        Examples
        --------
        >>> Lanes([2, 1]).spread(np.array([5.0, 6.0, 7.0]), np.nan).tolist()
        [[5.0], [6.0], [7.0]]
        """
        if len(values) != self.n_observed:
            raise UsageError(f"{len(values)} observations for {self.n_observed} places")
        padded = np.full((self.n_lanes * self.n_places, *values.shape[1:]), missing, values.dtype)
        padded[: self.n_observed] = values
        return np.ascontiguousarray(np.moveaxis(padded.reshape(self.n_lanes, self.n_places, *values.shape[1:]), 0, -1))

    def gather(self, laid: NDArray[Any]) -> NDArray[Any]:
        """Bring an array (place, ..., lane) back to (place of all sequences, ...)."""
        flat = np.moveaxis(laid, -1, 0).reshape(self.n_lanes * self.n_places, *laid.shape[1:-1])
        return np.ascontiguousarray(flat[: self.n_observed])

    def restarts_within(self, start: int, stop: int) -> NDArray[np.int64]:
        """The ``restarts`` at places from ``start`` to ``stop``, both included, counted from ``start``."""
        key = start, stop
        if key not in self._within:
            first, last = np.searchsorted(self.restarts[:, 0], [start, stop + 1])
            self._within[key] = self.restarts[first:last] - np.array([start, 0])
        return self._within[key]

    def starts_within(self, start: int, stop: int) -> NDArray[np.int64]:
        """The restarts at places from ``start`` to before ``stop`` that are no padding."""
        within = self.restarts_within(start, stop - 1)
        return within[within[:, 1] * self.n_places + within[:, 0] + start < self.n_observed]

    @cached_property
    def is_cut(self) -> NDArray[np.bool_]:
        """bool (lane,): whether a sequence goes on from the lane before."""
        cut = np.ones(self.n_lanes, np.bool_)
        cut[self.restarts[self.restarts[:, 0] == 0, 1]] = False
        return cut
