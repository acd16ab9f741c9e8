"""Uphill from one tree: structural EM, interchanges, regrafts, lengths and models in turn, and never downhill."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.fitting.branches import fit_branches, with_start_lengths
from genem.phylo.fitting.optimisation import MAX_MODEL_ROUNDS, fit_models
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.searching.rearrangements import regrafts, swaps
from genem.phylo.searching.structural_em import propose_structure
from genem.phylo.trees.constraints import Constraint
from genem.phylo.trees.editing import EditableTree, Move, Swap
from genem.phylo.trees.polytomies import resolve_polytomies
from genem.phylo.trees.splits import topology_of
from genem.phylo.trees.topology import subtree_bits

__all__ = ["STRATEGY", "Acceptance", "Climb", "Stage", "single_rate"]

Vector = NDArray[np.float64]
Quartet = tuple[int, ...]
Stage = Literal["sem", "nni", "spr", "perturb"]
STRATEGY: tuple[Stage, ...] = ("sem", "nni", "spr", "perturb")

MIN_LOG_LIKELIHOOD_GAIN = 1e-3  # smallest gain for which a new topology is kept
CLOSE_TARGETS, CLOSE_MARGIN = 50, 100.0
"""Edges whose lengths are fitted for each subtree in a second look, and the loss up to which they are: the middle of a
long edge may be a bad place."""
NEAR_MISS, MAX_NEAR_MISSES = 3.0, 60  # loss up to which a regraft is worth a second look, and how many of them are
HOPELESS = 1.0  # loss of log-likelihood after one sweep at which a second look leaves a regraft
SWEEP_TOLERANCE, MAX_SWEEPS = 0.05, 30  # when the sweeps over the branches of a changed tree end
MAX_ROUNDS = 100  # rounds of one stage, and of all stages in turn


@dataclass(frozen=True)
class Acceptance:
    """One step of a search that was kept.

    Attributes
    ----------
    search
        Number of the run.
    stage
        ``sem``, ``nni``, ``spr``, or ``models`` where the structure stays and model parameters and lengths change.
    n_moves
        How many changes were made at once.
    expected_gain
        What the expected complete-data log-likelihood (``sem``) or the partial likelihoods around the changes (``nni``,
        ``spr``) promised; NaN for ``models``. Regrafts of one round were all looked at in the tree at its start: a
        later one may bring less, because an earlier one brought the same.
    gain
        What the log-likelihood gained.
    log_likelihood
        After the step.
    n_categories
        Rate categories under which the step was judged: 1 in the rough first part of a climb.
    """

    search: int
    stage: str
    n_moves: int
    expected_gain: float
    gain: float
    log_likelihood: float
    n_categories: int


class Climb:
    """A tree on its way uphill.

    Parameters
    ----------
    likelihood
        The alignment and where the models start.
    tree
        Bifurcating, in standard form.
    number
        To be written into the trace.
    stages
        Which of ``sem``, ``nni`` and ``spr`` to use.
    radius
        Most nodes between the old and the new place of a subtree.
    far_radius
        The same, once nothing is found within ``radius``.
    constraint
        What every tree must satisfy.

    Attributes
    ----------
    likelihood, tree, log_likelihood
        Where it stands.
    trace
        Every step that was kept.
    """

    def __init__(
        self,
        likelihood: TreeLikelihood,
        tree: Tree,
        *,
        number: int = 0,
        stages: Sequence[str] = STRATEGY,
        radius: int = 6,
        far_radius: int = 0,
        constraint: Constraint | None = None,
    ) -> None:
        self.likelihood = likelihood
        self.number = number
        self.stages = tuple(stages)
        self.radius, self.far_radius = radius, far_radius
        self.constraint = constraint
        self.trace: list[Acceptance] = []
        self._settled: set[Quartet] = set()
        self.storage = likelihood.storage(len(tree), keep=True)
        self.tree = with_start_lengths(tree)
        self.log_likelihood = -math.inf
        self.sweep()

    def run(self) -> None:
        """Climb by all stages in turn until none of them finds anything more."""
        if "sem" in self.stages:
            self.repeat("sem")
        for _ in range(MAX_ROUNDS):
            before = self.log_likelihood
            if "nni" in self.stages:
                self.repeat("nni")
            if "spr" in self.stages and any(self.regraft_round(radius) for radius in self._radii()):
                continue
            if self.log_likelihood <= before + MIN_LOG_LIKELIHOOD_GAIN:
                break

    def repeat(self, stage: Literal["sem", "nni"]) -> None:
        """Rounds of one stage until one of them finds nothing."""
        step = self.structural_step if stage == "sem" else self.swap_round
        for _ in range(MAX_ROUNDS):
            if not step():
                break

    def sweep(self, tolerance: float = SWEEP_TOLERANCE) -> None:
        """Lengths of all branches."""
        fitted = fit_branches(self.likelihood, self.tree, tolerance=tolerance, max_sweeps=MAX_SWEEPS)
        self.tree, self.log_likelihood = fitted.tree, fitted.log_likelihood

    def structural_step(self) -> bool:
        """One step of structural EM; kept if the log-likelihood rises."""
        proposal = propose_structure(self.likelihood, self.tree)
        return self._keep_if_better(proposal.tree, "sem", 1, proposal.expected_gain)

    def swap_round(self) -> bool:
        """The best interchanges that do not touch one another, all at once, or half as many until it rises.

        Edges around which nothing was found are not looked at again while the four subtrees there stay the same.
        """
        quartets = _quartets(self.tree)
        edges = [node for node, quartet in quartets.items() if quartet not in self._settled]
        if not edges:
            return False
        found = swaps(self.likelihood, self.tree, self.storage, edges=edges)
        good = [swap for swap in found if swap.log_likelihood > self.log_likelihood + MIN_LOG_LIKELIHOOD_GAIN]
        self._settled |= {quartets[node] for node in set(edges) - {swap.near for swap in good}}
        chosen = _apart(good)
        while chosen:
            if self._make(chosen, "nni"):
                return True
            chosen = chosen[: len(chosen) // 2]
        return False

    def regraft_round(self, radius: int) -> bool:
        """Regrafts, the best first, each kept if the log-likelihood rises."""
        found = regrafts(self.likelihood, self.tree, radius, storage=self.storage)
        promising = [move for move in found if move.log_likelihood > self.log_likelihood + MIN_LOG_LIKELIHOOD_GAIN]
        before, kept = self.log_likelihood, 0
        current, tree, reached = EditableTree(self.tree), self.tree, self.log_likelihood
        for move in promising:
            proposed = current.copy()
            if not proposed.apply(move):
                continue
            changed = proposed.to_tree()
            if not self._allows(changed):
                continue
            log_likelihood = self.likelihood.evaluate(changed).log_likelihood
            if log_likelihood > reached + MIN_LOG_LIKELIHOOD_GAIN:
                current, tree, kept = proposed, changed, kept + 1
                self._record("spr", 1, move.log_likelihood - before, log_likelihood - reached, log_likelihood)
                reached = log_likelihood
        if kept:
            self.tree, self.log_likelihood = tree, reached
            self.sweep()
        return kept > 0

    def second_look(self) -> bool:
        """One regraft that seemed to lose, kept if the log-likelihood rises once all lengths are fitted to it.

        Regrafts are scored with three lengths fitted; the place that the subtree leaves, and the rest of the tree, may
        gain more than is missing. Edges of length 0 are resolved anew before, for a regraft may need another one.
        """
        if self.constraint is None:
            self.tree = resolve_polytomies(self.likelihood, self.tree)
        found = regrafts(
            self.likelihood,
            self.tree,
            self.radius,
            margin=CLOSE_MARGIN,
            per_subtree=CLOSE_TARGETS,
            storage=self.storage,
        )
        near = [move for move in found if move.log_likelihood > self.log_likelihood - NEAR_MISS]
        seen = {topology_of(self.tree, 0.0)}
        for move in near[:MAX_NEAR_MISSES]:
            proposed = EditableTree(self.tree)
            if not proposed.apply(move):
                continue
            changed = proposed.to_tree()
            topology = topology_of(changed, 0.0)
            if topology in seen or not self._allows(changed):
                continue
            seen.add(topology)
            swept = fit_branches(self.likelihood, changed, max_sweeps=1)
            if swept.log_likelihood < self.log_likelihood - HOPELESS:
                continue
            if self._keep_if_better(swept.tree, "spr", 1, move.log_likelihood - self.log_likelihood):
                return True
        return False

    def fit_models(self, max_rounds: int = MAX_MODEL_ROUNDS) -> None:
        """Model parameters and lengths in turn, until they gain little."""
        before = self.log_likelihood
        self._settled.clear()
        fitted = fit_models(self.likelihood, self.tree, max_rounds=max_rounds, log_likelihood=before)
        self.likelihood, self.tree, self.log_likelihood = fitted.likelihood, fitted.tree, fitted.log_likelihood
        self._record("models", 0, math.nan, self.log_likelihood - before, self.log_likelihood)

    def _radii(self) -> Iterator[int]:
        """The radius, and what follows where nothing is found within it."""
        yield self.radius
        if self.far_radius > self.radius:
            yield self.far_radius

    def _make(self, moves: Sequence[Move], stage: str) -> bool:
        changed = EditableTree(self.tree)
        made = [move for move in moves if changed.apply(move)]
        expected = sum(move.log_likelihood - self.log_likelihood for move in made)
        return bool(made) and self._keep_if_better(changed.to_tree(), stage, len(made), expected)

    def _keep_if_better(self, tree: Tree, stage: str, n_moves: int, expected: float) -> bool:
        if not self._allows(tree):
            return False
        fitted = fit_branches(self.likelihood, tree, tolerance=SWEEP_TOLERANCE, max_sweeps=MAX_SWEEPS)
        gain = fitted.log_likelihood - self.log_likelihood
        if not gain > MIN_LOG_LIKELIHOOD_GAIN:
            return False
        self.tree, self.log_likelihood = fitted.tree, fitted.log_likelihood
        self._record(stage, n_moves, expected, gain, self.log_likelihood)
        return True

    def _allows(self, tree: Tree) -> bool:
        return self.constraint is None or self.constraint.allows(tree)

    def _record(self, stage: str, n_moves: int, expected: float, gain: float, reached: float) -> None:
        self.trace.append(
            Acceptance(self.number, stage, n_moves, expected, gain, reached, self.likelihood.n_categories)
        )


def _quartets(tree: Tree) -> dict[int, Quartet]:
    """The four subtrees around every inner edge, by the node below it."""
    bits, children = subtree_bits(tree), tree.children()
    everything = bits[-1]
    around = {}
    for node in range(len(tree.taxa), len(tree) - 1):
        parent = int(tree.parent[node])
        below = sorted(bits[child] for child in children[node])
        beside = [bits[child] for child in children[parent] if child != node]
        if parent != len(tree) - 1:
            beside.append(everything ^ bits[parent])
        around[node] = (*below, *sorted(beside))
    return around


def _apart(moves: Sequence[Swap]) -> list[Swap]:
    """The moves whose edges share no node with that of a better one."""
    taken: set[int] = set()
    chosen = []
    for move in moves:
        if move.near not in taken and move.far not in taken:
            chosen.append(move)
            taken |= {move.near, move.far}
    return chosen


def single_rate(likelihood: TreeLikelihood) -> TreeLikelihood:
    """The same models with one rate for all sites: a fraction of the work, and nearly the same order of trees."""
    partitions = []
    for partition in likelihood.partitions:
        family = replace(partition.model.specification, heterogeneity="none", n_categories=1, has_invariant=False)
        model = replace(partition.model, specification=family, invariant=0.0)
        partitions.append(replace(partition, model=model))
    return likelihood.with_partitions(partitions)
