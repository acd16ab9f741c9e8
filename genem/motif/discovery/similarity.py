"""Whether two motifs are one and the same, moved or on the other strand; whether one repeats itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALIKE = 0.85
"""Cosine of the columns, less the uniform distribution, of two motifs that are one."""
LEAST_OVERLAP = 5
REPETITIVE = 0.8
LONGEST_PERIOD = 3


def similarity(first: Floats, second: Floats, *, both_strands: bool, least_overlap: int = LEAST_OVERLAP) -> float:
    """The largest cosine of two motifs' columns, less the uniform distribution, over all ways to lay them together.

    Parameters
    ----------
    first, second
        float64 (width, letter)
    both_strands
        The second may be turned over; letters must then be in an order that reads as complements backwards.
    least_overlap
        Columns that must be compared, but for motifs that are shorter.

    Examples
    --------
    >>> word = np.eye(4)[[0, 1, 2, 3, 3, 1, 0]]
    >>> similarity(word, word[1:], both_strands=False)
    1.0
    """
    turned = [second, second[::-1, ::-1]] if both_strands else [second]
    least = min(least_overlap, len(first), len(second))
    return max(
        _cosine(first, other, shift) for other in turned for shift in range(least - len(other), len(first) - least + 1)
    )


def resembles(first: Floats, second: Floats, both_strands: bool) -> bool:
    """Whether two motifs are the same where they overlap, by at least three quarters of the shorter one."""
    least = max(LEAST_OVERLAP, -(-3 * min(len(first), len(second)) // 4))
    return similarity(first, second, both_strands=both_strands, least_overlap=least) >= ALIKE


def is_repetitive(matrix: Floats, background: Floats) -> bool:
    """Whether a motif fits itself when moved by up to three columns: runs of one letter and short tandem repeats.

    Examples
    --------
    >>> bool(is_repetitive(np.eye(4)[[0, 1, 0, 1, 0, 1, 0, 1]], np.full(4, 0.25)))
    True
    """
    centred = matrix - background
    for period in range(1, min(LONGEST_PERIOD, len(matrix) // 2) + 1):
        before, after = centred[:-period], centred[period:]
        norm = np.sqrt((before**2).sum() * (after**2).sum())
        if norm > 0.0 and (before * after).sum() >= REPETITIVE * norm:
            return True
    return False


def _cosine(first: Floats, second: Floats, shift: int) -> float:
    start, stop = max(0, shift), min(len(first), shift + len(second))
    first_columns = first[start:stop] - 1.0 / first.shape[1]
    second_columns = second[start - shift : stop - shift] - 1.0 / first.shape[1]
    norm = float(np.sqrt((first_columns**2).sum() * (second_columns**2).sum()))
    return float((first_columns * second_columns).sum()) / norm if norm > 0.0 else 0.0
