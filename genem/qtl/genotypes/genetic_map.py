"""The genetic map re-estimated from the cross itself: Baum-Welch on the recombination fractions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross, GeneticMap
from genem.em import EMFit, EMStep, fit
from genem.errors import UsageError
from genem.qtl.genotypes.chain import (
    SMALLEST_FRACTION,
    ChromosomeChain,
    chromosome_chain,
    transition_matrices,
)
from genem.qtl.genotypes.marker_kernels import expect_transitions
from genem.qtl.genotypes.positions import SMALLEST_ERROR
from genem.qtl.map_functions import MapFunction, map_distance, recombination_fraction

__all__ = ["EstimatedMap", "estimate_map"]

LARGEST_FRACTION = 0.5 - 1e-9

Fractions = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EstimatedMap:
    """A map estimated from a cross.

    Attributes
    ----------
    genetic_map
        The markers at their new positions; the first of each chromosome stays where it was.
    log_likelihood
        float64 (chromosome,): natural logarithm; individuals with fewer than two calls on the chromosome tell nothing
        of distances and are left out.
    fits
        The account of each chromosome's EM fit; None for a chromosome with one marker.
    """

    genetic_map: GeneticMap
    log_likelihood: NDArray[np.float64]
    fits: tuple[EMFit[Fractions] | None, ...]


class _RecombinationModel:
    """The recombination fractions of a chromosome's intervals, per meiosis in the chain's own (two-point) terms.

    For inbred lines they are the fractions R of the lines, not those of one meiosis: R is what the chain counts.
    """

    def __init__(self, chain: ChromosomeChain, error_prob: float) -> None:
        self._chain = chain.chain
        called = len(chain.likelihoods) == 0
        informative = (chain.codes != 0).sum(axis=1) >= 2
        self._codes = chain.codes[informative] if called else chain.codes
        self._likelihoods = chain.likelihoods
        self._marker = np.arange(chain.codes.shape[1])
        self._initial = np.array(chain.chain.initial)
        self._error_prob = error_prob
        self.n_free = chain.codes.shape[1] - 1
        self.n_observations = len(self._codes)

    def start(self, rng: np.random.Generator) -> Fractions:
        fractions: Fractions = rng.uniform(0.01, 0.3, self.n_free)
        return fractions

    def em_step(self, params: Fractions) -> EMStep[Fractions]:
        recombinations, log_likelihood = self._expect(params)
        total = max(1, self.n_observations) * self._chain.meioses
        return EMStep(np.clip(recombinations / total, SMALLEST_FRACTION, LARGEST_FRACTION), log_likelihood)

    def pack(self, params: Fractions) -> Fractions:
        return params

    def unpack(self, vector: Fractions) -> Fractions:
        return np.asarray(np.clip(vector, SMALLEST_FRACTION, LARGEST_FRACTION), np.float64)

    def gradient(self, params: Fractions) -> Fractions:
        """float64 (interval,): expected recombinations less those that the fractions predict, over their variance."""
        total = self.n_observations * self._chain.meioses
        return np.asarray((self._expect(params)[0] - total * params) / (params * (1.0 - params)))

    def bounds(self) -> tuple[Fractions, Fractions]:
        """Smallest and largest fractions, float64 (interval,)."""
        return np.full(self.n_free, SMALLEST_FRACTION), np.full(self.n_free, LARGEST_FRACTION)

    def log_likelihood(self, params: Fractions) -> float:
        return self._expect(params)[1]

    def _expect(self, fractions: Fractions) -> tuple[Fractions, float]:
        """The expected number of recombinations in each interval, and the log-likelihood."""
        transitions = transition_matrices(fractions, self._chain)
        expected = np.zeros_like(transitions)
        log_likelihood = expect_transitions(
            self._initial, transitions, self._codes, self._likelihoods, self._marker, self._error_prob, expected
        )
        return np.asarray(self._chain.recombinations(expected, fractions)), log_likelihood


def estimate_map(
    cross: Cross,
    *,
    error_prob: float = 1e-4,
    map_function: MapFunction = "haldane",
    max_iter: int = 100_000,
) -> EstimatedMap:
    """Maximum-likelihood distances between the markers, in their given order.

    Baum-Welch: the E-step counts expected recombinations in every interval given all calls (in an intercross a
    heterozygote that stays one had two recombinations with probability r^2 / (r^2 + (1 - r)^2)); the M-step divides
    by the number of meioses. Accelerated by SQUAREM.

    Parameters
    ----------
    cross
        The cross; distances of its map are the start.
    error_prob
        Genotyping error rate.
    map_function
        Turns fractions into centimorgan.
    max_iter
        Most EM steps per chromosome.

    Returns
    -------
    EstimatedMap

    Raises
    ------
    UsageError
        ``error_prob`` is out of range.
    InputError
        The X chromosome has no sex.

    References
    ----------
    Lander & Green (1987), PNAS 84:2363, doi:10.1073/pnas.84.8.2363. Baum et al. (1970), Ann. Math. Stat. 41:164,
    doi:10.1214/aoms/1177697196.

    Examples
    --------
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 50.0]))
    >>> calls = np.repeat(np.array([[1, 1], [2, 2], [1, 2]], np.int8), [5, 4, 1], axis=0)
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefghij"), genetic_map, calls, {}, {})
    >>> estimate_map(cross, error_prob=0.0).genetic_map.position.round(4).tolist()
    [0.0, 11.1572]
    """
    if not (0.0 <= error_prob < 1.0):
        raise UsageError(f"error probability {error_prob}; from 0 to below 1 expected")
    old = cross.genetic_map
    position = old.position.copy()
    log_likelihood = np.zeros(len(old.chromosomes))
    fits: list[EMFit[Fractions] | None] = []
    for index in range(len(old.chromosomes)):
        on = old.on(index)
        model = _RecombinationModel(chromosome_chain(cross, index), max(error_prob, SMALLEST_ERROR))
        start = cross.breeding.fraction_of_lines(recombination_fraction(np.diff(old.position[on]), map_function))
        if len(on) < 2:
            log_likelihood[index] = model.log_likelihood(start) if len(on) else 0.0
            fits.append(None)
            continue
        found = fit(
            model,
            start=np.clip(start, 0.01, 0.45),
            max_iter=max_iter,
            objective_tolerance=1e-12,
            parameter_tolerance=1e-9,
        )
        fits.append(found)
        log_likelihood[index] = found.log_likelihood
        fractions = np.minimum(cross.breeding.fraction_of_meiosis(found.params), LARGEST_FRACTION)
        distances = map_distance(fractions, map_function)
        position[on] = old.position[on[0]] + np.concatenate([[0.0], np.cumsum(distances)])
    return EstimatedMap(GeneticMap(old.chromosomes, old.markers, old.chromosome, position), log_likelihood, tuple(fits))
