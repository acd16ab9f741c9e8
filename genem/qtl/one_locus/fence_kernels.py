"""A proven bound on what EM can reach from a point, for normal traits: most permuted positions need few steps of it.

Let w be the posterior at a point k. The log-likelihood elsewhere is L = L_k + Q + J: the expected complete-data gain Q
given w, whose maximum g is the M-step, and J_i = log sum_j w_ij exp(r_ij) - sum_j w_ij r_ij >= 0 of each individual,
with r_ij = log f_ij - log f_ij(k). In the natural parameters of a normal regression every EM step leads along a segment
on which L does not fall, as Q given any posterior is concave there. To leave the region where Q is less than
``radius`` below g, the path of EM would have to cross its boundary with L >= L_k + g, that is with J >= radius. If J is
smaller on the whole region, then EM ends within it, at L_k + g + max (J - u) at most, where u = g - Q.

J_i is an integral over tilted variances of r_ij, which are sums over pairs of cells:
J_i <= sum_{j<l} k_ijl (r_ij - r_il)^2 with k = min(1/8, w_j w_l (exp(E) - 1 - E) / E^2), where E bounds how far both
exceed their mean. Around the M-step, with coefficients b + e, variance v / t and residuals s_ij, r_ij - r_il is
its value there, plus (s_ij x_ij - s_il x_il)'e t / v, plus (t - 1) times the log odds, plus a product of two steps.
Where Q is u below its maximum, n / 2 (t - 1 - log t) + e' G e t / (2 v) = u. So J <= (a + b sqrt(u))^2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel, summing_kernel
from genem.numerics.linear_kernels import solve
from genem.numerics.vector_kernels import exponentials
from genem.qtl.one_locus.trait_kernels import Scratch, Trait, predict, weighted_product

LARGEST_EXPONENT = 600.0
SMALL_EXPONENT = 1e-2
LARGEST_FACTOR = 0.125
"""Half the largest product of two probabilities that sum to 1 at most."""
WIDER = 1.3
"""How much larger than the smallest region that seems to do a region is."""
FIRST_SLOPE, LARGEST_SLOPE = 0.7, 0.95
"""What b is expected to be before any was seen, and the largest for which a proof is tried."""


class Fence(NamedTuple):
    """Room for the bound of a trait with P pairs of cells."""

    inverse: np.ndarray  # float64 (column, column): of the normal equations G
    curvature: np.ndarray  # float64 (2, column, column): of the linear part of r_ij - r_il, and of the product
    moments: np.ndarray  # float64 (3, regressor, regressor)
    contrast: np.ndarray  # float64 (2, column): sum and difference of two cells
    residual: np.ndarray  # float64 (cell, individual): at the M-step
    change: np.ndarray  # float64 (pair, individual): r_ij - r_il at the M-step
    leverage: np.ndarray  # float64 (pair, individual): of the middle of two cells
    reach: np.ndarray  # float64 (pair, individual): most that r_ij and r_il differ
    rows: np.ndarray  # float64 (3, individual)
    slope: np.ndarray  # float64 (1,): the b seen last, there or at the position before


@kernel
def new_fence(trait: Trait) -> Fence:
    """Room for a trait with contrasts (cell, column) and regressors (regressor, individual)."""
    n_cells, n_columns = trait.contrasts.shape
    n_regressors, n = trait.regressors.shape
    pairs = np.empty((3, n_cells * (n_cells - 1) // 2, n))
    return Fence(
        np.empty((n_columns, n_columns)),
        np.empty((2, n_columns, n_columns)),
        np.empty((3, n_regressors, n_regressors)),
        np.empty((2, n_columns)),
        np.empty((n_cells, n)),
        pairs[0],
        pairs[1],
        pairs[2],
        np.empty((3, n)),
        np.full(1, FIRST_SLOPE),
    )


@kernel
def add_moments(trait: Trait, contrast: np.ndarray, moments: np.ndarray, gram: np.ndarray) -> None:
    """Add ``moments`` (regressor, regressor) of a ``contrast`` (column,) to the lower ``gram`` (column, column)."""
    for column in range(len(contrast)):
        if contrast[column] == 0.0:
            continue
        row = moments[trait.regressor_of[column]]
        for other in range(column + 1):
            gram[column, other] += contrast[column] * contrast[other] * row[trait.regressor_of[other]]


@kernel
def fill_moments(trait: Trait, weight: np.ndarray, moments: np.ndarray) -> None:
    """Fill ``moments`` (regressor, regressor) with sums over individuals of ``weight`` (individual,) times z z'."""
    for k in range(len(moments)):
        for other in range(k + 1):
            moments[k, other] = weighted_product(weight, trait.regressors[k], trait.regressors[other])
            moments[other, k] = moments[k, other]


@kernel
def invert_factored(factor: np.ndarray, inverse: np.ndarray) -> bool:
    """Fill ``inverse`` (column, column) of L L' from its ``factor`` L (column, column); False where it has none."""
    inverse[:] = 0.0
    for k in range(len(factor)):
        if not factor[k, k] > 0.0:
            return False
        inverse[k, k] = 1.0
        solve(factor, inverse[k])
    return True


@kernel
def fill_contrasts(trait: Trait, first: int, second: int, fence: Fence) -> None:
    """Fill the contrasts (2, column) with sum and difference of two cells."""
    for column in range(trait.contrasts.shape[1]):
        left_row, other = trait.contrasts[first, column], trait.contrasts[second, column]
        fence.contrast[0, column], fence.contrast[1, column] = left_row + other, left_row - other


@kernel
def fill_leverages(trait: Trait, fence: Fence, contrast: np.ndarray, row: np.ndarray) -> None:
    """Fill ``row`` (individual,) with x' G^-1 x, where x is a ``contrast`` (column,) of regressors."""
    between = fence.moments[0]
    between[:] = 0.0
    for column in range(len(contrast)):
        for other in range(len(contrast)):
            product = contrast[column] * contrast[other] * fence.inverse[column, other]
            between[trait.regressor_of[column], trait.regressor_of[other]] += product
    row[:] = 0.0
    for k in range(len(between)):
        for other in range(len(between)):
            left, right = trait.regressors[k], trait.regressors[other]
            for i in range(len(row)):
                row[i] += between[k, other] * left[i] * right[i]
    for i in range(len(row)):
        row[i] = max(0.0, row[i])


@kernel
def survey(trait: Trait, scratch: Scratch, fence: Fence, old_precision: float, precision: float) -> None:
    """Fill residuals (cell, individual) and the changes (pair, individual) at the M-step; precisions are 1 / v."""
    for cell in range(len(trait.contrasts)):
        row, fitted = fence.residual[cell], scratch.fitted[cell]
        predict(trait, scratch.step, cell, scratch.means, row)
        for i in range(len(row)):
            row[i] = fitted[i] - row[i]
    pair, weight = 0, trait.weight
    for first in range(1, len(trait.contrasts)):
        for second in range(first):
            new, other_new = fence.residual[first], fence.residual[second]
            old, other_old = scratch.fitted[first], scratch.fitted[second]
            change, leverage = fence.change[pair], fence.leverage[pair]
            for i in range(len(new)):
                after = precision * (other_new[i] - new[i]) * (other_new[i] + new[i])
                before = old_precision * (other_old[i] - old[i]) * (other_old[i] + old[i])
                change[i] = 0.5 * weight[i] * (after - before)
            fill_contrasts(trait, first, second, fence)
            fill_leverages(trait, fence, fence.contrast[0], leverage)
            for i in range(len(new)):
                leverage[i] *= 0.25
            pair += 1


@kernel
def fill_reaches(trait: Trait, fence: Fence, precision: float, radius: float, highest: float) -> None:
    """Fill ``reach`` (pair, individual) for the region of a radius; ``highest`` bounds t."""
    pair, weight = 0, trait.weight
    n = len(weight)
    scale, drift = math.sqrt(2.0 * radius * highest * precision), math.sqrt(4.0 * highest * radius / n)
    apart = fence.rows[0]
    for first in range(1, len(trait.contrasts)):
        for second in range(first):
            fill_contrasts(trait, first, second, fence)
            fill_leverages(trait, fence, fence.contrast[1], apart)
            left_row, other, leverage = fence.residual[first], fence.residual[second], fence.leverage[pair]
            change, reach = fence.change[pair], fence.reach[pair]
            for i in range(n):
                middle, difference = 0.5 * abs(left_row[i] + other[i]), abs(left_row[i] - other[i])
                root, root_middle = math.sqrt(apart[i]), math.sqrt(leverage[i])
                moved = scale * (root * middle + root_middle * difference) + 2.0 * radius * root * root_middle
                moved += drift * precision * difference * middle
                reach[i] = abs(change[i]) + weight[i] * moved
            pair += 1


@kernel
def pair_number(first: int, second: int) -> int:
    """The row of two different cells among all pairs."""
    return first * (first - 1) // 2 + second if first > second else second * (second - 1) // 2 + first


@kernel
def fill_factors(posterior: np.ndarray, fence: Fence, first: int, second: int, row: np.ndarray) -> None:
    """Fill ``row`` (individual,) with k of two cells; ``posterior`` (cell, individual)."""
    row[:] = 0.0
    for cell in range(len(posterior)):
        for end in (first, second):
            if cell != end:
                reach, share = fence.reach[pair_number(cell, end)], posterior[cell]
                for i in range(len(row)):
                    row[i] += share[i] * reach[i]
    power = fence.rows[1]
    for i in range(len(row)):
        row[i] = min(LARGEST_EXPONENT, row[i])
        power[i] = row[i]
    exponentials(power, fence.rows[2])
    left_row, other = posterior[first], posterior[second]
    for i in range(len(row)):
        exponent = row[i]
        steep = (power[i] - 1.0 - exponent) / max(exponent * exponent, SMALL_EXPONENT * SMALL_EXPONENT)
        rise = 0.5 * (1.0 + exponent) if exponent < SMALL_EXPONENT else steep
        row[i] = min(LARGEST_FACTOR, left_row[i] * other[i] * rise)


@kernel
def largest_ratio(fence: Fence, curvature: np.ndarray) -> float:
    """A bound on the largest eigenvalue of G^-1 C (column, column): the root of the sum of all squared ones.

    ``curvature`` C (column, column), lower triangle.
    """
    size, total = len(curvature), 0.0
    for a in range(size):
        for b in range(size):
            ahead, back = 0.0, 0.0
            for k in range(size):
                ahead += fence.inverse[a, k] * curvature[max(k, b), min(k, b)]
                back += fence.inverse[b, k] * curvature[max(k, a), min(k, a)]
            total += ahead * back
    return math.sqrt(max(0.0, total))


@summing_kernel
def weigh_pair(
    trait: Trait, fence: Fence, pair: int, first: int, second: int, factor: np.ndarray, precision: float
) -> tuple[float, float]:
    """Sums over individuals of k change^2 and k (log odds)^2; ``factor`` (individual,) becomes k w^2."""
    changes, odds = 0.0, 0.0
    left_row, other, change, weight = fence.residual[first], fence.residual[second], fence.change[pair], trait.weight
    for i in range(len(factor)):
        log_odds = 0.5 * precision * weight[i] * (other[i] - left_row[i]) * (other[i] + left_row[i])
        changes += factor[i] * change[i] * change[i]
        odds += factor[i] * log_odds * log_odds
        factor[i] *= weight[i] * weight[i]
    return changes, odds


@kernel
def add_pair(trait: Trait, fence: Fence, pair: int, first: int, second: int, factor: np.ndarray) -> None:
    """Add one pair of cells to both curvatures (2, column, column); ``factor`` (individual,) is k w^2."""
    left_row, other, row = fence.residual[first], fence.residual[second], fence.rows[1]
    own, others, cross = fence.moments[0], fence.moments[1], fence.moments[2]
    # The linear part, (s_ij x_ij - s_il x_il)'e, squared.
    for i in range(len(row)):
        row[i] = -factor[i] * left_row[i] * other[i]
    fill_moments(trait, row, cross)
    for i in range(len(row)):
        row[i] = factor[i] * left_row[i] * (left_row[i] + other[i])
    fill_moments(trait, row, own)
    for i in range(len(row)):
        row[i] = factor[i] * other[i] * (left_row[i] + other[i])
    fill_moments(trait, row, others)
    add_moments(trait, trait.contrasts[first], own, fence.curvature[0])
    add_moments(trait, trait.contrasts[second], others, fence.curvature[0])
    fill_contrasts(trait, first, second, fence)
    add_moments(trait, fence.contrast[0], cross, fence.curvature[0])
    # The product of a step of the difference and one of the middle.
    leverage = fence.leverage[pair]
    for i in range(len(row)):
        row[i] = factor[i] * leverage[i]
    fill_moments(trait, row, own)
    add_moments(trait, fence.contrast[1], own, fence.curvature[1])


@kernel
def gap_bound(trait: Trait, scratch: Scratch, fence: Fence, precision: float, radius: float) -> tuple[float, float]:
    """Two numbers a and b such that J <= (a + b sqrt(u))^2 in the region of a radius; arrays (cell, individual).

    There, t lies below a bound, and e' G e t / v <= 2 t u.
    """
    n = trait.regressors.shape[1]
    ratio = 2.0 * radius / n
    highest = 1.0 + ratio + math.sqrt(ratio * ratio + 2.0 * ratio)
    fill_reaches(trait, fence, precision, radius, highest)
    fence.curvature[:] = 0.0
    at_start, drift, pair = 0.0, 0.0, 0
    factor = fence.rows[0]
    for first in range(1, len(trait.contrasts)):
        for second in range(first):
            fill_factors(scratch.posterior, fence, first, second, factor)
            changes, odds = weigh_pair(trait, fence, pair, first, second, factor, precision)
            at_start += changes
            drift += odds
            add_pair(trait, fence, pair, first, second, factor)
            pair += 1
    linear = precision * largest_ratio(fence, fence.curvature[0]) + 2.0 * drift / n
    slope = math.sqrt(2.0 * highest * linear) + 2.0 * math.sqrt(radius * largest_ratio(fence, fence.curvature[1]))
    return math.sqrt(at_start), slope


@kernel
def stays_below(
    trait: Trait, scratch: Scratch, fence: Fence, log_sigma: float, new_log_sigma: float, gain: float, lacking: float
) -> bool:
    """Whether EM, after an M-step from ``log_sigma`` to ``new_log_sigma``, provably gains less than ``lacking``.

    It is counted from L_k + g; ``gain`` is g, or an estimate. ``scratch`` (cell, individual) as the M-step has left it.
    """
    slope = min(fence.slope[0], LARGEST_SLOPE)
    radius = WIDER * gain * (slope / (1.0 - slope)) ** 2
    if not radius < lacking or not invert_factored(scratch.gram, fence.inverse):
        return False
    precision = math.exp(-2.0 * new_log_sigma)
    survey(trait, scratch, fence, math.exp(-2.0 * log_sigma), precision)
    for _ in range(2):
        start, slope = gap_bound(trait, scratch, fence, precision, radius)
        fence.slope[0] = slope
        if not slope < 1.0 or not start * start < lacking * (1.0 - slope * slope):
            return False
        if (start + slope * math.sqrt(radius)) ** 2 < radius:
            return True
        radius = WIDER * (start / (1.0 - slope)) ** 2
        if radius > lacking:
            return False
    return False
