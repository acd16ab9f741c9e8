"""Nucleotide diversity and Tajima's D from a site frequency spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MIN_CHROMOSOMES = 4
"""With fewer the two estimates of theta are the same number, so that D is not defined."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """Diversity by one spectrum; NaN where a number is not defined.

    Attributes
    ----------
    segregating_sites
        S, the expected number of sites where both alleles occur in the sample.
    theta_w, theta_pi
        Watterson's estimate S / a1, and the mean number of differences between two chromosomes; for the whole
        region, or per site where a callable length was given.
    tajima_d
        Tajima's D, from the totals.
    """

    segregating_sites: float
    theta_w: float
    theta_pi: float
    tajima_d: float


def diversity(expected_sites: ArrayLike, callable_length: float | None = None) -> Diversity:
    r"""Watterson's theta, pi and Tajima's D.

    With :math:`\eta_k` sites at count k among n chromosomes, :math:`S = \sum_{k=1}^{n-1} \eta_k`,
    :math:`\theta_W = S / a_1` with :math:`a_1 = \sum_{i<n} 1/i`,
    :math:`\theta_\pi = \sum_k k (n - k) \eta_k / \binom{n}{2}` and
    :math:`D = (\theta_\pi - \theta_W) / \sqrt{e_1 S + e_2 S (S - 1)}` (Tajima 1989,
    doi:10.1093/genetics/123.3.585, eqs. 31-38).

    Parameters
    ----------
    expected_sites
        float64 (n + 1,): sites with each count; a folded spectrum may be spread over both halves in any way.
    callable_length
        Bases in which a variant would have been found; thetas are divided by it.

    Returns
    -------
    Diversity
        D is NaN with fewer than four chromosomes, without segregating sites, or where its variance is not positive.

    Raises
    ------
    ValueError
        A callable length that is not positive.

    Examples
    --------
    Ten chromosomes, 16 segregating sites:

    >>> result = diversity([0, 7, 3, 2, 1, 1, 1, 0, 0, 1, 0])
    >>> round(result.theta_w, 4), round(result.theta_pi, 4), round(result.tajima_d, 4)
    (5.6558, 5.2222, -0.3549)
    """
    if callable_length is not None and not callable_length > 0.0:
        raise ValueError(f"callable_length is {callable_length}; a positive number of bases expected")
    sites = np.asarray(expected_sites, dtype=np.float64)
    n = sites.size - 1
    if n < 2:
        return Diversity(math.nan, math.nan, math.nan, math.nan)
    counts = np.arange(n + 1)
    segregating = float(sites[1:n].sum())
    a1 = float(np.sum(1.0 / counts[1:n]))
    theta_w = segregating / a1
    theta_pi = float(np.sum(counts * (n - counts) * sites)) / (n * (n - 1) / 2.0)
    length = 1.0 if callable_length is None else callable_length
    return Diversity(
        segregating_sites=segregating,
        theta_w=theta_w / length,
        theta_pi=theta_pi / length,
        tajima_d=_tajima_d(theta_pi - theta_w, segregating, n, a1),
    )


def _tajima_d(difference: float, segregating: float, n: int, a1: float) -> float:
    if n < MIN_CHROMOSOMES or segregating <= 0.0:
        return math.nan
    a2 = float(np.sum(1.0 / np.arange(1, n) ** 2))
    b1 = (n + 1) / (3.0 * (n - 1))
    b2 = 2.0 * (n * n + n + 3) / (9.0 * n * (n - 1))
    c1 = b1 - 1.0 / a1
    c2 = b2 - (n + 2) / (a1 * n) + a2 / a1**2
    variance = c1 / a1 * segregating + c2 / (a1**2 + a2) * segregating * (segregating - 1.0)
    return difference / math.sqrt(variance) if variance > 0.0 else math.nan
