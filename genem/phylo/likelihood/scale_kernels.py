"""Partial likelihoods that are about to underflow: lifted, and counted how often.

A pattern whose sum of partials falls below ``LOW`` is multiplied by ``HUGE``, and the event is counted per node, int32
(lane,); the product of four partials then neither vanishes nor overflows.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.numerics.vector_kernels import logarithms

TINY = 2.0**-256
LOW = 2.0**-128
HUGE = 2.0**256
LOG_TINY = -256.0 * math.log(2.0)


@kernel
def set_scale(source: np.ndarray, target: np.ndarray) -> None:
    """Copy the scale of a slab.

    ``source`` and ``target`` (lane,).
    """
    n_lanes = len(target)
    for l in range(n_lanes):
        target[l] = source[l]


@kernel
def add_scale(source: np.ndarray, target: np.ndarray) -> None:
    """Add the scale of a factor.

    ``source`` and ``target`` (lane,).
    """
    n_lanes = len(target)
    for l in range(n_lanes):
        target[l] += source[l]


@kernel
def rescale(target: np.ndarray, scale: np.ndarray, total: np.ndarray) -> None:
    """Lift the lanes of a slab that are about to underflow, and count it in its scale; a lane of zeros stays.

    ``target`` (category, state, lane); ``scale`` (lane,); ``total`` (lane,) to work in.
    """
    n_lanes = len(total)
    for l in range(n_lanes):
        total[l] = 0.0
    for c in range(target.shape[0]):
        for x in range(0, target.shape[1], 4):
            for l in range(n_lanes):
                total[l] += (target[c, x, l] + target[c, x + 1, l]) + (target[c, x + 2, l] + target[c, x + 3, l])
    lift_low(target, scale, total)


@kernel
def lift_low(target: np.ndarray, scale: np.ndarray, total: np.ndarray) -> None:
    """Lift the lanes of a slab whose sums are low, and count it in its scale.

    ``target`` (category, state, lane); ``scale`` and ``total`` (lane,).
    """
    n_lanes = len(total)
    n_low = 0
    for l in range(n_lanes):
        n_low += total[l] < LOW
    if n_low == 0:
        return
    for l in range(n_lanes):
        if 0.0 < total[l] < LOW:
            scale[l] += 1
            for c in range(target.shape[0]):
                for x in range(target.shape[1]):
                    target[c, x, l] *= HUGE


@kernel
def log_total(scaled: float, scale: int, invariant: float) -> float:
    """ln(scaled * TINY**scale + invariant), without underflow."""
    if scale == 0:
        total = scaled + invariant
        return math.log(total) if total > 0.0 else -math.inf
    if invariant > 0.0:
        return math.log(invariant) + math.log1p(scaled / invariant * TINY**scale)
    return math.log(scaled) + scale * LOG_TINY if scaled > 0.0 else -math.inf


@kernel
def log_totals(
    total: np.ndarray, scale: np.ndarray, invariant: np.ndarray, has_invariant: bool, target: np.ndarray
) -> None:
    """Write ln(total * TINY**scale + invariant) of all lanes, without underflow.

    ``total``, ``scale``, ``invariant`` and ``target`` (lane,).
    """
    n_lanes = len(target)
    if has_invariant:
        for l in range(n_lanes):
            target[l] = log_total(total[l], scale[l], invariant[l])
    else:
        logarithms(total, target)
        for l in range(n_lanes):
            target[l] += scale[l] * LOG_TINY
