"""Uncertainty of the fits to likelihoods: standard errors from the observed information, and profile likelihoods.

The profile of one ALT frequency gives its interval and the test of one frequency for all groups.
"""

from __future__ import annotations

import math

import numpy as np

from genem.em.uncertainty_kernels import standard_errors as information_errors
from genem.jit import kernel
from genem.popgen.frequency.count_kernels import N_CALLED, Options
from genem.popgen.frequency.em_kernels import (
    AT_ZERO,
    NONE,
    ZERO,
    Model,
    Samples,
    Selection,
    fit,
    genotype_probabilities,
)
from genem.popgen.frequency.genotype_kernels import FREQUENCY, LOWER, STANDARD_ERROR, UPPER
from genem.popgen.frequency.genotype_model_kernels import (
    DIPLOID_SLOT,
    genotype_classes,
    hardy_weinberg_classes,
    random_mating_at,
)

GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
GOLDEN_STEPS = 45
MAX_BOUND_STEPS = 100
STEEPEST = 10.0
BOUND_TOLERANCE = 1e-11


@kernel
def active_parameters(model: Model, theta: np.ndarray) -> tuple[np.ndarray, int]:
    """Place (parameter,) among the parameters off zero, or NONE, and their number; ``theta`` is (parameter,)."""
    place = np.full(len(theta), NONE)
    n_active = 0
    for k in range(len(theta)):
        if model.block[k] >= 0 and theta[k] > AT_ZERO:
            place[k] = n_active
            n_active += 1
    return place, n_active


@kernel
def curvature(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, place: np.ndarray, hessian: np.ndarray
) -> None:
    """Fill ``hessian``: second derivatives of the log-likelihood in the parameters off zero (as free numbers).

    With w_g the posterior of a sample's genotypes and u_gk = e_gk / theta_k the slope of log P_g, e_gk the times g
    uses k: sum over g of w_g (u_gk u_gl - [k = l] u_gk / theta_k) - (sum over g of w_g u_gk) (sum over h of w_h u_hl).
    The first part is that of the pairs of different factors of g.

    ``theta`` and ``place`` are (parameter,), ``hessian`` is (parameter off zero, parameter off zero).
    """
    n_active, n_factors = len(hessian), model.uses.shape[1]
    probability = np.empty(len(model.coefficient))
    genotype_probabilities(model, theta, probability)
    posterior = np.zeros(len(probability))
    slope = np.empty(n_active)
    hessian[:] = 0.0
    for bucket in range(selection.first, selection.last):
        for slot in range(selection.n_slots):
            size, base = samples.table_size[slot], samples.table_start[slot]
            at = samples.start[bucket, slot]
            for _ in range(samples.number[bucket, slot]):
                total = 0.0
                for g in range(size):
                    total += samples.cells[at + g] * probability[base + g]
                inverse = 1.0 / total
                slope[:] = 0.0
                for g in range(size):
                    weight = samples.cells[at + g] * probability[base + g] * inverse
                    posterior[base + g] += weight
                    for factor in range(n_factors):
                        k = model.uses[base + g, factor]
                        if k != NONE and place[k] != NONE:
                            slope[place[k]] += weight / theta[k]
                for i in range(n_active):
                    for j in range(n_active):
                        hessian[i, j] -= slope[i] * slope[j]
                at += size
    for g in range(len(posterior)):
        for factor in range(n_factors):
            k = model.uses[g, factor]
            if posterior[g] == 0.0 or k == NONE or place[k] == NONE:
                continue
            for other in range(n_factors):
                l = model.uses[g, other]
                if other != factor and l != NONE and place[l] != NONE:
                    hessian[place[k], place[l]] += posterior[g] / (theta[k] * theta[l])


@kernel
def standard_errors(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, weights: np.ndarray, errors: np.ndarray
) -> None:
    """Fill ``errors`` (value,) with those of weights . theta, from the observed information on the simplices.

    ``weights`` is (value, parameter), ``theta`` (parameter,). Parameters at zero stay there; the largest of every
    simplex makes its sum 1. NaN where the information does not determine the value, or where it is a constant.
    """
    place, n_active = active_parameters(model, theta)
    hessian = np.empty((n_active, n_active))
    curvature(samples, selection, model, theta, place, hessian)
    n_blocks = 1
    for k in range(len(theta)):
        n_blocks = max(n_blocks, model.block[k] + 1)
    # The largest parameter of every simplex, and the rows of the others
    rest, free, n_free = np.full(n_blocks, NONE), np.empty(n_active, np.int64), 0
    for k in range(len(theta)):
        if place[k] != NONE and (rest[model.block[k]] == NONE or theta[k] > theta[rest[model.block[k]]]):
            rest[model.block[k]] = k
    for k in range(len(theta)):
        if place[k] != NONE and rest[model.block[k]] != k:
            free[n_free] = k
            n_free += 1
    # Derivatives by the free parameters, each of which takes from the largest of its simplex
    information, gradients = np.empty((n_free, n_free)), np.empty((len(weights), n_free))
    for i in range(n_free):
        k = free[i]
        beside = rest[model.block[k]]
        for j in range(n_free):
            l = free[j]
            opposite = rest[model.block[l]]
            information[i, j] = hessian[place[k], place[opposite]] + hessian[place[beside], place[l]]
            information[i, j] -= hessian[place[k], place[l]] + hessian[place[beside], place[opposite]]
        for value in range(len(weights)):
            gradients[value, i] = weights[value, k] - weights[value, beside]
    information_errors(information, gradients, errors)
    for value in range(len(weights)):
        if errors[value] == 0.0:
            errors[value] = math.nan


@kernel
def profile(
    samples: Samples,
    selection: Selection,
    alleles: np.ndarray,
    alt: int,
    p: float,
    others: np.ndarray,
    options: Options,
) -> float:
    """Log-likelihood at ALT frequency ``p``, maximised over everything else.

    The shares of the other alleles start at those of ``others`` (allele,) and are left there for the next ``p``.

    ``alleles`` is (genotype, copy).
    """
    held = min(1.0 - 1e-16, max(p, ZERO))
    n_alleles = len(others)
    others[alt] = 0.0
    total = 0.0
    for allele in range(n_alleles):
        total += others[allele]
    for allele in range(n_alleles):
        others[allele] = max(ZERO, others[allele] / total) if total > 0.0 else 1.0 / n_alleles
    if options.inbreeding:
        theta = np.empty(3 + n_alleles)
        hardy_weinberg_classes(held, theta)
        theta[3:] = others
        model = genotype_classes(alleles, n_alleles, samples.table_size[DIPLOID_SLOT], alt, held)
        value, _, _ = fit(samples, selection, model, theta, options)
        others[:] = theta[3:]
    else:
        model = random_mating_at(alleles, n_alleles, alt, held)
        value, _, _ = fit(samples, selection, model, others, options)
    return value


@kernel
def profile_interval(
    samples: Samples,
    selection: Selection,
    alleles: np.ndarray,
    alt: int,
    frequencies: np.ndarray,
    options: Options,
    top: float,
    number: int,
    values: np.ndarray,
) -> None:
    """Both ends of the profile interval of one ALT, into LOWER and UPPER.

    Each solves sqrt(2 (top - profile)) = sqrt(quantile), nearly linear in the frequency, by the Illinois rule, from
    Wilson's bound at the effective number of copies. The profile is tried at 0 or 1 itself only where no
    frequency before it is far enough down.

    ``alleles`` is (genotype, copy), ``frequencies`` (allele,), ``values`` (N_STATISTICS,).
    """
    # Wilson's interval at the effective number of copies.
    p, error, q = values[FREQUENCY], values[STANDARD_ERROR], options.quantile
    target = math.sqrt(q)
    n = p * (1.0 - p) / (error * error) if error > 0.0 else float(number)
    centre = p + 0.5 * q / n
    spread = math.sqrt(q * (p * (1.0 - p) + 0.25 * q / n) / n)
    for side in range(2):
        limit = float(side)
        column = LOWER if side == 0 else UPPER
        values[column] = limit
        if p == limit:
            continue
        t = (centre - spread if side == 0 else centre + spread) / (1.0 + q / n)
        # A bracket: the estimate inside, the end of the range outside until a point there is known.
        inside, root_inside = p, -target
        outside, root_outside = limit, math.inf
        last = 0
        others = frequencies.copy()
        for _ in range(MAX_BOUND_STEPS):
            if options.cancel[0]:
                return
            if t != limit and not (min(inside, outside) < t < max(inside, outside)):
                t = 0.5 * (inside + outside)
            start = others if t != limit else others.copy()
            value = profile(samples, selection, alleles, alt, t, start, options)
            root = math.sqrt(max(0.0, 2.0 * (top - value))) - target
            if t == limit:  # asked only while no point outside is known
                if root <= 0.0:
                    values[column] = limit
                    break
                root_outside = min(root, STEEPEST * target)
            else:
                values[column] = t
                if abs(root) <= BOUND_TOLERANCE or abs(inside - outside) <= 1e-15:
                    break
                if root < 0.0:
                    if last == -1:
                        root_outside *= 0.5
                    secant = t + (t - inside) * 1.05 * root / (root_inside - root) if root_inside < root else limit
                    inside, root_inside, last = t, root, -1
                else:
                    if last == 1:
                        root_inside *= 0.5
                    outside, root_outside, last = t, min(root, STEEPEST * target), 1
            if math.isfinite(root_outside):
                t = inside - root_inside * (outside - inside) / (root_outside - root_inside)
            else:
                t = secant if min(inside, limit) < secant < max(inside, limit) else limit


@kernel
def heterogeneity(
    samples: Samples,
    counts: np.ndarray,
    alleles: np.ndarray,
    alt: int,
    fits: np.ndarray,
    estimates: np.ndarray,
    reached: np.ndarray,
    options: Options,
) -> tuple[float, int]:
    """Likelihood ratio of one ALT frequency per group against one for all, and its degrees of freedom (0: no test).

    Rows are the groups. The common frequency lies between the groups' own; golden section finds it, precise enough
    since the log-likelihood is flat there.

    ``counts`` is (group, N_ROW_COUNTS), ``alleles`` (genotype, copy), ``fits`` (group, allele), ``estimates`` (group,),
    ``reached`` (group, ALT).
    """
    # The range of the groups' own frequencies, and their summed log-likelihood.
    n_filled = 0
    low, high, own = 1.0, 0.0, 0.0
    for g in range(len(counts)):
        if counts[g, N_CALLED] > 0:
            n_filled += 1
            low, high = min(low, estimates[g]), max(high, estimates[g])
            own += reached[g, alt - 1]
    if n_filled < 2 or high == 0.0 or low == 1.0:
        return math.nan, 0
    n_slots = 2 if options.inbreeding else len(samples.table_size)
    # Golden section for the common one.
    points = np.array([high - GOLDEN * (high - low), low + GOLDEN * (high - low)])
    reaches = np.empty(2)
    side = 0
    for step in range(GOLDEN_STEPS):
        reaches[side] = 0.0
        for g in range(len(counts)):
            if counts[g, N_CALLED] > 0:
                selection = Selection(g, g + 1, n_slots)
                others = fits[g].copy()
                reaches[side] += profile(samples, selection, alleles, alt, points[side], others, options)
        if step > 0:
            if high - low <= 1e-8:
                break
            if reaches[0] >= reaches[1]:
                high, points[1], reaches[1] = points[1], points[0], reaches[0]
                points[0] = high - GOLDEN * (high - low)
                side = 0
            else:
                low, points[0], reaches[0] = points[0], points[1], reaches[1]
                points[1] = low + GOLDEN * (high - low)
                side = 1
        else:
            side = 1
    return max(0.0, 2.0 * (own - max(reaches[0], reaches[1]))), n_filled - 1
