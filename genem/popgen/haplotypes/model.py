"""The haplotype likelihood as a model of the EM engine, and its observed information."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.em import Degenerate, EMStep, Stationarity, identify
from genem.popgen.haplotypes.em_kernels import Explanations, log_likelihood_and_gradient
from genem.popgen.haplotypes.posterior_kernels import observed_information

Vector = NDArray[np.float64]

RESOLVED_EIGENVALUE = 1e-7
"""Smallest eigenvalue of the scaled information, 1 for complete data, below which frequencies are not determined."""
MAX_INFORMATION_SIZE = 2000
"""Most haplotypes for which the information matrix is formed."""


@dataclass(frozen=True, slots=True)
class HaplotypeModel:
    """Haplotype frequencies under random mating, over a fixed list of haplotypes."""

    explanations: Explanations
    n_haplotypes: int

    @property
    def n_free(self) -> int:
        return self.n_haplotypes - 1

    @property
    def n_observations(self) -> int:
        """Samples with at least one call."""
        return int(self.explanations.weight.sum())

    @property
    def n_chromosomes(self) -> float:
        return float(self.explanations.weight @ self.explanations.copies)

    def start(self, rng: np.random.Generator) -> Vector:
        return rng.dirichlet(np.ones(self.n_haplotypes))

    def em_step(self, params: Vector) -> EMStep[Vector]:
        log_likelihood, gradient = self._differentiate(params)
        return EMStep(params * gradient / self.n_chromosomes, log_likelihood)

    def pack(self, params: Vector) -> Vector:
        return params

    def unpack(self, vector: Vector) -> Vector:
        if not np.all(vector > 0.0):
            raise Degenerate("a haplotype frequency is not positive")
        normalised: Vector = vector / vector.sum()
        return normalised

    def stationarity(self, params: Vector) -> Stationarity:
        return Stationarity.simplex(params, self._differentiate(params)[1])

    def _differentiate(self, params: Vector) -> tuple[float, Vector]:
        gradient = np.empty_like(params)
        return float(log_likelihood_and_gradient(params, self.explanations, gradient)), gradient


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Standard errors of the frequencies, and how much information the missing phase costs.

    Attributes
    ----------
    standard_error
        float64 (haplotype,): NaN where the data do not determine it.
    missing_information
        Largest share of information about any contrast of the frequencies that is lost because phases and calls
        were not seen; 1 where some contrast is not determined at all. NaN where it was not computed.
    """

    standard_error: Vector
    missing_information: float


def uncertainty(frequency: Vector, explanations: Explanations) -> Uncertainty:
    """Standard errors from the observed information of positive ``frequency``, which sums to 1.

    In coordinates p(h) / sqrt(p(h)), divided by the number of chromosomes, the information of known phases is the
    identity. The eigenvalues of the observed information on the tangent space of sum(p) = 1 are therefore one minus
    the fractions of missing information (Louis 1982, J. R. Stat. Soc. B 44:226).
    """
    n_haplotypes = frequency.size
    nothing = np.full(n_haplotypes, np.nan)
    if n_haplotypes == 1:
        return Uncertainty(nothing, 0.0)
    if n_haplotypes > MAX_INFORMATION_SIZE:
        return Uncertainty(nothing, np.nan)
    n_chromosomes = float(explanations.weight @ explanations.copies)
    root = np.sqrt(frequency)
    scaled = observed_information(frequency, explanations) * np.outer(root, root) / n_chromosomes
    tangent = _orthogonal_complement(root)
    found = identify(
        tangent.T @ scaled @ tangent,
        root[:, None] * tangent,
        unit=np.ones(n_haplotypes - 1),
        least_information=-np.inf,
        smallest_eigenvalue=RESOLVED_EIGENVALUE,
    )
    smallest = float(found.eigenvalues[0])
    missing = min(1.0, 1.0 - smallest) if smallest > RESOLVED_EIGENVALUE else 1.0
    return Uncertainty(found.standard_errors / math.sqrt(n_chromosomes), missing)


def _orthogonal_complement(unit: Vector) -> NDArray[np.float64]:
    """Columns that are orthonormal and orthogonal to a unit vector: all but the first of a Householder reflection."""
    reflector = unit.copy()
    reflector[0] += 1.0 if unit[0] >= 0.0 else -1.0
    identity = np.eye(unit.size)
    reflected: NDArray[np.float64] = identity - 2.0 * np.outer(reflector, reflector) / float(reflector @ reflector)
    return reflected[:, 1:]
