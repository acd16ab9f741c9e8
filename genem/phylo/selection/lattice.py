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
            candidates, key=lambda said: (not _has_widest_matrix(said, candidates), self._target(said).n_free)
        )
        n_before = -1
        while n_before != len(self.fitted):
            n_before = len(self.fitted)
            for said in order:
                if said not in self.fitted and self._may_matter(said, candidates):
                    self._fit(said)
                    if self.progress is not None:
                        self.progress(self._candidate(said))

    def ranked(self, candidates: Sequence[ModelSpecification]) -> tuple[CandidateFit, ...]:
        """Best first by the criterion, then those skipped in the order of the list."""
        fitted = [self._candidate(said) for said in candidates if said in self.fitted]
        skipped = [CandidateFit(said) for said in candidates if said not in self.fitted]
        return (*sorted(fitted, key=lambda one: _or_infinity(one.criterion(self.criterion))), *skipped)

    def refine_best(self, candidates: Sequence[ModelSpecification]) -> TreeFit:
        """Fit the best candidate, and any that thereby becomes the best, to the end."""
        refined: set[ModelSpecification] = set()
        while (best := self.ranked(candidates)[0].specification) not in refined:
            refined.add(best)
            self._climb(best, [self._end_of(best)], Precision())
            self._settle(best)
        return self.fitted[best]

    def _turn(self, said: ModelSpecification, candidates: Sequence[ModelSpecification]) -> tuple[bool, int, int]:
        """Widest matrices first, then simple rates before others, then large models before small ones."""
        n_free = self._target(said).n_free
        n_rates = n_free - self._target(_single_rate(said)).n_free
        return not _has_widest_matrix(said, candidates), n_rates, -n_free

    def _candidate(self, said: ModelSpecification) -> CandidateFit:
        return CandidateFit(said, self.fitted[said], self.rounds[said])

    def _target(self, said: ModelSpecification) -> Model:
        return starting_model(said, self.patterns)

    def _end_of(self, said: ModelSpecification) -> Estimate:
        found = self.fitted[said]
        return Estimate(found.tree.length, pack_model(found.model))

    # What to skip.

    def _may_matter(self, said: ModelSpecification, candidates: Sequence[ModelSpecification]) -> bool:
        """Whether a candidate could get any weight, as far as the fits so far tell."""
        if self.fit_all or not self.fitted:
            return True
        return self._ladder_goes_on(said, candidates) and self._is_within_reach(said)

    def _ladder_goes_on(self, said: ModelSpecification, candidates: Sequence[ModelSpecification]) -> bool:
        """Whether the last free category that was added to this matrix made it better."""
        if said.heterogeneity != "free" or said.n_categories == 2:
            return True
        before = replace(said, n_categories=said.n_categories - 1)
        if before not in candidates:
            return True
        if before not in self.fitted:
            return False
        earlier = _single_rate(said) if before.n_categories == 2 else replace(said, n_categories=said.n_categories - 2)
        if earlier not in self.fitted:
            return True
        here, there = (getattr(self.fitted[one].criteria, self.criterion) for one in (before, earlier))
        return bool(here < there)

    def _is_within_reach(self, said: ModelSpecification) -> bool:
        """Whether with the likelihood of the lowest model that contains it, it would be worth a look."""
        above = [found for outer, found in self.fitted.items() if is_nested(said, outer)]
        if not above:
            return True
        lowest = min(above, key=lambda found: found.log_likelihood)
        n_free = lowest.n_free - lowest.model.n_free + self._target(said).n_free
        hoped = information_criteria(lowest.log_likelihood, n_free, lowest.n_sites)
        furthest = -2.0 * math.log(LEAST_WEIGHT)
        for criterion in CRITERIA:
            best = min(_or_infinity(getattr(found.criteria, criterion)) for found in self.fitted.values())
            if getattr(hoped, criterion) <= best + furthest:
                return True
        return False

    # How to fit.

    def _fit(self, said: ModelSpecification) -> None:
        relatives = list(self._relatives(said))
        self._climb(said, self._starts(said, relatives) if relatives else [])
        self._settle(said)

    def _settle(self, said: ModelSpecification) -> None:
        """Lift a model that is below one nested in it from the end of that, and those above that are now below."""
        for inner in self._contained_in(said):
            if self._is_below(said, inner):
                self._climb(said, [self._carried(inner, said)])
        for outer in [other for other in self.fitted if other != said and is_nested(said, other)]:
            if self._is_below(outer, said):
                self._climb(outer, [self._carried(said, outer)])
                self._settle(outer)

    def _is_below(self, said: ModelSpecification, inner: ModelSpecification) -> bool:
        here, there = self.fitted[said].log_likelihood, self.fitted[inner].log_likelihood
        return there - here > NESTING_TOLERANCE * (1.0 + abs(there))

    def _climb(self, said: ModelSpecification, starts: Sequence[Estimate], precision: Precision = ROUGHLY) -> None:
        """Maximise from the starts, or from customary ones where there are none; what was there stays if better."""
        likelihood = self.base.with_models([self._target(said)])
        found = fit_tree(likelihood, self.tree, starts=starts, precision=precision)
        self.rounds[said] += sum(run.n_maps for run in found.fit.runs) if found.fit is not None else 0
        if said not in self.fitted or found.log_likelihood >= self.fitted[said].log_likelihood:
            self.fitted[said] = found

    def _contained_in(self, said: ModelSpecification) -> list[ModelSpecification]:
        return [inner for inner in self.fitted if inner != said and is_nested(inner, said)]

    def _relatives(self, said: ModelSpecification) -> Iterator[ModelSpecification]:
        """The next below and above of those fitted; those with other frequencies; for free rates those with gamma."""
        below = self._contained_in(said)
        above = [outer for outer in self.fitted if outer != said and is_nested(said, outer)]
        yield from (one for one in below if not any(one != two and is_nested(one, two) for two in below))
        yield from (one for one in above if not any(one != two and is_nested(two, one) for two in above))
        for other in self.fitted:
            if (other.rate_classes, other.datatype) != (said.rate_classes, said.datatype) or other in (*below, *above):
                continue
            if other.frequency_rule != said.frequency_rule:
                is_near = _rates(other) == _rates(said)
            else:
                is_near = said.heterogeneity == "free" and other.heterogeneity == "gamma"
            if is_near:
                yield other

    def _starts(self, said: ModelSpecification, relatives: Sequence[ModelSpecification]) -> list[Estimate]:
        """The most likely of the ends of the relatives; the likelihood may have two summits where shape and invariant
        sites go together, and with free rates: unless a relative has the same rates, of either kind of relatives.
        """
        pools: dict[bool, list[tuple[float, Estimate]]] = {}
        is_settled = any(_rates(other) == _rates(said) for other in relatives)
        for other in relatives:
            kind = _has_two_summits(said) and not is_settled and other.heterogeneity == "gamma"
            for start in self._starts_from(other, said):
                pools.setdefault(kind, []).append((self._log_likelihood(said, start), start))
        return [max(pool, key=lambda pair: pair[0])[1] for pool in pools.values()]

    def _starts_from(self, other: ModelSpecification, said: ModelSpecification) -> Iterator[Estimate]:
        """The end of another model, with rates over sites that it lacks at customary values, and nothing on a bound."""
        lengths = with_start_lengths(self.fitted[other].tree).length
        target, model = self._target(said), self.fitted[other].model
        for start in list(opened(model, target, self.constant_share)) or [transferred(model, target)]:
            if said.has_invariant and said.invariant is None:
                start = replace(start, invariant=max(start.invariant, LEAST_INVARIANT))
            yield Estimate(lengths, pack_model(start))

    def _carried(self, inner: ModelSpecification, outer: ModelSpecification) -> Estimate:
        """The very end of a model in the coordinates of one that contains it."""
        found = self.fitted[inner]
        return Estimate(found.tree.length, pack_model(transferred(found.model, self._target(outer))))

    def _log_likelihood(self, said: ModelSpecification, estimate: Estimate) -> float:
        model = unpack_model(self._target(said), estimate.coordinates)
        return self.base.with_models([model]).evaluate(replace(self.tree, length=estimate.lengths)).log_likelihood


def _has_two_summits(said: ModelSpecification) -> bool:
    return said.heterogeneity == "free" or (said.heterogeneity == "gamma" and said.has_invariant)


def _or_infinity(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _rates(said: ModelSpecification) -> tuple[str, int, bool]:
    return said.heterogeneity, said.n_categories, said.has_invariant


def _single_rate(said: ModelSpecification) -> ModelSpecification:
    return replace(said, heterogeneity="none", n_categories=1, alpha=None, free_rates=None, has_invariant=False)


def _has_widest_matrix(said: ModelSpecification, candidates: Sequence[ModelSpecification]) -> bool:
    """Whether no other candidate contains it that has the same rates over sites."""
    return not any(other != said and _rates(other) == _rates(said) and is_nested(said, other) for other in candidates)
