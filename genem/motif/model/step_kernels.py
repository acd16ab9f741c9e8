"""M step of motif models, and whole short EM runs from many starts at once."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import Rule, advance, begin, ended, new_ascent, running
from genem.jit import kernel, parallel_kernel, prange
from genem.motif.model.kernels import (
    ANR,
    LOG_EVIDENCE,
    N_CHANCES,
    N_LEARNT,
    N_SITES,
    OOPS,
    Windows,
    collect_counts,
    expect_sequences,
    fill_tables,
)


@kernel
def code_ratios(matrix: np.ndarray, background: np.ndarray, membership: np.ndarray, ratios: np.ndarray) -> float:
    """Likelihood ratio of every code in every column, divided by the largest of the column; returns the log of all
    that was divided by.

    ``matrix`` is (column, letter), ``background`` (letter,), ``membership`` (code, letter); ``ratios`` (column, code)
    is filled. A code that may be any of a set of letters has the ratio of the sets' probabilities: the expectation of
    the ratio.
    """
    log_scale = 0.0
    for column in range(matrix.shape[0]):
        largest = 0.0
        for code in range(membership.shape[0]):
            inside = 0.0
            outside = 0.0
            for letter in range(membership.shape[1]):
                if membership[code, letter]:
                    inside += matrix[column, letter]
                    outside += background[letter]
            ratios[column, code] = inside / outside
            largest = max(largest, ratios[column, code])
        if largest > 0.0:
            for code in range(membership.shape[0]):
                ratios[column, code] /= largest
            log_scale += math.log(largest)
    return log_scale


@kernel
def letter_counts(codes: np.ndarray, shares: np.ndarray, membership: np.ndarray, counts: np.ndarray) -> None:
    """Expected ``codes`` (column, code) as expected letters, ``counts`` (column, letter).

    Each code's are divided among its letters, by ``membership`` (code, letter), in proportion to ``shares``
    (column, letter), the motif itself in EM.
    """
    n_letters = membership.shape[1]
    for column in range(codes.shape[0]):
        for letter in range(n_letters):
            counts[column, letter] = codes[column, letter]
        for code in range(n_letters, membership.shape[0]):
            if codes[column, code] > 0.0:
                total = 0.0
                for letter in range(n_letters):
                    if membership[code, letter]:
                        total += shares[column, letter]
                if total > 0.0:
                    for letter in range(n_letters):
                        if membership[code, letter]:
                            counts[column, letter] += codes[column, code] * shares[column, letter] / total


@kernel
def normalise_columns(counts: np.ndarray, complement: np.ndarray, palindrome: bool, matrix: np.ndarray) -> None:
    """Counts with pseudocounts as probabilities; a palindrome pools each column with its mirror image.

    ``counts`` and ``matrix`` are (column, letter), ``complement`` (code,).
    """
    width, n_letters = counts.shape
    for column in range(width):
        total = 0.0
        for letter in range(n_letters):
            value = counts[column, letter]
            if palindrome:
                value += counts[width - 1 - column, complement[letter]]
            matrix[column, letter] = value
            total += value
        for letter in range(n_letters):
            matrix[column, letter] = matrix[column, letter] / total if total > 0.0 else 1.0 / n_letters


@kernel
def next_rate(n_sites: float, n_chances: float, prior_mean: float, prior_chances: float) -> float:
    """Probability of a site per chance, with a Beta prior worth ``prior_chances`` chances."""
    total = n_chances + prior_chances
    return min(1.0, (n_sites + prior_mean * prior_chances) / total) if total > 0.0 else prior_mean


@kernel
def log_evidence(learnt: np.ndarray, placement: int, rate: float) -> float:
    """Log-likelihood ratio of the data, from ``learnt`` (sequence, N_LEARNT)."""
    total = 0.0
    for sequence in range(learnt.shape[0]):
        evidence = learnt[sequence, LOG_EVIDENCE]
        if placement == OOPS or placement >= ANR or rate >= 1.0:
            total += evidence
        elif rate <= 0.0:
            total += 0.0
        elif evidence > 0.0:
            total += evidence + math.log(rate + (1.0 - rate) * math.exp(-evidence))
        else:
            total += math.log(1.0 - rate + rate * math.exp(evidence))
    return total


@kernel
def log_prior(
    matrix: np.ndarray, rate: float, pseudocounts: np.ndarray, prior_mean: float, prior_chances: float
) -> float:
    """Log density of the Dirichlet prior of the columns and the Beta prior of the rate, but for constants.

    ``matrix`` is (column, letter), ``pseudocounts`` (letter,).
    """
    total = 0.0
    for column in range(matrix.shape[0]):
        for letter in range(matrix.shape[1]):
            if pseudocounts[letter] > 0.0:
                value = matrix[column, letter]
                total += pseudocounts[letter] * (math.log(value) if value > 0.0 else -np.inf)
    return total + log_rate_prior(rate, prior_mean, prior_chances)


@kernel
def log_rate_prior(rate: float, prior_mean: float, prior_chances: float) -> float:
    """Log density of the Beta prior of the rate, but for a constant."""
    total = 0.0
    if prior_mean * prior_chances > 0.0:
        total += prior_mean * prior_chances * (math.log(rate) if rate > 0.0 else -np.inf)
    if (1.0 - prior_mean) * prior_chances > 0.0:
        total += (1.0 - prior_mean) * prior_chances * (math.log(1.0 - rate) if rate < 1.0 else -np.inf)
    return total


class StepModel(NamedTuple):
    """One EM step of a motif: sites per sequence, priors, and the windows that it may leave out."""

    membership: np.ndarray  # bool (code, letter): the letters that a code may be
    background: np.ndarray  # float64 (letter,)
    pseudocounts: np.ndarray  # float64 (letter,): added to every column
    palindrome: bool
    placement: int
    prior_chances: float  # weight of the prior of the site rate, in chances
    negligible: float  # windows below this posterior are not counted


class StepRoom(NamedTuple):
    """Room for the EM steps of one motif."""

    ratios: np.ndarray  # float64 (column, code)
    codes: np.ndarray  # float64 (column, code): expected codes
    counts: np.ndarray  # float64 (column, letter): expected letters
    tables: np.ndarray  # float64 (strand, group of columns, word)
    tally: np.ndarray  # float64 (strand, group of columns, word)
    learnt: np.ndarray  # float64 (sequence, N_LEARNT)
    posterior: np.ndarray  # float64 (strand, 0): posteriors are not kept


@kernel
def new_room(windows: Windows, model: StepModel) -> StepRoom:
    """Room for the EM steps of one motif."""
    n_codes, n_letters = model.membership.shape
    word_length = windows.word_codes.shape[1]
    n_groups = (windows.width + word_length - 1) // word_length
    shape = (windows.n_strands, n_groups, windows.word_codes.shape[0])
    return StepRoom(
        np.empty((windows.width, n_codes)),
        np.empty((windows.width, n_codes)),
        np.empty((windows.width, n_letters)),
        np.empty(shape),
        np.empty(shape),
        np.empty((windows.starts.size, N_LEARNT)),
        np.empty((windows.n_strands, 0)),
    )


@kernel
def em_map(
    windows: Windows, model: StepModel, room: StepRoom, prior_mean: float, point: np.ndarray, image: np.ndarray
) -> float:
    """One EM step from ``point`` (parameter,) to ``image`` (parameter,): the columns of the motif, then the site rate.

    Returns the log-likelihood ratio plus the log prior of ``point``.
    """
    n_letters = model.membership.shape[1]
    matrix, updated = point[:-1].reshape(-1, n_letters), image[:-1].reshape(-1, n_letters)
    rate = point[-1]
    # E-step.
    log_scale = code_ratios(matrix, model.background, model.membership, room.ratios)
    fill_tables(room.ratios, windows, room.tables)
    room.tally[:] = 0.0
    n_sequences = windows.starts.size
    expect_sequences(
        windows,
        room.tables,
        log_scale,
        model.placement,
        rate,
        model.negligible,
        0,
        n_sequences,
        room.tally,
        room.learnt,
        room.posterior,
    )
    # M-step of the columns.
    collect_counts(room.tally, windows, room.codes)
    letter_counts(room.codes, matrix, model.membership, room.counts)
    for column in range(windows.width):
        for letter in range(n_letters):
            room.counts[column, letter] += model.pseudocounts[letter]
    normalise_columns(room.counts, windows.complement, model.palindrome, updated)
    # M-step of the site rate.
    image[-1] = rate
    if model.placement != OOPS:
        n_sites = 0.0
        n_chances = 0.0
        for sequence in range(n_sequences):
            n_sites += room.learnt[sequence, N_SITES]
            n_chances += room.learnt[sequence, N_CHANCES]
        image[-1] = next_rate(n_sites, n_chances, prior_mean, model.prior_chances)
    evidence = log_evidence(room.learnt, model.placement, rate)
    return evidence + log_prior(matrix, rate, model.pseudocounts, prior_mean, model.prior_chances)


@kernel
def climb_one(
    windows: Windows, model: StepModel, rule: Rule, matrix: np.ndarray, prior_mean: float
) -> tuple[float, float, float, int, int]:
    """EM from a ``matrix`` (column, letter), in place, and the site rate ``prior_mean``.

    Returns the objective, the log prior in it, the site rate, the number of EM maps and the status.
    """
    n_letters = matrix.shape[1]
    room = new_room(windows, model)
    ascent = new_ascent(matrix.size + 1)
    columns = ascent.point[:-1].reshape(-1, n_letters)
    columns[:] = matrix
    ascent.point[-1] = prior_mean
    begin(ascent, rule)
    while running(ascent):
        value = em_map(windows, model, room, prior_mean, ascent.point, ascent.image)
        advance(ascent, rule, value, math.inf, True)
    objective, n_maps, status = ended(ascent)
    matrix[:] = columns
    rate = ascent.point[-1]
    penalty = log_prior(matrix, rate, model.pseudocounts, prior_mean, model.prior_chances)
    return objective, penalty, rate, n_maps, status


@parallel_kernel
def climb_many(
    windows: Windows,
    model: StepModel,
    rule: Rule,
    matrices: np.ndarray,
    rates: np.ndarray,
    objectives: np.ndarray,
    penalties: np.ndarray,
    n_maps: np.ndarray,
    status: np.ndarray,
) -> None:
    """EM from every matrix and rate, in place, until ``rule`` ends it; the prior mean of each rate is its start.

    ``matrices`` is (start, column, letter); ``rates``, ``objectives``, ``penalties``, ``n_maps`` and ``status`` are
    (start,). A penalty is the log prior in the objective.
    """
    for start in prange(matrices.shape[0]):
        objectives[start], penalties[start], rates[start], n_maps[start], status[start] = climb_one(
            windows, model, rule, matrices[start], rates[start]
        )
