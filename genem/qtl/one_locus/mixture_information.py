"""Observed information of mixtures of regressions."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_INFORMATION", "mixture_information"]

Floats = NDArray[np.float64]
LEAST_INFORMATION = 1e-8
"""Information at or below which a coefficient is not estimated: that of a genotype which nobody has."""


def mixture_information(
    components: Iterable[tuple[Floats, Floats]], response: Floats, weight: Floats, params: Floats
) -> Floats:
    """Observed information of coefficients and log sigma, float64 (parameter, parameter).

    By Louis's formula: the expected complete-data information less the variance of the complete-data score, given what
    was seen. ``components`` yields for each one its posterior probability (individual,) and regressors (individual,
    coefficient).

    Louis (1982), J. R. Stat. Soc. B 44:226, doi:10.1111/j.2517-6161.1982.tb01203.x.
    """
    n, size = len(response), len(params)
    score, expected = np.zeros((n, size)), np.zeros((size, size))
    precision = weight * math.exp(-2.0 * params[-1])
    for share, regressors in components:
        x = np.column_stack([regressors, np.zeros(n)])
        residual = response - regressors @ params[:-1]
        complete = (precision * residual)[:, None] * x
        complete[:, -1] = precision * residual**2 - 1.0
        curvature = (x * (share * precision)[:, None]).T @ x
        curvature[:-1, -1] = curvature[-1, :-1] = 2.0 * regressors.T @ (share * precision * residual)
        curvature[-1, -1] = 2.0 * np.sum(share * precision * residual**2)
        expected += curvature - (complete * share[:, None]).T @ complete
        score += share[:, None] * complete
    return expected + score.T @ score
