"""First-order conditions of a maximum under bounds: is a point stationary, and may it leave its bounds?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
