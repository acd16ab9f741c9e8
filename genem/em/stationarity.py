"""First-order conditions of a maximum under bounds, and bounded steps and rounds that lead to one, with their end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.em.ascent_kernels import KKT_TOLERANCE, OBJECTIVE_TOLERANCE, relative_change
from genem.em.newton_kernels import is_at_rest
from genem.em.status import Status

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stationarity:
    """The Karush-Kuhn-Tucker conditions at one point.

    Attributes
    ----------
    gradient
        float64 (coordinate,): derivative of the objective, multipliers of equality constraints removed,
        oriented so that a positive value means the objective rises away from the nearest bound.
    slack
        float64 (coordinate,): distance to that bound; 0 on it, inf where there is none.
    """

    gradient: Vector
    slack: Vector

    @classmethod
    def unconstrained(cls, gradient: ArrayLike) -> Stationarity:
        """Conditions of coordinates without bounds: the gradient vanishes."""
        flat = np.ravel(np.asarray(gradient, dtype=np.float64))
        return cls(flat, np.full(flat.shape, np.inf))

    @classmethod
    def box(cls, values: ArrayLike, gradient: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Stationarity:
        """Conditions of coordinates in a box."""
        x = np.ravel(np.asarray(values, dtype=np.float64))
        flat = np.ravel(np.asarray(gradient, dtype=np.float64))
        below, above = x - np.ravel(np.asarray(lower)), np.ravel(np.asarray(upper)) - x
        return cls(np.where(below <= above, flat, -flat), np.minimum(below, above))

    @classmethod
    def simplex(cls, values: ArrayLike, gradient: ArrayLike) -> Stationarity:
        """Conditions of probability vectors along the last axis.

        The multiplier of sum(p) = 1 is sum(p * gradient): inside, every gradient equals it; a zero probability
        is a maximum only where its gradient is not larger.
        """
        p = np.asarray(values, dtype=np.float64)
        g = np.asarray(gradient, dtype=np.float64)
        multiplier = np.sum(np.where(p > 0.0, p * g, 0.0), axis=-1, keepdims=True)
        return cls(np.ravel(g - multiplier), np.ravel(p).copy())

    @classmethod
    def join(cls, *parts: Stationarity) -> Stationarity:
        """The conditions of several groups of parameters together."""
        return cls(np.concatenate([part.gradient for part in parts]), np.concatenate([part.slack for part in parts]))

    @property
    def on_bound(self) -> NDArray[np.bool_]:
        """bool (coordinate,): exactly on its bound."""
        return self.slack <= 0.0

    def pulls_off(self, threshold: float) -> NDArray[np.bool_]:
        """bool (coordinate,): on a bound although the objective would rise by more than ``threshold`` off it."""
        return self.on_bound & (self.gradient > threshold)

    def residual(self) -> float:
        """The largest violation among coordinates that can move, 0 at a stationary point; NaN beside any NaN.

        A coordinate pushed towards its bound violates nothing more than its distance to it (the projected
        gradient). Coordinates on a bound that want to leave are the business of :meth:`pulls_off`.
        """
        if np.any(np.isnan(self.gradient)):
            return float("nan")
        free = ~self.on_bound
        gradient, slack = self.gradient[free], self.slack[free]
        if gradient.size == 0:
            return 0.0
        return float(np.max(np.where(gradient < 0.0, np.minimum(-gradient, slack), np.abs(gradient))))


class Rounds:
    """The judge of rounds that each raise an objective, or leave it.

    Parameters
    ----------
    tolerance
        The rounds end with one that gains no more than this.
    max_rounds
        Or after so many.

    Attributes
    ----------
    reached
        The objective after the last round; -inf before the first, unless a ``start`` is given.
    n_rounds
        Rounds judged so far.
    status
        ``max_iter`` until the rounds have ended; then ``converged (objective)`` where the last gain was within the
        tolerance of the EM contract, ``left`` where the tolerance was wider, and ``degenerate`` where the objective is
        not finite.

    Examples
    --------
    >>> rounds, value = Rounds(tolerance=0.1, max_rounds=10), 0.0
    >>> while rounds.go_on:
    ...     value += (1.0 - value) / 2.0
    ...     rounds.judge(value)
    >>> value, rounds.n_rounds, rounds.status.label
    (0.9375, 4, 'left')
    """

    def __init__(self, tolerance: float, max_rounds: int, start: float = -math.inf) -> None:
        self.tolerance, self.max_rounds = tolerance, max_rounds
        self.reached = start
        self.n_rounds = 0
        self.status = Status.MAX_ITER
        self._ended = False

    @property
    def go_on(self) -> bool:
        """Whether there is to be another round."""
        return not self._ended and self.n_rounds < self.max_rounds

    def judge(self, reached: float) -> None:
        """Take note of the objective after a round."""
        before, self.reached = self.reached, reached
        self.n_rounds += 1
        if not math.isfinite(reached):
            self._ended, self.status = True, Status.DEGENERATE
        elif is_at_rest(before, reached, self.tolerance):
            is_still = relative_change(before, reached) <= OBJECTIVE_TOLERANCE
            self._ended, self.status = True, Status.CONVERGED_OBJECTIVE if is_still else Status.LEFT


@dataclass(frozen=True, slots=True)
class QuasiNewton:
    """The end of :func:`maximise`.

    Attributes
    ----------
    point
        float64 (coordinate,).
    objective
        Its value there.
    has_risen
        Whether that is at least the value at the start; a caller keeps its start otherwise.
    status
        ``converged`` where the first-order conditions hold as the EM contract asks, ``max_iter``, or ``left``: the
        objective gained less than the tolerance, or no step raised it.
    """

    point: Vector
    objective: float
    has_risen: bool
    status: Status


def maximise(
    objective: Callable[[Vector], tuple[float, Vector]],
    start: Vector,
    bounds: tuple[Vector, Vector],
    *,
    unit: float | Vector = 1.0,
    max_steps: int,
    memory: int = 10,
    objective_tolerance: float,
    gradient_tolerance: float,
) -> QuasiNewton:
    """Bounded quasi-Newton steps uphill (L-BFGS-B: Byrd, Lu, Nocedal & Zhu 1995, doi:10.1137/0916069).

    Parameters
    ----------
    objective
        Value and gradient, float64 (coordinate,), at a point.
    start
        float64 (coordinate,).
    bounds
        Lower and upper, float64 (coordinate,).
    unit
        Coordinates are divided by it: a rough standard error of each, or of all.
    max_steps, memory
        Most steps; how many of them the approximation of the second derivatives remembers.
    objective_tolerance, gradient_tolerance
        End with a step whose relative gain, or where the largest derivative in units of ``unit``, is no larger.

    Examples
    --------
    >>> def objective(x):
    ...     return -float((x - 3.0) @ (x - 3.0)), -2.0 * (x - 3.0)
    >>> box = np.zeros(2), np.array([1.0, 9.0])
    >>> found = maximise(objective, np.zeros(2), box, max_steps=9, objective_tolerance=0.0, gradient_tolerance=1e-9)
    >>> found.point, found.status.label
    (array([1., 3.]), 'converged')
    """
    from scipy.optimize import minimize

    first: list[float] = []

    def fall(scaled: Vector) -> tuple[float, Vector]:
        value, gradient = objective(scaled * unit)
        first.append(-value)
        return -value, -gradient * unit

    lower, upper = bounds
    found = minimize(
        fall,
        start / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lower / unit, upper / unit, strict=True)),
        options={"maxiter": max_steps, "maxcor": memory, "ftol": objective_tolerance, "gtol": gradient_tolerance},
    )
    point, value = found.x * unit, -float(found.fun)
    conditions = Stationarity.box(point, -found.jac / unit, lower, upper)
    status = Status.MAX_ITER if found.status == 1 else Status.LEFT
    if conditions.residual() <= KKT_TOLERANCE * (1.0 + abs(value)) and not np.any(conditions.pulls_off(0.0)):
        status = Status.CONVERGED
    return QuasiNewton(point, value, -value <= first[0], status)
