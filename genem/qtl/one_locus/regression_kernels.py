"""Orthonormal bases of what the genotypes at every position add to a null model."""

from __future__ import annotations

import numpy as np

from genem.jit import parallel_kernel, prange
from genem.numerics.linear_kernels import orthonormalise


@parallel_kernel
def position_bases(
    null_basis: np.ndarray, probabilities: np.ndarray, own: np.ndarray, bases: np.ndarray, ranks: np.ndarray
) -> None:
    """An orthonormal basis of what the genotypes add to the null model, at every position.

    ``null_basis`` (column, individual) is orthonormal, ``probabilities`` (position, individual, state), ``own``
    (individual, regressor) holds the regressors that each genotype has a coefficient of its own for; ``bases``
    (position, state x regressor, individual) and ``ranks`` (position,) are filled.
    """
    n_positions, n, n_states = probabilities.shape
    n_null, n_own = len(null_basis), own.shape[1]
    for position in prange(n_positions):
        columns = np.empty((n_null + n_states * n_own, n))
        columns[:n_null] = null_basis
        for state in range(n_states):
            for regressor in range(n_own):
                row = n_null + state * n_own + regressor
                for i in range(n):
                    columns[row, i] = probabilities[position, i, state] * own[i, regressor]
        ranks[position] = orthonormalise(columns, n_null)
        bases[position] = columns[n_null:]
