"""Cholesky factors, systems that lack rank, and orthonormal rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, orthonormalise, solve, solve_lower
from tests.reference import numerics as reference

pytestmark = pytest.mark.kernel


@st.composite
def designs(draw: st.DrawFn) -> list[list[int]]:
    """Columns of small integers, some of them sums of others."""
    n_columns, n = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    entries = st.integers(-5, 5)
    columns = [draw(st.lists(entries, min_size=n, max_size=n)) for _ in range(n_columns)]
    for column in range(1, n_columns):
        if draw(st.booleans()):
            weights = draw(st.lists(st.integers(-2, 2), min_size=column, max_size=column))
            columns[column] = [sum(w * columns[k][i] for k, w in enumerate(weights)) for i in range(n)]
    return columns


@given(designs(), st.data())
def test_normal_equations_that_may_lack_rank(columns: list[list[int]], data: st.DataObject) -> None:
    y = data.draw(st.lists(st.integers(-9, 9), min_size=len(columns[0]), max_size=len(columns[0])))
    gram = reference.gram(columns)
    right = [reference.Fraction(sum(a * b for a, b in zip(column, y, strict=True))) for column in columns]
    matrix, vector = np.array(gram, float), np.array(right, float)
    used = reference.independent(gram)
    assert cholesky(matrix, DEPENDENT_PIVOT) == len(used)
    assert np.flatnonzero(np.diag(matrix)).tolist() == used
    solve(matrix, vector)
    expected = np.array(reference.solve(gram, right), float)
    assert vector == pytest.approx(expected, rel=1e-6, abs=1e-6 * (1.0 + np.abs(expected).max()))
    assert np.all(vector[[k for k in range(len(columns)) if k not in used]] == 0.0)


@given(designs())
def test_the_factor_gives_the_matrix_back(columns: list[list[int]]) -> None:
    matrix = np.array(reference.gram(columns), float)
    upper = np.triu(matrix, 1).copy()
    factor = matrix.copy()
    cholesky(factor, DEPENDENT_PIVOT)
    assert np.array_equal(np.triu(factor, 1), upper)
    factor = np.tril(factor)
    assert factor @ factor.T == pytest.approx(matrix, abs=1e-9 * (1.0 + np.abs(matrix).max()))


@given(designs())
def test_half_a_solution_gives_the_quadratic_form(columns: list[list[int]]) -> None:
    gram = reference.gram(columns)
    for k in range(len(gram)):
        gram[k][k] += 1
    right = [reference.Fraction(k + 1) for k in range(len(gram))]
    expected = sum(a * b for a, b in zip(right, reference.solve(gram, right), strict=True))
    matrix, vector = np.array(gram, float), np.array(right, float)
    assert cholesky(matrix, 0.0) == len(gram)
    solve_lower(matrix, vector)
    assert vector @ vector == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [
        ([[1.0, 2.0], [2.0, 1.0]], 1),
        ([[-1.0, 0.0], [0.0, -2.0]], 0),
        ([[np.nan, 0.0], [0.0, 1.0]], 1),
        ([[1.0, np.nan], [np.nan, 1.0]], 1),
        ([[0.0, 0.0], [0.0, 3.0]], 1),
    ],
)
def test_what_is_not_positive_definite_lacks_rank(matrix: list[list[float]], rank: int) -> None:
    factor = np.array(matrix)
    assert cholesky(factor, 0.0) == rank


@given(designs(), st.integers(0, 2))
@settings(max_examples=50)
def test_orthonormal_rows_span_the_same(columns: list[list[int]], n_fixed: int) -> None:
    rows = np.array(columns, float)
    n_fixed = min(n_fixed, len(rows))
    before = orthonormalise(rows[:n_fixed], 0) if n_fixed else 0
    added = orthonormalise(rows, n_fixed)
    assert before + added == len(reference.independent(reference.gram(columns)))
    lengths = np.sum(rows * rows, axis=1)
    assert np.all((lengths == 0.0) | (np.abs(lengths - 1.0) < 1e-12))
    assert rows @ rows.T == pytest.approx(np.diag(lengths), abs=1e-12)
    original = np.array(columns, float)
    assert original @ rows.T @ rows == pytest.approx(original, abs=1e-9)
