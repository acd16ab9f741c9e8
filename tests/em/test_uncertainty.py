"""Standard errors against formulas derived by hand, and when they are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from genem.em import Degenerate, EMStep, fit, identify, observed_information, standard_errors
from tests import GOLDEN_ANSWERS
from tests.reference.em_models import (
    DeathNotices,
    GaussianMixture,
    GaussianMixtureParams,
    MissingFlipsCoin,
    MixingProportions,
    PoissonMixture,
    RateMixtureParams,
    Vector,
)

GOLDEN = GOLDEN_ANSWERS / "em"


def table(name: str) -> Vector:
    return np.loadtxt(GOLDEN / name, delimiter=",", skiprows=1)


class CoinWithoutDerivatives:
    """The coin with nothing but its E-step and coordinates."""

    n_free = 1

    def __init__(self, coin: MissingFlipsCoin) -> None:
        self.start, self.em_step = coin.start, coin.em_step
        self.pack, self.unpack = coin.pack, coin.unpack


@pytest.mark.parametrize(("heads", "tails"), [(37, 23), (1, 999), (500_000, 700_000)])
@pytest.mark.parametrize("derivatives", [True, False], ids=["analytic", "numerical"])
def test_flips_nobody_saw_carry_no_information(heads: int, tails: int, derivatives: bool) -> None:
    coin = MissingFlipsCoin(heads, tails, 40)
    p = heads / (heads + tails)
    model: Any = coin if derivatives else CoinWithoutDerivatives(coin)
    errors = standard_errors(model, p)
    assert errors.refused == ""
    assert errors.params == pytest.approx(math.sqrt(p * (1.0 - p) / (heads + tails)), rel=1e-6)


class DeathNoticesWithoutGradient:
    n_free = 3

    def __init__(self, model: DeathNotices) -> None:
        self.start, self.em_step, self.pack, self.unpack = model.start, model.em_step, model.pack, model.unpack


@pytest.fixture(scope="module")
def death_notices() -> DeathNotices:
    return DeathNotices(*table("death_notices.csv").T)


@pytest.mark.parametrize("gradient", [True, False], ids=["from the gradient", "from the log-likelihood"])
def test_death_notices_information_equals_the_hessian_by_hand(death_notices: DeathNotices, gradient: bool) -> None:
    model: Any = death_notices if gradient else DeathNoticesWithoutGradient(death_notices)
    estimate = fit(death_notices, start=np.array([0.3, 1.0, 2.5]))
    by_hand = -death_notices.hessian_by_hand(estimate.params)
    np.testing.assert_allclose(observed_information(model, estimate.params), by_hand, rtol=1e-6)
    errors = standard_errors(model, estimate)
    np.testing.assert_allclose(errors.values, np.sqrt(np.diag(np.linalg.inv(by_hand))), rtol=1e-5)
    np.testing.assert_allclose(errors.params, errors.values)
    assert errors.names == ("[0]", "[1]", "[2]")


def test_delta_method_gives_the_same_errors_in_other_coordinates() -> None:
    """One Gaussian component in (mean, log sd): se(mean) = sd / sqrt(n), se(sd) = sd / sqrt(2 n)."""
    values = table("waiting.csv")
    model = GaussianMixture(values, k=1)
    start = GaussianMixtureParams(np.ones(1), np.array([60.0]), np.array([10.0]))
    errors = standard_errors(model, fit(model, start=start))
    sd, n = values.std(), values.size
    assert errors.params.means[0] == pytest.approx(sd / math.sqrt(n), rel=1e-6)
    assert errors.params.standard_deviations[0] == pytest.approx(sd / math.sqrt(2 * n), rel=1e-6)
    assert errors.params.weights[0] == 0.0


def test_weights_that_sum_to_one_share_their_error() -> None:
    counts, frequency = table("death_notices.csv").T
    model = PoissonMixture(counts, frequency, k=2)
    start = RateMixtureParams(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
    errors = standard_errors(model, fit(model, start=start))
    assert errors.params.weights[0] == pytest.approx(errors.params.weights[1], rel=1e-9)
    assert errors.covariance[0, 1] == pytest.approx(-errors.covariance[0, 0], rel=1e-9)


def test_a_prior_sharpens_the_errors() -> None:
    counts, frequency = table("death_notices.csv").T
    start = RateMixtureParams(np.array([0.3, 0.7]), np.array([1.0, 2.5]))
    flat, informed = (PoissonMixture(counts, frequency, 2, prior) for prior in (None, (200.0, 100.0)))
    loose = standard_errors(flat, fit(flat, start=start)).params.rates
    tight = standard_errors(informed, fit(informed, start=start)).params.rates
    assert np.all(tight < loose)


def test_refused_on_a_boundary() -> None:
    model = MixingProportions(np.array([[1.0, 0.5], [0.8, 0.2], [0.6, 0.3]]))
    result = fit(model, start=np.array([0.5, 0.5]))
    assert result.converged
    errors = standard_errors(model, result)
    assert errors.refused == "a parameter lies on its bound"
    assert np.all(np.isnan(errors.params))
    assert np.all(np.isnan(errors.covariance))


def test_refused_where_the_fit_did_not_converge(death_notices: DeathNotices) -> None:
    errors = standard_errors(death_notices, fit(death_notices, start=np.array([0.3, 1.0, 2.5]), max_iter=5))
    assert errors.refused == "the fit ended as max_iter"
    assert np.all(np.isnan(errors.params))


def test_refused_where_two_components_are_one() -> None:
    """Equal components: the data say nothing about the weight, and the point may be a saddle."""
    counts, frequency = table("death_notices.csv").T
    mean = float(counts @ frequency / frequency.sum())
    model = PoissonMixture(counts, frequency, k=2)
    errors = standard_errors(model, RateMixtureParams(np.array([0.4, 0.6]), np.array([mean, mean])))
    assert errors.refused == "the observed information is not positive definite"


@pytest.mark.parametrize(("correlation", "refused"), [(0.99, False), (1.0, True), (1.5, True)])
def test_refused_at_a_saddle(correlation: float, refused: bool) -> None:
    class Quadratic:
        n_free = 2

        def start(self, rng: np.random.Generator) -> Vector:
            return rng.normal(size=2)

        def em_step(self, x: Vector) -> EMStep[Vector]:
            return EMStep(x, float(0.5 * x @ self.hessian(x) @ x))

        def pack(self, x: Vector) -> Vector:
            return x

        def unpack(self, vector: Vector) -> Vector:
            return vector

        def hessian(self, x: Vector) -> Vector:  # noqa: ARG002
            return -np.array([[1.0, correlation], [correlation, 1.0]])

    errors = standard_errors(Quadratic(), np.zeros(2))
    assert (errors.refused == "the observed information is not positive definite") == refused
    if not refused:
        np.testing.assert_allclose(errors.values, 1.0 / math.sqrt(1.0 - correlation**2))


def test_refused_with_redundant_coordinates() -> None:
    class Redundant(MixingProportions):
        def pack(self, weights: Vector) -> Vector:
            return weights

    model = Redundant(np.array([[1.0, 0.2], [0.2, 1.0]]))
    errors = standard_errors(model, np.array([0.5, 0.5]))
    assert errors.refused == "2 packed coordinates for 1 free parameters"


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("raises", [False, True])
def test_refused_where_the_objective_has_no_neighbourhood(raises: bool, gradient: bool) -> None:
    class Island:
        n_free = 1

        def start(self, rng: np.random.Generator) -> float:
            return float(rng.uniform())

        def em_step(self, x: float) -> EMStep[float]:
            if raises and x != 0.5:
                raise Degenerate("the sea")
            return EMStep(0.5, 0.0 if x == 0.5 else math.nan)

        def pack(self, x: float) -> Vector:
            return np.array([x])

        def unpack(self, vector: Vector) -> float:
            return float(vector[0])

    class IslandWithGradient(Island):
        def gradient(self, x: float) -> Vector:
            self.em_step(x)
            return np.array([0.0 if x == 0.5 else math.nan])

    model = IslandWithGradient() if gradient else Island()
    assert standard_errors(model, 0.5).refused == "the objective is not finite around the estimate"


def test_a_model_without_coordinates_has_no_information() -> None:
    class Bare:
        n_free = 1

        def start(self, rng: np.random.Generator) -> float:
            return float(rng.uniform())

        def em_step(self, x: float) -> EMStep[float]:
            return EMStep(x, 0.0)

    with pytest.raises(TypeError, match="Bare has no packed coordinates"):
        standard_errors(Bare(), 0.5)
    with pytest.raises(TypeError, match="Bare has no packed coordinates"):
        observed_information(Bare(), 0.5)


def test_a_flat_direction_refuses_exactly_the_values_that_it_involves() -> None:
    """Against the textbook: estimable combinations have g' I^- g for a generalised inverse, the others have none."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        size, rank = int(rng.integers(2, 7)), int(rng.integers(1, 7))
        design = rng.normal(size=(rank, size)) * (rng.random((rank, size)) < 0.6) * np.exp(rng.normal(size=size))
        information = design.T @ design
        gradients = np.vstack([np.eye(size), rng.normal(size=(2, size)), rng.normal(size=(2, rank)) @ design])
        found = identify(information, gradients)
        inverse = np.linalg.pinv(information, rcond=1e-10, hermitian=True)
        in_rows = np.linalg.norm(gradients - gradients @ inverse @ information, axis=1)
        is_estimable = in_rows < 1e-6 * np.linalg.norm(gradients, axis=1)
        expected = np.where(is_estimable, np.sqrt(np.einsum("vi,ij,vj->v", gradients, inverse, gradients)), np.nan)
        np.testing.assert_allclose(found.standard_errors, expected, rtol=1e-6)
        np.testing.assert_allclose(np.sqrt(np.diag(found.covariance)), expected, rtol=1e-6)


def test_a_saddle_refuses_only_what_moves_along_it() -> None:
    information = np.array([[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 4.0]])
    np.testing.assert_allclose(identify(information).standard_errors, [np.nan, np.nan, 0.5])
    information[0, 0] = -1.0
    assert np.isnan(identify(information).standard_errors[0])


class Rates:
    """Poisson counts of independent rates: se = sqrt(rate), and 0 is a bound."""

    n_free = 3
    counts = np.array([9.0, 0.0, 25.0])

    def start(self, rng: np.random.Generator) -> Vector:
        return rng.uniform(1.0, 2.0, 3)

    def em_step(self, rates: Vector) -> EMStep[Vector]:
        seen = self.counts > 0.0
        return EMStep(self.counts.copy(), float(self.counts[seen] @ np.log(rates[seen]) - rates.sum()))

    def pack(self, rates: Vector) -> Vector:
        return rates

    def unpack(self, vector: Vector) -> Vector:
        if np.any(vector < 0.0):
            raise Degenerate("a negative rate")
        return vector

    def gradient(self, rates: Vector) -> Vector:
        return np.divide(self.counts, rates, out=np.zeros(3), where=self.counts > 0.0) - 1.0

    def bounds(self) -> tuple[Vector, Vector]:
        return np.zeros(3), np.full(3, np.inf)


def test_a_parameter_on_its_bound_leaves_the_others_their_errors() -> None:
    errors = standard_errors(Rates(), np.array([9.0, 0.0, 25.0]))
    np.testing.assert_allclose(errors.values, [3.0, np.nan, 5.0], rtol=1e-6)
    assert errors.refused == "a parameter lies on its bound"
    assert np.isnan(errors.covariance[1]).all()
    assert np.isnan(errors.information[:, 1]).all()
