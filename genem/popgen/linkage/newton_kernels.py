"""Newton's method on the haplotype frequencies that are not zero, to finish what EM leaves slow."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel, summing_kernel
from genem.numerics.linear_kernels import cholesky, solve

# Rows of the likelihoods of a pair: three genotypes (two alleles) at A, then at B.
A0, A1, A2, B0, B1, B2 = range(6)
N_ROWS = 6
HA0, HA1, HB0, HB1 = range(4)
N_HAPLOID_ROWS = 4

# Multiples of the largest second derivative that are added where the log-likelihood is not concave.
FIRST_DAMPING = 1e-4
MAX_DAMPING = 10.0


@summing_kernel
def likelihood_hessian(diploid: np.ndarray, haploid: np.ndarray, p: np.ndarray, hessian: np.ndarray) -> None:
    """Second derivatives of the log-likelihood by the four haplotype frequencies.

    A diploid sample adds 2 A B / L - 4 Y Y' / L^2, a haploid one - Y Y' / L^2.

    ``diploid`` is (N_ROWS, sample), ``haploid`` (N_HAPLOID_ROWS, sample), ``p`` (4,), ``hessian`` (4, 4).
    """
    p00, p01, p10, p11 = p[0], p[1], p[2], p[3]
    h00, h01, h02, h03, h11, h12, h13, h22, h23, h33 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for s in range(diploid.shape[1]):
        a0, a1, a2 = diploid[A0, s], diploid[A1, s], diploid[A2, s]
        b0, b1, b2 = diploid[B0, s], diploid[B1, s], diploid[B2, s]
        t00, t01 = a0 * p00 + a1 * p10, a0 * p01 + a1 * p11
        t10, t11 = a1 * p00 + a2 * p10, a1 * p01 + a2 * p11
        y0, y1, y2, y3 = t00 * b0 + t01 * b1, t00 * b1 + t01 * b2, t10 * b0 + t11 * b1, t10 * b1 + t11 * b2
        total = p00 * y0 + p01 * y1 + p10 * y2 + p11 * y3
        twice = 2.0 / total if total > 0.0 else 0.0
        y0, y1, y2, y3 = y0 * twice, y1 * twice, y2 * twice, y3 * twice
        b0, b1, b2 = b0 * twice, b1 * twice, b2 * twice
        h00 += a0 * b0 - y0 * y0
        h01 += a0 * b1 - y0 * y1
        h02 += a1 * b0 - y0 * y2
        h03 += a1 * b1 - y0 * y3
        h11 += a0 * b2 - y1 * y1
        h12 += a1 * b1 - y1 * y2
        h13 += a1 * b2 - y1 * y3
        h22 += a2 * b0 - y2 * y2
        h23 += a2 * b1 - y2 * y3
        h33 += a2 * b2 - y3 * y3
    for s in range(haploid.shape[1]):
        a0, a1, b0, b1 = haploid[HA0, s], haploid[HA1, s], haploid[HB0, s], haploid[HB1, s]
        total = p00 * a0 * b0 + p01 * a0 * b1 + p10 * a1 * b0 + p11 * a1 * b1
        share = 1.0 / total if total > 0.0 else 0.0
        y0, y1, y2, y3 = a0 * b0 * share, a0 * b1 * share, a1 * b0 * share, a1 * b1 * share
        h00, h01, h02, h03 = h00 - y0 * y0, h01 - y0 * y1, h02 - y0 * y2, h03 - y0 * y3
        h11, h12, h13 = h11 - y1 * y1, h12 - y1 * y2, h13 - y1 * y3
        h22, h23, h33 = h22 - y2 * y2, h23 - y2 * y3, h33 - y3 * y3
    hessian[0, 0], hessian[0, 1], hessian[0, 2], hessian[0, 3] = h00, h01, h02, h03
    hessian[1, 0], hessian[1, 1], hessian[1, 2], hessian[1, 3] = h01, h11, h12, h13
    hessian[2, 0], hessian[2, 1], hessian[2, 2], hessian[2, 3] = h02, h12, h22, h23
    hessian[3, 0], hessian[3, 1], hessian[3, 2], hessian[3, 3] = h03, h13, h23, h33


@kernel
def reduced_information(hessian: np.ndarray, free: np.ndarray, rest: int, damping: float, matrix: np.ndarray) -> None:
    """Minus the second derivatives by the ``free`` frequencies, ``rest`` making the sum one, plus damping.

    ``hessian`` is (4, 4), ``free`` (free frequency,), ``matrix`` (free frequency, free frequency).
    """
    largest = 0.0
    for i in range(free.size):
        u = free[i]
        for j in range(free.size):
            v = free[j]
            matrix[i, j] = hessian[u, rest] + hessian[rest, v] - hessian[u, v] - hessian[rest, rest]
        largest = max(largest, abs(matrix[i, i]))
    for i in range(free.size):
        matrix[i, i] += damping * largest


@kernel
def newton_point(
    diploid: np.ndarray, haploid: np.ndarray, p: np.ndarray, scores: np.ndarray, target: np.ndarray
) -> tuple[bool, bool]:
    """Write the Newton step from ``p`` to ``target``, cut where a frequency reaches zero, which it then is exactly.

    Frequencies of zero move only where their score exceeds one; the largest makes the sum one. Where the
    log-likelihood is not strictly concave the information is damped (Levenberg). Returns whether there is a step, and
    whether it is concave.

    ``diploid`` is (N_ROWS, sample), ``haploid`` (N_HAPLOID_ROWS, sample), ``p``, ``scores`` and ``target`` are (4,).
    """
    hessian = np.empty((4, 4))
    likelihood_hessian(diploid, haploid, p, hessian)
    n_copies = 2 * diploid.shape[1] + haploid.shape[1]
    # Frequencies that may move; the largest is what is left.
    rest = 0
    for k in range(4):
        if p[k] > p[rest]:
            rest = k
    free, n_free = np.empty(4, np.int64), 0
    for k in range(4):
        if k != rest and (p[k] > 0.0 or scores[k] > 1.0):
            free[n_free] = k
            n_free += 1
    matrix, step = np.empty((n_free, n_free)), np.empty(n_free)
    for i in range(n_free):
        step[i] = n_copies * (scores[free[i]] - scores[rest])
    # The step, damped until the information is positive definite.
    damping, solved = 0.0, False
    while not solved and damping <= MAX_DAMPING:
        reduced_information(hessian, free[:n_free], rest, damping, matrix)
        solved = cholesky(matrix, 0.0) == n_free
        if not solved:
            damping = max(FIRST_DAMPING, 10.0 * damping)
    if not solved:
        return False, False
    solve(matrix, step)
    # Cut where the first frequency reaches zero.
    length, rest_step, cut = 1.0, 0.0, -1
    for i in range(n_free):
        rest_step -= step[i]
        if p[free[i]] == 0.0 and step[i] <= 0.0:
            return False, damping == 0.0
        if p[free[i]] + length * step[i] <= 0.0:
            length, cut = -p[free[i]] / step[i], i
    if p[rest] + length * rest_step <= 0.0:
        return False, damping == 0.0
    target[:] = p
    for i in range(n_free):
        target[free[i]] = 0.0 if i == cut else max(0.0, p[free[i]] + length * step[i])
    target[rest] = p[rest] + length * rest_step
    return True, damping == 0.0
