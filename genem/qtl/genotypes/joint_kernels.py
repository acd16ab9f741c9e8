"""Genotypes at two linked loci given all calls: the chain, once it has seen the calls, is a Markov chain still."""

from __future__ import annotations

import numpy as np

from genem.chain.given_kernels import backward
from genem.jit import kernel, parallel_kernel, prange
from genem.qtl.genotypes.marker_kernels import AT_ONCE, observe


@kernel
def multiply(left: np.ndarray, right: np.ndarray, product: np.ndarray) -> None:
    """Fill ``product`` with ``left`` times ``right``, three small square matrices (row, column)."""
    size = len(left)
    for row in range(size):
        for column in range(size):
            value = 0.0
            for k in range(size):
                value += left[row, k] * right[k, column]
            product[row, column] = value


@kernel
def step_given_calls(
    transitions: np.ndarray, density: np.ndarray, beta: np.ndarray, place: int, lane: int, following: np.ndarray
) -> None:
    """Fill ``following`` (from, to) with P(state at the next place | state at ``place``, all calls) of one lane.

    It is zero where the calls rule a state out. Parameters: ``transitions`` (step, from, to), ``density`` and ``beta``
    (place, state, lane).
    """
    n_states = len(following)
    for origin in range(n_states):
        total = 0.0
        for target in range(n_states):
            arrival = density[place + 1, target, lane] * beta[place + 1, target, lane]
            following[origin, target] = transitions[place, origin, target] * arrival
            total += following[origin, target]
        for target in range(n_states):
            following[origin, target] = following[origin, target] / total if total > 0.0 else 0.0


@parallel_kernel
def fill_following(
    transitions: np.ndarray,
    codes: np.ndarray,
    likelihoods: np.ndarray,
    marker: np.ndarray,
    error_prob: float,
    kept: np.ndarray,
    following: np.ndarray,
) -> None:
    """Fill ``following`` with P(state at the next kept place | state at this one, all calls).

    Parameters: ``transitions`` (step, from, to), ``codes`` (individual, marker),
    ``likelihoods`` (individual, marker, state) and ``marker`` (place,) as in
    :func:`genem.qtl.genotypes.marker_kernels.observe`, ``kept`` (kept place,), ascending; places between them are
    summed out; ``following`` (kept place but the last, individual, from, to).
    """
    n_individuals, n_states = following.shape[1], following.shape[2]
    n_places = len(marker)
    for group in prange((n_individuals + AT_ONCE - 1) // AT_ONCE):
        first = group * AT_ONCE
        shape = (n_places, n_states, min(AT_ONCE, n_individuals - first))
        density, beta = np.empty(shape), np.empty(shape)
        step, product = np.empty((n_states, n_states)), np.empty((n_states, n_states))
        observe(first, codes, likelihoods, marker, error_prob, density)
        backward(transitions, density, beta)
        for k in range(len(kept) - 1):
            for lane in range(shape[2]):
                reached = following[k, first + lane]
                step_given_calls(transitions, density, beta, kept[k], lane, reached)
                for place in range(kept[k] + 1, kept[k + 1]):
                    step_given_calls(transitions, density, beta, place, lane, step)
                    multiply(reached, step, product)
                    reached[:] = product


@parallel_kernel
def fill_linked_pairs(
    marginal: np.ndarray, following: np.ndarray, cell_of: np.ndarray, start: int, stop: int, joint: np.ndarray
) -> None:
    """Fill ``joint`` with P(states at two places | all calls), from ``start`` to ``stop`` with all places ahead.

    Parameters: ``marginal`` (place, individual, state) and ``following`` (place but the last, individual, from, to) of
    the chromosome, ``cell_of`` (individual, from, to), the cell that a pair of states is;
    ``joint`` (pair, cell, individual), zeroed before.
    """
    n_places, n_individuals, n_states = marginal.shape
    for place_from in prange(start, stop):
        first = 0
        for before in range(start, place_from):
            first += n_places - 1 - before
        reached, product = np.empty((n_states, n_states)), np.empty((n_states, n_states))
        for individual in range(n_individuals):
            reached[:] = 0.0
            for state in range(n_states):
                reached[state, state] = marginal[place_from, individual, state]
            for step in range(place_from, n_places - 1):
                multiply(reached, following[step, individual], product)
                reached[:] = product
                for origin in range(n_states):
                    for target in range(n_states):
                        cell = cell_of[individual, origin, target]
                        joint[first + step - place_from, cell, individual] = reached[origin, target]
