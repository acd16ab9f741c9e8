"""Standard errors from small information matrices: what :func:`genem.em.identify` does, for kernels."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.numerics.linear_kernels import cholesky, solve_lower

FLAT_PIVOT = 1e-9
"""Pivot of the information scaled to a unit diagonal at or below which its direction is not identified."""
SADDLE_PIVOT = -1e-6
"""Scaled pivot below which the point is no maximum."""
LARGEST_SHARE = 1e-8
"""A value with more of its squared gradient along a direction that is not identified has no standard error."""


@kernel
def flat_direction(factor: np.ndarray, column: int, direction: np.ndarray) -> None:
    """Fill ``direction`` (coordinate,) with x, M x = 0, that belongs to a zero ``column`` of the factor.

    ``factor`` (row, column) is that of :func:`genem.numerics.linear_kernels.cholesky`; x is 1 at the column and 0
    beyond it.
    """
    direction[:] = 0.0
    direction[column] = 1.0
    for row in range(column - 1, -1, -1):
        if factor[row, row] > 0.0:
            value = 0.0
            for k in range(row + 1, column + 1):
                value -= factor[k, row] * direction[k]
            direction[row] = value / factor[row, row]


@kernel
def standard_errors(information: np.ndarray, gradients: np.ndarray, errors: np.ndarray) -> None:
    """Fill ``errors`` (value) with the standard errors of values with ``gradients`` (value, coordinate).

    ``information`` (coordinate, coordinate) is minus the second derivatives of the log-likelihood. A value that
    changes along a direction in which the log-likelihood is flat has none (NaN), the others keep theirs; at a saddle
    nothing has any. Rao (1973), Linear Statistical Inference and Its Applications, section 4a.
    """
    size = len(information)
    factor, unit = np.empty((size, size)), np.ones(size)
    direction, scaled = np.empty(size), np.empty(size)
    # the information of every coordinate becomes 1
    for i in range(size):
        if information[i, i] > 0.0:
            unit[i] = math.sqrt(information[i, i])
    for i in range(size):
        for j in range(size):
            factor[i, j] = information[i, j] / (unit[i] * unit[j])
    errors[:] = math.nan
    cholesky(factor, FLAT_PIVOT)
    # a pivot that is negative, or not a number
    for i in range(size):
        pivot = information[i, i] / (unit[i] * unit[i])
        for k in range(i):
            pivot -= factor[i, k] * factor[i, k]
        if not pivot > SADDLE_PIVOT:
            return
    for value in range(len(gradients)):
        length = 0.0
        for i in range(size):
            scaled[i] = gradients[value, i] / unit[i]
            length += scaled[i] * scaled[i]
        # does the value change along a flat direction?
        is_identified = True
        for column in range(size):
            if factor[column, column] > 0.0:
                continue
            flat_direction(factor, column, direction)
            change, square = 0.0, 0.0
            for i in range(size):
                change += scaled[i] * direction[i]
                square += direction[i] * direction[i]
            is_identified = is_identified and change * change <= LARGEST_SHARE * length * square
        if is_identified:
            solve_lower(factor, scaled)
            variance = 0.0
            for i in range(size):
                variance += scaled[i] * scaled[i]
            errors[value] = math.sqrt(variance)
