"""E step of motif models: how well the motif fits every window, and what share of the letters it gets.

A window is scored by the product over its columns of r_k(c) = theta_k(c) / b(c), the likelihood ratio of motif to
background. The columns are taken in groups of a few neighbours: the product over a group is looked up in a table with
one entry per distinct word of codes in the data (``Windows.words``), and expected counts are collected in a table of
the same shape. Ambiguity codes are nothing special: they make more words. Every column is divided by its largest ratio,
so that products do not exceed 1; where all windows of a sequence underflow, they are added up in logarithms.

Placements: one per sequence (OOPS), none or one (ZOOPS), any number that do not overlap (ANR), or each window for
itself (the two-component mixture of Bailey & Elkan 1994, ISMB 2:28, with the rescaling of overlaps of their programs).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel, parallel_kernel, prange

OOPS, ZOOPS, ANR, MIXTURE = range(4)
"""One site per sequence; none or one; any number; every window for itself."""

LOG_EVIDENCE, N_SITES, N_CHANCES, ENTROPY, LOG_WEIGHT = range(5)
"""Columns of what is learnt per sequence: log of the likelihood ratio of the sequence (of one with a site for OOPS
and ZOOPS), expected sites, expected places where a site could have begun, entropy of the placement, expected log weight
of the sites."""
N_LEARNT = 5

UNDERFLOW = 1e-280
LARGEST = 1e100
"""Running products are rescaled when they leave 1 / LARGEST ... LARGEST."""


class Windows(NamedTuple):
    """Where a motif may lie: ``starts[i] ... starts[i] + n_windows[i] - 1`` in sequence ``i``.

    ``words[p]`` is the number of the word of codes that begins at ``p``, ``word_codes`` (word, letter) spells it.
    ``weights`` (position,) multiply the likelihood ratio of the window that begins there; empty: all are 1.
    """

    words: np.ndarray
    word_codes: np.ndarray
    complement: np.ndarray
    starts: np.ndarray
    n_windows: np.ndarray
    weights: np.ndarray
    width: int
    n_strands: int


@kernel
def fill_tables(ratios: np.ndarray, windows: Windows, tables: np.ndarray) -> None:
    """Products of ``ratios`` (column, code) over each group of columns: ``tables`` (strand, group, word)."""
    word_length = windows.word_codes.shape[1]
    for group in range(tables.shape[1]):
        first = group * word_length
        last = min(windows.width, first + word_length)
        for word in range(tables.shape[2]):
            forward = 1.0
            reverse = 1.0
            for column in range(first, last):
                code = windows.word_codes[word, column - first]
                forward *= ratios[column, code]
                if windows.n_strands == 2:
                    reverse *= ratios[windows.width - 1 - column, windows.complement[code]]
            tables[0, group, word] = forward
            if windows.n_strands == 2:
                tables[1, group, word] = reverse


@kernel
def collect_counts(tally: np.ndarray, windows: Windows, counts: np.ndarray) -> None:
    """Expected sites by word, ``tally`` (strand, group, word), as expected codes per column, ``counts``."""
    word_length = windows.word_codes.shape[1]
    counts[:] = 0.0
    for group in range(tally.shape[1]):
        first = group * word_length
        last = min(windows.width, first + word_length)
        for word in range(tally.shape[2]):
            for column in range(first, last):
                code = windows.word_codes[word, column - first]
                counts[column, code] += tally[0, group, word]
                if windows.n_strands == 2:
                    counts[windows.width - 1 - column, windows.complement[code]] += tally[1, group, word]


@kernel
def window_ratios(windows: Windows, tables: np.ndarray, sequence: int, ratios: np.ndarray) -> float:
    """Likelihood ratio of every window of a sequence, into ``ratios`` (strand, window); returns their sum."""
    start = windows.starts[sequence]
    n_windows = windows.n_windows[sequence]
    word_length = windows.word_codes.shape[1]
    for strand in range(windows.n_strands):
        row = ratios[strand, :n_windows]
        words = windows.words[start : start + n_windows]
        table = tables[strand, 0]
        for j in range(n_windows):
            row[j] = table[words[j]]
        for group in range(1, tables.shape[1]):
            words = windows.words[start + group * word_length : start + group * word_length + n_windows]
            table = tables[strand, group]
            for j in range(n_windows):
                row[j] *= table[words[j]]
        if windows.weights.size > 0:
            weights = windows.weights[start : start + n_windows]
            for j in range(n_windows):
                row[j] *= weights[j]
    total = 0.0
    for strand in range(windows.n_strands):
        for j in range(n_windows):
            total += ratios[strand, j]
    return total


@kernel
def rescaled_ratios(windows: Windows, tables: np.ndarray, sequence: int, ratios: np.ndarray) -> float:
    """As :func:`window_ratios`, by adding logarithms: relative to the largest, whose logarithm is returned."""
    start = windows.starts[sequence]
    n_windows = windows.n_windows[sequence]
    word_length = windows.word_codes.shape[1]
    largest = -np.inf
    for strand in range(windows.n_strands):
        for j in range(n_windows):
            log_ratio = 0.0
            for group in range(tables.shape[1]):
                value = tables[strand, group, windows.words[start + j + group * word_length]]
                log_ratio += math.log(value) if value > 0.0 else -np.inf
            if windows.weights.size > 0:
                weight = windows.weights[start + j]
                log_ratio += math.log(weight) if weight > 0.0 else -np.inf
            ratios[strand, j] = log_ratio
            largest = max(largest, log_ratio)
    for strand in range(windows.n_strands):
        for j in range(n_windows):
            ratios[strand, j] = math.exp(ratios[strand, j] - largest) if largest > -np.inf else 0.0
    return largest


@kernel
def place_one(ratios: np.ndarray, total: float, log_scale: float, rate: float, learnt: np.ndarray) -> float:
    """At most one site: ``ratios`` (strand, window) become posterior probabilities but for a factor, returned."""
    n_placements = ratios.size
    learnt[N_CHANCES] = 1.0
    if total <= 0.0:
        learnt[LOG_EVIDENCE] = -np.inf
        learnt[N_SITES] = 0.0
        return 0.0
    evidence = math.log(total) - math.log(n_placements) + log_scale
    learnt[LOG_EVIDENCE] = evidence
    if rate >= 1.0:
        learnt[N_SITES] = 1.0
    elif rate <= 0.0:
        learnt[N_SITES] = 0.0
    else:
        learnt[N_SITES] = 1.0 / (1.0 + math.exp(min(700.0, math.log1p(-rate) - math.log(rate) - evidence)))
    return learnt[N_SITES] / total


@kernel
def place_any(ratios: np.ndarray, log_scale: float, rate: float, width: int, learnt: np.ndarray) -> None:
    """Any number of sites that do not overlap: ``ratios`` become posterior probabilities.

    A sequence is read from the left. Wherever a site fits, one begins with probability ``rate``; else one background
    letter follows. With F(i) the sum over all such histories of the first i letters,
    F(i + 1) = (1 - rate) F(i) + rate x(i + 1 - w) F(i + 1 - w), where x is the mean ratio over the strands. Read back
    from the end, the probability that a site ends at i, given that one piece or another does, is the second term's
    share of F(i).
    """
    n_strands, n_windows = ratios.shape
    length = n_windows + width - 1
    prior = rate * math.exp(log_scale) / n_strands
    forward = np.zeros(length + 1)
    ends_here = np.zeros(length + 1)
    forward[0] = 1.0
    log_total = 0.0
    for i in range(1, length + 1):
        value = forward[i - 1] * (1.0 - rate if i <= n_windows else 1.0)
        begin = i - width
        if begin >= 0:
            ratio = ratios[0, begin]
            if n_strands == 2:
                ratio += ratios[1, begin]
            site = prior * ratio * forward[begin]
            value += site
            if site > 0.0:
                ends_here[i] = site / value
        forward[i] = value
        if value > LARGEST or 0.0 < value < 1.0 / LARGEST:
            log_total += math.log(value)
            for back in range(max(0, i - width), i + 1):
                forward[back] /= value
    learnt[LOG_EVIDENCE] = log_total + (math.log(forward[length]) if forward[length] > 0.0 else -np.inf)
    boundary = forward  # from here on: the probability that a piece ends after i letters
    boundary[:length] = 0.0
    boundary[length] = 1.0
    n_sites = 0.0
    n_chances = 0.0
    for i in range(length, 0, -1):
        begin = i - width
        site = boundary[i] * ends_here[i]
        boundary[i - 1] += boundary[i] - site
        if begin >= 0:
            total = ratios[0, begin]
            if n_strands == 2:
                total += ratios[1, begin]
            share = site / total if site > 0.0 else 0.0
            for strand in range(n_strands):
                ratios[strand, begin] *= share
            if site > 0.0:
                boundary[begin] += site
                n_sites += site
    for i in range(n_windows):
        n_chances += boundary[i]
    learnt[N_SITES] = n_sites
    learnt[N_CHANCES] = n_chances


@kernel
def place_each(
    ratios: np.ndarray, weights: np.ndarray, log_scale: float, rate: float, width: int, learnt: np.ndarray
) -> None:
    """Every window for itself, then overlaps rescaled: ``ratios`` (without weights) become z.

    z = rate x / (rate x + 1 - rate) on each strand, times the weight. Then, for every second frame, runs of ``width``
    windows whose z add up to more than 1 keep their largest z, and the others share what is left.
    """
    n_strands, n_windows = ratios.shape
    scale = math.exp(log_scale)
    log_evidence = 0.0
    for j in range(n_windows):
        for strand in range(n_strands):
            site = rate * scale * ratios[strand, j]
            log_evidence += math.log(site + 1.0 - rate)
            ratios[strand, j] = site / (site + 1.0 - rate)
            if weights.size > 0:
                ratios[strand, j] *= weights[j]
    learnt[LOG_EVIDENCE] = log_evidence
    for offset in range(0, width, 2):
        for first in range(offset, n_windows, width):
            last = min(first + width, n_windows)
            total = 0.0
            largest = 0.0
            strand_of = first_of = 0
            for j in range(first, last):
                for strand in range(n_strands):
                    total += ratios[strand, j]
                    if ratios[strand, j] > largest:
                        largest = ratios[strand, j]
                        strand_of = strand
                        first_of = j
            if total > 1.0:
                scale = (1.0 - largest) / (total - largest) if total > largest else 0.0
                for j in range(first, last):
                    for strand in range(n_strands):
                        if strand != strand_of or j != first_of:
                            ratios[strand, j] *= scale
    learnt[N_SITES] = ratios.sum()
    learnt[N_CHANCES] = n_windows


@kernel
def tally_sites(
    windows: Windows,
    sequence: int,
    shares: np.ndarray,
    factor: float,
    negligible: float,
    tally: np.ndarray,
    learnt: np.ndarray,
) -> None:
    """Add the windows of a sequence, each with probability ``factor`` times its share, to ``tally``."""
    start = windows.starts[sequence]
    word_length = windows.word_codes.shape[1]
    least = negligible / factor if factor > 0.0 else np.inf
    entropy = 0.0
    log_weight = 0.0
    for strand in range(shares.shape[0]):
        for j in range(shares.shape[1]):
            if shares[strand, j] > least:
                probability = factor * shares[strand, j]
                entropy -= probability * math.log(probability)
                if windows.weights.size > 0:
                    log_weight += probability * math.log(windows.weights[start + j])
                for group in range(tally.shape[1]):
                    tally[strand, group, windows.words[start + j + group * word_length]] += probability
    learnt[ENTROPY] = entropy
    learnt[LOG_WEIGHT] = log_weight


@kernel
def expect_sequences(
    windows: Windows,
    tables: np.ndarray,
    log_scale: float,
    placement: int,
    rate: float,
    negligible: float,
    first: int,
    last: int,
    tally: np.ndarray,
    learnt: np.ndarray,
    posterior: np.ndarray,
) -> None:
    """E step over sequences ``first`` to ``last - 1``.

    ``tally`` (strand, group, word) is added to, ``learnt`` (sequence, N_LEARNT) filled, and so is ``posterior``
    (strand, position) unless it is empty.
    """
    longest = 0
    for sequence in range(first, last):
        longest = max(longest, windows.n_windows[sequence])
    scratch = np.empty((windows.n_strands, longest))
    for sequence in range(first, last):
        n_windows = windows.n_windows[sequence]
        ratios = scratch[:, :n_windows]
        row = learnt[sequence]
        factor = 1.0
        if placement == MIXTURE:
            unweighted = Windows(
                windows.words,
                windows.word_codes,
                windows.complement,
                windows.starts,
                windows.n_windows,
                windows.weights[:0],
                windows.width,
                windows.n_strands,
            )
            window_ratios(unweighted, tables, sequence, ratios)
            start = windows.starts[sequence]
            place_each(ratios, windows.weights[start : start + n_windows], log_scale, rate, windows.width, row)
        elif placement == ANR:
            window_ratios(windows, tables, sequence, ratios)
            place_any(ratios, log_scale, rate, windows.width, row)
        else:
            total = window_ratios(windows, tables, sequence, ratios)
            scale = log_scale
            if total < UNDERFLOW:
                largest = rescaled_ratios(windows, tables, sequence, ratios)
                total = ratios.sum()
                scale += largest if total > 0.0 else 0.0
            factor = place_one(ratios, total, scale, rate, row)
        tally_sites(windows, sequence, ratios, factor, negligible, tally, row)
        if posterior.size > 0:
            start = windows.starts[sequence]
            for strand in range(windows.n_strands):
                for j in range(n_windows):
                    posterior[strand, start + j] = factor * ratios[strand, j]


@parallel_kernel
def expect_chunks(
    windows: Windows,
    tables: np.ndarray,
    log_scale: float,
    placement: int,
    rate: float,
    negligible: float,
    bounds: np.ndarray,
    tallies: np.ndarray,
    learnt: np.ndarray,
    posterior: np.ndarray,
) -> None:
    """E step in fixed parts: part ``i`` is sequences ``bounds[i]`` to ``bounds[i + 1] - 1``, counted apart."""
    for part in prange(bounds.size - 1):
        expect_sequences(
            windows,
            tables,
            log_scale,
            placement,
            rate,
            negligible,
            bounds[part],
            bounds[part + 1],
            tallies[part],
            learnt,
            posterior,
        )
