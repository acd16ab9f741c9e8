"""Log-likelihoods of trees on resampled sites."""

from __future__ import annotations

import numpy as np

from genem.jit import summing_kernel


@summing_kernel
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
            total = 0.0
            for place in range(log_pattern.shape[1]):
                total += weights[replicate, place] * log_pattern[tree, place]
            totals[tree, replicate] = total
