"""Likelihoods of trees by brute force: matrix exponentials, and a sum over the states of all inner nodes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from scipy.linalg import expm

from genem.data import Tree


def rate_matrix(exchangeability: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Q with off-diagonal elements r(x, y) pi(y), rows that sum to 0, and an expected rate of 1."""
    q = np.zeros_like(exchangeability, dtype=float)
    for x in range(len(frequency)):
        for y in range(len(frequency)):
            if x != y:
                q[x, y] = exchangeability[x, y] * frequency[y]
        q[x, x] = -q[x].sum()
    return q / -sum(frequency[x] * q[x, x] for x in range(len(frequency)))


def assignments(tree: Tree, tips: np.ndarray) -> Iterator[tuple[int, ...]]:
    """All states of all nodes that agree with what is allowed at the tips, bool (taxon, state)."""
    inner = [range(tips.shape[1])] * (len(tree) - len(tips))
    yield from itertools.product(*[np.flatnonzero(row).tolist() for row in tips], *inner)


def joint_probability(tree: Tree, states: tuple[int, ...], frequency: np.ndarray, transitions: list) -> float:
    """P(these states at all nodes) with the top in equilibrium."""
    probability = frequency[states[-1]]
    for node in range(len(tree) - 1):
        probability *= transitions[node][states[tree.parent[node]], states[node]]
    return float(probability)


def transition_matrices(tree: Tree, q: np.ndarray, rate: float) -> list[np.ndarray]:
    return [expm(q * rate * length) for length in tree.length]


def site_likelihood(
    tree: Tree,
    tips: np.ndarray,
    q: np.ndarray,
    frequency: np.ndarray,
    rates: np.ndarray,
    weights: np.ndarray,
    invariant: float = 0.0,
) -> float:
    """P(site): tips are bool (taxon, state)."""
    total = 0.0
    for rate, weight in zip(rates, weights, strict=True):
        transitions = transition_matrices(tree, q, rate)
        for states in assignments(tree, tips):
            total += weight * joint_probability(tree, states, frequency, transitions)
    return total + invariant * float(frequency @ tips.all(axis=0))


def pair_counts(
    tree: Tree, sites: list[np.ndarray], q: np.ndarray, frequency: np.ndarray, rates: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Expected sites, float (category, node, node, state, state)."""
    n_nodes, n_states = len(tree), len(frequency)
    counts = np.zeros((len(rates), n_nodes, n_nodes, n_states, n_states))
    for tips in sites:
        of_site = np.zeros_like(counts)
        for category, (rate, weight) in enumerate(zip(rates, weights, strict=True)):
            transitions = transition_matrices(tree, q, rate)
            for states in assignments(tree, tips):
                probability = weight * joint_probability(tree, states, frequency, transitions)
                for u, v in itertools.permutations(range(n_nodes), 2):
                    of_site[category, u, v, states[u], states[v]] += probability
        counts += of_site / of_site[:, 0, 1].sum()
    return counts


def node_posterior(
    tree: Tree,
    tips: np.ndarray,
    node: int,
    q: np.ndarray,
    frequency: np.ndarray,
    rates: np.ndarray,
    weights: np.ndarray,
    invariant: float = 0.0,
) -> np.ndarray:
    """P(state of a node | site), float (state,)."""
    posterior = invariant * frequency * tips.all(axis=0)
    for rate, weight in zip(rates, weights, strict=True):
        transitions = transition_matrices(tree, q, rate)
        for states in assignments(tree, tips):
            posterior[states[node]] += weight * joint_probability(tree, states, frequency, transitions)
    return posterior / posterior.sum()


def log_space_pruning(tree: Tree, tips: np.ndarray, q: np.ndarray, frequency: np.ndarray) -> float:
    """ln P(site) by pruning with logarithms: slow, and safe from underflow on any tree."""
    with np.errstate(divide="ignore"):
        partial = [
            np.log(tips[node].astype(float)) if node < len(tips) else np.zeros(len(q)) for node in range(len(tree))
        ]
        for node in range(len(tree) - 1):
            carried = np.log(expm(q * tree.length[node]))
            partial[tree.parent[node]] = partial[tree.parent[node]] + np.logaddexp.reduce(
                carried + partial[node], axis=1
            )
        return float(np.logaddexp.reduce(np.log(frequency) + partial[-1]))
