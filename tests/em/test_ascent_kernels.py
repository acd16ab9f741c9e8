"""The scalar kernels of the engine against their readable twins."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.em.kernels import (
    STEP_GROWTH,
    cycle_step_length,
    extrapolate,
    longest_step,
    relative_change,
    simplex_kkt_residual,
    squarem_step_length,
)
from tests.reference import em_formulas

pytestmark = pytest.mark.kernel

finite = st.floats(-1e12, 1e12)
any_float = st.floats(allow_nan=True, allow_infinity=True)
vectors = st.lists(st.floats(-1e3, 1e3).filter(lambda x: x == 0.0 or abs(x) > 1e-6), min_size=1, max_size=5)


@given(finite, finite)
def test_relative_change_equals_exact_arithmetic(old: float, new: float) -> None:
    exact = em_formulas.relative_change(old, new)
    # the subtraction rounds once, relative to the larger of the two
    rounding = 2e-16 * max(abs(old), abs(new)) / (1.0 + abs(old))
    assert relative_change(old, new) == pytest.approx(exact, rel=1e-15, abs=rounding)


@given(any_float, any_float)
def test_relative_change_is_never_small_for_what_is_not_finite(old: float, new: float) -> None:
    if not (math.isfinite(old) and math.isfinite(new)):
        assert relative_change(old, new) == math.inf


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [(0.0, 0.5, 0.5), (-99.0, -98.0, 0.01), (3.0, 3.0, 0.0), (math.nan, 1.0, math.inf), (1.0, math.inf, math.inf)],
)
def test_relative_change_by_hand(old: float, new: float, change: float) -> None:
    assert relative_change(old, new) == change


@given(vectors, vectors, st.floats(1.0, 256.0))
def test_step_length_equals_textbook(r: list[float], v: list[float], step_max: float) -> None:
    alpha = squarem_step_length(sum(x * x for x in r), sum(x * x for x in v), step_max)
    assert alpha == pytest.approx(em_formulas.squarem_step_length(r, v, step_max), rel=1e-14)
    assert -step_max <= alpha <= -1.0


@pytest.mark.parametrize(
    ("r_norm2", "v_norm2", "alpha"),
    [
        (9.0, 1.0, -3.0),
        (1.0, 9.0, -1.0),
        (400.0, 1.0, -16.0),
        (0.0, 1.0, -1.0),
        (1.0, 0.0, -1.0),
        (math.nan, 1.0, -1.0),
    ],
)
def test_step_length_by_hand(r_norm2: float, v_norm2: float, alpha: float) -> None:
    assert squarem_step_length(r_norm2, v_norm2, 16.0) == alpha


@given(st.floats(0.05, 0.95), st.floats(-5.0, 5.0), st.integers(1, 4))
def test_a_cycle_of_a_linear_map_ends_at_its_fixed_point(rate: float, fixed: float, size: int) -> None:
    start = fixed + np.arange(1.0, size + 1.0)
    first, second = fixed + rate * (start - fixed), fixed + rate * rate * (start - fixed)
    alpha = cycle_step_length(start, first, second, 1e6)
    assert alpha == pytest.approx(-1.0 / (1.0 - rate))
    point = np.empty(size)
    extrapolate(start, first, second, alpha, point)
    np.testing.assert_allclose(point, fixed, atol=1e-9)
    extrapolate(start, first, second, alpha, first)
    np.testing.assert_array_equal(first, point)


@given(st.floats(1.0, 1e6), st.floats(0.0, 1.0), st.booleans())
def test_the_longest_step_changes_only_where_it_was_taken(step_max: float, share: float, succeeded: bool) -> None:
    shorter = 1.0 + share * (step_max - 1.0)
    if shorter != step_max:
        assert longest_step(step_max, -shorter, succeeded) == step_max
    expected = step_max * STEP_GROWTH if succeeded else max(1.0, step_max / STEP_GROWTH)
    assert longest_step(step_max, -step_max, succeeded) == expected


@given(st.floats(0.0, 1.0), finite, finite)
def test_kkt_residual_equals_textbook(value: float, gradient: float, multiplier: float) -> None:
    expected = em_formulas.simplex_kkt_residual(value, gradient, multiplier)
    assert simplex_kkt_residual(value, gradient, multiplier) == expected


def test_kkt_residual_of_a_multinomial() -> None:
    # Counts 30, 10, 0: at (3/4, 1/4, 0) every interior gradient is n = 40, the multiplier; the zero pulls nowhere.
    multiplier = 40.0
    assert simplex_kkt_residual(0.75, 30 / 0.75, multiplier) == 0.0
    assert simplex_kkt_residual(0.25, 10 / 0.25, multiplier) == 0.0
    assert simplex_kkt_residual(0.0, 0.0, multiplier) == 0.0
    assert simplex_kkt_residual(0.0, 41.0, multiplier) == 1.0
