"""Passes along the genotype chain of a cross, over all individuals: a lane is an individual."""

from __future__ import annotations

import numpy as np

from genem.chain.emissions.genotype_kernels import fill_call_likelihoods, fill_given_likelihoods
from genem.chain.given_kernels import (
    add_expected_transitions,
    backward,
    draw_path,
    forward,
    likeliest_paths,
    logarithms_of,
    state_probabilities,
)
from genem.jit import kernel, parallel_kernel, prange

AT_ONCE = 32
"""Individuals passed side by side."""


@kernel
def observe(
    first: int,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    density: np.ndarray,
) -> None:
    """Fill ``density`` (place, state, lane) with what individuals from ``first`` on show at every place.

    Parameters: ``codes`` (individual, marker), ``likelihoods`` (individual, marker, state), used unless empty,
    ``marker`` (place,), -1 between markers.
    """
    if likelihoods.shape[0] > 0:
        fill_given_likelihoods(likelihoods, first, marker, density)
    else:
        fill_call_likelihoods(codes, first, marker, error_prob, density)


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
    """Fill ``probabilities`` (place, individual, state) with P(state | all calls), ``log_likelihoods`` (individual,).

    Parameters: ``initial`` (state,), ``transitions`` (step, from, to), ``codes`` (individual, marker),
    ``likelihoods`` (individual, marker, state) and ``marker`` (place,) as in :func:`observe`.
    """
    n_places, n_individuals, n_states = probabilities.shape
    for group in prange((n_individuals + AT_ONCE - 1) // AT_ONCE):
        first = group * AT_ONCE
        shape = (n_places, n_states, min(AT_ONCE, n_individuals - first))
        density, alpha, beta = np.empty(shape), np.empty(shape), np.empty(shape)
        observe(first, codes, likelihoods, marker, error_prob, density)
        forward(initial, transitions, density, alpha, log_likelihoods[first : first + shape[2]])
        backward(transitions, density, beta)
        state_probabilities(alpha, beta, density)
        for place in range(n_places):
            for lane in range(shape[2]):
                for state in range(n_states):
                    probabilities[place, first + lane, state] = density[place, state, lane]


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
    """Fill ``paths`` (individual, place) with the likeliest path of every individual.

    Parameters: ``initial`` (state,), ``transitions`` (step, from, to), ``codes`` (individual, marker),
    ``likelihoods`` (individual, marker, state) and ``marker`` (place,) as in :func:`observe`.
    """
    n_individuals, n_places = paths.shape
    n_states = len(initial)
    log_initial, log_transitions = np.empty_like(initial), np.empty_like(transitions)
    logarithms_of(initial, log_initial)
    logarithms_of(transitions.reshape(transitions.size), log_transitions.reshape(transitions.size))
    for group in prange((n_individuals + AT_ONCE - 1) // AT_ONCE):
        first = group * AT_ONCE
        density = np.empty((n_places, n_states, min(AT_ONCE, n_individuals - first)))
        n_lanes = density.shape[2]
        observe(first, codes, likelihoods, marker, error_prob, density)
        logarithms_of(density.reshape(density.size), density.reshape(density.size))
        likeliest_paths(log_initial, log_transitions, density, paths[first : first + n_lanes], np.empty(n_lanes))


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
    """Fill ``draws`` (draw, individual, place) with paths drawn at random given all calls.

    Parameters: ``initial`` (state,), ``transitions`` (step, from, to), ``codes`` (individual, marker),
    ``likelihoods`` (individual, marker, state) and ``marker`` (place,) as in :func:`observe`,
    ``uniforms`` (draw, individual, place).
    """
    n_draws, n_individuals, n_places = draws.shape
    n_states = len(initial)
    for group in prange((n_individuals + AT_ONCE - 1) // AT_ONCE):
        first = group * AT_ONCE
        shape = (n_places, n_states, min(AT_ONCE, n_individuals - first))
        density, alpha = np.empty(shape), np.empty(shape)
        observe(first, codes, likelihoods, marker, error_prob, density)
        forward(initial, transitions, density, alpha, np.empty(shape[2]))
        own = np.empty((n_places, n_states))
        for lane in range(shape[2]):
            for place in range(n_places):
                for state in range(n_states):
                    own[place, state] = alpha[place, state, lane]
            for draw in range(n_draws):
                draw_path(transitions, own, uniforms[draw, first + lane], draws[draw, first + lane])


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
    """Add the expected transitions of all individuals to ``expected`` (step, from, to); return their log-likelihood.

    Parameters: ``initial`` (state,), ``transitions`` (step, from, to), ``codes`` (individual, marker),
    ``likelihoods`` (individual, marker, state) and ``marker`` (place,) as in :func:`observe`.
    """
    n_places, n_states, n_individuals = len(marker), len(initial), len(codes)
    log_likelihood = 0.0
    for first in range(0, n_individuals, AT_ONCE):
        shape = (n_places, n_states, min(AT_ONCE, n_individuals - first))
        density, alpha, beta = np.empty(shape), np.empty(shape), np.empty(shape)
        log_likelihoods = np.empty(shape[2])
        observe(first, codes, likelihoods, marker, error_prob, density)
        forward(initial, transitions, density, alpha, log_likelihoods)
        backward(transitions, density, beta)
        add_expected_transitions(transitions, density, alpha, beta, expected)
        for lane in range(shape[2]):
            log_likelihood += log_likelihoods[lane]
    return log_likelihood
