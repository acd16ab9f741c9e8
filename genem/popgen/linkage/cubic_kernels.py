"""Haplotype frequencies of two biallelic loci from counts: the exact maximum of the likelihood, without iteration.

Only double heterozygotes hide their phase. Let ``u`` of the ``dh`` be in coupling (ALT with ALT); the haplotype
counts are then ``n11 + u, n00 + u, n10 + dh - u, n01 + dh - u``, the allele counts do not depend on ``u``, and the
EM algorithm stands still where

    C(u) = u (n10 + dh - u)(n01 + dh - u) - (dh - u)(n11 + u)(n00 + u) = 0,

a cubic with integer coefficients (Hill 1974, Heredity 33:229, doi:10.1038/hdy.1974.89; Gaunt et al. 2007, BMC
Bioinformatics 8:428, doi:10.1186/1471-2105-8-428, in another variable). C has the sign of minus the slope of the
likelihood, C(0) <= 0 <= C(dh): the local maxima are the zeros where C rises, and the ends of [0, dh] where C leaves
zero upwards. The cubic rises left of its first and right of its second stationary point, and is concave in the one
and convex in the other stretch, so that Newton's method started at the outer end walks to the root from one side.
"""

from __future__ import annotations

import math

from genem.jit import kernel
from genem.numerics.tails_kernels import times_log

MAX_NEWTON = 200
MAX_BISECTIONS = 60
# Rounding of the cubic relative to its largest term.
ROUNDING = 1e-15


@kernel
def cubic_coefficients(n00: float, n01: float, n10: float, n11: float, dh: float) -> tuple[float, float, float]:
    """C(u) = 2 u^3 + c2 u^2 + c1 u + c0."""
    a, b = n10 + dh, n01 + dh
    c2 = n11 + n00 - n10 - n01 - 3.0 * dh
    c1 = a * b + n11 * n00 - dh * (n11 + n00)
    return c2, c1, -dh * n11 * n00


@kernel
def evaluate_cubic(u: float, c2: float, c1: float, c0: float) -> float:
    return ((2.0 * u + c2) * u + c1) * u + c0


@kernel
def newton_root(start: float, c2: float, c1: float, c0: float) -> tuple[float, int]:
    """The root that Newton's method reaches from ``start`` in steps of one direction; the number of steps."""
    u = start
    direction = 0.0
    for step in range(1, MAX_NEWTON + 1):
        slope = (6.0 * u + 2.0 * c2) * u + c1
        if slope <= 0.0:  # rounding at a double root
            return u, step
        change = -evaluate_cubic(u, c2, c1, c0) / slope
        if direction == 0.0:
            direction = change
        moved = u + change
        if change * direction <= 0.0 or moved == u:  # turned round: at the root to the last bit
            return u, step
        u = moved
    return u, MAX_NEWTON


@kernel
def starts_at_maximum(cis_a: float, cis_b: float, trans_a: float, trans_b: float, dh: float) -> bool:
    """Whether u = 0 is a local maximum: C(0) = 0 and C rises from there; exact in integers."""
    if cis_a * cis_b > 0.0:
        return False
    c2, c1, _ = cubic_coefficients(cis_b, trans_a, trans_b, cis_a, dh)
    return c1 > 0.0 or (c1 == 0.0 and c2 >= 0.0)


@kernel
def rising_root(low: float, high: float, c2: float, c1: float, c0: float, concave: bool) -> tuple[bool, float, int]:
    """The root between two points where C rises throughout and bends one way; whether there is one."""
    if not (evaluate_cubic(low, c2, c1, c0) < 0.0 < evaluate_cubic(high, c2, c1, c0)):
        return False, 0.0, 0
    root, n_steps = newton_root(low if concave else high, c2, c1, c0)
    return True, min(max(root, low), high), n_steps


@kernel
def vanishes(u: float, c2: float, c1: float, c0: float) -> bool:
    """Whether C(u) is zero to rounding."""
    largest = max(max(2.0 * abs(u * u * u), abs(c2) * u * u), max(abs(c1 * u), abs(c0)))
    return abs(evaluate_cubic(u, c2, c1, c0)) <= ROUNDING * largest


@kernel
def bisected_root(high: float, c2: float, c1: float, c0: float) -> float:
    """A point of [0, high] where C changes from below zero to above."""
    low = 0.0
    for _ in range(MAX_BISECTIONS):
        middle = 0.5 * (low + high)
        if evaluate_cubic(middle, c2, c1, c0) < 0.0:
            low = middle
        else:
            high = middle
    return high


@kernel
def local_maxima(n00: float, n01: float, n10: float, n11: float, dh: float) -> tuple[int, float, float, int]:
    """All local maxima of the likelihood: how many (1 or 2), their ``u`` in ascending order, Newton steps."""
    if dh == 0.0:
        return 1, 0.0, 0.0, 0
    c2, c1, c0 = cubic_coefficients(n00, n01, n10, n11, dh)
    count, first, second, n_iter = 0, 0.0, 0.0, 0
    if starts_at_maximum(n11, n00, n10, n01, dh):
        count = 1
    inflection = -c2 / 6.0
    discriminant = c2 * c2 - 6.0 * c1
    half_width = math.sqrt(discriminant) / 6.0 if discriminant > 0.0 else 0.0
    peak = min(inflection - half_width, dh)
    trough = max(inflection + half_width, 0.0)
    if peak > 0.0:
        found, root, steps = rising_root(0.0, peak, c2, c1, c0, True)
        if found:
            count, first, n_iter = count + 1, root, n_iter + steps
    if trough < dh:
        found, root, steps = rising_root(trough, dh, c2, c1, c0, False)
        if found:
            first, second = (root, 0.0) if count == 0 else (first, root)
            count, n_iter = count + 1, n_iter + steps
    if starts_at_maximum(n10, n01, n11, n00, dh):
        first, second = (dh, 0.0) if count == 0 else (first, dh)
        count += 1
    if count == 0:  # the root is the inflection, or so near it that rounding hid the change of sign
        if 0.0 <= inflection <= dh and vanishes(inflection, c2, c1, c0):  # triple: bisecting would find it to 1e-5
            return 1, inflection, 0.0, n_iter
        return 1, bisected_root(dh, c2, c1, c0), 0.0, n_iter + MAX_BISECTIONS
    return count, first, second, n_iter


@kernel
def table_log_likelihood(
    n00: float, n01: float, n10: float, n11: float, dh: float, p00: float, p01: float, p10: float, p11: float
) -> float:
    """ln of the probability of the counts without the factors 2 of heterozygotes (they do not depend on p)."""
    total = times_log(n00, p00) + times_log(n01, p01) + times_log(n10, p10) + times_log(n11, p11)
    return total + times_log(dh, p00 * p11 + p01 * p10)


@kernel
def coupling_log_likelihood(n00: float, n01: float, n10: float, n11: float, dh: float, u: float) -> float:
    """:func:`table_log_likelihood` at ``u`` double heterozygotes in coupling."""
    n = n00 + n01 + n10 + n11 + 2.0 * dh
    v = dh - u
    return table_log_likelihood(n00, n01, n10, n11, dh, (n00 + u) / n, (n01 + v) / n, (n10 + v) / n, (n11 + u) / n)


@kernel
def best_coupling(n00: float, n01: float, n10: float, n11: float, dh: float) -> tuple[float, int, int]:
    """``u`` at the highest maximum (the smaller one of equals), the number of maxima and of Newton steps."""
    count, first, second, n_iter = local_maxima(n00, n01, n10, n11, dh)
    if count < 2:
        return first, 1, n_iter
    height = coupling_log_likelihood(n00, n01, n10, n11, dh, first)
    other = coupling_log_likelihood(n00, n01, n10, n11, dh, second)
    return (second if other > height else first), count, n_iter
