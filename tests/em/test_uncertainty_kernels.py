"""Standard errors of small information matrices in kernels, beside the textbook's generalised inverse."""

from __future__ import annotations

import numpy as np
import pytest

from genem.em import identify
from genem.em.uncertainty_kernels import flat_direction, standard_errors
from genem.numerics.linear_kernels import cholesky

pytestmark = pytest.mark.kernel


def test_errors_are_those_of_a_generalised_inverse_or_refused() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        size, rank = int(rng.integers(1, 7)), int(rng.integers(1, 9))
        design = rng.normal(size=(rank, size)) * (rng.random((rank, size)) < 0.6) * np.exp(rng.normal(size=size))
        information = design.T @ design
        gradients = np.vstack([np.eye(size), rng.normal(size=(2, size)), rng.normal(size=(2, rank)) @ design])
        found = np.empty(len(gradients))
        standard_errors(information, gradients, found)
        np.testing.assert_allclose(found, identify(information, gradients).standard_errors, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    "information", [[[1.0, 2.0], [2.0, 1.0]], [[np.nan, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, 1.0]]]
)
def test_a_saddle_has_no_errors(information: list[list[float]]) -> None:
    found = np.zeros(2)
    standard_errors(np.array(information), np.eye(2), found)
    assert np.isnan(found).all()


def test_a_flat_direction_is_in_the_null_space() -> None:
    matrix = np.array([[4.0, 2.0, 2.0], [2.0, 5.0, 1.0], [2.0, 1.0, 1.0]])
    factor, direction = matrix.copy(), np.empty(3)
    assert cholesky(factor, 1e-9) == 2
    flat_direction(factor, 2, direction)
    np.testing.assert_allclose(matrix @ direction, 0.0, atol=1e-12)
    assert direction[2] == 1.0
