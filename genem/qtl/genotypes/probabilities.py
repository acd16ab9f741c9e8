"""Genotypes along a cross given its marker calls: probabilities, the likeliest, random draws, suspicious calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions.genotype_kernels import NOT_FIRST, NOT_LAST
from genem.data import Cross
from genem.errors import InputError, UsageError
from genem.qtl.genotypes.marker_kernels import fill_draws, fill_paths, fill_probabilities
from genem.qtl.genotypes.positions import Grid, PreparedChromosome, prepared_chromosomes
from genem.qtl.map_functions import MapFunction

__all__ = [
    "ChromosomeDraws",
    "ChromosomeGenotypes",
    "called_genotypes",
    "genotype_draws",
    "genotype_probabilities",
    "genotyping_error_lods",
    "likeliest_genotypes",
]

RARE_ERROR = 1e-12
"""The error rate with which calls are taken to be right."""


@dataclass(frozen=True, slots=True)
class ChromosomeGenotypes:
    """Probabilities of the genotypes on one chromosome.

    Attributes
    ----------
    chromosome
        Its name.
    is_x
        Whether it is the X chromosome.
    grid
        The positions.
    states
        Names of the genotypes; on the X chromosome told apart by sex and direction.
    probabilities
        float64 (position, individual, state): P(genotype | all calls of the individual on the chromosome).
    log_likelihood
        float64 (individual,): of the calls.
    """

    chromosome: str
    is_x: bool
    grid: Grid
    states: tuple[str, ...]
    probabilities: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChromosomeDraws:
    """Definite genotypes on one chromosome: the likeliest, or drawn at random.

    Attributes
    ----------
    chromosome, is_x, grid, states
        As in :class:`ChromosomeGenotypes`.
    draws
        int8 (draw, individual, position): indices into ``states``.
    """

    chromosome: str
    is_x: bool
    grid: Grid
    states: tuple[str, ...]
    draws: NDArray[np.int8]


def genotype_probabilities(
    cross: Cross,
    *,
    step: float = 1.0,
    error_prob: float = 1e-4,
    map_function: MapFunction = "haldane",
) -> tuple[ChromosomeGenotypes, ...]:
    """Genotype probabilities at markers and between them, by forward-backward along each chromosome.

    The genotypes follow a Markov chain with Mendel's proportions; neighbours recombine as the map says. A call agrees
    with the true genotype with probability 1 - e and is each of the others with e / (K - 1); a partial call that
    includes the truth has probability 1 - e/2, else e. Genotype likelihoods take the place of these where the cross
    has them. On the X chromosome all follow the chain of a backcross, and states are told apart by sex and, for
    heterozygous females, by direction.

    Parameters
    ----------
    cross
        The cross.
    step
        Distance of the positions between markers, in cM; 0: the markers alone.
    error_prob
        e, the genotyping error rate.
    map_function
        ``haldane``, ``kosambi``, ``carter-falconer`` or ``morgan``.

    Returns
    -------
    One :class:`ChromosomeGenotypes` per chromosome, in map order.

    Raises
    ------
    InputError
        An individual's genotype likelihoods leave no possible genotypes.
    UsageError
        ``step`` or ``error_prob`` is out of range.

    References
    ----------
    Lander & Green (1987), PNAS 84:2363, doi:10.1073/pnas.84.8.2363. Lincoln & Lander (1992), Genomics 14:604,
    doi:10.1016/S0888-7543(05)80158-2. Broman et al. (2006), Genetics 174:2151, doi:10.1534/genetics.106.061176.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 20.0]))
    >>> calls = np.array([[1, 2], [0, 2]], np.int8)
    >>> cross = Cross("bc", ("A", "B"), ("i1", "i2"), genetic_map, calls, {}, {})
    >>> (one,) = genotype_probabilities(cross, step=10, error_prob=0.0)
    >>> one.grid.names, one.probabilities[1].round(4).tolist()
    (('M1', 'c1.loc10', 'M2'), [[0.5, 0.5], [0.0906, 0.9094]])
    """
    results = []
    for prepared in prepared_chromosomes(cross, step, error_prob, map_function):
        n, k = len(cross), prepared.chain.n_chain_states
        chain_probabilities = np.empty((len(prepared.grid), n, k))
        log_likelihood = np.empty(n)
        fill_probabilities(*prepared.evidence(error_prob), chain_probabilities, log_likelihood)
        if not np.isfinite(log_likelihood).all():
            individual = cross.individuals[int(np.argmin(log_likelihood))]
            raise InputError(
                f"the genotype likelihoods of individual {individual} on chromosome {prepared.name} leave no genotypes",
                remedy="a likelihood of exactly 0 leaves no room for error",
            )
        probabilities = np.zeros((len(prepared.grid), n, len(prepared.chain.states)))
        np.put_along_axis(probabilities, prepared.chain.state_of[None], chain_probabilities, axis=2)
        is_x = prepared.name in cross.x_chromosomes
        results.append(
            ChromosomeGenotypes(
                prepared.name, is_x, prepared.grid, prepared.chain.states, probabilities, log_likelihood
            )
        )
    return tuple(results)


def called_genotypes(cross: Cross) -> tuple[ChromosomeGenotypes, ...]:
    """The calls themselves, as probabilities 0 and 1 at the markers; NaN where a call is missing or partial.

    Parameters
    ----------
    cross
        A cross with called genotypes.

    Returns
    -------
    One :class:`ChromosomeGenotypes` per chromosome, in map order.

    Raises
    ------
    UsageError
        The cross has genotype likelihoods instead of calls.
    """
    if cross.likelihoods is not None:
        raise UsageError("markers are not called: the cross has genotype likelihoods")
    results = []
    for prepared in prepared_chromosomes(cross, 0.0, 0.0, "haldane"):
        known = (prepared.chain.codes >= 1) & (prepared.chain.codes <= prepared.chain.n_chain_states)
        state = np.take_along_axis(
            prepared.chain.state_of, np.maximum(prepared.chain.codes - 1, 0) % prepared.chain.n_chain_states, axis=1
        )
        called = (state[:, :, None] == np.arange(len(prepared.chain.states))).astype(np.float64)
        called[~known] = np.nan
        results.append(
            ChromosomeGenotypes(
                prepared.name,
                prepared.name in cross.x_chromosomes,
                prepared.grid,
                prepared.chain.states,
                np.ascontiguousarray(called.transpose(1, 0, 2)),
                np.full(len(cross), np.nan),
            )
        )
    return tuple(results)


def likeliest_genotypes(
    cross: Cross,
    *,
    step: float = 0.0,
    error_prob: float = 1e-4,
    map_function: MapFunction = "haldane",
) -> tuple[ChromosomeDraws, ...]:
    """The jointly likeliest genotypes of each individual along each chromosome (Viterbi).

    Parameters
    ----------
    cross, step, error_prob, map_function
        As in :func:`genotype_probabilities`.

    Returns
    -------
    One :class:`ChromosomeDraws` per chromosome, with a single draw.

    Raises
    ------
    UsageError
        ``step`` or ``error_prob`` is out of range.

    References
    ----------
    Rabiner (1989), Proc. IEEE 77:257, doi:10.1109/5.18626.
    """
    results = []
    for prepared in prepared_chromosomes(cross, step, error_prob, map_function):
        paths = np.empty((len(cross), len(prepared.grid)), np.int64)
        fill_paths(*prepared.evidence(error_prob), paths)
        results.append(_definite(cross, prepared, paths[None]))
    return tuple(results)


def genotype_draws(
    cross: Cross,
    *,
    n_draws: int = 16,
    seed: int = 1,
    step: float = 1.0,
    error_prob: float = 1e-4,
    map_function: MapFunction = "haldane",
) -> tuple[ChromosomeDraws, ...]:
    """Genotypes drawn at random given all calls: multiple imputations.

    Parameters
    ----------
    cross, step, error_prob, map_function
        As in :func:`genotype_probabilities`.
    n_draws
        Number of imputations.
    seed
        Every chromosome has a stream of its own.

    Returns
    -------
    One :class:`ChromosomeDraws` per chromosome.

    Raises
    ------
    UsageError
        ``step``, ``error_prob`` or ``n_draws`` is out of range.

    References
    ----------
    Sen & Churchill (2001), Genetics 159:371, doi:10.1093/genetics/159.1.371.
    """
    if n_draws < 1:
        raise UsageError(f"{n_draws} imputations; 1 is the least")
    streams = np.random.SeedSequence(seed).spawn(len(cross.genetic_map.chromosomes))
    results = []
    for prepared in prepared_chromosomes(cross, step, error_prob, map_function):
        shape = (n_draws, len(cross), len(prepared.grid))
        draws = np.empty(shape, np.int64)
        uniform = np.random.default_rng(streams[prepared.index]).random(shape)
        fill_draws(*prepared.evidence(error_prob), uniform, draws)
        results.append(_definite(cross, prepared, draws))
    return tuple(results)


def _definite(cross: Cross, prepared: PreparedChromosome, paths: NDArray[np.int64]) -> ChromosomeDraws:
    """Paths of chain states (draw, individual, position) under the names of genotypes."""
    named = np.take_along_axis(prepared.chain.state_of[None], paths, axis=2).astype(np.int8)
    return ChromosomeDraws(
        prepared.name, prepared.name in cross.x_chromosomes, prepared.grid, prepared.chain.states, named
    )


def genotyping_error_lods(cross: Cross, *, map_function: MapFunction = "haldane") -> NDArray[np.float64]:
    """LOD scores of each call being an error, the individual's other calls on the chromosome being right.

    LOD = log10 [P(other calls, true genotype is another) / P(other calls, true genotype as called)], where all other
    genotypes are equally likely to be called by mistake.

    Parameters
    ----------
    cross
        A cross with called genotypes.
    map_function
        As in :func:`genotype_probabilities`.

    Returns
    -------
    float64 (individual, marker); NaN where nothing is called.

    Raises
    ------
    UsageError
        The cross has genotype likelihoods, which state their own error.

    References
    ----------
    Lincoln & Lander (1992), Genomics 14:604, doi:10.1016/S0888-7543(05)80158-2.
    """
    if cross.likelihoods is not None:
        raise UsageError("genotype likelihoods state their own error: error LODs are for called genotypes")
    lods = np.full(cross.genotypes.shape, np.nan)
    for prepared in prepared_chromosomes(cross, 0.0, RARE_ERROR, map_function):
        n, k = len(cross), prepared.chain.n_chain_states
        codes = prepared.chain.codes
        probabilities = np.empty((len(prepared.grid), n, k))
        fill_probabilities(*prepared.evidence(RARE_ERROR), probabilities, np.empty(n))
        includes = _included_states(k)[codes].transpose(1, 0, 2)
        right = np.where(includes, probabilities, 0.0).sum(axis=2).T
        wrong = np.where(includes, 0.0, probabilities).sum(axis=2).T
        # The call itself is taken out again: P(call | included) / P(call | all others together).
        odds_of_call = np.where(codes >= NOT_LAST, 1.0 - 0.5 * RARE_ERROR, 1.0 - RARE_ERROR) / RARE_ERROR
        with np.errstate(divide="ignore", invalid="ignore"):
            lod = np.log10(wrong) - np.log10(right) + np.log10(odds_of_call)
        lods[:, cross.genetic_map.on(prepared.index)] = np.where(codes > 0, lod, np.nan)
    return lods


def _included_states(n_states: int) -> NDArray[np.bool_]:
    """Whether a state agrees with a code, bool (code, state)."""
    included = np.zeros((NOT_FIRST + 1, n_states), np.bool_)
    for state in range(n_states):
        included[state + 1, state] = True
    included[NOT_LAST, :-1] = True
    included[NOT_FIRST, 1:] = True
    return included
