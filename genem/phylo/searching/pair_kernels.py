"""The best distance between two nodes, from counts of their states.

Counts come in blocks, and each block has its own mixture of rates: the categories one by one for expected counts (there
the category is part of the complete data), all in one mixture for the letters of two sequences. What is maximised is

    F(t) = sum over blocks k and states a, b of N(k, a, b) log( sum over rates c of mix(k, c) P(c, a, b; t) / pi(b) ).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.newton_kernels import bracketed_step, has_settled
from genem.jit import kernel

MAX_STEPS = 60
STEP_TOLERANCE, STEP_OFFSET = 1e-12, 1e-3
"""Newton's method ends with a step of at most the tolerance times the length plus the offset."""
SMALLEST = 1e-300  # probabilities are kept above it, so that they have a logarithm


class PairProcess(NamedTuple):
    """Substitution processes as products of their eigenvectors.

    eigenvalue float64 (model, eigenvalue); product float64 (model, state, state, eigenvalue): right[a, k] left[k, b] /
    pi(b); identity float64 (model, state): 1 / pi; rate float64 (model, rate); owner int64 (block,): model of a block;
    mix float64 (block, rate).
    """

    eigenvalue: np.ndarray
    product: np.ndarray
    identity: np.ndarray
    rate: np.ndarray
    owner: np.ndarray
    mix: np.ndarray


@kernel
def fill_pair_growth(process: PairProcess, block: int, length: float, growth: np.ndarray) -> float:
    """Write the mixture of exp(eigenvalue rate t) - 1 and of its two derivatives, and return the sum of the mixture.

    ``growth`` float64 (3, eigenvalue).
    """
    model = process.owner[block]
    growth[:] = 0.0
    total = 0.0
    for c in range(process.rate.shape[1]):
        part = process.mix[block, c]
        if part > 0.0:
            total += part
            for k in range(process.eigenvalue.shape[1]):
                speed = process.eigenvalue[model, k] * process.rate[model, c]
                less = math.expm1(speed * length)
                growth[0, k] += part * less
                growth[1, k] += part * speed * (1.0 + less)
                growth[2, k] += part * speed * speed * (1.0 + less)
    return total


@kernel
def pair_objective(
    process: PairProcess, counts: np.ndarray, length: float, growth: np.ndarray
) -> tuple[float, float, float]:
    """The value of F and its two derivatives.

    ``counts`` (block, state, state); ``growth`` (3, eigenvalue) to work in.
    """
    value, first, second = 0.0, 0.0, 0.0
    for block in range(counts.shape[0]):
        model = process.owner[block]
        total = fill_pair_growth(process, block, length, growth)
        for a in range(counts.shape[1]):
            for b in range(counts.shape[2]):
                n = counts[block, a, b]
                if n <= 0.0:
                    continue
                p = total * process.identity[model, a] if a == b else 0.0
                slope, curve = 0.0, 0.0
                for k in range(growth.shape[1]):
                    p += process.product[model, a, b, k] * growth[0, k]
                    slope += process.product[model, a, b, k] * growth[1, k]
                    curve += process.product[model, a, b, k] * growth[2, k]
                p = max(p, SMALLEST)
                slope /= p
                value += n * math.log(p)
                first += n * slope
                second += n * (curve / p - slope * slope)
    return value, first, second


@kernel
def best_pair_length(
    process: PairProcess, counts: np.ndarray, start: float, lowest: float, highest: float
) -> tuple[float, float]:
    """The length where F is greatest, by Newton's method between bounds that close in, and F there.

    ``counts`` (block, state, state).
    """
    growth = np.empty((3, process.eigenvalue.shape[1]))
    low, high = lowest, highest
    current = min(max(start, low), high)
    for _ in range(MAX_STEPS):
        _, slope, curve = pair_objective(process, counts, current, growth)
        previous = current
        current, low, high = bracketed_step(previous, slope, curve, low, high, lowest, highest)
        if has_settled(previous, current, STEP_TOLERANCE, STEP_OFFSET):
            break
    return current, pair_objective(process, counts, current, growth)[0]


@kernel
def fit_pairs(
    process: PairProcess,
    counts: np.ndarray,
    start: float,
    lowest: float,
    highest: float,
    length: np.ndarray,
    weight: np.ndarray,
) -> None:
    """Best lengths and values of F for all pairs of nodes.

    Parameters
    ----------
    counts
        float64 (node, node, block, state, state)
    length, weight
        float64 (node, node), filled symmetrically.
    """
    for u in range(counts.shape[0]):
        for v in range(u):
            best, value = best_pair_length(process, counts[u, v], start, lowest, highest)
            length[u, v] = length[v, u] = best
            weight[u, v] = weight[v, u] = value


@kernel
def fit_distances(
    process: PairProcess,
    codes: np.ndarray,
    weight: np.ndarray,
    block: np.ndarray,
    start: float,
    lowest: float,
    highest: float,
    length: np.ndarray,
) -> None:
    """Best lengths between all pairs of sequences, from the sites where both show a state.

    Parameters
    ----------
    codes
        uint8 (taxon, pattern)
    weight, block
        float64 and int64 (pattern,): number of sites; the block of the process that they belong to.
    length
        float64 (taxon, taxon), filled symmetrically; NaN where there is no such site.
    """
    n_states = process.identity.shape[1]
    counts = np.empty((len(process.owner), n_states, n_states))
    for u in range(len(codes)):
        for v in range(u):
            counts[:] = 0.0
            total = 0.0
            for pattern in range(codes.shape[1]):
                a, b = codes[u, pattern], codes[v, pattern]
                if a < n_states and b < n_states:
                    counts[block[pattern], a, b] += weight[pattern]
                    total += weight[pattern]
            best = best_pair_length(process, counts, start, lowest, highest)[0] if total > 0.0 else np.nan
            length[u, v] = length[v, u] = best
