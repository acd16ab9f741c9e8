"""Information criteria: which of several fitted models the data prefer. Smaller is better."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
