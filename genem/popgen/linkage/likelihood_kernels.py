"""Haplotype frequencies of two biallelic loci from genotype likelihoods, by accelerated EM from several starts.

With ``A`` and ``B`` the symmetric 2 x 2 matrices of a diploid sample's likelihoods by ordered allele pair and ``P``
the haplotype frequencies, Y = A P B holds at (i, j) the probability of the sample's data given one haplotype ij, the
sample's likelihood is L = sum P * Y, and the expected number of its ij haplotypes is 2 P_ij Y_ij / L. A haploid sample
has Y_ij = a_i b_j. With the scores G = (sum over samples of their copies * Y / L) / (number of copies), EM is
P <- P * G, and P is stationary where G = 1 at every positive frequency and G <= 1 at every zero one.
"""

from __future__ import annotations

import math

import numpy as np

from genem.em.ascent_kernels import (
    KKT_TOLERANCE,
    RUNNING,
    STEP_GROWTH,
    frequency_rule,
    is_converged,
    is_no_worse,
    next_step_max,
    propose,
    simplex_kkt_residual,
    stop_status,
)
from genem.em.status import DEGENERATE, MAX_ITER
from genem.jit import kernel, summing_kernel
from genem.popgen.linkage.newton_kernels import A0, A1, A2, B0, B1, B2, HA0, HA1, HB0, HB1, newton_point

# Every pair is climbed from these. With few samples the likelihood is bumpy, and its highest maximum may lie where the
# allele frequencies are not those of the loci by themselves, or on a boundary that none of these is near: more starts.
N_STARTS = 5
FEW_SAMPLES = 64
N_STARTS_OF_FEW = 10
MAX_EVALUATIONS = 3000
# Longest extrapolation at first; a failed one halves what is allowed.
FIRST_STEP_MAX, STEP_SHRINKAGE = 4.0, 2.0
# EM goes first, because it cannot be led astray; from then on Newton's method is tried in every other cycle.
NEWTON_AFTER = 6
# Relative rounding of a log-likelihood.
ROUNDING = 1e-14
# Share of the largest |D| at which the starts in coupling and in repulsion stand.
START_SHARE = 0.9
SMALLEST_START = 1e-3
NUDGE = 0.005
LOPSIDED_A, LOPSIDED_B, LOPSIDED_D = 0.05, 0.1, 0.05
NEARLY_ABSENT = 0.01
# A frequency below this whose score is below one is set to zero; it returns where its score then exceeds one.
NEGLIGIBLE = 1e-8
REVIVED = 1e-4
# What a small frequency that still shrinks may cost the log-likelihood.
SPENT = 1e-10
SMALLEST_PRODUCT = 1e-250
SMALLEST_FACTOR = 1e-50
# Maxima closer than this in every frequency are one.
SAME_MAXIMUM = 1e-4


@kernel
def log_of_product(factors: np.ndarray) -> float:
    """Sum of the logarithms of ``factors`` (factor,), with few of them taken; -inf where a factor is zero."""
    total, product = 0.0, 1.0
    for index in range(factors.size):
        factor = factors[index]
        if factor < SMALLEST_FACTOR:
            if factor <= 0.0:
                return -math.inf
            total += math.log(factor)
            continue
        product *= factor
        if product < SMALLEST_PRODUCT * 1e60:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@summing_kernel
def sum_diploid_scores(values: np.ndarray, p: np.ndarray, likelihood: np.ndarray) -> tuple[float, float, float, float]:
    """Sums of Y / L over the diploid samples, from ``values`` (field, sample) and ``p`` (haplotype,).

    Every L is stored in ``likelihood`` (sample,).
    """
    p00, p01, p10, p11 = p[0], p[1], p[2], p[3]
    s00, s01, s10, s11 = 0.0, 0.0, 0.0, 0.0
    for s in range(likelihood.size):
        a0, a1, a2 = values[A0, s], values[A1, s], values[A2, s]
        b0, b1, b2 = values[B0, s], values[B1, s], values[B2, s]
        t00, t01 = a0 * p00 + a1 * p10, a0 * p01 + a1 * p11
        t10, t11 = a1 * p00 + a2 * p10, a1 * p01 + a2 * p11
        y00, y01 = t00 * b0 + t01 * b1, t00 * b1 + t01 * b2
        y10, y11 = t10 * b0 + t11 * b1, t10 * b1 + t11 * b2
        total = p00 * y00 + p01 * y01 + p10 * y10 + p11 * y11
        likelihood[s] = total
        share = 1.0 / total if total > 0.0 else 0.0
        s00 += y00 * share
        s01 += y01 * share
        s10 += y10 * share
        s11 += y11 * share
    return s00, s01, s10, s11


@kernel
def evaluate(
    diploid: np.ndarray, haploid: np.ndarray, p: np.ndarray, scores: np.ndarray, likelihood: np.ndarray
) -> float:
    """Write the ``scores`` G (haplotype,) at ``p`` (haplotype,) and return the log-likelihood.

    ``diploid`` (field, sample), ``haploid`` (field, sample); ``likelihood`` (sample,) is workspace.
    """
    n_diploid, n_haploid = diploid.shape[1], haploid.shape[1]
    s00, s01, s10, s11 = sum_diploid_scores(diploid, p, likelihood[:n_diploid])
    scores[0], scores[1], scores[2], scores[3] = 2.0 * s00, 2.0 * s01, 2.0 * s10, 2.0 * s11
    for s in range(n_haploid):
        y00, y01 = haploid[HA0, s] * haploid[HB0, s], haploid[HA0, s] * haploid[HB1, s]
        y10, y11 = haploid[HA1, s] * haploid[HB0, s], haploid[HA1, s] * haploid[HB1, s]
        total = p[0] * y00 + p[1] * y01 + p[2] * y10 + p[3] * y11
        likelihood[n_diploid + s] = total
        share = 1.0 / total if total > 0.0 else 0.0
        scores[0] += y00 * share
        scores[1] += y01 * share
        scores[2] += y10 * share
        scores[3] += y11 * share
    for haplotype in range(4):
        scores[haplotype] /= 2 * n_diploid + n_haploid
    return log_of_product(likelihood[: n_diploid + n_haploid])


@kernel
def kkt_residual(p: np.ndarray, scores: np.ndarray, n_copies: float) -> float:
    """Largest violation of the first-order conditions by ``p`` (haplotype,) with its ``scores`` (haplotype,).

    A frequency still shrinking may count as zero where that costs nothing.
    """
    residual = 0.0
    for haplotype in range(p.size):
        value, score = p[haplotype], scores[haplotype]
        if not (score < 1.0 and value * (1.0 - score) * n_copies <= SPENT):
            residual = max(residual, simplex_kkt_residual(value, score, 1.0))
    return residual


@kernel
def em_update(p: np.ndarray, scores: np.ndarray, updated: np.ndarray) -> None:
    """One EM step from ``p`` (haplotype,) with ``scores`` (haplotype,) to ``updated`` (haplotype,).

    Negligible frequencies that shrink become zero, zero ones whose score exceeds one come back.
    """
    total = 0.0
    for haplotype in range(p.size):
        value = p[haplotype] * scores[haplotype]
        if value < NEGLIGIBLE and scores[haplotype] < 1.0:
            value = 0.0
        elif p[haplotype] == 0.0 and scores[haplotype] > 1.0 + KKT_TOLERANCE:
            value = REVIVED
        updated[haplotype] = value
        total += value
    for haplotype in range(p.size):
        updated[haplotype] /= total


@kernel
def keep_inside(p: np.ndarray) -> None:
    """Put an extrapolation ``p`` (haplotype,) back on the simplex."""
    total = 0.0
    for haplotype in range(p.size):
        p[haplotype] = max(0.0, p[haplotype])
        total += p[haplotype]
    for haplotype in range(p.size):
        p[haplotype] /= total


@kernel
def climb(
    diploid: np.ndarray, haploid: np.ndarray, p: np.ndarray, scores: np.ndarray, likelihood: np.ndarray
) -> tuple[float, int, int]:
    """Maximise from ``p`` (haplotype,) in place; return log-likelihood, number of evaluations and status.

    ``diploid`` (field, sample) and ``haploid`` (field, sample) hold likelihoods; ``scores`` (haplotype,) are left at
    the end, ``likelihood`` (sample,) is workspace. Each cycle needs two evaluations: the extrapolated point, where it
    is not worse, starts the next one, else the first EM image does. Newton's method is tried at the start of a cycle.
    The pieces of the ascent are called by name here: for four numbers even ``advance`` would be felt.
    """
    n_copies = float(2 * diploid.shape[1] + haploid.shape[1])
    rule = frequency_rule(MAX_EVALUATIONS, KKT_TOLERANCE, FIRST_STEP_MAX, STEP_GROWTH, STEP_SHRINKAGE)
    first, second, trial, trial_scores = np.empty(4), np.empty(4), np.empty(4), np.empty(4)
    step_max = rule.first_step_max
    height = evaluate(diploid, haploid, p, scores, likelihood)
    evaluations = 1
    while True:
        # The stop rule.
        residual = kkt_residual(p, scores, n_copies)
        status = stop_status(rule, math.inf, math.inf, residual, evaluations)
        if status != RUNNING:
            return height, evaluations, status
        # Newton's method, where it does not lower the likelihood.
        if evaluations > NEWTON_AFTER and newton_point(diploid, haploid, p, scores, trial)[0]:
            height_trial = evaluate(diploid, haploid, trial, trial_scores, likelihood)
            evaluations += 1
            is_higher = height_trial > height
            if is_higher or height_trial >= height - ROUNDING * abs(height):
                p[:] = trial
                scores[:] = trial_scores
                height = height_trial
                if is_higher or kkt_residual(p, scores, n_copies) <= rule.residual_tolerance:
                    continue
        # An EM step, another one, and an extrapolation from both.
        em_update(p, scores, first)
        height_first = evaluate(diploid, haploid, first, trial_scores, likelihood)
        em_update(first, trial_scores, second)
        alpha = propose(p, first, second, step_max, trial)
        keep_inside(trial)
        p[:] = first
        scores[:] = trial_scores
        height = height_first
        height_trial = evaluate(diploid, haploid, trial, trial_scores, likelihood)
        evaluations += 2
        is_kept = is_no_worse(rule, height_trial, height)
        step_max = next_step_max(rule, step_max, alpha, is_kept)
        if is_kept:
            p[:] = trial
            scores[:] = trial_scores
            height = height_trial


@kernel
def n_starts(n_samples: int) -> int:
    """The number of starts that so many samples, known at either locus, are climbed from."""
    return N_STARTS_OF_FEW if n_samples < FEW_SAMPLES else N_STARTS


@kernel
def start_point(number: int, p_a: float, p_b: float, p: np.ndarray) -> None:
    """Fill ``p`` (haplotype,) with one of the deterministic starts.

    They are equilibrium, coupling, repulsion, two lopsided points; for few samples, the centre of the simplex and four
    points with one haplotype nearly absent. But for the centre none is symmetric in the alleles, where symmetric data
    would hold EM on a saddle.
    """
    if number >= N_STARTS:
        absent = number - N_STARTS - 1
        for haplotype in range(4):
            p[haplotype] = 0.25 if absent < 0 else (1.0 - NEARLY_ABSENT) / 3.0
        if absent >= 0:
            p[absent] = NEARLY_ABSENT
        return
    p_a = min(1.0 - SMALLEST_START, max(SMALLEST_START, p_a))
    p_b = min(1.0 - SMALLEST_START, max(SMALLEST_START, p_b))
    d = 0.0
    if number == 1:
        d = START_SHARE * min(p_a * (1.0 - p_b), (1.0 - p_a) * p_b)
    elif number == 2:
        d = -START_SHARE * min(p_a * p_b, (1.0 - p_a) * (1.0 - p_b))
    elif number == 3:
        p_a, p_b, d = 0.5 - LOPSIDED_A, 0.5 - LOPSIDED_B, LOPSIDED_D
    elif number == 4:
        p_a, p_b, d = 0.5 + LOPSIDED_A, 0.5 + LOPSIDED_B, -LOPSIDED_D
    p[0], p[1] = (1.0 - p_a) * (1.0 - p_b) + d, (1.0 - p_a) * p_b - d
    p[2], p[3] = p_a * (1.0 - p_b) - d, p_a * p_b + d


@kernel
def best_of_starts(
    diploid: np.ndarray,
    haploid: np.ndarray,
    p_a: float,
    p_b: float,
    best: np.ndarray,
    found: np.ndarray,
    heights: np.ndarray,
) -> tuple[float, int, int, int]:
    """Fill ``best`` (haplotype,) with the highest point; return its height, distinct maxima, evaluations, status.

    The distinct maxima and their log-likelihoods go to ``found`` (start, haplotype) and ``heights`` (start,).

    ``diploid`` is (N_ROWS, sample), ``haploid`` (N_HAPLOID_ROWS, sample).
    """
    n = diploid.shape[1] + haploid.shape[1]
    if n == 0:
        best[:] = math.nan
        return math.nan, 0, 0, DEGENERATE
    likelihood, scores, p, trial = np.empty(n), np.empty(4), np.empty(4), np.empty(4)
    height, status, n_iter, n_found = -math.inf, MAX_ITER, 0, 0
    for number in range(n_starts(n)):
        start_point(number, p_a, p_b, p)
        reached, evaluations, ended = climb(diploid, haploid, p, scores, likelihood)
        n_iter += evaluations
        _, concave = newton_point(diploid, haploid, p, scores, trial)
        if not concave:  # a saddle, or a ridge: go on from beside it
            for haplotype in range(4):
                p[haplotype] += NUDGE * (haplotype + 1)
            p /= p.sum()
            reached, evaluations, ended = climb(diploid, haploid, p, scores, likelihood)
            n_iter += evaluations
            _, concave = newton_point(diploid, haploid, p, scores, trial)
        if reached > height:
            height, status = reached, ended
            best[:] = p
        if is_converged(ended) and (concave or n_found == 0) and is_new(p, found, n_found):
            found[n_found] = p
            heights[n_found] = reached
            n_found += 1
    return height, max(1, n_found), n_iter, status


@kernel
def is_new(p: np.ndarray, found: np.ndarray, n_found: int) -> bool:
    """Whether ``p`` (haplotype,) differs from the first ``n_found`` of ``found`` (start, haplotype)."""
    for index in range(n_found):
        distance = 0.0
        for haplotype in range(p.size):
            distance = max(distance, abs(p[haplotype] - found[index, haplotype]))
        if distance < SAME_MAXIMUM:
            return False
    return True
