"""Whether more sequences of one set than of another hold a site."""

from __future__ import annotations

import math

from genem.errors import UsageError
from genem.numerics.tails import log_binomial_tail, log_hypergeometric_tail

__all__ = ["log10_binomial_p", "log10_fisher_p"]


def log10_fisher_p(n_with: int, n_sequences: int, n_control_with: int, n_control: int) -> float:
    """Fisher's exact test, one-sided: that as many of the sequences hold a site, given how many of both sets do.

    For a motif that was found elsewhere, or sites counted in sequences that it was not found in: the choice of the
    motif is not allowed for (see :func:`genem.motif.search_significance`). The sets should have the same lengths.

    Parameters
    ----------
    n_with, n_sequences
        Sequences with a site, and all.
    n_control_with, n_control
        The same of the control set.

    Returns
    -------
    float
        log10 of the p-value.

    Raises
    ------
    UsageError
        More sequences hold a site than there are.

    Examples
    --------
    >>> round(10 ** log10_fisher_p(3, 4, 1, 4), 6)
    0.242857
    """
    if not (0 <= n_with <= n_sequences and 0 <= n_control_with <= n_control):
        raise UsageError(f"{n_with} of {n_sequences} and {n_control_with} of {n_control} sequences with a site")
    return log_hypergeometric_tail(n_with, n_sequences, n_control_with, n_control) / math.log(10.0)


def log10_binomial_p(n_sites: int, n_control_sites: int, share: float) -> float:
    """Probability that as many of all sites fall into the first set, which holds a share of all places.

    For sets of unequal lengths.

    Parameters
    ----------
    n_sites, n_control_sites
        Sites, or sequences with a site.
    share
        Of the places of both sets that are in the first, between 0 and 1.

    Returns
    -------
    float
        log10 of the p-value.

    Raises
    ------
    UsageError
        An argument is out of range.

    Examples
    --------
    >>> round(10 ** log10_binomial_p(3, 0, 0.5), 6)
    0.125
    """
    if n_sites < 0 or n_control_sites < 0 or not 0.0 < share < 1.0:
        raise UsageError(f"{n_sites} and {n_control_sites} sites, share {share}: a share between 0 and 1 expected")
    return log_binomial_tail(n_sites, n_control_sites, share) / math.log(10.0)
