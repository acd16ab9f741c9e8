"""Profile likelihoods of one ALT frequency: their intervals, and the test of one frequency for all groups."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.popgen.frequency.count_kernels import N_CALLED, Options
from genem.popgen.frequency.em_kernels import ZERO, Samples, Selection, fit
from genem.popgen.frequency.genotype_kernels import FREQUENCY, LOWER, STANDARD_ERROR, UPPER
from genem.popgen.frequency.genotype_model_kernels import genotype_classes, hardy_weinberg_classes, random_mating_at
from genem.popgen.samples_kernels import DIPLOID_SLOT

GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
GOLDEN_STEPS = 45
MAX_BOUND_STEPS = 100
STEEPEST = 10.0
BOUND_TOLERANCE = 1e-11


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
