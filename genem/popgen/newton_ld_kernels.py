"""Newton's method on the haplotype frequencies that are not zero, to finish what EM leaves slow."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

# Rows of the likelihoods of a pair: three genotypes (two alleles) at A, then at B.
A0, A1, A2, B0, B1, B2 = range(6)
N_ROWS = 6
HA0, HA1, HB0, HB1 = range(4)
N_HAPLOID_ROWS = 4


@kernel
def likelihood_hessian(diploid: np.ndarray, haploid: np.ndarray, p: np.ndarray, hessian: np.ndarray) -> None:
    """Second derivatives of the log-likelihood by the four haplotype frequencies.

    A diploid sample adds 2 A B / L - 4 Y Y' / L^2, a haploid one - Y Y' / L^2.
    """
    hessian[:] = 0.0
    pair, y = np.empty((4, 4)), np.empty(4)
    for s in range(diploid.shape[1]):
        total = 0.0
        for u in range(4):
            y[u] = 0.0
            for v in range(4):
                pair[u, v] = diploid[A0 + u // 2 + v // 2, s] * diploid[B0 + u % 2 + v % 2, s]
                y[u] += p[v] * pair[u, v]
            total += p[u] * y[u]
        share = 1.0 / total if total > 0.0 else 0.0
        for u in range(4):
            for v in range(u + 1):
                hessian[u, v] += 2.0 * pair[u, v] * share - 4.0 * (y[u] * share) * (y[v] * share)
    for s in range(haploid.shape[1]):
        total = 0.0
        for u in range(4):
            y[u] = haploid[HA0 + u // 2, s] * haploid[HB0 + u % 2, s]
            total += p[u] * y[u]
        share = 1.0 / total if total > 0.0 else 0.0
        for u in range(4):
            for v in range(u + 1):
                hessian[u, v] -= (y[u] * share) * (y[v] * share)
    for u in range(4):
        for v in range(u):
            hessian[v, u] = hessian[u, v]


@kernel
def solve_positive_definite(matrix: np.ndarray, vector: np.ndarray) -> bool:
    """Solve M x = v in place by Cholesky factors; False where M is not positive definite."""
    size = vector.size
    for i in range(size):
        for j in range(i + 1):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            if i != j:
                matrix[i, j] = value / matrix[j, j]
            elif value > 0.0:
                matrix[i, i] = math.sqrt(value)
            else:
                return False
    for i in range(size):
        for k in range(i):
            vector[i] -= matrix[i, k] * vector[k]
        vector[i] /= matrix[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            vector[i] -= matrix[k, i] * vector[k]
        vector[i] /= matrix[i, i]
    return True


@kernel
def newton_point(
    diploid: np.ndarray, haploid: np.ndarray, p: np.ndarray, scores: np.ndarray, target: np.ndarray
) -> bool:
    """Write the Newton step from ``p`` to ``target``, cut where a frequency reaches zero, which it then is exactly.

    Only positive frequencies move, the largest one makes the sum one. False where the likelihood is not concave.
    """
    hessian = np.empty((4, 4))
    likelihood_hessian(diploid, haploid, p, hessian)
    n_copies = 2 * diploid.shape[1] + haploid.shape[1]
    rest = 0
    for k in range(4):
        if p[k] > p[rest]:
            rest = k
    free, n_free = np.empty(4, np.int64), 0
    for k in range(4):
        if k != rest and p[k] > 0.0:
            free[n_free] = k
            n_free += 1
    matrix, step = np.empty((n_free, n_free)), np.empty(n_free)
    for i in range(n_free):
        u = free[i]
        step[i] = n_copies * (scores[u] - scores[rest])
        for j in range(n_free):
            v = free[j]
            matrix[i, j] = hessian[u, rest] + hessian[rest, v] - hessian[u, v] - hessian[rest, rest]
    if not solve_positive_definite(matrix, step):
        return False
    length, rest_step, cut = 1.0, 0.0, -1
    for i in range(n_free):
        rest_step -= step[i]
        if p[free[i]] + length * step[i] <= 0.0:
            length, cut = -p[free[i]] / step[i], i
    if p[rest] + length * rest_step <= 0.0:
        return False
    target[:] = p
    for i in range(n_free):
        target[free[i]] = 0.0 if i == cut else max(0.0, p[free[i]] + length * step[i])
    target[rest] = p[rest] + length * rest_step
    return True
