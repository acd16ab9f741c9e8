"""What a stretch of a chain makes of each state that it may start in: how cuts between lanes are made exact.

A stretch *forgets* where it started once all starts lead to the same distribution. Any distribution at its end is a
weighted mean of those of the single starts, so that it is then known to rounding, whatever came before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BestTransfer", "Transfer"]

Floats = NDArray[np.float64]
Matrix = Callable[[int], Floats]
"""Transition probabilities (from, to) into the first place of a lane."""

SAME = 4e-15
"""Relative difference up to which two distributions are the same but for rounding."""
SAME_SCORE = 1e-12
"""The same for log-probabilities of paths, relative to the largest of them."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A stretch of every lane, by the state of its first place.

    Attributes
    ----------
    rows
        float64 (from, to, lane): distribution at the end; zeros where the observations rule the start out.
    likelihood
        float64 (from, lane): of the observations of the stretch given the start, relative to the largest.
    """

    rows: Floats
    likelihood: Floats

    @classmethod
    def of(cls, rows: Floats, inverse: Floats) -> Transfer:
        """From distributions at the end and the scales (from, place, lane) that led to them.

        Scales are compared place by place, so that nothing is rounded once the starts are forgotten.
        """
        possible = np.isfinite(inverse).all(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            logarithm = -np.log(inverse / np.fmin.reduce(inverse, axis=0)).sum(axis=1)
            logarithm[~possible] = -np.inf
            likelihood = np.exp(logarithm - logarithm.max(axis=0))
        return cls(np.where(possible[:, None], rows, 0.0), np.where(possible, likelihood, 0.0))

    @property
    def forgets(self) -> NDArray[np.bool_]:
        """bool (lane,): whether the end is the same for all starts."""
        possible = (self.likelihood > 0.0)[:, None]
        highest = np.where(possible, self.rows, -np.inf).max(axis=0)
        lowest = np.where(possible, self.rows, np.inf).min(axis=0)
        return np.asarray((highest - lowest <= SAME * highest).all(axis=0))

    @property
    def ends(self) -> Floats:
        """float64 (to, lane): distribution at the end of stretches that forget."""
        best = self.likelihood.argmax(axis=0)
        return np.ascontiguousarray(np.take_along_axis(self.rows, best[None, None], axis=0)[0])

    def chained(self, initial: Floats, matrix: Matrix, is_cut: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Distribution at the end of each lane, and likelihood of what it begins, (state, lane), where these are lanes.

        Each lane follows the one before, or starts a sequence where it is not cut.
        """
        n_states, n_lanes = self.likelihood.shape
        ends, begins = np.empty((n_states, n_lanes)), np.empty((n_states, n_lanes))
        for lane in range(n_lanes):
            reached = ends[:, lane - 1] @ matrix(lane) if is_cut[lane] else initial
            end = (reached * self.likelihood[:, lane]) @ self.rows[:, :, lane]
            ends[:, lane] = end / end.sum()
        for lane in range(n_lanes - 1, -1, -1):
            goes_on = lane + 1 < n_lanes and is_cut[lane + 1]
            after = matrix(lane + 1) @ begins[:, lane + 1] if goes_on else np.ones(n_states)
            begin = self.likelihood[:, lane] * (self.rows[:, :, lane] @ after)
            begins[:, lane] = begin / begin.sum()
        return ends, begins


@dataclass(frozen=True, slots=True)
class BestTransfer:
    """The same along likeliest paths.

    Attributes
    ----------
    scores
        float64 (from, to, lane): log-probability of the likeliest path through the stretch.
    """

    scores: Floats

    @property
    def _relative(self) -> Floats:
        """Scores less the best of each start; a finite number where no path is possible."""
        with np.errstate(invalid="ignore"):
            relative = self.scores - self.scores.max(axis=1, keepdims=True)
        return np.where(np.isfinite(relative), relative, -1e300)

    @property
    def forgets(self) -> NDArray[np.bool_]:
        """bool (lane,): whether the end is the same for all starts."""
        possible = np.isfinite(self.scores).any(axis=1)[:, None]
        relative = self._relative
        spread = np.where(possible, relative, -np.inf).max(axis=0) - np.where(possible, relative, np.inf).min(axis=0)
        largest = np.abs(np.where(np.isfinite(self.scores), self.scores, 0.0)).max(axis=(0, 1))
        return np.asarray((spread <= SAME_SCORE * (1.0 + largest)).all(axis=0))

    @property
    def ends(self) -> Floats:
        """float64 (to, lane): scores at the end of stretches that forget, up to a constant of the lane."""
        best = self.scores.max(axis=1).argmax(axis=0)
        return np.ascontiguousarray(np.take_along_axis(self.scores, best[None, None], axis=0)[0])

    def chained(self, initial: Floats, matrix: Matrix, is_cut: NDArray[np.bool_]) -> Floats:
        """Scores at the end of each lane, (state, lane), up to a constant of the lane, where these are lanes."""
        n_lanes = self.scores.shape[2]
        ends = np.empty(self.scores.shape[1:])
        with np.errstate(divide="ignore"):
            log_initial = np.log(initial)
            for lane in range(n_lanes):
                reached = log_initial
                if is_cut[lane]:
                    reached = (ends[:, lane - 1, None] + np.log(matrix(lane))).max(axis=0)
                end = (reached[:, None] + self.scores[:, :, lane]).max(axis=0)
                ends[:, lane] = end - end.max()
        return ends
