"""LOD scores along one chromosome, by each method and model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genem.em import Status
from genem.errors import InputError
from genem.numerics.linear_kernels import orthonormalise
from genem.qtl.one_locus.design import Design, Sample
from genem.qtl.one_locus.extended_regression_kernels import fit_extended_positions
from genem.qtl.one_locus.family_kernels import NORMAL
from genem.qtl.one_locus.mixture_kernels import LOG_ROOT_TWO_PI, Data, Rule, fit_mixture, fit_positions
from genem.qtl.one_locus.regression_kernels import position_bases
from genem.qtl.one_locus.sweep_kernels import Stop, sweep_all
from genem.qtl.one_locus.two_part_kernels import fit_two_part_positions

__all__ = [
    "Fits",
    "Task",
    "average_ranks",
    "check_null",
    "expectation_maximisation",
    "extended_haley_knott",
    "haley_knott",
    "imputation",
    "is_plain",
    "logistic_haley_knott",
    "marker_regression",
    "normal_null",
    "null_basis",
    "null_log_likelihood",
    "rank_based",
    "rank_null",
    "rank_scales",
    "rank_scores",
    "regressor_rows",
    "residuals",
    "two_part",
    "two_part_null",
]

Floats = NDArray[np.float64]
LN10 = math.log(10.0)
MANY_TRAITS = 8
"""So many are scanned side by side."""
TO_BE_GAINED = 1e-10
"""Log-likelihood that the fits of many traits leave to be gained."""
LEFT_BY_ROUNDING = 1e-24
"""The part of a standardised trait's sum of squares that an exact regression may leave."""
SCORING_TOLERANCE = 1e-13
"""Fisher scoring has no second test of its stop."""


@dataclass(frozen=True, slots=True)
class Task:
    """One chromosome and the individuals that have the traits.

    Attributes
    ----------
    probabilities
        float64 (position, individual, state)
    design
        Covariates, and the null model.
    responses
        float64 (individual, trait), standardised; 0 and 1 for binary traits.
    weights
        float64 (individual,)
    rule
        When EM stops.
    """

    probabilities: Floats
    design: Design
    responses: Floats
    weights: Floats
    rule: Rule


@dataclass(frozen=True, slots=True)
class Fits:
    """LOD scores (position, trait) with an account of each fit; ``parts`` are further LOD scores by name."""

    lod: Floats
    n_iter: NDArray[np.int64]
    status: NDArray[np.int8]
    parts: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def direct(cls, lod: Floats) -> Fits:
        """No iteration was needed."""
        return cls(lod, np.zeros(lod.shape, np.int64), np.zeros(lod.shape, np.int8))


def null_basis(design: Design, weights: Floats) -> Floats:
    """An orthonormal basis (column, individual) of the null model, in units of the root of the weights."""
    basis = np.ascontiguousarray((np.sqrt(weights)[:, None] * design.null).T)
    orthonormalise(basis, 0)
    return basis


def check_null(sample: Sample, responses: Floats, names: Sequence[str], *, with_x: bool) -> None:
    """The null models must leave something of every trait (individual, trait).

    Raises
    ------
    InputError
        A trait is a linear function of the covariates, or on the X chromosome of these, sex and direction.
    """
    values = np.sqrt(sample.weights)[:, None] * responses
    for design in (sample.autosomes, sample.x) if with_x else (sample.autosomes,):
        left, total = residuals(null_basis(design, sample.weights), values), (values**2).sum(axis=0)
        explained = (total > 0.0) & ((left**2).sum(axis=0) <= LEFT_BY_ROUNDING * total)
        if explained.any():
            others = ", ".join((*design.own_names, *design.shared_names)) or "sex and direction of the cross"
            raise InputError(f"trait {names[int(explained.argmax())]} is a linear function of {others}")


def residuals(basis: Floats, values: Floats) -> Floats:
    """What an orthonormal basis leaves of ``values`` (individual, trait)."""
    for _ in range(2):
        values = values - basis.T @ (basis @ values)
    return values


def haley_knott(task: Task) -> Fits:
    """Regression on the genotype probabilities: LOD = (n / 2) log10(RSS0 / RSS1)."""
    n_positions, n, n_states = task.probabilities.shape
    root = np.sqrt(task.weights)
    basis = null_basis(task.design, task.weights)
    own = root[:, None] * task.design.own
    bases = np.empty((n_positions, n_states * own.shape[1], n))
    position_bases(basis, task.probabilities, own, bases, np.empty(n_positions, np.int64))
    left = residuals(basis, root[:, None] * task.responses)
    explained = np.einsum("pkt->pt", (bases.reshape(-1, n) @ left).reshape(n_positions, -1, left.shape[1]) ** 2)
    share = np.minimum(explained / (left**2).sum(axis=0), 1.0)
    with np.errstate(divide="ignore"):
        return Fits.direct(-0.5 * n * np.log1p(-share) / LN10)


def expectation_maximisation(task: Task, *, binary: bool) -> Fits:
    """The mixture model itself: LOD = (log L1 - log L0) / log 10. Many normal traits are taken side by side."""
    if not binary and task.responses.shape[1] >= MANY_TRAITS:
        return _side_by_side(task)
    return _by_likelihood(task, binary=binary, extended=False)


def is_plain(task: Task) -> bool:
    """Neither covariates nor weights."""
    return task.design.own.shape[1] == 1 and task.design.shared.shape[1] == 0 and bool((task.weights == 1.0).all())


def normal_null(task: Task) -> Floats:
    """Log-likelihoods (trait,) of the null model, without the constants of the normal density."""
    root = np.sqrt(task.weights)[:, None]
    left = residuals(null_basis(task.design, task.weights), root * task.responses)
    n = len(left)
    return np.asarray(-0.5 * n * (np.log((left**2).sum(axis=0) / n) + 1.0))


def regressor_rows(design: Design, response: Floats, weights: Floats, *, null_model: bool = False) -> Floats:
    """Response, weights, own and shared regressors, (row, individual); or own ones and the rest of the null model."""
    shared = design.shared
    if null_model:
        indicators = design.null[:, 1 : design.null.shape[1] - design.own.shape[1] + 1 - shared.shape[1]]
        shared = np.column_stack([indicators, shared])
    return np.ascontiguousarray(np.column_stack([response, weights, design.own, shared]).T)


def _side_by_side(task: Task) -> Fits:
    n_traits = task.responses.shape[1]
    shape = (n_traits, len(task.probabilities))
    log_likelihood, n_iter, status = np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int8)
    priors = np.ascontiguousarray(task.probabilities.transpose(0, 2, 1))
    responses = np.ascontiguousarray(task.responses.T)
    stop = Stop(NORMAL, task.design.own.shape[1], False, False, TO_BE_GAINED, task.rule.max_iter)
    rows = regressor_rows(task.design, responses[0], task.weights)
    everybody = np.arange(len(task.responses))[None]
    goals = np.full(n_traits, -np.inf)
    sweep_all(priors, rows, responses, everybody, stop, goals, log_likelihood, n_iter, status)
    return Fits((log_likelihood.T - normal_null(task)) / LN10, n_iter.T, status.T)


def extended_haley_knott(task: Task) -> Fits:
    """Regression on the genotype probabilities with the variances that they imply."""
    return _by_likelihood(task, binary=False, extended=True)


def _by_likelihood(task: Task, *, binary: bool, extended: bool) -> Fits:
    n_positions, _, n_states = task.probabilities.shape
    n_traits = task.responses.shape[1]
    own, shared = task.design.own, task.design.shared
    size = n_states * own.shape[1] + shared.shape[1] + 1
    lod = np.empty((n_positions, n_traits))
    n_iter, status = np.empty((n_positions, n_traits), np.int64), np.empty((n_positions, n_traits), np.int8)
    for trait in range(n_traits):
        data = Data(np.ascontiguousarray(task.responses[:, trait]), task.weights, own, shared)
        reached, of_trait = np.empty(n_positions), np.empty(n_positions, np.int64)
        how = np.empty(n_positions, np.int64)
        fit_all = fit_extended_positions if extended else fit_positions
        rule = task.rule._replace(objective_tolerance=SCORING_TOLERANCE) if extended else task.rule
        fit_all(task.probabilities, data, rule, reached, np.empty((n_positions, size)), of_trait, how)
        lod[:, trait] = (reached - null_log_likelihood(task, trait, binary=binary)) / LN10
        n_iter[:, trait], status[:, trait] = of_trait, how
    return Fits(lod, n_iter, status)


def marker_regression(task: Task, *, binary: bool) -> Fits:
    """Each marker with the individuals typed there; ``probabilities`` are 0 and 1, or NaN where not typed.

    The LOD score is NaN where no more are typed than there are parameters, but 0 where nobody is: no data, no evidence.
    """
    lod = np.full((len(task.probabilities), task.responses.shape[1]), np.nan)
    for marker, genotypes in enumerate(task.probabilities):
        typed = ~np.isnan(genotypes).any(axis=1)
        if not typed.any():
            lod[marker] = 0.0
            continue
        design = task.design.select(typed)
        n_seen = int((genotypes[typed] > 0.0).any(axis=0).sum())
        if int(typed.sum()) <= n_seen * design.own.shape[1] + design.shared.shape[1] + 1:
            continue
        one = Task(
            np.ascontiguousarray(genotypes[None, typed]),
            design,
            task.responses[typed],
            np.ascontiguousarray(task.weights[typed]),
            task.rule,
        )
        lod[marker] = (logistic_haley_knott if binary else haley_knott)(one).lod[0]
    return Fits.direct(lod)


def imputation(task: Task, draws: NDArray[np.int8]) -> Fits:
    """Likelihood ratios averaged over imputed genotypes (draw, individual, position).

    Sen & Churchill (2001), Genetics 159:371, doi:10.1093/genetics/159.1.371.
    """
    n_positions, _, n_states = task.probabilities.shape
    lod = np.empty((n_positions, task.responses.shape[1]))
    for position in range(n_positions):
        known = (draws[:, :, position, None] == np.arange(n_states)).astype(np.float64)
        one = Task(np.ascontiguousarray(known), task.design, task.responses, task.weights, task.rule)
        of_draws = haley_knott(one).lod
        best = of_draws.max(axis=0)
        lod[position] = best + np.log10(np.mean(10.0 ** (of_draws - best), axis=0))
    return Fits.direct(lod)


def logistic_haley_knott(task: Task) -> Fits:
    """Logistic regression of a 0/1 trait on the genotype probabilities."""
    n_positions, n, n_states = task.probabilities.shape
    n_traits = task.responses.shape[1]
    lod = np.empty((n_positions, n_traits))
    null = [null_log_likelihood(task, trait, binary=True) for trait in range(n_traits)]
    for position in range(n_positions):
        genotypes = task.probabilities[position, :, :, None] * task.design.own[:, None, :]
        regressors = np.ascontiguousarray(
            np.column_stack([task.design.null, genotypes[:, : n_states - 1].reshape(n, -1)])
        )
        for trait in range(n_traits):
            lod[position, trait] = (_plain_fit(task, trait, regressors, binary=True) - null[trait]) / LN10
    return Fits.direct(lod)


def two_part(task: Task, in_spike: NDArray[np.bool_]) -> Fits:
    """Spike and normal part together; ``parts`` test each given the other.

    Three models are compared with the null: both parts by genotype, only P(spike), only the mean. The null model's
    sigma has divisor n - 1 where it is a mean alone, as in R/qtl: a constant, less than 0.01 for more than 12
    individuals outside the spike.
    """
    n_positions, _, n_states = task.probabilities.shape
    both, spike_only, mean_only = (np.empty(n_positions) for _ in range(3))
    n_iter, status, unused = (np.empty(n_positions, np.int64) for _ in range(3))
    response = np.ascontiguousarray(task.responses[:, 0])
    fit_two_part_positions(task.probabilities, response, in_spike, task.rule, both, n_iter, status)
    binary = Data(in_spike.astype(np.float64), task.weights, task.design.own, task.design.shared)
    scratch = np.empty((n_positions, n_states + 1))
    binary_rule = task.rule._replace(binary=True)
    fit_positions(task.probabilities, binary, binary_rule, spike_only, scratch, unused, unused.copy())
    outside = ~in_spike
    normal = Data(response[outside], task.weights[outside], task.design.own[outside], task.design.shared[outside])
    apart = np.ascontiguousarray(task.probabilities[:, outside])
    fit_positions(apart, normal, task.rule, mean_only, scratch, unused, unused.copy())
    spike_null, mean_null = _parts_without_locus(task, in_spike)
    joint = both - spike_null - mean_null
    by_spike, by_mean = spike_only - spike_null, mean_only - mean_null
    return Fits(
        joint[:, None] / LN10,
        n_iter[:, None],
        status.astype(np.int8)[:, None],
        {"binary": (joint - by_mean)[:, None] / LN10, "normal": (joint - by_spike)[:, None] / LN10},
    )


def two_part_null(task: Task, in_spike: NDArray[np.bool_]) -> float:
    """Log-likelihood of the two-part model without a locus, without the constants of the normal density."""
    return sum(_parts_without_locus(task, in_spike)) + (len(in_spike) - int(in_spike.sum())) * LOG_ROOT_TWO_PI


def _parts_without_locus(task: Task, in_spike: NDArray[np.bool_]) -> tuple[float, float]:
    """Of being in the spike, and of the trait outside."""
    null, outside = task.design.null, ~in_spike
    everywhere = Data(in_spike.astype(np.float64), task.weights, null, np.empty((len(null), 0)))
    spike = _regression(everywhere, task.rule._replace(binary=True))
    own, empty = np.ascontiguousarray(null[outside]), np.empty((int(outside.sum()), 0))
    mean = _regression(Data(task.responses[outside, 0], task.weights[outside], own, empty), task.rule)
    n_outside, n_columns = own.shape
    if n_columns == 1:
        mean -= 0.5 * (n_outside * math.log(n_outside / (n_outside - 1.0)) - 1.0)
    return spike, mean


def rank_based(task: Task, strata: NDArray[np.int64]) -> Fits:
    """Kruskal and Wallis's test with genotype probabilities, on the scale of LOD scores.

    Where the null model tells strata apart, it has a score of its own, which is subtracted. Kruglyak & Lander (1995),
    Genetics 139:1421, doi:10.1093/genetics/139.3.1421.
    """
    scales = rank_scales(task.probabilities)
    lod = np.empty((len(task.probabilities), task.responses.shape[1]))
    for trait in range(task.responses.shape[1]):
        scores = rank_scores(task.responses[:, trait])
        summed = np.einsum("pis,i->ps", task.probabilities, scores)
        lod[:, trait] = (scales * summed**2).sum(axis=1) - rank_null(scores, strata)
    return Fits.direct(lod)


def rank_scores(values: Floats) -> Floats:
    """Centred ranks, in the unit in which Kruskal and Wallis's statistic comes out as a LOD score."""
    ranks, tie_correction = average_ranks(values)
    n = len(values)
    return (ranks - (n + 1) / 2.0) * math.sqrt(6.0 / (n * (n + 1.0) * tie_correction * LN10))


def rank_scales(probabilities: Floats) -> Floats:
    """What the squares of summed scores are multiplied by, (position, genotype): 0 where all have the same."""
    n = probabilities.shape[1]
    total, squares = probabilities.sum(axis=1), (probabilities**2).sum(axis=1)
    spread = n * squares - total**2
    return np.where(spread > 1e-12 * n * n, (n - total) / np.where(spread > 0.0, spread, 1.0), 0.0)


def rank_null(scores: Floats, strata: NDArray[np.int64]) -> float:
    """The LOD score of the strata themselves."""
    among = (strata[:, None] == np.arange(strata.max() + 1)).astype(np.float64)
    return float((rank_scales(among[None])[0] * (scores @ among) ** 2).sum())


def average_ranks(values: Floats) -> tuple[Floats, float]:
    """Ranks from 1, ties sharing their average, and 1 - sum(t^3 - t) / (n^3 - n) over groups of t ties."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    n = len(values)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    return (last - (counts - 1) / 2.0)[group], 1.0 - ties / (n**3 - n) if n > 1 else 0.0


def null_log_likelihood(task: Task, trait: int, *, binary: bool) -> float:
    """Of the null model of the chromosome."""
    return _plain_fit(task, trait, task.design.null, binary=binary)


def _plain_fit(task: Task, trait: int, regressors: Floats, *, binary: bool) -> float:
    """The maximum of a regression without a mixture: one genotype for all."""
    response = np.ascontiguousarray(task.responses[:, trait])
    data = Data(response, task.weights, np.ascontiguousarray(regressors), np.empty((len(response), 0)))
    return _regression(data, task.rule._replace(binary=binary))


def _regression(data: Data, rule: Rule) -> float:
    n = len(data.response)
    found, _, status = fit_mixture(np.ones((n, 1)), data, rule, np.empty(data.own.shape[1] + 1), np.empty((n, 1)))
    if status == Status.DEGENERATE:
        raise InputError("the model without a locus fits the trait perfectly", remedy="use fewer covariates")
    return float(found)
