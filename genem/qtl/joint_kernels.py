"""Genotypes at two linked loci given all calls: the chain, once it has seen the calls, is a Markov chain still."""

from __future__ import annotations

import numpy as np

from genem.chain.kernels import backward
from genem.jit import kernel, parallel_kernel, prange
from genem.qtl.marker_kernels import observe


@kernel
def multiply(left: np.ndarray, right: np.ndarray, product: np.ndarray) -> None:
    """The product of two small square matrices."""
    size = len(left)
    for row in range(size):
        for column in range(size):
            value = 0.0
            for k in range(size):
                value += left[row, k] * right[k, column]
            product[row, column] = value


@kernel
def step_given_calls(
    transitions: np.ndarray, emissions: np.ndarray, beta: np.ndarray, place: int, following: np.ndarray
) -> None:
    """P(state at the next place | state here, all calls); zero where the calls rule a state out."""
    n_states = len(transitions[place])
    for origin in range(n_states):
        total = 0.0
        for target in range(n_states):
            arrival = emissions[place + 1, target] * beta[place + 1, target]
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
    """P(state at the next kept place | state at this one, all calls), (kept place but the last, individual, from, to).

    ``kept`` (place,) are the places that count, ascending; those between are summed out.
    """
    n_individuals, n_states = following.shape[1], following.shape[2]
    n_places = len(marker)
    for individual in prange(n_individuals):
        emissions = np.empty((n_places, n_states))
        beta = np.empty((n_places, n_states))
        step, product = np.empty((n_states, n_states)), np.empty((n_states, n_states))
        observe(individual, codes, likelihoods, marker, error_prob, emissions)
        backward(transitions, emissions, beta)
        for k in range(len(kept) - 1):
            reached = following[k, individual]
            step_given_calls(transitions, emissions, beta, kept[k], reached)
            for place in range(kept[k] + 1, kept[k + 1]):
                step_given_calls(transitions, emissions, beta, place, step)
                multiply(reached, step, product)
                reached[:] = product


@parallel_kernel
def fill_linked_pairs(marginal: np.ndarray, following: np.ndarray, cell_of: np.ndarray, joint: np.ndarray) -> None:
    """P(states here and there | all calls) for all places ahead, ``joint`` (place, cell, individual), zeroed before.

    ``marginal`` (individual, state) belongs to this place, ``following`` (place, individual, from, to) leads on from
    it, ``cell_of`` (individual, from, to) says which cell a pair of states is.
    """
    n_individuals, n_states = marginal.shape
    for individual in prange(n_individuals):
        reached, product = np.zeros((n_states, n_states)), np.empty((n_states, n_states))
        for state in range(n_states):
            reached[state, state] = marginal[individual, state]
        for place in range(len(following)):
            multiply(reached, following[place, individual], product)
            reached[:] = product
            for origin in range(n_states):
                for target in range(n_states):
                    joint[place, cell_of[individual, origin, target], individual] = reached[origin, target]
