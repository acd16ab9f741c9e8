"""Restarts and perturbations: which rounds are made, when they end, and what is reported."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.em import Found, Optimum, RestartPlan, iterated_local_search
from tests.reference import em_optima as reference


class Scripted:
    """A problem whose rounds end where a list says."""

    def __init__(self, ends: Sequence[Sequence[tuple[float, str]]]) -> None:
        self.ends = ends
        self.asked: list[tuple[str, int]] = []

    def generator(self, number: int) -> np.random.Generator:
        return np.random.default_rng(number)

    def start(self, found: Found[str], _rng: np.random.Generator) -> int:
        self.asked.append(("start", len(found.rounds)))
        return len(found.rounds)

    def perturb(self, found: Found[str], _rng: np.random.Generator) -> int:
        assert found.best is not None
        self.asked.append(("perturbation", len(found.rounds)))
        return len(found.rounds)

    def climb(self, point: int, found: Found[str], rng: np.random.Generator) -> list[Optimum[str]]:
        assert point == len(found.rounds)
        assert rng.random() == np.random.default_rng(point).random()
        return [Optimum(objective, key) for objective, key in self.ends[point]]


ROUNDS = 40
single = st.lists(st.tuples(st.integers(-9, 9).map(float), st.sampled_from("abcd")), min_size=ROUNDS, max_size=ROUNDS)


@given(
    single,
    st.integers(1, 4),
    st.sampled_from([0, 2, 3]),
    st.sampled_from([0, 2, 5, 14]),
    st.integers(0, 30),
    st.sampled_from([(1.0, 1.0, 1.0), (1.0, 2.0, 7.0)]),
)
def test_rounds_are_those_of_the_twin(
    ends: list[tuple[float, str]],
    n_starts: int,
    fresh: int,
    patience: float,
    max_more: int,
    weights: tuple[float, float, float],
) -> None:
    new, known, alone = weights
    plan = RestartPlan(
        n_starts=n_starts,
        fresh=fresh,
        patience=patience,
        max_more=max_more,
        new=new,
        known=known,
        alone=alone,
        key=str,
        tolerance=math.inf,
    )
    problem = Scripted([[end] for end in ends])
    seen = []
    found = iterated_local_search(problem, Found(plan), seen.append)
    expected = reference.kinds(ends, n_starts, fresh, patience, max_more, weights)
    assert [done.kind for done in found.rounds] == expected
    assert problem.asked == list(zip(expected, range(len(expected)), strict=True))
    used = ends[: len(expected)]
    assert found.best is not None
    assert found.best.objective == max(objective for objective, _ in used)
    assert found.n_hits() == sum(key == found.best.params for _, key in used)
    assert {optimum.params: optimum.n_starts for optimum in found.optima} == {
        key: sum(other == key for _, other in used) for _, key in used
    }
    assert len(seen) == len(expected)
    assert seen[-1] is found


@given(single, st.integers(0, 12))
def test_an_interrupted_search_ends_as_if_it_had_not_been(ends: list[tuple[float, str]], stop: int) -> None:
    plan = RestartPlan(n_starts=2, fresh=3, patience=6, new=1, known=2, alone=7, max_more=30, key=str)
    states: list[Found[str]] = [Found(plan)]
    problem = Scripted([[end] for end in ends])
    complete = iterated_local_search(problem, states[0], states.append)
    resumed = iterated_local_search(problem, states[min(stop, len(states) - 1)])
    assert resumed == complete


def test_starts_end_once_the_best_is_confirmed() -> None:
    plan = RestartPlan(n_starts=10, lead=3, max_more=0)
    ends = [(-5.0, "a"), (-4.0, "b"), (-4.0, "b"), (-4.0, "b"), (-4.0, "b"), (-4.0, "b")]
    found = iterated_local_search(Scripted([[end] for end in ends]), Found(plan))
    assert len(found.rounds) == 5  # four at the best, one elsewhere
    assert found.n_hits() == 4


def test_a_search_ends_when_starts_reach_the_best_often_enough() -> None:
    plan = RestartPlan(fresh=2, max_more=19, min_starts=3, n_hits=2)
    ends = [-5.0, -4.0, -4.0, -3.0, -3.0, -3.0, -3.0, -9.0]
    found = iterated_local_search(Scripted([[(end, "")] for end in ends]), Found(plan))
    assert [done.kind for done in found.rounds] == ["start", "perturbation"] * 3 + ["start"]
    assert found.n_hits("start") == 2
    assert found.n_hits() == 4


def test_perturbations_of_given_optima_in_batches() -> None:
    plan: RestartPlan[str] = RestartPlan(n_starts=0, patience=2, max_more=12, key=str)
    given_optima = (Optimum(-8.0, "a", 5), Optimum(-9.0, "b", 3))
    batches = [[(-9.0, "b"), (-7.0, "c")], [(-8.0, "a"), (math.nan, "d")], [(-7.0, "c"), (-7.0, "c")]]
    found = iterated_local_search(Scripted(batches), Found.given(plan, given_optima))
    assert len(found.rounds) == 3
    assert found.optima == (Optimum(-7.0, "c", 3), Optimum(-8.0, "a", 6), Optimum(-9.0, "b", 4))
    assert found.best == Optimum(-7.0, "c")


def test_a_gain_below_the_least_is_no_success() -> None:
    plan: RestartPlan[str] = RestartPlan(patience=2, gain=0.01, key=str, tolerance=math.inf)
    ends = [[(-5.0, "a")], [(-4.995, "a")], [(-4.995, "a")]]
    found = iterated_local_search(Scripted(ends), Found(plan))
    assert found.best == Optimum(-5.0, "a")
    assert found.n_failures == 2
    assert found.optima[0].objective == -4.995
    with pytest.raises(IndexError):
        iterated_local_search(Scripted(ends), Found(RestartPlan(patience=2, gain=0.001, key=str)))
