"""Candidates fitted in the order of nesting, so that none is below a model that it contains."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from genem.data import Tree
from genem.em import information_criteria
from genem.phylo.fitting.branches import with_start_lengths
from genem.phylo.fitting.evaluation import Precision, TreeFit, fit_tree
from genem.phylo.fitting.optimisation import Estimate
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.nesting import is_nested, opened, transferred
from genem.phylo.models.parameters import pack_model, unpack_model
from genem.phylo.models.specifications import ModelSpecification
from genem.phylo.models.substitution import Model, starting_model
from genem.phylo.trees.topology import canonical, relabelled

__all__ = ["CRITERIA", "CandidateFit", "Criterion", "ModelLattice"]

Criterion = Literal["aic", "aicc", "bic"]
CRITERIA: tuple[Criterion, ...] = ("aic", "aicc", "bic")

ROUGHLY = Precision(objective=1e-8, parameter=math.inf, gradient=1e-6)
"""For a candidate: no smaller change matters to a rank."""
NESTING_TOLERANCE = 1e-8
"""A model is below one nested in it where it is so by more than this, relative to the log-likelihood."""
LEAST_INVARIANT = 1e-4
"""Proportion of invariant sites to start with: what starts on the very bound and ends there is taken for locked."""
LEAST_WEIGHT = 1e-6
"""A candidate is not fitted where the models that contain it show that its weight beside the best would be smaller."""


@dataclass(frozen=True)
class CandidateFit:
    """One candidate.

    Attributes
    ----------
    specification
        The model.
    fit
        Its greatest likelihood on the tree; None where it was skipped.
    n_iterations
        Rounds of the engine in all its fits.
    """

    specification: ModelSpecification
    fit: TreeFit | None = None
    n_iterations: int = 0

    @property
    def name(self) -> str:
        """Model string."""
        return str(self.specification)

    @property
    def log_likelihood(self) -> float:
        """NaN where it was skipped."""
        return math.nan if self.fit is None else self.fit.log_likelihood

    def criterion(self, name: Criterion) -> float:
        """AIC, AICc or BIC; NaN where it was skipped or has none."""
        value: float = math.nan if self.fit is None else getattr(self.fit.criteria, name)
        return value


class ModelLattice:
    """The fits so far, and what they say about those to come.

    Parameters
    ----------
    base
        The alignment in one partition, with +ASC where the candidates have it.
    tree
        Its topology is that of all fits.
    criterion
        By which candidates are ranked.
    fit_all
        Skip nothing.
    progress
        Called with every candidate that was fitted.

    Attributes
    ----------
    fitted
        By what their model strings say.
    rounds
        Rounds of the engine in all fits of each.
    """

    def __init__(
        self,
        base: TreeLikelihood,
        tree: Tree,
        *,
        criterion: Criterion = "bic",
        fit_all: bool = False,
        progress: Callable[[CandidateFit], None] | None = None,
    ) -> None:
        self.base = base
        self.patterns = base.partitions[0].patterns
        self.tree = with_start_lengths(relabelled(canonical(tree), base.taxa))
        self.criterion, self.fit_all, self.progress = criterion, fit_all, progress
        self.fitted: dict[ModelSpecification, TreeFit] = {}
        self.rounds: Counter[ModelSpecification] = Counter()
        weight = self.patterns.weight
        constant = float(weight @ np.any(self.patterns.constant_states() > 0.0, axis=0))
        self.constant_share = constant / max(1.0, float(weight.sum()))

    def run(self, candidates: Sequence[ModelSpecification]) -> None:
        """Fit what may be of use: the widest matrices first, for they tell what the others cannot reach."""
        order = sorted(
            candidates,
            key=lambda specification: (
                not _has_widest_matrix(specification, candidates),
                self._target(specification).n_free,
            ),
        )
        n_before = -1
        while n_before != len(self.fitted):
            n_before = len(self.fitted)
            for specification in order:
                if specification not in self.fitted and self._may_matter(specification, candidates):
                    self._fit(specification)
                    if self.progress is not None:
                        self.progress(self._candidate(specification))

    def ranked(self, candidates: Sequence[ModelSpecification]) -> tuple[CandidateFit, ...]:
        """Best first by the criterion, then those skipped in the order of the list."""
        fitted = [self._candidate(specification) for specification in candidates if specification in self.fitted]
        skipped = [CandidateFit(specification) for specification in candidates if specification not in self.fitted]
        return (*sorted(fitted, key=lambda fit: _or_infinity(fit.criterion(self.criterion))), *skipped)

    def refine_best(self, candidates: Sequence[ModelSpecification]) -> TreeFit:
        """Fit the best candidate, and any that thereby becomes the best, to the end."""
        refined: set[ModelSpecification] = set()
        while (best := self.ranked(candidates)[0].specification) not in refined:
            refined.add(best)
            self._climb(best, [self._end_of(best)], Precision())
            self._settle(best)
        return self.fitted[best]

    def _turn(
        self, specification: ModelSpecification, candidates: Sequence[ModelSpecification]
    ) -> tuple[bool, int, int]:
        """Widest matrices first, then simple rates before others, then large models before small ones."""
        n_free = self._target(specification).n_free
        n_rates = n_free - self._target(_single_rate(specification)).n_free
        return not _has_widest_matrix(specification, candidates), n_rates, -n_free

    def _candidate(self, specification: ModelSpecification) -> CandidateFit:
        return CandidateFit(specification, self.fitted[specification], self.rounds[specification])

    def _target(self, specification: ModelSpecification) -> Model:
        return starting_model(specification, self.patterns)

    def _end_of(self, specification: ModelSpecification) -> Estimate:
        found = self.fitted[specification]
        return Estimate(found.tree.length, pack_model(found.model))

    # What to skip.

    def _may_matter(self, specification: ModelSpecification, candidates: Sequence[ModelSpecification]) -> bool:
        """Whether a candidate could get any weight, as far as the fits so far tell."""
        if self.fit_all or not self.fitted:
            return True
        return self._ladder_goes_on(specification, candidates) and self._is_within_reach(specification)

    def _ladder_goes_on(self, specification: ModelSpecification, candidates: Sequence[ModelSpecification]) -> bool:
        """Whether the last free category that was added to this matrix made it better."""
        if specification.heterogeneity != "free" or specification.n_categories == 2:
            return True
        before = replace(specification, n_categories=specification.n_categories - 1)
        if before not in candidates:
            return True
        if before not in self.fitted:
            return False
        earlier = (
            _single_rate(specification)
            if before.n_categories == 2
            else replace(specification, n_categories=specification.n_categories - 2)
        )
        if earlier not in self.fitted:
            return True
        of_last, of_earlier = (getattr(self.fitted[model].criteria, self.criterion) for model in (before, earlier))
        return bool(of_last < of_earlier)

    def _is_within_reach(self, specification: ModelSpecification) -> bool:
        """Whether with the likelihood of the lowest model that contains it, it would be worth a look."""
        above = [found for outer, found in self.fitted.items() if is_nested(specification, outer)]
        if not above:
            return True
        lowest = min(above, key=lambda found: found.log_likelihood)
        n_free = lowest.n_free - lowest.model.n_free + self._target(specification).n_free
        hoped = information_criteria(lowest.log_likelihood, n_free, lowest.n_sites)
        furthest = -2.0 * math.log(LEAST_WEIGHT)
        for criterion in CRITERIA:
            best = min(_or_infinity(getattr(found.criteria, criterion)) for found in self.fitted.values())
            if getattr(hoped, criterion) <= best + furthest:
                return True
        return False

    # How to fit.

    def _fit(self, specification: ModelSpecification) -> None:
        relatives = list(self._relatives(specification))
        self._climb(specification, self._starts(specification, relatives) if relatives else [])
        self._settle(specification)

    def _settle(self, specification: ModelSpecification) -> None:
        """Lift a model that is below one nested in it from the end of that, and those above that are now below."""
        for inner in self._contained_in(specification):
            if self._is_below(specification, inner):
                self._climb(specification, [self._carried(inner, specification)])
        for outer in [other for other in self.fitted if other != specification and is_nested(specification, other)]:
            if self._is_below(outer, specification):
                self._climb(outer, [self._carried(specification, outer)])
                self._settle(outer)

    def _is_below(self, specification: ModelSpecification, inner: ModelSpecification) -> bool:
        reached, nested = self.fitted[specification].log_likelihood, self.fitted[inner].log_likelihood
        return nested - reached > NESTING_TOLERANCE * (1.0 + abs(nested))

    def _climb(
        self, specification: ModelSpecification, starts: Sequence[Estimate], precision: Precision = ROUGHLY
    ) -> None:
        """Maximise from the starts, or from customary ones where there are none; what was there stays if better."""
        likelihood = self.base.with_models([self._target(specification)])
        found = fit_tree(likelihood, self.tree, starts=starts, precision=precision)
        self.rounds[specification] += sum(run.n_maps for run in found.fit.runs) if found.fit is not None else 0
        if specification not in self.fitted or found.log_likelihood >= self.fitted[specification].log_likelihood:
            self.fitted[specification] = found

    def _contained_in(self, specification: ModelSpecification) -> list[ModelSpecification]:
        return [inner for inner in self.fitted if inner != specification and is_nested(inner, specification)]

    def _relatives(self, specification: ModelSpecification) -> Iterator[ModelSpecification]:
        """The next below and above of those fitted; those with other frequencies; for free rates those with gamma."""
        below = self._contained_in(specification)
        above = [outer for outer in self.fitted if outer != specification and is_nested(specification, outer)]
        yield from (model for model in below if not any(model != other and is_nested(model, other) for other in below))
        yield from (model for model in above if not any(model != other and is_nested(other, model) for other in above))
        for other in self.fitted:
            if (other.rate_classes, other.datatype) != (
                specification.rate_classes,
                specification.datatype,
            ) or other in (*below, *above):
                continue
            if other.frequency_rule != specification.frequency_rule:
                is_near = _rates(other) == _rates(specification)
            else:
                is_near = specification.heterogeneity == "free" and other.heterogeneity == "gamma"
            if is_near:
                yield other

    def _starts(self, specification: ModelSpecification, relatives: Sequence[ModelSpecification]) -> list[Estimate]:
        """The most likely of the ends of the relatives; the likelihood may have two summits where shape and invariant
        sites go together, and with free rates: unless a relative has the same rates, of either kind of relatives.
        """
        pools: dict[bool, list[tuple[float, Estimate]]] = {}
        is_settled = any(_rates(other) == _rates(specification) for other in relatives)
        for other in relatives:
            kind = _has_two_summits(specification) and not is_settled and other.heterogeneity == "gamma"
            for start in self._starts_from(other, specification):
                pools.setdefault(kind, []).append((self._log_likelihood(specification, start), start))
        return [max(pool, key=lambda pair: pair[0])[1] for pool in pools.values()]

    def _starts_from(self, other: ModelSpecification, specification: ModelSpecification) -> Iterator[Estimate]:
        """The end of another model, with rates over sites that it lacks at customary values, and nothing on a bound."""
        lengths = with_start_lengths(self.fitted[other].tree).length
        target, model = self._target(specification), self.fitted[other].model
        for start in list(opened(model, target, self.constant_share)) or [transferred(model, target)]:
            if specification.has_invariant and specification.invariant is None:
                start = replace(start, invariant=max(start.invariant, LEAST_INVARIANT))
            yield Estimate(lengths, pack_model(start))

    def _carried(self, inner: ModelSpecification, outer: ModelSpecification) -> Estimate:
        """The very end of a model in the coordinates of one that contains it."""
        found = self.fitted[inner]
        return Estimate(found.tree.length, pack_model(transferred(found.model, self._target(outer))))

    def _log_likelihood(self, specification: ModelSpecification, estimate: Estimate) -> float:
        model = unpack_model(self._target(specification), estimate.coordinates)
        return self.base.with_models([model]).evaluate(replace(self.tree, length=estimate.lengths)).log_likelihood


def _has_two_summits(specification: ModelSpecification) -> bool:
    return specification.heterogeneity == "free" or (
        specification.heterogeneity == "gamma" and specification.has_invariant
    )


def _or_infinity(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _rates(specification: ModelSpecification) -> tuple[str, int, bool]:
    return specification.heterogeneity, specification.n_categories, specification.has_invariant


def _single_rate(specification: ModelSpecification) -> ModelSpecification:
    return replace(
        specification, heterogeneity="none", n_categories=1, alpha=None, free_rates=None, has_invariant=False
    )


def _has_widest_matrix(specification: ModelSpecification, candidates: Sequence[ModelSpecification]) -> bool:
    """Whether no other candidate contains it that has the same rates over sites."""
    return not any(
        other != specification and _rates(other) == _rates(specification) and is_nested(specification, other)
        for other in candidates
    )
