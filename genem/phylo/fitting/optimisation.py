"""Branch lengths and model parameters together, under the EM engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.em import Degenerate, EMStep, Status
from genem.em.stationarity import Rounds, maximise
from genem.phylo.fitting.branches import MAX_LENGTH, MIN_LENGTH, fit_branches
from genem.phylo.likelihood.gradients import edge_sums, gradient_by_lengths, gradient_by_models
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.parameters import pack_partitions, partition_bounds, unpack_partitions

__all__ = ["Estimate", "ModelFit", "TreeModel", "fit_models"]

Vector = NDArray[np.float64]

ITERATIONS, MEMORY = 40, 20  # quasi-Newton steps in one EM map, and how many of them the approximation remembers
STEP_TOLERANCE = 1e-6
"""Least tolerance of the quasi-Newton steps, on the gradient by coordinates in units of their rough standard errors."""
LINE_TOLERANCE = 1e-16  # least relative gain with which the quasi-Newton steps go on
MODEL_UNIT = 3.0  # rough standard error of a model coordinate times the root of the number of sites
CURVATURE_STEP = 1e-4  # step of the differences of the gradient that make the second derivatives
MODEL_STEPS = 25  # quasi-Newton steps of the models alone in one round
MAX_MODEL_ROUNDS = 8
SWEEP_TOLERANCE, MAX_SWEEPS = 1e-3, 30  # when the sweeps over the branches of one round end


@dataclass(frozen=True)
class Estimate:
    """Branch lengths float64 (node,), and coordinates of the model parameters, float64 (coordinate,)."""

    lengths: Vector
    coordinates: Vector


class TreeModel:
    """A fixed topology as a model of the EM engine.

    One map is a sweep of Newton's method over the branches, then bounded quasi-Newton steps in all lengths and model
    parameters at once, whose gradient is that of the expected complete-data log-likelihood by Fisher's identity
    (Jamshidian & Jennrich 1997, doi:10.1111/1467-9868.00083). Neither half lowers the likelihood.

    Parameters
    ----------
    likelihood
        The alignment; its models give what is fixed.
    tree
        With its taxa numbered as in ``likelihood``.
    free
        bool (node,): edges to estimate; all unless given. None at all is possible.
    gradient_tolerance
        The quasi-Newton steps of a round end where the gradient is within this of the log-likelihood.
    """

    def __init__(
        self,
        likelihood: TreeLikelihood,
        tree: Tree,
        free: NDArray[np.bool_] | None = None,
        gradient_tolerance: float = 0.0,
    ) -> None:
        self.likelihood = likelihood
        self.tree = tree
        self.free = np.ones(len(tree), np.bool_) if free is None else free.copy()
        self.free[-1] = False
        self.gradient_tolerance = gradient_tolerance
        self.lower, self.upper = partition_bounds(likelihood.partitions)
        self._last: dict[bytes, tuple[float, Vector]] = {}

    @property
    def n_free(self) -> int:
        """Coordinates; frequencies that were counted are not among them."""
        return int(self.free.sum()) + len(self.lower)

    @property
    def n_observations(self) -> int:
        return int(sum(partition.patterns.weight.sum() for partition in self.likelihood.partitions))

    def start(self, rng: np.random.Generator) -> Estimate:
        """The given tree, its free lengths stretched at random, and the models moved at random."""
        lengths = np.where(self.free, self.tree.length * rng.lognormal(0.0, 0.5, len(self.tree)), self.tree.length)
        centre = pack_partitions(self.likelihood.partitions)
        return Estimate(lengths, (centre + rng.normal(0.0, 0.5, len(centre))).clip(self.lower, self.upper))

    def at(self, params: Estimate) -> tuple[TreeLikelihood, Tree]:
        """The models and the tree of an estimate."""
        partitions = unpack_partitions(self.likelihood.partitions, params.coordinates)
        return self.likelihood.with_partitions(partitions), replace(self.tree, length=params.lengths)

    def em_step(self, params: Estimate) -> EMStep[Estimate]:
        likelihood, tree = self.at(params)
        before = likelihood.evaluate(tree).log_likelihood
        if before == -math.inf:
            raise Degenerate("the data are impossible: different letters at the ends of edges of length 0")
        lengths = params.lengths
        if np.any(self.free):
            lengths = fit_branches(likelihood, tree, free=self.free, max_sweeps=1).tree.length
        return EMStep(self._improve_together(Estimate(lengths, params.coordinates)), before)

    def pack(self, params: Estimate) -> Vector:
        lengths = params.lengths[self.free].clip(MIN_LENGTH, MAX_LENGTH)
        return np.concatenate([np.log(lengths), params.coordinates])

    def unpack(self, vector: Vector) -> Estimate:
        """The nearest estimate within the bounds."""
        n_edges = int(self.free.sum())
        lengths = self.tree.length.copy()
        lengths[self.free] = np.exp(vector[:n_edges]).clip(MIN_LENGTH, MAX_LENGTH)
        return Estimate(lengths, vector[n_edges:].clip(self.lower, self.upper))

    def bounds(self) -> tuple[Vector, Vector]:
        n_edges = int(self.free.sum())
        return (
            np.concatenate([np.full(n_edges, math.log(MIN_LENGTH)), self.lower]),
            np.concatenate([np.full(n_edges, math.log(MAX_LENGTH)), self.upper]),
        )

    def gradient(self, params: Estimate) -> Vector:
        """Derivative by the packed coordinates."""
        return self._derive(params)[1]

    def hessian(self, params: Estimate, among: NDArray[np.int64] | None = None) -> Vector:
        """Second derivatives, from central differences of the gradient: of all coordinates, or among some."""
        centre = self.pack(params)
        chosen = np.arange(len(centre)) if among is None else among
        rows = np.empty((len(chosen), len(chosen)))
        for row, coordinate in enumerate(chosen):
            ahead, behind = centre.copy(), centre.copy()
            ahead[coordinate] += CURVATURE_STEP
            behind[coordinate] -= CURVATURE_STEP
            rise = self.gradient(self.unpack(ahead)) - self.gradient(self.unpack(behind))
            rows[row] = rise[chosen] / (ahead[coordinate] - behind[coordinate])
        symmetric: Vector = 0.5 * (rows + rows.T)
        return symmetric

    def _derive(self, params: Estimate) -> tuple[float, Vector]:
        """Log-likelihood and gradient; the last ones are kept, for the stop rule asks for them again."""
        key = params.lengths.tobytes() + params.coordinates.tobytes()
        if key not in self._last:
            sums = edge_sums(*self.at(params))
            by_length = (gradient_by_lengths(sums) * params.lengths)[self.free]
            self._last.clear()
            self._last[key] = sums.log_likelihood, np.concatenate([by_length, gradient_by_models(sums)])
        return self._last[key]

    def _improve_together(self, params: Estimate) -> Estimate:
        """Some quasi-Newton steps of all coordinates at once, each in units of its own uncertainty.

        Lengths alone need them, too: beside a saturated edge they depend on one another, and one at a time crawls.
        """
        start = self.pack(params)
        unit = self._units(params)

        def objective(packed: Vector) -> tuple[float, Vector]:
            return self._derive(self.unpack(packed))

        allowed = 0.5 * self.gradient_tolerance * (1.0 + abs(self._derive(params)[0])) * float(unit.min())
        found = maximise(
            objective,
            start,
            self.bounds(),
            unit=unit,
            max_steps=ITERATIONS,
            memory=MEMORY,
            objective_tolerance=LINE_TOLERANCE,
            gradient_tolerance=max(STEP_TOLERANCE, allowed),
        )
        return self.unpack(found.point) if found.has_risen else params

    def _units(self, params: Estimate) -> Vector:
        """Rough standard errors of the packed coordinates: the log of a length has one over the root of the number of
        substitutions on the edge.
        """
        sums = edge_sums(*self.at(params))
        counts = sums.expected_counts()
        stayed = np.einsum("mecxx->e", counts)
        changed = (counts.sum(axis=(0, 2, 3, 4)) - stayed)[self.free]
        n_sites = max(1.0, self.likelihood.n_sites_with_letters)
        return np.concatenate(
            [1.0 / np.sqrt(np.maximum(changed, 1.0)), np.full(len(params.coordinates), MODEL_UNIT / math.sqrt(n_sites))]
        )


@dataclass(frozen=True)
class ModelFit:
    """Models fitted to a tree.

    Attributes
    ----------
    likelihood, tree, log_likelihood
        With the models and lengths reached.
    n_rounds
        Rounds of models and lengths.
    status
        ``left`` where a round gained no more than a tolerance wider than that of the engine.
    """

    likelihood: TreeLikelihood
    tree: Tree
    log_likelihood: float
    n_rounds: int
    status: Status


def fit_models(
    likelihood: TreeLikelihood,
    tree: Tree,
    *,
    tolerance: float = 0.02,
    lengths: bool = True,
    max_rounds: int = MAX_MODEL_ROUNDS,
    log_likelihood: float = -math.inf,
) -> ModelFit:
    """Models of a tree, and lengths with them in turn, roughly: what a search does between its moves.

    The log-likelihood never falls.

    Parameters
    ----------
    likelihood
        The alignment and where the models start.
    tree
        With its taxa numbered as in ``likelihood``.
    tolerance
        The rounds end with one that gains less log-likelihood than this.
    lengths
        Fit the lengths of all branches in every round; without, there is one round, of the models.
    max_rounds
        Most rounds.
    log_likelihood
        Of the tree as it is, where it is known: a first round that gains little beside it is the last.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo import make_partitions, star_tree
    >>> letters = np.array([list(b"AAAAACCCCC"), list(b"AAGAACCCCT"), list(b"AAAAACCCCC")], np.uint8)
    >>> likelihood = TreeLikelihood(make_partitions(Alignment(("a", "b", "c"), letters, "dna"), "K80"))
    >>> fit = fit_models(likelihood, star_tree(("a", "b", "c")))
    >>> round(fit.log_likelihood, 3), bool(fit.likelihood.partitions[0].model.rate_values[0] > 10.0)
    (-18.868, True)
    """
    if not lengths:
        refitted, reached, status = _refit(likelihood, tree)
        return ModelFit(refitted, tree, reached, 1, status)
    rounds = Rounds(tolerance, max_rounds, start=log_likelihood)
    while rounds.go_on:
        likelihood = _refit(likelihood, tree)[0]
        swept = fit_branches(likelihood, tree, tolerance=SWEEP_TOLERANCE, max_sweeps=MAX_SWEEPS)
        tree = swept.tree
        rounds.judge(swept.log_likelihood)
    return ModelFit(likelihood, tree, rounds.reached, rounds.n_rounds, rounds.status)


def _refit(likelihood: TreeLikelihood, tree: Tree) -> tuple[TreeLikelihood, float, Status]:
    """Better model parameters with all lengths as they are, by some quasi-Newton steps, and the log-likelihood."""
    start = pack_partitions(likelihood.partitions)
    if len(start) == 0:
        return likelihood, likelihood.evaluate(tree).log_likelihood, Status.SOLVED

    def at(coordinates: Vector) -> TreeLikelihood:
        return likelihood.with_partitions(unpack_partitions(likelihood.partitions, coordinates))

    def objective(coordinates: Vector) -> tuple[float, Vector]:
        sums = edge_sums(at(coordinates), tree)
        return sums.log_likelihood, gradient_by_models(sums)

    found = maximise(
        objective,
        start,
        partition_bounds(likelihood.partitions),
        unit=MODEL_UNIT / math.sqrt(max(likelihood.n_sites_with_letters, 1.0)),
        max_steps=MODEL_STEPS,
        objective_tolerance=1e-8,
        gradient_tolerance=1e-3,
    )
    return (at(found.point) if found.has_risen else likelihood), found.objective, found.status
