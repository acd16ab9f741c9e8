"""Rates that differ between sites: categories of equal probability under a gamma distribution."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv

__all__ = ["GammaRule", "gamma_rates"]

GammaRule = Literal["mean", "median"]


def gamma_rates(alpha: float, n_categories: int, rule: GammaRule = "mean") -> NDArray[np.float64]:
    """Rates of a gamma distribution with mean 1, cut into categories of equal probability.

    Parameters
    ----------
    alpha
        Shape: the variance of the rates is 1 / alpha.
    n_categories
        At least 1.
    rule
        Whether a category is represented by its mean, or by its median with the rates then scaled to mean 1.
        Yang (1994), J. Mol. Evol. 39:306, doi:10.1007/BF00160154.

    Returns
    -------
    float64 (category,)
        In ascending order; their mean is 1.

    Examples
    --------
    >>> gamma_rates(0.5, 4).round(4)
    array([0.0334, 0.2519, 0.8203, 2.8944])
    """
    if rule == "median":
        medians = gammaincinv(alpha, (np.arange(n_categories) + 0.5) / n_categories)
        return np.asarray(medians * n_categories / medians.sum(), dtype=np.float64)
    cuts = gammaincinv(alpha, np.arange(n_categories + 1) / n_categories)
    return np.asarray(n_categories * np.diff(gammainc(alpha + 1.0, cuts)), dtype=np.float64)
