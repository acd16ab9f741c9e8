"""Standard errors of log-linear genotype models from the observed information."""

from __future__ import annotations

import math

import numpy as np

from genem.em.uncertainty_kernels import standard_errors as information_errors
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
def standard_errors(
    samples: Samples, selection: Selection, model: Model, theta: np.ndarray, weights: np.ndarray, errors: np.ndarray
) -> None:
    """Fill ``errors`` (value) with those of weights . theta, from the observed information on the simplices.

    ``weights`` is (value, parameter), ``theta`` (parameter). Parameters at zero stay there; the largest of every
    simplex makes its sum 1. NaN where the information does not determine the value, or where it is a constant.
    """
    place, n_active = active_parameters(model, theta)
    hessian = np.empty((n_active, n_active))
    curvature(samples, selection, model, theta, place, hessian)
    n_blocks = 1
    for k in range(len(theta)):
        n_blocks = max(n_blocks, model.block[k] + 1)
    # the largest parameter of every simplex, and the rows of the others
    rest, free, n_free = np.full(n_blocks, NONE), np.empty(n_active, np.int64), 0
    for k in range(len(theta)):
        if place[k] != NONE and (rest[model.block[k]] == NONE or theta[k] > theta[rest[model.block[k]]]):
            rest[model.block[k]] = k
    for k in range(len(theta)):
        if place[k] != NONE and rest[model.block[k]] != k:
            free[n_free] = k
            n_free += 1
    # derivatives by the free parameters, each of which takes from the largest of its simplex
    information, gradients = np.empty((n_free, n_free)), np.empty((len(weights), n_free))
    for i in range(n_free):
        k = free[i]
        beside = rest[model.block[k]]
        for j in range(n_free):
            l = free[j]
            opposite = rest[model.block[l]]
            information[i, j] = hessian[place[k], place[opposite]] + hessian[place[beside], place[l]]
            information[i, j] -= hessian[place[k], place[l]] + hessian[place[beside], place[opposite]]
        for value in range(len(weights)):
            gradients[value, i] = weights[value, k] - weights[value, beside]
    information_errors(information, gradients, errors)
    for value in range(len(weights)):
        if errors[value] == 0.0:
            errors[value] = math.nan
