"""Distinct optima: grouped by objective and key, best first."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from genem.em import Optimum, distinct_optima
from tests.reference import em_optima as reference

ends = st.lists(st.tuples(st.integers(-20, 20).map(lambda x: x / 4), st.sampled_from("abc")), max_size=20)


@given(ends, st.sampled_from([0.0, 1e-7, 0.05, math.inf]), st.booleans())
def test_optima_are_those_of_the_definition(raw: list[tuple[float, str]], tolerance: float, keyed: bool) -> None:
    optima = [Optimum(objective, key) for objective, key in raw]
    found = distinct_optima(optima, key=(lambda key: key) if keyed else None, tolerance=tolerance)
    pairs = [(optimum.objective, optimum.n_starts) for optimum in found]
    assert sorted(pairs) == sorted(reference.groups(raw, tolerance, keyed=keyed))
    assert [pair[0] for pair in pairs] == sorted((pair[0] for pair in pairs), reverse=True)
    assert sum(optimum.n_starts for optimum in found) == len(raw)


@given(ends, ends)
def test_optima_of_two_lists_are_those_of_both_together(
    first: list[tuple[float, str]], second: list[tuple[float, str]]
) -> None:
    one, other = ([Optimum(objective, key) for objective, key in raw] for raw in (first, second))
    together = distinct_optima([*one, *other], key=str)
    merged = distinct_optima([*distinct_optima(one, key=str), *distinct_optima(other, key=str)], key=str)
    assert [(o.objective, o.n_starts) for o in merged] == [(o.objective, o.n_starts) for o in together]


def test_the_first_of_equals_stands_for_all_and_what_is_not_finite_is_left_out() -> None:
    raw = [Optimum(math.nan, "nan"), Optimum(1.0, "first"), Optimum(-math.inf, "low"), Optimum(1.0, "second")]
    assert distinct_optima(raw) == (Optimum(1.0, "first", 2),)
    assert distinct_optima([]) == ()
