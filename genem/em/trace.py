"""The path of a fit, iteration by iteration. Recording reads the path and never changes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from genem.em.model import Differentiable, EMModel, EMStep, Packed
from genem.em.parameters import Params, Vector, json_value
from genem.errors import GenemError

# log-likelihood = Q + entropy holds exactly; this is room for rounding in long sums, relative to 1 + |logL|.
IDENTITY_TOLERANCE = 1e-9


class IdentityError(GenemError):
    """A model's Q and entropy do not add up to its log-likelihood: its E-step is wrong."""


@dataclass(frozen=True, slots=True)
class EMTrace:
    """The accepted iterates of one run, one element per iterate; a column a model cannot fill is NaN.

    Attributes
    ----------
    n_maps
        int64: EM maps evaluated so far (tries that SQUAREM dropped are counted, not listed).
    objective
        float64: log-likelihood + penalty.
    log_likelihood
        float64: of the observed data.
    expected_complete_log_likelihood
        float64: Q(params | params).
    entropy
        float64: of the missing data; log-likelihood = Q + entropy.
    parameter_step
        float64: Euclidean length of the EM step from this iterate, in natural units.
    learning_rate
        float64: the step size with which gradient ascent comes nearest to the EM step in packed coordinates,
        step . gradient / gradient . gradient.
    extrapolated
        bool: reached by a SQUAREM extrapolation.
    """

    n_maps: NDArray[np.int64]
    objective: Vector
    log_likelihood: Vector
    expected_complete_log_likelihood: Vector
    entropy: Vector
    parameter_step: Vector
    learning_rate: Vector
    extrapolated: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.objective.shape[0])

    def as_record(self) -> dict[str, Any]:
        """The columns as lists of JSON values."""
        record: dict[str, Any] = json_value(self)
        return record


@dataclass
class TraceRecorder(Generic[Params]):
    """Collects the rows of an :class:`EMTrace` for one run."""

    model: EMModel[Params]
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def record(
        self, params: Params, step: EMStep[Params], *, n_maps: int, parameter_step: float, extrapolated: bool
    ) -> None:
        """Add one accepted iterate.

        Raises
        ------
        IdentityError
            The model gives Q and entropy, and they do not add up to the log-likelihood.
        """
        q, entropy = self._decompose(step)
        rate = self._learning_rate(params, step)
        self.rows.append(
            (n_maps, step.objective, step.log_likelihood, q, entropy, parameter_step, rate, float(extrapolated))
        )

    def finish(self) -> EMTrace:
        table = np.array(self.rows, dtype=np.float64).reshape(-1, 8)
        n_maps, objective, log_likelihood, q, entropy, parameter_step, learning_rate, extrapolated = table.T.copy()
        return EMTrace(
            n_maps=n_maps.astype(np.int64),
            objective=objective,
            log_likelihood=log_likelihood,
            expected_complete_log_likelihood=q,
            entropy=entropy,
            parameter_step=parameter_step,
            learning_rate=learning_rate,
            extrapolated=extrapolated.astype(np.bool_),
        )

    def _decompose(self, step: EMStep[Params]) -> tuple[float, float]:
        q, entropy = step.expected_complete_log_likelihood, step.entropy
        if entropy is None:
            return (np.nan if q is None else q), (np.nan if q is None else step.log_likelihood - q)
        if q is None:
            return step.log_likelihood - entropy, entropy
        gap = abs(step.log_likelihood - (q + entropy))
        if not gap <= IDENTITY_TOLERANCE * (1.0 + abs(step.log_likelihood)):
            raise IdentityError(
                f"{type(self.model).__name__}: Q + entropy = {q + entropy:.12g}, but the log-likelihood is "
                f"{step.log_likelihood:.12g}; the E-step and the likelihood disagree"
            )
        return q, entropy

    def _learning_rate(self, params: Params, step: EMStep[Params]) -> float:
        if not (isinstance(self.model, Packed) and isinstance(self.model, Differentiable)):
            return np.nan
        gradient = np.asarray(self.model.gradient(params), dtype=np.float64)
        change = self.model.pack(step.params) - self.model.pack(params)
        squared = float(gradient @ gradient)
        return float(change @ gradient) / squared if squared > 0.0 else np.nan
