"""Rounds that raise an objective, and quasi-Newton steps within bounds: when they end, and with which status."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.em.stationarity import Rounds, maximise

BOX = np.full(3, -2.0), np.full(3, 2.0)


def judged(rounds: Rounds, values: list[float]) -> list[float]:
    """The values that were judged before the rounds ended."""
    taken = []
    for value in values:
        if not rounds.go_on:
            break
        rounds.judge(value)
        taken.append(value)
    return taken


@pytest.mark.parametrize(
    ("values", "n_taken", "status"),
    [
        ([-9.0, -8.0, -7.95, -3.0], 3, Status.LEFT),
        ([-9.0, -8.0, -8.0, -3.0], 3, Status.CONVERGED_OBJECTIVE),
        ([-9.0, -8.0, -7.0, -6.0, -5.0], 4, Status.MAX_ITER),
        ([-9.0, math.nan, -6.0], 2, Status.DEGENERATE),
        ([-math.inf, -6.0], 1, Status.DEGENERATE),
        ([-9.0, -9.5, -6.0], 2, Status.LEFT),
    ],
)
def test_rounds_end_with_a_status(values: list[float], n_taken: int, status: Status) -> None:
    rounds = Rounds(tolerance=0.1, max_rounds=4)
    assert judged(rounds, values) == values[:n_taken] or math.isnan(values[1])
    assert (rounds.n_rounds, rounds.status, rounds.go_on) == (n_taken, status, False)


def test_a_known_start_may_end_the_first_round() -> None:
    rounds = Rounds(tolerance=0.1, max_rounds=4, start=-8.05)
    assert judged(rounds, [-8.0, -7.0]) == [-8.0]
    assert rounds.status is Status.LEFT


@settings(max_examples=30)
@given(st.lists(st.floats(-4.0, 4.0), min_size=3, max_size=3), st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3))
def test_a_concave_function_is_maximised_in_its_box(centre: list[float], start: list[float]) -> None:
    middle, scale = np.array(centre), np.array([1.0, 10.0, 0.1])

    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
        return -float(scale @ (point - middle) ** 2), -2.0 * scale * (point - middle)

    begun = objective(np.array(start))[0]
    found = maximise(
        objective, np.array(start), BOX, unit=2.0, max_steps=99, objective_tolerance=1e-16, gradient_tolerance=1e-9
    )
    assert found.has_risen
    assert found.objective >= begun
    assert found.point == pytest.approx(middle.clip(*BOX), abs=1e-5)
    assert found.status is Status.CONVERGED


def test_a_limit_on_steps_and_a_wide_tolerance_are_no_convergence() -> None:
    def objective(point: np.ndarray) -> tuple[float, np.ndarray]:  # Rosenbrock's valley, upside down
        x, y = point
        gradient = np.array([2.0 * (1.0 - x) + 400.0 * x * (y - x * x), -200.0 * (y - x * x)])
        return -((1.0 - x) ** 2) - 100.0 * (y - x * x) ** 2, gradient

    box, start = (np.full(2, -2.0), np.full(2, 2.0)), np.array([-1.2, 1.0])
    cut = maximise(objective, start, box, max_steps=3, objective_tolerance=0.0, gradient_tolerance=1e-9)
    left = maximise(objective, start, box, max_steps=99, objective_tolerance=0.5, gradient_tolerance=1e-9)
    full = maximise(objective, start, box, max_steps=99, objective_tolerance=0.0, gradient_tolerance=1e-9)
    assert [found.status for found in (cut, left, full)] == [Status.MAX_ITER, Status.LEFT, Status.CONVERGED]
    assert full.point == pytest.approx([1.0, 1.0], abs=1e-6)
