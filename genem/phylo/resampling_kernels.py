"""Log-likelihoods of trees on resampled sites."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel, summing_kernel


@summing_kernel
def add_up(weight: np.ndarray, values: np.ndarray) -> float:
    """Sum of products."""
    total = 0.0
    for place in range(len(values)):
        total += weight[place] * values[place]
    return total


@kernel
def resample(log_pattern: np.ndarray, weights: np.ndarray, totals: np.ndarray, first: int, last: int) -> None:
    """Log-likelihoods of trees on resampled sites (RELL: Kishino, Miyata & Hasegawa 1990, doi:10.1007/BF02109483).

    Parameters
    ----------
    log_pattern
        float64 (tree, pattern).
    weights
        float64 (replicate, pattern): those from ``first`` to ``last - 1`` are worked off.
    totals
        float64 (tree, replicate), filled.
    """
    for replicate in range(first, last):
        for tree in range(len(log_pattern)):
            totals[tree, replicate] = add_up(weights[replicate], log_pattern[tree])
