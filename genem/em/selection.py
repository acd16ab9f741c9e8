"""Information criteria: which of several fitted models the data prefer. Smaller is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class InformationCriteria:
    """AIC, BIC and ICL of one fit, with the numbers they were made from.

    Attributes
    ----------
    aic
        Akaike (1974), doi:10.1109/TAC.1974.1100705.
    bic
        Schwarz (1978), doi:10.1214/aos/1176344136; NaN without a sample size.
    icl
        BIC plus twice the entropy of the missing data (Biernacki, Celeux & Govaert 2000,
        doi:10.1109/34.865189, with the entropy of the posterior probabilities); NaN without entropy.
    n_free
        Number of free parameters counted.
    n_observations
        Sample size used, or None.
    """

    aic: float
    bic: float
    icl: float
    n_free: int
    n_observations: int | None

    @property
    def aicc(self) -> float:
        """AIC + 2 d (d + 1) / (n - d - 1), for samples that are small beside the number of parameters; NaN without a
        sample size, or where n - d - 1 is not positive. Hurvich & Tsai (1989), doi:10.1093/biomet/76.2.297.
        """
        spare = 0 if self.n_observations is None else self.n_observations - self.n_free - 1
        return self.aic + 2.0 * self.n_free * (self.n_free + 1) / spare if spare > 0 else math.nan


def criterion_weights(values: Sequence[float]) -> NDArray[np.float64]:
    """Shares of the support that the data give to each model: exp(-difference / 2), summing to 1.

    Parameters
    ----------
    values
        AIC, AICc or BIC of each model; NaN where there is none.

    Returns
    -------
    float64 (model,)
        NaN where the value is. Burnham & Anderson (2002), doi:10.1007/b97636.

    Examples
    --------
    >>> criterion_weights([204.0, 206.0, float("nan")]).round(4)
    array([0.7311, 0.2689,    nan])
    """
    criterion = np.asarray(values, dtype=np.float64)
    if np.all(np.isnan(criterion)):
        return criterion
    support = np.exp((np.nanmin(criterion) - criterion) / 2.0)
    weights: NDArray[np.float64] = support / np.nansum(support)
    return weights


def information_criteria(
    log_likelihood: float, n_free: int, n_observations: int | None = None, entropy: float | None = None
) -> InformationCriteria:
    """AIC, BIC and ICL in the smaller-is-better sign.

    AIC = -2 logL + 2 d,  BIC = -2 logL + d ln n,  ICL = BIC + 2 H.

    Parameters
    ----------
    log_likelihood
        Maximised observed-data log-likelihood, natural logarithm, without any penalty.
    n_free
        d, the number of free parameters.
    n_observations
        n, the number of independent observations.
    entropy
        H, the entropy of the missing data at the estimate, in nats.

    Returns
    -------
    InformationCriteria

    Examples
    --------
    >>> criteria = information_criteria(-100.0, n_free=2, n_observations=50, entropy=3.0)
    >>> round(criteria.aic, 3), round(criteria.bic, 3), round(criteria.icl, 3)
    (204.0, 207.824, 213.824)
    """
    deviance = -2.0 * log_likelihood
    bic = deviance + n_free * math.log(n_observations) if n_observations else math.nan
    icl = bic + 2.0 * entropy if entropy is not None else math.nan
    return InformationCriteria(deviance + 2.0 * n_free, bic, icl, n_free, n_observations)
