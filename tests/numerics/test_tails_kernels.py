"""Tails in kernels beside their Python counterparts, and the interval of a proportion by its equation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.numerics.tails import log_chi_square_tail
from genem.numerics.tails_kernels import (
    binomial_bound,
    binomial_interval,
    chi_square_tail,
    log_choose,
    log_odd_chi_square_tail,
    log_product_tail,
    times_log,
)
from tests.reference import numerics as reference

pytestmark = pytest.mark.kernel


@given(st.floats(0.0, 1000.0))
def test_the_chi_square_tail_of_one_degree_of_freedom(statistic: float) -> None:
    expected = math.exp(log_chi_square_tail([0.5 * statistic], 1)[0])
    assert chi_square_tail(statistic) == pytest.approx(expected, rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("statistic", [-1e-9, math.nan])
def test_a_statistic_that_is_none_has_no_tail(statistic: float) -> None:
    assert math.isnan(chi_square_tail(statistic))


@given(st.floats(0.0, 2000.0), st.sampled_from([1, 3, 5, 19]))
def test_the_logarithm_of_the_chi_square_tail(half: float, degrees_of_freedom: int) -> None:
    expected = log_chi_square_tail([half], degrees_of_freedom)[0]
    assert log_odd_chi_square_tail(half, degrees_of_freedom) == pytest.approx(expected, rel=1e-9, abs=1e-3)
    if half < 500.0:
        assert log_odd_chi_square_tail(half, degrees_of_freedom) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(st.integers(1, 12), st.floats(1e-12, 1.0))
def test_the_product_of_p_values(n_factors: int, product: float) -> None:
    expected = reference.product_p_value(product, n_factors)
    assert math.exp(log_product_tail(math.log(product), n_factors)) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_ways_to_choose(k: int, more: int) -> None:
    assert log_choose(k + more, k) == pytest.approx(math.log(math.comb(k + more, k)), rel=1e-12, abs=1e-12)


def test_a_count_of_nothing_adds_nothing() -> None:
    assert times_log(0.0, 0.0) == 0.0
    assert times_log(2.0, 0.0) == -math.inf
    assert times_log(2.0, 0.5) == 2.0 * math.log(0.5)
    assert math.isnan(times_log(2.0, math.nan))


@given(st.integers(0, 2000), st.integers(0, 2000), st.floats(0.1, 20.0))
def test_the_interval_solves_its_equation(successes: int, failures: int, quantile: float) -> None:
    if successes + failures == 0:
        return
    low, high = binomial_interval(float(successes), float(failures), quantile)
    assert low == binomial_bound(float(successes), float(failures), quantile)
    assert 0.0 <= low <= successes / (successes + failures) <= high <= 1.0
    assert (low == 0.0) == (successes == 0)
    assert (high == 1.0) == (failures == 0)
    for bound in (low, high):
        if 0.0 < bound < 1.0:
            assert reference.binomial_deviance(successes, failures, bound) == pytest.approx(quantile, rel=1e-6)
