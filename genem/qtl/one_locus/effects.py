"""Effects of a locus: genotype means, additive effect and dominance, with standard errors, at one position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross, CrossType
from genem.em import Status, identify
from genem.errors import InputError, UsageError
from genem.qtl.genotypes.probabilities import ChromosomeGenotypes
from genem.qtl.one_locus.design import Design, numbers, sample_of, standardised
from genem.qtl.one_locus.methods import LN10
from genem.qtl.one_locus.mixture_information import LEAST_INFORMATION, mixture_information
from genem.qtl.one_locus.trait_kernels import NORMAL
from genem.qtl.one_locus.traits import (
    TraitFit,
    cell_regressors,
    cell_trait,
    default_rule,
    fit_trait,
    null_log_likelihoods,
)

__all__ = ["LocusEffects", "locus_effects"]

Floats = NDArray[np.float64]

MAX_ITER = 100_000
NOBODY = 1e-8
"""Expected individuals with a genotype below which nothing is said of its mean."""


@dataclass(frozen=True, slots=True)
class LocusEffects:
    """Maximum-likelihood estimates at one position.

    Attributes
    ----------
    trait, chromosome, position, name
        Of what, and where.
    terms
        Names: the genotypes (means where all covariates are 0), covariates, and ``genotype:covariate`` for
        interactions, relative to the last genotype.
    estimates, standard_errors
        float64 (term,); standard errors from the observed information, NaN where it is singular.
    adjusted_means, adjusted_errors
        float64 (genotype,): means of the genotypes where the covariates have their means, and standard errors.
    contrasts
        ``additive`` (half the difference of the homozygotes; in a backcross the heterozygotes less the homozygotes)
        and ``dominance`` (heterozygotes above the middle of the homozygotes): estimate and standard error.
    sigma
        Residual standard deviation, divisor n, and its standard error.
    log_likelihood, null_log_likelihood
        Natural logarithms.
    lod
        Their difference over log 10.
    percent_variance
        100 (1 - 10^(-2 LOD / n)).
    n_individuals
        n.
    status
        How EM ended.
    """

    trait: str
    chromosome: str
    position: float
    name: str
    terms: tuple[str, ...]
    estimates: Floats
    standard_errors: Floats
    adjusted_means: Floats
    adjusted_errors: Floats
    contrasts: dict[str, tuple[float, float]]
    sigma: tuple[float, float]
    log_likelihood: float
    null_log_likelihood: float
    lod: float
    percent_variance: float
    n_individuals: int
    status: Status


def locus_effects(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    trait: str,
    chromosome: str,
    position: str | float,
    *,
    addcovar: Sequence[str] = (),
    intcovar: Sequence[str] = (),
    weights: str | None = None,
) -> LocusEffects:
    """Fit the interval mapping model of :func:`~genem.qtl.scan` for a normal trait at one position.

    Standard errors come from the observed information, by Louis's formula: the expected complete-data information
    less the variance of the complete-data score, given what was seen. On the X chromosome, where states are split by
    sex, there are means but no contrasts.

    Parameters
    ----------
    cross, genotypes, addcovar, intcovar, weights
        As in :func:`~genem.qtl.scan`.
    trait
        Its name.
    chromosome
        Its name.
    position
        The name of a position, or cM (the nearest position is taken).

    Returns
    -------
    LocusEffects

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan`.
    UsageError
        No such chromosome, position or column.

    References
    ----------
    Lander & Botstein (1989), Genetics 121:185, doi:10.1093/genetics/121.1.185. Louis (1982), J. R. Stat. Soc. B 44:226,
    doi:10.1111/j.2517-6161.1982.tb01203.x.
    """
    genotyped, at = _find(genotypes, chromosome, position)
    values = numbers(cross, trait, "trait")
    sample = sample_of(cross, values, addcovar, intcovar, weights, name=trait)
    y = values[sample.keep]
    standard, centre, scale = standardised(y)
    if not scale > 0.0:
        raise InputError(f"trait {trait} is constant")
    design = sample.design(genotyped)
    prior = np.ascontiguousarray(genotyped.probabilities[at, sample.keep].T)
    trait_model = cell_trait(NORMAL, design, standard, sample.weights, np.eye(len(genotyped.states)))
    rule = default_rule(MAX_ITER)._replace(objective_tolerance=1e-13, residual_tolerance=1e-10)
    fit = fit_trait(prior, trait_model, rule)
    (null,) = null_log_likelihoods(NORMAL, design, standard[None], sample.weights, rule)
    components = ((share, cell_regressors(trait_model, cell)) for cell, share in enumerate(fit.posterior))
    information = mixture_information(components, standard, sample.weights, fit.params)
    estimated = _estimates(genotyped, cross.breeding, design, fit, information, centre, scale)
    constant = 0.5 * float(np.log(sample.weights).sum()) - len(y) * math.log(scale)
    lod = (fit.log_likelihood - float(null)) / LN10
    return LocusEffects(
        trait=trait,
        chromosome=chromosome,
        position=float(genotyped.grid.position[at]),
        name=genotyped.grid.names[at],
        **estimated,
        log_likelihood=fit.log_likelihood + constant,
        null_log_likelihood=float(null) + constant,
        lod=lod,
        percent_variance=100.0 * -math.expm1(-2.0 * LN10 * lod / len(y)),
        n_individuals=len(y),
        status=fit.status,
    )


class _Estimates(TypedDict):
    """The fields of :class:`LocusEffects` that the parameters and their covariance give."""

    terms: tuple[str, ...]
    estimates: Floats
    standard_errors: Floats
    adjusted_means: Floats
    adjusted_errors: Floats
    contrasts: dict[str, tuple[float, float]]
    sigma: tuple[float, float]


def _estimates(
    genotyped: ChromosomeGenotypes,
    cross_type: CrossType,
    design: Design,
    fit: TraitFit,
    information: Floats,
    centre: float,
    scale: float,
) -> _Estimates:
    """Estimates on the scale of the trait, from those of the standardised one; no error of what is not identified."""
    terms, to_terms, is_mean = _terms(genotyped.states, design)
    estimates = scale * (to_terms @ fit.params[:-1]) + np.where(is_mean, centre, 0.0)
    at_mean = np.arange(len(genotyped.states)) * design.own.shape[1]
    adjusted = centre + scale * fit.params[at_mean]
    absent = np.flatnonzero(fit.posterior.sum(axis=1) < NOBODY)
    estimates[absent] = np.nan
    adjusted[absent] = np.nan
    sigma = scale * math.exp(fit.params[-1])
    effects = {} if genotyped.is_x else {name: np.array(k) for name, k in cross_type.effects.items()}
    to_effects = [k @ to_terms[: len(k)] for k in effects.values()]
    coefficients = np.eye(len(fit.params))
    slopes = np.vstack([np.pad(row, (0, 1)) for row in (*to_terms, *to_effects)] + [coefficients[[*at_mean, -1]]])
    errors = scale * identify(information, slopes, least_information=LEAST_INFORMATION).standard_errors
    of_terms, of_effects, of_means, of_log_sigma = np.split(
        errors, np.cumsum([len(to_terms), len(to_effects), len(at_mean)])
    )
    values = [float(k @ np.where(k == 0.0, 0.0, estimates[: len(k)])) for k in effects.values()]
    return {
        "terms": terms,
        "estimates": estimates,
        "standard_errors": np.where(np.isfinite(estimates), of_terms, np.nan),
        "adjusted_means": adjusted,
        "adjusted_errors": np.where(np.isfinite(adjusted), of_means, np.nan),
        "contrasts": {
            name: (value, float(error) if math.isfinite(value) else math.nan)
            for name, value, error in zip(effects, values, of_effects, strict=True)
        },
        "sigma": (sigma, sigma / scale * float(of_log_sigma[0])),
    }


def _find(
    genotypes: Sequence[ChromosomeGenotypes], chromosome: str, position: str | float
) -> tuple[ChromosomeGenotypes, int]:
    genotyped = next((g for g in genotypes if g.chromosome == chromosome), None)
    if genotyped is None:
        raise UsageError(f"no chromosome {chromosome} among {', '.join(g.chromosome for g in genotypes)}")
    if isinstance(position, str):
        if position not in genotyped.grid.names:
            raise UsageError(f"no position {position} on chromosome {chromosome}")
        return genotyped, genotyped.grid.names.index(position)
    return genotyped, int(np.abs(genotyped.grid.position - position).argmin())


def _terms(states: tuple[str, ...], design: Design) -> tuple[tuple[str, ...], Floats, NDArray[np.bool_]]:
    """Names of the terms, and their matrix by the coefficients, both of the standardised trait, and which are means."""
    n_states, n_own = len(states), design.own.shape[1]
    size = n_states * n_own + len(design.shared_names)
    rows, names = [], []

    def unit(index: int, factor: float) -> Floats:
        row = np.zeros(size)
        row[index] = factor
        return row

    for state, label in enumerate(states):
        row = unit(state * n_own, 1.0)
        for k, name in enumerate(design.own_names):
            row[state * n_own + 1 + k] = -design.centre[name] / design.scale[name]
        for k, name in enumerate(design.shared_names):
            row[n_states * n_own + k] = -design.centre[name] / design.scale[name]
        rows.append(row)
        names.append(label)
    last = (n_states - 1) * n_own
    for name in design.centre:
        if name in design.own_names:
            rows.append(unit(last + 1 + design.own_names.index(name), 1.0 / design.scale[name]))
        elif name in design.shared_names:
            index = n_states * n_own + design.shared_names.index(name)
            rows.append(unit(index, 1.0 / design.scale[name]))
        else:
            continue
        names.append(name)
    for k, name in enumerate(design.own_names):
        factor = 1.0 / design.scale[name]
        for state, label in enumerate(states[:-1]):
            rows.append(unit(state * n_own + 1 + k, factor) - unit(last + 1 + k, factor))
            names.append(f"{label}:{name}")
    return tuple(names), np.array(rows), np.arange(len(rows)) < n_states
