"""One run of EM from one starting point: the path, its stop rule and the status it ends with."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal

import numpy as np
from numpy.typing import NDArray

from genem.em.ascent_kernels import (
    KKT_TOLERANCE,
    OBJECTIVE_TOLERANCE,
    longest_step,
    relative_change,
    squarem_step_length,
)
from genem.em.model import DEFECTS, Bounded, EMModel, EMStep, Packed, conditions
from genem.em.parameters import Params, Vector, parameter_names, parameter_vector
from genem.em.stationarity import Stationarity
from genem.em.status import Status
from genem.em.trace import EMTrace, TraceRecorder
from genem.errors import GenemError

MOST_NAMES = 5
"""Locked parameters named in a reason; there may be thousands."""

OnDecrease = Literal["raise", "warn", "revert"]
ParameterNorm = Literal["relative", "absolute"]


class DecreaseError(GenemError):
    """The objective of an EM run fell: the model's E-step, M-step or likelihood is wrong."""


class DecreaseWarning(UserWarning):
    """The objective of an EM run fell, and the run was told to carry on."""


@dataclass(frozen=True, slots=True)
class StopRule:
    """When a run ends, and what it does when the objective falls; the fields are explained in :func:`fit`."""

    max_iter: int = 10_000
    objective_tolerance: float = OBJECTIVE_TOLERANCE
    parameter_tolerance: float = 1e-8
    gradient_tolerance: float = KKT_TOLERANCE
    parameter_norm: ParameterNorm = "relative"
    on_decrease: OnDecrease = "raise"
    decrease_tolerance: float = 1e-11


@dataclass(frozen=True, slots=True)
class Progress:
    """What a callback is told about every accepted iterate."""

    start: int
    n_maps: int
    objective: float
    parameter_step: float


Callback = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class EMRun(Generic[Params]):
    """How one start ended; ``params`` are those that ``log_likelihood`` belongs to.

    Attributes
    ----------
    start
        Number of the start, from 0.
    params, log_likelihood, penalty, entropy
        The last good iterate and what its E-step gave.
    status
        How the run ended.
    reason
        One line that explains a run that did not converge; empty otherwise.
    kkt_residual
        Scaled gradient or KKT residual at the end; NaN where the model offers no gradient.
    n_maps, n_extrapolations, n_rejected
        EM maps evaluated, extrapolations kept, extrapolations dropped.
    trace
        The path, if it was asked for.
    """

    start: int
    params: Params
    log_likelihood: float
    penalty: float
    entropy: float | None
    status: Status
    reason: str
    kkt_residual: float
    n_maps: int
    n_extrapolations: int
    n_rejected: int
    trace: EMTrace | None

    @property
    def objective(self) -> float:
        """Log-likelihood plus penalty."""
        return self.log_likelihood + self.penalty


@dataclass(frozen=True, slots=True)
class _Iterate(Generic[Params]):
    """A point whose EM map is known."""

    params: Params
    step: EMStep[Params]
    vector: Vector
    next_vector: Vector
    extrapolated: bool

    @property
    def objective(self) -> float:
        return self.step.objective

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.objective) and bool(np.all(np.isfinite(self.next_vector)))

    def step_length(self, norm: ParameterNorm) -> float:
        length = float(np.linalg.norm(self.next_vector - self.vector))
        return length / (1.0 + float(np.linalg.norm(self.vector))) if norm == "relative" else length


@dataclass
class Extrapolation:
    """SQUAREM for one run, with no derivatives: the length of its steps is all that it remembers.

    Two EM steps from x give r = F(x) - x and v = F(F(x)) - F(x) - r. The extrapolation x - 2 alpha r + alpha^2 v with
    alpha = -|r|/|v| (scheme S3) cancels most of the slowest linear mode; one plain EM step from there restores the
    monotone behaviour. Varadhan & Roland (2008), Scand. J. Stat. 35:335, doi:10.1111/j.1467-9469.2007.00585.x.
    """

    step_max: float = 1.0
    alpha: float = -1.0

    def propose(self, x0: Vector, x1: Vector, x2: Vector) -> Vector | None:
        """The extrapolation from x0, x1 = F(x0), x2 = F(x1), or None where it would be x2 itself."""
        r = x1 - x0
        v = (x2 - x1) - r
        self.alpha = float(squarem_step_length(float(r @ r), float(v @ v), self.step_max))
        if self.alpha == -1.0:
            self.accepted()
            return None
        return x0 - 2.0 * self.alpha * r + self.alpha**2 * v

    def accepted(self) -> None:
        """The proposal was kept: allow longer steps if it was as long as allowed."""
        self.step_max = longest_step(self.step_max, self.alpha, True)

    def rejected(self) -> None:
        """The proposal lowered the objective or left the parameter space: shorten what is allowed."""
        self.step_max = longest_step(self.step_max, self.alpha, False)


class Ascent(Generic[Params]):
    """The state of one run. Call :meth:`run` once."""

    def __init__(
        self,
        model: EMModel[Params],
        start: int,
        rule: StopRule,
        *,
        accelerate: bool,
        trace: bool,
        callback: Callback | None,
    ) -> None:
        self.model = model
        self.start = start
        self.rule = rule
        self.callback = callback
        self.extrapolation = Extrapolation() if accelerate and isinstance(model, Packed) else None
        self.recorder = TraceRecorder(model) if trace else None
        self.n_maps = 0
        self.n_extrapolations = 0
        self.n_rejected = 0
        self.first: Stationarity | None = None
        self.first_objective = math.nan
        self.fell = ""

    def run(self, params: Params) -> EMRun[Params]:
        """Climb from ``params`` until the stop rule, the iteration limit or a defect ends it."""
        try:
            current = self._evaluate(params)
        except DEFECTS as defect:
            return self._end(params, None, Status.DEGENERATE, f"at the start: {defect}")
        if not current.is_finite:
            found = "objective" if not math.isfinite(current.objective) else "EM step"
            return self._end(params, None, Status.DEGENERATE, f"the {found} is not finite at the start")
        self.first = self._conditions(params)
        self.first_objective = current.objective
        return self._climb(current)

    def _climb(self, current: _Iterate[Params]) -> EMRun[Params]:
        previous: _Iterate[Params] | None = None
        base: _Iterate[Params] | None = None
        while True:
            self._report(current)
            ended = self._verdict(previous, current)
            if ended is not None:
                return self._end(current.params, current.step, *ended)
            following = self._extrapolate(base, current) if base is not None else None
            if following is not None:
                base = None
            else:
                if self.n_maps >= self.rule.max_iter:
                    return self._end(current.params, current.step, Status.MAX_ITER, self._out_of_iterations())
                try:
                    following = self._evaluate(current.step.params)
                except DEFECTS as defect:
                    return self._end(current.params, current.step, Status.DEGENERATE, str(defect))
                if not following.is_finite:
                    return self._end(current.params, current.step, Status.DEGENERATE, self._not_finite(following))
                # x1 of a SQUAREM cycle keeps its x0; the step after an extrapolation, or after x1, starts a new one.
                base = current if base is None and not current.extrapolated else None
            if self._decreased(current, following) and self.rule.on_decrease == "revert":
                return self._end(current.params, current.step, Status.DECREASED, self.fell)
            previous, current = current, following

    def _evaluate(self, params: Params, *, extrapolated: bool = False) -> _Iterate[Params]:
        self.n_maps += 1
        step = self.model.em_step(params)
        return _Iterate(params, step, parameter_vector(params), parameter_vector(step.params), extrapolated)

    def _extrapolate(self, base: _Iterate[Params], current: _Iterate[Params]) -> _Iterate[Params] | None:
        """Try the SQUAREM point of a cycle; None where the plain EM step has to do."""
        if self.extrapolation is None or self.n_maps >= self.rule.max_iter:
            return None
        assert isinstance(self.model, Packed)
        pack = self.model.pack
        with np.errstate(all="ignore"):  # a try may leave the parameter space; it is dropped if it does
            vector = self.extrapolation.propose(pack(base.params), pack(current.params), pack(current.step.params))
            if vector is None:
                return None
            try:
                trial = self._evaluate(self.model.unpack(vector), extrapolated=True)
            except DEFECTS:
                trial = None
        if trial is not None and self._keeps(current, trial):
            self.extrapolation.accepted()
            self.n_extrapolations += 1
            return trial
        self.extrapolation.rejected()
        self.n_rejected += 1
        return None

    def _keeps(self, current: _Iterate[Params], trial: _Iterate[Params]) -> bool:
        """Whether an extrapolation is finite, no worse than the iterate before, and no trap.

        EM can never take a parameter off an exact bound, so one may be put there only where it wants to stay.
        """
        if not trial.is_finite or self._is_below(current.objective, trial.objective):
            return False
        landed = (trial.vector == 0.0) & (current.next_vector != 0.0)
        if isinstance(self.model, Bounded) and isinstance(self.model, Packed):
            lower, upper = self.model.bounds()
            before, after = self.model.pack(current.step.params), self.model.pack(trial.params)
            landed = np.append(landed, ((after <= lower) & (before > lower)) | ((after >= upper) & (before < upper)))
        if not np.any(landed):
            return True
        reached = conditions(self.model, trial.params)
        return reached is not None and not np.any(reached.pulls_off(0.0))

    def _verdict(self, previous: _Iterate[Params] | None, current: _Iterate[Params]) -> tuple[Status, str] | None:
        """The status with which the run ends here, or None to go on."""
        change = relative_change(previous.objective, current.objective) if previous is not None else math.inf
        if not change <= self.rule.objective_tolerance:
            return None
        if not current.step_length(self.rule.parameter_norm) <= self.rule.parameter_tolerance:
            return None
        last = self._conditions(current.params)
        converged = Status.CONVERGED if last is not None else Status.CONVERGED_OBJECTIVE
        if last is not None:
            scale = 1.0 + abs(current.objective)
            if not last.residual() / scale <= self.rule.gradient_tolerance:
                return None
            locked = self._locked(current, last)
            if locked:
                return Status.LOCKED, locked
        return (Status.DECREASED, self.fell) if self.fell else (converged, "")

    def _conditions(self, params: Params) -> Stationarity | None:
        """The first-order conditions, unless the rule says not to look at them."""
        return conditions(self.model, params) if math.isfinite(self.rule.gradient_tolerance) else None

    def _locked(self, current: _Iterate[Params], last: Stationarity) -> str:
        """Which parameters sit on a bound that the likelihood would leave, or that EM was never able to leave.

        The EM map keeps an exact zero. A parameter that was on its bound at the start although the objective rose
        off it there confined the whole path to one face of the parameter space: the end is a maximum of that face.
        """
        tolerance = self.rule.gradient_tolerance
        pulled = last.pulls_off(tolerance * (1.0 + abs(current.objective)))
        confined = np.zeros_like(pulled)
        if self.first is not None and self.first.on_bound.shape == pulled.shape:
            confined = self.first.pulls_off(tolerance * (1.0 + abs(self.first_objective))) & last.on_bound
        if not np.any(pulled | confined):
            return ""
        where = "here" if np.any(pulled) else "at the start, where EM could not leave it"
        return f"on a bound off which the objective rises {where}: {self._names(current.params, pulled | confined)}"

    def _names(self, params: Params, chosen: NDArray[np.bool_]) -> str:
        """Parameters by name where the coordinates are those of the parameters, else coordinates by number."""
        names = parameter_names(params)
        if len(names) != chosen.size:
            names = tuple(f"coordinate {i}" for i in range(chosen.size))
        shown = [names[i] for i in np.flatnonzero(chosen)]
        return ", ".join(shown[:MOST_NAMES]) + (" ..." if len(shown) > MOST_NAMES else "")

    def _is_below(self, old: float, new: float) -> bool:
        return not new >= old - self.rule.decrease_tolerance * (1.0 + abs(old))

    def _decreased(self, current: _Iterate[Params], following: _Iterate[Params]) -> bool:
        """Whether the objective fell by more than rounding; raises or warns as the rule says."""
        if not self._is_below(current.objective, following.objective):
            return False
        self.fell = (
            f"the objective of {type(self.model).__name__} fell from {current.objective:.12g} to "
            f"{following.objective:.12g} at EM map {self.n_maps} of start {self.start}"
        )
        if self.rule.on_decrease == "raise":
            raise DecreaseError(f"{self.fell}; its E-step, M-step or likelihood is inconsistent")
        if self.rule.on_decrease == "warn":
            warnings.warn(self.fell, DecreaseWarning, stacklevel=2)
        return True

    def _report(self, current: _Iterate[Params]) -> None:
        length = current.step_length("absolute")
        if self.recorder is not None:
            self.recorder.record(
                current.params,
                current.step,
                n_maps=self.n_maps,
                parameter_step=length,
                extrapolated=current.extrapolated,
            )
        if self.callback is not None:
            self.callback(Progress(self.start, self.n_maps, current.objective, length))

    def _out_of_iterations(self) -> str:
        return f"no convergence in {self.n_maps} EM maps"

    def _not_finite(self, point: _Iterate[Params]) -> str:
        if not math.isfinite(point.objective):
            return f"the objective became {point.objective} at EM map {self.n_maps}"
        names = parameter_names(point.step.params)
        first = int(np.flatnonzero(~np.isfinite(point.next_vector))[0])
        return f"{names[first]} became {point.next_vector[first]} at EM map {self.n_maps}"

    def _end(self, params: Params, step: EMStep[Params] | None, status: Status, reason: str) -> EMRun[Params]:
        last = self._conditions(params) if step is not None and status is not Status.DEGENERATE else None
        return EMRun(
            start=self.start,
            params=params,
            log_likelihood=step.log_likelihood if step else math.nan,
            penalty=step.penalty if step else math.nan,
            entropy=step.entropy if step else None,
            status=status,
            reason=reason,
            kkt_residual=last.residual() / (1.0 + abs(step.objective)) if last and step else math.nan,
            n_maps=self.n_maps,
            n_extrapolations=self.n_extrapolations,
            n_rejected=self.n_rejected,
            trace=self.recorder.finish() if self.recorder is not None else None,
        )
