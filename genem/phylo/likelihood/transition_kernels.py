"""Transition probabilities of edges, from the eigenvectors of the rate matrices."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel


class Process(NamedTuple):
    """The substitution models of the partitions, P(t) = I + right diag(expm1(eigenvalue rate t)) left.

    frequency float64 (model, state); weight, rate float64 (model, category); invariant float64 (model,); eigenvalue
    float64 (model, state); left float64 (model, category, state, state), the same for every category, and right float64
    (model, state, state): Q = right diag(eigenvalue) left, and left[k, x] = right[x, k] frequency[x]; sets float64
    (code, state).
    """

    frequency: np.ndarray
    weight: np.ndarray
    rate: np.ndarray
    invariant: np.ndarray
    eigenvalue: np.ndarray
    left: np.ndarray
    right: np.ndarray
    sets: np.ndarray


class Transitions(NamedTuple):
    """P of every edge: matrix float64 (model, node, category, state, state).

    letter float64 (model, taxon, category, state, code): P times the sets of states of a letter, for tip edges; empty
    where there are few states.
    """

    matrix: np.ndarray
    letter: np.ndarray


@kernel
def fill_transition(process: Process, model: int, length: float, target: np.ndarray) -> None:
    """Write P of one edge, exact to rounding also where the edge is very short.

    ``target`` float64 (category, state, state).
    """
    n_states = target.shape[1]
    for c in range(target.shape[0]):
        for x in range(n_states):
            for y in range(n_states):
                target[c, x, y] = 1.0 if x == y else 0.0
        if length <= 0.0 or process.rate[model, c] <= 0.0:
            continue
        for k in range(n_states):
            grown = math.expm1(process.eigenvalue[model, k] * process.rate[model, c] * length)
            for x in range(n_states):
                scaled = process.right[model, x, k] * grown
                for y in range(n_states):
                    target[c, x, y] += scaled * process.left[model, c, k, y]
        for x in range(n_states):
            for y in range(n_states):
                target[c, x, y] = max(target[c, x, y], 0.0)


@kernel
def fill_letters(matrix: np.ndarray, sets: np.ndarray, target: np.ndarray) -> None:
    """Write P times the set of every letter.

    ``matrix`` (category, state, state); ``sets`` (code, state); ``target`` float64 (category, state, code).
    """
    for c in range(matrix.shape[0]):
        for x in range(matrix.shape[1]):
            for code in range(sets.shape[0]):
                total = 0.0
                for y in range(matrix.shape[2]):
                    total += matrix[c, x, y] * sets[code, y]
                target[c, x, code] = total


@kernel
def fill_edge(process: Process, node: int, length: float, transitions: Transitions) -> None:
    """Write P of the edge above a node under every model."""
    for model in range(process.frequency.shape[0]):
        fill_transition(process, model, length, transitions.matrix[model, node])
        if node < transitions.letter.shape[1]:
            fill_letters(transitions.matrix[model, node], process.sets, transitions.letter[model, node])


@kernel
def fill_all_edges(process: Process, lengths: np.ndarray, transitions: Transitions) -> None:
    """Write P of all edges; the last node, the top, has none.

    ``lengths`` (node,).
    """
    for node in range(len(lengths) - 1):
        fill_edge(process, node, lengths[node], transitions)
