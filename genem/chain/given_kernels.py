"""Passes of chains with a given matrix at every step, shared by lanes that are one sequence each.

A chain has ``initial`` (state,), ``transitions`` (step, from, to) and ``density`` (place, state, lane), the likelihood
of what was observed at each place; there is one place more than steps. Forward and backward rows are scaled to sum to
1, so that no length of chain underflows. Rabiner (1989), Proc. IEEE 77:257, doi:10.1109/5.18626.
"""

from __future__ import annotations

import math

import numpy as np

from genem.chain.lane_kernels import IMPOSSIBLE, log_or_impossible
from genem.jit import kernel


@kernel
def forward(
    initial: np.ndarray,
    transitions: np.ndarray,
    density: np.ndarray,
    alpha: np.ndarray,
    log_likelihood: np.ndarray,
) -> None:
    """Fill ``alpha`` (place, state, lane) with P(state | observations so far).

    Parameters: ``initial`` (state,), ``transitions`` (step, from, to), ``density`` (place, state, lane);
    ``log_likelihood`` (lane,) becomes that of all observations, -inf where they have no path.
    """
    n_places, n_states, n_lanes = density.shape
    total = np.empty(n_lanes)
    for lane in range(n_lanes):
        log_likelihood[lane] = 0.0
    for place in range(n_places):
        for lane in range(n_lanes):
            total[lane] = 0.0
        for state in range(n_states):
            # The state before times the way from it, then times what was observed.
            for lane in range(n_lanes):
                alpha[place, state, lane] = initial[state] if place == 0 else 0.0
            if place > 0:
                for origin in range(n_states):
                    p = transitions[place - 1, origin, state]
                    for lane in range(n_lanes):
                        alpha[place, state, lane] += alpha[place - 1, origin, lane] * p
            for lane in range(n_lanes):
                alpha[place, state, lane] *= density[place, state, lane]
                total[lane] += alpha[place, state, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                alpha[place, state, lane] = alpha[place, state, lane] / total[lane] if total[lane] > 0.0 else 0.0
        for lane in range(n_lanes):
            log_likelihood[lane] += log_or_impossible(total[lane])


@kernel
def backward(transitions: np.ndarray, density: np.ndarray, beta: np.ndarray) -> None:
    """Fill ``beta`` (place, state, lane) with the likelihood of the later observations given the state, scaled.

    Parameters: ``transitions`` (step, from, to), ``density`` (place, state, lane).
    """
    n_places, n_states, n_lanes = density.shape
    total = np.empty(n_lanes)
    arrival = np.empty((n_states, n_lanes))
    for state in range(n_states):
        for lane in range(n_lanes):
            beta[n_places - 1, state, lane] = 1.0 / n_states
    for place in range(n_places - 2, -1, -1):
        for target in range(n_states):
            for lane in range(n_lanes):
                arrival[target, lane] = density[place + 1, target, lane] * beta[place + 1, target, lane]
        for lane in range(n_lanes):
            total[lane] = 0.0
        for state in range(n_states):
            for lane in range(n_lanes):
                beta[place, state, lane] = 0.0
            for target in range(n_states):
                p = transitions[place, state, target]
                for lane in range(n_lanes):
                    beta[place, state, lane] += p * arrival[target, lane]
            for lane in range(n_lanes):
                total[lane] += beta[place, state, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                beta[place, state, lane] = beta[place, state, lane] / total[lane] if total[lane] > 0.0 else 0.0


@kernel
def state_probabilities(alpha: np.ndarray, beta: np.ndarray, probabilities: np.ndarray) -> None:
    """Fill ``probabilities`` with P(state | all observations).

    Parameters: ``alpha``, ``beta`` and ``probabilities`` (place, state, lane).
    """
    n_places, n_states, n_lanes = alpha.shape
    total = np.empty(n_lanes)
    for place in range(n_places):
        for lane in range(n_lanes):
            total[lane] = 0.0
        for state in range(n_states):
            for lane in range(n_lanes):
                probabilities[place, state, lane] = alpha[place, state, lane] * beta[place, state, lane]
                total[lane] += probabilities[place, state, lane]
        for state in range(n_states):
            for lane in range(n_lanes):
                both = probabilities[place, state, lane]
                probabilities[place, state, lane] = both / total[lane] if total[lane] > 0.0 else math.nan


@kernel
def add_expected_transitions(
    transitions: np.ndarray, density: np.ndarray, alpha: np.ndarray, beta: np.ndarray, expected: np.ndarray
) -> None:
    """Add P(from, to | all observations), summed over lanes, to ``expected`` (step, from, to).

    Parameters: ``transitions`` (step, from, to), ``density``, ``alpha`` and ``beta`` (place, state, lane).
    """
    n_places, n_states, n_lanes = density.shape
    joint = np.empty((n_states, n_states, n_lanes))
    arrival = np.empty((n_states, n_lanes))
    total = np.empty(n_lanes)
    for step in range(n_places - 1):
        for target in range(n_states):
            for lane in range(n_lanes):
                arrival[target, lane] = density[step + 1, target, lane] * beta[step + 1, target, lane]
        for lane in range(n_lanes):
            total[lane] = 0.0
        for origin in range(n_states):
            for target in range(n_states):
                p = transitions[step, origin, target]
                for lane in range(n_lanes):
                    joint[origin, target, lane] = alpha[step, origin, lane] * p * arrival[target, lane]
                    total[lane] += joint[origin, target, lane]
        # Lanes are added one after the other, so that sums do not depend on how many there are at once.
        for origin in range(n_states):
            for target in range(n_states):
                for lane in range(n_lanes):
                    if total[lane] > 0.0:
                        expected[step, origin, target] += joint[origin, target, lane] / total[lane]


@kernel
def logarithms_of(probabilities: np.ndarray, logarithms: np.ndarray) -> None:
    """Fill ``logarithms`` (element,) with those of ``probabilities`` (element,)."""
    for i in range(len(probabilities)):
        logarithms[i] = log_or_impossible(probabilities[i])


@kernel
def likeliest_paths(
    log_initial: np.ndarray,
    log_transitions: np.ndarray,
    log_density: np.ndarray,
    paths: np.ndarray,
    log_probability: np.ndarray,
) -> None:
    """Fill ``paths`` (lane, place) with the likeliest states (Viterbi; the first of equals).

    Parameters: ``log_initial`` (state,), ``log_transitions`` (step, from, to), ``log_density`` (place, state, lane);
    ``log_probability`` (lane,) of each path with the observations.
    """
    n_places, n_states, n_lanes = log_density.shape
    best_origin = np.zeros((n_places, n_states, n_lanes), np.uint8)
    score = np.empty((n_states, n_lanes))
    arrived = np.empty((n_states, n_lanes))
    for state in range(n_states):
        for lane in range(n_lanes):
            score[state, lane] = log_initial[state] + log_density[0, state, lane]
    for place in range(1, n_places):
        for state in range(n_states):
            for lane in range(n_lanes):
                arrived[state, lane] = IMPOSSIBLE
            for origin in range(n_states):
                p = log_transitions[place - 1, origin, state]
                for lane in range(n_lanes):
                    candidate = score[origin, lane] + p
                    if candidate > arrived[state, lane]:
                        best_origin[place, state, lane] = origin
                        arrived[state, lane] = candidate
        for state in range(n_states):
            for lane in range(n_lanes):
                score[state, lane] = arrived[state, lane] + log_density[place, state, lane]
    # The best last state of each lane, and back from it.
    for lane in range(n_lanes):
        last = 0
        for state in range(1, n_states):
            if score[state, lane] > score[last, lane]:
                last = state
        log_probability[lane] = score[last, lane]
        paths[lane, n_places - 1] = last
        for place in range(n_places - 1, 0, -1):
            last = int(best_origin[place, last, lane])
            paths[lane, place - 1] = last


@kernel
def draw_state(weights: np.ndarray, uniform: float) -> int:
    """A state with probability proportional to ``weights`` (state,), by a uniform number in [0, 1)."""
    total = 0.0
    for state in range(len(weights)):
        total += weights[state]
    threshold = uniform * total
    cumulated = 0.0
    drawn = 0
    for state in range(len(weights)):
        if weights[state] > 0.0:
            drawn = state
            cumulated += weights[state]
            if cumulated > threshold:
                break
    return drawn


@kernel
def draw_path(transitions: np.ndarray, alpha: np.ndarray, uniforms: np.ndarray, path: np.ndarray) -> None:
    """Fill ``path`` (place,) with states drawn from P(path | observations), from the last place to the first.

    Parameters: ``transitions`` (step, from, to), ``alpha`` (place, state) of one lane, ``uniforms`` (place,).
    """
    n_places, n_states = alpha.shape
    weights = np.empty(n_states)
    path[n_places - 1] = draw_state(alpha[n_places - 1], uniforms[n_places - 1])
    for place in range(n_places - 2, -1, -1):
        for state in range(n_states):
            weights[state] = alpha[place, state] * transitions[place, state, path[place + 1]]
        path[place] = draw_state(weights, uniforms[place])
