"""Selection of loci and interactions of a model: forward and backward selection by a penalised LOD score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from genem.data import Cross
from genem.em import Status
from genem.errors import UsageError
from genem.qtl.genotypes.joint import LinkedGenotypes, Locus
from genem.qtl.several_loci.fitting import reduced
from genem.qtl.several_loci.models import ModelSetting, MultipleQTLMethod, fit_model, model_setting
from genem.qtl.several_loci.pair_permutations import Penalties, derive_penalties, permute_two
from genem.qtl.several_loci.profiles import TIE, LocusProfile, locus_lods, profiles_of, refine_loci
from genem.qtl.several_loci.terms import Term, count_interactions, formula_of

__all__ = ["Criterion", "QTLSelection", "VisitedModel", "select_qtl"]

Criterion = Literal["plod", "bic"]
Step = Literal["null", "forward", "backward"]


@dataclass(frozen=True, slots=True)
class VisitedModel:
    """A model on the way.

    Attributes
    ----------
    step
        ``null``, ``forward`` or ``backward``.
    loci
        Chromosome and position in cM.
    formula
        With ``Q1`` for the first of them.
    lod, df
        Against the null model; parameters beyond it.
    penalty, score
        What is taken off the LOD score, and what is left: the higher the better.
    n_moves
        Loci moved by the refinement of positions.
    status
        Of EM.
    """

    step: Step
    loci: tuple[tuple[str, float], ...]
    formula: str
    lod: float
    df: int
    penalty: float
    score: float
    n_moves: int
    status: Status


@dataclass(frozen=True, slots=True)
class QTLSelection:
    """The result of a search.

    Attributes
    ----------
    trait, method, criterion
        As asked for.
    penalties
        Of the penalised LOD score; None for ``bic``.
    best
        The visited model with the highest score; of ties the smallest.
    near_ties
        Other models, each once, whose scores come within ``near`` of the best; the best of them first.
    visited
        All models kept on the way, in order.
    n_candidates
        Models that were compared.
    profiles
        Of the loci of the best model.
    n_individuals
        With the trait and its covariates known.
    """

    trait: str
    method: MultipleQTLMethod
    criterion: Criterion
    penalties: Penalties | None
    best: VisitedModel
    near_ties: tuple[VisitedModel, ...]
    visited: tuple[VisitedModel, ...]
    n_candidates: int
    profiles: tuple[LocusProfile, ...]
    n_individuals: int


@dataclass(frozen=True, slots=True)
class _Model:
    loci: tuple[Locus, ...]
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """The penalty of LOD scores."""

    criterion: Criterion
    penalties: Penalties | None
    per_parameter: float

    def penalty(self, model: _Model, df: int) -> float:
        if self.penalties is None:
            return self.per_parameter * df
        light, heavy = count_interactions(model.terms)
        return len(model.loci) * self.penalties.main + light * self.penalties.light + heavy * self.penalties.heavy


def select_qtl(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    trait: str,
    *,
    criterion: Criterion = "plod",
    penalties: Penalties | None = None,
    max_qtl: int = 6,
    additive_only: bool = False,
    method: MultipleQTLMethod = "hk",
    addcovar: Sequence[str] = (),
    weights: str | None = None,
    refine: bool = True,
    near: float = 0.5,
    alpha: float = 0.05,
    n_permutations: int = 1000,
    seed: int = 1,
) -> QTLSelection:
    r"""Search for the loci and pairwise interactions behind a trait.

    Forward: of all loci that can be added, additively or interacting with one of the model, and all interactions
    between its loci, the one that gives the best score is added, good or not, up to ``max_qtl`` loci. Backward: from
    there, loci and interactions are dropped in the same way, down to none. Every model kept has its positions refined,
    and of all these models the one with the best score is the result. The score is the LOD score less a penalty. For
    ``plod`` a locus costs ``penalties.main`` and an interaction ``light`` if it is the first of a connected group,
    ``heavy`` otherwise; for ``bic`` every parameter costs :math:`\log_{10}(n) / 2`, so that the score is
    :math:`-BIC / (2 \log 10)`.

    Parameters
    ----------
    cross, addcovar, weights
        As in :func:`~genem.qtl.scan`.
    linked
        Joint genotype probabilities: :func:`~genem.qtl.joint_genotypes`. With the X chromosome among them, indicators
        of sex and direction are covariates of every model.
    trait
        Its name; normal.
    criterion
        ``plod`` or ``bic``.
    penalties
        By default from :func:`~genem.qtl.permute_two` of this trait with ``n_permutations``, ``alpha`` and ``seed``.
    max_qtl
        Most loci of a model.
    additive_only
        No interactions.
    method
        ``hk``, or ``em`` for all comparisons (slow for many loci).
    refine
        Whether positions are refined after each step.
    near
        Models are near-ties if their score is less than this below the best.
    alpha, n_permutations, seed
        For default penalties.

    Returns
    -------
    QTLSelection

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan`.
    UsageError
        An unknown column, criterion or method; ``max_qtl`` below 1; penalties that are negative.

    References
    ----------
    Broman & Speed (2002), J. R. Stat. Soc. B 64:641, doi:10.1111/1467-9868.00354. Manichaikul et al. (2009), Genetics
    181:1077, doi:10.1534/genetics.108.094565.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import Penalties, joint_genotypes
    >>> genetic_map = GeneticMap(("1", "2"), ("M1", "M2"), np.array([0, 1], np.int32), np.zeros(2))
    >>> calls = np.array([[1, 1], [1, 2], [2, 1], [2, 2]] * 3, np.int8)
    >>> trait = {"y": np.array([1.0, 2.0, 2.1, 3.0, 1.1, 2.2, 1.9, 3.1, 0.9, 1.8, 2.0, 2.9])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefghijkl"), genetic_map, calls, trait, {})
    >>> found = select_qtl(cross, joint_genotypes(cross), "y", penalties=Penalties(1.5, 2.0, 1.0))
    >>> found.best.loci, found.best.formula, round(found.best.score, 2)
    ((('1', 0.0), ('2', 0.0)), 'Q1 + Q2', 6.85)
    """
    if criterion not in get_args(Criterion):
        raise UsageError(f"criterion {criterion!r} is not one of {', '.join(get_args(Criterion))}")
    if max_qtl < 1:
        raise UsageError(f"at most {max_qtl} loci; 1 is the least")
    if penalties is not None and not min(penalties) >= 0.0:
        raise UsageError(f"penalties {', '.join(f'{value:g}' for value in penalties)}: none may be below 0")
    with_x = any(each.is_x for each in linked)
    setting = model_setting(cross, linked, trait, method, addcovar, (), weights, with_x=with_x)
    if criterion == "plod" and penalties is None:
        permuted = permute_two(
            cross, linked, trait, n_permutations=n_permutations, seed=seed, addcovar=addcovar, weights=weights
        )
        penalties = derive_penalties(permuted, alpha)
    rule = _Rule(criterion, penalties if criterion == "plod" else None, 0.5 * math.log10(setting.n_individuals))
    search = _Search(setting, rule, additive_only, refine)
    visited = search.run(max_qtl)
    best = max(visited, key=lambda pair: (pair[1].score, -pair[1].df))
    ties: dict[object, VisitedModel] = {}
    for model, described in sorted(visited, key=lambda pair: -pair[1].score):
        if described.score > best[1].score - near and _key(model) != _key(best[0]):
            ties.setdefault(_key(model), described)
    return QTLSelection(
        trait=trait,
        method=method,
        criterion=criterion,
        penalties=rule.penalties,
        best=best[1],
        near_ties=tuple(ties.values()),
        visited=tuple(described for _, described in visited),
        n_candidates=search.n_candidates,
        profiles=profiles_of(setting, best[0].loci, best[0].terms),
        n_individuals=setting.n_individuals,
    )


def _key(model: _Model) -> tuple[frozenset[Locus], frozenset[frozenset[Locus]]]:
    """The identity of a model, whatever the order of its loci."""
    return frozenset(model.loci), frozenset(frozenset(model.loci[k] for k in term.loci) for term in model.terms)


class _Search:
    """One way up and down through the models of a trait."""

    def __init__(self, setting: ModelSetting, rule: _Rule, additive_only: bool, refine: bool) -> None:
        self.setting, self.rule = setting, rule
        self.additive_only, self.refine = additive_only, refine
        self.n_candidates = 0

    def run(self, max_qtl: int) -> list[tuple[_Model, VisitedModel]]:
        model = _Model((), ())
        visited = [(model, self._described("null", model, 0))]
        while len(model.loci) < max_qtl:
            found = self._best(self._additions(model))
            if found is None:
                break
            model = self._keep("forward", found, visited)
        while model.loci:
            found = self._best(self._scored(smaller) for smaller in self._reductions(model))
            if found is None:
                break
            model = self._keep("backward", found, visited)
        return visited

    def _keep(self, step: Step, model: _Model, visited: list[tuple[_Model, VisitedModel]]) -> _Model:
        n_moves = 0
        if self.refine and model.loci:
            loci, n_moves = refine_loci(self.setting, model.loci, model.terms)
            model = replace(model, loci=tuple(loci))
        visited.append((model, self._described(step, model, n_moves)))
        return model

    def _described(self, step: Step, model: _Model, n_moves: int) -> VisitedModel:
        fitted = fit_model(self.setting, model.loci, model.terms)
        penalty = self.rule.penalty(model, fitted.rank)
        linked = self.setting.linked
        places = tuple(
            (linked[at.chromosome].chromosome, float(linked[at.chromosome].grid.position[at.position]))
            for at in model.loci
        )
        score = fitted.lod - penalty
        formula = formula_of(model.terms)
        return VisitedModel(step, places, formula, fitted.lod, fitted.rank, penalty, score, n_moves, fitted.status)

    def _best(self, candidates: Iterator[tuple[_Model, float]]) -> _Model | None:
        """The candidate of the highest score; the first of ties."""
        best, highest = None, -math.inf
        for model, score in candidates:
            self.n_candidates += 1
            if score > highest + TIE:
                best, highest = model, score
        return best

    def _scored(self, model: _Model) -> tuple[_Model, float]:
        fitted = fit_model(self.setting, model.loci, model.terms)
        return model, fitted.lod - self.rule.penalty(model, fitted.rank)

    def _additions(self, model: _Model) -> Iterator[tuple[_Model, float]]:
        """The best place on each chromosome of a further locus, additive or interacting; further interactions."""
        new = len(model.loci)
        partners = [] if self.additive_only else [(Term((k, new)),) for k in range(new)]
        for interaction in [(), *partners]:
            mains = [term for term in model.terms if len(term.loci) == 1]
            pairs = [term for term in model.terms if len(term.loci) == 2]
            terms = (*mains, Term((new,)), *pairs, *interaction)
            for chromosome in range(len(self.setting.linked)):
                loci = (*model.loci, Locus(chromosome, 0))
                lods = locus_lods(self.setting, loci, terms, new, chromosome)
                if np.isnan(lods).all():
                    continue
                best = _Model((*model.loci, Locus(chromosome, int(np.nanargmax(lods)))), terms)
                df = 0 if self.rule.penalties is not None else fit_model(self.setting, best.loci, terms).rank
                yield best, float(np.nanmax(lods)) - self.rule.penalty(best, df)
        if not self.additive_only:
            for pair in combinations(range(new), 2):
                if Term(pair) not in model.terms:
                    yield self._scored(_Model(model.loci, (*model.terms, Term(pair))))

    def _reductions(self, model: _Model) -> Iterator[_Model]:
        """The model without an interaction, or without a locus that has none."""
        for term in model.terms:
            if sum(term.within(other) for other in model.terms) == 1:
                loci, terms = reduced(model.loci, model.terms, term)
                yield _Model(tuple(loci), terms)
