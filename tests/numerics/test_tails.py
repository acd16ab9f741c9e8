"""Tails of distributions beside SciPy's, textbook sums and exact fractions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.numerics.tails import log_binomial_tail, log_chi_square_tail, log_hypergeometric_tail, log_product_tail
from tests.reference import motif_significance
from tests.reference import numerics as reference


@pytest.mark.parametrize("degrees_of_freedom", [3, 19, 4])
def test_the_chi_square_tail_does_not_underflow(degrees_of_freedom: int) -> None:
    from scipy.stats import chi2

    halves = np.array([0.0, 0.3, 5.0, 80.0, 300.0])
    found = log_chi_square_tail(halves, degrees_of_freedom)
    assert found == pytest.approx(chi2.logsf(2 * halves, degrees_of_freedom), rel=1e-9, abs=1e-12)
    half = 0.5 * degrees_of_freedom
    leading = (half - 1) * math.log(2000.0) - math.lgamma(half) - 2000.0
    assert log_chi_square_tail([2000.0], degrees_of_freedom)[0] == pytest.approx(leading, abs=0.005)


@given(st.integers(1, 12), st.floats(1e-12, 1.0))
def test_the_product_of_p_values(n_factors: int, product: float) -> None:
    expected = reference.product_p_value(product, n_factors)
    assert math.exp(log_product_tail(math.log(product), n_factors)) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_the_hypergeometric_tail_by_counting_tables(a: int, b: int, c: int, d: int) -> None:
    expected = float(motif_significance.fisher(a, a + b, c, c + d))
    assert math.exp(log_hypergeometric_tail(a, a + b, c, c + d)) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.01, 0.99))
def test_the_binomial_tail(successes: int, failures: int, p: float) -> None:
    trials = successes + failures
    expected = sum(math.comb(trials, k) * p**k * (1.0 - p) ** (trials - k) for k in range(successes, trials + 1))
    assert math.exp(log_binomial_tail(successes, failures, p)) == pytest.approx(expected, rel=1e-9)
    assert log_binomial_tail(3000, 0, 0.5) == pytest.approx(3000 * math.log(0.5))
