"""Priors of a motif's columns: pseudocounts and Dirichlet mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp, softmax

from genem.errors import UsageError

Vector = NDArray[np.float64]


class ColumnPrior(Protocol):
    """A prior of the columns, all alike and independent, as MAP-EM needs it."""

    def log_density(self, matrix: Vector) -> float:
        """Log prior density of a matrix, up to a constant."""
        ...

    def pseudocounts(self, matrix: Vector) -> Vector:
        """float64 (width, letter): what the M step adds to the expected counts, given the matrix they came from."""
        ...


@dataclass(frozen=True, slots=True)
class Pseudocounts:
    """A Dirichlet prior: ``weight`` letters in every column, shared out as in the background.

    Attributes
    ----------
    weight
        Pseudocounts per column; 0 for maximum likelihood.
    background
        float64 (letter,)
    """

    weight: float
    background: Vector

    def log_density(self, matrix: Vector) -> float:
        if self.weight == 0.0:
            return 0.0
        with np.errstate(divide="ignore"):
            return float(np.sum(self.weight * self.background * np.log(matrix)))

    def pseudocounts(self, matrix: Vector) -> Vector:
        return np.broadcast_to(self.weight * self.background, matrix.shape)


@dataclass(frozen=True, slots=True)
class DirichletMixture:
    r"""A prior of columns that knows kinds of columns: hydrophobic ones, charged ones, conserved ones.

    .. math:: p(\theta) = \sum_j q_j\, \mathrm{Dirichlet}(\theta; \alpha_j)

    Its density is taken with respect to :math:`d \log \theta` (the softmax basis), where the components that have
    :math:`\alpha < 1` are bounded and the mode of one component is :math:`(c + \alpha) / \sum (c + \alpha)`. With the
    component of a column as one more missing datum, the M step adds the expected pseudocounts
    :math:`\sum_j P(j \mid \theta)\, \alpha_j` and the penalised log-likelihood never falls. The usual posterior-mean
    estimate (:meth:`posterior_mean`) is no EM step.

    Attributes
    ----------
    weights
        float64 (component,)
    concentrations
        float64 (component, letter)

    References
    ----------
    Sjolander et al. (1996), CABIOS 12:327, doi:10.1093/bioinformatics/12.4.327; MacKay (1998), Machine Learning
    33:77, doi:10.1023/A:1007558615313 (the choice of basis).
    """

    weights: Vector
    concentrations: Vector

    def __post_init__(self) -> None:
        if self.concentrations.shape[:1] != self.weights.shape or self.concentrations.ndim != 2:
            raise UsageError("a Dirichlet mixture needs one weight and one row of concentrations per component")
        if not (np.all(self.weights > 0.0) and np.all(self.concentrations > 0.0)):
            raise UsageError("weights and concentrations of a Dirichlet mixture must be above 0")

    def log_density(self, matrix: Vector) -> float:
        return float(np.sum(logsumexp(self._log_joint(matrix), axis=1)))

    def pseudocounts(self, matrix: Vector) -> Vector:
        expected: Vector = softmax(self._log_joint(matrix), axis=1) @ self.concentrations
        return expected

    def posterior_mean(self, counts: ArrayLike) -> Vector:
        """float64 (width, letter): the mean of each column given its letter counts (Sjolander et al. 1996, eq. 15)."""
        c = np.asarray(counts, np.float64)[:, None, :]
        sums = self.concentrations.sum(axis=1)
        log_marginal = (
            np.log(self.weights)
            + gammaln(sums)
            - gammaln(c.sum(axis=2) + sums)
            + np.sum(gammaln(c + self.concentrations) - gammaln(self.concentrations), axis=2)
        )
        component = softmax(log_marginal, axis=1)
        means = (c + self.concentrations) / (c.sum(axis=2) + sums)[:, :, None]
        mean: Vector = np.einsum("kj,kja->ka", component, means)
        return mean

    def _log_joint(self, matrix: Vector) -> Vector:
        """float64 (width, component): log of weight times density."""
        with np.errstate(divide="ignore"):
            log_matrix = np.log(matrix)
        scale = gammaln(self.concentrations.sum(axis=1)) - np.sum(gammaln(self.concentrations), axis=1)
        joint: Vector = np.log(self.weights) + scale + log_matrix @ self.concentrations.T
        return joint


# Parameters of the nine-component mixture estimated on the Blocks database: Sjolander et al. (1996), CABIOS 12:327,
# table 1 (letters ACDEFGHIKLMNPQRSTVWY).
# fmt: off
BLOCKS9 = DirichletMixture(
    np.array([0.182962, 0.057607, 0.089823, 0.079297, 0.083183, 0.091122, 0.115962, 0.06604, 0.234006]),
    np.array([
        [0.270671, 0.039848, 0.017576, 0.016415, 0.014268, 0.131916, 0.012391, 0.022599, 0.020358, 0.030727,
         0.015315, 0.048298, 0.053803, 0.020662, 0.023612, 0.216147, 0.147226, 0.065438, 0.003758, 0.009621],
        [0.021465, 0.010300, 0.011741, 0.010883, 0.385651, 0.016416, 0.076196, 0.035329, 0.013921, 0.093517,
         0.022034, 0.028593, 0.013086, 0.023011, 0.018866, 0.029156, 0.018153, 0.036100, 0.071770, 0.419641],
        [0.561459, 0.045448, 0.438366, 0.764167, 0.087364, 0.259114, 0.214940, 0.145928, 0.762204, 0.247320,
         0.118662, 0.441564, 0.174822, 0.530840, 0.465529, 0.583402, 0.445586, 0.227050, 0.029510, 0.121090],
        [0.070143, 0.011140, 0.019479, 0.094657, 0.013162, 0.048038, 0.077000, 0.032939, 0.576639, 0.072293,
         0.028240, 0.080372, 0.037661, 0.185037, 0.506783, 0.073732, 0.071587, 0.042532, 0.011254, 0.028723],
        [0.041103, 0.014794, 0.005610, 0.010216, 0.153602, 0.007797, 0.007175, 0.299635, 0.010849, 0.999446,
         0.210189, 0.006127, 0.013021, 0.019798, 0.014509, 0.012049, 0.035799, 0.180085, 0.012744, 0.026466],
        [0.115607, 0.037381, 0.012414, 0.018179, 0.051778, 0.017255, 0.004911, 0.796882, 0.017074, 0.285858,
         0.075811, 0.014548, 0.015092, 0.011382, 0.012696, 0.027535, 0.088333, 0.944340, 0.004373, 0.016741],
        [0.093461, 0.004737, 0.387252, 0.347841, 0.010822, 0.105877, 0.049776, 0.014963, 0.094276, 0.027761,
         0.010040, 0.187869, 0.050018, 0.110039, 0.038668, 0.119471, 0.065802, 0.025430, 0.003215, 0.018742],
        [0.452171, 0.114613, 0.062460, 0.115702, 0.284246, 0.140204, 0.100358, 0.550230, 0.143995, 0.700649,
         0.276580, 0.118569, 0.097470, 0.126673, 0.143634, 0.278983, 0.358482, 0.661750, 0.061533, 0.199373],
        [0.005193, 0.004039, 0.006722, 0.006121, 0.003468, 0.016931, 0.003647, 0.002184, 0.005019, 0.005990,
         0.001473, 0.004158, 0.009055, 0.003630, 0.006583, 0.003172, 0.003690, 0.002967, 0.002772, 0.002686],
    ]),
)
"""Nine kinds of protein columns, estimated on the Blocks database."""
# fmt: on
