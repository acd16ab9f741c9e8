"""Fits of models with several loci: regression on expected contrasts, and EM over all combinations of genotypes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross, CrossType
from genem.em import Status, identify
from genem.em.ascent_kernels import Rule
from genem.errors import InputError, UsageError
from genem.numerics.linear_kernels import orthonormalise
from genem.qtl.genotypes.joint import LinkedGenotypes, Locus, joint_probabilities
from genem.qtl.one_locus.design import Design, column, numbers, sample_of, standardised
from genem.qtl.one_locus.methods import LN10, Task
from genem.qtl.one_locus.mixture_information import LEAST_INFORMATION, mixture_information
from genem.qtl.one_locus.scanning import response_of
from genem.qtl.one_locus.trait_kernels import NORMAL, Trait
from genem.qtl.one_locus.traits import cell_regressors, default_rule, fit_trait
from genem.qtl.several_loci.terms import Term

__all__ = [
    "ModelFit",
    "ModelSetting",
    "MultipleQTLMethod",
    "cell_model",
    "fit_model",
    "locus_label",
    "model_setting",
    "term_columns",
    "term_names",
]

Floats = NDArray[np.float64]
MultipleQTLMethod = Literal["em", "hk"]
OBJECTIVE_TOLERANCE = 1e-12
MOST_CELLS = 20_000_000
"""Combinations of genotypes times individuals that EM holds at once."""


@dataclass(frozen=True, slots=True)
class ModelSetting:
    """The data that models of one trait share.

    Attributes
    ----------
    linked
        Joint genotype probabilities of the individuals kept.
    contrasts
        For each chromosome float64 (genotype, contrast), and the suffixes of their names.
    response
        float64 (individual,), standardised.
    centre, scale
        Of the trait.
    weights
        float64 (individual,)
    design
        Covariates and null model.
    indicators
        Names of the null model's indicators of sex and direction.
    covariates
        Columns that interact with loci, by name, as they are; float64 (individual,).
    method
        ``em`` or ``hk``.
    null
        Log-likelihood of the null model (standardised trait).
    """

    linked: tuple[LinkedGenotypes, ...]
    contrasts: tuple[tuple[Floats, tuple[str, ...]], ...]
    response: Floats
    centre: float
    scale: float
    weights: Floats
    design: Design
    indicators: tuple[str, ...]
    covariates: dict[str, Floats]
    method: MultipleQTLMethod
    null: float

    @property
    def n_individuals(self) -> int:
        return len(self.response)


@dataclass(frozen=True, slots=True)
class ModelFit:
    """A fitted model of several loci.

    Attributes
    ----------
    lod
        Against the null model.
    rank
        Parameters beyond the null model.
    coefficients, covariance
        Of null model and terms, for the standardised trait; the last row of an EM covariance is that of log sigma. The
        covariance is NaN for what is not identified.
        NaN where a column depends on those before it.
    sigma
        Residual standard deviation of the standardised trait; divisor n for EM, degrees of freedom for regression.
    n_iter, status
        Of EM.
    """

    lod: float
    rank: int
    coefficients: Floats
    covariance: Floats
    sigma: float
    n_iter: int
    status: Status


def model_setting(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    trait: str,
    method: MultipleQTLMethod,
    addcovar: Sequence[str],
    interacting: Sequence[str],
    weights: str | None,
    *,
    with_x: bool,
) -> ModelSetting:
    """Individuals, covariates and the null model: that of the X chromosome if ``with_x``."""
    if method not in ("em", "hk"):
        raise UsageError(f"method {method!r} is not one of em, hk")
    values = numbers(cross, trait, "trait")
    sample = sample_of(cross, values, tuple(dict.fromkeys((*addcovar, *interacting))), (), weights, name=trait)
    y = values[sample.keep]
    response = response_of(y, trait, "normal")
    _, centre, scale = standardised(y)
    design = sample.x if with_x else sample.autosomes
    _check_size(len(y), design.null.shape[1] + 1)
    n_covariates = len(design.own_names) + len(design.shared_names)
    n_indicators = design.null.shape[1] - 1 - n_covariates
    task = Task(np.empty((0, 0, 0)), design, response[:, None], sample.weights, default_rule())
    return ModelSetting(
        linked=tuple(linked_chromosome.select(sample.keep) for linked_chromosome in linked),
        contrasts=tuple(_contrasts(linked_chromosome, cross.breeding) for linked_chromosome in linked),
        response=response,
        centre=centre,
        scale=scale,
        weights=sample.weights,
        design=design,
        indicators=("male", "reverse")[:n_indicators] if n_indicators != 1 else _only_indicator(cross, sample.keep),
        covariates={name: column(cross, name)[sample.keep] for name in interacting},
        method=method,
        null=float(task.null(NORMAL)[0]),
    )


def _check_size(n: int, n_parameters: int) -> None:
    if n <= n_parameters:
        raise InputError(
            f"{n} individuals have the trait, too few for {n_parameters} parameters", remedy="use fewer covariates"
        )


def _only_indicator(cross: Cross, keep: NDArray[np.bool_]) -> tuple[str, ...]:
    male = cross.is_male
    return ("male",) if male is not None and male[keep].any() and not male[keep].all() else ("reverse",)


def _contrasts(linked_chromosome: LinkedGenotypes, cross_type: CrossType) -> tuple[Floats, tuple[str, ...]]:
    """Effects of a locus: additive, dominance; on the X chromosome between the two genotypes of each sex and direction.

    On autosomes they are those of the cross type.
    """
    if linked_chromosome.is_x:
        kinds = np.unique(linked_chromosome.state_of, axis=0)
        contrasts = np.zeros((len(linked_chromosome.states), len(kinds)))
        for k, (low, high) in enumerate(kinds.tolist()):
            contrasts[low, k], contrasts[high, k] = -0.5, 0.5
        return contrasts, tuple(
            f".{linked_chromosome.states[high]}-{linked_chromosome.states[low]}" for low, high in kinds.tolist()
        )
    return np.array(tuple(cross_type.contrasts.values())).T, tuple(cross_type.contrasts)


def locus_label(linked: Sequence[LinkedGenotypes], locus: Locus) -> str:
    """Chromosome and position, as in ``1@67.8``."""
    linked_chromosome = linked[locus.chromosome]
    return f"{linked_chromosome.chromosome}@{linked_chromosome.grid.position[locus.position]:.1f}"


def term_names(setting: ModelSetting, loci: Sequence[Locus], term: Term) -> list[str]:
    """The names of the columns of a term."""
    names = [""]
    for k in term.loci:
        suffixes = setting.contrasts[loci[k].chromosome][1]
        label = locus_label(setting.linked, loci[k])
        names = [f"{before}:{label}{suffix}".lstrip(":") for before in names for suffix in suffixes]
    return [":".join([name, *term.covariates]).lstrip(":") for name in names]


def _cell_contrasts(setting: ModelSetting, loci: Sequence[Locus], among: Sequence[int], term: Term) -> Floats:
    """The contrasts of a term for all combinations of genotypes at the loci ``among``, (cell, column)."""
    contrasts: Floats = np.ones((1, 1))
    for k in among:
        of_locus = setting.contrasts[loci[k].chromosome][0]
        factor = of_locus if k in term.loci else np.ones((len(of_locus), 1))
        contrasts = np.asarray(np.kron(contrasts, factor), np.float64)
    return contrasts


def _covariate_product(setting: ModelSetting, term: Term) -> Floats:
    product = np.ones(setting.n_individuals)
    for name in term.covariates:
        product = product * setting.covariates[name]
    return product


def term_columns(setting: ModelSetting, loci: Sequence[Locus], term: Term) -> Floats:
    """Expected contrasts of a term given the calls, float64 (column, individual)."""
    cells = joint_probabilities(setting.linked, [loci[k] for k in term.loci])
    return np.asarray(_cell_contrasts(setting, loci, term.loci, term).T @ cells * _covariate_product(setting, term))


def cell_model(setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term]) -> Trait:
    """The mixture over all combinations of genotypes."""
    null = setting.design.null
    everywhere = range(len(loci))
    n_cells = len(_cell_contrasts(setting, loci, everywhere, Term(())))
    if n_cells * setting.n_individuals > MOST_CELLS:
        raise UsageError(f"{len(loci)} loci have {n_cells:,} combinations of genotypes, too many for em; use method hk")
    products: dict[tuple[str, ...], int] = {(): 0}
    regressors, blocks, regressor_of = [*null.T], [np.ones((n_cells, null.shape[1]))], list(range(null.shape[1]))
    for term in terms:
        block = _cell_contrasts(setting, loci, everywhere, term)
        if term.covariates not in products:
            products[term.covariates] = len(regressors)
            regressors.append(_covariate_product(setting, term))
        blocks.append(block)
        regressor_of.extend([products[term.covariates]] * block.shape[1])
    return Trait(
        NORMAL,
        setting.response,
        setting.weights,
        np.ascontiguousarray(regressors),
        np.ascontiguousarray(np.hstack(blocks)),
        np.array(regressor_of),
    )


def fit_model(setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term]) -> ModelFit:
    """Fit loci and terms; terms of covariates alone belong to the null model and are not among them."""
    columns = np.vstack([setting.design.null.T, *(term_columns(setting, loci, term) for term in terms)])
    root = np.sqrt(setting.weights)
    basis = columns * root
    n_null = setting.design.null.shape[1]
    orthonormalise(basis, 0)
    independent = np.asarray(basis.any(axis=1))
    rank = int(independent[n_null:].sum())
    n = setting.n_individuals
    _check_size(n, int(independent.sum()) + 1)
    if setting.method == "em" and loci:
        return _by_em(setting, loci, terms, independent, rank)
    y = setting.response * root
    x = (columns * root)[independent]
    coefficients, covariance = np.full(len(columns), np.nan), np.full((len(columns), len(columns)), np.nan)
    triangle = np.linalg.qr(x.T, mode="r")
    inverse = np.linalg.inv(triangle)
    coefficients[independent] = np.linalg.lstsq(x.T, y, rcond=None)[0]
    residual = y - basis.T @ (basis @ y)
    residual -= basis.T @ (basis @ residual)
    squares = float(residual @ residual)
    covariance[np.ix_(independent, independent)] = inverse @ inverse.T * squares / (n - len(x))
    log_likelihood = -0.5 * n * (math.log(squares / n) + math.log(2.0 * math.pi) + 1.0)
    lod = (log_likelihood - setting.null) / LN10 if rank else 0.0
    sigma = math.sqrt(squares / (n - len(x)))
    return ModelFit(lod, rank, coefficients, covariance, sigma, 0, Status.SOLVED)


def model_rule() -> Rule:
    """The rule of the EM of models of several loci."""
    return default_rule()._replace(objective_tolerance=OBJECTIVE_TOLERANCE)


def _by_em(
    setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term], independent: NDArray[np.bool_], rank: int
) -> ModelFit:
    model = cell_model(setting, loci, terms)
    fit = fit_trait(joint_probabilities(setting.linked, loci), model, model_rule())
    components = ((share, cell_regressors(model, cell)[:, independent]) for cell, share in enumerate(fit.posterior))
    used = np.append(independent, True)
    covariance = np.full((len(used), len(used)), np.nan)
    information = mixture_information(components, setting.response, setting.weights, fit.params[used])
    covariance[np.ix_(used, used)] = identify(information, least_information=LEAST_INFORMATION).covariance
    coefficients = np.where(independent, fit.params[:-1], np.nan)
    lod, sigma = (fit.log_likelihood - setting.null) / LN10, math.exp(fit.params[-1])
    return ModelFit(lod, rank, coefficients, covariance, sigma, fit.n_iter, fit.status)
