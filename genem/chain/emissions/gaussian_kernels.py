"""Log-densities and weighted moments of Gaussians, over a block of places of many lanes."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel


@kernel
def fill_diagonal(
    observed: np.ndarray, means: np.ndarray, half_precisions: np.ndarray, constants: np.ndarray, rows: np.ndarray
) -> None:
    """Fill ``rows`` (place, state, lane) with log-densities, coordinate by coordinate; NaN counts as unobserved.

    Parameters: ``observed`` (place, coordinate, lane), ``means``, ``half_precisions`` and
    ``constants`` (state, coordinate); a half precision is -1/2 over the variance.
    """
    n_places, n_states, n_lanes = rows.shape
    for place in range(n_places):
        for state in range(n_states):
            for coordinate in range(observed.shape[1]):
                mean, half, constant = (
                    means[state, coordinate],
                    half_precisions[state, coordinate],
                    constants[state, coordinate],
                )
                for lane in range(n_lanes):
                    deviation = observed[place, coordinate, lane] - mean
                    value = half * deviation * deviation + constant
                    value = value if value == value else 0.0
                    rows[place, state, lane] = value if coordinate == 0 else rows[place, state, lane] + value


@kernel
def add_diagonal_moments(observed: np.ndarray, means: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add weights, weighted deviations from the means and their squares to ``sums`` (state, 3, coordinate, lane).

    Parameters: ``observed`` (place, coordinate, lane), ``means`` (state, coordinate), ``weights`` (place, state, lane).
    """
    n_places, n_states, n_lanes = weights.shape
    for state in range(n_states):
        for coordinate in range(observed.shape[1]):
            mean = means[state, coordinate]
            for place in range(n_places):
                for lane in range(n_lanes):
                    value = observed[place, coordinate, lane]
                    weight = weights[place, state, lane] if value == value else 0.0
                    deviation = value - mean if value == value else 0.0
                    sums[state, 0, coordinate, lane] += weight
                    sums[state, 1, coordinate, lane] += weight * deviation
                for lane in range(n_lanes):
                    value = observed[place, coordinate, lane]
                    deviation = value - mean if value == value else 0.0
                    sums[state, 2, coordinate, lane] += weights[place, state, lane] * deviation * deviation


@kernel
def fill_full(
    observed: np.ndarray, means: np.ndarray, whitening: np.ndarray, constants: np.ndarray, rows: np.ndarray
) -> None:
    """Fill ``rows`` (place, state, lane) with log-densities; a place with a NaN counts as unobserved.

    Parameters: ``observed`` (place, coordinate, lane), ``means`` (state, coordinate),
    ``whitening`` (state, row, column), the inverse of the Cholesky factor of each covariance, lower triangular;
    ``constants`` (state,).
    """
    n_places, n_states, n_lanes = rows.shape
    whitened = np.empty(n_lanes)
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                rows[place, state, lane] = constants[state]
            for row in range(observed.shape[1]):
                for lane in range(n_lanes):
                    whitened[lane] = 0.0
                for column in range(row + 1):
                    factor, mean = whitening[state, row, column], means[state, column]
                    for lane in range(n_lanes):
                        whitened[lane] += factor * (observed[place, column, lane] - mean)
                for lane in range(n_lanes):
                    rows[place, state, lane] -= 0.5 * whitened[lane] * whitened[lane]
            for lane in range(n_lanes):
                value = rows[place, state, lane]
                rows[place, state, lane] = value if value == value else 0.0


@kernel
def add_full_moments(observed: np.ndarray, means: np.ndarray, weights: np.ndarray, sums: np.ndarray) -> None:
    """Add weights, weighted deviations and weighted products of deviations to ``sums``.

    Parameters: ``observed`` (place, coordinate, lane), ``means`` (state, coordinate), ``weights`` (place, state, lane),
    ``sums`` (state, 1 + n + n n, lane) for n coordinates.
    """
    n_places, n_states, n_lanes = weights.shape
    n = observed.shape[1]
    weight = np.empty(n_lanes)
    weighted = np.empty(n_lanes)
    for place in range(n_places):
        for state in range(n_states):
            # The weight of the place: none where a coordinate is missing.
            for lane in range(n_lanes):
                weight[lane] = weights[place, state, lane]
            for coordinate in range(n):
                for lane in range(n_lanes):
                    value = observed[place, coordinate, lane]
                    weight[lane] = weight[lane] if value == value else 0.0
            for lane in range(n_lanes):
                sums[state, 0, lane] += weight[lane]
            # First and second moments about the current means.
            for row in range(n):
                mean = means[state, row]
                for lane in range(n_lanes):
                    weighted[lane] = weight[lane] * (observed[place, row, lane] - mean) if weight[lane] > 0.0 else 0.0
                    sums[state, 1 + row, lane] += weighted[lane]
                for column in range(n):
                    centre = means[state, column]
                    for lane in range(n_lanes):
                        deviation = observed[place, column, lane] - centre
                        deviation = deviation if weighted[lane] != 0.0 else 0.0
                        sums[state, 1 + n + row * n + column, lane] += weighted[lane] * deviation
