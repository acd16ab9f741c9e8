"""Passes of a chain with one transition matrix, over a block of places of many lanes at once.

Lanes are independent stretches of sequence; the innermost loops run over them, so that they go to vector units.
``initial`` and ``restarts`` are those of :mod:`genem.chain.lane_kernels`. Rabiner (1989), Proc. IEEE 77:257,
doi:10.1109/5.18626.
"""

from __future__ import annotations

import numpy as np

from genem.chain.lane_kernels import end_sequences, finish_backward, finish_forward, normalise, restart_scores
from genem.jit import kernel


@kernel
def forward(
    transitions: np.ndarray,
    initial: np.ndarray,
    restarts: np.ndarray,
    density: np.ndarray,
    previous: np.ndarray,
    alpha: np.ndarray,
    inverse: np.ndarray,
) -> None:
    """Fill ``alpha`` with P(state | observations so far), and ``inverse`` with 1 / P(observation | those before).

    Parameters: ``transitions`` (from, to), ``initial`` (restart, state), ``restarts`` (restart, 2),
    ``density`` (place, state, lane), ``previous`` (state, lane): ``alpha`` of the place before the block, replaced by
    that of its last place; ``alpha`` (place, state, lane), ``inverse`` (place, lane).
    """
    n_places, n_states, n_lanes = density.shape
    n_done = 0
    for place in range(n_places):
        # A step of the chain times the density, not scaled yet; its sum over states in the place of ``inverse``.
        for lane in range(n_lanes):
            inverse[place, lane] = 0.0
        for target in range(n_states):
            p = transitions[0, target]
            for lane in range(n_lanes):
                alpha[place, target, lane] = p * previous[0, lane]
            for origin in range(1, n_states):
                p = transitions[origin, target]
                for lane in range(n_lanes):
                    alpha[place, target, lane] += p * previous[origin, lane]
            for lane in range(n_lanes):
                reached = alpha[place, target, lane] * density[place, target, lane]
                alpha[place, target, lane] = reached
                inverse[place, lane] += reached
        n_done = finish_forward(place, initial, restarts, n_done, density, alpha, inverse, previous)


@kernel
def backward(
    transitions: np.ndarray,
    restarts: np.ndarray,
    density: np.ndarray,
    alpha: np.ndarray,
    inverse: np.ndarray,
    following: np.ndarray,
    posterior: np.ndarray,
    passages: np.ndarray,
) -> None:
    """Fill ``posterior`` with P(state | all observations), and add the expected transitions to ``passages``.

    Parameters: ``transitions`` (from, to), ``restarts`` (restart, 2), ``density``, ``alpha`` (place, state, lane) and
    ``inverse`` (place, lane) of :func:`forward`, ``following`` (state, lane): density times likelihood of what follows
    at the place after the block, replaced by that of its first place; ``posterior`` (place, state, lane),
    ``passages`` (from, to, lane), to be multiplied by the transitions.
    """
    n_places, n_states, n_lanes = density.shape
    n_left = len(restarts)
    for place in range(n_places - 1, -1, -1):
        # The likelihood of what follows, in the place of the posterior probabilities.
        for origin in range(n_states):
            p = transitions[origin, 0]
            for lane in range(n_lanes):
                posterior[place, origin, lane] = p * following[0, lane]
            for target in range(1, n_states):
                p = transitions[origin, target]
                for lane in range(n_lanes):
                    posterior[place, origin, lane] += p * following[target, lane]
        n_left = end_sequences(place, restarts, n_left, posterior, following)
        if place == n_places - 1:
            normalise(place, alpha, posterior, following)
        # Transitions to the next place: P(from, to | all) = alpha transitions density likelihood.
        for origin in range(n_states):
            for target in range(0, n_states - 1, 2):
                for lane in range(n_lanes):
                    passages[origin, target, lane] += alpha[place, origin, lane] * following[target, lane]
                    passages[origin, target + 1, lane] += alpha[place, origin, lane] * following[target + 1, lane]
            if n_states % 2 == 1:
                for lane in range(n_lanes):
                    passages[origin, n_states - 1, lane] += alpha[place, origin, lane] * following[n_states - 1, lane]
        finish_backward(place, density, alpha, inverse, following, posterior)


@kernel
def best_origins(
    log_transitions: np.ndarray,
    log_initial: np.ndarray,
    restarts: np.ndarray,
    log_density: np.ndarray,
    score: np.ndarray,
    reached: np.ndarray,
    origins: np.ndarray,
) -> None:
    """Fill ``origins`` with the state before each state on the likeliest path to it (the first of equals).

    Parameters: ``log_transitions`` (from, to), ``log_initial`` (restart, state), ``restarts`` (restart, 2),
    ``log_density`` (place, state, lane), ``score`` (state, lane): log-probability of the likeliest path to each state
    at the place before the block, replaced by that at its last place; ``reached`` (state + 1, lane), scratch space;
    ``origins`` uint8 (place, state, lane).
    """
    n_places, n_states, n_lanes = log_density.shape
    n_done = 0
    for place in range(n_places):
        # The best origin of each state, as a float in the last row of ``reached`` so that it stays on vector units.
        for target in range(n_states):
            p = log_transitions[0, target]
            for lane in range(n_lanes):
                reached[target, lane] = score[0, lane] + p
                reached[n_states, lane] = 0.0
            for origin in range(1, n_states):
                p = log_transitions[origin, target]
                number = float(origin)
                for lane in range(n_lanes):
                    through = score[origin, lane] + p
                    better = through > reached[target, lane]
                    reached[n_states, lane] = number if better else reached[n_states, lane]
                    reached[target, lane] = through if better else reached[target, lane]
            for lane in range(n_lanes):
                origins[place, target, lane] = np.uint8(reached[n_states, lane])
        n_done = restart_scores(place, log_initial, restarts, n_done, score, reached, origins)
        for target in range(n_states):
            for lane in range(n_lanes):
                score[target, lane] = reached[target, lane] + log_density[place, target, lane]
