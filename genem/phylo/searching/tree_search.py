"""The search for the tree of greatest likelihood: several starts, and perturbations of the best of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from genem.data import Alignment, Tree
from genem.em import Status
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
from genem.phylo.searching.state import Optimum, Run, SearchState, distinct_optima
from genem.phylo.trees.constraints import Constraint, read_constraint
from genem.phylo.trees.duplicates import identical_sequences, with_copies, without_copies
from genem.phylo.trees.polytomies import resolve_polytomies
from genem.phylo.trees.splits import topology_of
from genem.phylo.trees.topology import star_tree

__all__ = ["Optimum", "Run", "Search", "search"]

START_KINDS: tuple[StartKind, ...] = ("bionj", "parsimony", "random")
LATER_KINDS: tuple[StartKind, ...] = ("random", "parsimony")
ALL_STARTS = (*START_KINDS, "given")
FAR = 4  # multiple of the radius that a start tries where nothing is found within it
FRESH = 3  # every so many perturbations, one is a climb from a new start: no change of a tree leads everywhere
POOL = 5  # how many of the best trees take turns to be perturbed
NEW, KNOWN, ALONE = 1, 2, 7
"""Failures that count for a perturbation that ends at a new tree, at a known one, or at the only one there is."""
NEAR = 10.0  # log-likelihood below the best tree up to which a climb to a new topology goes on by regrafts
SUCCESS = 0.01  # least gain of log-likelihood of a better tree: more than lengths of the same tree bring


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
class _Plan:
    """All that stays the same in the runs of a search."""

    base: TreeLikelihood
    n_starts: int
    lead: int
    stages: tuple[str, ...]
    radius: int
    patience: int
    max_perturbations: int
    constraint: Constraint | None
    seed: int
    trees: tuple[Tree, ...]

    @property
    def local(self) -> tuple[str, ...]:
        """Stages that look at neighbours of a tree only; structural EM where there are none."""
        return tuple(stage for stage in self.stages if stage in ("nni", "spr")) or ("sem",)

    def generator(self, number: int) -> np.random.Generator:
        """Random numbers of one run, whatever the others used."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(number,)))


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
    stages = tuple(stage for stage in STRATEGY if stage in strategy)
    bound = None if constraint is None else read_constraint(constraint, base.taxa)
    given = given_starts(trees, base.taxa, bound, np.random.default_rng(seed))
    plan = _Plan(base, len(given) or n_starts, lead, stages, radius, patience, max_perturbations, bound, seed, given)
    state = SearchState(seed) if resume is None else _checked(resume, plan)
    while (after := _next_run(plan, state)) is not None:
        state = after
        if progress is not None:
            progress(state.runs[-1])
        if checkpoint is not None:
            checkpoint(state)
    likelihood, tree = complete, star_tree(base.taxa)
    if state.runs:
        tree, coordinates = state.runs[state.best].tree, np.array(state.coordinates)
        likelihood = complete.with_partitions(unpack_partitions(complete.partitions, coordinates))
        if bound is None:
            tree = resolve_polytomies(_models(plan, state), tree)
    fitted = fit_tree(likelihood, with_copies(tree, copies), trace=trace)
    best = in_site_order(fitted, partitions, alignment.n_sites, complete)
    runs = tuple(replace(run, tree=with_copies(run.tree, copies)) for run in state.runs)
    return Search(best, runs, distinct_optima(runs), state.trace, fitted.status, seed)


def _check(strategy: Sequence[str], n_starts: int, radius: int) -> None:
    unknown = [stage for stage in strategy if stage not in STRATEGY]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no part of a search; choose from {', '.join(STRATEGY)}")
    if n_starts < 1 or radius < 1:
        raise UsageError(f"{n_starts} starts and a radius of {radius} were asked for; both must be at least 1")


def _checked(state: SearchState, plan: _Plan) -> SearchState:
    if state.seed != plan.seed or any(run.tree.taxa != plan.base.taxa for run in state.runs):
        raise UsageError("the saved search has another seed or other taxa; resume it with the arguments it began with")
    if state.runs and len(state.coordinates) != len(pack_partitions(plan.base.partitions)):
        raise UsageError("the saved search has another model; resume it with the arguments it began with")
    return state


def _next_run(plan: _Plan, state: SearchState) -> SearchState | None:
    """The state after one more run, or None where the search is over."""
    if len(plan.base.taxa) < 4:
        return None  # there is only one tree
    number = len(state.runs)
    n_starts = len(list(takewhile(lambda run: run.kind in ALL_STARTS, state.runs)))
    if number == n_starts < plan.n_starts and (plan.trees or not _is_confirmed(plan, state)):
        return _start(plan, state, number)
    n_perturbations = number - n_starts
    if (
        "perturb" not in plan.stages
        or state.n_failures >= KNOWN * plan.patience
        or n_perturbations >= plan.max_perturbations
    ):
        return None
    if n_perturbations % FRESH == FRESH - 1:
        return _start(plan, state, number, is_perturbed=True)
    return _perturb(plan, state, number, n_perturbations - n_perturbations // FRESH)


def _is_confirmed(plan: _Plan, state: SearchState) -> bool:
    """Whether so many more runs ended at the best topology than elsewhere."""
    if state.best < 0:
        return False
    best = topology_of(state.runs[state.best].tree)
    n_hits = sum(topology_of(run.tree) == best for run in state.runs)
    return 2 * n_hits - len(state.runs) >= plan.lead


def _start(plan: _Plan, state: SearchState, number: int, *, is_perturbed: bool = False) -> SearchState:
    """Up from a new tree: roughly, with one rate for all sites and far regrafts, then under the model itself."""
    is_given = bool(plan.trees) and not is_perturbed
    before = sum(run.kind in START_KINDS for run in state.runs)
    kind = START_KINDS[before] if before < len(START_KINDS) else LATER_KINDS[before % 2]
    likelihood = _models(plan, state)
    tree = plan.trees[number] if is_given else _start_tree(plan, kind, number)
    trace: list[Acceptance] = []
    if number == 0:
        first = _climb(plan, likelihood, tree, number)
        first.fit_models(max_rounds=1)
        likelihood, tree, trace = first.likelihood, first.tree, first.trace
    if likelihood.n_categories > 1 and not is_given:
        rough = _climb(plan, single_rate(likelihood), tree, number)
        rough.far_radius = FAR * plan.radius
        rough.run()
        tree, trace = rough.tree, trace + rough.trace
    climb = _climb(plan, likelihood, tree, number)
    climb.far_radius = FAR * plan.radius if likelihood.n_categories == 1 else 0
    if likelihood.n_categories > 1:
        climb.stages = plan.local
    climb.run()
    climb.trace[:0] = trace
    return _after(state, climb, "given" if is_given else kind, is_perturbed=is_perturbed)


def _perturb(plan: _Plan, state: SearchState, number: int, n_changed: int) -> SearchState:
    """Up from one of the best trees, changed: by interchanges, and by regrafts where that ends at a good new tree."""
    likelihood, rng = _models(plan, state), plan.generator(number)
    kind = perturbation_kind(n_changed, likelihood, plan.stages)
    pool = distinct_optima(state.runs)[:POOL]
    tree = pool[int(rng.integers(len(pool)))].tree
    changed = perturb(kind, likelihood, tree, rng, stages=plan.local, radius=plan.radius, constraint=plan.constraint)
    climb = _climb(plan, likelihood, changed, number)
    climb.stages = plan.local[:1]
    climb.run()
    climb.stages = plan.local
    is_near = climb.log_likelihood > state.runs[state.best].log_likelihood - NEAR
    if is_near and topology_of(climb.tree) not in {topology_of(run.tree) for run in state.runs}:
        climb.run()
    return _after(state, climb, kind, is_perturbed=True)


def _after(state: SearchState, climb: Climb, kind: str, *, is_perturbed: bool) -> SearchState:
    """The state with one more run; models are refitted where it is the best so far."""
    reached = state.runs[state.best].log_likelihood if state.best >= 0 else -np.inf
    better = climb.log_likelihood > reached + SUCCESS or state.best < 0
    failure = 0 if better or not is_perturbed else _failure(state, climb.tree)
    if better:
        climb.fit_models()
        climb.stages = tuple(stage for stage in climb.stages if stage != "sem")
        climb.run()
        while "spr" in climb.stages and climb.second_look():
            climb.run()
    run = Run(climb.number, kind, climb.log_likelihood, climb.tree)
    coordinates = tuple(pack_partitions(climb.likelihood.partitions).tolist()) if better else state.coordinates
    return replace(
        state,
        runs=(*state.runs, run),
        best=run.number if better else state.best,
        coordinates=coordinates,
        n_failures=0 if better else state.n_failures + failure,
        trace=(*state.trace, *climb.trace),
    )


def _failure(state: SearchState, tree: Tree) -> int:
    """Failures that a perturbation without success counts for: few at a new tree, most where all runs came to one."""
    reached, known = topology_of(tree), {topology_of(run.tree) for run in state.runs}
    if reached not in known:
        return NEW
    return ALONE if len(known) == 1 else KNOWN


def _climb(plan: _Plan, likelihood: TreeLikelihood, tree: Tree, number: int) -> Climb:
    return Climb(likelihood, tree, number=number, stages=plan.stages, radius=plan.radius, constraint=plan.constraint)


def _models(plan: _Plan, state: SearchState) -> TreeLikelihood:
    """The likelihood with the models of the best run."""
    if state.best < 0:
        return plan.base
    return plan.base.with_partitions(unpack_partitions(plan.base.partitions, np.array(state.coordinates)))


def _start_tree(plan: _Plan, kind: StartKind, number: int) -> Tree:
    """A bifurcating tree that the constraint allows; with one, neighbour joining gives way to parsimony."""
    rng = plan.generator(number)
    if plan.constraint is not None and len(plan.constraint.tree.taxa) > 3:
        return parsimony_tree(plan.base, rng, backbone=random_resolution(plan.constraint.tree, rng))
    if kind == "bionj":
        return bionj_tree(plan.base)
    return parsimony_tree(plan.base, rng) if kind == "parsimony" else random_tree(plan.base.taxa, rng)
