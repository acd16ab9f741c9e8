"""EM steps of the models of one trait whose genotypes are known by their probabilities only, individuals side by side.

Given its cell (a genotype, or a combination of genotypes at several loci) j, which it has with probability p_ij, an
individual has the predictor m_ij = sum_c D_jc z_i,h(c) b_c: contrasts D say which cells share a coefficient. Families:

* normal: y_i ~ N(m_ij, s^2 / w_i), parameters b and log s;
* binary: P(y_i = 1) = logistic(m_ij), parameters b; the M-step is one step of Newton's method (EM gradient algorithm,
  Lange 1995, J. R. Stat. Soc. B 57:425, doi:10.1111/j.2517-6161.1995.tb02037.x);
* two-part: in a spike with probability q_j, else N(m_ij, s^2); w_i is 0 in the spike, else 1; parameters b, q, log s
  (Broman 2003, Genetics 163:1169, doi:10.1093/genetics/163.3.1169).

Lander & Botstein (1989), Genetics 121:185, doi:10.1093/genetics/121.1.185.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.em.ascent_kernels import Ascent, Rule, advance, begin, ended, running
from genem.jit import kernel, summing_kernel
from genem.numerics.linear_kernels import DEPENDENT_PIVOT, cholesky, solve
from genem.numerics.vector_kernels import exponentials, sum_of_logarithms

NORMAL, BINARY, TWO_PART = 0, 1, 2
LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
SMALLEST_SIGMA = 1e-7
"""Smallest residual deviation of a standardised trait: below it the likelihood has no bound worth the name."""
LARGEST_LOG_ODDS = 170.0
"""Largest log odds of a 0/1 trait: keeps exponentials finite."""
SMALLEST_LOG = -700.0
"""Log densities relative to the largest are cut here, where exponentials are still normal numbers."""
NO_DENSITY = -1e300
SMALLEST_TOTAL = 1e-300
SMALLEST_SHARE = 1e-12
"""Smallest share of a genotype in the spike or out of it: a share of exactly 0 could not be left again."""
SAFE_REACH = 1.0
"""A Newton step that moves no predictor farther raises the expected log-likelihood of a 0/1 trait as it is."""


class Trait(NamedTuple):
    """One trait, what it is regressed on, and the cells among which its individuals are distributed."""

    family: int  # NORMAL, BINARY or TWO_PART
    response: np.ndarray  # float64 (individual,): standardised; 0 or 1 for a binary trait
    weight: np.ndarray  # float64 (individual,); for a two-part trait 0 in the spike, 1 outside
    regressors: np.ndarray  # float64 (regressor, individual): z
    contrasts: np.ndarray  # float64 (cell, column): D
    regressor_of: np.ndarray  # int64 (column,): h


class Scratch(NamedTuple):
    """Arrays that the fit of a trait works on; after a fit ``posterior`` belongs to the estimate."""

    posterior: np.ndarray  # float64 (cell, individual): P(cell | response)
    fitted: np.ndarray  # float64 (cell, individual): predictor, then residual, or P(observed response) if binary
    shared: np.ndarray  # float64 (2, individual)
    means: np.ndarray  # float64 (regressor,): coefficients in one cell
    moments: np.ndarray  # float64 (regressor, regressor): of one cell
    products: np.ndarray  # float64 (regressor,): of one cell
    gram: np.ndarray  # float64 (column, column): normal equations, then their Cholesky factor
    right: np.ndarray  # float64 (column,): right-hand side
    step: np.ndarray  # float64 (column,): solution


@kernel
def n_parameters(trait: Trait) -> int:
    """The number of coefficients, shares of two-part traits and log sigma; the trait's arrays (cell, column)."""
    size = len(trait.regressor_of)
    if trait.family != BINARY:
        size += 1
    if trait.family == TWO_PART:
        size += len(trait.contrasts)
    return size


@kernel
def new_scratch(trait: Trait) -> Scratch:
    """Room for fits of a trait of the shape (cell, column), (regressor, individual)."""
    n_cells, n_columns = trait.contrasts.shape
    n_regressors, n = trait.regressors.shape
    return Scratch(
        np.empty((n_cells, n)),
        np.empty((n_cells, n)),
        np.empty((2, n)),
        np.empty(n_regressors),
        np.empty((n_regressors, n_regressors)),
        np.empty(n_regressors),
        np.empty((n_columns, n_columns)),
        np.empty(n_columns),
        np.empty(n_columns),
    )


@kernel
def predict(trait: Trait, coefficients: np.ndarray, cell: int, means: np.ndarray, row: np.ndarray) -> None:
    """Fill ``row`` (individual,) with x_ij b for one cell; ``means`` (regressor,) with its coefficients.

    ``coefficients`` (column,) may go on with further parameters.
    """
    regressors, regressor_of, contrast = trait.regressors, trait.regressor_of, trait.contrasts[cell]
    means[:] = 0.0
    for column in range(len(contrast)):
        means[regressor_of[column]] += contrast[column] * coefficients[column]
    for i in range(len(row)):
        row[i] = means[0] * regressors[0, i]
    for k in range(1, len(regressors)):
        for i in range(len(row)):
            row[i] += means[k] * regressors[k, i]


@kernel
def kept_off_bounds(share: float) -> float:
    """A probability between SMALLEST_SHARE and 1 - SMALLEST_SHARE."""
    return min(1.0 - SMALLEST_SHARE, max(SMALLEST_SHARE, share))


@kernel
def fill_log_densities(trait: Trait, params: np.ndarray, scratch: Scratch) -> float:
    """Fill the posterior with log densities (cell, individual) less the constant of the normal one, which is returned.

    ``params`` (parameter,); ``fitted`` becomes residuals.
    """
    n_cells, n_columns = trait.contrasts.shape
    log_sigma = float(params[-1])
    half_precision = -0.5 * math.exp(-2.0 * log_sigma)
    response, weight = trait.response, trait.weight
    for cell in range(n_cells):
        row, residual = scratch.posterior[cell], scratch.fitted[cell]
        predict(trait, params, cell, scratch.means, residual)
        for i in range(len(residual)):
            residual[i] = response[i] - residual[i]
            row[i] = half_precision * weight[i] * residual[i] * residual[i]
        if trait.family == TWO_PART:
            share = kept_off_bounds(params[n_columns + cell])
            inside, outside = math.log(share), math.log1p(-share)
            for i in range(len(row)):
                row[i] += weight[i] * outside + (1.0 - weight[i]) * inside
    count = sum_of(weight) if trait.family == TWO_PART else float(len(weight))
    return -count * (log_sigma + LOG_ROOT_TWO_PI)


@kernel
def fill_relative_densities(prior: np.ndarray, posterior: np.ndarray, common: np.ndarray, powers: np.ndarray) -> None:
    """Turn log densities into prior times density over a ``common`` one, whose log is filled in, (individual,).

    ``prior`` and ``posterior`` (cell, individual), ``powers`` (individual,) is scratch space. The common density is the
    largest among the cells that an individual can have.
    """
    n_cells, n = prior.shape
    common[:] = NO_DENSITY
    for cell in range(n_cells):
        for i in range(n):
            common[i] = max(common[i], posterior[cell, i] if prior[cell, i] > 0.0 else NO_DENSITY)
    for cell in range(n_cells):
        row = posterior[cell]
        for i in range(n):
            row[i] = min(0.0, max(SMALLEST_LOG, row[i] - common[i]))
        exponentials(row, powers)
        for i in range(n):
            row[i] *= prior[cell, i]


@kernel
def fill_relative_pair(prior: np.ndarray, posterior: np.ndarray, common: np.ndarray, powers: np.ndarray) -> None:
    """Do the same for two cells with one exponential.

    ``prior`` and ``posterior`` (cell, individual), ``common`` and ``powers`` (individual,).
    """
    first_row, other = posterior[0], posterior[1]
    prior_one, prior_other = prior[0], prior[1]
    for i in range(len(first_row)):
        odds = min(-SMALLEST_LOG, max(SMALLEST_LOG, other[i] - first_row[i]))
        odds = odds if prior_other[i] > 0.0 else SMALLEST_LOG
        odds = odds if prior_one[i] > 0.0 else -SMALLEST_LOG
        common[i] = other[i] - odds if odds > 0.0 else first_row[i]
        other[i] = odds
    exponentials(other, powers)
    for i in range(len(first_row)):
        first_row[i] = prior_one[i]
        other[i] *= prior_other[i]


@summing_kernel
def sum_of(values: np.ndarray) -> float:
    """Sum of ``values`` (individual,)."""
    total = 0.0
    for i in range(len(values)):
        total += values[i]
    return total


@kernel
def fill_binary_densities(prior: np.ndarray, trait: Trait, params: np.ndarray, scratch: Scratch) -> None:
    """Fill the posterior with prior times P(observed 0/1 response), and ``fitted`` with the latter.

    ``prior`` (cell, individual), ``params`` (column,).
    """
    response = trait.response
    for cell in range(len(prior)):
        density, row, chance = scratch.fitted[cell], scratch.posterior[cell], prior[cell]
        predict(trait, params, cell, scratch.means, density)
        for i in range(len(density)):
            log_odds = density[i] * (1.0 - 2.0 * response[i])
            density[i] = min(LARGEST_LOG_ODDS, max(-LARGEST_LOG_ODDS, log_odds))
        exponentials(density, scratch.shared[0])
        for i in range(len(density)):
            density[i] = 1.0 / (1.0 + density[i])
            row[i] = chance[i] * density[i]


@kernel
def normalise(posterior: np.ndarray, total: np.ndarray, inverse: np.ndarray) -> float:
    """Divide the ``posterior`` (cell, individual) by each ``total`` (individual,); return the sum of the logs of these.

    ``inverse`` (individual,) is scratch space.
    """
    total[:] = SMALLEST_TOTAL
    for cell in range(len(posterior)):
        for i in range(len(total)):
            total[i] += posterior[cell, i]
    log_likelihood: float = sum_of_logarithms(total, inverse)
    for i in range(len(total)):
        inverse[i] = 1.0 / total[i]
    for cell in range(len(posterior)):
        for i in range(len(total)):
            posterior[cell, i] *= inverse[i]
    return log_likelihood


@kernel
def expect(prior: np.ndarray, trait: Trait, params: np.ndarray, scratch: Scratch) -> float:
    """The E-step: fill P(cell | response); return the log-likelihood (normal weights: without their logarithms).

    ``prior`` (cell, individual), ``params`` (parameter,).
    """
    posterior, first, second = scratch.posterior, scratch.shared[0], scratch.shared[1]
    log_likelihood = 0.0
    if trait.family == BINARY:
        fill_binary_densities(prior, trait, params, scratch)
    else:
        log_likelihood = fill_log_densities(trait, params, scratch)
        if len(prior) == 2:
            fill_relative_pair(prior, posterior, first, second)
        else:
            fill_relative_densities(prior, posterior, first, second)
        log_likelihood += sum_of(first)
    return log_likelihood + normalise(posterior, first, second)


@summing_kernel
def weighted_product(weight: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """Sum over individuals of ``weight`` x ``left`` x ``right`` (individual,)."""
    total = 0.0
    for i in range(len(weight)):
        total += weight[i] * left[i] * right[i]
    return total


@summing_kernel
def product(left: np.ndarray, right: np.ndarray) -> float:
    """Sum over individuals of ``left`` x ``right`` (individual,)."""
    total = 0.0
    for i in range(len(left)):
        total += left[i] * right[i]
    return total


@kernel
def add_cell(trait: Trait, cell: int, scratch: Scratch) -> None:
    """Add one cell to the normal equations: ``shared`` holds curvature and target (individual,) of its individuals."""
    regressors, regressor_of, contrast = trait.regressors, trait.regressor_of, trait.contrasts[cell]
    curvature, target, moments, products = scratch.shared[0], scratch.shared[1], scratch.moments, scratch.products
    for k in range(len(regressors)):
        products[k] = product(target, regressors[k])
        for other in range(k + 1):
            moments[k, other] = weighted_product(curvature, regressors[k], regressors[other])
            moments[other, k] = moments[k, other]
    for column in range(len(contrast)):
        if contrast[column] != 0.0:
            k = regressor_of[column]
            scratch.right[column] += contrast[column] * products[k]
            for other in range(column + 1):
                scratch.gram[column, other] += contrast[column] * contrast[other] * moments[k, regressor_of[other]]


@kernel
def largest_size(values: np.ndarray) -> float:
    """The largest absolute value of ``values`` (column,)."""
    largest = 0.0
    for value in values:
        largest = max(largest, abs(value))
    return largest


@kernel
def maximise_normal(trait: Trait, params: np.ndarray, scratch: Scratch, updated: np.ndarray) -> tuple[float, bool]:
    """The M-step of a normal or two-part trait: weighted least squares on residuals, from the posterior.

    Fill ``updated`` (parameter,); return the largest derivative of the log-likelihood at ``params`` (parameter,) and
    whether sigma is above 0.
    """
    n_cells, n_columns = trait.contrasts.shape
    curvature, target, weight = scratch.shared[0], scratch.shared[1], trait.weight
    scratch.gram[:] = 0.0
    scratch.right[:] = 0.0
    squares, count, steepest = 0.0, 0.0, 0.0
    for cell in range(n_cells):
        # Normal equations of the steps of the coefficients.
        posterior, residual = scratch.posterior[cell], scratch.fitted[cell]
        for i in range(len(residual)):
            curvature[i] = posterior[i] * weight[i]
            target[i] = curvature[i] * residual[i]
        squares += product(target, residual)
        add_cell(trait, cell, scratch)
        # Shares of the cell in the spike.
        if trait.family == TWO_PART:
            among, outside = sum_of(posterior), sum_of(curvature)
            count += outside
            before = kept_off_bounds(params[n_columns + cell])
            share = kept_off_bounds(1.0 - outside / among if among > 0.0 else 0.5)
            updated[n_columns + cell] = share
            steepest = max(steepest, among * abs(share - before))
    # The step, and the variance that it leaves.
    if trait.family == NORMAL:
        count = float(len(trait.response))
    precision = math.exp(-2.0 * params[-1])
    steepest = max(steepest, precision * largest_size(scratch.right), abs(precision * squares - count))
    cholesky(scratch.gram, DEPENDENT_PIVOT)
    scratch.step[:] = scratch.right
    solve(scratch.gram, scratch.step)
    for column in range(n_columns):
        squares -= scratch.right[column] * scratch.step[column]
        updated[column] = params[column] + scratch.step[column]
    sigma = math.sqrt(max(squares, 0.0) / count)
    updated[-1] = math.log(max(sigma, SMALLEST_SIGMA))
    return steepest, sigma > SMALLEST_SIGMA


@kernel
def safe_length(trait: Trait, scratch: Scratch) -> float:
    """The share of a Newton step (column,) that certainly raises the expected log-likelihood of a 0/1 trait.

    Where a step moves no predictor by more than R, its gain is at least t - (exp(R t) - R t - 1) / R^2 times that which
    its quadratic model promises; t = log(1 + R) / R is the best length. Bach (2010), Electron. J. Stat. 4:384,
    doi:10.1214/09-EJS521.
    """
    reach, row = 0.0, scratch.shared[0]
    for cell in range(len(trait.contrasts)):
        predict(trait, scratch.step, cell, scratch.means, row)
        reach = max(reach, largest_size(row))
    return 1.0 if reach <= SAFE_REACH else math.log1p(reach) / reach


@kernel
def maximise_binary(trait: Trait, params: np.ndarray, scratch: Scratch, updated: np.ndarray) -> tuple[float, bool]:
    """The M-step of a 0/1 trait: one step of Newton's method, from the posterior.

    Fill ``updated`` (column,); return the largest derivative of the log-likelihood at ``params`` (column,), and True.
    """
    curvature, target, response = scratch.shared[0], scratch.shared[1], trait.response
    scratch.gram[:] = 0.0
    scratch.right[:] = 0.0
    for cell in range(len(trait.contrasts)):
        posterior, density = scratch.posterior[cell], scratch.fitted[cell]
        for i in range(len(density)):
            slope = posterior[i] * (1.0 - density[i])
            curvature[i] = slope * density[i]
            target[i] = (2.0 * response[i] - 1.0) * slope
        add_cell(trait, cell, scratch)
    steepest = largest_size(scratch.right)
    cholesky(scratch.gram, DEPENDENT_PIVOT)
    scratch.step[:] = scratch.right
    solve(scratch.gram, scratch.step)
    length = safe_length(trait, scratch)
    for column in range(len(scratch.step)):
        updated[column] = params[column] + length * scratch.step[column]
    return steepest, True


@kernel
def maximise(trait: Trait, params: np.ndarray, scratch: Scratch, updated: np.ndarray) -> tuple[float, bool]:
    """The M-step: fill ``updated`` (parameter,) after an E-step at ``params`` (parameter,).

    Returns the largest derivative of the log-likelihood at ``params``, and whether there is an answer.
    """
    if trait.family == BINARY:
        return maximise_binary(trait, params, scratch, updated)
    return maximise_normal(trait, params, scratch, updated)


@kernel
def begin_from_prior(prior: np.ndarray, trait: Trait, rule: Rule, ascent: Ascent, scratch: Scratch) -> None:
    """Begin an ascent at the answer of an M-step under the ``prior`` (cell, individual); end it where there is none.

    Every fit starts from its prior probabilities: a start from a neighbouring position would end in other maxima.
    """
    ascent.point[:] = 0.0
    scratch.posterior[:] = prior
    for cell in range(len(prior)):
        if trait.family == BINARY:
            scratch.fitted[cell] = 0.5
        else:
            scratch.fitted[cell] = trait.response
    possible = maximise(trait, ascent.point, scratch, ascent.point)[1]
    begin(ascent, rule)
    if not possible:
        advance(ascent, rule, -math.inf, math.inf, False)


@kernel
def climb(prior: np.ndarray, trait: Trait, rule: Rule, ascent: Ascent, scratch: Scratch) -> tuple[float, int, int]:
    """Follow EM under the ``prior`` (cell, individual) to its end: log-likelihood, steps and status.

    The estimate is the ascent's point.
    """
    while running(ascent):
        value = expect(prior, trait, ascent.point, scratch)
        steepest, possible = maximise(trait, ascent.point, scratch, ascent.image)
        advance(ascent, rule, value, steepest / (1.0 + abs(value)), possible)
    return ended(ascent)


@kernel
def fit_from_prior(
    prior: np.ndarray, trait: Trait, rule: Rule, ascent: Ascent, scratch: Scratch
) -> tuple[float, int, int]:
    """Fit a trait under the ``prior`` (cell, individual) by EM: log-likelihood, steps and status."""
    begin_from_prior(prior, trait, rule, ascent, scratch)
    return climb(prior, trait, rule, ascent, scratch)
