"""Genotype emissions: calls with an error rate, and likelihoods of genotypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions import table_kernels as kernels
from genem.chain.emissions.emission import Emission
from genem.chain.emissions.genotype_kernels import NOT_FIRST, call_likelihood
from genem.em import Degenerate

__all__ = ["GenotypeCalls", "GenotypeLikelihoods"]

Floats = NDArray[np.float64]

N_CODES = NOT_FIRST + 1


@dataclass(frozen=True, slots=True)
class GenotypeCalls(Emission):
    """Calls of the genotype that the state is, with an error rate e.

    A call agrees with the state with probability 1 - e and is each other genotype with e / (K - 1); a partial call that
    includes the state has 1 - e / 2, else e. Observed codes: 0 nothing, 1 + genotype, and with three genotypes 4 for
    "not the last" and 5 for "not the first". Lincoln & Lander (1992), Genomics 14:604,
    doi:10.1016/S0888-7543(05)80158-2.

    Attributes
    ----------
    n_genotypes
        K, the number of states.
    error_prob
        e, from 0 to below 1.

    Examples
    --------
    >>> emission = GenotypeCalls(2, 0.01)
    >>> rows = np.empty((2, 2, 1))
    >>> emission.log_density(np.array([[1], [0]], np.int8), rows)
    >>> np.exp(rows[:, :, 0]).round(3).tolist()
    [[0.99, 0.01], [1.0, 1.0]]
    """

    missing = 0

    n_genotypes: int
    error_prob: float

    @property
    def n_states(self) -> int:
        return self.n_genotypes

    @property
    def table(self) -> Floats:
        """float64 (state, code): probability of each observed code."""
        codes, states = range(N_CODES), range(self.n_genotypes)
        return np.array([[call_likelihood(c, s, self.n_genotypes, self.error_prob) for c in codes] for s in states])

    @classmethod
    def start(cls, values: NDArray[Any], n_states: int, rng: np.random.Generator) -> Self:
        """Draw an error rate from 0.001 to 0.1."""
        if not (values > 0).any():
            raise Degenerate("no genotype was called")
        return cls(n_states, float(10.0 ** rng.uniform(-3.0, -1.0)))

    def log_density(self, observed: NDArray[Any], rows: Floats) -> None:
        with np.errstate(divide="ignore"):
            kernels.fill_from_table(np.log(self.table), 0.0, observed, rows)

    def density(self, observed: NDArray[Any], rows: Floats, tops: Floats) -> None:
        kernels.fill_from_table(self.table, 1.0, observed, rows)
        tops[:] = 0.0

    def sums(self, n_lanes: int) -> Floats:
        return np.zeros((self.n_genotypes, N_CODES, n_lanes))

    def add(self, observed: NDArray[Any], weights: Floats, sums: Floats) -> None:
        kernels.add_symbols(observed, weights, sums)

    def maximised(self, sums: Floats) -> Self:
        """Return the emission with the error rate that maximises the expected log-likelihood.

        With m calls that agree, p partial ones that do, and x of either that do not, it is

            m log(1 - e) + p log(1 - e / 2) + x log e,

        stationary where (x + m + p) e^2 - (3 x + 2 m + p) e + 2 x = 0.
        """
        counts = sums.sum(axis=2)
        agrees = type(self)(self.n_genotypes, 0.01).table > 0.5
        full = np.arange(N_CODES) <= self.n_genotypes
        counts[:, 0] = 0.0
        m, p, x = counts[agrees & full].sum(), counts[agrees & ~full].sum(), counts[~agrees].sum()
        if not m + p + x > 0.0:
            raise Degenerate("no genotype was called")
        a, b = x + m + p, 3.0 * x + 2.0 * m + p
        return type(self)(self.n_genotypes, float(4.0 * x / (b + np.sqrt(b * b - 8.0 * a * x))))


@dataclass(frozen=True, slots=True)
class GenotypeLikelihoods(Emission):
    """Genotypes known by their likelihoods (PL, GL), in proportions that depend on the state; NaN if not observed.

    P(data | state k) = sum over genotypes g of proportions[k, g] P(data | g); with the identity the states are the
    genotypes. Observed are likelihoods (place, genotype), up to a factor of each place.

    Attributes
    ----------
    proportions
        float64 (state, genotype): rows sum to 1.
    """

    proportions: Floats

    @property
    def n_states(self) -> int:
        return len(self.proportions)

    @classmethod
    def start(cls, values: NDArray[Any], n_states: int, rng: np.random.Generator) -> Self:
        """Draw the proportions of each state at random."""
        return cls(rng.dirichlet(np.ones(values.shape[1]), n_states))

    def log_density(self, observed: NDArray[Any], rows: Floats) -> None:
        kernels.fill_from_likelihoods(self.proportions, observed, rows)
        with np.errstate(divide="ignore"):
            np.log(rows, out=rows)

    def density(self, observed: NDArray[Any], rows: Floats, tops: Floats) -> None:
        kernels.fill_from_likelihoods(self.proportions, observed, rows)
        kernels.scale_rows(rows, tops)

    def sums(self, n_lanes: int) -> Floats:
        return np.zeros((*self.proportions.shape, n_lanes))

    def add(self, observed: NDArray[Any], weights: Floats, sums: Floats) -> None:
        kernels.add_likely_symbols(self.proportions, observed, weights, sums)

    def maximised(self, sums: Floats) -> Self:
        counts = sums.sum(axis=2)
        totals = counts.sum(axis=1, keepdims=True)
        if not (totals > 0.0).all():
            raise Degenerate("a state emits nothing")
        return type(self)(counts / totals)
