"""Small dense linear algebra: Cholesky factors that tell their rank, systems solved by them, orthonormal rows.

Golub & Van Loan (2013), Matrix Computations, sections 4.2 and 5.2. ``np.linalg`` costs seconds of compilation in a
kernel; these loops are faster for the systems of a few unknowns that kernels meet.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

DEPENDENT_PIVOT = 1e-11
"""A pivot of at most this share of its diagonal element is rounding: the column depends on those before it."""
DEPENDENT_NORM = 1e-7
"""A row of which at most this share of its length is left beside the rows before it depends on them."""


@kernel
def cholesky(matrix: np.ndarray, tolerance: float) -> int:
    """Replace the lower triangle of a symmetric ``matrix`` (row, column) by its factor L, M = L L'; return the rank.

    A column whose pivot is not above ``tolerance`` times its diagonal element becomes zero: it depends on the columns
    before it, or the matrix is not positive semidefinite, or not finite. Only the lower triangle is read.
    """
    rank = 0
    for row in range(len(matrix)):
        diagonal = matrix[row, row]
        for column in range(row + 1):
            value = matrix[row, column]
            for k in range(column):
                value -= matrix[row, k] * matrix[column, k]
            if column < row:
                matrix[row, column] = value / matrix[column, column] if matrix[column, column] > 0.0 else 0.0
            elif value > tolerance * diagonal:
                matrix[row, row] = math.sqrt(value)
                rank += 1
            else:
                matrix[row, row] = 0.0
    return rank


@kernel
def solve_lower(factor: np.ndarray, vector: np.ndarray) -> None:
    """Replace ``vector`` (row,) by x with L x = v, L the lower triangle of ``factor`` (row, column).

    Where L has a zero column, so that a row depends on others, x is zero.
    """
    for row in range(len(vector)):
        value = vector[row]
        for k in range(row):
            value -= factor[row, k] * vector[k]
        vector[row] = value / factor[row, row] if factor[row, row] > 0.0 else 0.0


@kernel
def solve(factor: np.ndarray, vector: np.ndarray) -> None:
    """Replace ``vector`` (row,) by x with M x = v, where :func:`cholesky` made ``factor`` (row, column) from M.

    Where M lacks rank, dependent columns get the coefficient 0: of the solutions of a consistent system, such as the
    normal equations of least squares, it is one.
    """
    solve_lower(factor, vector)
    for row in range(len(vector) - 1, -1, -1):
        value = vector[row]
        for k in range(row + 1, len(vector)):
            value -= factor[k, row] * vector[k]
        vector[row] = value / factor[row, row] if factor[row, row] > 0.0 else 0.0


@kernel
def orthonormalise(rows: np.ndarray, n_fixed: int) -> int:
    """Make the rows of ``rows`` (row, element) from ``n_fixed`` on orthonormal; return how many of them do not vanish.

    Gram-Schmidt, twice for accuracy. The rows before are orthonormal or zero. A row that depends on those before it
    becomes zero.
    """
    n_rows, n = rows.shape
    rank = 0
    for row in range(n_fixed, n_rows):
        before = 0.0
        for i in range(n):
            before += rows[row, i] * rows[row, i]
        for _ in range(2):
            for k in range(row):
                product = 0.0
                for i in range(n):
                    product += rows[row, i] * rows[k, i]
                for i in range(n):
                    rows[row, i] -= product * rows[k, i]
        after = 0.0
        for i in range(n):
            after += rows[row, i] * rows[row, i]
        independent = after > DEPENDENT_NORM * DEPENDENT_NORM * before
        scale = 1.0 / math.sqrt(after) if independent else 0.0
        rank += independent
        for i in range(n):
            rows[row, i] *= scale
    return rank
