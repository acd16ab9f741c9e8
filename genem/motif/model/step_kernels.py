"""M step of motif models, and whole short EM runs from many starts at once."""

from __future__ import annotations

import math

import numpy as np

from genem.em.ascent_kernels import relative_change
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

    A code that may be any of a set of letters has the ratio of the sets' probabilities: the expectation of the ratio.
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
    """Expected codes as expected letters: each code's are divided among its letters in proportion to ``shares``
    (column, letter), the motif itself in EM."""
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
    """Counts with pseudocounts as probabilities; a palindrome pools each column with its mirror image."""
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
    """Log-likelihood ratio of the data, from what was learnt per sequence."""
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
    """Log density of the Dirichlet prior of the columns and the Beta prior of the rate, but for constants."""
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


@parallel_kernel
def climb_many(
    windows: Windows,
    membership: np.ndarray,
    background: np.ndarray,
    pseudocounts: np.ndarray,
    palindrome: bool,
    placement: int,
    prior_chances: float,
    max_iter: int,
    tolerance: float,
    negligible: float,
    matrices: np.ndarray,
    rates: np.ndarray,
    results: np.ndarray,
) -> None:
    """EM from every matrix and rate, in place, until the objective rises by less than ``tolerance``.

    The prior mean of each rate is its start. ``results`` (start, 3) gets the log-likelihood ratio and the penalty of
    the final parameters and the number of EM steps made.
    """
    n_sequences = windows.starts.size
    n_letters = membership.shape[1]
    word_length = windows.word_codes.shape[1]
    n_groups = (windows.width + word_length - 1) // word_length
    for start in prange(matrices.shape[0]):
        matrix = matrices[start]
        rate = rates[start]
        prior_mean = rates[start]
        ratios = np.empty((windows.width, membership.shape[0]))
        codes = np.empty((windows.width, membership.shape[0]))
        counts = np.empty((windows.width, n_letters))
        tables = np.empty((windows.n_strands, n_groups, windows.word_codes.shape[0]))
        tally = np.empty((windows.n_strands, n_groups, windows.word_codes.shape[0]))
        learnt = np.empty((n_sequences, N_LEARNT))
        posterior = np.empty((windows.n_strands, 0))
        objective = -np.inf
        n_steps = 0
        while True:
            log_scale = code_ratios(matrix, background, membership, ratios)
            fill_tables(ratios, windows, tables)
            tally[:] = 0.0
            expect_sequences(
                windows, tables, log_scale, placement, rate, negligible, 0, n_sequences, tally, learnt, posterior
            )
            evidence = log_evidence(learnt, placement, rate)
            penalty = log_prior(matrix, rate, pseudocounts, prior_mean, prior_chances)
            change = relative_change(objective, evidence + penalty)
            objective = evidence + penalty
            results[start, 0] = evidence
            results[start, 1] = penalty
            results[start, 2] = n_steps
            if n_steps >= max_iter or change <= tolerance or not objective > -np.inf:
                break
            collect_counts(tally, windows, codes)
            letter_counts(codes, matrix, membership, counts)
            for column in range(windows.width):
                for letter in range(n_letters):
                    counts[column, letter] += pseudocounts[letter]
            normalise_columns(counts, windows.complement, palindrome, matrix)
            if placement != OOPS:
                n_sites = 0.0
                n_chances = 0.0
                for sequence in range(n_sequences):
                    n_sites += learnt[sequence, N_SITES]
                    n_chances += learnt[sequence, N_CHANCES]
                rate = next_rate(n_sites, n_chances, prior_mean, prior_chances)
            n_steps += 1
        rates[start] = rate
