"""Categorical emissions: one of a few symbols at each place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions import table_kernels as kernels
from genem.chain.emissions.emission import Emission
from genem.em import Degenerate

__all__ = ["Categorical"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Categorical(Emission):
    """A symbol 0, 1, ... drawn with the probabilities of the state; -1 where nothing was observed.

    Attributes
    ----------
    probabilities
        float64 (state, symbol): rows sum to 1.

    Examples
    --------
    >>> emission = Categorical(np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> rows = np.empty((2, 2, 1))
    >>> emission.log_density(np.array([[1], [-1]]), rows)
    >>> np.exp(rows[:, :, 0]).round(3).tolist()
    [[0.1, 0.8], [1.0, 1.0]]
    """

    missing = -1

    probabilities: Floats

    @property
    def n_states(self) -> int:
        return len(self.probabilities)

    @classmethod
    def start(cls, values: NDArray[Any], n_states: int, rng: np.random.Generator) -> Self:
        """Draw the probabilities of each state around the frequencies of the symbols."""
        counts = np.bincount(values[values >= 0])
        if counts.sum() == 0:
            raise Degenerate("no symbol was observed")
        return cls(rng.dirichlet(1.0 + len(counts) * counts / counts.sum(), n_states))

    def log_density(self, observed: NDArray[Any], rows: Floats) -> None:
        with np.errstate(divide="ignore"):
            kernels.fill_from_table(np.log(self.probabilities), 0.0, observed, rows)

    def density(self, observed: NDArray[Any], rows: Floats, tops: Floats) -> None:
        kernels.fill_from_table(self.probabilities, 1.0, observed, rows)
        tops[:] = 0.0

    def sums(self, n_lanes: int) -> Floats:
        return np.zeros((*self.probabilities.shape, n_lanes))

    def add(self, observed: NDArray[Any], weights: Floats, sums: Floats) -> None:
        kernels.add_symbols(observed, weights, sums)

    def maximised(self, sums: Floats) -> Self:
        counts = sums.sum(axis=2)
        totals = counts.sum(axis=1, keepdims=True)
        if not (totals > 0.0).all():
            raise Degenerate("a state emits nothing")
        return type(self)(counts / totals)
