"""LOD profiles: one locus of a model moves along the chromosomes, the others stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.numerics.linear_kernels import orthonormalise
from genem.qtl.genotypes.joint import LinkedGenotypes, Locus, joint_probabilities
from genem.qtl.one_locus.methods import LN10, residuals
from genem.qtl.one_locus.regression_kernels import position_bases
from genem.qtl.one_locus.traits import fit_traits
from genem.qtl.several_loci.fitting import prepared_terms, reduced, requested_loci
from genem.qtl.several_loci.models import (
    ModelSetting,
    MultipleQTLMethod,
    cell_model,
    fit_model,
    locus_label,
    model_rule,
    model_setting,
    term_columns,
)
from genem.qtl.several_loci.pair_methods import lod_of_share
from genem.qtl.several_loci.terms import Term

__all__ = ["LocusProfile", "locus_lods", "qtl_profiles", "refine_loci"]

Floats = NDArray[np.float64]
BLOCK = 1 << 21
"""Probabilities of combinations of genotypes held at once."""
TIE = 1e-9
"""LOD scores this close are the same."""
MAX_SWEEPS = 10


@dataclass(frozen=True, slots=True)
class LocusProfile:
    """LOD scores of a model with one of its loci elsewhere on its chromosome.

    Attributes
    ----------
    name
        The locus as it is.
    chromosome
        Its name.
    position
        float64 (position,), in cM.
    lod
        float64 (position,): what the locus, with its interactions, adds to the model of the others; NaN where another
        locus of the model is.
    at
        Where the locus is, in cM.
    """

    name: str
    chromosome: str
    position: Floats
    lod: Floats
    at: float


def locus_lods(
    setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term], moving: int, chromosome: int
) -> Floats:
    """LOD scores of a model (position,) with the locus number ``moving`` at all positions of a chromosome.

    NaN where another locus of the model is.
    """
    others = [locus for k, locus in enumerate(loci) if k != moving]
    n_positions = len(setting.linked[chromosome].grid)
    free = np.array([Locus(chromosome, position) not in others for position in range(n_positions)])
    places = [
        [Locus(chromosome, position) if k == moving else locus for k, locus in enumerate(loci)]
        for position in np.flatnonzero(free).tolist()
    ]
    lods = np.full(n_positions, np.nan)
    if places:
        by_method = _by_em if setting.method == "em" else _by_regression
        lods[free] = by_method(setting, places, terms, moving)
    return lods


def _by_regression(
    setting: ModelSetting, places: Sequence[Sequence[Locus]], terms: Sequence[Term], moving: int
) -> Floats:
    root = np.sqrt(setting.weights)
    still = [term for term in terms if moving not in term.loci]
    fixed = [setting.design.null.T, *(term_columns(setting, places[0], term) for term in still)]
    basis = np.ascontiguousarray(np.vstack(fixed) * root)
    n_null = setting.design.null.shape[1]
    orthonormalise(basis, 0)
    partners = {term: _partner_columns(setting, places[0], term, moving) for term in terms if moving in term.loci}
    columns = np.stack(
        [
            np.vstack([_moving_columns(setting, loci, term, moving, fixed) for term, fixed in partners.items()])
            for loci in places
        ]
    )
    n_columns, n = columns.shape[1:]
    bases = np.empty((len(places), n_columns, n))
    position_bases(
        basis, np.ascontiguousarray(columns.transpose(0, 2, 1)), root[:, None], bases, np.empty(len(places), np.int64)
    )
    response = (root * setting.response)[:, None]
    left_by_null = residuals(basis[:n_null], response)[:, 0]
    left = residuals(basis, response)[:, 0]
    total = float(left_by_null @ left_by_null)
    explained = total - float(left @ left) + ((bases.reshape(-1, n) @ left) ** 2).reshape(len(places), -1).sum(axis=1)
    return lod_of_share(explained / total, n)


def _partner_columns(setting: ModelSetting, loci: Sequence[Locus], term: Term, moving: int) -> Floats | None:
    """The other factors of a term; None if they are linked to the moving locus, so that the product has to wait."""
    partners = tuple(k for k in term.loci if k != moving)
    if any(loci[k].chromosome == loci[moving].chromosome for k in partners):
        return None
    return term_columns(setting, loci, Term(partners, term.covariates))


def _moving_columns(
    setting: ModelSetting, loci: Sequence[Locus], term: Term, moving: int, partner: Floats | None
) -> Floats:
    """Expected contrasts of a term, (column, individual); unlinked factors are independent given the calls."""
    if partner is None:
        return term_columns(setting, loci, term)
    probabilities = setting.linked[loci[moving].chromosome].genotypes.probabilities[loci[moving].position]
    of_locus = (probabilities @ setting.contrasts[loci[moving].chromosome][0]).T
    return np.asarray((of_locus[:, None] * partner[None]).reshape(-1, of_locus.shape[1]))


def _by_em(setting: ModelSetting, places: Sequence[Sequence[Locus]], terms: Sequence[Term], moving: int) -> Floats:
    del moving
    model = cell_model(setting, places[0], terms)
    at_once = max(1, BLOCK // (len(model.contrasts) * setting.n_individuals))
    reached = np.empty(len(places))
    for start in range(0, len(places), at_once):
        some = places[start : start + at_once]
        priors = np.stack([joint_probabilities(setting.linked, loci) for loci in some])
        found = fit_traits(priors, model, model.response[None], model_rule())
        reached[start : start + at_once] = found.log_likelihood[0]
    return np.asarray((reached - setting.null) / LN10)


def refine_loci(setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term]) -> tuple[list[Locus], int]:
    """Move one locus after another to its best position on its chromosome, until none moves; count the moves.

    Ties leave a locus where it is, so that the LOD score of the model never falls.
    """
    at = list(loci)
    n_moves = 0
    for _ in range(MAX_SWEEPS):
        moved = False
        for k in range(len(at)):
            lods = locus_lods(setting, at, terms, k, at[k].chromosome)
            best = int(np.nanargmax(lods))
            if lods[best] > lods[at[k].position] + TIE:
                at[k] = Locus(at[k].chromosome, best)
                moved = True
                n_moves += 1
        if not moved:
            break
    return at, n_moves


def profiles_of(setting: ModelSetting, loci: Sequence[Locus], terms: Sequence[Term]) -> tuple[LocusProfile, ...]:
    """The profile of every locus of a model."""
    found = []
    for k, locus in enumerate(loci):
        without = fit_model(setting, *reduced(loci, terms, Term((k,)))).lod
        linked_chromosome = setting.linked[locus.chromosome]
        lods = locus_lods(setting, loci, terms, k, locus.chromosome) - without
        name = locus_label(setting.linked, locus)
        at = float(linked_chromosome.grid.position[locus.position])
        found.append(LocusProfile(name, linked_chromosome.chromosome, linked_chromosome.grid.position, lods, at))
    return tuple(found)


def qtl_profiles(
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
    refine: bool = False,
) -> tuple[LocusProfile, ...]:
    """LOD profiles of each locus of a model, given the others.

    Parameters
    ----------
    cross, linked, trait, loci, formula, interactions, method, addcovar, weights
        As in :func:`~genem.qtl.fit_qtl`.
    refine
        Move the loci to where the model fits best, first.

    Returns
    -------
    One :class:`LocusProfile` per locus.

    Raises
    ------
    InputError, UsageError
        As in :func:`~genem.qtl.fit_qtl`.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import joint_genotypes
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 20.0]))
    >>> calls = np.array([[1, 1], [1, 2], [2, 1], [2, 2]] * 2, np.int8)
    >>> trait = {"y": np.array([1.0, 1.1, 2.1, 2.0, 1.1, 0.9, 1.9, 2.1])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefgh"), genetic_map, calls, trait, {})
    >>> (found,) = qtl_profiles(cross, joint_genotypes(cross, step=10), "y", [("1", 20.0)], refine=True)
    >>> found.at, found.lod.round(2).tolist()
    (0.0, [6.29, 1.16, 0.0])
    """
    at = requested_loci(linked, loci)
    terms = prepared_terms(len(at), formula, interactions)
    with_x = any(linked[locus.chromosome].is_x for locus in at)
    interacting = list(dict.fromkeys(name for term in terms for name in term.covariates))
    setting = model_setting(cross, linked, trait, method, addcovar, interacting, weights, with_x=with_x)
    genetic = tuple(term for term in terms if term.loci)
    if refine:
        at, _ = refine_loci(setting, at, genetic)
    return profiles_of(setting, at, genetic)
