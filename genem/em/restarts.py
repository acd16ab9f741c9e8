"""Iterated local search: new starts and perturbed optima climb until nothing better is found for long enough.

Lourenço, Martin & Stützle (2003), Handbook of Metaheuristics, chapter 11, doi:10.1007/0-306-48056-5_11. What a start, a
perturbation and a climb are is known to the problem; when to do which, what counts as better and when to stop is
decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np

from genem.em.optima import OPTIMUM_TOLERANCE, Optimum, distinct_optima, is_same_optimum
from genem.em.parameters import Params

__all__ = ["Found", "RestartPlan", "Restartable", "Round", "iterated_local_search"]

Kind = Literal["start", "perturbation"]
Point = TypeVar("Point")


@dataclass(frozen=True, slots=True)
class Round(Generic[Params]):
    """The ends of climbs from one or more new starts, or from one or more perturbed optima."""

    kind: Kind
    ends: tuple[Optimum[Params], ...]


@dataclass(frozen=True, slots=True)
class RestartPlan(Generic[Params]):
    """Rules for when to start anew, when to perturb, what is the same optimum, and when to stop.

    Attributes
    ----------
    n_starts
        Rounds of new starts before the first perturbation.
    lead
        These end early once the climbs to the best optimum are so many more than those that ended elsewhere.
    fresh
        After them one round of so many is a new start, for no perturbation leads everywhere; 0: none is.
    max_more
        Rounds after the first starts at most.
    patience
        The search ends when the failures since the last success weigh so much.
    new, known, alone
        Weight of a failure that ended at an optimum not seen before, at a known one, or at the only one there is.
    min_starts, n_hits
        The search ends when at least ``min_starts`` rounds were new starts and ``n_hits`` climbs of such rounds
        ended at the best optimum.
    gain
        By which the objective must exceed the best before for a success.
    key, tolerance
        What tells optima apart; see :func:`genem.em.distinct_optima`.
    """

    n_starts: int = 1
    lead: float = math.inf
    fresh: int = 0
    max_more: float = math.inf
    patience: float = math.inf
    new: float = 1
    known: float = 1
    alone: float = 1
    min_starts: int = 0
    n_hits: float = math.inf
    gain: float = 0.0
    key: Callable[[Params], Hashable] | None = None
    tolerance: float = OPTIMUM_TOLERANCE


@dataclass(frozen=True, slots=True)
class Found(Generic[Params]):
    """All rounds of a search so far; enough to go on with.

    Attributes
    ----------
    plan
        What was planned.
    rounds
        In order.
    optima
        Distinct optima, best first, with those that were known before the first round.
    best
        The end that was the last success; None before the first.
    n_failures
        Weight of the failures since then.
    """

    plan: RestartPlan[Params]
    rounds: tuple[Round[Params], ...] = ()
    optima: tuple[Optimum[Params], ...] = ()
    best: Optimum[Params] | None = None
    n_failures: float = 0

    @classmethod
    def given(cls, plan: RestartPlan[Params], optima: tuple[Optimum[Params], ...]) -> Found[Params]:
        """Return a search that begins with optima, best first, which other climbs found."""
        return cls(plan, optima=optima, best=optima[0] if optima else None)

    def ends(self, kind: Kind | None = None) -> tuple[Optimum[Params], ...]:
        """Return where climbs ended, in order: those of all rounds, or of one kind of rounds."""
        return tuple(end for done in self.rounds if kind in (None, done.kind) for end in done.ends)

    def n_rounds(self, kind: Kind) -> int:
        """Return the number of rounds of a kind."""
        return sum(done.kind == kind for done in self.rounds)

    def n_hits(self, kind: Kind | None = None) -> int:
        """Return how many climbs, of all or of one kind of rounds, ended at the optimum that is the best."""
        if self.best is None:
            return 0
        best, key = self.best, self.plan.key
        return sum(
            end.n_starts
            for end in self.ends(kind)
            if is_same_optimum(best.objective, end.objective, self.plan.tolerance)
            and (key is None or key(end.params) == key(best.params))
        )

    def is_success(self, objective: float) -> bool:
        """Say whether an end with this objective counts as better than the best so far."""
        return self.best is None or objective > self.best.objective + self.plan.gain

    def next_kind(self) -> Kind | None:
        """Return what the next round is, or None where the search is over."""
        plan = self.plan
        may_stop = math.isfinite(plan.n_hits) and self.n_rounds("start") >= plan.min_starts
        if may_stop and self.n_hits("start") >= plan.n_hits:
            return None
        n_more = len(self.rounds) - self._n_first
        if n_more == 0 and self._n_first < plan.n_starts and not self._is_confirmed:
            return "start"
        if n_more >= plan.max_more or self.n_failures >= plan.patience:
            return None
        return "start" if plan.fresh and n_more % plan.fresh == plan.fresh - 1 else "perturbation"

    def after(self, kind: Kind, ends: Sequence[Optimum[Params]]) -> Found[Params]:
        """Return the search after one more round, with what its climbs came to."""
        plan, rounds = self.plan, (*self.rounds, Round(kind, tuple(ends)))
        optima = distinct_optima((*self.optima, *ends), key=plan.key, tolerance=plan.tolerance)
        top = max(ends, key=lambda end: end.objective if math.isfinite(end.objective) else -math.inf)
        if math.isfinite(top.objective) and self.is_success(top.objective):
            return Found(plan, rounds, optima, top, 0)
        found = Found(plan, rounds, optima, self.best, self.n_failures)
        if found._n_first == len(rounds) <= plan.n_starts:
            return found
        known = plan.alone if len(self.optima) == 1 else plan.known
        return replace(found, n_failures=self.n_failures + (plan.new if len(optima) > len(self.optima) else known))

    @property
    def _n_first(self) -> int:
        """Rounds before the first perturbation."""
        return len(list(takewhile(lambda done: done.kind == "start", self.rounds)))

    @property
    def _is_confirmed(self) -> bool:
        return self.best is not None and 2 * self.n_hits() - len(self.ends()) >= self.plan.lead


class Restartable(Protocol[Params, Point]):
    """A problem with many optima."""

    def generator(self, number: int) -> np.random.Generator:
        """Return the random numbers of the round with this number, from 0."""

    def start(self, found: Found[Params], rng: np.random.Generator) -> Point:
        """Return one or more new points to climb from."""

    def perturb(self, found: Found[Params], rng: np.random.Generator) -> Point:
        """Return one or more points near the best optima found, to climb from."""

    def climb(self, point: Point, found: Found[Params], rng: np.random.Generator) -> Sequence[Optimum[Params]]:
        """Return where the climbs from the points end, at least one."""


def iterated_local_search(
    problem: Restartable[Params, Point],
    found: Found[Params],
    report: Callable[[Found[Params]], object] | None = None,
) -> Found[Params]:
    """Climb from new starts and perturbed optima until the plan says that the search is over.

    Parameters
    ----------
    problem
        What a start, a perturbation and a climb are.
    found
        ``Found(plan)``, or a search to go on with: one that was interrupted ends as if it had not been.
    report
        Called with all that is found after every round.

    Returns
    -------
    Found

    Examples
    --------
    >>> import numpy as np
    >>> from genem.em import Optimum
    >>> from genem.em.restarts import Found, RestartPlan, iterated_local_search
    >>> heights = [0, 1, 2, 1, 0, 3, 4, 3, 2]
    >>> class Walk:
    ...     def generator(self, number):
    ...         return np.random.default_rng(number)
    ...     def start(self, found, rng):
    ...         return 0
    ...     def perturb(self, found, rng):
    ...         return min(found.best.params + int(rng.integers(1, 4)), 8)
    ...     def climb(self, place, found, rng):
    ...         while (up := max(place, max(0, place - 1), min(8, place + 1), key=heights.__getitem__)) != place:
    ...             place = up
    ...         return [Optimum(float(heights[place]), place)]
    >>> found = iterated_local_search(Walk(), Found(RestartPlan(patience=5)))
    >>> found.best.params, [(optimum.params, optimum.n_starts) for optimum in found.optima]
    (6, [(6, 6), (2, 1)])
    """
    while (kind := found.next_kind()) is not None:
        rng = problem.generator(len(found.rounds))
        point = problem.start(found, rng) if kind == "start" else problem.perturb(found, rng)
        found = found.after(kind, problem.climb(point, found, rng))
        if report is not None:
            report(found)
    return found
