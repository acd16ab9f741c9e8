"""Steps that the passes of every kind of chain have in common, place by place over all lanes.

A *restart* is a place where a sequence starts inside a lane: ``restarts`` (restart, 2) holds place and lane, sorted by
place, and ``initial`` (restart, state) the distribution of the first state.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

IMPOSSIBLE = -math.inf
"""Logarithm of probability 0."""
LARGEST = 1e290
"""Bound on a scaled likelihood of what follows, reached only in states whose own probability has vanished."""


@kernel
def finish_forward(
    place: int,
    initial: np.ndarray,
    restarts: np.ndarray,
    n_done: int,
    density: np.ndarray,
    alpha: np.ndarray,
    inverse: np.ndarray,
    previous: np.ndarray,
) -> int:
    """Scale one place of ``alpha`` to sum to 1, sequences that start there among it; return the restarts done.

    Parameters: ``density``, ``alpha`` (place, state, lane), ``inverse`` (place, lane), whose sums become their
    reciprocals (0 stays), ``previous`` (state, lane), a copy of the result; ``initial`` (restart, state),
    ``restarts`` (restart, 2).
    """
    n_states, n_lanes = previous.shape
    while n_done < len(restarts) and restarts[n_done, 0] == place:
        lane = restarts[n_done, 1]
        total = 0.0
        for state in range(n_states):
            alpha[place, state, lane] = initial[n_done, state] * density[place, state, lane]
            total += alpha[place, state, lane]
        inverse[place, lane] = total
        n_done += 1
    for lane in range(n_lanes):
        inverse[place, lane] = 1.0 / inverse[place, lane] if inverse[place, lane] > 0.0 else 0.0
    for state in range(n_states):
        for lane in range(n_lanes):
            scaled = alpha[place, state, lane] * inverse[place, lane]
            alpha[place, state, lane] = scaled
            previous[state, lane] = scaled
    return n_done


@kernel
def end_sequences(place: int, restarts: np.ndarray, n_left: int, likelihood: np.ndarray, following: np.ndarray) -> int:
    """Let sequences end where the next place is a restart: nothing follows; return the restarts left before.

    Parameters: ``restarts`` (restart, 2), ``likelihood`` (place, state, lane), ``following`` (state, lane).
    """
    n_states = len(following)
    while n_left > 0 and restarts[n_left - 1, 0] == place + 1:
        n_left -= 1
        lane = restarts[n_left, 1]
        for state in range(n_states):
            likelihood[place, state, lane] = 1.0
            following[state, lane] = 0.0
    return n_left


@kernel
def normalise(place: int, alpha: np.ndarray, likelihood: np.ndarray, following: np.ndarray) -> None:
    """Scale what follows so that the posterior probabilities of this place sum to 1.

    Parameters: ``alpha``, ``likelihood`` (place, state, lane), ``following`` (state, lane).
    """
    n_states, n_lanes = following.shape
    for lane in range(n_lanes):
        total = 0.0
        for state in range(n_states):
            total += alpha[place, state, lane] * likelihood[place, state, lane]
        for state in range(n_states):
            likelihood[place, state, lane] /= total
            following[state, lane] /= total


@kernel
def finish_backward(
    place: int,
    density: np.ndarray,
    alpha: np.ndarray,
    inverse: np.ndarray,
    following: np.ndarray,
    posterior: np.ndarray,
) -> None:
    """Carry the likelihood of what follows over one place, and turn it into the posterior probabilities there.

    Parameters: ``density``, ``alpha`` (place, state, lane), ``inverse`` (place, lane), ``following`` (state, lane),
    ``posterior`` (place, state, lane), which holds the likelihood of what follows.
    """
    n_states, n_lanes = following.shape
    for state in range(n_states):
        for lane in range(n_lanes):
            scaled = posterior[place, state, lane] * density[place, state, lane] * inverse[place, lane]
            following[state, lane] = scaled if scaled < LARGEST else LARGEST
        for lane in range(n_lanes):
            posterior[place, state, lane] *= alpha[place, state, lane]


@kernel
def log_or_impossible(probability: float) -> float:
    """Natural logarithm; -inf for what is not positive."""
    return math.log(probability) if probability > 0.0 else IMPOSSIBLE


@kernel
def restart_scores(
    place: int,
    log_initial: np.ndarray,
    restarts: np.ndarray,
    n_done: int,
    score: np.ndarray,
    reached: np.ndarray,
    origins: np.ndarray,
) -> int:
    """Let every sequence that starts at a place follow the best end of the one before; return the restarts done.

    Parameters: ``log_initial`` (restart, state), ``restarts`` (restart, 2), ``score`` (state, lane) at the place
    before, ``reached`` (state, lane), ``origins`` uint8 (place, state, lane).
    """
    n_states = len(score)
    while n_done < len(restarts) and restarts[n_done, 0] == place:
        lane = restarts[n_done, 1]
        best = 0
        for state in range(1, n_states):
            if score[state, lane] > score[best, lane]:
                best = state
        for state in range(n_states):
            reached[state, lane] = score[best, lane] + log_initial[n_done, state]
            origins[place, state, lane] = best
        n_done += 1
    return n_done


@kernel
def trace_back(origins: np.ndarray, last: np.ndarray, is_cut: np.ndarray, path: np.ndarray) -> None:
    """Fill ``path`` (lane, place) from its last state to the first, through the lanes from the last to the first.

    Parameters: ``origins`` uint8 (place, state, lane), ``last`` (lane,), the best state at the end of each lane, which
    counts where no sequence goes on; ``is_cut`` (lane,): whether a sequence goes on from the lane before.
    """
    n_lanes, n_places = path.shape
    state = 0
    for lane in range(n_lanes - 1, -1, -1):
        if lane == n_lanes - 1 or not is_cut[lane + 1]:
            state = last[lane]
        for place in range(n_places - 1, -1, -1):
            path[lane, place] = state
            state = int(origins[place, state, lane])
