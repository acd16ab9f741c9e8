"""Parameter sets as vectors, first-order conditions, information criteria, effective learning rates."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from genem.em import (
    Stationarity,
    effective_learning_rate,
    information_criteria,
    observed_information,
    parameter_names,
    parameter_vector,
)
from genem.em.parameters import json_value, with_values
from tests.reference.em_models import MissingFlipsCoin, MixingProportions


class Pair(NamedTuple):
    mean: float
    labels: str


@dataclass(frozen=True)
class Nested:
    matrix: Any
    pairs: tuple[Pair, ...]
    size: int


floats = st.floats(-1e6, 1e6)
trees = st.recursive(
    floats
    | arrays(np.float64, array_shapes(max_dims=3, max_side=3), elements=floats)
    | st.text(max_size=3)
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(
            Nested, matrix=inner, pairs=st.tuples(st.builds(Pair, floats, st.text(max_size=1))), size=st.integers()
        )
    ),
    max_leaves=8,
)


@given(trees)
def test_any_parameter_set_can_be_taken_apart_and_put_together(params: Any) -> None:
    vector = parameter_vector(params)
    assert len(parameter_names(params)) == vector.size
    doubled = with_values(params, 2.0 * vector)
    assert type(doubled) is type(params)
    np.testing.assert_array_equal(parameter_vector(doubled), 2.0 * vector)
    assert parameter_names(doubled) == parameter_names(params)
    json.dumps(json_value(params), allow_nan=False)


def test_names_say_where_a_value_sits() -> None:
    params = Nested(np.zeros((1, 2)), (Pair(1.0, "a"), Pair(2.0, "b")), size=7)
    assert parameter_names(params) == ("matrix[0,0]", "matrix[0,1]", "pairs[0][0]", "pairs[1][0]")
    np.testing.assert_array_equal(parameter_vector(params), [0.0, 0.0, 1.0, 2.0])
    replaced = with_values(params, np.array([5.0, 6.0, 7.0, 8.0]))
    assert replaced.pairs == (Pair(7.0, "a"), Pair(8.0, "b"))
    assert replaced.size == 7
    assert parameter_names(0.5) == ("value",)


def test_json_values() -> None:
    assert json_value({1: np.int64(3), "x": np.array([1.0, np.nan]), "y": math.inf, "z": (True, None)}) == {
        "1": 3,
        "x": [1.0, None],
        "y": None,
        "z": [True, None],
    }


# --- first-order conditions ---------------------------------------------------------------------------------------


def test_simplex_conditions_of_multinomial_counts() -> None:
    counts, p = np.array([30.0, 10.0, 0.0]), np.array([0.75, 0.25, 0.0])
    gradient = np.divide(counts, p, out=np.zeros(3), where=p > 0)
    at_maximum = Stationarity.simplex(p, gradient)
    np.testing.assert_allclose(at_maximum.gradient, [0.0, 0.0, -40.0])
    assert at_maximum.residual() == 0.0
    assert not np.any(at_maximum.pulls_off(0.0))
    wrong_zero = Stationarity.simplex(np.array([0.0, 1.0, 0.0]), np.array([1e3, 10.0, 0.0]))
    np.testing.assert_array_equal(wrong_zero.pulls_off(0.0), [True, False, False])


def test_a_coordinate_that_sinks_to_its_bound_violates_only_its_distance() -> None:
    assert Stationarity(np.array([-50.0]), np.array([1e-9])).residual() == 1e-9
    assert Stationarity(np.array([50.0]), np.array([1e-9])).residual() == 50.0
    assert Stationarity(np.array([-0.5]), np.array([np.inf])).residual() == 0.5
    assert Stationarity(np.array([-50.0]), np.array([0.0])).residual() == 0.0
    assert math.isnan(Stationarity(np.array([np.nan, 1.0]), np.array([0.0, 1.0])).residual())


@given(arrays(np.float64, 4, elements=st.floats(0.0, 1.0)), arrays(np.float64, 4, elements=st.floats(-5, 5)))
def test_box_conditions_are_the_projected_gradient(values: Any, gradient: Any) -> None:
    """Textbook: x is stationary where x = clip(x + gradient); the largest move otherwise, for free coordinates."""
    box = Stationarity.box(values, gradient, np.zeros(4), np.ones(4))
    for i, (x, g) in enumerate(zip(values, gradient, strict=True)):
        off_lower, off_upper = x == 0.0 and g > 0.0, x == 1.0 and g < 0.0
        assert bool(box.pulls_off(0.0)[i]) == (off_lower or off_upper)
        alone = Stationarity(box.gradient[i : i + 1], box.slack[i : i + 1])
        nearest_is_ahead = (g < 0.0) == (x <= 1.0 - x)
        expected = min(abs(g), x if g < 0.0 else 1.0 - x) if nearest_is_ahead else abs(g)
        assert alone.residual() == (0.0 if x in (0.0, 1.0) or g == 0.0 else pytest.approx(expected))


def test_conditions_of_several_groups_join() -> None:
    joined = Stationarity.join(Stationarity.unconstrained([0.25]), Stationarity.simplex([0.5, 0.5], [1.0, 2.0]))
    np.testing.assert_allclose(joined.gradient, [0.25, -0.5, 0.5])
    assert joined.residual() == 0.5


# --- information criteria -----------------------------------------------------------------------------------------


def test_information_criteria_by_hand() -> None:
    criteria = information_criteria(-10.0, n_free=3, n_observations=100, entropy=2.0)
    assert criteria.aic == 26.0
    assert criteria.bic == pytest.approx(20.0 + 3.0 * math.log(100.0))
    assert criteria.icl == pytest.approx(criteria.bic + 4.0)


def test_information_criteria_do_not_invent_a_sample_size() -> None:
    criteria = information_criteria(-10.0, n_free=3, entropy=2.0)
    assert criteria.n_observations is None
    assert math.isnan(criteria.bic)
    assert math.isnan(criteria.icl)
    assert math.isnan(information_criteria(-10.0, 3, 100).icl)


# --- effective learning rate --------------------------------------------------------------------------------------


def test_effective_learning_rate_of_a_coin() -> None:
    """The EM step of a proportion is p (1 - p) / n times the gradient."""
    coin = MissingFlipsCoin(37, 23, 40)
    assert effective_learning_rate(coin, 0.3) == pytest.approx([0.3 * 0.7 / 100], rel=1e-12)
    assert np.isnan(effective_learning_rate(MissingFlipsCoin(30, 30, 40), 0.5))


def test_effective_learning_rate_needs_a_gradient() -> None:
    model = MixingProportions(np.array([[1.0, 0.2], [0.2, 1.0]]))
    with pytest.raises(TypeError, match="MixingProportions offers no gradient"):
        effective_learning_rate(model, np.array([0.5, 0.5]))


def test_the_coin_states_its_curvature() -> None:
    coin = MissingFlipsCoin(37, 23, 40)
    np.testing.assert_allclose(observed_information(coin, 0.5), [[4.0 * 60.0]])
