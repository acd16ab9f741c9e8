"""The genotype chain of a cross along a chromosome: emissions, transitions, and passes over all individuals."""

from __future__ import annotations

import numpy as np

from genem.chain.kernels import (
    add_expected_transitions,
    backward,
    draw_path,
    forward,
    likeliest_path,
    state_probabilities,
)
from genem.jit import kernel, parallel_kernel, prange

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
def call_emissions(codes: np.ndarray, marker: np.ndarray, error_prob: float, emissions: np.ndarray) -> None:
    """The likelihood of one individual's calls at every place; 1 where the place is no marker (-1)."""
    n_places, n_states = emissions.shape
    for place in range(n_places):
        code = codes[marker[place]] if marker[place] >= 0 else 0
        for state in range(n_states):
            emissions[place, state] = call_likelihood(code, state, n_states, error_prob)


@kernel
def likelihood_emissions(likelihoods: np.ndarray, marker: np.ndarray, emissions: np.ndarray) -> None:
    """Given genotype likelihoods (marker, state) at every place; 1 where the place is no marker."""
    n_places, n_states = emissions.shape
    for place in range(n_places):
        for state in range(n_states):
            emissions[place, state] = likelihoods[marker[place], state] if marker[place] >= 0 else 1.0


@kernel
def observe(
    individual: int,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    emissions: np.ndarray,
) -> None:
    """The emissions of one individual: from likelihoods (individual, marker, state) unless that array is empty."""
    if likelihoods.shape[0] > 0:
        likelihood_emissions(likelihoods[individual], marker, emissions)
    else:
        call_emissions(codes[individual], marker, error_prob, emissions)


@parallel_kernel
def fill_probabilities(
    initial: np.ndarray,
    transitions: np.ndarray,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    probabilities: np.ndarray,
    log_likelihoods: np.ndarray,
) -> None:
    """P(state | all calls) of every individual, (place, individual, state), and each one's log-likelihood."""
    n_places, n_individuals, n_states = probabilities.shape
    for individual in prange(n_individuals):
        emissions = np.empty((n_places, n_states))
        alpha = np.empty((n_places, n_states))
        beta = np.empty((n_places, n_states))
        observe(individual, codes, likelihoods, marker, error_prob, emissions)
        log_likelihoods[individual] = forward(initial, transitions, emissions, alpha)
        backward(transitions, emissions, beta)
        state_probabilities(alpha, beta, emissions)
        probabilities[:, individual, :] = emissions


@parallel_kernel
def fill_paths(
    initial: np.ndarray,
    transitions: np.ndarray,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    paths: np.ndarray,
) -> None:
    """The likeliest path of every individual, (individual, place)."""
    n_individuals, n_places = paths.shape
    n_states = len(initial)
    for individual in prange(n_individuals):
        emissions = np.empty((n_places, n_states))
        observe(individual, codes, likelihoods, marker, error_prob, emissions)
        likeliest_path(initial, transitions, emissions, paths[individual])


@parallel_kernel
def fill_draws(
    initial: np.ndarray,
    transitions: np.ndarray,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    uniforms: np.ndarray,
    draws: np.ndarray,
) -> None:
    """Paths drawn at random given all calls, (draw, individual, place)."""
    n_draws, n_individuals, n_places = draws.shape
    n_states = len(initial)
    for individual in prange(n_individuals):
        emissions = np.empty((n_places, n_states))
        alpha = np.empty((n_places, n_states))
        observe(individual, codes, likelihoods, marker, error_prob, emissions)
        forward(initial, transitions, emissions, alpha)
        for draw in range(n_draws):
            draw_path(transitions, alpha, uniforms[draw, individual], draws[draw, individual])


@kernel
def expect_transitions(
    initial: np.ndarray,
    transitions: np.ndarray,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    expected: np.ndarray,
) -> float:
    """Add the expected transitions of all individuals; return their log-likelihood."""
    n_places, n_states = len(marker), len(initial)
    emissions = np.empty((n_places, n_states))
    alpha = np.empty((n_places, n_states))
    beta = np.empty((n_places, n_states))
    log_likelihood = 0.0
    for individual in range(len(codes)):
        observe(individual, codes, likelihoods, marker, error_prob, emissions)
        log_likelihood += forward(initial, transitions, emissions, alpha)
        backward(transitions, emissions, beta)
        add_expected_transitions(transitions, emissions, alpha, beta, expected)
    return log_likelihood
