"""Maxima and profile-likelihood intervals of an allele frequency from genotype counts."""

from __future__ import annotations

import math

from genem.jit import kernel
from genem.numerics.tails_kernels import times_log

ROOT_TOLERANCE = 1e-13
MAX_ROOT_STEPS = 200


@kernel
def heterozygosity_at(weight_ref: float, weight_het: float, weight_alt: float, p: float) -> float:
    """The heterozygote frequency h that maximises w0 log(q - h/2) + w1 log h + w2 log(p - h/2)."""
    a = weight_ref + weight_het + weight_alt
    ref, alt = 2.0 * (1.0 - p), 2.0 * p
    b = 2.0 * weight_het + weight_ref * alt + weight_alt * ref
    c = weight_het * ref * alt
    discriminant = math.sqrt(max(0.0, b * b - 4.0 * a * c))
    if b + discriminant <= 0.0:
        return 0.0
    return min(2.0 * c / (b + discriminant), ref, alt)


@kernel
def inbred_log_likelihood(
    n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float, p: float
) -> tuple[float, float, float]:
    """Log-likelihood of free genotype frequencies with ALT frequency p, its slope in p, and the heterozygosity.

    Lone copies (haploid samples, half-calls) are a random copy of a genotype: they inform p alone. The slope
    follows the bound of the heterozygosity where that binds.
    """
    het = heterozygosity_at(n_ref, n_het, n_alt, p)
    ref, alt = 1.0 - p - 0.5 * het, p - 0.5 * het
    value = times_log(n_ref, ref) + times_log(n_het, het) + times_log(n_alt, alt)
    value += times_log(lone_ref, 1.0 - p) + times_log(lone_alt, p)
    slope = 0.0
    if n_alt > 0.0:
        slope += n_alt / max(alt, 1e-300)
    if n_ref > 0.0:
        slope -= n_ref / max(ref, 1e-300)
    if n_ref == 0.0 and n_het > 0.0 and ref <= 0.0:
        slope = -2.0 * n_het / max(het, 1e-300) + 2.0 * slope
    elif n_alt == 0.0 and n_het > 0.0 and alt <= 0.0:
        slope = 2.0 * n_het / max(het, 1e-300) + 2.0 * slope
    if lone_alt > 0.0:
        slope += lone_alt / max(p, 1e-300)
    if lone_ref > 0.0:
        slope -= lone_ref / max(1.0 - p, 1e-300)
    return value, slope, het


@kernel
def inbred_maximum(n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float) -> tuple[float, int]:
    """The ALT frequency under free genotype frequencies, and the steps taken (the likelihood is concave)."""
    n, lone = n_ref + n_het + n_alt, lone_ref + lone_alt
    counted = (2.0 * n_alt + n_het + lone_alt) / (2.0 * n + lone)
    if n == 0.0 or lone == 0.0 or counted == 0.0 or counted == 1.0:
        return counted, 1
    low, high = 0.0, 1.0
    n_steps = 0
    while n_steps < MAX_ROOT_STEPS:
        n_steps += 1
        middle = 0.5 * (low + high)
        _, slope, _ = inbred_log_likelihood(n_ref, n_het, n_alt, lone_ref, lone_alt, middle)
        if slope > 0.0:
            low = middle
        else:
            high = middle
        if high - low <= ROOT_TOLERANCE * middle:
            break
    return 0.5 * (low + high), n_steps


@kernel
def inbred_bound(
    n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float, p: float, quantile: float
) -> float:
    """The lower bound t < p of the profile interval under free genotype frequencies, by bisection."""
    if p <= 0.0:
        return 0.0
    top, _, _ = inbred_log_likelihood(n_ref, n_het, n_alt, lone_ref, lone_alt, p)
    low, high = 0.0, p
    for _ in range(MAX_ROOT_STEPS):
        middle = 0.5 * (low + high)
        value, _, _ = inbred_log_likelihood(n_ref, n_het, n_alt, lone_ref, lone_alt, middle)
        if 2.0 * (top - value) > quantile:
            low = middle
        else:
            high = middle
        if high - low <= ROOT_TOLERANCE * middle:
            break
    return 0.5 * (low + high)


@kernel
def inbred_standard_error(
    n_ref: float, n_het: float, n_alt: float, lone_ref: float, lone_alt: float, p: float, het: float
) -> float:
    """Standard error of p from the observed information of the free genotype frequencies.

    A genotype frequency that is zero stays zero; NaN on the boundary of p.
    """
    if not (0.0 < p < 1.0):
        return math.nan
    ref, alt = 1.0 - p - 0.5 * het, p - 0.5 * het
    lone = 0.0
    if lone_alt > 0.0:
        lone += lone_alt / (p * p)
    if lone_ref > 0.0:
        lone += lone_ref / ((1.0 - p) * (1.0 - p))
    # Curvature along (p, h): the three frequencies move by (-1, 0, 1) with p and by (-1/2, 1, -1/2) with h.
    curve_ref = n_ref / (ref * ref) if n_ref > 0.0 else 0.0
    curve_het = n_het / (het * het) if n_het > 0.0 else 0.0
    curve_alt = n_alt / (alt * alt) if n_alt > 0.0 else 0.0
    pp = curve_ref + curve_alt + lone
    if n_het == 0.0:  # h stays 0
        return math.sqrt(1.0 / pp)
    if n_ref == 0.0:  # h = 2 (1 - p)
        return math.sqrt(1.0 / (4.0 * curve_het + 4.0 * curve_alt + lone))
    if n_alt == 0.0:  # h = 2 p
        return math.sqrt(1.0 / (4.0 * curve_het + 4.0 * curve_ref + lone))
    ph = 0.5 * (curve_ref - curve_alt)
    hh = 0.25 * (curve_ref + curve_alt) + curve_het
    return math.sqrt(hh / (pp * hh - ph * ph))
