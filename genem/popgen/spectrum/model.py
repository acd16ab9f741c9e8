"""The site frequency spectrum as a model of the EM engine."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genem.em import EMStep, Stationarity
from genem.popgen.spectrum.kernels import expected_spectrum, expected_spectrum_2d
from genem.popgen.spectrum.sites import CountLikelihoods

Vector = NDArray[np.float64]

N_CHUNKS = 16
"""Sites are summed in this many fixed parts, whatever the number of threads."""
FLOOR = 1e-30
"""Smallest proportion an extrapolation may propose; an exact zero could never rise again."""


@dataclass(frozen=True)
class SpectrumModel:
    """Proportions of sites with each allele count, in one group of samples or in two.

    P(site) = sum over counts of proportion times likelihood of the count: a mixture of known components, so that the
    log-likelihood is concave. Li (2011), doi:10.1093/bioinformatics/btr509; Nielsen et al. (2012),
    doi:10.1371/journal.pone.0037558.

    Attributes
    ----------
    groups
        Allele-count likelihoods of the same sites, one or two of them.
    weight
        float64 (site,): how often each site counts.
    fold
        The derived allele is not known: a count and its mirror image are equally probable. The parameters are then
        symmetric, and so is every EM step.
    """

    groups: tuple[CountLikelihoods, ...]
    weight: Vector
    fold: bool = False
    _last: dict[bytes, tuple[float, Vector]] = field(default_factory=dict, compare=False, repr=False)

    concave = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Counts per group, zero included."""
        return tuple(group.n + 1 for group in self.groups)

    @property
    def n_free(self) -> int:
        size = int(np.prod(self.shape))
        return (size + 1) // 2 - 1 if self.fold else size - 1

    @property
    def n_observations(self) -> int:
        return int(self.weight.sum())

    def flat(self) -> Vector:
        """The start: every count equally likely."""
        size = int(np.prod(self.shape))
        return np.full(size, 1.0 / size)

    def start(self, rng: np.random.Generator) -> Vector:
        drawn = rng.dirichlet(np.ones(int(np.prod(self.shape))))
        return self._symmetric(drawn)

    def em_step(self, params: Vector) -> EMStep[Vector]:
        log_likelihood, gradient = self._differentiate(params)
        return EMStep(params * gradient / self.weight.sum(), log_likelihood)

    def pack(self, params: Vector) -> Vector:
        return params

    def unpack(self, vector: Vector) -> Vector:
        positive = np.maximum(vector, FLOOR)
        normalised: Vector = positive / positive.sum()
        return normalised

    def stationarity(self, params: Vector) -> Stationarity:
        """The gap is the residual: it certifies a maximum also where a frequency creeps towards zero for ever."""
        return Stationarity.unconstrained([max(0.0, self.gap(params))])

    def log_likelihood(self, params: Vector) -> float:
        """Natural logarithm, in units of the input likelihoods."""
        return self._differentiate(params)[0]

    def gap(self, params: Vector) -> float:
        """The most by which the log-likelihood could still rise, anywhere.

        For mixing proportions log L(best) - log L(p) <= max_k d log L / d p(k) - sites (Lindsay 1983,
        doi:10.1214/aos/1176346059).
        """
        return float(self._differentiate(params)[1].max() - self.weight.sum())

    def _symmetric(self, vector: Vector) -> Vector:
        return (vector + vector[::-1]) / 2.0 if self.fold else vector

    def _differentiate(self, params: Vector) -> tuple[float, Vector]:
        """Log-likelihood and gradient; the last ones are kept, for the stop rule asks for them again."""
        key = params.tobytes()
        if key not in self._last:
            self._last.clear()
            self._last[key] = self._evaluate(params)
        return self._last[key]

    def _evaluate(self, params: Vector) -> tuple[float, Vector]:
        first = self.groups[0]
        chunk = -(-len(first) // N_CHUNKS)
        partial = np.zeros((N_CHUNKS, *self.shape))
        log_likelihood = np.zeros(N_CHUNKS)
        band = (first.low, first.start, first.values)
        if len(self.groups) == 1:
            expected_spectrum(params, self.weight, *band, chunk, partial, log_likelihood)
        else:
            second = self.groups[1]
            other = (second.low, second.start, second.values)
            table = params.reshape(self.shape)
            expected_spectrum_2d(table, self.weight, band, other, chunk, partial, log_likelihood)
        shift = sum(float(self.weight @ group.log_scale) for group in self.groups)
        return float(log_likelihood.sum()) + shift, self._symmetric(partial.sum(axis=0).ravel())
