"""q-values: the share of false ones among the findings that are as significant."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import UsageError

__all__ = ["q_values"]


def q_values(p_values: ArrayLike, n_tests: int | None = None) -> NDArray[np.float64]:
    r"""Benjamini-Hochberg q-values.

    With the p-values in ascending order, :math:`q_i = \min_{j \ge i} p_j m / j`, at most 1. All :math:`m` tests are
    taken to be of true null hypotheses, so that the p-values that were not kept need not be known.

    Parameters
    ----------
    p_values
        (test,): all p-values, or all up to some bound.
    n_tests
        How many tests there were, where only the smallest p-values are given. None: as many as p-values.

    Returns
    -------
    ndarray
        float64 (test,)

    Raises
    ------
    UsageError
        There are fewer tests than p-values.

    References
    ----------
    Benjamini & Hochberg (1995), J. R. Stat. Soc. B 57:289, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> q_values([0.01, 0.04, 0.02, 0.5], 10).tolist()
    [0.1, 0.13333333333333333, 0.1, 1.0]
    """
    p = np.asarray(p_values, np.float64)
    tests = len(p) if n_tests is None else n_tests
    if tests < len(p):
        raise UsageError(f"{tests} tests with {len(p)} p-values")
    order = np.argsort(p, kind="stable")
    scaled = p[order] * tests / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
