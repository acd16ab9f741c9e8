"""Joining the phases of overlapping windows: the likeliest chain of oriented haplotype pairs of each sample."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

# Log-probability that two windows give different alleles for the same copy at one shared locus, though both are right
# about the rest: windows are fitted apart, and rare haplotypes differ.
LOG_DISAGREEMENT = math.log(0.01)


@kernel
def log_agreement(left: np.ndarray, right: np.ndarray, swapped: bool) -> float:
    """Log-weight that two phased stretches, int16 (locus, 2) each, are the same, the right one perhaps swapped.

    ``left`` and ``right`` are (locus, 2).
    """
    total = 0.0
    for locus in range(left.shape[0]):
        for copy in range(2):
            other = 1 - copy if swapped else copy
            if left[locus, copy] != right[locus, other]:
                total += LOG_DISAGREEMENT
    return total


@kernel
def log_sum(first: float, second: float) -> float:
    """Logarithm of exp(first) + exp(second)."""
    high, low = max(first, second), min(first, second)
    return high + math.log1p(math.exp(low - high)) if low > -math.inf else high


@kernel
def join_windows(
    pairs: np.ndarray,
    log_posterior: np.ndarray,
    first_pair: np.ndarray,
    first_locus: np.ndarray,
    last_locus: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Viterbi over windows for one sample.

    Parameters
    ----------
    pairs
        int16 (pair, longest window, 2): alleles of the two haplotypes of each pair, all windows in a row.
    log_posterior
        float64 (pair,)
    first_pair
        int64 (window + 1,): pairs ``first_pair[w]`` to ``first_pair[w + 1]`` belong to window w.
    first_locus, last_locus
        int64 (window,): each window covers loci ``first_locus`` to ``last_locus``, the last excluded.

    Returns
    -------
    chosen, swapped
        int64 and bool (window,): the pair taken in each window, and whether its copies change places.
    link
        float64 (window,): probability that the copies of this window are joined to those of the window before the
        right way round, 0.5 where nothing tells; 1 for the first.
    """
    n_windows = first_locus.shape[0]
    n_pairs = log_posterior.shape[0]
    score = np.full((n_pairs, 2), -np.inf)
    back = np.zeros((n_pairs, 2), np.int64)
    for pair in range(first_pair[0], first_pair[1]):
        score[pair, 0] = log_posterior[pair]
    # Forward: the best orientation of every pair, and the support for either way to join two windows.
    straight, crossed = np.full(n_windows, -np.inf), np.full(n_windows, -np.inf)
    for window in range(1, n_windows):
        shared = last_locus[window - 1] - first_locus[window]
        offset = first_locus[window] - first_locus[window - 1]
        for pair in range(first_pair[window], first_pair[window + 1]):
            right = pairs[pair, :shared]
            for before in range(first_pair[window - 1], first_pair[window]):
                left = pairs[before, offset : offset + shared]
                same = log_agreement(left, right, False)
                cross = log_agreement(left, right, True)
                weight = log_posterior[before] + log_posterior[pair]
                straight[window] = log_sum(straight[window], weight + same)
                crossed[window] = log_sum(crossed[window], weight + cross)
                for turned in range(2):
                    for turned_before in range(2):
                        agreement = same if turned == turned_before else cross
                        reached = score[before, turned_before] + agreement + log_posterior[pair]
                        if reached > score[pair, turned]:
                            score[pair, turned] = reached
                            back[pair, turned] = 2 * before + turned_before
    # Backward along the best path.
    chosen = np.zeros(n_windows, np.int64)
    swapped = np.zeros(n_windows, np.bool_)
    link = np.ones(n_windows)
    state = 2 * first_pair[n_windows - 1]
    for pair in range(first_pair[n_windows - 1], first_pair[n_windows]):
        for turned in range(2):
            if score[pair, turned] > score[state // 2, state % 2]:
                state = 2 * pair + turned
    for window in range(n_windows - 1, -1, -1):
        chosen[window] = state // 2
        swapped[window] = state % 2 == 1
        state = back[state // 2, state % 2]
    for window in range(1, n_windows):
        share = 1.0 / (1.0 + math.exp(min(700.0, crossed[window] - straight[window])))
        # Pair orientations are arbitrary: whichever orientation the path took, its support is the larger side's.
        link[window] = share if swapped[window] == swapped[window - 1] else 1.0 - share
    return chosen, swapped, link
