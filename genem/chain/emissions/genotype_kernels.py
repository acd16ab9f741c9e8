"""Densities of genotype calls, and of likelihoods of genotypes, given the state of a chain: one individual a lane."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel

# Observed codes: 0 unknown, 1 + state called, then (three states) not the last, not the first.
NOT_LAST, NOT_FIRST = 4, 5


@kernel
def call_likelihood(code: int, state: int, n_states: int, error_prob: float) -> float:
    """P(call | true state): an error gives each other genotype alike; a partial call errs half as often."""
    if code == 0:
        return 1.0
    if code <= n_states:
        return 1.0 - error_prob if code == state + 1 else error_prob / (n_states - 1)
    excluded = n_states - 1 if code == NOT_LAST else 0
    return error_prob if state == excluded else 1.0 - 0.5 * error_prob


@kernel
def fill_call_likelihoods(
    codes: np.ndarray, first: int, marker: np.ndarray, error_prob: float, density: np.ndarray
) -> None:
    """Fill ``density`` (place, state, lane) from the calls of individuals; 1 where the place is no marker.

    Parameters: ``codes`` (individual, marker), of which lanes are the rows from ``first`` on; ``marker`` (place,), -1
    between markers.
    """
    n_places, n_states, n_lanes = density.shape
    table = np.empty((NOT_FIRST + 1, n_states))
    for code in range(NOT_FIRST + 1):
        for state in range(n_states):
            table[code, state] = call_likelihood(code, state, n_states, error_prob)
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                code = codes[first + lane, marker[place]] if marker[place] >= 0 else 0
                density[place, state, lane] = table[code, state]


@kernel
def fill_given_likelihoods(likelihoods: np.ndarray, first: int, marker: np.ndarray, density: np.ndarray) -> None:
    """Fill ``density`` (place, state, lane) from genotype likelihoods; 1 where the place is no marker.

    Parameters: ``likelihoods`` (individual, marker, state), of which lanes are the rows from ``first`` on;
    ``marker`` (place,), -1 between markers.
    """
    n_places, n_states, n_lanes = density.shape
    for place in range(n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                density[place, state, lane] = (
                    likelihoods[first + lane, marker[place], state] if marker[place] >= 0 else 1.0
                )
