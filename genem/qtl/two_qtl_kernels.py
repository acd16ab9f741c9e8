"""Haley-Knott regression on two loci: orthonormal bases of what the second adds to the first, additively and beyond."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel, parallel_kernel, prange
from genem.qtl.regression_kernels import orthonormalise


@kernel
def fill_products(probabilities: np.ndarray, own: np.ndarray, columns: np.ndarray) -> None:
    """Genotype probabilities (genotype, individual) times regressors (regressor, individual), regressors fastest."""
    n_genotypes, n = probabilities.shape
    for genotype in range(n_genotypes):
        for k in range(len(own)):
            for i in range(n):
                columns[genotype * len(own) + k, i] = probabilities[genotype, i] * own[k, i]


@parallel_kernel
def pair_bases(fixed: np.ndarray, second: np.ndarray, joint: np.ndarray, own: np.ndarray, bases: np.ndarray) -> None:
    """What the second locus, then its interaction with the first, add to the first.

    ``fixed`` (column, individual) is an orthonormal basis of null model and first locus; ``second`` (position,
    genotype, individual) and ``joint`` (position, cell, individual) are probabilities, those left out that follow from
    the others; ``own`` (regressor, individual) holds the root of the weights times what interacts with genotypes.
    ``bases`` is (position, second's columns then those of the interaction, individual).
    """
    n_fixed, n = fixed.shape
    n_second = second.shape[1] * len(own)
    n_all = bases.shape[1]
    for position in prange(len(second)):
        columns = np.empty((n_fixed + n_all, n))
        columns[:n_fixed] = fixed
        fill_products(second[position], own, columns[n_fixed : n_fixed + n_second])
        fill_products(joint[position], own, columns[n_fixed + n_second :])
        orthonormalise(columns, n_fixed)
        bases[position] = columns[n_fixed:]
