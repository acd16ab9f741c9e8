"""The ascent of compiled kernels and its scalar pieces against their readable twins, and what its ends promise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from genem.em.ascent_kernels import (
    STEP_GROWTH,
    Ascent,
    Rule,
    advance,
    begin,
    cycle_step_length,
    ended,
    extrapolate,
    gain_to_come,
    is_extrapolated,
    leave,
    longest_step,
    move,
    new_ascent,
    plain_rule,
    relative_change,
    running,
    simplex_kkt_residual,
    squarem_rule,
    squarem_step_length,
    starts_cycle,
)
from genem.em.status import Status
from tests.reference import em_ascent, em_formulas

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


# --- the ascent ---

RATES = st.lists(st.floats(0.0, 0.97), min_size=1, max_size=4)
TOLERANCES = st.sampled_from([1e-4, 1e-8, 1e-10])


def share_map(density: NDArray[np.float64]) -> em_ascent.Map:
    """EM of the shares of sources with known densities (observation, source); the residual is that of the simplex."""

    def em_map(point: em_ascent.Point) -> tuple[float, float, bool, em_ascent.Point]:
        share = np.array(point)
        total = density @ share
        if np.any(share < 0.0) or not np.all(total > 0.0):
            return math.nan, math.nan, False, point
        score = (density / total[:, None]).mean(axis=0)
        image = share * score
        residual = float(np.max(np.where(share > 0.0, np.abs(score - 1.0), np.maximum(score - 1.0, 0.0))))
        return float(np.log(total).sum()), residual, True, tuple(image.tolist())

    return em_map


def quadratic_map(rates: Sequence[float], defect: str = "") -> em_ascent.Map:
    """A step that leaves a share ``rates`` of the distance to the maximum of a quadratic, at 1, 2, ..."""
    rate = np.array(rates)
    top = np.arange(1.0, len(rates) + 1.0)

    def em_map(point: em_ascent.Point) -> tuple[float, float, bool, em_ascent.Point]:
        distance = np.array(point) - top
        objective = -float((distance**2 / (1.0 + rate)).sum())
        if defect == "nan" and objective > -1e-3:
            objective = math.nan
        if defect == "falls" and objective > -1e-3:
            objective -= 1.0
        step = (rate if defect != "overshoots" else -1.5 * np.ones_like(rate)) * distance
        return objective, float(np.max(np.abs(distance))), defect != "impossible", tuple((top + step).tolist())

    return em_map


def compiled_rule(rule: em_ascent.Rule) -> Rule:
    return Rule(
        rule.max_iter,
        rule.objective_tolerance,
        rule.step_tolerance,
        rule.residual_tolerance,
        rule.extrapolate_below,
        math.inf,
        rule.first_step_max,
        rule.growth,
        rule.shrinkage,
        rule.stabilised,
        rule.every_step,
        rule.gate_slack,
        rule.decrease_tolerance,
        rule.halve,
    )


def climb(em_map: em_ascent.Map, start: Sequence[float], rule: Rule) -> tuple[tuple[float, ...], float, int, str]:
    """The compiled ascent, driven by a map in Python."""
    ascent: Ascent = new_ascent(len(start))
    ascent.point[:] = start
    begin(ascent, rule)
    while running(ascent):
        value, residual, possible, image = em_map(tuple(ascent.point.tolist()))
        ascent.image[:] = image
        advance(ascent, rule, value, residual, possible)
    objective, n_maps, status = ended(ascent)
    return tuple(ascent.point.tolist()), objective, n_maps, Status(status).label


rules = st.builds(
    em_ascent.Rule,
    max_iter=st.integers(1, 300),
    objective_tolerance=st.one_of(TOLERANCES, st.just(math.inf)),
    step_tolerance=st.one_of(TOLERANCES, st.just(math.inf)),
    residual_tolerance=st.one_of(TOLERANCES, st.just(math.inf)),
    extrapolate_below=st.sampled_from([0.0, 1e-2, math.inf]),
    first_step_max=st.sampled_from([1.0, 4.0, 256.0]),
    growth=st.sampled_from([1.0, 4.0]),
    shrinkage=st.sampled_from([1.0, 2.0, 4.0]),
    stabilised=st.booleans(),
    every_step=st.booleans(),
    halve=st.booleans(),
)


def same(found: tuple[tuple[float, ...], float, int, str], expected: em_ascent.End) -> bool:
    return found == (expected.point, expected.objective, expected.n_maps, expected.status)


@given(
    st.lists(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), min_size=2, max_size=12),
    st.lists(st.floats(0.05, 1.0), min_size=3, max_size=3),
    rules,
)
def test_equals_the_textbook_bit_for_bit(density: list[list[float]], start: list[float], rule: em_ascent.Rule) -> None:
    em_map = share_map(np.array(density))
    origin = (np.array(start) / np.sum(start)).tolist()
    expected = em_ascent.climb(em_map, origin, rule)
    assert same(climb(em_map, origin, compiled_rule(rule)), expected)


@given(RATES, rules, st.sampled_from(["", "overshoots", "falls", "impossible"]))
def test_maps_with_defects_end_as_in_the_textbook(rates: list[float], rule: em_ascent.Rule, defect: str) -> None:
    em_map = quadratic_map(rates, defect)
    expected = em_ascent.climb(em_map, [0.0] * len(rates), rule)
    assert same(climb(em_map, [0.0] * len(rates), compiled_rule(rule)), expected)


@given(RATES, rules)
def test_the_objective_never_falls_and_belongs_to_the_point(rates: list[float], rule: em_ascent.Rule) -> None:
    em_map = quadratic_map(rates)
    kept = em_ascent.climb(em_map, [0.0] * len(rates), rule).kept
    assert all(after >= before - 1e-11 * (1.0 + abs(before)) for before, after in itertools.pairwise(kept))
    point, objective, _, _ = climb(em_map, [0.0] * len(rates), compiled_rule(rule))
    assert em_map(point)[0] == objective


@given(RATES.filter(lambda rates: max(rates) > 0.2), rules)
def test_nan_is_never_converged(rates: list[float], rule: em_ascent.Rule) -> None:
    finite_rule = compiled_rule(rule)._replace(objective_tolerance=1e-12, step_tolerance=1e-12)
    _, _, _, status = climb(quadratic_map(rates, "nan"), [0.0] * len(rates), finite_rule)
    assert not status.startswith("converged")


@pytest.mark.parametrize(("residual_tolerance", "label"), [(math.inf, "converged (objective)"), (1e-6, "converged")])
def test_only_a_residual_makes_it_converged(residual_tolerance: float, label: str) -> None:
    em_map = quadratic_map([0.5, 0.9])
    for rule in (
        plain_rule(1000, 1e-12, 1e-9, residual_tolerance),
        squarem_rule(1000, 1e-12, 1e-9, residual_tolerance, math.inf),
    ):
        point, _, _, status = climb(em_map, [0.0, 0.0], rule)
        assert status == label
        assert point == pytest.approx((1.0, 2.0), abs=1e-6)


def test_nan_in_the_residual_is_not_converged() -> None:
    def em_map(point: em_ascent.Point) -> tuple[float, float, bool, em_ascent.Point]:
        return 0.0, math.nan, True, point

    assert climb(em_map, [1.0], plain_rule(50, 1e-10, 1e-10, 1.0))[3] == "max_iter"


@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_a_limit_of_steps_only(n_steps: int) -> None:
    rule = plain_rule(n_steps, -1.0, math.inf, math.inf)
    point, _, n_maps, status = climb(quadratic_map([0.5]), [0.0], rule)
    assert (n_maps, status) == (n_steps, "max_iter")
    assert point[0] == pytest.approx(1.0 - 0.5 ** (n_steps - 1))


def test_squarem_needs_fewer_maps_than_plain_em() -> None:
    em_map = quadratic_map([0.97, 0.9, 0.3])
    plain = climb(em_map, [0.0] * 3, plain_rule(10_000, 1e-12, 1e-9, math.inf))
    fast = climb(em_map, [0.0] * 3, squarem_rule(10_000, 1e-12, 1e-9, math.inf, math.inf))
    assert fast[2] < plain[2] / 4


def test_what_is_left_is_not_converged() -> None:
    rule = plain_rule(100, 1e-10, 1e-8, math.inf)
    ascent = new_ascent(1)
    ascent.point[0] = 0.5
    begin(ascent, rule)
    leave(ascent, -3.0)
    assert not running(ascent)
    assert ended(ascent) == (-3.0, 1, int(Status.LEFT))
    assert not Status.LEFT.is_converged


def test_a_model_may_move_the_start_and_repair_an_extrapolation() -> None:
    em_map = quadratic_map([0.9])
    rule = squarem_rule(1000, 1e-12, 1e-9, math.inf, math.inf)._replace(first_step_max=4.0)
    ascent = new_ascent(1)
    ascent.point[0] = 0.0
    begin(ascent, rule)
    n_moved = n_repaired = 0
    while running(ascent):
        if is_extrapolated(ascent):
            n_repaired += 1
            ascent.point[0] = min(ascent.point[0], 0.999)
        value, _, _, image = em_map((float(ascent.point[0]),))
        ascent.image[:] = image
        advance(ascent, rule, value, math.inf, True)
        if starts_cycle(ascent) and n_moved == 0:
            ascent.start[0] = 0.5
            value, _, _, image = em_map((0.5,))
            ascent.first[:] = image
            move(ascent, value, 1)
            n_moved += 1
            assert ascent.point[0] == image[0]
    assert n_repaired > 0
    assert ended(ascent)[1] > n_repaired + n_moved
    assert Status(ended(ascent)[2]) is Status.CONVERGED_OBJECTIVE


def test_gains_that_shrink_geometrically_are_summed_on_the_safe_side() -> None:
    rate, gain = 0.8, 1.0
    rule = plain_rule(100, math.inf, math.inf, 1e-3)
    ascent = new_ascent(1)
    ascent.point[0] = 0.0
    begin(ascent, rule)
    to_come = []
    while running(ascent):
        to_come.append(gain_to_come(ascent, gain, 0.9999))
        advance(ascent, rule, -gain, to_come[-1], True)
        gain *= rate**2
    assert to_come[0] == math.inf
    assert to_come[1] == pytest.approx(rate**2 / (1.0 - rate))
    assert to_come[1] > rate**2 / (1.0 - rate**2)
    assert to_come[-1] <= 1e-3 < to_come[-2]
