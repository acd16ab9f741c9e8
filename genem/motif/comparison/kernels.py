"""Alignments of motifs: distribution of the sum of column scores, and the least likely alignment of a pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel, parallel_kernel, prange

# p-values that differ less than this, relatively, are equal: they are sums of the same terms in another order.
TIE = 1e-11


@kernel
def tails_from(
    first: int,
    probabilities: NDArray[np.float64],
    shortest: int,
    starts: NDArray[np.int64],
    tails: NDArray[np.float64],
) -> None:
    """The tails of the stretches from one column on; arguments as of :func:`stretch_tails`.

    ``probabilities`` is (column, score), ``starts`` (column, column + 1); ``tails`` (number,) is written.
    """
    width, n_scores = probabilities.shape
    top = n_scores - 1
    current = np.zeros(width * top + 1)
    current[0] = 1.0
    for length in range(1, width - first + 1):
        following = np.zeros(width * top + 1)
        for score in range(n_scores):
            probability = probabilities[first + length - 1, score]
            if probability > 0.0:
                size = (length - 1) * top + 1
                following[score : score + size] += probability * current[:size]
        current = following
        if length >= shortest:
            tail = 0.0
            for cell in range(length * top, -1, -1):
                tail += current[cell]
                tails[starts[first, length] + cell] = min(tail, 1.0)


@parallel_kernel
def stretch_tails(
    probabilities: NDArray[np.float64], shortest: int, starts: NDArray[np.int64], tails: NDArray[np.float64]
) -> None:
    """Tails of the sum of scores for every stretch of columns of a motif.

    Parameters
    ----------
    probabilities
        (column, score): how probable each whole-number score of the column is.
    shortest
        Columns of the shortest stretch wanted.
    starts
        (column, column + 1): where in ``tails`` stretches from a column, by length, begin.
    tails
        (number,): P(sum >= 0), P(sum >= 1), ... of every stretch, one after the other; written.
    """
    for first in prange(probabilities.shape[0]):
        tails_from(first, probabilities, shortest, starts, tails)


@parallel_kernel
def align(
    scores: NDArray[np.int64],
    offsets: NDArray[np.int64],
    shortest: int,
    starts: NDArray[np.int64],
    tails: NDArray[np.float64],
    alignments: NDArray[np.int64],
    p_values: NDArray[np.float64],
) -> None:
    """The alignment of a query with every target whose sum of scores is least likely.

    Of equally likely ones the longest wins, then the one with the highest sum, then the first: as given before reverse
    complement, from left to right.

    Parameters
    ----------
    scores
        (orientation, query column, target column)
    offsets
        (target + 1,): the columns of each target.
    shortest
        Least overlap; that of the narrower motif where it has fewer columns.
    starts, tails
        (column, column + 1), (number,): as in :func:`stretch_tails`.
    alignments
        (target, 3): offset of the query in the target, overlap, orientation; written.
    p_values
        (target,): of that alignment by itself, written.
    """
    n_orientations, width, _ = scores.shape
    for target in prange(offsets.size - 1):
        base = offsets[target]
        target_width = offsets[target + 1] - base
        least = min(shortest, width, target_width)
        best, longest, highest = 2.0, 0, 0
        for orientation in range(n_orientations):
            for offset in range(least - width, target_width - least + 1):
                first = max(0, -offset)
                overlap = min(width, target_width - offset) - first
                total = 0
                for column in range(first, first + overlap):
                    total += scores[orientation, column, base + offset + column]
                p_value = tails[starts[first, overlap] + total]
                longer = overlap > longest or (overlap == longest and total > highest)
                if p_value < best * (1.0 - TIE) or (longer and p_value <= best * (1.0 + TIE)):
                    best, longest, highest = p_value, overlap, total
                    alignments[target, 0] = offset
                    alignments[target, 1] = overlap
                    alignments[target, 2] = orientation
        p_values[target] = best
