"""A readable mixture of multivariate Gaussians with unrestricted covariance matrices (VVV in mclust's letters)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.em import Degenerate, EMStep

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class MultivariateMixtureParams:
    """Weights (component,), means (component, dimension), covariances (component, dimension, dimension)."""

    weights: Vector
    means: Vector
    covariances: Vector


@dataclass
class MultivariateMixture:
    """Points (observation, dimension) from k Gaussian clouds."""

    points: Vector
    k: int

    @property
    def n_free(self) -> int:
        d = self.points.shape[1]
        return self.k - 1 + self.k * (d + d * (d + 1) // 2)

    @property
    def n_observations(self) -> int:
        return int(self.points.shape[0])

    def start(self, rng: np.random.Generator) -> MultivariateMixtureParams:
        means = rng.choice(self.points, size=self.k, replace=False)
        covariance = np.cov(self.points.T, bias=True)
        return MultivariateMixtureParams(np.full(self.k, 1.0 / self.k), means, np.array([covariance] * self.k))

    def em_step(self, params: MultivariateMixtureParams) -> EMStep[MultivariateMixtureParams]:
        smallest = min(np.linalg.eigvalsh(covariance)[0] for covariance in params.covariances)
        if smallest <= 1e-10 * np.trace(np.cov(self.points.T)):
            raise Degenerate("a covariance matrix is singular")
        d = self.points.shape[1]
        joint = np.empty((self.points.shape[0], self.k))
        for k in range(self.k):
            centred = self.points - params.means[k]
            distance = np.sum(centred * np.linalg.solve(params.covariances[k], centred.T).T, axis=1)
            log_determinant = np.linalg.slogdet(params.covariances[k])[1]
            joint[:, k] = math.log(params.weights[k]) - 0.5 * (distance + log_determinant + d * math.log(2 * math.pi))
        log_density = np.logaddexp.reduce(joint, axis=1)
        responsibility = np.exp(joint - log_density[:, None])
        expected = responsibility.sum(axis=0)
        means = (responsibility.T @ self.points) / expected[:, None]
        covariances = np.empty_like(params.covariances)
        for k in range(self.k):
            centred = self.points - means[k]
            covariances[k] = (responsibility[:, k] * centred.T) @ centred / expected[k]
        updated = MultivariateMixtureParams(expected / self.points.shape[0], means, covariances)
        return EMStep(updated, float(log_density.sum()))

    def pack(self, params: MultivariateMixtureParams) -> Vector:
        """Unconstrained: log ratios of weights, means, Cholesky factors with logarithms on the diagonal."""
        rows, columns = np.tril_indices(self.points.shape[1])
        factors = np.linalg.cholesky(params.covariances)[:, rows, columns]
        factors[:, rows == columns] = np.log(factors[:, rows == columns])
        log_ratio = np.log(params.weights[:-1] / params.weights[-1])
        return np.concatenate([log_ratio, params.means.ravel(), factors.ravel()])

    def unpack(self, vector: Vector) -> MultivariateMixtureParams:
        d = self.points.shape[1]
        rows, columns = np.tril_indices(d)
        log_ratio, means, entries = np.split(vector, [self.k - 1, self.k - 1 + self.k * d])
        weights = np.exp(np.append(log_ratio, 0.0))
        values = entries.reshape(self.k, rows.size).copy()
        values[:, rows == columns] = np.exp(values[:, rows == columns])
        factors = np.zeros((self.k, d, d))
        factors[:, rows, columns] = values
        return MultivariateMixtureParams(
            weights / weights.sum(), means.reshape(self.k, d), factors @ factors.transpose(0, 2, 1)
        )
