"""Genotypes at several loci at once: what the calls say of pairs, and of any number, linked or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import UsageError
from genem.qtl.genotypes.joint_kernels import fill_following, fill_linked_pairs
from genem.qtl.genotypes.positions import Grid, prepared_chromosomes
from genem.qtl.genotypes.probabilities import ChromosomeGenotypes, genotype_probabilities
from genem.qtl.map_functions import MapFunction

__all__ = ["LinkedGenotypes", "Locus", "find_locus", "joint_genotypes", "joint_probabilities", "pair_probabilities"]

Floats = NDArray[np.float64]
ON_GRID = 1e-8
"""A position this close to a multiple of the step is one, in steps."""


@dataclass(frozen=True, slots=True)
class LinkedGenotypes:
    """Genotypes along one chromosome: their probabilities, and transitions given all calls.

    Attributes
    ----------
    genotypes
        Genotype probabilities at the positions.
    state_of
        int64 (individual, chain state): which of the genotypes a state of the chain is.
    following
        float64 (position but the last, individual, chain state, chain state): P(genotype at the next position |
        genotype here, all calls of the individual on the chromosome).
    markers_before
        int64 (position,): markers of the chromosome up to and including the position.
    """

    genotypes: ChromosomeGenotypes
    state_of: NDArray[np.int64]
    following: Floats
    markers_before: NDArray[np.int64]

    @property
    def chromosome(self) -> str:
        return self.genotypes.chromosome

    @property
    def is_x(self) -> bool:
        return self.genotypes.is_x

    @property
    def grid(self) -> Grid:
        return self.genotypes.grid

    @property
    def states(self) -> tuple[str, ...]:
        return self.genotypes.states

    def select(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> LinkedGenotypes:
        """The same for some individuals, or for all in another order."""
        linkage_group = self.genotypes
        kept = replace(
            linkage_group,
            probabilities=np.ascontiguousarray(linkage_group.probabilities[:, keep]),
            log_likelihood=linkage_group.log_likelihood[keep],
        )
        return LinkedGenotypes(
            kept, self.state_of[keep], np.ascontiguousarray(self.following[:, keep]), self.markers_before
        )

    def marginal(self, position: int) -> Floats:
        """P(chain state) at one position, float64 (individual, chain state)."""
        return np.take_along_axis(self.genotypes.probabilities[position], self.state_of, axis=1)


@dataclass(frozen=True, slots=True, order=True)
class Locus:
    """One of the positions: numbers of the chromosome among those given, and of the position on it."""

    chromosome: int
    position: int


def joint_genotypes(
    cross: Cross,
    *,
    step: float = 5.0,
    include_markers: bool = False,
    chromosomes: Sequence[str] | None = None,
    error_prob: float = 1e-4,
    map_function: MapFunction = "haldane",
) -> tuple[LinkedGenotypes, ...]:
    """Genotype probabilities for models of several loci: joint along a chromosome, independent between chromosomes.

    Given an individual's calls the genotypes along a chromosome are a Markov chain still; its transitions, beside the
    genotype probabilities, are all that joint probabilities of any set of positions need.

    Parameters
    ----------
    cross, error_prob, map_function
        As in :func:`~genem.qtl.genotype_probabilities`.
    step
        Distance of the positions, counted from the first marker of each chromosome, in cM.
    include_markers
        Whether the markers between these positions count, too. They do where ``step`` is 0.
    chromosomes
        Names; all by default.

    Returns
    -------
    One :class:`LinkedGenotypes` per chromosome, in map order.

    Raises
    ------
    InputError
        An individual's genotype likelihoods leave no possible genotypes.
    UsageError
        An unknown chromosome; ``step`` or ``error_prob`` is out of range.

    References
    ----------
    Lander & Green (1987), PNAS 84:2363, doi:10.1073/pnas.84.8.2363.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 20.0]))
    >>> cross = Cross("bc", ("A", "B"), ("i1",), genetic_map, np.array([[1, 0]], np.int8), {}, {})
    >>> (one,) = joint_genotypes(cross, step=10)
    >>> one.grid.names, one.following[:, 0].round(3).tolist()[0][0]
    (('M1', 'c1.loc10', 'M2'), [0.909, 0.091])
    """
    names = cross.genetic_map.chromosomes
    for name in chromosomes or ():
        if name not in names:
            raise UsageError(f"no chromosome {name} among {', '.join(names)}")
    every = genotype_probabilities(cross, step=step, error_prob=error_prob, map_function=map_function)
    results = []
    prepared = prepared_chromosomes(cross, step, error_prob, map_function)
    for linkage_group, genotypes in zip(prepared, every, strict=True):
        if chromosomes is not None and linkage_group.name not in chromosomes:
            continue
        kept = np.flatnonzero(_kept(linkage_group.grid, step, include_markers))
        n_states = linkage_group.chain.n_chain_states
        following = np.empty((len(kept) - 1, len(cross), n_states, n_states))
        fill_following(*linkage_group.evidence(error_prob)[1:], kept, following)
        grid = Grid(
            linkage_group.grid.position[kept],
            tuple(linkage_group.grid.names[k] for k in kept),
            linkage_group.grid.marker[kept],
        )
        probabilities = np.ascontiguousarray(genotypes.probabilities[kept])
        thinned = replace(genotypes, grid=grid, probabilities=probabilities)
        before = np.cumsum(linkage_group.grid.marker >= 0, dtype=np.int64)[kept]
        results.append(LinkedGenotypes(thinned, linkage_group.chain.state_of, following, before))
    return tuple(results)


def _kept(grid: Grid, step: float, include_markers: bool) -> NDArray[np.bool_]:
    """Positions of a grid that are looked at."""
    if include_markers or step == 0.0:
        return np.ones(len(grid), np.bool_)
    steps = (grid.position - grid.position[0]) / step
    off = np.abs(steps - np.round(steps))
    kept = off < ON_GRID
    for multiple in np.unique(np.round(steps[kept])):
        # A marker that differs from the multiple in the last digits of the map is the same place.
        alike = np.flatnonzero(kept & (np.round(steps) == multiple))
        kept[alike] = alike == alike[off[alike].argmin()]
    return np.asarray(kept)


def pair_probabilities(first: LinkedGenotypes, second: LinkedGenotypes, start: int, stop: int) -> Floats:
    """P(genotypes at two positions): each of some positions of a chromosome with all those of another, or ahead of it.

    Parameters
    ----------
    first, start, stop
        The chromosome and the range of positions.
    second
        Another chromosome, or the same: then the positions ahead count.

    Returns
    -------
    float64 (pair, cell, individual)
        Pairs count the positions of ``second`` fastest. The cell of genotypes a and b is
        ``a * number of genotypes of second + b``.
    """
    n = len(first.state_of)
    if first is not second:
        origin_place = first.genotypes.probabilities[start:stop].transpose(0, 2, 1)
        target_place = second.genotypes.probabilities.transpose(0, 2, 1)
        both = origin_place[:, None, :, None, :] * target_place[None, :, None, :, :]
        return both.reshape(len(origin_place) * len(target_place), -1, n)
    n_states = len(first.states)
    n_pairs = sum(len(first.grid) - 1 - position for position in range(start, stop))
    joint = np.zeros((n_pairs, n_states * n_states, n))
    cell_of = first.state_of[:, :, None] * n_states + first.state_of[:, None, :]
    marginal = np.take_along_axis(first.genotypes.probabilities, first.state_of[None], axis=2)
    fill_linked_pairs(marginal, first.following, cell_of, start, stop, joint)
    return joint


def find_locus(linked: Sequence[LinkedGenotypes], chromosome: str, position: str | float) -> Locus:
    """The locus of a name, or nearest to a position in cM.

    Raises
    ------
    UsageError
        No such chromosome or position.
    """
    names = [linkage_group.chromosome for linkage_group in linked]
    if chromosome not in names:
        raise UsageError(f"no chromosome {chromosome} among {', '.join(names)}")
    index = names.index(chromosome)
    grid = linked[index].grid
    if isinstance(position, str):
        if position not in grid.names:
            raise UsageError(f"no position {position} on chromosome {chromosome}")
        return Locus(index, grid.names.index(position))
    return Locus(index, int(np.abs(grid.position - position).argmin()))


def joint_probabilities(linked: Sequence[LinkedGenotypes], loci: Sequence[Locus]) -> Floats:
    """P(genotypes at several loci | all calls).

    Parameters
    ----------
    linked
        From :func:`joint_genotypes`.
    loci
        Different positions, in any order.

    Returns
    -------
    float64 (cell, individual)
        Cells count the genotypes of the loci as given, the last one fastest.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 20.0]))
    >>> cross = Cross("bc", ("A", "B"), ("i1",), genetic_map, np.array([[1, 0]], np.int8), {}, {})
    >>> linked = joint_genotypes(cross, step=10)
    >>> joint_probabilities(linked, [Locus(0, 0), Locus(0, 2)]).round(3).ravel().tolist()
    [0.835, 0.165, 0.0, 0.0]
    """
    n = len(linked[0].state_of)
    order = sorted(range(len(loci)), key=lambda k: loci[k])
    cells = np.ones((1, n))
    start = 0
    while start < len(order):
        chromosome = loci[order[start]].chromosome
        stop = start
        while stop < len(order) and loci[order[stop]].chromosome == chromosome:
            stop += 1
        block = _along(linked[chromosome], [loci[k].position for k in order[start:stop]])
        cells = (cells[:, None, :] * block[None, :, :]).reshape(-1, n)
        start = stop
    shape = [len(linked[loci[k].chromosome].states) for k in order]
    back = [order.index(k) for k in range(len(loci))]
    return np.ascontiguousarray(cells.reshape(*shape, n).transpose(*back, len(loci)).reshape(-1, n))


def _along(linkage_group: LinkedGenotypes, positions: Sequence[int]) -> Floats:
    """P(genotypes at ascending positions of one chromosome), (cell, individual)."""
    n, n_chain = linkage_group.state_of.shape
    chain = linkage_group.marginal(positions[0])[:, :, None]
    # ``chain`` is (individual, state of the last position, states of those before, the last of them fastest).
    for origin, target in pairwise(positions):
        step = linkage_group.following[origin]
        for place in range(origin + 1, target):
            step = step @ linkage_group.following[place]
        grown = chain[:, :, None, :] * step[:, :, :, None]
        chain = grown.transpose(0, 2, 3, 1).reshape(n, n_chain, -1)
    paths = chain.transpose(0, 2, 1).reshape(n, -1)
    if (
        linkage_group.state_of.shape[1] == len(linkage_group.states)
        and (linkage_group.state_of == np.arange(n_chain)).all()
    ):
        return np.ascontiguousarray(paths.T)
    cell = np.zeros((n, 1), np.int64)
    for _ in positions:
        cell = (cell[:, :, None] * len(linkage_group.states) + linkage_group.state_of[:, None, :]).reshape(n, -1)
    named = np.zeros((n, len(linkage_group.states) ** len(positions)))
    np.put_along_axis(named, cell, paths, axis=1)
    return np.ascontiguousarray(named.T)
