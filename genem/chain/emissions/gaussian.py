"""Gaussian emissions: independent coordinates (one or several), or with a covariance matrix in each state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions import gaussian_kernels as kernels
from genem.chain.emissions.emission import Emission
from genem.chain.lanes import Lanes
from genem.em import Degenerate

__all__ = ["FullGaussian", "Gaussian"]

Floats = NDArray[np.float64]

LOG_2_PI = math.log(2.0 * math.pi)


def _columns(values: NDArray[Any]) -> Floats:
    """The observations as float64 (place, coordinate)."""
    floats = np.asarray(values, np.float64)
    return floats[:, None] if floats.ndim == 1 else floats


def _drawn_means(values: Floats, n_states: int, rng: np.random.Generator) -> Floats:
    """Means at observations drawn at random, sorted by the first coordinate."""
    observed = values[np.isfinite(values).all(axis=1)]
    if len(observed) < n_states:
        raise Degenerate(f"{len(observed)} observed places for {n_states} states")
    drawn = observed[rng.choice(len(observed), n_states, replace=False)]
    return np.ascontiguousarray(drawn[np.argsort(drawn[:, 0], kind="stable")])


@dataclass(frozen=True, slots=True)
class Gaussian(Emission):
    """Independent Gaussian coordinates, their means and variances by state; a missing coordinate (NaN) is summed out.

    Attributes
    ----------
    means, variances
        float64 (state, coordinate).

    Examples
    --------
    >>> emission = Gaussian(np.array([[0.0], [1.0]]), np.ones((2, 1)))
    >>> rows = np.empty((1, 2, 1))
    >>> emission.log_density(np.array([[[0.0]]]), rows)
    >>> rows.ravel().round(4).tolist()
    [-0.9189, -1.4189]
    """

    means: Floats
    variances: Floats

    @property
    def n_states(self) -> int:
        return len(self.means)

    @classmethod
    def start(cls, values: NDArray[Any], n_states: int, rng: np.random.Generator) -> Self:
        columns = _columns(values)
        means = _drawn_means(columns, n_states, rng)
        return cls(means, np.tile(np.nanvar(columns, axis=0), (n_states, 1)))

    def spread(self, lanes: Lanes, values: NDArray[Any]) -> Floats:
        return lanes.spread(_columns(values), np.nan)

    def log_density(self, observed: Floats, rows: Floats) -> None:
        constants = -0.5 * (LOG_2_PI + np.log(self.variances))
        kernels.fill_diagonal(observed, self.means, -0.5 / self.variances, constants, rows)

    def sums(self, n_lanes: int) -> Floats:
        n_states, n_coordinates = self.means.shape
        return np.zeros((n_states, 3, n_coordinates, n_lanes))

    def add(self, observed: Floats, weights: Floats, sums: Floats) -> None:
        kernels.add_diagonal_moments(observed, self.means, weights, sums)

    def maximised(self, sums: Floats) -> Self:
        weight, first, second = sums.sum(axis=3).transpose(1, 0, 2)
        if not (weight > 0.0).all():
            raise Degenerate("a state emits nothing")
        shift = first / weight
        variances = second / weight - shift**2
        if not (variances > 0.0).all():
            raise Degenerate("the variance of a state vanishes")
        return type(self)(self.means + shift, variances)


@dataclass(frozen=True, slots=True)
class FullGaussian(Emission):
    """Gaussian vectors with a mean and a covariance matrix in each state; a place with a NaN counts as unobserved.

    Attributes
    ----------
    means
        float64 (state, coordinate).
    covariances
        float64 (state, coordinate, coordinate), positive definite.
    """

    means: Floats
    covariances: Floats

    @property
    def n_states(self) -> int:
        return len(self.means)

    @classmethod
    def start(cls, values: NDArray[Any], n_states: int, rng: np.random.Generator) -> Self:
        columns = _columns(values)
        means = _drawn_means(columns, n_states, rng)
        observed = columns[np.isfinite(columns).all(axis=1)]
        return cls(means, np.tile(np.atleast_2d(np.cov(observed.T, bias=True)), (n_states, 1, 1)))

    def spread(self, lanes: Lanes, values: NDArray[Any]) -> Floats:
        return lanes.spread(_columns(values), np.nan)

    def log_density(self, observed: Floats, rows: Floats) -> None:
        factors = np.linalg.cholesky(self.covariances)
        log_determinants = 2.0 * np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        constants = -0.5 * (self.means.shape[1] * LOG_2_PI + log_determinants)
        kernels.fill_full(observed, self.means, np.linalg.inv(factors), constants, rows)

    def sums(self, n_lanes: int) -> Floats:
        n_states, n = self.means.shape
        return np.zeros((n_states, 1 + n + n * n, n_lanes))

    def add(self, observed: Floats, weights: Floats, sums: Floats) -> None:
        kernels.add_full_moments(observed, self.means, weights, sums)

    def maximised(self, sums: Floats) -> Self:
        n_states, n = self.means.shape
        weight, first, second = np.split(sums.sum(axis=2), [1, 1 + n], axis=1)
        if not (weight > 0.0).all():
            raise Degenerate("a state emits nothing")
        shift = first / weight
        moments = (second / weight).reshape(n_states, n, n)
        return type(self)(self.means + shift, moments - shift[:, :, None] * shift[:, None, :])
