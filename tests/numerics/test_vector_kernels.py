"""Exponentials and logarithms of many numbers beside those of the standard library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.numerics.vector_kernels import exponentials, logarithms, sum_of_logarithms

pytestmark = pytest.mark.kernel


@given(st.lists(st.floats(-690, 690), min_size=1, max_size=20))
def test_exponentials_are_exact_to_the_last_digits(values: list[float]) -> None:
    found = np.array(values)
    exponentials(found, np.empty(len(found)))
    np.testing.assert_allclose(found, [math.exp(value) for value in values], rtol=1e-14)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=20))
def test_logarithms_are_summed(values: list[float]) -> None:
    found = sum_of_logarithms(np.array(values), np.empty(len(values)))
    assert found == pytest.approx(math.fsum(math.log(value) for value in values), rel=1e-13, abs=1e-12)


def test_more_logarithms_than_one_product_holds() -> None:
    values = np.random.default_rng(1).uniform(1e-3, 4, 1300)
    assert sum_of_logarithms(values, np.empty(1300)) == pytest.approx(np.log(values).sum(), rel=1e-12)


@given(st.lists(st.floats(2.0**-1074, 1e308), min_size=1, max_size=100))
@settings(max_examples=30)
def test_logarithms_of_many_numbers(values: list[float]) -> None:
    found = np.empty(len(values))
    logarithms(np.array(values), found)
    for value, got in zip(values, found.tolist(), strict=True):
        assert got == pytest.approx(math.log(value), rel=5e-16, abs=1e-300)


def test_logarithms_near_one_and_of_odd_numbers() -> None:
    near = 1.0 + np.array([1e-15, -1e-15, 1e-8, -1e-8, 0.0, 1e-3])
    found = np.empty(len(near))
    logarithms(near, found)
    assert found == pytest.approx(np.log(near), rel=5e-16, abs=0.0)
    odd = np.array([0.0, np.inf, -1.0, np.nan, 5e-324])
    found = np.empty(len(odd))
    logarithms(odd, found)
    assert found[:2].tolist() == [-math.inf, math.inf]
    assert np.isnan(found[2:4]).all()
    assert found[4] == math.log(5e-324)
