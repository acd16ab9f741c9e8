"""Haley-Knott regression on two loci: orthonormal bases of what the second adds to the first, additively and beyond."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel, parallel_kernel, prange
from genem.numerics.linear_kernels import orthonormalise


@kernel
def fill_products(probabilities: np.ndarray, own: np.ndarray, columns: np.ndarray) -> None:
    """Fill ``columns`` (genotype x regressor, individual), regressors fastest, with products.

    Of the ``probabilities`` (genotype, individual) and the ``own`` regressors (regressor, individual).
    """
    n_genotypes, n = probabilities.shape
    for genotype in range(n_genotypes):
        for k in range(len(own)):
            for i in range(n):
                columns[genotype * len(own) + k, i] = probabilities[genotype, i] * own[k, i]


@parallel_kernel
def pair_bases(
    null_basis: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    joint: np.ndarray,
    pairs: np.ndarray,
    own: np.ndarray,
    bases: np.ndarray,
) -> None:
    """Fill in what two loci and their interaction add to the null model, one after another.

    ``null_basis`` (column, individual) is orthonormal; ``first`` and ``second`` (position, genotype, individual) are
    genotype probabilities, the last genotypes left out, as they follow from the others;
    ``joint`` (pair, cell, individual) are probabilities of all pairs of genotypes; ``pairs`` (pair, 2) are positions;
    ``own`` (regressor, individual) holds the root of the weights times what interacts with genotypes;
    ``bases`` (pair, column, individual) is filled.
    """
    n_null, n = null_basis.shape
    n_own, n_first, n_second = len(own), first.shape[1], second.shape[1]
    n_all = bases.shape[1]
    for pair in prange(len(pairs)):
        columns = np.empty((n_null + n_all, n))
        columns[:n_null] = null_basis
        row = n_null + n_first * n_own
        fill_products(first[pairs[pair, 0]], own, columns[n_null:row])
        fill_products(second[pairs[pair, 1]], own, columns[row : row + n_second * n_own])
        row += n_second * n_own
        for genotype in range(n_first):
            cells = joint[pair, genotype * (n_second + 1) : (genotype + 1) * (n_second + 1) - 1]
            fill_products(cells, own, columns[row : row + n_second * n_own])
            row += n_second * n_own
        orthonormalise(columns, n_null)
        bases[pair] = columns[n_null:]


@parallel_kernel
def largest_explained(
    bases: np.ndarray, left: np.ndarray, n_additive: int, additive: np.ndarray, full: np.ndarray
) -> None:
    """Raise ``additive`` and ``full`` (tile, lane) to the most that any of the bases explains of permuted residuals.

    ``bases`` is (pair, column, individual), the first ``n_additive`` columns being those of the additive model;
    ``left`` (tile, individual, lane) holds permutations side by side. Each is summed in the order of the individuals,
    so that the result depends neither on threads nor on its neighbours.
    """
    n_pairs, n_columns, n = bases.shape
    lanes = left.shape[2]
    for tile in prange(len(left)):
        products, explained = np.empty((n_columns, lanes)), np.empty(lanes)
        for pair in range(n_pairs):
            products[:] = 0.0
            for i in range(n):
                for column in range(n_columns):
                    value = bases[pair, column, i]
                    for lane in range(lanes):
                        products[column, lane] += value * left[tile, i, lane]
            explained[:] = 0.0
            for column in range(n_columns):
                for lane in range(lanes):
                    explained[lane] += products[column, lane] * products[column, lane]
                if column == n_additive - 1:
                    for lane in range(lanes):
                        additive[tile, lane] = max(additive[tile, lane], explained[lane])
            for lane in range(lanes):
                full[tile, lane] = max(full[tile, lane], explained[lane])
