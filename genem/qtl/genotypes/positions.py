"""The positions looked at along each chromosome, and its genotype chain there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import InputError, UsageError
from genem.qtl.genotypes.chain import SMALLEST_FRACTION, ChromosomeChain, chromosome_chain, transition_matrices
from genem.qtl.map_functions import MapFunction, recombination_fraction

__all__ = ["SMALLEST_ERROR", "Grid", "PreparedChromosome", "position_grid", "prepared_chromosomes"]

MOST_POSITIONS = 10_000_000
"""On a chromosome: more are a mistake in the step or in the map, and would not fit into memory."""
SMALLEST_ERROR = 1e-50
"""Error rates are kept off 0, so that no two calls contradict each other for good."""


Floats = NDArray[np.float64]
Evidence = tuple[Floats, Floats, NDArray[np.int8], Floats, NDArray[np.int64], float]


@dataclass(frozen=True, slots=True)
class Grid:
    """The positions looked at on one chromosome.

    Attributes
    ----------
    position
        float64 (position,), in cM.
    names
        Names of markers, and ``c1.loc45``: chromosome 1, 45 cM from its first marker.
    marker
        int64 (position,): which marker of the chromosome it is; -1 between markers.
    """

    position: NDArray[np.float64]
    names: tuple[str, ...]
    marker: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class PreparedChromosome:
    """One chromosome, ready for the kernels."""

    index: int
    name: str
    chain: ChromosomeChain
    grid: Grid
    initial: NDArray[np.float64]
    transitions: NDArray[np.float64]

    def evidence(self, error_prob: float) -> Evidence:
        """The first arguments of the kernels: the chain, what was called, at which positions, with which error rate."""
        calls = self.chain.codes, self.chain.likelihoods, self.grid.marker
        return self.initial, self.transitions, *calls, max(error_prob, SMALLEST_ERROR)


def position_grid(position: NDArray[np.float64], markers: tuple[str, ...], chromosome: str, step: float) -> Grid:
    """All markers, and every ``step`` cM from the first one (0: the markers alone).

    Parameters
    ----------
    position
        float64 (marker,), ascending, in cM.
    markers, chromosome
        Their names.
    step
        In cM.

    Examples
    --------
    >>> grid = position_grid(np.array([3.3, 5.0]), ("M1", "M2"), "1", 1.0)
    >>> [round(float(p), 1) for p in grid.position], grid.names
    ([3.3, 4.3, 5.0], ('M1', 'c1.loc1', 'M2'))
    """
    offsets = position - position[0]
    if step > 0.0:
        if offsets[-1] > step * MOST_POSITIONS:
            raise UsageError(
                f"a step of {step:g} cM along the {offsets[-1]:g} cM of chromosome {chromosome}: "
                f"at most {MOST_POSITIONS:,} positions expected"
            )
        n_steps = int(np.floor(offsets[-1] / step + 1e-10))
        between = np.minimum(np.arange(n_steps + 1) * step, offsets[-1])
        between = between[~np.isin(between, offsets)]
    else:
        between = np.empty(0)
    both = np.concatenate([offsets, between])
    order = np.argsort(both, kind="stable")
    names = (*markers, *(f"c{chromosome}.loc{offset:.10g}" for offset in between.tolist()))
    marker = np.concatenate([np.arange(len(markers)), np.full(len(between), -1)])
    return Grid(both[order] + position[0], tuple(names[k] for k in order.tolist()), marker[order])


def prepared_chromosomes(
    cross: Cross, step: float, error_prob: float, map_function: MapFunction
) -> Iterator[PreparedChromosome]:
    """The chromosomes that have markers."""
    if not (0.0 <= error_prob < 1.0):
        raise UsageError(f"error probability {error_prob}; from 0 to below 1 expected")
    if not (0.0 <= step < np.inf):
        raise UsageError(f"a step of {step} cM; 0 or more expected")
    if len(cross) == 0:
        raise InputError("the cross has no individuals")
    genetic_map = cross.genetic_map
    for index, name in enumerate(genetic_map.chromosomes):
        on = genetic_map.on(index)
        if len(on) == 0:
            continue
        markers = tuple(genetic_map.markers[k] for k in on.tolist())
        grid = position_grid(genetic_map.position[on], markers, name, step)
        chain = chromosome_chain(cross, index)
        fractions = recombination_fraction(np.diff(grid.position), map_function)
        seen = cross.breeding.fraction_of_lines(np.maximum(fractions, SMALLEST_FRACTION))
        transitions = transition_matrices(seen, chain.chain)
        yield PreparedChromosome(index, name, chain, grid, np.array(chain.chain.initial), transitions)
