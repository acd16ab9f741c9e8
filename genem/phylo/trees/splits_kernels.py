"""Trees compared split by split."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel


@kernel
def compare_pairs(
    start: np.ndarray,
    split: np.ndarray,
    length: np.ndarray,
    inner: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    counts: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Walk along the sorted splits of both trees of every pair.

    Parameters
    ----------
    start, split, length
        As in ``SplitTable``.
    inner
        bool (split,).
    first, second
        int64 (pair,): numbers of trees.
    counts
        int64 (pair, 2), filled: inner splits that only one of the two has, and inner splits of both added up.
    sums
        float64 (pair, 2), filled: differences of lengths, absolute and squared; a missing edge has length 0.
    """
    for pair in range(len(first)):
        here, here_end = start[first[pair]], start[first[pair] + 1]
        there, there_end = start[second[pair]], start[second[pair] + 1]
        alone, total = 0, 0
        absolute, squared = 0.0, 0.0
        while here < here_end or there < there_end:
            is_here = there == there_end or (here < here_end and split[here] <= split[there])
            is_there = here == here_end or (there < there_end and split[there] <= split[here])
            which = split[here] if is_here else split[there]
            difference = 0.0
            if is_here:
                difference += length[here]
                here += 1
            if is_there:
                difference -= length[there]
                there += 1
            if inner[which]:
                alone += is_here != is_there
                total += int(is_here) + int(is_there)
            absolute += math.fabs(difference)
            squared += difference * difference
        counts[pair, 0], counts[pair, 1] = alone, total
        sums[pair, 0], sums[pair, 1] = absolute, math.sqrt(squared)
