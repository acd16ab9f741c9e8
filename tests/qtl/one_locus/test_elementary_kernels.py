"""Exponentials and logarithms of many numbers at once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.qtl.one_locus.elementary_kernels import exponentials, sum_of_logarithms


@pytest.mark.kernel
@given(st.lists(st.floats(-690, 690), min_size=1, max_size=20))
def test_exponentials_are_exact_to_the_last_digits(values):
    found = np.array(values)
    exponentials(found, np.empty(len(found)))
    np.testing.assert_allclose(found, [math.exp(value) for value in values], rtol=1e-14)


@pytest.mark.kernel
@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=20))
def test_logarithms_are_summed(values):
    found = sum_of_logarithms(np.array(values), np.empty(len(values)))
    assert found == pytest.approx(math.fsum(math.log(value) for value in values), rel=1e-13, abs=1e-12)


@pytest.mark.kernel
def test_more_logarithms_than_one_product_holds():
    values = np.random.default_rng(1).uniform(1e-3, 4, 1300)
    assert sum_of_logarithms(values, np.empty(1300)) == pytest.approx(np.log(values).sum(), rel=1e-12)
