"""Readable twins of the scalar kernels in genem.em.ascent_kernels."""

from __future__ import annotations

import math
from fractions import Fraction


def relative_change(old: float, new: float) -> float:
    """|new - old| / (1 + |old|) in exact arithmetic; inf unless both are finite."""
    if not (math.isfinite(old) and math.isfinite(new)):
        return math.inf
    return float(abs(Fraction(new) - Fraction(old)) / (1 + abs(Fraction(old))))


def squarem_step_length(r: list[float], v: list[float], step_max: float) -> float:
    """Minus the ratio of the lengths of r and v, between -step_max and -1; -1 where a length is zero."""
    if not any(r) or not any(v):
        return -1.0
    ratio = math.hypot(*r) / math.hypot(*v)
    return -min(max(ratio, 1.0), step_max)


def simplex_kkt_residual(value: float, gradient: float, multiplier: float) -> float:
    """On the bound only a gradient above the multiplier violates the conditions; inside, any difference does."""
    difference = gradient - multiplier
    if value > 0.0:
        return abs(difference)
    return difference if difference > 0.0 else 0.0
