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
    start
        int64 (tree + 1,): where the edges of every tree start.
    split, length
        int64 and float64 (edge,): place of the split in ``inner``, ascending within a tree; length of the edge.
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
        edge, end = start[first[pair]], start[first[pair] + 1]
        other, other_end = start[second[pair]], start[second[pair] + 1]
        alone, total = 0, 0
        absolute, squared = 0.0, 0.0
        while edge < end or other < other_end:
            in_first = other == other_end or (edge < end and split[edge] <= split[other])
            in_second = edge == end or (other < other_end and split[other] <= split[edge])
            which = split[edge] if in_first else split[other]
            difference = 0.0
            if in_first:
                difference += length[edge]
                edge += 1
            if in_second:
                difference -= length[other]
                other += 1
            if inner[which]:
                alone += in_first != in_second
                total += int(in_first) + int(in_second)
            absolute += math.fabs(difference)
            squared += difference * difference
        counts[pair, 0], counts[pair, 1] = alone, total
        sums[pair, 0], sums[pair, 1] = absolute, math.sqrt(squared)
