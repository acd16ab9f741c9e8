"""Densities of many places at once, from their logarithms; weighted sums over places."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.numerics.vector_kernels import exponentials

LEAST = -700.0
"""Smallest logarithm of a relative density that is possible: below it the density is that of -700."""
IMPOSSIBLE = -705.0
"""Stands for -inf until exponentials are taken."""
AT_ONCE = 1024
"""Exponentials taken at once."""
LEAST_DENSITY = 5e-305
"""Between the exponentials of the two."""


@kernel
def relative_densities(rows: np.ndarray, tops: np.ndarray, powers: np.ndarray) -> None:
    """Replace log-densities by densities relative to the largest at each place, and keep the logarithm of that one.

    Parameters: ``rows`` (place, state, lane), ``tops`` (place, lane), ``powers`` (1024,), scratch space. A density of 0
    stays 0, a smaller one than exp(-700) times the largest becomes that.
    """
    n_places, n_states, n_lanes = rows.shape
    for place in range(n_places):
        for lane in range(n_lanes):
            tops[place, lane] = -1e300
        for state in range(n_states):
            for lane in range(n_lanes):
                value = rows[place, state, lane]
                tops[place, lane] = value if value > tops[place, lane] else tops[place, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                value = rows[place, state, lane] - tops[place, lane]
                value = value if value > LEAST else (LEAST if value > -math.inf else IMPOSSIBLE)
                rows[place, state, lane] = value
    # Exponentials of pieces that stay in the first-level cache.
    flat = rows.reshape(rows.size)
    for start in range(0, len(flat), AT_ONCE):
        piece = flat[start : start + AT_ONCE]
        exponentials(piece, powers)
        for i in range(len(piece)):
            piece[i] = piece[i] if piece[i] > LEAST_DENSITY else 0.0


@kernel
def add_weighted_sums(features: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add the weighted sum of every feature in every state to ``sums`` (state, feature, lane).

    Parameters: ``features`` (feature, place, lane), ``weights`` (place, state, lane). The first feature is 1 where
    something was observed, 0 elsewhere; the others are finite.
    """
    n_places, n_states, n_lanes = weights.shape
    for state in range(n_states):
        for feature in range(len(features)):
            for place in range(n_places):
                for lane in range(n_lanes):
                    sums[state, feature, lane] += weights[place, state, lane] * features[feature, place, lane]
