"""The search for the tree of greatest likelihood: several starts, and perturbations of the best of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from genem.data import Alignment, Tree
from genem.em import Optimum as EMOptimum
from genem.em import Status
from genem.em.restarts import Found, RestartPlan, iterated_local_search
from genem.errors import UsageError
from genem.phylo.fitting.evaluation import SitePartition, TreeFit, fit_tree, in_site_order, make_partitions
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.parameters import pack_partitions, unpack_partitions
from genem.phylo.models.rates import GammaRule
from genem.phylo.models.specifications import ModelSpecification
from genem.phylo.searching.hill_climbing import STRATEGY, Acceptance, Climb, Stage, single_rate
from genem.phylo.searching.perturbations import perturb, perturbation_kind
from genem.phylo.searching.starts import (
    StartKind,
    bionj_tree,
    given_starts,
    parsimony_tree,
    random_resolution,
    random_tree,
)
from genem.phylo.searching.state import Run, SearchState
from genem.phylo.trees.constraints import Constraint, read_constraint
from genem.phylo.trees.duplicates import identical_sequences, with_copies, without_copies
from genem.phylo.trees.polytomies import resolve_polytomies
from genem.phylo.trees.splits import topology_of
from genem.phylo.trees.topology import star_tree

__all__ = ["Optimum", "Search", "search"]

START_KINDS: tuple[StartKind, ...] = ("bionj", "parsimony", "random")
LATER_KINDS: tuple[StartKind, ...] = ("random", "parsimony")
ALL_STARTS = (*START_KINDS, "given")
FAR = 4  # multiple of the radius that a start tries where nothing is found within it
POOL = 5  # how many of the best trees take turns to be perturbed
NEAR = 10.0  # log-likelihood below the best tree up to which a climb to a new topology goes on by regrafts
PLAN: RestartPlan[Run] = RestartPlan(
    fresh=3, new=1, known=2, alone=7, gain=0.01, key=lambda run: topology_of(run.tree), tolerance=math.inf
)
"""Every third climb after the starts begins anew. Failures count 1 at a new tree, 2 at a known one, 7 at the only one
there is. The gain of a better tree is more than lengths of the same tree bring."""


@dataclass(frozen=True)
class Search:
    """The best tree, and what is known about how good it is.

    Attributes
    ----------
    best
        The tree with its models, refined.
    runs
        Every climb: starts, then perturbations.
    optima
        Distinct topologies at which climbs ended, best first.
    trace
        Every step that was kept, in order.
    status
        How the refinement of the best tree ended.
    seed
        Of the random numbers.
    """

    best: TreeFit
    runs: tuple[Run, ...]
    optima: tuple[Optimum, ...]
    trace: tuple[Acceptance, ...]
    status: Status
    seed: int

    @property
    def n_hits(self) -> int:
        """Climbs that ended at the best topology."""
        return self.optima[0].n_runs if self.optima else 0


@dataclass(frozen=True)
class Optimum:
    """A topology at which climbs ended: the best of them, and how many."""

    log_likelihood: float
    tree: Tree
    n_runs: int


@dataclass(frozen=True)
class _Start:
    """A climb about to begin, and the kind of its run."""

    kind: str
    climb: Climb
    is_perturbed: bool


@dataclass(frozen=True)
class _Problem:
    """Starts, perturbations and climbs of a search, as :func:`iterated_local_search` asks for them."""

    base: TreeLikelihood
    stages: tuple[str, ...]
    radius: int
    constraint: Constraint | None
    seed: int
    trees: tuple[Tree, ...]

    @property
    def local(self) -> tuple[str, ...]:
        """Stages that look at neighbours of a tree only; structural EM where there are none."""
        return tuple(stage for stage in self.stages if stage in ("nni", "spr")) or ("sem",)

    def generator(self, number: int) -> np.random.Generator:
        """Random numbers of a run, whatever the others used."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(number,)))

    def models(self, found: Found[Run]) -> TreeLikelihood:
        """The likelihood with the models of the best run."""
        if found.best is None:
            return self.base
        coordinates = np.array(found.best.params.coordinates)
        return self.base.with_partitions(unpack_partitions(self.base.partitions, coordinates))

    def start(self, found: Found[Run], rng: np.random.Generator) -> _Start:
        """A new tree, after a rough climb with one rate for all sites and far regrafts."""
        number = len(found.rounds)
        before = sum(run.params.kind in START_KINDS for run in found.ends())
        kind = START_KINDS[before] if before < len(START_KINDS) else LATER_KINDS[before % 2]
        is_given = bool(self.trees) and found.n_rounds("perturbation") == 0
        likelihood = self.models(found)
        tree = self.trees[number] if is_given else self._start_tree(kind, rng)
        trace: list[Acceptance] = []
        if number == 0:
            first = self._climb(likelihood, tree, number)
            first.fit_models(max_rounds=1)
            likelihood, tree, trace = first.likelihood, first.tree, first.trace
        if likelihood.n_categories > 1 and not is_given:
            rough = self._climb(single_rate(likelihood), tree, number)
            rough.far_radius = FAR * self.radius
            rough.run()
            tree, trace = rough.tree, trace + rough.trace
        climb = self._climb(likelihood, tree, number)
        climb.far_radius = FAR * self.radius if likelihood.n_categories == 1 else 0
        if likelihood.n_categories > 1:
            climb.stages = self.local
        climb.trace[:0] = trace
        return _Start("given" if is_given else kind, climb, is_perturbed=False)

    def perturb(self, found: Found[Run], rng: np.random.Generator) -> _Start:
        """One of the best trees, perturbed."""
        likelihood = self.models(found)
        kind = perturbation_kind(found.n_rounds("perturbation"), likelihood, self.stages)
        pool = found.optima[:POOL]
        tree = pool[int(rng.integers(len(pool)))].params.tree
        perturbed = perturb(
            kind, likelihood, tree, rng, stages=self.local, radius=self.radius, constraint=self.constraint
        )
        climb = self._climb(likelihood, perturbed, len(found.rounds))
        climb.stages = self.local[:1]
        return _Start(kind, climb, is_perturbed=True)

    def climb(self, point: _Start, found: Found[Run], _rng: np.random.Generator) -> tuple[EMOptimum[Run]]:
        """The end of a climb; by regrafts, too, where a perturbed tree came to a good new one.

        Models are fitted where the tree is the best so far, and the climb goes on under them.
        """
        climb = point.climb
        climb.run()
        if point.is_perturbed:
            climb.stages = self.local
            is_near = found.best is None or climb.log_likelihood > found.best.objective - NEAR
            if is_near and topology_of(climb.tree) not in {topology_of(end.params.tree) for end in found.ends()}:
                climb.run()
        coordinates: tuple[float, ...] = ()
        if found.is_success(climb.log_likelihood):
            climb.fit_models()
            climb.stages = tuple(stage for stage in climb.stages if stage != "sem")
            climb.run()
            while "spr" in climb.stages and climb.second_look():
                climb.run()
            coordinates = tuple(pack_partitions(climb.likelihood.partitions).tolist())
        reached = climb.log_likelihood
        run = Run(climb.number, point.kind, reached, climb.tree, coordinates, tuple(climb.trace))
        return (EMOptimum(reached, run),)

    def _climb(self, likelihood: TreeLikelihood, tree: Tree, number: int) -> Climb:
        return Climb(
            likelihood, tree, number=number, stages=self.stages, radius=self.radius, constraint=self.constraint
        )

    def _start_tree(self, kind: StartKind, rng: np.random.Generator) -> Tree:
        """A bifurcating tree that the constraint allows; with one, neighbour joining gives way to parsimony."""
        if self.constraint is not None and len(self.constraint.tree.taxa) > 3:
            return parsimony_tree(self.base, rng, backbone=random_resolution(self.constraint.tree, rng))
        if kind == "bionj":
            return bionj_tree(self.base)
        return parsimony_tree(self.base, rng) if kind == "parsimony" else random_tree(self.base.taxa, rng)


def search(
    alignment: Alignment,
    model: str | ModelSpecification = "GTR+G4",
    *,
    partitions: Sequence[SitePartition] = (),
    seed: int = 1,
    n_starts: int = 4,
    lead: int = 3,
    strategy: Sequence[Stage] = STRATEGY,
    radius: int = 6,
    patience: int = 14,
    max_perturbations: int = 1000,
    trees: Sequence[Tree] = (),
    constraint: Tree | None = None,
    resume: SearchState | None = None,
    checkpoint: Callable[[SearchState], None] | None = None,
    progress: Callable[[Run], None] | None = None,
    gamma_rule: GammaRule = "mean",
    trace: bool = False,
    threads: int = 1,
) -> Search:
    """The tree of greatest likelihood that several climbs find.

    Every start climbs by structural EM, nearest-neighbour interchanges and regrafts of subtrees, roughly with one rate
    for all sites and then under the model itself, whose parameters are refitted wherever a tree is the best so far; a
    new structure is kept only if the log-likelihood rises. The best tree is then perturbed and climbs again,
    until ``patience`` such perturbations in a row found nothing better.

    Parameters
    ----------
    alignment
        The data. Of sequences that are alike one is searched with; the others join it in the result, at distance 0.
        Fewer than four have only one tree.
    model
        Model string, as ``GTR+F+G4``.
    partitions
        Sites with models of their own.
    seed
        Of all random choices; the same seed gives the same result on any number of threads.
    n_starts
        Most trees to start from: one by neighbour joining, then by parsimony and at random in turn.
    lead
        No more starts once so many more of them ended at the best tree than elsewhere.
    strategy
        The parts to use: ``sem``, ``nni``, ``spr``, ``perturb``.
    radius
        Most nodes between the old and the new place of a subtree.
    patience
        Perturbations in a row without success before the search ends. One that comes to a new tree counts half, for it
        says that there is more to be found; one that comes back to the best tree three and a half times as long as no
        run ended elsewhere.
    max_perturbations
        Perturbations in all.
    trees
        Where to start, all of them, in the place of ``n_starts`` trees of the search's own making.
    constraint
        A tree of all or some taxa, with any number of neighbours per node, whose groups every tree must have.
    resume
        Where an interrupted search with the same arguments was left.
    checkpoint
        Called with the state after every run.
    progress
        Called with every run.
    gamma_rule
        What represents a gamma category: its mean or its median.
    trace
        Record the path of the last refinement.
    threads
        The bits do not depend on it.

    Returns
    -------
    Search

    Raises
    ------
    UsageError
        The model cannot be read, an argument has no meaning, or ``resume`` belongs to another search.
    InputError
        The constraint has unknown taxa; a letter stands for nothing.

    Examples
    --------
    >>> rows = [b"AACCGGTTAA", b"AACCGGTTAC", b"CCCCGGAAAA", b"CCCCGTAAAA"]
    >>> alignment = Alignment(("a", "b", "c", "d"), np.array(list(map(list, rows)), np.uint8), "dna")
    >>> found = search(alignment, "JC", n_starts=2)
    >>> from genem.phylo.trees.constraints import splits
    >>> [sorted(group) for group in splits(found.best.tree)], found.n_hits == len(found.runs)
    ([['c', 'd']], True)
    """
    _check(strategy, n_starts, radius)
    complete = TreeLikelihood(make_partitions(alignment, model, partitions, gamma_rule), threads=threads)
    # Given trees and constraints may hold copies apart.
    copies = {} if trees or constraint is not None else identical_sequences(alignment)
    base = complete
    if copies:
        distinct = make_partitions(without_copies(alignment, copies), model, partitions, gamma_rule)
        # Frequencies are counted in all sequences.
        base = TreeLikelihood(distinct, threads=threads).with_models([part.model for part in complete.partitions])
    bound = None if constraint is None else read_constraint(constraint, base.taxa)
    given = given_starts(trees, base.taxa, bound, np.random.default_rng(seed))
    stages = tuple(stage for stage in STRATEGY if stage in strategy)
    problem = _Problem(base, stages, radius, bound, seed, given)
    plan = replace(
        PLAN,
        n_starts=len(given) or n_starts,
        lead=math.inf if trees else lead,
        max_more=max_perturbations if "perturb" in stages else 0,
        patience=PLAN.known * patience,
    )

    def report(found: Found[Run]) -> None:
        if progress is not None:
            progress(found.rounds[-1].ends[0].params)
        if checkpoint is not None:
            checkpoint(SearchState(seed, _runs(found)))

    found = _resumed(plan, problem, resume)
    if len(base.taxa) > 3:  # there is only one tree of fewer
        found = iterated_local_search(problem, found, report)
    likelihood, tree = _best(problem, found, complete)
    fitted = fit_tree(likelihood, with_copies(tree, copies), trace=trace)
    best = in_site_order(fitted, partitions, alignment.n_sites, complete)
    runs = tuple(replace(run, tree=with_copies(run.tree, copies)) for run in _runs(found))
    optima = tuple(Optimum(end.objective, with_copies(end.params.tree, copies), end.n_starts) for end in found.optima)
    return Search(best, runs, optima, tuple(step for run in runs for step in run.trace), fitted.status, seed)


def _check(strategy: Sequence[str], n_starts: int, radius: int) -> None:
    unknown = [stage for stage in strategy if stage not in STRATEGY]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no part of a search; choose from {', '.join(STRATEGY)}")
    if n_starts < 1 or radius < 1:
        raise UsageError(f"{n_starts} starts and a radius of {radius} were asked for; both must be at least 1")


def _best(problem: _Problem, found: Found[Run], complete: TreeLikelihood) -> tuple[TreeLikelihood, Tree]:
    """The best tree, its polytomies resolved, and the likelihood of all sequences with its models."""
    if found.best is None:
        return complete, star_tree(problem.base.taxa)
    tree, coordinates = found.best.params.tree, np.array(found.best.params.coordinates)
    if problem.constraint is None:
        tree = resolve_polytomies(problem.models(found), tree)
    return complete.with_partitions(unpack_partitions(complete.partitions, coordinates)), tree


def _runs(found: Found[Run]) -> tuple[Run, ...]:
    return tuple(end.params for end in found.ends())


def _resumed(plan: RestartPlan[Run], problem: _Problem, state: SearchState | None) -> Found[Run]:
    """A new search, or one with the runs of a saved one behind it.

    Raises
    ------
    UsageError
        The saved search is another one.
    """
    found: Found[Run] = Found(plan)
    if state is None:
        return found
    if state.seed != problem.seed or any(run.tree.taxa != problem.base.taxa for run in state.runs):
        raise UsageError("the saved search has another seed or other taxa; resume it with the arguments it began with")
    n_coordinates = len(pack_partitions(problem.base.partitions))
    if state.runs and len(state.runs[0].coordinates) != n_coordinates:
        raise UsageError("the saved search has another model; resume it with the arguments it began with")
    for run in state.runs:
        kind: Literal["start", "perturbation"] = "start" if run.kind in ALL_STARTS else "perturbation"
        found = found.after(kind, [EMOptimum(run.log_likelihood, run)])
    return found
