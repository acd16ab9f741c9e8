"""Tails of distributions as logarithms, which do not underflow."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx, gammaln, logsumexp

__all__ = ["log_binomial_tail", "log_chi_square_tail", "log_hypergeometric_tail", "log_product_tail"]

Floats = NDArray[np.float64]


def log_chi_square_tail(half_statistic: ArrayLike, degrees_of_freedom: int) -> Floats:
    """Return ln P(X >= 2 t) for X chi-square, by finite sums.

    Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.4.4 and 26.4.5, the complementary error
    function scaled by exp(t).

    Parameters
    ----------
    half_statistic
        (value,): t, half the statistic; below 0 it counts as 0.
    degrees_of_freedom
        At least 1.

    Returns
    -------
    ndarray
        float64 (value,)

    Examples
    --------
    >>> import numpy as np
    >>> from genem.numerics.tails import log_chi_square_tail
    >>> np.exp(log_chi_square_tail([0.0, 1.920729], 1)).round(6).tolist()
    [1.0, 0.05]
    """
    t = np.maximum(np.asarray(half_statistic, np.float64), 0.0)
    powers = np.arange(0.5 if degrees_of_freedom % 2 else 0.0, degrees_of_freedom // 2)
    total: Floats = (t[:, None] ** powers * np.exp(-gammaln(powers + 1.0))).sum(axis=1)
    if degrees_of_freedom % 2:
        total += erfcx(np.sqrt(t))
    return np.log(total) - t


def log_product_tail(log_product: float, n_factors: int) -> float:
    r"""Return ln P that a product of independent uniform numbers is as small.

    :math:`P = x \sum_{i < n} (-\ln x)^i / i!` for a product of :math:`x`.

    Parameters
    ----------
    log_product
        Natural logarithm of the product, as of p-values.
    n_factors
        How many factors.

    Returns
    -------
    float

    References
    ----------
    Bailey & Gribskov (1998), Bioinformatics 14:48, doi:10.1093/bioinformatics/14.1.48.

    Examples
    --------
    >>> import math
    >>> from genem.numerics.tails import log_product_tail
    >>> round(math.exp(log_product_tail(math.log(0.05 * 0.05), 2)), 6)
    0.017479
    """
    x = -log_product
    if x <= 0.0:
        return 0.0
    i = np.arange(0.0, n_factors)
    return min(0.0, float(logsumexp(i * math.log(x) - gammaln(i + 1.0))) - x)


def log_binomial_tail(successes: int, failures: int, probability: float) -> float:
    """Return ln P that at least so many of all trials are successes.

    Parameters
    ----------
    successes, failures
        Their sum is the number of trials.
    probability
        Of a success, between 0 and 1.

    Returns
    -------
    float

    Examples
    --------
    >>> import math
    >>> from genem.numerics.tails import log_binomial_tail
    >>> round(math.exp(log_binomial_tail(3, 0, 0.5)), 6)
    0.125
    """
    trials = successes + failures
    counts = np.arange(successes, trials + 1.0)
    logs = _log_choose(trials, counts) + counts * math.log(probability) + (trials - counts) * math.log1p(-probability)
    return min(0.0, float(logsumexp(logs)))


def log_hypergeometric_tail(marked: int, drawn: int, other_marked: int, others: int) -> float:
    """Return ln P that at least so many of the drawn are marked, given how many of all are.

    Parameters
    ----------
    marked, drawn
        Marked ones among the drawn, and all drawn.
    other_marked, others
        The same of those that were not drawn.

    Returns
    -------
    float

    Examples
    --------
    >>> import math
    >>> from genem.numerics.tails import log_hypergeometric_tail
    >>> round(math.exp(log_hypergeometric_tail(3, 4, 1, 4)), 6)
    0.242857
    """
    all_marked = marked + other_marked
    counts = np.arange(marked, min(all_marked, drawn) + 1.0)
    counts = counts[all_marked - counts <= others]
    logs = (
        _log_choose(drawn, counts)
        + _log_choose(others, all_marked - counts)
        - _log_choose(drawn + others, np.array(float(all_marked)))
    )
    return min(0.0, float(logsumexp(logs)))


def _log_choose(n: int, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))
