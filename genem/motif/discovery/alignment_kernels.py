"""Surprise of an alignment of sites: the objective by which widths, places and numbers of sites are compared.

For every number of sites N and width w it is the logarithm of an E-value: the p-values of the columns' log-likelihood
ratios, their product's p-value, times the number of alignments that could have been chosen (Bailey & Gribskov 1998,
doi:10.1093/bioinformatics/14.1.48). Column p-values are approximations here, fast enough for thousands of alignments;
the E-value that is reported is computed elsewhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel
from genem.motif.model.layout_kernels import Layout, count_columns, letter_of_site
from genem.numerics.tails_kernels import log_choose, log_odd_chi_square_tail, log_product_tail


class Limits(NamedTuple):
    """Bounds of an alignment.

    Attributes
    ----------
    min_width, max_width
        Columns.
    min_sites, max_sites
        Rows.
    repeats
        Whether a sequence may hold several sites (ANR).
    palindrome
        Whether windows move on both sides alike.
    lengths
        int64 (length,): the distinct lengths of the records, longest first.
    multiplicity
        int64 (length,): how many records have each length.
    tails
        float64 (number of letters, bin): log p-values of columns of up to ``len(tails) - 1`` letters; bin i is the
        ratio of i / (bins - 1) times the largest.
    largest_ratio
        Of one letter: that of the rarest.
    """

    min_width: int
    max_width: int
    min_sites: int
    max_sites: int
    repeats: bool
    palindrome: bool
    lengths: np.ndarray
    multiplicity: np.ndarray
    tails: np.ndarray
    largest_ratio: float


@kernel
def column_log_p(ratio: float, n: int, n_letters: int, limits: Limits) -> float:
    """Log p-value of a column: the probability that n background letters have a log-likelihood ratio this high.

    Wilks' chi-square with A - 1 degrees of freedom. Where there is a table for few letters it is interpolated, and for
    more letters the chi-square is corrected by its deviation from the last of the table at the same ratio per letter,
    which hardly depends on their number.
    """
    if not ratio > 0.0 or n == 0:
        return 0.0
    tabled = min(n, len(limits.tails) - 1)
    if tabled == 0:
        return min(0.0, log_odd_chi_square_tail(ratio, n_letters - 1))
    scaled = ratio * tabled / n
    n_bins = limits.tails.shape[1] - 1
    place = min(scaled / (tabled * limits.largest_ratio), 1.0) * n_bins
    low = min(int(place), n_bins - 1)
    log_p: float = limits.tails[tabled, low] + (place - low) * (
        limits.tails[tabled, low + 1] - limits.tails[tabled, low]
    )
    if n > tabled:
        log_p += log_odd_chi_square_tail(ratio, n_letters - 1) - log_odd_chi_square_tail(scaled, n_letters - 1)
    return min(0.0, log_p)


@kernel
def log_alignments(n_sites: int, width: int, n_strands: int, limits: Limits) -> float:
    """Log of the number of ways to place ``n_sites``, in the longest records where one each is allowed.

    All widths have the places of the narrowest: over many sites the fewer places of wider windows would outweigh
    any number of columns of background.
    """
    places, records, left, log_ways = 0, 0, n_sites, 0.0
    for i in range(len(limits.lengths)):
        if limits.lengths[i] < width:
            break
        room = limits.lengths[i] - limits.min_width + 1
        taken = min(left, limits.multiplicity[i])
        log_ways += taken * math.log(float(n_strands * room))
        left -= taken
        records += limits.multiplicity[i]
        places += room * limits.multiplicity[i]
    if limits.repeats:
        chosen = min(n_sites, places)
        return log_choose(places, chosen) + chosen * math.log(float(n_strands))
    return log_ways + log_choose(records, min(n_sites, records))


@kernel
def column_ratio(counts: np.ndarray, background: np.ndarray) -> tuple[float, int]:
    """Log-likelihood ratio, nats, of ``counts`` (letter,) of a column to ``background`` (letter,), and their number."""
    total = 0
    for letter in range(len(background)):
        total += counts[letter]
    ratio = 0.0
    for letter in range(len(background)):
        if counts[letter] > 0:
            ratio += counts[letter] * math.log(counts[letter] / (total * background[letter]))
    return ratio, total


@kernel
def alignment_log_e(layout: Layout, limits: Limits, counts: np.ndarray, width: int, n_sites: int) -> float:
    """The objective of one alignment, from its letter ``counts`` (column, letter)."""
    log_product = 0.0
    for column in range(width):
        ratio, total = column_ratio(counts[column], layout.background)
        log_product += column_log_p(ratio, total, len(layout.background), limits)
    return log_product_tail(log_product, width) + log_alignments(n_sites, width, layout.n_strands, limits)


@kernel
def choose_number(
    layout: Layout, limits: Limits, sites: np.ndarray, n_found: int, width: int, finest: int
) -> tuple[int, float]:
    """Return the number of ``sites`` (site, 4), best first, that make the most surprising alignment, and its objective.

    All numbers up to ``finest`` are tried, beyond it in steps of a twentieth.
    """
    counts = np.zeros((width, len(layout.background)), np.int64)
    last = min(n_found, limits.max_sites)
    best_number, best = 0, np.inf
    following = max(1, min(limits.min_sites, last))
    for s in range(last):
        for column in range(width):
            letter = letter_of_site(layout, sites[s, 0], sites[s, 1], sites[s, 2], sites[s, 3], width, column)
            if letter < counts.shape[1]:
                counts[column, letter] += 1
        if s + 1 == following or s + 1 == last:
            following = s + 2 if s < finest else s + 1 + (s + 1) // 20
            objective = alignment_log_e(layout, limits, counts, width, s + 1)
            if objective < best:
                best_number, best = s + 1, objective
    return best_number, best


@kernel
def column_ratios(
    layout: Layout,
    sites: np.ndarray,
    n_sites: int,
    width: int,
    reach: int,
    ratios: np.ndarray,
    totals: np.ndarray,
) -> None:
    """Log-likelihood ratio and number of letters of the motif's columns and of ``reach`` more on either side.

    ``sites`` is (site, 4); ``ratios`` and ``totals`` (column,) are filled.
    """
    counts = np.empty((width + 2 * reach, len(layout.background)), np.int64)
    count_columns(layout, sites, n_sites, width, -reach, counts)
    for column in range(len(counts)):
        ratios[column], totals[column] = column_ratio(counts[column], layout.background)


@kernel
def count_room(
    layout: Layout, sites: np.ndarray, n_sites: int, width: int, reach: int, left: np.ndarray, right: np.ndarray
) -> None:
    """Count the ``sites`` (site, 4) that have letters from each column on to the motif, and from the motif on to each.

    ``left`` and ``right`` (column,) are filled.
    """
    left[:] = n_sites
    right[:] = n_sites
    for s in range(n_sites):
        position = sites[s, 2]
        before, after = 0, 0
        while before < reach and position - before > sites[s, 0] and layout.room[position - before - 1] > 0:
            before += 1
        while after < reach and position + width + after < sites[s, 1] and layout.room[position + width + after] > 0:
            after += 1
        if sites[s, 3] < 0:
            before, after = after, before
        for column in range(reach - before):
            left[column] -= 1
        for column in range(reach + width + after, len(right)):
            right[column] -= 1


@kernel
def choose_window(
    layout: Layout, limits: Limits, sites: np.ndarray, n_sites: int, width: int
) -> tuple[int, int, float]:
    """First column (may be negative), width and objective of the most surprising window over ``sites`` (site, 4)."""
    reach = max(0, limits.max_width - limits.min_width)
    n_columns = width + 2 * reach
    log_p, totals = np.empty(n_columns), np.empty(n_columns, np.int64)
    column_ratios(layout, sites, n_sites, width, reach, log_p, totals)
    for column in range(n_columns):
        log_p[column] = column_log_p(log_p[column], totals[column], len(layout.background), limits)
    left, right = np.empty(n_columns, np.int64), np.empty(n_columns, np.int64)
    count_room(layout, sites, n_sites, width, reach, left, right)
    best_first, best_width, best = 0, width, np.inf
    for new_width in range(limits.min_width, min(limits.max_width, n_columns) + 1):
        log_product = 0.0
        for column in range(new_width):
            log_product += log_p[column]
        for first in range(n_columns - new_width + 1):
            if first > 0:
                log_product += log_p[first + new_width - 1] - log_p[first - 1]
            if limits.palindrome and 2 * first + new_width != n_columns:
                continue
            left_over = max(0, left[first] + right[first + new_width - 1] - n_sites)
            if left_over < min(limits.min_sites, n_sites):
                continue
            share = left_over / n_sites
            objective = log_product_tail(min(0.0, share * log_product), new_width)
            objective += log_alignments(left_over, new_width, layout.n_strands, limits)
            if objective < best:
                best_first, best_width, best = first - reach, new_width, objective
    return best_first, best_width, best
