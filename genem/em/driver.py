"""``fit``: starts, runs, and what may honestly be said about their ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np

from genem.em.ascent import Ascent, Callback, EMRun, OnDecrease, ParameterNorm, StopRule
from genem.em.ascent_kernels import KKT_TOLERANCE, OBJECTIVE_TOLERANCE
from genem.em.model import Counted, EMModel
from genem.em.optima import Optimum, distinct_optima, is_same_optimum
from genem.em.parameters import Params, json_value
from genem.em.selection import InformationCriteria, information_criteria
from genem.em.status import Status
from genem.em.trace import EMTrace


@dataclass(frozen=True, slots=True)
class EMFit(Generic[Params]):
    """The best of one or more EM runs, with the account of all of them.

    Attributes
    ----------
    best
        The run with the highest objective; degenerate runs only where there is no other.
    runs
        Every run, in the order of the starts.
    optima
        Distinct ends of the converged runs, best first, and how many starts reached each.
    n_free, n_observations
        Number of free parameters; sample size, or None where the model does not know it.
    concave
        Whether the model states that its objective is concave.
    accelerated
        Whether SQUAREM was used.
    seed
        Seed of the random starts.
    """

    best: EMRun[Params]
    runs: tuple[EMRun[Params], ...]
    optima: tuple[Optimum[Params], ...]
    n_free: int
    n_observations: int | None
    concave: bool
    accelerated: bool
    seed: int

    @property
    def params(self) -> Params:
        """The estimate."""
        return self.best.params

    @property
    def status(self) -> Status:
        """The end of the best run."""
        return self.best.status

    @property
    def converged(self) -> bool:
        """Whether the best run met the stop rule, with or without first-order conditions."""
        return self.best.status.is_converged

    @property
    def log_likelihood(self) -> float:
        """Observed-data log-likelihood of ``params``."""
        return self.best.log_likelihood

    @property
    def objective(self) -> float:
        """Log-likelihood plus penalty of ``params``."""
        return self.best.objective

    @property
    def n_maps(self) -> int:
        """EM maps evaluated by the best run."""
        return self.best.n_maps

    @property
    def trace(self) -> EMTrace | None:
        """Path of the best run, where tracing was asked for."""
        return self.best.trace

    @property
    def n_starts_best(self) -> int:
        """The number of starts that converged to the best objective."""
        if not self.optima or not is_same_optimum(self.optima[0].objective, self.objective):
            return 0
        return self.optima[0].n_starts

    @property
    def verdict(self) -> str:
        """The most that may be said about the end, in one line: stationary is not proven global."""
        if not self.converged:
            return f"{self.status.label}: {self.best.reason}"
        if self.concave:
            return "global maximum (concave objective)"
        n_starts = len(self.runs)
        if n_starts == 1:
            return "stationary, from 1 start"
        return f"stationary, best of {n_starts} starts (reached by {self.n_starts_best})"

    @property
    def criteria(self) -> InformationCriteria:
        """AIC, BIC and ICL at ``params``."""
        return information_criteria(self.log_likelihood, self.n_free, self.n_observations, self.best.entropy)

    def as_record(self) -> dict[str, Any]:
        """Everything a run record keeps, in JSON's own types (what is not finite is None)."""
        record: dict[str, Any] = json_value(
            {
                "status": self.status.label,
                "verdict": self.verdict,
                "objective": self.objective,
                "log_likelihood": self.log_likelihood,
                "penalty": self.best.penalty,
                "kkt_residual": self.best.kkt_residual,
                "params": self.params,
                "n_maps": self.n_maps,
                "n_starts": len(self.runs),
                "n_starts_best": self.n_starts_best,
                "seed": self.seed,
                "accelerated": self.accelerated,
                "criteria": self.criteria,
                "optima": self.optima,
                "runs": [_run_record(run) for run in self.runs],
            }
        )
        return record


def fit(
    model: EMModel[Params],
    *,
    start: Params | list[Params] | None = None,
    n_starts: int = 1,
    seed: int = 1,
    max_iter: int = 10_000,
    objective_tolerance: float = OBJECTIVE_TOLERANCE,
    parameter_tolerance: float = 1e-8,
    gradient_tolerance: float = KKT_TOLERANCE,
    parameter_norm: ParameterNorm = "relative",
    accelerate: bool = True,
    on_decrease: OnDecrease = "raise",
    decrease_tolerance: float = 1e-11,
    trace: bool = False,
    callback: Callback | None = None,
) -> EMFit[Params]:
    """Maximise a model's (penalised) likelihood by EM from one or more starts.

    Every run climbs log-likelihood + penalty with the EM map, accelerated by SQUAREM where the model has packed
    coordinates, and ends with a :class:`Status`. A run has converged when the relative change of the objective
    *and* the length of the EM step *and* the first-order conditions are within their tolerances; where the model
    offers no such conditions, the status says that the objective alone has converged. Dempster, Laird & Rubin
    (1977), J. R. Stat. Soc. B 39:1; Varadhan & Roland (2008), doi:10.1111/j.1467-9469.2007.00585.x.

    Parameters
    ----------
    model
        The problem; see :class:`EMModel`.
    start
        Warm start: parameters, or a ``list`` of them. Where ``n_starts`` is larger, random ones follow.
    n_starts
        Number of starts.
    seed
        Start ``i`` draws from the ``i``-th child of ``SeedSequence(seed)``, whatever the number of starts.
    max_iter
        Most EM maps per start.
    objective_tolerance
        On the change of the objective between iterates, relative to 1 + its size.
    parameter_tolerance
        On the Euclidean length of the EM step in natural units, divided by 1 + the length of the parameters where
        ``parameter_norm`` is "relative", as it is where it is "absolute".
    gradient_tolerance
        On the largest violation of the first-order conditions, relative to 1 + the size of the objective. With
        ``math.inf`` they are not looked at, "locked" cannot be told, and the objective alone converges.
    accelerate
        Use SQUAREM. The objective of every kept extrapolation is not below that of the iterate before.
    on_decrease
        What to do when the objective falls by more than rounding: "raise" an error, "warn" and go on, or "revert"
        to the iterate before and stop. Either way the status is ``decreased``.
    decrease_tolerance
        Rounding allowed in the objective, relative to 1 + its size.
    trace
        Record every iterate of every run. It never changes the path.
    callback
        Called with a :class:`Progress` at every accepted iterate.

    Returns
    -------
    EMFit

    Raises
    ------
    DecreaseError
        The objective fell and ``on_decrease`` is "raise".
    ValueError
        An argument makes no sense.

    Examples
    --------
    Of 100 coin flips 37 are heads, 23 tails and 40 were not seen.

    >>> class Coin:
    ...     n_free = 1
    ...     def start(self, rng):
    ...         return rng.uniform()
    ...     def em_step(self, p):
    ...         expected_heads = 37 + 40 * p
    ...         return EMStep(expected_heads / 100, 37 * np.log(p) + 23 * np.log1p(-p))
    >>> from genem.em import EMStep, fit
    >>> result = fit(Coin(), start=0.5)
    >>> result.status.label, round(result.params, 6)
    ('converged (objective)', 0.616667)
    """
    if max_iter < 1 or n_starts < 1:
        raise ValueError(f"max_iter and n_starts are {max_iter} and {n_starts}; both must be at least 1")
    if on_decrease not in ("raise", "warn", "revert"):
        raise ValueError(f"on_decrease is {on_decrease!r}; 'raise', 'warn' or 'revert' expected")
    if parameter_norm not in ("relative", "absolute"):
        raise ValueError(f"parameter_norm is {parameter_norm!r}; 'relative' or 'absolute' expected")
    rule = StopRule(
        max_iter=max_iter,
        objective_tolerance=objective_tolerance,
        parameter_tolerance=parameter_tolerance,
        gradient_tolerance=gradient_tolerance,
        parameter_norm=parameter_norm,
        on_decrease=on_decrease,
        decrease_tolerance=decrease_tolerance,
    )
    runs = tuple(
        Ascent(model, number, rule, accelerate=accelerate, trace=trace, callback=callback).run(params)
        for number, params in enumerate(_starts(model, start, n_starts, seed))
    )
    return EMFit(
        best=_best(runs),
        runs=runs,
        optima=distinct_optima(Optimum(run.objective, run.params) for run in runs if run.status.is_converged),
        n_free=model.n_free,
        n_observations=model.n_observations if isinstance(model, Counted) else None,
        concave=bool(getattr(model, "concave", False)),
        accelerated=any(run.n_extrapolations > 0 for run in runs),
        seed=seed,
    )


def _starts(model: EMModel[Params], start: Params | list[Params] | None, n_starts: int, seed: int) -> Iterable[Params]:
    given = start if isinstance(start, list) else [] if start is None else [start]
    yield from given
    for child in np.random.SeedSequence(seed).spawn(n_starts)[len(given) :]:
        yield model.start(np.random.default_rng(child))


def _best(runs: tuple[EMRun[Params], ...]) -> EMRun[Params]:
    usable = [run for run in runs if run.status is not Status.DEGENERATE]
    return max(usable or runs, key=lambda run: run.objective if not math.isnan(run.objective) else -math.inf)


def _run_record(run: EMRun[Params]) -> dict[str, Any]:
    return {
        "start": run.start,
        "status": run.status.label,
        "reason": run.reason,
        "objective": run.objective,
        "n_maps": run.n_maps,
        "n_extrapolations": run.n_extrapolations,
        "n_rejected": run.n_rejected,
        "trace": run.trace.as_record() if run.trace is not None else None,
    }
