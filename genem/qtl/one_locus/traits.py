"""Traits as the kernels take them: families, cells of genotypes, the null model, and the rule of their EM."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genem.em import Status
from genem.em.ascent_kernels import Rule, new_ascent, plain_rule, squarem_rule
from genem.errors import InputError
from genem.qtl.one_locus.design import Design
from genem.qtl.one_locus.sweep_kernels import fit_positions
from genem.qtl.one_locus.trait_kernels import Trait, fit_from_prior, n_parameters, new_scratch

__all__ = [
    "Reached",
    "TraitFit",
    "cell_regressors",
    "cell_trait",
    "default_rule",
    "fit_trait",
    "fit_traits",
    "null_log_likelihoods",
    "null_trait",
    "scoring_rule",
]

Floats = NDArray[np.float64]
OBJECTIVE_TOLERANCE = 1e-11
RESIDUAL_TOLERANCE = 1e-8
EXTRAPOLATE_BELOW = 1e-2
"""EM steps longer than this (of a standardised trait) are left plain, so that the maximum found is that of EM."""


class Reached(NamedTuple):
    """Log-likelihood, EM steps and status of fits."""

    log_likelihood: Floats  # float64 (trait, position)
    n_iter: NDArray[np.int64]  # int64 (trait, position)
    status: NDArray[np.int8]  # int8 (trait, position)

    @classmethod
    def empty(cls, n_traits: int, n_positions: int) -> Reached:
        """Room for so many."""
        shape = (n_traits, n_positions)
        return cls(np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int8))


def default_rule(max_iter: int = 10_000, *, objective: float = OBJECTIVE_TOLERANCE) -> Rule:
    """The rule by which the EM of every trait moves and ends, whatever it is fitted for."""
    return squarem_rule(max_iter, objective, np.inf, RESIDUAL_TOLERANCE, EXTRAPOLATE_BELOW)


def scoring_rule(max_iter: int) -> Rule:
    """The rule of Fisher scoring: steps are never extrapolated, but halved where they lower the likelihood."""
    return plain_rule(max_iter, OBJECTIVE_TOLERANCE, np.inf, RESIDUAL_TOLERANCE)._replace(halve=True)


def cell_trait(family: int, design: Design, response: Floats, weights: Floats, contrasts: Floats) -> Trait:
    """A trait whose cells differ as ``contrasts`` (cell, column) say, in every regressor that interacts with genotypes.

    Parameters
    ----------
    family
        ``NORMAL``, ``BINARY`` or ``TWO_PART``.
    design
        Own and shared regressors.
    response, weights
        float64 (individual,)
    contrasts
        float64 (cell, column): the identity where every genotype has a mean of its own.
    """
    n_cells = len(contrasts)
    n_own, n_shared = design.own.shape[1], design.shared.shape[1]
    return Trait(
        family,
        response,
        weights,
        np.ascontiguousarray(np.hstack([design.own, design.shared]).T),
        np.hstack([np.repeat(contrasts, n_own, axis=1), np.ones((n_cells, n_shared))]),
        np.concatenate([np.tile(np.arange(n_own), contrasts.shape[1]), n_own + np.arange(n_shared)]),
    )


def null_trait(family: int, design: Design, response: Floats, weights: Floats) -> Trait:
    """The trait without a locus: own regressors, indicators of sex and direction, the other regressors."""
    n_others = design.own.shape[1] - 1 + design.shared.shape[1]
    indicators = design.null[:, 1 : design.null.shape[1] - n_others]
    regressors = np.ascontiguousarray(np.hstack([design.own, indicators, design.shared]).T)
    n_columns = len(regressors)
    return Trait(family, response, weights, regressors, np.ones((1, n_columns)), np.arange(n_columns))


class TraitFit(NamedTuple):
    """One fit: ``params`` float64 (parameter,) and ``posterior`` float64 (cell, individual) beside how it ended."""

    log_likelihood: float
    n_iter: int
    status: Status
    params: Floats
    posterior: Floats


def fit_trait(prior: Floats, trait: Trait, rule: Rule) -> TraitFit:
    """The fit of a trait under one ``prior`` (cell, individual)."""
    ascent, scratch = new_ascent(n_parameters(trait)), new_scratch(trait)
    log_likelihood, n_iter, status = fit_from_prior(prior, trait, rule, ascent, scratch)
    return TraitFit(log_likelihood, n_iter, Status(status), ascent.point, scratch.posterior)


def cell_regressors(trait: Trait, cell: int) -> Floats:
    """Factors of the coefficients of a trait in one cell, float64 (individual, column)."""
    return np.asarray((trait.contrasts[cell][:, None] * trait.regressors[trait.regressor_of]).T)


def fit_traits(priors: Floats, trait: Trait, responses: Floats, rule: Rule) -> Reached:
    """Fits of all ``responses`` (trait, individual) under all ``priors`` (position, cell, individual)."""
    found = Reached.empty(len(responses), len(priors))
    fit_positions(priors, trait, responses, rule, *found)
    return found


def null_log_likelihoods(family: int, design: Design, responses: Floats, weights: Floats, rule: Rule) -> Floats:
    """Maxima (trait,) of the log-likelihood without a locus; ``responses`` (trait, individual).

    Raises
    ------
    InputError
        Nothing of a trait is left to be explained.
    """
    certain = np.ones((1, 1, responses.shape[1]))
    found = fit_traits(certain, null_trait(family, design, responses[0], weights), responses, rule)
    if (found.status == Status.DEGENERATE).any():
        raise InputError("the model without a locus fits the trait perfectly", remedy="use fewer covariates")
    return found.log_likelihood[:, 0]
