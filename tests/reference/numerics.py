"""Arithmetic in exact fractions and by textbook sums: systems that may lack rank, tails, shared-out work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

Matrix = list[list[Fraction]]


def gram(columns: Sequence[Sequence[int]]) -> Matrix:
    """Inner products of all pairs of columns."""
    return [[Fraction(sum(a * b for a, b in zip(one, other, strict=True))) for other in columns] for one in columns]


def independent(matrix: Matrix) -> list[int]:
    """The columns of a Gram matrix that do not depend on those before them, by elimination."""
    rows = [row.copy() for row in matrix]
    found = []
    for column in range(len(rows)):
        if rows[column][column] == 0:
            continue
        found.append(column)
        for row in range(column + 1, len(rows)):
            ratio = rows[row][column] / rows[column][column]
            rows[row] = [a - ratio * b for a, b in zip(rows[row], rows[column], strict=True)]
    return found


def solve(matrix: Matrix, right: Sequence[Fraction]) -> list[Fraction]:
    """The solution whose dependent coefficients are 0, by elimination on the independent rows and columns."""
    used = independent(matrix)
    rows = [[*(matrix[i][j] for j in used), Fraction(right[i])] for i in used]
    for column in range(len(rows)):
        rows[column] = [value / rows[column][column] for value in rows[column]]
        for row in range(len(rows)):
            if row != column:
                ratio = rows[row][column]
                rows[row] = [a - ratio * b for a, b in zip(rows[row], rows[column], strict=True)]
    solution = [Fraction(0)] * len(matrix)
    for place, row in zip(used, rows, strict=True):
        solution[place] = row[-1]
    return solution


def product_p_value(product: float, n_factors: int) -> float:
    """P(product of uniform numbers at most this), the textbook sum."""
    log_inverse = -math.log(product)
    return product * sum(log_inverse**i / math.factorial(i) for i in range(n_factors))


def binomial_deviance(successes: int, failures: int, p: float) -> float:
    """Twice the difference of the log-likelihoods at the share of successes and at p."""
    n = successes + failures
    terms = ((successes, successes / n, p), (failures, failures / n, 1.0 - p))
    return 2.0 * sum(count * math.log(best / tried) for count, best, tried in terms if count)


def q_value(p_values: Sequence[float], number: int, n_tests: int) -> float:
    """The least of p m / rank over all p-values that are as large, at most 1."""
    larger = [p for p in p_values if p >= p_values[number]]
    return min([1.0, *(p * n_tests / sum(other <= p for other in p_values) for p in larger)])
