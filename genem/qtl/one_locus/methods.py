"""LOD scores along one chromosome, by each method and model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genem.em.ascent_kernels import Rule
from genem.errors import InputError
from genem.numerics.linear_kernels import orthonormalise
from genem.qtl.one_locus.design import Design, Sample
from genem.qtl.one_locus.extended_regression_kernels import fit_extended_positions
from genem.qtl.one_locus.regression_kernels import position_bases
from genem.qtl.one_locus.sweep_kernels import regress_positions
from genem.qtl.one_locus.trait_kernels import BINARY, NORMAL, TWO_PART
from genem.qtl.one_locus.traits import (
    Reached,
    cell_trait,
    fit_traits,
    null_log_likelihoods,
    null_trait,
    scoring_rule,
)

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
    "null_basis",
    "rank_based",
    "rank_null",
    "rank_scales",
    "rank_scores",
    "residuals",
    "two_part",
    "two_part_null",
]

Floats = NDArray[np.float64]
LN10 = math.log(10.0)
LEFT_BY_ROUNDING = 1e-24
"""The part of a standardised trait's sum of squares that an exact regression may leave."""


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
        How EM moves and ends.
    """

    probabilities: Floats
    design: Design
    responses: Floats
    weights: Floats
    rule: Rule

    @property
    def priors(self) -> Floats:
        """Genotype probabilities, float64 (position, state, individual)."""
        return np.ascontiguousarray(self.probabilities.transpose(0, 2, 1))

    def null(self, family: int) -> Floats:
        """Log-likelihoods (trait,) of the null model of the chromosome."""
        responses = np.ascontiguousarray(self.responses.T)
        return null_log_likelihoods(family, self.design, responses, self.weights, self.rule)


@dataclass(frozen=True, slots=True)
class Fits:
    """LOD scores (position, trait) with an account of each fit; ``parts`` are further LOD scores by name."""

    lod: Floats
    n_iter: NDArray[np.int64]
    status: NDArray[np.int8]
    parts: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def direct(cls, lod: Floats) -> Fits:
        """LOD scores that no iteration was needed for."""
        return cls(lod, np.zeros(lod.shape, np.int64), np.zeros(lod.shape, np.int8))

    @classmethod
    def of(cls, found: Reached, null: Floats) -> Fits:
        """LOD scores of maximised log-likelihoods against those of the null model (trait,)."""
        return cls((found.log_likelihood.T - null) / LN10, found.n_iter.T, found.status.T)


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
    """The residuals that an orthonormal basis leaves of ``values`` (individual, trait)."""
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


def expectation_maximisation(task: Task, family: int = NORMAL) -> Fits:
    """The mixture model itself: LOD = (log L1 - log L0) / log 10."""
    responses = np.ascontiguousarray(task.responses.T)
    contrasts = np.eye(task.probabilities.shape[2])
    trait = cell_trait(family, task.design, responses[0], task.weights, contrasts)
    return Fits.of(fit_traits(task.priors, trait, responses, task.rule), task.null(family))


def is_plain(task: Task) -> bool:
    """Neither covariates nor weights."""
    return task.design.own.shape[1] == 1 and task.design.shared.shape[1] == 0 and bool((task.weights == 1.0).all())


def extended_haley_knott(task: Task) -> Fits:
    """Regression on the genotype probabilities with the variances that they imply."""
    responses = np.ascontiguousarray(task.responses.T)
    found = Reached.empty(len(responses), len(task.probabilities))
    priors, contrasts = task.priors, np.eye(task.probabilities.shape[2])
    rule = scoring_rule(task.rule.max_iter)
    for k, response in enumerate(responses):
        trait = cell_trait(NORMAL, task.design, response, task.weights, contrasts)
        fit_extended_positions(priors, trait, rule, *(of_traits[k] for of_traits in found))
    return Fits.of(found, task.null(NORMAL))


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
        subtask = Task(
            np.ascontiguousarray(genotypes[None, typed]),
            design,
            task.responses[typed],
            np.ascontiguousarray(task.weights[typed]),
            task.rule,
        )
        lod[marker] = (logistic_haley_knott if binary else haley_knott)(subtask).lod[0]
    return Fits.direct(lod)


def imputation(task: Task, draws: NDArray[np.int8]) -> Fits:
    """Likelihood ratios averaged over imputed genotypes (draw, individual, position).

    Sen & Churchill (2001), Genetics 159:371, doi:10.1093/genetics/159.1.371.
    """
    n_positions, _, n_states = task.probabilities.shape
    lod = np.empty((n_positions, task.responses.shape[1]))
    for position in range(n_positions):
        known = (draws[:, :, position, None] == np.arange(n_states)).astype(np.float64)
        subtask = Task(np.ascontiguousarray(known), task.design, task.responses, task.weights, task.rule)
        of_draws = haley_knott(subtask).lod
        best = of_draws.max(axis=0)
        lod[position] = best + np.log10(np.mean(10.0 ** (of_draws - best), axis=0))
    return Fits.direct(lod)


def logistic_haley_knott(task: Task) -> Fits:
    """Logistic regression of a 0/1 trait on the genotype probabilities."""
    responses = np.ascontiguousarray(task.responses.T)
    found = Reached.empty(len(responses), len(task.probabilities))
    trait = null_trait(BINARY, task.design, responses[0], task.weights)
    regress_positions(task.priors, trait, responses, task.design.own.shape[1], task.rule, *found)
    return Fits.direct(Fits.of(found, task.null(BINARY)).lod)


def two_part(task: Task, in_spike: NDArray[np.bool_]) -> Fits:
    """Spike and normal part together; ``parts`` test each given the other.

    Three models are compared with the null: both parts by genotype, only P(spike), only the mean. The null model's
    sigma has divisor n - 1 where it is a mean alone, as in R/qtl: a constant, less than 0.01 for more than 12
    individuals outside the spike.
    """
    spike, mean = _parts(task, in_spike)
    contrasts = np.eye(task.probabilities.shape[2])
    trait = cell_trait(TWO_PART, task.design, task.responses[:, 0].copy(), (~in_spike).astype(np.float64), contrasts)
    found = fit_traits(task.priors, trait, trait.response[None], task.rule)
    joint = Fits.of(found, np.array([two_part_null(task, in_spike)]))
    by_spike, by_mean = expectation_maximisation(spike, BINARY).lod, expectation_maximisation(mean).lod
    shift = _divisor_correction(mean) / LN10
    joint.parts.update({"binary": joint.lod - (by_mean + shift), "normal": joint.lod - by_spike})
    return joint


def two_part_null(task: Task, in_spike: NDArray[np.bool_]) -> float:
    """Log-likelihood of the two-part model without a locus."""
    spike, mean = _parts(task, in_spike)
    return float(spike.null(BINARY)[0] + mean.null(NORMAL)[0]) - _divisor_correction(mean)


def _parts(task: Task, in_spike: NDArray[np.bool_]) -> tuple[Task, Task]:
    """The same for being in the spike, and for the trait of those outside."""
    outside = ~in_spike
    spike = Task(task.probabilities, task.design, in_spike[:, None].astype(np.float64), task.weights, task.rule)
    apart = np.ascontiguousarray(task.probabilities[:, outside])
    return spike, Task(apart, task.design.select(outside), task.responses[outside], task.weights[outside], task.rule)


def _divisor_correction(mean: Task) -> float:
    """The log-likelihood that a divisor of n - 1 instead of n takes off a mean alone."""
    n, n_columns = mean.design.null.shape
    return 0.5 * (n * math.log(n / (n - 1.0)) - 1.0) if n_columns == 1 else 0.0


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
    """Factors of the squares of summed scores, (position, genotype): 0 where all have the same."""
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
