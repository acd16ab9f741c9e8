"""Passes of a renewal chain: at rate k per unit of distance a state k is left and drawn anew from one mix.

    P(state j | state k, distance d) = exp(-rate_k d) [j = k] + (1 - exp(-rate_k d)) mix_j

so that a place costs a number of operations proportional to the number of states. ``initial`` and ``restarts`` are
those of :mod:`genem.chain.lane_kernels`. Leutenegger et al. (2003), Am. J. Hum. Genet. 73:516, doi:10.1086/378207.
"""

from __future__ import annotations

import numpy as np

from genem.chain.lane_kernels import (
    IMPOSSIBLE,
    end_sequences,
    finish_backward,
    finish_forward,
    log_or_impossible,
    normalise,
    restart_scores,
)
from genem.jit import kernel
from genem.numerics.vector_kernels import exponentials

LONGEST = 700.0
"""Renewals expected over a distance at most: more make no difference to any probability."""
SHORT = 0.1
"""Below it differences are taken from their series."""


@kernel
def survival(rates: np.ndarray, distances: np.ndarray, stay: np.ndarray, leave: np.ndarray, powers: np.ndarray) -> None:
    """Fill ``stay`` with exp(-rate distance) and ``leave`` with 1 - exp(-rate distance), precise near 0 too.

    Parameters: ``rates`` (state,), ``distances`` (place, lane), ``stay``, ``leave``, ``powers`` (place, state, lane),
    the last one scratch space.
    """
    n_places, n_states, n_lanes = stay.shape
    for place in range(n_places):
        for state in range(n_states):
            rate = rates[state]
            for lane in range(n_lanes):
                x = rate * distances[place, lane]
                stay[place, state, lane] = -x if x < LONGEST else -LONGEST
    flat = stay.reshape(stay.size)
    exponentials(flat, powers.reshape(stay.size))
    for place in range(n_places):
        for state in range(n_states):
            rate = rates[state]
            for lane in range(n_lanes):
                x = rate * distances[place, lane]
                p = 1.0 - x / 8.0 * (1.0 - x / 9.0)
                p = 1.0 - x / 2.0 * (
                    1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0 * (1.0 - x / 6.0 * (1.0 - x / 7.0 * p))))
                )
                leave[place, state, lane] = x * p if x < SHORT else 1.0 - stay[place, state, lane]


@kernel
def time_to_renewal(rates: np.ndarray, distances: np.ndarray, waited: np.ndarray) -> None:
    """Fill ``waited`` with the expected distance to the first renewal, given that there is one before the next place.

    It is d (1/x - 1/(exp(x) - 1)) with x = rate d, d/2 as x goes to 0. Parameters: ``rates`` (state,), ``distances``
    (place, lane), ``waited`` (place, state, lane), which holds 1 - exp(-x).
    """
    n_places, n_states, n_lanes = waited.shape
    for place in range(n_places):
        for state in range(n_states):
            rate = rates[state]
            for lane in range(n_lanes):
                x = rate * distances[place, lane]
                square = x * x
                series = 0.5 - x / 12.0 * (1.0 - square / 60.0 * (1.0 - square / 42.0 * (1.0 - square / 40.0)))
                leave = waited[place, state, lane]
                share = series if x < SHORT else 1.0 / x - (1.0 - leave) / leave
                waited[place, state, lane] = distances[place, lane] * share


@kernel
def forward(
    mix: np.ndarray,
    stay: np.ndarray,
    leave: np.ndarray,
    initial: np.ndarray,
    restarts: np.ndarray,
    density: np.ndarray,
    previous: np.ndarray,
    alpha: np.ndarray,
    inverse: np.ndarray,
) -> None:
    """Fill ``alpha`` with P(state | observations so far), and ``inverse`` with 1 / P(observation | those before).

    Parameters: ``mix`` (state,), ``initial`` (restart, state), ``restarts`` (restart, 2), ``stay``, ``leave``,
    ``density`` (place, state, lane), ``previous`` (state, lane): ``alpha`` of the place before the block, replaced by
    that of its last place; ``alpha`` (place, state, lane), ``inverse`` (place, lane).
    """
    n_places, n_states, n_lanes = density.shape
    renewed = np.empty(n_lanes)
    n_done = 0
    for place in range(n_places):
        # Probability of a renewal, whatever the state.
        for lane in range(n_lanes):
            renewed[lane] = 0.0
            inverse[place, lane] = 0.0
        for state in range(n_states):
            for lane in range(n_lanes):
                renewed[lane] += previous[state, lane] * leave[place, state, lane]
        # A step of the chain times the density, not scaled yet; its sum over states in the place of ``inverse``.
        for state in range(n_states):
            p = mix[state]
            for lane in range(n_lanes):
                reached = previous[state, lane] * stay[place, state, lane] + p * renewed[lane]
                alpha[place, state, lane] = reached * density[place, state, lane]
            for lane in range(n_lanes):
                inverse[place, lane] += alpha[place, state, lane]
        n_done = finish_forward(place, initial, restarts, n_done, density, alpha, inverse, previous)


@kernel
def backward(
    mix: np.ndarray,
    stay: np.ndarray,
    leave: np.ndarray,
    waited: np.ndarray,
    distances: np.ndarray,
    restarts: np.ndarray,
    density: np.ndarray,
    alpha: np.ndarray,
    inverse: np.ndarray,
    following: np.ndarray,
    posterior: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Fill ``posterior`` with P(state | all observations); add expected exits, entries and exposure to ``sums``.

    Parameters: ``mix`` (state,), ``stay``, ``leave``, ``waited`` (place, state, lane) and ``distances`` (place, lane)
    for the steps *from* each place, ``restarts`` (restart, 2), ``density``, ``alpha`` (place, state, lane) and
    ``inverse`` (place, lane) of :func:`forward`, ``following`` (state, lane): density times likelihood of what follows
    at the place after the block, replaced by that of its first place; ``posterior`` (place, state, lane),
    ``sums`` (3, state, lane).
    """
    n_places, n_states, n_lanes = density.shape
    mixed = np.empty(n_lanes)
    renewed = np.empty(n_lanes)
    n_left = len(restarts)
    for place in range(n_places - 1, -1, -1):
        # The likelihood of what follows, in the place of the posterior probabilities.
        for lane in range(n_lanes):
            mixed[lane] = 0.0
            renewed[lane] = 0.0
        for state in range(n_states):
            p = mix[state]
            for lane in range(n_lanes):
                mixed[lane] += p * following[state, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                after = stay[place, state, lane] * following[state, lane] + leave[place, state, lane] * mixed[lane]
                posterior[place, state, lane] = after
        n_left = end_sequences(place, restarts, n_left, posterior, following)
        if place == n_places - 1:
            normalise(place, alpha, posterior, following)
        # Renewals on the way to the next place; after the last place of a sequence nothing is counted.
        for lane in range(n_lanes):
            mixed[lane] = 0.0
        for state in range(n_states):
            p = mix[state]
            for lane in range(n_lanes):
                mixed[lane] += p * following[state, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                left = alpha[place, state, lane] * leave[place, state, lane]
                renewed[lane] += left
                sums[0, state, lane] += left * mixed[lane]
            for lane in range(n_lanes):
                left = alpha[place, state, lane] * leave[place, state, lane] * mixed[lane]
                stayed = alpha[place, state, lane] * stay[place, state, lane] * following[state, lane]
                sums[2, state, lane] += left * waited[place, state, lane] + stayed * distances[place, lane]
        for state in range(n_states):
            p = mix[state]
            for lane in range(n_lanes):
                sums[1, state, lane] += p * following[state, lane] * renewed[lane]
        finish_backward(place, density, alpha, inverse, following, posterior)


@kernel
def best_origins(
    mix: np.ndarray,
    stay: np.ndarray,
    leave: np.ndarray,
    log_initial: np.ndarray,
    restarts: np.ndarray,
    log_density: np.ndarray,
    score: np.ndarray,
    reached: np.ndarray,
    origins: np.ndarray,
) -> None:
    """Fill ``origins`` with the state before each state on the likeliest path to it (staying before leaving).

    The best state to leave is the same for every target but itself, where staying is no less likely.

    Parameters: ``mix`` (state,), ``stay``, ``leave``, ``log_density`` (place, state, lane),
    ``log_initial`` (restart, state), ``restarts`` (restart, 2), ``score`` (state, lane): log-probability of the
    likeliest path to each state at the place before the block, replaced by that at its last place;
    ``reached`` (state + 1, lane), scratch space; ``origins`` uint8 (place, state, lane).
    """
    n_places, n_states, n_lanes = log_density.shape
    n_done = 0
    for place in range(n_places):
        for lane in range(n_lanes):
            best, best_score = 0, IMPOSSIBLE
            for state in range(n_states):
                left = score[state, lane] + log_or_impossible(leave[place, state, lane])
                if left > best_score:
                    best, best_score = state, left
            for state in range(n_states):
                p = stay[place, state, lane] + leave[place, state, lane] * mix[state]
                stayed = score[state, lane] + log_or_impossible(p)
                moved = best_score + log_or_impossible(mix[state])
                reached[state, lane] = stayed if stayed >= moved else moved
                origins[place, state, lane] = state if stayed >= moved else best
        n_done = restart_scores(place, log_initial, restarts, n_done, score, reached, origins)
        for target in range(n_states):
            for lane in range(n_lanes):
                score[target, lane] = reached[target, lane] + log_density[place, target, lane]
