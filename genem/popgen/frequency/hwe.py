"""Exact tests of Hardy-Weinberg equilibrium from genotype counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import InputError
from genem.popgen.frequency.hwe_kernels import exact_tests, exact_tests_x

__all__ = ["hwe_exact", "hwe_exact_x"]


def hwe_exact(
    n_hom_ref: ArrayLike, n_het: ArrayLike, n_hom_alt: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact test of Hardy-Weinberg proportions at biallelic sites.

    Given the allele counts, every number of heterozygotes of the right parity has a known probability
    (Wigginton, Cutler & Abecasis 2005); p sums the tables that are not likelier than the observed one. The mid-p
    counts the tables exactly as likely as the observed one by half: less conservative, uniform on average.

    Parameters
    ----------
    n_hom_ref, n_het, n_hom_alt
        Genotype counts, integers of any shape that broadcasts together.

    Returns
    -------
    p, mid_p
        float64 of the broadcast shape; NaN where the counts are all zero.

    Raises
    ------
    InputError
        A count is negative or not an integer.

    References
    ----------
    Wigginton, Cutler & Abecasis (2005), Am. J. Hum. Genet. 76:887, doi:10.1086/429864.
    Graffelman & Moreno (2013), Stat. Appl. Genet. Mol. Biol. 12:433, doi:10.1515/sagmb-2012-0039.

    Examples
    --------
    >>> p, mid_p = hwe_exact([57, 4], [14, 0], [50, 4])
    >>> print(f"{p[0]:.4g} {p[1]:.6g} {mid_p[1]:.6g}")
    5.562e-19 0.00543901 0.0027195
    """
    counts, shape = _counts(n_hom_ref, n_het, n_hom_alt)
    p, mid_p = np.empty(len(counts)), np.empty(len(counts))
    exact_tests(counts, p, mid_p)
    return p.reshape(shape), mid_p.reshape(shape)


def hwe_exact_x(
    n_hom_ref: ArrayLike, n_het: ArrayLike, n_hom_alt: ArrayLike, n_male_ref: ArrayLike, n_male_alt: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact joint test on the X chromosome: females in Hardy-Weinberg proportions, sexes equal in frequency.

    Conditions on the numbers of males, of females and of alleles, so that males are informative
    (Graffelman & Weir 2016). Without males it is :func:`hwe_exact` of the females.

    Parameters
    ----------
    n_hom_ref, n_het, n_hom_alt
        Genotype counts of the females, integers of any shape that broadcasts together.
    n_male_ref, n_male_alt
        Allele counts of the males, one copy each.

    Returns
    -------
    p, mid_p
        float64 of the broadcast shape; NaN where the counts are all zero.

    Raises
    ------
    InputError
        A count is negative or not an integer.

    References
    ----------
    Graffelman & Weir (2016), Heredity 116:558, doi:10.1038/hdy.2016.20.

    Examples
    --------
    >>> p, _ = hwe_exact_x(31, 20, 5, 34, 28)
    >>> print(f"{p:.7f}")
    0.0373945
    """
    counts, shape = _counts(n_hom_ref, n_het, n_hom_alt, n_male_ref, n_male_alt)
    p, mid_p = np.empty(len(counts)), np.empty(len(counts))
    exact_tests_x(counts, p, mid_p)
    return p.reshape(shape), mid_p.reshape(shape)


def _counts(*columns: ArrayLike) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """The columns side by side as int64 (table, column), and the shape they broadcast to."""
    arrays = np.broadcast_arrays(*(np.asarray(column) for column in columns))
    for array in arrays:
        if not np.issubdtype(array.dtype, np.integer):
            raise InputError(f"genotype counts of type {array.dtype}, integers expected")
        if array.size and array.min() < 0:
            raise InputError(f"genotype count {array.min()}, counts cannot be negative")
    shape = arrays[0].shape
    return np.stack([array.ravel() for array in arrays], axis=1).astype(np.int64), shape
