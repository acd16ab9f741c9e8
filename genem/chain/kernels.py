"""Hidden Markov chains: scaled forward-backward, expected transitions, the likeliest path, paths drawn at random.

A chain has ``initial`` (state,), ``transitions`` (step, from, to) and ``emissions`` (place, state), the likelihood of
what was observed at each place; there is one place more than steps. Forward and backward rows are scaled to sum to 1,
so that no length of chain underflows. Rabiner (1989), Proc. IEEE 77:257, doi:10.1109/5.18626.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

IMPOSSIBLE = -math.inf


@kernel
def forward(initial: np.ndarray, transitions: np.ndarray, emissions: np.ndarray, alpha: np.ndarray) -> float:
    """Fill ``alpha`` with P(state | emissions so far) and return the log-likelihood; -inf where it has no path."""
    n_places, n_states = emissions.shape
    log_likelihood = 0.0
    for place in range(n_places):
        total = 0.0
        for state in range(n_states):
            if place == 0:
                reached = initial[state]
            else:
                reached = 0.0
                for origin in range(n_states):
                    reached += alpha[place - 1, origin] * transitions[place - 1, origin, state]
            alpha[place, state] = reached * emissions[place, state]
            total += alpha[place, state]
        if not (total > 0.0):
            return IMPOSSIBLE
        for state in range(n_states):
            alpha[place, state] /= total
        log_likelihood += math.log(total)
    return log_likelihood


@kernel
def backward(transitions: np.ndarray, emissions: np.ndarray, beta: np.ndarray) -> None:
    """Fill ``beta`` with the likelihood of the later emissions given the state, scaled to sum to 1."""
    n_places, n_states = emissions.shape
    for state in range(n_states):
        beta[n_places - 1, state] = 1.0 / n_states
    for place in range(n_places - 2, -1, -1):
        total = 0.0
        for state in range(n_states):
            likelihood = 0.0
            for target in range(n_states):
                arrival = emissions[place + 1, target] * beta[place + 1, target]
                likelihood += transitions[place, state, target] * arrival
            beta[place, state] = likelihood
            total += likelihood
        for state in range(n_states):
            beta[place, state] = beta[place, state] / total if total > 0.0 else 0.0


@kernel
def state_probabilities(alpha: np.ndarray, beta: np.ndarray, probabilities: np.ndarray) -> None:
    """P(state | all emissions) at every place."""
    n_places, n_states = alpha.shape
    for place in range(n_places):
        total = 0.0
        for state in range(n_states):
            probabilities[place, state] = alpha[place, state] * beta[place, state]
            total += probabilities[place, state]
        for state in range(n_states):
            probabilities[place, state] = probabilities[place, state] / total if total > 0.0 else math.nan


@kernel
def add_expected_transitions(
    transitions: np.ndarray, emissions: np.ndarray, alpha: np.ndarray, beta: np.ndarray, expected: np.ndarray
) -> None:
    """Add P(from, to | all emissions) of every step to ``expected`` (step, from, to): the E-step of Baum-Welch."""
    n_places, n_states = emissions.shape
    for step in range(n_places - 1):
        total = 0.0
        for origin in range(n_states):
            for target in range(n_states):
                arrival = emissions[step + 1, target] * beta[step + 1, target]
                total += alpha[step, origin] * transitions[step, origin, target] * arrival
        if not (total > 0.0):
            continue
        for origin in range(n_states):
            for target in range(n_states):
                arrival = emissions[step + 1, target] * beta[step + 1, target]
                joint = alpha[step, origin] * transitions[step, origin, target] * arrival
                expected[step, origin, target] += joint / total


@kernel
def log_or_impossible(probability: float) -> float:
    return math.log(probability) if probability > 0.0 else IMPOSSIBLE


@kernel
def likeliest_path(initial: np.ndarray, transitions: np.ndarray, emissions: np.ndarray, path: np.ndarray) -> float:
    """Fill ``path`` with the likeliest states (Viterbi; the first of equals) and return their log-probability."""
    n_places, n_states = emissions.shape
    best_origin = np.zeros((n_places, n_states), np.int64)
    score = np.empty(n_states)
    arrived = np.empty(n_states)
    for state in range(n_states):
        score[state] = log_or_impossible(initial[state]) + log_or_impossible(emissions[0, state])
    for place in range(1, n_places):
        for state in range(n_states):
            best = 0
            best_score = IMPOSSIBLE
            for origin in range(n_states):
                candidate = score[origin] + log_or_impossible(transitions[place - 1, origin, state])
                if candidate > best_score:
                    best, best_score = origin, candidate
            best_origin[place, state] = best
            arrived[state] = best_score + log_or_impossible(emissions[place, state])
        for state in range(n_states):
            score[state] = arrived[state]
    last = 0
    for state in range(1, n_states):
        if score[state] > score[last]:
            last = state
    path[n_places - 1] = last
    for place in range(n_places - 1, 0, -1):
        path[place - 1] = best_origin[place, path[place]]
    best_of_all: float = score[last]
    return best_of_all


@kernel
def draw_state(weights: np.ndarray, uniform: float) -> int:
    """A state with probability proportional to its weight, by a uniform number in [0, 1)."""
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
    """Fill ``path`` with states drawn from P(path | emissions), from the last place to the first."""
    n_places, n_states = alpha.shape
    weights = np.empty(n_states)
    path[n_places - 1] = draw_state(alpha[n_places - 1], uniforms[n_places - 1])
    for place in range(n_places - 2, -1, -1):
        for state in range(n_states):
            weights[state] = alpha[place, state] * transitions[place, state, path[place + 1]]
        path[place] = draw_state(weights, uniforms[place])
