"""Scalar pieces of the EM iteration that batched kernels and the Python driver share.

Functions passed as arguments would be recompiled in every process, so both tiers call these by name.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

# Defaults of the EM contract: relative change of the objective, and scaled gradient (KKT) residual.
OBJECTIVE_TOLERANCE = 1e-10
KKT_TOLERANCE = 1e-7
STEP_GROWTH = 4.0
"""Factor by which SQUAREM's longest step grows when it was used with success, and shrinks when it failed."""


@kernel
def relative_change(old: float, new: float) -> float:
    """|new - old| / (1 + |old|): relative for large objectives, absolute near zero; inf where undefined."""
    difference = new - old
    if not (abs(difference) < float("inf")):
        return float("inf")
    return abs(difference) / (1.0 + abs(old))


@kernel
def squarem_step_length(r_norm2: float, v_norm2: float, step_max: float) -> float:
    """Step length of SQUAREM scheme S3: alpha = -|r| / |v|, kept in [-step_max, -1].

    r = F(x) - x and v = F(F(x)) - F(x) - r, given by their squared norms. alpha = -1 is two plain EM steps.
    Varadhan & Roland (2008), Scand. J. Stat. 35:335, doi:10.1111/j.1467-9469.2007.00585.x, eq. (9).
    """
    if not (v_norm2 > 0.0) or not (r_norm2 > 0.0):
        return -1.0
    alpha = -math.sqrt(r_norm2 / v_norm2)
    return max(-step_max, min(-1.0, alpha))


@kernel
def cycle_step_length(start: np.ndarray, first: np.ndarray, second: np.ndarray, step_max: float) -> float:
    """``squarem_step_length`` after two EM steps, from ``start`` to ``first`` to ``second``."""
    r_norm2, v_norm2 = 0.0, 0.0
    for k in range(len(start)):
        r, v = first[k] - start[k], second[k] - 2.0 * first[k] + start[k]
        r_norm2 += r * r
        v_norm2 += v * v
    return squarem_step_length(r_norm2, v_norm2, step_max)


@kernel
def extrapolate(start: np.ndarray, first: np.ndarray, second: np.ndarray, alpha: float, point: np.ndarray) -> None:
    """``point`` = start - 2 alpha r + alpha^2 v; it may be one of the others."""
    for k in range(len(start)):
        r, v = first[k] - start[k], second[k] - 2.0 * first[k] + start[k]
        point[k] = start[k] - 2.0 * alpha * r + alpha * alpha * v


@kernel
def longest_step(step_max: float, alpha: float, succeeded: bool) -> float:
    """The longest step allowed after one of length ``alpha``: another one only where that was as long as allowed."""
    if -alpha != step_max:
        return step_max
    return step_max * STEP_GROWTH if succeeded else max(1.0, step_max / STEP_GROWTH)


@kernel
def simplex_kkt_residual(value: float, gradient: float, multiplier: float) -> float:
    """How far one coordinate of a simplex-constrained maximum is from the Karush-Kuhn-Tucker conditions.

    Inside, the gradient must equal the multiplier; on the bound (value 0) it may only lie below it.
    """
    excess = gradient - multiplier
    if value <= 0.0:
        return max(0.0, excess)
    return abs(excess)
