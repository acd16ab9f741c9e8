"""SQUAREM jumps: when they are kept, how long they may be, and what they must not do at a bound."""

from __future__ import annotations

import numpy as np
import pytest

from genem.em import EMStep, Stationarity, Status, fit
from genem.em.ascent import Extrapolation
from tests.reference.em_models import MissingFlipsCoin, MixingProportions, Vector
from tests.reference.em_scripted import Scripted

COIN = MissingFlipsCoin(37, 23, 40)


def test_a_maximum_on_the_boundary_is_converged() -> None:
    densities = np.array([[1.0, 0.5, 0.9], [0.8, 0.2, 0.4], [0.3, 0.1, 0.6]])
    result = fit(MixingProportions(densities), start=np.full(3, 1 / 3))
    assert result.verdict == "global maximum (concave objective)"
    assert result.params[1] < 1e-6


def test_an_extrapolation_is_not_kept_on_a_bound_that_em_could_not_leave() -> None:
    class Trap(MixingProportions):
        """Whose projection throws every extrapolation on a bound."""

        def unpack(self, vector: Vector) -> Vector:  # noqa: ARG002
            return np.array([0.0, 0.5, 0.5])

    densities = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])
    start = np.array([0.001, 0.998, 0.001])
    model = Trap(densities)
    tenth = start
    for _ in range(10):
        tenth = model.em_step(tenth).params
    assert model.em_step(model.unpack(start)).log_likelihood > model.em_step(tenth).log_likelihood
    result = fit(model, start=start)
    assert result.status is Status.CONVERGED
    assert result.best.n_extrapolations == 0
    assert result.best.n_rejected > 0
    np.testing.assert_allclose(result.params, 1 / 3, rtol=1e-6)


def test_an_extrapolation_may_land_on_a_bound_that_holds_the_maximum() -> None:
    class Snapping(MixingProportions):
        """Whose projection takes small weights for none."""

        def unpack(self, vector: Vector) -> Vector:
            weights = super().unpack(vector)
            weights[weights < 0.01] = 0.0
            return weights / weights.sum()

    pair = np.array([[0.8, 0.3], [0.2, 0.6], [0.5, 0.4], [0.3, 0.5]])
    dominated = 0.95 * pair.mean(axis=1, keepdims=True)
    model = Snapping(np.hstack([dominated, pair]))
    result = fit(model, start=np.full(3, 1 / 3))
    assert result.status is Status.CONVERGED
    assert result.params[0] == 0.0  # plain EM only ever comes near
    plain = fit(model, start=np.full(3, 1 / 3), accelerate=False)
    assert plain.params[0] > 0.0
    assert result.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    assert result.n_maps < plain.n_maps


def test_locked_coordinates_that_are_no_parameters_are_numbered() -> None:
    class Locked(Scripted):
        def stationarity(self, x: float) -> Stationarity:  # noqa: ARG002
            return Stationarity(np.append([-1.0], np.ones(7)), np.zeros(8))

    result = fit(Locked([-1.0]), start=0.0)
    assert result.status is Status.LOCKED
    named = ", ".join(f"coordinate {i}" for i in range(1, 6))
    assert result.best.reason == f"on a bound off which the objective rises here: {named} ..."


def test_bounds_of_a_box_are_watched_too() -> None:
    class Clipped(MissingFlipsCoin):
        """Few tails and many hidden flips: extrapolations overshoot p = 1, where the objective is finite."""

        def em_step(self, p: float) -> EMStep[float]:
            hidden, seen = self.n_missing, self.n_heads + self.n_tails
            return EMStep((self.n_heads + hidden * p) / (seen + hidden), -((p - self.n_heads / seen) ** 2))

        def unpack(self, vector: Vector) -> float:
            return 1.0 if vector[0] > 0.9 else float(vector[0])

        def gradient(self, p: float) -> Vector:
            return np.array([-2.0 * (p - self.n_heads / (self.n_heads + self.n_tails))])

    result = fit(Clipped(95, 5, 300), start=0.2)
    assert result.status is Status.CONVERGED
    assert result.params == pytest.approx(0.95, abs=1e-6)
    assert result.best.n_rejected > 0


def test_the_longest_allowed_jump_grows_with_success_and_shrinks_with_failure() -> None:
    x0, x1, x2 = np.array([0.0]), np.array([1.0]), np.array([1.99])  # rate 0.99: the fixed point is 100
    control = Extrapolation()
    assert control.propose(x0, x1, x2) is None  # no longer than two EM steps at first
    jump = control.propose(x0, x1, x2)
    assert jump == pytest.approx([8.0 - 16.0 * 0.01])
    control.accepted()
    assert control.step_max == 16.0
    assert control.propose(x0, x1, x2) == pytest.approx([32.0 - 256.0 * 0.01])
    control.rejected()
    assert control.step_max == 4.0
    control.step_max = 1e6
    assert control.propose(x0, x1, x2) == pytest.approx([100.0])
    control.rejected()
    assert control.step_max == 1e6  # the jump was shorter than allowed: the limit was not to blame


def test_acceleration_can_be_switched_off_and_needs_coordinates() -> None:
    plain = fit(COIN, start=0.5, accelerate=False)
    assert (plain.accelerated, plain.best.n_extrapolations) == (False, 0)
    assert fit(COIN, start=0.5).accelerated
    assert not fit(Scripted([-1.0, -0.5, -0.5]), start=0.0).accelerated
