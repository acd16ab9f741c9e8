"""Models of several quantitative trait loci: fits at given positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from genem.data import Cross
from genem.em import Status
from genem.errors import UsageError
from genem.qtl.genotypes.joint import LinkedGenotypes, Locus, find_locus
from genem.qtl.one_locus.methods import LN10
from genem.qtl.several_loci.models import (
    ModelFit,
    ModelSetting,
    MultipleQTLMethod,
    fit_model,
    locus_label,
    model_setting,
    term_names,
)
from genem.qtl.several_loci.terms import Term, formula_of, hierarchical, parse_formula

__all__ = ["DroppedTerm", "QTLFit", "fit_qtl", "percent_variance", "prepared_terms", "reduced", "requested_loci"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DroppedTerm:
    """The gain of a locus or an interaction over the model without it, with all that contains it.

    Attributes
    ----------
    name
        The locus, or the loci and covariates of the interaction.
    df
        Parameters saved without it.
    lod, percent_variance
        Lost without it.
    f
        F statistic of the regression; NaN for EM.
    p_lrt, p_f
        Of the likelihood ratio (chi-squared) and of F: both ignore that the position was searched for.
    status
        How EM ended without it.
    """

    name: str
    df: int
    lod: float
    percent_variance: float
    f: float
    p_lrt: float
    p_f: float
    status: Status


@dataclass(frozen=True, slots=True)
class QTLFit:
    """A model of several loci.

    Attributes
    ----------
    trait, method
        As asked for.
    loci
        Chromosome and position in cM of each.
    formula
        With ``Q1`` for the first locus.
    lod
        Against the null model, which holds covariates and, with a locus on the X chromosome, indicators of sex.
    df
        Parameters beyond the null model.
    percent_variance
        100 (1 - 10^(-2 LOD / n)).
    p_lrt, p_f
        Of the whole model; ``p_f`` is NaN for EM.
    terms
        Names of the estimates: ``Intercept``, covariates, effects of loci (``a`` additive, ``d`` dominance),
        interactions.
    estimates, standard_errors
        float64 (term,), in units of the trait; NaN where a column depends on those before it.
    sigma
        Residual standard deviation.
    dropped
        Drop-one analysis; empty where there are no loci.
    n_individuals
        n.
    n_iter, status
        Of EM.
    """

    trait: str
    method: MultipleQTLMethod
    loci: tuple[tuple[str, float], ...]
    formula: str
    lod: float
    df: int
    percent_variance: float
    p_lrt: float
    p_f: float
    terms: tuple[str, ...]
    estimates: Floats
    standard_errors: Floats
    sigma: float
    dropped: tuple[DroppedTerm, ...]
    n_individuals: int
    n_iter: int
    status: Status


def fit_qtl(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    trait: str,
    loci: Sequence[tuple[str, str | float]],
    formula: str | None = None,
    *,
    interactions: Sequence[tuple[int, ...]] = (),
    method: MultipleQTLMethod = "hk",
    addcovar: Sequence[str] = (),
    weights: str | None = None,
) -> QTLFit:
    """Fit a model of several loci at given positions, and test what each of them adds.

    ``hk`` regresses the trait on the expected contrasts of the genotypes given the calls; those of an interaction of
    linked loci are expectations of products. ``em`` maximises the likelihood of the mixture over all combinations of
    genotypes; standard errors are from the observed information. Effects are coded as in
    :func:`~genem.qtl.locus_effects`: in an intercross the additive effect is half the difference of the homozygotes
    and dominance how far heterozygotes lie above their middle; in a backcross the effect is the difference of the
    genotypes, in inbred lines half of it; on the X chromosome it is the difference within a sex and direction. The
    contrasts sum to zero, so that effects of loci that interact are averages.

    Parameters
    ----------
    cross, addcovar, weights
        As in :func:`~genem.qtl.scan`.
    linked
        Joint genotype probabilities: :func:`~genem.qtl.joint_genotypes`.
    trait
        Its name; normal.
    loci
        Chromosome of each and the name of a position, or cM (the nearest position is taken).
    formula
        Such as ``Q1 + Q2 + Q3*Q4``; names that are no loci are covariates. By default all loci are additive.
    interactions
        Instead of a formula: numbers of the loci (from 1) of each interaction.
    method
        ``hk`` or ``em``.

    Returns
    -------
    QTLFit

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan`.
    UsageError
        No such chromosome, position or column; the same position twice; the formula cannot be read; too many
        combinations of genotypes for ``em``.

    References
    ----------
    Haley & Knott (1992), Heredity 69:315, doi:10.1038/hdy.1992.131. Louis (1982), J. R. Stat. Soc. B 44:226,
    doi:10.1111/j.2517-6161.1982.tb01203.x.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import joint_genotypes
    >>> genetic_map = GeneticMap(("1", "2"), ("M1", "M2"), np.array([0, 1], np.int32), np.zeros(2))
    >>> calls = np.array([[1, 1], [1, 2], [2, 1], [2, 2]] * 3, np.int8)
    >>> trait = {"y": np.array([1.0, 2.0, 2.1, 3.0, 1.1, 2.2, 1.9, 3.1, 0.9, 1.8, 2.0, 2.9])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefghijkl"), genetic_map, calls, trait, {})
    >>> found = fit_qtl(cross, joint_genotypes(cross, error_prob=0.0), "y", [("1", 0.0), ("2", 0.0)])
    >>> found.terms, found.estimates.round(2).tolist()
    (('Intercept', '1@0.0', '2@0.0'), [2.0, 1.0, 1.0])
    """
    at = requested_loci(linked, loci)
    terms = prepared_terms(len(at), formula, interactions)
    with_x = any(linked[locus.chromosome].is_x for locus in at)
    interacting = list(dict.fromkeys(name for term in terms for name in term.covariates))
    setting = model_setting(cross, linked, trait, method, addcovar, interacting, weights, with_x=with_x)
    genetic = tuple(term for term in terms if term.loci)
    fitted = fit_model(setting, at, genetic)
    return _described(setting, trait, at, terms, genetic, fitted)


def requested_loci(linked: Sequence[LinkedGenotypes], loci: Sequence[tuple[str, str | float]]) -> list[Locus]:
    """The loci asked for; a position asked for twice is refused."""
    at = [find_locus(linked, chromosome, position) for chromosome, position in loci]
    for k, locus in enumerate(at):
        if locus in at[:k]:
            raise UsageError(
                f"Q{at.index(locus) + 1} and Q{k + 1} are both at {locus_label(linked, locus)}: "
                "positions must differ; take a smaller step"
            )
    return at


def prepared_terms(n_loci: int, formula: str | None, interactions: Sequence[tuple[int, ...]]) -> tuple[Term, ...]:
    """From a formula, or from main effects of all loci and interactions."""
    if formula is not None:
        if interactions:
            raise UsageError("give a formula or interactions, not both")
        return parse_formula(formula, n_loci)
    for interaction in interactions:
        if not all(1 <= number <= n_loci for number in interaction) or len(set(interaction)) < 2:
            raise UsageError(f"interaction {interaction}: two or more of the loci 1 to {n_loci} expected")
    mains = [Term((k,)) for k in range(n_loci)]
    return hierarchical([*mains, *(Term(tuple(sorted(number - 1 for number in set(i)))) for i in interactions)])


def percent_variance(lod: float, n: int) -> float:
    """Share of the residual variance of the null model, in percent."""
    return 100.0 * -math.expm1(-2.0 * LN10 * lod / n)


def reduced(loci: Sequence[Locus], terms: Sequence[Term], dropped: Term) -> tuple[list[Locus], tuple[Term, ...]]:
    """The model without a term and all that contain it; loci that are left without a term go, too."""
    kept = [term for term in terms if not dropped.within(term)]
    used = sorted({k for term in kept for k in term.loci})
    renumbered = [Term(tuple(used.index(k) for k in term.loci), term.covariates) for term in kept]
    return [loci[k] for k in used], tuple(renumbered)


def _described(
    setting: ModelSetting,
    trait: str,
    loci: Sequence[Locus],
    terms: tuple[Term, ...],
    genetic: tuple[Term, ...],
    fitted: ModelFit,
) -> QTLFit:
    n = setting.n_individuals
    names, to_terms, shift = _natural_units(setting, loci, genetic)
    estimates = to_terms @ np.nan_to_num(fitted.coefficients) + shift
    size = len(names)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(to_terms @ np.nan_to_num(fitted.covariance[:size, :size]) @ to_terms.T))
    dependent = np.isnan(fitted.coefficients)
    unidentified = ~dependent & np.isnan(np.diag(fitted.covariance)[:size])
    unknown = dependent | (to_terms[:, unidentified] != 0.0).any(axis=1)
    estimates[dependent] = np.nan
    errors[unknown] = np.nan
    remaining = n - setting.design.null.shape[1] - fitted.rank
    share = 10.0 ** (-2.0 * fitted.lod / n)
    _, p_f = _f_test(setting, 1.0, share, fitted.rank, remaining)
    return QTLFit(
        trait=trait,
        method=setting.method,
        loci=tuple((setting.linked[locus.chromosome].chromosome, _position(setting.linked, locus)) for locus in loci),
        formula=formula_of(terms),
        lod=fitted.lod,
        df=fitted.rank,
        percent_variance=percent_variance(fitted.lod, n),
        p_lrt=_p_of_lod(fitted.lod, fitted.rank),
        p_f=p_f,
        terms=tuple(names),
        estimates=estimates,
        standard_errors=errors,
        sigma=setting.scale * fitted.sigma,
        dropped=tuple(_drop(setting, loci, genetic, term, fitted) for term in _droppable(genetic)),
        n_individuals=n,
        n_iter=fitted.n_iter,
        status=fitted.status,
    )


def _position(linked: Sequence[LinkedGenotypes], locus: Locus) -> float:
    return float(linked[locus.chromosome].grid.position[locus.position])


def _natural_units(
    setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term]
) -> tuple[list[str], Floats, Floats]:
    """Names of the estimates, and how they follow from the coefficients: matrix and shift."""
    design = setting.design
    names = ["Intercept", *setting.indicators, *design.shared_names]
    n_null = len(names)
    for term in terms:
        names += term_names(setting, loci, term)
    matrix, shift = setting.scale * np.eye(len(names)), np.zeros(len(names))
    shift[0] = setting.centre
    for k, name in enumerate(design.shared_names, n_null - len(design.shared_names)):
        matrix[k, k] /= design.scale[name]
        matrix[0, k] = -matrix[k, k] * design.centre[name]
    return names, matrix, shift


def _droppable(terms: Sequence[Term]) -> list[Term]:
    return sorted(terms, key=lambda term: (term.size, term.loci, term.covariates))


def _drop(
    setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term], dropped: Term, fitted: ModelFit
) -> DroppedTerm:
    n = setting.n_individuals
    without = fit_model(setting, *reduced(loci, terms, dropped))
    df, lod = fitted.rank - without.rank, fitted.lod - without.lod
    remaining = n - setting.design.null.shape[1] - fitted.rank
    before, after = 10.0 ** (-2.0 * without.lod / n), 10.0 ** (-2.0 * fitted.lod / n)
    f, p_f = _f_test(setting, before, after, df, remaining)
    name = ":".join([*(locus_label(setting.linked, loci[k]) for k in dropped.loci), *dropped.covariates])
    return DroppedTerm(name, df, lod, 100.0 * (before - after), f, _p_of_lod(lod, df), p_f, without.status)


def _p_of_lod(lod: float, df: int) -> float:
    return float(chdtrc(df, 2.0 * LN10 * max(lod, 0.0))) if df > 0 else math.nan


def _f_test(setting: ModelSetting, before: float, after: float, df: int, remaining: int) -> tuple[float, float]:
    """From residual shares of the null model's squares; regression only."""
    if setting.method != "hk" or df == 0 or not after > 0.0:
        return math.nan, math.nan
    f = (before - after) / df / (after / remaining)
    return f, float(fdtrc(df, remaining, max(f, 0.0)))
