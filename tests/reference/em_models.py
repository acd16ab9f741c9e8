"""Textbook models, written to be read: every E-step and M-step as the textbooks print them.

They exercise the engine in the tests; none of them is part of the package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.em import Degenerate, EMStep, Stationarity

Vector = NDArray[np.float64]


@dataclass
class MissingFlipsCoin:
    """Heads and tails of a coin, with flips nobody saw. The observed log-likelihood is concave."""

    n_heads: int
    n_tails: int
    n_missing: int
    n_free: int = 1
    concave: bool = True

    @property
    def n_observations(self) -> int:
        return self.n_heads + self.n_tails

    def start(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(0.05, 0.95))

    def em_step(self, p: float) -> EMStep[float]:
        observed = self.n_heads * math.log(p) + self.n_tails * math.log(1.0 - p)
        per_missing_flip = p * math.log(p) + (1.0 - p) * math.log(1.0 - p)
        expected_heads = self.n_heads + self.n_missing * p
        return EMStep(
            params=expected_heads / (self.n_heads + self.n_tails + self.n_missing),
            log_likelihood=observed,
            entropy=-self.n_missing * per_missing_flip,
            expected_complete_log_likelihood=observed + self.n_missing * per_missing_flip,
        )

    def pack(self, p: float) -> Vector:
        return np.array([p])

    def unpack(self, vector: Vector) -> float:
        p = float(vector[0])
        if not 0.0 < p < 1.0:
            raise Degenerate(f"p = {p} is no probability")
        return p

    def bounds(self) -> tuple[Vector, Vector]:
        return np.array([0.0]), np.array([1.0])

    def gradient(self, p: float) -> Vector:
        return np.array([self.n_heads / p - self.n_tails / (1.0 - p)])

    def hessian(self, p: float) -> Vector:
        return np.array([[-self.n_heads / p**2 - self.n_tails / (1.0 - p) ** 2]])


@dataclass(frozen=True)
class RateMixtureParams:
    """Mixing weights and one rate per component."""

    weights: Vector
    rates: Vector


def _finish_mixture_step(log_joint: Vector, frequency: Vector) -> tuple[Vector, float, float, float]:
    """Responsibilities, log-likelihood, entropy and Q from ln(weight_k f_k(x_i)), rows counted ``frequency`` times."""
    largest = log_joint.max(axis=1, keepdims=True)
    log_density = largest[:, 0] + np.log(np.exp(log_joint - largest).sum(axis=1))
    responsibility = np.exp(log_joint - log_density[:, None])
    safe_log = np.log(np.where(responsibility > 0.0, responsibility, 1.0))
    entropy = -float(frequency @ (responsibility * safe_log).sum(axis=1))
    finite_joint = np.where(responsibility > 0.0, log_joint, 0.0)
    q = float(frequency @ (responsibility * finite_joint).sum(axis=1))
    return responsibility, float(frequency @ log_density), entropy, q


def _log(values: Vector) -> Vector:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _count_times_log(counts: Vector, rates: Vector) -> Vector:
    """float64 (count, component): x ln(rate), 0 where x is 0 even at rate 0; -inf there for larger x."""
    positive = counts > 0.0
    return np.where(positive[:, None], np.where(positive, counts, 1.0)[:, None] * _log(rates), 0.0)


@dataclass
class PoissonMixture:
    """Counts from k Poisson components; with ``prior`` = (shape, rate), a Gamma prior on every component's mean.

    A mean may be 0: the component of the surplus zeros.
    """

    counts: Vector
    frequency: Vector
    k: int
    prior: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.log_factorial = np.array([math.lgamma(count + 1.0) for count in self.counts])
        self.log_factorial_below = np.array([math.lgamma(max(count, 1.0)) for count in self.counts])

    @property
    def n_free(self) -> int:
        return 2 * self.k - 1

    @property
    def n_observations(self) -> int:
        return int(self.frequency.sum())

    def start(self, rng: np.random.Generator) -> RateMixtureParams:
        drawn = rng.choice(self.counts, size=self.k, replace=False, p=self.frequency / self.frequency.sum())
        return RateMixtureParams(np.full(self.k, 1.0 / self.k), drawn + rng.uniform(0.1, 1.0, self.k))

    def log_components(self, rates: Vector) -> Vector:
        return _count_times_log(self.counts, rates) - rates - self.log_factorial[:, None]

    def slopes(self, rates: Vector) -> Vector:
        """Derivative of every component's probability by its mean: f(x - 1) - f(x)."""
        below = _count_times_log(self.counts - 1.0, rates) - rates - self.log_factorial_below[:, None]
        return np.where(self.counts[:, None] > 0.0, np.exp(below), 0.0) - np.exp(self.log_components(rates))

    def em_step(self, params: RateMixtureParams) -> EMStep[RateMixtureParams]:
        if np.any(params.rates < 0.0):
            raise Degenerate("a Poisson mean is negative")
        joint = _log(params.weights) + self.log_components(params.rates)
        responsibility, log_likelihood, entropy, q = _finish_mixture_step(joint, self.frequency)
        expected = self.frequency @ responsibility
        totals = (self.frequency * self.counts) @ responsibility
        penalty = 0.0
        if self.prior is None:
            rates = np.where(expected > 0.0, totals / np.where(expected > 0.0, expected, 1.0), params.rates)
        else:
            shape, rate = self.prior
            penalty = float(np.sum((shape - 1.0) * _log(params.rates) - rate * params.rates))
            rates = (totals + shape - 1.0) / (expected + rate)
        weights = expected / expected.sum()
        return EMStep(RateMixtureParams(weights, rates), log_likelihood, penalty, entropy, q)

    def pack(self, params: RateMixtureParams) -> Vector:
        return np.concatenate([params.weights[:-1], params.rates])

    def unpack(self, vector: Vector) -> RateMixtureParams:
        weights = np.append(vector[: self.k - 1], 1.0 - vector[: self.k - 1].sum())
        rates = vector[self.k - 1 :].copy()
        if np.any(weights < 0.0) or np.any(rates < 0.0):
            raise Degenerate("outside the parameter space")
        return RateMixtureParams(weights, rates)

    def _natural_gradient(self, params: RateMixtureParams) -> tuple[Vector, Vector]:
        components = np.exp(self.log_components(params.rates))
        density = components @ params.weights
        by_weight = (self.frequency / density) @ components
        by_rate = params.weights * ((self.frequency / density) @ self.slopes(params.rates))
        if self.prior is not None:
            by_rate = by_rate + (self.prior[0] - 1.0) / params.rates - self.prior[1]
        return by_weight, by_rate

    def gradient(self, params: RateMixtureParams) -> Vector:
        by_weight, by_rate = self._natural_gradient(params)
        return np.concatenate([by_weight[:-1] - by_weight[-1], by_rate])

    def stationarity(self, params: RateMixtureParams) -> Stationarity:
        by_weight, by_rate = self._natural_gradient(params)
        return Stationarity.join(
            Stationarity.simplex(params.weights, by_weight), Stationarity.box(params.rates, by_rate, 0.0, np.inf)
        )


class DeathNotices:
    """Two Poisson components for the days with 0, 1, 2, ... death notices, in the parameters (p, mean 1, mean 2)."""

    def __init__(self, counts: Vector, frequency: Vector) -> None:
        self.mixture = PoissonMixture(counts, frequency, k=2)
        self.n_free = 3
        self.n_observations = self.mixture.n_observations

    def start(self, rng: np.random.Generator) -> Vector:
        return self.pack(self.mixture.pack(self.mixture.start(rng)))

    def em_step(self, params: Vector) -> EMStep[Vector]:
        step = self.mixture.em_step(self.mixture.unpack(params))
        return EMStep(self.mixture.pack(step.params), step.log_likelihood, entropy=step.entropy)

    def pack(self, params: Vector) -> Vector:
        return params

    def unpack(self, vector: Vector) -> Vector:
        return self.mixture.pack(self.mixture.unpack(vector))

    def gradient(self, params: Vector) -> Vector:
        return self.mixture.gradient(self.mixture.unpack(params))

    def hessian_by_hand(self, params: Vector) -> Vector:
        """Second derivatives of sum n_x ln f(x), f = p f_1 + (1 - p) f_2: n (f'' / f - f' f'^T / f^2)."""
        p, first, second = params
        x, n = self.mixture.counts, self.mixture.frequency
        f1, f2 = np.exp(self.mixture.log_components(params[1:])).T
        f = p * f1 + (1.0 - p) * f2
        slope1, slope2 = x / first - 1.0, x / second - 1.0
        score = np.array([f1 - f2, p * f1 * slope1, (1.0 - p) * f2 * slope2]) / f
        curvature = np.zeros((3, 3, x.size))
        curvature[1, 1] = p * f1 * (slope1**2 - x / first**2)
        curvature[2, 2] = (1.0 - p) * f2 * (slope2**2 - x / second**2)
        curvature[0, 1] = curvature[1, 0] = f1 * slope1
        curvature[0, 2] = curvature[2, 0] = -f2 * slope2
        return np.einsum("x,ijx->ij", n, curvature / f) - np.einsum("x,ix,jx->ij", n, score, score)


@dataclass
class MixingProportions:
    """Weights of components whose densities are known. Concave; the maximum often lies on a bound."""

    densities: Vector  # (observation, component)
    concave: bool = True

    @property
    def n_free(self) -> int:
        return self.densities.shape[1] - 1

    @property
    def n_observations(self) -> int:
        return self.densities.shape[0]

    def start(self, rng: np.random.Generator) -> Vector:
        return rng.dirichlet(np.full(self.densities.shape[1], 2.0))

    def em_step(self, weights: Vector) -> EMStep[Vector]:
        joint = self.densities * weights
        density = joint.sum(axis=1)
        if np.any(density <= 0.0):
            raise Degenerate("an observation is impossible")
        return EMStep((joint / density[:, None]).mean(axis=0), float(np.log(density).sum()))

    def pack(self, weights: Vector) -> Vector:
        return weights[:-1]

    def unpack(self, vector: Vector) -> Vector:
        """Projected: what would be negative is zero."""
        weights = np.maximum(np.append(vector, 1.0 - vector.sum()), 0.0)
        return weights / weights.sum()

    def stationarity(self, weights: Vector) -> Stationarity:
        return Stationarity.simplex(weights, (self.densities / (self.densities @ weights)[:, None]).sum(axis=0))


@dataclass(frozen=True)
class GaussianMixtureParams:
    """Mixing weights, means and standard deviations of univariate components."""

    weights: Vector
    means: Vector
    standard_deviations: Vector


@dataclass
class GaussianMixture:
    """Univariate Gaussian components. The likelihood has no bound: a component may collapse on one value.

    ``smallest_ratio`` of a component's to the sample's standard deviation is where it counts as collapsed;
    with 0 the arithmetic is left to find out by itself. ``conditional`` takes the M-step in two halves with an
    E-step between them (multicycle ECM, Meng & Rubin 1993): weights and means first, then deviations and weights.
    """

    values: Vector
    k: int
    smallest_ratio: float = 1e-6
    conditional: bool = False

    @property
    def n_free(self) -> int:
        return 3 * self.k - 1

    @property
    def n_observations(self) -> int:
        return int(self.values.size)

    def start(self, rng: np.random.Generator) -> GaussianMixtureParams:
        means = rng.choice(self.values, size=self.k, replace=False)
        return GaussianMixtureParams(np.full(self.k, 1.0 / self.k), means, np.full(self.k, float(self.values.std())))

    def _e_step(self, params: GaussianMixtureParams) -> tuple[Vector, float, float, float]:
        sd = params.standard_deviations
        z = (self.values[:, None] - params.means) / sd
        joint = _log(params.weights) - 0.5 * z**2 - np.log(sd) - 0.5 * math.log(2.0 * math.pi)
        return _finish_mixture_step(joint, np.ones(self.values.size))

    def em_step(self, params: GaussianMixtureParams) -> EMStep[GaussianMixtureParams]:
        sd = params.standard_deviations
        if np.any(sd <= self.smallest_ratio * self.values.std()):
            raise Degenerate(f"component {int(np.argmin(sd))} collapsed on a single value")
        responsibility, log_likelihood, entropy, q = self._e_step(params)
        expected = responsibility.sum(axis=0)
        means = self.values @ responsibility / expected
        if self.conditional:
            halfway = GaussianMixtureParams(expected / self.values.size, means, sd)
            responsibility = self._e_step(halfway)[0]
            expected = responsibility.sum(axis=0)
        variances = np.sum(responsibility * (self.values[:, None] - means) ** 2, axis=0) / expected
        updated = GaussianMixtureParams(expected / self.values.size, means, np.sqrt(variances))
        return EMStep(updated, log_likelihood, entropy=entropy, expected_complete_log_likelihood=q)

    def pack(self, params: GaussianMixtureParams) -> Vector:
        log_ratio = np.log(params.weights[:-1] / params.weights[-1])
        return np.concatenate([log_ratio, params.means, np.log(params.standard_deviations)])

    def unpack(self, vector: Vector) -> GaussianMixtureParams:
        log_ratio = np.append(vector[: self.k - 1], 0.0)
        weights = np.exp(log_ratio - log_ratio.max())
        means, log_sd = vector[self.k - 1 : 2 * self.k - 1], vector[2 * self.k - 1 :]
        return GaussianMixtureParams(weights / weights.sum(), means.copy(), np.exp(log_sd))

    def gradient(self, params: GaussianMixtureParams) -> Vector:
        z = (self.values[:, None] - params.means) / params.standard_deviations
        joint = _log(params.weights) - 0.5 * z**2 - np.log(params.standard_deviations)
        responsibility = np.exp(joint - joint.max(axis=1, keepdims=True))
        responsibility /= responsibility.sum(axis=1, keepdims=True)
        by_log_ratio = responsibility.sum(axis=0) - self.values.size * params.weights
        by_mean = np.sum(responsibility * z, axis=0) / params.standard_deviations
        by_log_sd = np.sum(responsibility * (z**2 - 1.0), axis=0)
        return np.concatenate([by_log_ratio[:-1], by_mean, by_log_sd])


@dataclass
class GaussianMeans:
    """The means of Gaussian components whose weights and common variance are known."""

    values: Vector
    weights: Vector
    variance: float

    @property
    def n_free(self) -> int:
        return int(self.weights.size)

    def start(self, rng: np.random.Generator) -> Vector:
        return rng.choice(self.values, size=self.weights.size, replace=False)

    def _e_step(self, means: Vector) -> tuple[Vector, float, float, float]:
        joint = (
            np.log(self.weights)
            - 0.5 * (self.values[:, None] - means) ** 2 / self.variance
            - 0.5 * math.log(2.0 * math.pi * self.variance)
        )
        return _finish_mixture_step(joint, np.ones(self.values.size))

    def em_step(self, means: Vector) -> EMStep[Vector]:
        responsibility, log_likelihood, entropy, _ = self._e_step(means)
        return EMStep(self.values @ responsibility / responsibility.sum(axis=0), log_likelihood, entropy=entropy)

    def pack(self, means: Vector) -> Vector:
        return means

    def unpack(self, vector: Vector) -> Vector:
        return vector

    def gradient(self, means: Vector) -> Vector:
        responsibility = self._e_step(means)[0]
        return np.sum(responsibility * (self.values[:, None] - means), axis=0) / self.variance


@dataclass
class ExponentialMixture:
    """Waiting times from k exponential components."""

    times: Vector
    k: int

    @property
    def n_free(self) -> int:
        return 2 * self.k - 1

    @property
    def n_observations(self) -> int:
        return int(self.times.size)

    def start(self, rng: np.random.Generator) -> RateMixtureParams:
        return RateMixtureParams(rng.dirichlet(np.full(self.k, 5.0)), rng.uniform(0.3, 3.0, self.k) / self.times.mean())

    def em_step(self, params: RateMixtureParams) -> EMStep[RateMixtureParams]:
        joint = _log(params.weights) + np.log(params.rates) - self.times[:, None] * params.rates
        responsibility, log_likelihood, entropy, q = _finish_mixture_step(joint, np.ones(self.times.size))
        expected = responsibility.sum(axis=0)
        updated = RateMixtureParams(expected / self.times.size, expected / (self.times @ responsibility))
        return EMStep(updated, log_likelihood, entropy=entropy, expected_complete_log_likelihood=q)

    def pack(self, params: RateMixtureParams) -> Vector:
        return np.concatenate([np.log(params.weights[:-1] / params.weights[-1]), np.log(params.rates)])

    def unpack(self, vector: Vector) -> RateMixtureParams:
        log_ratio = np.append(vector[: self.k - 1], 0.0)
        weights = np.exp(log_ratio - log_ratio.max())
        return RateMixtureParams(weights / weights.sum(), np.exp(vector[self.k - 1 :]))
