"""The sequences as a search sees them: windows of any width, less what earlier motifs have taken."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel
from genem.motif.model.kernels import Windows


class Layout(NamedTuple):
    """Sequences without a width.

    Attributes
    ----------
    codes
        uint8 (position,): of the alphabet; from ``len(background)`` on a letter is not known.
    offsets
        int64 (sequence + 1,)
    room
        int32 (position,): letters from here to the end of the sequence, or to the next erased letter.
    excess
        float64 (position + 1,) running sum of the log-likelihood ratio of single letters to the Markov background, or
        empty where the background is of order 0.
    words, word_codes, complement
        (position,), (word, letter), (code,): as in :class:`~genem.motif.model.kernels.Windows`.
    n_strands
        1 or 2.
    membership
        bool (code, letter): letters that each code may stand for.
    background
        float64 (letter,)
    """

    codes: np.ndarray
    offsets: np.ndarray
    room: np.ndarray
    excess: np.ndarray
    words: np.ndarray
    word_codes: np.ndarray
    complement: np.ndarray
    n_strands: int
    membership: np.ndarray
    background: np.ndarray


@kernel
def measure_room(offsets: np.ndarray, erased: np.ndarray, room: np.ndarray) -> None:
    """Count the letters from each on, itself included, before the sequence ends or a letter is ``erased`` (position,).

    ``offsets`` is (sequence + 1,); ``room`` (position,) is filled.
    """
    for sequence in range(len(offsets) - 1):
        left = 0
        for i in range(offsets[sequence + 1] - 1, offsets[sequence] - 1, -1):
            left = 0 if erased[i] else left + 1
            room[i] = left


@kernel
def windows_of(layout: Layout, width: int, erased: bool) -> Windows:
    """The windows of one width. Those across an erased letter have weight 0; sequences with no other are left out."""
    n_sequences = len(layout.offsets) - 1
    starts = np.empty(n_sequences, np.int64)
    n_windows = np.empty(n_sequences, np.int64)
    n_usable = 0
    for sequence in range(n_sequences):
        start = layout.offsets[sequence]
        number = layout.offsets[sequence + 1] - start - width + 1
        usable = number > 0
        if usable and erased:
            usable = False
            for i in range(start, start + number):
                usable |= layout.room[i] >= width
        if usable:
            starts[n_usable] = start
            n_windows[n_usable] = number
            n_usable += 1
    n_weights = len(layout.codes) if erased or len(layout.excess) > 0 else 0
    weights, log_weights = np.ones(n_weights), np.zeros(n_weights)
    for i in range(n_weights):
        if layout.room[i] < width:
            weights[i], log_weights[i] = 0.0, -np.inf
        elif len(layout.excess) > 0:
            log_weights[i] = layout.excess[i + width] - layout.excess[i]
            weights[i] = math.exp(log_weights[i])
    return Windows(
        layout.words,
        layout.word_codes,
        layout.complement,
        starts[:n_usable],
        n_windows[:n_usable],
        weights,
        log_weights,
        np.empty(0),
        width,
        layout.n_strands,
    )


@kernel
def sum_in_single_precision(offsets: np.ndarray, values: np.ndarray, sums: np.ndarray) -> None:
    """Running sums of ``values`` (position,) in each sequence, rounded to 32 bits after every letter.

    ``offsets`` is (sequence + 1,). ``sums`` (position + 1,) goes on from sequence to sequence, so that differences
    within one are those of its own sums.
    """
    sums[0] = 0.0
    for sequence in range(len(offsets) - 1):
        before = sums[offsets[sequence]]
        running = np.float32(0.0)
        for i in range(offsets[sequence], offsets[sequence + 1]):
            running = np.float32(float(running) + values[i])
            sums[i + 1] = before + float(running)


@kernel
def letter_of_site(layout: Layout, start: int, stop: int, position: int, strand: int, width: int, column: int) -> int:
    """The letter in one column of a site of a sequence start ... stop - 1, columns beside the motif too; the number of
    letters where there is none, or it is not known or erased."""
    n_letters = len(layout.background)
    at = position + column if strand > 0 else position + width - 1 - column
    if at < start or at >= stop or layout.room[at] == 0 or layout.codes[at] >= n_letters:
        return n_letters
    return int(layout.codes[at] if strand > 0 else layout.complement[layout.codes[at]])


@kernel
def count_columns(layout: Layout, sites: np.ndarray, n_sites: int, width: int, first: int, counts: np.ndarray) -> None:
    """Letters of the first ``n_sites`` sites in the columns first, first + 1, ... (0 = the motif's first).

    ``sites`` (site, 4) holds start and stop of the sequence, position and strand; ``counts`` (column, letter) is
    filled.
    """
    counts[:] = 0
    for s in range(n_sites):
        for column in range(len(counts)):
            letter = letter_of_site(layout, sites[s, 0], sites[s, 1], sites[s, 2], sites[s, 3], width, first + column)
            if letter < counts.shape[1]:
                counts[column, letter] += 1
