"""Small dense linear algebra: positive systems that may lack rank, and orthonormal bases of stacked designs."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, parallel_kernel, prange

PIVOT_TOLERANCE = 1e-11
"""A pivot below this share of its diagonal is a column that depends on those before it."""
NORM_TOLERANCE = 1e-7
"""The same for the norm of a column beside the columns before it."""


@kernel
def solve_positive(gram: np.ndarray, right: np.ndarray, solution: np.ndarray) -> int:
    """Solve gram x = right by Cholesky's method, in place; return the rank.

    A column that depends on those before it gets coefficient 0: the solution is one of those that fit as well.
    """
    size = len(right)
    rank = 0
    for column in range(size):
        diagonal = gram[column, column]
        pivot = diagonal
        for k in range(column):
            pivot -= gram[column, k] * gram[column, k]
        independent = pivot > PIVOT_TOLERANCE * diagonal
        root = math.sqrt(pivot) if independent else 0.0
        rank += independent
        for row in range(column + 1, size):
            value = gram[row, column]
            for k in range(column):
                value -= gram[row, k] * gram[column, k]
            gram[row, column] = value / root if independent else 0.0
        gram[column, column] = root
    for row in range(size):
        value = right[row]
        for k in range(row):
            value -= gram[row, k] * solution[k]
        solution[row] = value / gram[row, row] if gram[row, row] > 0.0 else 0.0
    for row in range(size - 1, -1, -1):
        value = solution[row]
        for k in range(row + 1, size):
            value -= gram[k, row] * solution[k]
        solution[row] = value / gram[row, row] if gram[row, row] > 0.0 else 0.0
    return rank


@kernel
def orthonormalise(columns: np.ndarray, n_fixed: int) -> int:
    """Gram-Schmidt, twice for accuracy, on the rows of ``columns`` (column, individual) from ``n_fixed`` on.

    The rows before are orthonormal or zero. A row that depends on those before it becomes zero; returns how many of
    the others do not.
    """
    n_rows, n = columns.shape
    rank = 0
    for row in range(n_fixed, n_rows):
        before = 0.0
        for i in range(n):
            before += columns[row, i] * columns[row, i]
        for _ in range(2):
            for k in range(row):
                product = 0.0
                for i in range(n):
                    product += columns[row, i] * columns[k, i]
                for i in range(n):
                    columns[row, i] -= product * columns[k, i]
        after = 0.0
        for i in range(n):
            after += columns[row, i] * columns[row, i]
        independent = after > NORM_TOLERANCE * NORM_TOLERANCE * before
        scale = 1.0 / math.sqrt(after) if independent else 0.0
        rank += independent
        for i in range(n):
            columns[row, i] *= scale
    return rank


@parallel_kernel
def position_bases(
    null_basis: np.ndarray, probabilities: np.ndarray, own: np.ndarray, bases: np.ndarray, ranks: np.ndarray
) -> None:
    """An orthonormal basis of what the genotypes add to the null model, at every position.

    ``null_basis`` (column, individual) is orthonormal, ``probabilities`` (position, individual, state), ``own``
    (individual, regressor) holds the regressors that each genotype has a coefficient of its own for; ``bases``
    (position, state x regressor, individual).
    """
    n_positions, n, n_states = probabilities.shape
    n_null, n_own = len(null_basis), own.shape[1]
    for position in prange(n_positions):
        columns = np.empty((n_null + n_states * n_own, n))
        columns[:n_null] = null_basis
        for state in range(n_states):
            for regressor in range(n_own):
                row = n_null + state * n_own + regressor
                for i in range(n):
                    columns[row, i] = probabilities[position, i, state] * own[i, regressor]
        ranks[position] = orthonormalise(columns, n_null)
        bases[position] = columns[n_null:]
