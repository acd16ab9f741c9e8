"""From many starts at once: a few EM steps, then sites, their number and their window chosen, and again."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.newton_kernels import is_at_rest
from genem.em.status import DEGENERATE, LEFT, MAX_ITER
from genem.jit import kernel, parallel_kernel, prange
from genem.motif.discovery.alignment_kernels import Limits, choose_number, choose_window
from genem.motif.model.kernels import (
    ANR,
    BLOCK,
    N_LEARNT,
    N_SITES,
    OOPS,
    ZOOPS,
    Windows,
    collect_counts,
    expect_sequences,
    fill_tables,
    window_ratios,
)
from genem.motif.model.layout_kernels import Layout, count_columns, windows_of
from genem.motif.model.step_kernels import code_ratios, letter_counts, log_evidence, normalise_columns

SMALLEST_PROBABILITY = 1e-5
"""Columns of a search are kept off zero, so that products of many stay in the range of doubles."""
NEGLIGIBLE = 1e-5
"""Windows below this posterior are left out of the expected letters of a search step (never of a final fit)."""
ANCHOR = 0.8
"""Weight of the number of sites of the last alignment against the expected one, as in MEME: a Beta prior."""
FINEST_NUMBER = 24
"""Numbers of sites up to here are all tried while climbing."""
LEAST_SITE_POSTERIOR = 0.02
"""ANR: windows below this posterior are not candidates for sites."""
MOST_COMMON, MOST_CROWDED = 0.999, 0.3
"""Bounds of the probability of a site per sequence (ZOOPS) and per place (ANR)."""


SAME_OBJECTIVE = 1e-6
"""Relative difference of log E-values below which alignments are the same, and a round brought nothing better."""


class Schedule(NamedTuple):
    """The plan of a climb."""

    model: int
    n_steps: int  # EM steps per round
    n_rounds: int  # of EM steps and of choosing sites and window
    palindrome: bool
    erased: bool
    prior: np.ndarray  # float64 (letter,): letters added to every column


class Starts(NamedTuple):
    """Motifs to climb from, and after it the best that was met on each way.

    Attributes
    ----------
    theta
        float64 (start, column, letter): columns beyond the width are not looked at.
    width
        int64 (start,)
    n_sites
        float64 (start,): sites expected beforehand; afterwards those of the best alignment.
    log_e
        float64 (start,): the objective of :mod:`~genem.motif.discovery.alignment_kernels`; inf where no site fits.
    status
        int64 (start,): codes of :class:`genem.em.Status`. ``max_iter``: all rounds were made; ``left``: one brought
        nothing better; ``degenerate``: no site fits.
    """

    theta: np.ndarray
    width: np.ndarray
    n_sites: np.ndarray
    log_e: np.ndarray
    status: np.ndarray


class Bench(NamedTuple):
    """Room to work in, for one width."""

    tables: np.ndarray  # float64 (strand, group of columns, word)
    tally: np.ndarray  # float64 (strand, group of columns, word)
    code_ratios: np.ndarray  # float64 (column, code)
    codes: np.ndarray  # float64 (column, code)
    counts: np.ndarray  # float64 (column, letter)
    learnt: np.ndarray  # float64 (sequence, N_LEARNT)
    ratios: np.ndarray  # float64 (strand, window)
    block_sums: np.ndarray  # float64 (strand, block)


@kernel
def make_bench(layout: Layout, windows: Windows) -> Bench:
    """Room to work in, for the width of ``windows``."""
    n_groups = (windows.width + layout.word_codes.shape[1] - 1) // layout.word_codes.shape[1]
    shape = (layout.n_strands, n_groups, layout.word_codes.shape[0])
    longest = 0
    for sequence in range(len(windows.n_windows)):
        longest = max(longest, windows.n_windows[sequence])
    n_codes = layout.membership.shape[0]
    return Bench(
        np.empty(shape),
        np.empty(shape),
        np.empty((windows.width, n_codes)),
        np.empty((windows.width, n_codes)),
        np.empty((windows.width, len(layout.background))),
        np.empty((len(windows.starts), N_LEARNT)),
        np.empty((layout.n_strands, longest)),
        np.empty((layout.n_strands, (longest + BLOCK - 1) // BLOCK)),
    )


@kernel
def prepare(layout: Layout, windows: Windows, theta: np.ndarray, bench: Bench) -> float:
    """Fill the tables of a motif, ``theta`` (column, letter); returns the log of the ratio that they leave out."""
    for column in range(windows.width):
        for letter in range(theta.shape[1]):
            theta[column, letter] = max(theta[column, letter], SMALLEST_PROBABILITY)
    log_scale = code_ratios(theta[: windows.width], layout.background, layout.membership, bench.code_ratios)
    fill_tables(bench.code_ratios, windows, bench.tables)
    return log_scale


@kernel
def count_places(windows: Windows, model: int) -> int:
    """The number of places for sites: sequences with room for one, or windows where several are allowed."""
    return windows.n_windows.sum() if model == ANR else len(windows.starts)


@kernel
def share_of(model: int, n_sites: float, n_places: int) -> float:
    """The prior probability of a site at a place, from the number of sites."""
    if model == OOPS:
        return 1.0
    return min(max(n_sites / max(n_places, 1), 1e-9), MOST_COMMON if model == ZOOPS else MOST_CROWDED)


@kernel
def search_steps(
    layout: Layout, windows: Windows, schedule: Schedule, theta: np.ndarray, anchor: float, bench: Bench
) -> tuple[float, float]:
    """A fixed number of EM steps on the columns ``theta`` (column, letter), in place.

    Returns the log-likelihood of the last E-step and the final share of sites.
    """
    n_places = count_places(windows, schedule.model)
    n_sequences = len(windows.starts)
    share = share_of(schedule.model, anchor, n_places)
    log_likelihood = 0.0
    for _ in range(schedule.n_steps):
        log_scale = prepare(layout, windows, theta, bench)
        bench.tally[:] = 0.0
        expect_sequences(
            windows,
            bench.tables,
            log_scale,
            schedule.model,
            share,
            NEGLIGIBLE,
            0,
            n_sequences,
            bench.tally,
            bench.learnt,
            np.empty((layout.n_strands, 0)),
        )
        log_likelihood = log_evidence(bench.learnt, schedule.model, share)
        collect_counts(bench.tally, windows, bench.codes)
        letter_counts(bench.codes, theta[: windows.width], layout.membership, bench.counts)
        for column in range(windows.width):
            for letter in range(theta.shape[1]):
                bench.counts[column, letter] += schedule.prior[letter]
        normalise_columns(bench.counts, layout.complement, schedule.palindrome, theta[: windows.width])
        expected = bench.learnt[:, N_SITES].sum()
        share = share_of(schedule.model, ANCHOR * anchor + (1.0 - ANCHOR) * expected, n_places)
    return log_likelihood, share


@kernel
def best_sites(windows: Windows, bench: Bench, sites: np.ndarray, score: np.ndarray) -> int:
    """The best window of every sequence; returns how many there are.

    ``sites`` is int64 (site, 4): start and end of the sequence, start and strand of the site; ``score`` (site,).
    """
    n_found = 0
    ratios = bench.ratios
    for sequence in range(len(windows.starts)):
        n_windows = windows.n_windows[sequence]
        window_ratios(windows, bench.tables, sequence, len(windows.weights) > 0, ratios, bench.block_sums)
        score[n_found] = 0.0
        for strand in range(windows.n_strands):
            for j in range(n_windows):
                if ratios[strand, j] > score[n_found]:
                    score[n_found] = ratios[strand, j]
                    sites[n_found, 2] = windows.starts[sequence] + j
                    sites[n_found, 3] = 1 - 2 * strand
        if score[n_found] > 0.0:
            sites[n_found, 0] = windows.starts[sequence]
            sites[n_found, 1] = windows.starts[sequence] + n_windows + windows.width - 1
            n_found += 1
    return n_found


@kernel
def separate_sites(windows: Windows, bench: Bench, least: float, sites: np.ndarray, score: np.ndarray) -> int:
    """Windows above a likelihood ratio, without those that overlap a better one; returns how many there are.

    ``sites`` is int64 (site, 4): start and end of the sequence, start and strand of the site; ``score`` (site,).
    """
    n_found = 0
    ratios = bench.ratios
    for sequence in range(len(windows.starts)):
        start = windows.starts[sequence]
        n_windows = windows.n_windows[sequence]
        window_ratios(windows, bench.tables, sequence, len(windows.weights) > 0, ratios, bench.block_sums)
        last = -windows.width
        for j in range(n_windows):
            strand = 1 if windows.n_strands == 2 and ratios[1, j] > ratios[0, j] else 0
            ratio = ratios[strand, j]
            if not ratio > least:
                continue
            if j - last < windows.width:
                if ratio <= score[n_found - 1]:
                    continue
                n_found -= 1
            sites[n_found, 0] = start
            sites[n_found, 1] = start + n_windows + windows.width - 1
            sites[n_found, 2] = start + j
            sites[n_found, 3] = 1 - 2 * strand
            score[n_found] = ratio
            n_found += 1
            last = j
    return n_found


@kernel
def sorted_sites(
    layout: Layout, windows: Windows, model: int, theta: np.ndarray, share: float, bench: Bench
) -> tuple[np.ndarray, np.ndarray]:
    """The candidate sites of a motif, best first, and the logarithms of their likelihood ratios.

    ``theta`` is (column, letter); sites are (site, 4), log ratios (site,).
    """
    log_scale = prepare(layout, windows, theta, bench)
    if model == ANR:
        capacity = len(layout.codes) // windows.width + len(windows.starts) + 1
        sites, score = np.empty((capacity, 4), np.int64), np.empty(capacity)
        least = LEAST_SITE_POSTERIOR * (1.0 - share) / share * windows.n_strands * math.exp(-log_scale)
        n_found = separate_sites(windows, bench, least, sites, score)
    else:
        capacity = len(windows.starts) + 1
        sites, score = np.empty((capacity, 4), np.int64), np.empty(capacity)
        n_found = best_sites(windows, bench, sites, score)
    order = np.argsort(-score[:n_found], kind="mergesort")
    return sites[order], np.log(score[order]) + log_scale


@kernel
def take_columns(
    layout: Layout,
    schedule: Schedule,
    sites: np.ndarray,
    n_sites: int,
    width: int,
    first: int,
    new_width: int,
    theta: np.ndarray,
) -> None:
    """The motif of the letters that sites have in the columns of another window.

    ``sites`` is (site, 4), ``theta`` (column, letter) is filled.
    """
    letters = np.empty((new_width, theta.shape[1]), np.int64)
    count_columns(layout, sites, n_sites, width, first, letters)
    counts = letters + schedule.prior
    normalise_columns(counts, layout.complement, schedule.palindrome, theta[:new_width])


@kernel
def climb(layout: Layout, schedule: Schedule, limits: Limits, starts: Starts, index: int) -> None:
    """Rounds of EM and of choosing sites and window from one start; the best alignment met replaces the start."""
    theta = starts.theta[index].copy()
    width = starts.width[index]
    anchor = starts.n_sites[index]
    starts.log_e[index] = np.inf
    starts.status[index] = MAX_ITER
    for _ in range(schedule.n_rounds):
        windows = windows_of(layout, width, schedule.erased)
        if len(windows.starts) == 0:
            starts.status[index] = DEGENERATE
            break
        # EM steps on the columns.
        bench = make_bench(layout, windows)
        _, share = search_steps(layout, windows, schedule, theta, anchor, bench)
        sites, _ = sorted_sites(layout, windows, schedule.model, theta, share, bench)
        if len(sites) == 0:
            starts.status[index] = DEGENERATE
            break
        # The number of sites and the window that make the alignment most surprising.
        n_sites, _ = choose_number(layout, limits, sites, len(sites), width, FINEST_NUMBER)
        first, new_width, log_e = choose_window(layout, limits, sites, n_sites, width)
        take_columns(layout, schedule, sites, n_sites, width, first, new_width, theta)
        width, anchor = new_width, float(n_sites)
        if is_at_rest(-starts.log_e[index], -log_e, SAME_OBJECTIVE * (1.0 + math.fabs(log_e))):
            starts.status[index] = LEFT
            break
        starts.log_e[index] = log_e
        starts.width[index] = width
        starts.n_sites[index] = anchor
        starts.theta[index] = theta


@parallel_kernel
def climb_all(layout: Layout, schedule: Schedule, limits: Limits, starts: Starts) -> None:
    """Climb from every start; each is worked on by one thread alone, so the number of threads changes nothing."""
    for index in prange(len(starts.width)):
        climb(layout, schedule, limits, starts, index)
