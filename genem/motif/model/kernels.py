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

from genem.jit import kernel, parallel_kernel, prange, summing_kernel

OOPS, ZOOPS, ANR, MIXTURE = range(4)
"""One site per sequence; none or one; any number; every window for itself."""

LOG_EVIDENCE, N_SITES, N_CHANCES, LOG_WEIGHT = range(4)
"""Columns of what is learnt per sequence: log of the likelihood ratio of the sequence (of one with a site for OOPS
and ZOOPS), expected sites, expected places where a site could have begun, expected log weight of the sites."""
N_LEARNT = 4

BLOCK = 16
"""Neighbouring windows that are passed over together when the sites are counted."""
UNDERFLOW = 1e-280
LARGEST = 1e100
"""Running products are rescaled when they leave 1 / LARGEST ... LARGEST."""


class Windows(NamedTuple):
    """Windows in which a motif may lie: ``starts[i] ... starts[i] + n_windows[i] - 1`` in sequence ``i``.

    ``starts`` and ``n_windows`` are (sequence,). ``words`` (position,) numbers the word of codes that begins there,
    ``word_codes`` (word, letter) spells it, ``complement`` (code,) is that of each code. ``weights`` (position,)
    multiply the likelihood ratio of the window that begins there, ``log_weights`` (position,) are their logarithms,
    ``free`` (position,) the part of them that erasing made. Empty: all are 1.
    """

    words: np.ndarray
    word_codes: np.ndarray
    complement: np.ndarray
    starts: np.ndarray
    n_windows: np.ndarray
    weights: np.ndarray
    log_weights: np.ndarray
    free: np.ndarray
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
    """Expected sites by word, ``tally`` (strand, group, word), as expected codes, ``counts`` (column, code)."""
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


@summing_kernel
def window_ratios(
    windows: Windows, tables: np.ndarray, sequence: int, weighted: bool, ratios: np.ndarray, block_sums: np.ndarray
) -> float:
    """Likelihood ratio of every window of a sequence, into ``ratios`` (strand, window); returns their sum.

    ``tables`` is (strand, group, word); ``block_sums`` (strand, block) gets the sums of ``BLOCK`` windows each.
    """
    start = windows.starts[sequence]
    n_windows = windows.n_windows[sequence]
    word_length = windows.word_codes.shape[1]
    n_groups = tables.shape[1]
    total = 0.0
    for strand in range(windows.n_strands):
        row = ratios[strand]
        words = windows.words[start:]
        table = tables[strand, 0]
        if n_groups == 1:
            for j in range(n_windows):
                row[j] = table[words[j]]
        else:
            next_words = words[word_length:]
            next_table = tables[strand, 1]
            for j in range(n_windows):
                row[j] = table[words[j]] * next_table[next_words[j]]
        for group in range(2, n_groups - 1, 2):
            words = windows.words[start + group * word_length :]
            table = tables[strand, group]
            next_words = words[word_length:]
            next_table = tables[strand, group + 1]
            for j in range(n_windows):
                row[j] *= table[words[j]] * next_table[next_words[j]]
        if n_groups > 2 and n_groups % 2 == 1:
            words = windows.words[start + (n_groups - 1) * word_length :]
            table = tables[strand, n_groups - 1]
            for j in range(n_windows):
                row[j] *= table[words[j]]
        if weighted:
            weights = windows.weights[start:]
            for j in range(n_windows):
                row[j] *= weights[j]
        total += sum_blocks(row, n_windows, block_sums[strand])
    return total


@summing_kernel
def sum_blocks(row: np.ndarray, n: int, sums: np.ndarray) -> float:
    """Sums of ``BLOCK`` neighbours in ``row`` (window,), into ``sums`` (block,); returns the sum of the first ``n``."""
    total = 0.0
    for block in range((n + BLOCK - 1) // BLOCK):
        first = block * BLOCK
        value = 0.0
        for j in range(first, min(first + BLOCK, n)):
            value += row[j]
        sums[block] = value
        total += value
    return total


@kernel
def rescaled_ratios(
    windows: Windows, tables: np.ndarray, sequence: int, ratios: np.ndarray, block_sums: np.ndarray
) -> float:
    """Add logarithms to what :func:`window_ratios` multiplies: relative to the largest, whose logarithm is returned.

    ``tables`` is (strand, group, word); ``ratios`` (strand, window) and ``block_sums`` (strand, block) are filled.
    """
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
                log_ratio += windows.log_weights[start + j]
            ratios[strand, j] = log_ratio
            largest = max(largest, log_ratio)
    for strand in range(windows.n_strands):
        for j in range(n_windows):
            ratios[strand, j] = math.exp(ratios[strand, j] - largest) if largest > -np.inf else 0.0
        sum_blocks(ratios[strand], n_windows, block_sums[strand])
    return largest


@kernel
def place_one(n_placements: int, total: float, log_scale: float, rate: float, learnt: np.ndarray) -> float:
    """At most one site, ratios of its placements adding up to ``total``: returns what makes them probabilities.

    ``learnt`` (N_LEARNT,) is filled.
    """
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
    factor: float = learnt[N_SITES] / total
    return factor


@kernel
def place_any(
    ratios: np.ndarray,
    n_windows: int,
    log_scale: float,
    rate: float,
    width: int,
    scratch: np.ndarray,
    learnt: np.ndarray,
) -> None:
    """Any number of sites that do not overlap: ``ratios`` become posterior probabilities.

    A sequence is read from the left. Wherever a site fits, one begins with probability ``rate``; else one background
    letter follows. With F(i) the sum over all such histories of the first i letters,
    F(i + 1) = (1 - rate) F(i) + rate x(i + 1 - w) F(i + 1 - w), where x is the mean ratio over the strands. Read back
    from the end, the probability that a site ends at i, given that one piece or another does, is the second term's
    share of F(i).

    ``ratios`` is (strand, window), ``learnt`` (N_LEARNT,) is filled. ``scratch`` (2, letters + 1) holds F, later the
    probability that a piece ends after i letters, and the second term's share of F(i) for x = 1.
    """
    n_strands = ratios.shape[0]
    length = n_windows + width - 1
    prior = rate * math.exp(log_scale) / n_strands
    both = ratios[n_strands - 1]
    # Histories from the left, rescaled before they leave the range of doubles.
    forward = scratch[0]
    share = scratch[1]
    log_total = 0.0
    value = 1.0
    forward[0] = 1.0
    for i in range(1, length + 1):
        if i <= n_windows:
            value *= 1.0 - rate
        begin = i - width
        if begin >= 0:
            ratio = ratios[0, begin]
            if n_strands == 2:
                ratio += both[begin]
            reach = prior * forward[begin]
            value += reach * ratio
            share[i] = reach / value if value > 0.0 else 0.0
        forward[i] = value
        if value > LARGEST or 0.0 < value < 1.0 / LARGEST:
            log_total += math.log(value)
            for back in range(max(0, i - width), i + 1):
                forward[back] /= value
            value = 1.0
    learnt[LOG_EVIDENCE] = log_total + (math.log(value) if value > 0.0 else -np.inf)
    # Back from the end: the probability of a boundary after each letter, and of a site before it.
    boundary = forward
    boundary[:length] = 0.0
    boundary[length] = 1.0
    n_sites = 0.0
    n_chances = 0.0
    for i in range(length, 0, -1):
        begin = i - width
        left = boundary[i]
        if begin >= 0:
            given = left * share[i]
            site = 0.0
            for strand in range(n_strands):
                ratios[strand, begin] *= given
                site += ratios[strand, begin]
            left -= site
            boundary[begin] += site
            n_sites += site
        boundary[i - 1] += left
        if i <= n_windows:
            n_chances += boundary[i - 1]
    learnt[N_SITES] = n_sites
    learnt[N_CHANCES] = n_chances


@kernel
def place_each(
    ratios: np.ndarray,
    n_windows: int,
    free: np.ndarray,
    log_scale: float,
    rate: float,
    width: int,
    learnt: np.ndarray,
) -> None:
    """Every window for itself, then overlaps rescaled: ``ratios`` (strand, window) become z.

    z = rate x / S over (rate times the mean of x over the strands + 1 - rate), times how far the window is free,
    ``free`` (window,), by which ratios are multiplied already. Then runs of ``width`` windows, in every second frame,
    whose z add up to more than 1 keep the largest, and the others share what is left. ``learnt`` (N_LEARNT,) is filled.
    """
    n_strands = ratios.shape[0]
    prior = rate * math.exp(log_scale) / n_strands
    evidence = 0.0
    for j in range(n_windows):
        site = 0.0
        for strand in range(n_strands):
            site += prior * ratios[strand, j]
        if free.size > 0 and free[j] > 0.0:
            site /= free[j]
        evidence += math.log(site + 1.0 - rate)
        share = prior / (site + 1.0 - rate)
        for strand in range(n_strands):
            ratios[strand, j] *= share
    for frame in range(0, width, 2):
        for first in range(frame, n_windows, width):
            rescale_run(ratios[:, first : min(first + width, n_windows)])
    learnt[LOG_EVIDENCE] = evidence
    learnt[N_SITES] = ratios[:, :n_windows].sum()
    learnt[N_CHANCES] = n_windows


@kernel
def rescale_run(run: np.ndarray) -> None:
    """Leave the window with the largest z of a run (strand, window) as it is, scale the others so that all add up to
    at most 1."""
    total = 0.0
    largest = 0.0
    best = 0
    for j in range(run.shape[1]):
        value = 0.0
        for strand in range(run.shape[0]):
            value += run[strand, j]
        total += value
        if value > largest:
            largest = value
            best = j
    if total > 1.0 and total > largest:
        scale = max(0.0, 1.0 - largest) / (total - largest)
        for j in range(run.shape[1]):
            if j != best:
                for strand in range(run.shape[0]):
                    run[strand, j] *= scale


@kernel
def tally_sites(
    windows: Windows,
    sequence: int,
    shares: np.ndarray,
    block_sums: np.ndarray,
    factor: float,
    negligible: float,
    tally: np.ndarray,
    learnt: np.ndarray,
) -> None:
    """Add the windows of a sequence, each with ``factor`` times its share, to ``tally`` (strand, group, word).

    ``shares`` is (strand, window), ``block_sums`` (strand, block); ``learnt`` (N_LEARNT,) gets the weight.
    Windows whose probability is negligible are passed over, a block at a time where the whole block is.
    """
    start = windows.starts[sequence]
    n_windows = windows.n_windows[sequence]
    word_length = windows.word_codes.shape[1]
    least = negligible / factor if factor > 0.0 else np.inf
    log_weight = 0.0
    for strand in range(windows.n_strands):
        for block in range((n_windows + BLOCK - 1) // BLOCK):
            if not block_sums[strand, block] > least:
                continue
            first = block * BLOCK
            for j in range(first, min(first + BLOCK, n_windows)):
                if shares[strand, j] > least:
                    probability = factor * shares[strand, j]
                    if windows.weights.size > 0:
                        log_weight += probability * windows.log_weights[start + j]
                    for group in range(tally.shape[1]):
                        tally[strand, group, windows.words[start + j + group * word_length]] += probability
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

    ``tables`` and ``tally`` are (strand, group, word). ``tally`` is added to; ``learnt`` (sequence, N_LEARNT) is filled
    and so is ``posterior`` (strand, position) unless it is empty.
    """
    longest = 0
    for sequence in range(first, last):
        longest = max(longest, windows.n_windows[sequence])
    ratios = np.empty((windows.n_strands, longest))
    block_sums = np.empty((windows.n_strands, (longest + BLOCK - 1) // BLOCK))
    scratch = np.zeros((2, longest + windows.width if placement == ANR else 0))
    weighted = windows.weights.size > 0
    for sequence in range(first, last):
        n_windows = windows.n_windows[sequence]
        start = windows.starts[sequence]
        row = learnt[sequence]
        # Likelihood ratio of every window.
        total = window_ratios(windows, tables, sequence, weighted, ratios, block_sums)
        # Probability of a site in it.
        factor = 1.0
        if placement == ANR:
            place_any(ratios, n_windows, log_scale, rate, windows.width, scratch, row)
        elif placement == MIXTURE:
            place_each(ratios, n_windows, windows.free[start:], log_scale, rate, windows.width, row)
        else:
            scale = log_scale
            if total < UNDERFLOW:
                largest = rescaled_ratios(windows, tables, sequence, ratios, block_sums)
                total = block_sums[:, : (n_windows + BLOCK - 1) // BLOCK].sum()
                scale += largest if total > 0.0 else 0.0
            factor = place_one(windows.n_strands * n_windows, total, scale, rate, row)
        if placement >= ANR:
            for strand in range(windows.n_strands):
                sum_blocks(ratios[strand], n_windows, block_sums[strand])
        # Expected words of the sites.
        tally_sites(windows, sequence, ratios, block_sums, factor, negligible, tally, row)
        if posterior.size > 0:
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
    """E step in fixed parts: part ``i`` is sequences ``bounds[i]`` to ``bounds[i + 1] - 1``, counted apart.

    ``tables`` is (strand, group, word), ``bounds`` (part + 1,), ``tallies`` (part, strand, group, word); ``learnt`` and
    ``posterior`` are as in :func:`expect_sequences`: (sequence, N_LEARNT) and (strand, position).
    """
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
