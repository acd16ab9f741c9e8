"""The engine by itself: evaluations of the EM map with and without SQUAREM, and what the driver costs per map."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np

from genem.em import EMFit, EMStep, fit
from tests.reference.em_models import DeathNotices, GaussianMixture, GaussianMixtureParams

GOLDEN = Path(__file__).parents[1] / "golden" / "em"
MAPS_TIMED = 20_000


class Halving:
    """A map that costs next to nothing: the time is the driver's."""

    n_free = 1

    def start(self, rng: np.random.Generator) -> float:
        return float(rng.uniform())

    def em_step(self, params: float) -> EMStep[float]:
        return EMStep(params * 0.999, -params)


def report() -> str:
    """The Markdown section."""
    lines = [
        "## The EM engine\n",
        "Evaluations of the EM map until the default stop rule, with and without SQUAREM, same start, same optimum.\n",
        "| problem | plain EM maps | SQUAREM maps | log-likelihood |",
        "| --- | ---: | ---: | ---: |",
        _maps("London death notices, two Poisson components", *_death_notices()),
        _maps("Old Faithful waiting times, two Gaussians", *_waiting_times()),
    ]
    return "\n".join(lines) + f"\n\nThe driver itself costs {_microseconds_per_map():.1f} microseconds per map.\n"


def _maps(name: str, plain: EMFit, accelerated: EMFit) -> str:
    return f"| {name} | {plain.n_maps:,} | {accelerated.n_maps:,} | {accelerated.log_likelihood:.6f} |"


def _death_notices() -> tuple[EMFit, EMFit]:
    with (GOLDEN / "death_notices.csv").open() as lines:
        counts, frequency = np.array([[float(x) for x in row.values()] for row in csv.DictReader(lines)]).T
    start = np.array([0.3, 1.0, 2.5])
    model = DeathNotices(counts, frequency)
    return fit(model, start=start, accelerate=False), fit(model, start=start)


def _waiting_times() -> tuple[EMFit, EMFit]:
    values = np.loadtxt(GOLDEN / "waiting.csv", delimiter=",", skiprows=1)
    start = GaussianMixtureParams(np.array([0.5, 0.5]), np.array([50.0, 80.0]), np.array([5.0, 5.0]))
    model = GaussianMixture(values, k=2)
    return fit(model, start=start, accelerate=False), fit(model, start=start)


def _microseconds_per_map() -> float:
    started = time.process_time()
    result = fit(Halving(), start=1.0, max_iter=MAPS_TIMED, objective_tolerance=0.0, parameter_tolerance=0.0)
    return 1e6 * (time.process_time() - started) / result.n_maps
