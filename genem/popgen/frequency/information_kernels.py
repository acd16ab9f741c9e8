"""Standard errors of log-linear genotype models from the observed information."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel
from genem.popgen.frequency.em_kernels import AT_ZERO, NONE, Model, Samples, Selection, genotype_probabilities


@kernel
def active_parameters(model: Model, theta: np.ndarray) -> tuple[np.ndarray, int]:
    """Place of every parameter among those off zero, or NONE, and their number."""
    place = np.full(len(theta), NONE)
    n_active = 0
    for k in range(len(theta)):
        if model.block[k] >= 0 and theta[k] > AT_ZERO:
            place[k] = n_active
            n_active += 1
    return place, n_active


@kernel
def curvature(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, place: np.ndarray, hessian: np.ndarray
) -> None:
    """Second derivatives of the log-likelihood in the parameters off zero (as free numbers).

    With w_g the posterior of a sample's genotypes and u_gk = e_gk / theta_k the slope of log P_g, e_gk the times g
    uses k: sum over g of w_g (u_gk u_gl - [k = l] u_gk / theta_k) - (sum over g of w_g u_gk) (sum over h of w_h u_hl).
    The first part is that of the pairs of different factors of g.
    """
    n_active, n_factors = len(hessian), model.uses.shape[1]
    probability = np.empty(len(model.coefficient))
    genotype_probabilities(model, theta, probability)
    posterior = np.zeros(len(probability))
    slope = np.empty(n_active)
    hessian[:] = 0.0
    for bucket in range(selection.first, selection.last):
        for slot in range(selection.n_slots):
            size, base = samples.table_size[slot], samples.table_start[slot]
            at = samples.start[bucket, slot]
            for _ in range(samples.number[bucket, slot]):
                total = 0.0
                for g in range(size):
                    total += samples.cells[at + g] * probability[base + g]
                inverse = 1.0 / total
                slope[:] = 0.0
                for g in range(size):
                    weight = samples.cells[at + g] * probability[base + g] * inverse
                    posterior[base + g] += weight
                    for factor in range(n_factors):
                        k = model.uses[base + g, factor]
                        if k != NONE and place[k] != NONE:
                            slope[place[k]] += weight / theta[k]
                for i in range(n_active):
                    for j in range(n_active):
                        hessian[i, j] -= slope[i] * slope[j]
                at += size
    for g in range(len(posterior)):
        for factor in range(n_factors):
            k = model.uses[g, factor]
            if posterior[g] == 0.0 or k == NONE or place[k] == NONE:
                continue
            for other in range(n_factors):
                l = model.uses[g, other]
                if other != factor and l != NONE and place[l] != NONE:
                    hessian[place[k], place[l]] += posterior[g] / (theta[k] * theta[l])


@kernel
def eliminate(matrix: np.ndarray) -> bool:
    """Gauss-Jordan elimination of the square part with pivoting; whether it is regular."""
    size, width = matrix.shape
    for column in range(size):
        pivot = column
        for i in range(column + 1, size):
            if abs(matrix[i, column]) > abs(matrix[pivot, column]):
                pivot = i
        if matrix[pivot, column] == 0.0:
            return False
        for j in range(column, width):
            swapped = matrix[column, j]
            matrix[column, j] = matrix[pivot, j]
            matrix[pivot, j] = swapped
        for i in range(size):
            ratio = matrix[i, column] / matrix[column, column]
            if i != column and ratio != 0.0:
                for j in range(column, width):
                    matrix[i, j] -= ratio * matrix[column, j]
    return True


@kernel
def standard_errors(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, weights: np.ndarray, errors: np.ndarray
) -> None:
    """Standard errors of weights . theta, per row of ``weights``, from the observed information on the simplices.

    Parameters at zero stay there. Solves the bordered system [-H C; C' 0] x = [weight; 0], whose solution gives the
    variance weight . x; NaN where the information is not positive.
    """
    place, n_active = active_parameters(model, theta)
    hessian = np.empty((n_active, n_active))
    curvature(samples, selection, model, theta, place, hessian)
    n_targets = len(weights)
    n_blocks = 1
    for k in range(len(theta)):
        n_blocks = max(n_blocks, model.block[k] + 1)
    size = n_active + n_blocks
    matrix = np.zeros((size, size + n_targets))
    for k in range(len(theta)):
        if place[k] == NONE:
            continue
        i = place[k]
        for j in range(n_active):
            matrix[i, j] = -hessian[i, j]
        matrix[i, n_active + model.block[k]] = 1.0
        matrix[n_active + model.block[k], i] = 1.0
        for target in range(n_targets):
            matrix[i, size + target] = weights[target, k]
    errors[:] = math.nan
    if not eliminate(matrix):
        return
    for target in range(n_targets):
        variance = 0.0
        for k in range(len(theta)):
            if place[k] != NONE:
                variance += weights[target, k] * matrix[place[k], size + target] / matrix[place[k], place[k]]
        if variance > 0.0:
            errors[target] = math.sqrt(variance)
