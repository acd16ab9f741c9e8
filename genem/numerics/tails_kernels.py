"""Tails of distributions for kernels: chi-square, products of p-values, and the interval of a binomial proportion."""

from __future__ import annotations

import math

from genem.jit import kernel

ERFC_LIMIT = 500.0
"""Squared argument from which on erfc underflows and its asymptotic form is exact to 1e-3."""
ROOT_TOLERANCE = 1e-13
"""Relative change at which a Newton iteration to a bound ends."""
MAX_ROOT_STEPS = 200
"""Steps to a bound; a few are enough."""


@kernel
def times_log(count: float, value: float) -> float:
    """Return count * ln(value): 0 where the count is 0, and -inf where only the value is."""
    if count == 0.0:
        return 0.0
    if value <= 0.0:
        return -math.inf
    return count * math.log(value)


@kernel
def log_choose(n: int, k: int) -> float:
    """Return ln of the number of ways to choose k of n."""
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@kernel
def chi_square_tail(statistic: float) -> float:
    """Return P(X > statistic) for X chi-square with one degree of freedom."""
    if not (statistic >= 0.0):
        return math.nan
    return math.erfc(math.sqrt(0.5 * statistic))


@kernel
def log_odd_chi_square_tail(half_statistic: float, degrees_of_freedom: int) -> float:
    """Return ln P(X > 2 t) for X chi-square with an odd number of degrees of freedom, a finite sum.

    Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.4.4.
    """
    power = math.sqrt(half_statistic) * 2.0 / math.sqrt(math.pi)
    terms = 0.0
    for j in range((degrees_of_freedom - 1) // 2):
        terms += power
        power *= half_statistic / (j + 1.5)
    if half_statistic < ERFC_LIMIT:
        return math.log(math.erfc(math.sqrt(half_statistic)) + terms * math.exp(-half_statistic))
    return math.log(terms + 1.0 / math.sqrt(math.pi * half_statistic)) - half_statistic


@kernel
def log_product_tail(log_product: float, n: int) -> float:
    """Return ln P of a product of n uniform numbers as small, e^x sum_{i<n} (-x)^i / i! with x its logarithm.

    Bailey & Gribskov (1998), doi:10.1093/bioinformatics/14.1.48.
    """
    t = -log_product
    if t <= 0.0:
        return 0.0
    if t < n:
        term, total = 1.0, 1.0
        for i in range(1, n):
            term *= t / i
            total += term
        return math.log(total) - t
    term, total = 1.0, 1.0
    for i in range(n - 1, 0, -1):
        term *= i / t
        total += term
    return (n - 1) * math.log(t) - math.lgamma(float(n)) + math.log(total) - t


@kernel
def binomial_bound(successes: float, failures: float, quantile: float) -> float:
    """Return the lower bound t < p of the profile-likelihood interval of a proportion, 2 (l(p) - l(t)) = quantile.

    The deviance is convex and falls towards p, so Newton steps from outside the interval converge monotonically;
    they start at the Wilson bound.
    """
    n = successes + failures
    if successes == 0.0:
        return 0.0
    if failures == 0.0:
        return math.exp(-0.5 * quantile / n)
    p = successes / n
    centre = p + 0.5 * quantile / n
    spread = math.sqrt(quantile * (p * (1.0 - p) + 0.25 * quantile / n) / n)
    t = (centre - spread) / (1.0 + quantile / n)
    for _ in range(MAX_ROOT_STEPS):
        excess = 2.0 * (successes * math.log(p / t) + failures * math.log((1.0 - p) / (1.0 - t))) - quantile
        slope = 2.0 * (failures / (1.0 - t) - successes / t)
        moved = t - excess / slope
        if moved <= 0.0:
            moved = 0.5 * t
        change = abs(moved - t)
        t = moved
        if change <= ROOT_TOLERANCE * t:
            break
    return t


@kernel
def binomial_interval(successes: float, failures: float, quantile: float) -> tuple[float, float]:
    """Return the profile-likelihood interval of a binomial proportion, closed form where it is 0 or 1."""
    return binomial_bound(successes, failures, quantile), 1.0 - binomial_bound(failures, successes, quantile)
