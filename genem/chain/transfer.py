"""Stretches of a chain by the state that they start in, with which cuts between lanes are made exact.

A stretch *forgets* where it started once all starts lead to the same distribution. Any distribution at its end is a
weighted mean of those of the single starts, so that it is then known to rounding, whatever came before.
"""

from __future__ import annotations

import math
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
LARGEST_LOGARITHM = 600.0
"""Bound on the relative log-likelihood of states that are not reached."""
SAME_SCORE = 1e-12
"""The same for log-probabilities of paths, relative to the largest of them."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A stretch of every lane, by the state of its first place.

    Attributes
    ----------
    rows
        float64 (from, to, lane): distribution at the end; zeros where the observations rule the start out.
    log_likelihood
        float64 (from, lane): of the observations of the stretch given the start, up to a constant of the lane.
    """

    rows: Floats
    log_likelihood: Floats

    @classmethod
    def of(cls, rows: Floats, inverse: Floats) -> Transfer:
        """Make one of distributions at the end and the scales (from, place, lane) that led to them, 0 if impossible.

        Scales are compared place by place, so that nothing is rounded once the starts are forgotten.
        """
        possible = np.all(inverse > 0.0, axis=1, keepdims=True)
        scales = np.where(possible, inverse, np.inf)
        with np.errstate(invalid="ignore", divide="ignore"):
            log_likelihood = -np.log(scales / scales.min(axis=0)).sum(axis=1)
        return cls(np.where(possible, rows, 0.0), np.where(possible[:, 0], log_likelihood, -np.inf))

    @property
    def forgets(self) -> NDArray[np.bool_]:
        """bool (lane,): whether the end is the same for all starts."""
        possible = self.rows.any(axis=1, keepdims=True)
        highest = np.where(possible, self.rows, -np.inf).max(axis=0)
        lowest = np.where(possible, self.rows, np.inf).min(axis=0)
        return np.asarray((highest - lowest <= SAME * highest).all(axis=0))

    @property
    def ends(self) -> Floats:
        """float64 (to, lane): distribution at the end of stretches that forget."""
        best = self.log_likelihood.argmax(axis=0)
        return np.ascontiguousarray(np.take_along_axis(self.rows, best[None, None], axis=0)[0])

    def likelihood(self, reached: Floats) -> Floats:
        """float64 (from, lane): of the observations, relative to the best of the states reached (state, lane).

        States that are not reached may be more likely by any factor; theirs is cut off.
        """
        with np.errstate(invalid="ignore"):
            best = np.where(reached > 0.0, self.log_likelihood, -np.inf).max(axis=0)
            return np.asarray(np.exp(np.minimum(self.log_likelihood - best, LARGEST_LOGARITHM)))

    def chained(self, initial: Floats, matrix: Matrix, is_cut: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Distribution at the end of each lane, and likelihood of what it begins, (state, lane), where these are lanes.

        Each lane follows the one before, or starts a sequence where it is not cut.
        """
        n_lanes = len(is_cut)
        reached, ends, begins = (np.empty_like(self.log_likelihood) for _ in range(3))
        for lane in range(n_lanes):
            reached[:, lane] = ends[:, lane - 1] @ matrix(lane) if is_cut[lane] else initial
            alone = Transfer(self.rows, self.log_likelihood[:, [lane]])
            end = (reached[:, lane] * alone.likelihood(reached[:, [lane]])[:, 0]) @ self.rows[:, :, lane]
            ends[:, lane] = end / end.sum()
        likelihoods = self.likelihood(reached)
        for lane in range(n_lanes - 1, -1, -1):
            goes_on = lane + 1 < n_lanes and is_cut[lane + 1]
            after = matrix(lane + 1) @ begins[:, lane + 1] if goes_on else np.ones(len(initial))
            begin = likelihoods[:, lane] * (self.rows[:, :, lane] @ (after / after.max()))
            with np.errstate(over="ignore"):
                begins[:, lane] = np.minimum(begin / (reached[:, lane] @ begin), math.exp(LARGEST_LOGARITHM))
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
        possible = np.isfinite(self.scores).any(axis=1, keepdims=True)
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
