"""Scores of all windows from tables of packed letters, left as soon as a window cannot reach the threshold.

Letters are packed, several to a number, once for all motifs. A motif is cut into groups of as many columns; a table per
group holds the score of every packed number. The most telling groups are looked up first, and the best that the others
could add decides whether to go on: most windows cost one or two look-ups. Pizzi, Rastas & Ukkonen (2011), IEEE/ACM
Trans. Comput. Biol. Bioinform. 8:69, doi:10.1109/TCBB.2009.35.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel, parallel_kernel, prange

# Lower than any score; the sum with one does not overflow.
FAILED = -(1 << 40)


class Tables(NamedTuple):
    """Whole-number scores of a motif, per strand.

    Attributes
    ----------
    letter_scores
        int64 (strand, width, code): ambiguity codes included.
    group_scores
        int32 (strand, group, packed number), the most telling group first; the last number is that of letters not
        all known, which scores more than any threshold.
    group_starts
        int64 (strand, group): its first column.
    best_rest
        int64 (strand, group): the most that the following groups can add.
    n_filters
        int64 (strand,): how many groups are summed for every window, before the first look at the threshold.
    """

    letter_scores: NDArray[np.int64]
    group_scores: NDArray[np.int32]
    group_starts: NDArray[np.int64]
    best_rest: NDArray[np.int64]
    n_filters: NDArray[np.int64]


@kernel
def pack(codes: NDArray[np.uint8], n_letters: int, group_size: int, packed: NDArray[np.uint16]) -> None:
    """The ``group_size`` letters from every position on as one number, the first as its leading digit.

    ``codes`` and ``packed`` are (position,).
    Where one of them is not known, or lies beyond the end, the number is one more than the largest.
    """
    n_numbers = n_letters**group_size
    number = 0
    known = 0
    for i in range(codes.size - 1, -1, -1):
        if codes[i] < n_letters:
            number = number // n_letters + int(codes[i]) * (n_numbers // n_letters)
            known += 1
        else:
            number, known = 0, 0
        packed[i] = number if known >= group_size else n_numbers


@kernel
def window_score(
    codes: NDArray[np.uint8], packed: NDArray[np.uint16], start: int, strand: int, threshold: int, tables: Tables
) -> int:
    """The score of a window, or ``FAILED`` where it is below the threshold; ``codes`` and ``packed`` (position,)."""
    score = 0
    unknown = tables.group_scores.shape[2] - 1
    for group in range(tables.group_starts.shape[1]):
        number = packed[start + tables.group_starts[strand, group]]
        if number == unknown:
            score = 0
            for column in range(tables.letter_scores.shape[1]):
                score += tables.letter_scores[strand, column, codes[start + column]]
            break
        score += tables.group_scores[strand, group, number]
        if score + tables.best_rest[strand, group] < threshold:
            return FAILED
    return score if score >= threshold else FAILED


@kernel
def filter_scores(
    packed: NDArray[np.uint16], start: int, stop: int, strand: int, tables: Tables, scores: NDArray[np.int32]
) -> None:
    """The score of the first groups of the windows that start in ``start:stop``.

    ``packed`` is (position,); ``scores`` (window,) is filled.
    """
    size = stop - start
    for group in range(tables.n_filters[strand]):
        table = tables.group_scores[strand, group]
        first = start + tables.group_starts[strand, group]
        numbers = packed[first : first + size]
        if group == 0:
            for i in range(size):
                scores[i] = table[numbers[i]]
        else:
            for i in range(size):
                scores[i] += table[numbers[i]]


@parallel_kernel
def find_sites(
    codes: NDArray[np.uint8],
    packed: NDArray[np.uint16],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    chunks: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    tables: Tables,
    counts: NDArray[np.int64],
    found: NDArray[np.int64],
) -> None:
    """All windows that reach the threshold of their strand, piece by piece and strand by strand.

    Parameters
    ----------
    codes, packed
        (position,)
    starts, stops
        (piece,): windows start in ``starts[i]:stops[i]``.
    chunks
        (chunk + 1,): pieces ``chunks[c]:chunks[c + 1]`` are one task.
    thresholds
        (strand,)
    tables
        Scores.
    counts
        (chunk,): number of sites, written; where it exceeds the room in ``found`` the rest is not stored.
    found
        (chunk, site, 3): position, strand and score, written.
    """
    room = found.shape[1]
    longest = 0
    for piece in range(starts.size):
        longest = max(longest, stops[piece] - starts[piece])
    for chunk in prange(chunks.size - 1):
        n = 0
        scores = np.empty(longest, np.int32)
        for piece in range(chunks[chunk], chunks[chunk + 1]):
            for strand in range(thresholds.size):
                filter_scores(packed, starts[piece], stops[piece], strand, tables, scores)
                least = thresholds[strand] - tables.best_rest[strand, tables.n_filters[strand] - 1]
                for i in range(stops[piece] - starts[piece]):
                    if scores[i] >= least:
                        start = starts[piece] + i
                        score = window_score(codes, packed, start, strand, thresholds[strand], tables)
                        if score != FAILED:
                            if n < room:
                                found[chunk, n, 0] = start
                                found[chunk, n, 1] = strand
                                found[chunk, n, 2] = score
                            n += 1
        counts[chunk] = n


@parallel_kernel
def find_best(
    codes: NDArray[np.uint8],
    packed: NDArray[np.uint16],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    chunks: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    tables: Tables,
    found: NDArray[np.int64],
) -> None:
    """The best window of every piece among those that reach the threshold; of equals the first, forward before reverse.

    ``found`` is (piece, 3): position, strand and score; the position is -1 where there is none. The rest is as in
    :func:`find_sites`: ``codes`` and ``packed`` (position,), ``starts`` and ``stops`` (piece,), ``chunks``
    (chunk + 1,), ``thresholds`` (strand,). Strands are compared by score.
    """
    for chunk in prange(chunks.size - 1):
        for piece in range(chunks[chunk], chunks[chunk + 1]):
            best = FAILED
            found[piece, 0] = -1
            for start in range(starts[piece], stops[piece]):
                for strand in range(thresholds.size):
                    least = max(thresholds[strand], best + 1)
                    score = window_score(codes, packed, start, strand, least, tables)
                    if score != FAILED:
                        best = score
                        found[piece, 0] = start
                        found[piece, 1] = strand
                        found[piece, 2] = score
