"""The interface of an emission to the passes of a chain: log-density, weighted M-step, start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions.density_kernels import AT_ONCE, relative_densities
from genem.chain.lanes import Lanes

__all__ = ["Emission"]

Floats = NDArray[np.float64]


class Emission(ABC):
    """Distribution of an observation given the state, with its parameters; immutable.

    An emission is one module: a frozen dataclass of parameters with the four methods below, vectorised over the places
    and lanes of a block. Where nothing was observed the density is 1 in every state and the M-step leaves the place
    out.
    """

    missing: float = np.nan
    """The value that stands for no observation."""

    @property
    @abstractmethod
    def n_states(self) -> int: ...

    @abstractmethod
    def log_density(self, observed: NDArray[Any], rows: Floats) -> None:
        """Fill ``rows`` (place, state, lane) with the log-densities of ``observed`` (place, ..., lane)."""

    @abstractmethod
    def sums(self, n_lanes: int) -> Floats:
        """Zeros, to which :meth:`add` adds."""

    @abstractmethod
    def add(self, observed: NDArray[Any], weights: Floats, sums: Floats) -> None:
        """Add the sufficient statistics of ``observed`` (place, ..., lane) under ``weights`` (place, state, lane)."""

    @abstractmethod
    def maximised(self, sums: Floats) -> Self:
        """The M-step: the emission that maximises the expected log-density, from the sums of all blocks."""

    @classmethod
    @abstractmethod
    def start(cls, values: NDArray[Any], n_states: int, rng: np.random.Generator) -> Self:
        """Draw a starting point for EM from ``values`` (place, ...), as they were before they were laid out."""

    def spread(self, lanes: Lanes, values: NDArray[Any]) -> NDArray[Any]:
        """Lay ``values`` (place, ...) out along the lanes."""
        return lanes.spread(np.asarray(values), self.missing)

    def density(self, observed: NDArray[Any], rows: Floats, tops: Floats) -> None:
        """Fill ``rows`` with densities relative to the largest at each place, whose logarithms go to ``tops``.

        Parameters
        ----------
        observed
            (place, ..., lane), a block of places.
        rows
            float64 (place, state, lane).
        tops
            float64 (place, lane).
        """
        self.log_density(observed, rows)
        relative_densities(rows, tops, np.empty(AT_ONCE))
