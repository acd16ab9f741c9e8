"""What must hold of every fit, whatever the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genem.em import EMFit, EMTrace, Status, fit
from tests.reference.em_models import GaussianMeans, MixingProportions, PoissonMixture, RateMixtureParams, Vector

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def poisson_problem(seed: int) -> tuple[PoissonMixture, RateMixtureParams]:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 4))
    counts = np.concatenate([rng.poisson(rate, 30) for rate in rng.uniform(0.5, 20.0, k)])
    values, frequency = np.unique(counts, return_counts=True)
    prior = (2.0, 0.5) if rng.random() < 0.5 else None
    model = PoissonMixture(values.astype(np.float64), frequency.astype(np.float64), k, prior)
    return model, RateMixtureParams(rng.dirichlet(np.full(k, 3.0)), rng.uniform(0.2, 20.0, k))


def concave_problem(seed: int) -> tuple[MixingProportions, Vector]:
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 40)), int(rng.integers(2, 5))
    model = MixingProportions(rng.gamma(0.7, size=(n, k)) + 1e-3)
    return model, model.start(rng)


def traced(result: EMFit[Any]) -> EMTrace:
    assert result.trace is not None
    return result.trace


@few
@given(seeds, st.booleans())
def test_the_objective_never_falls(seed: int, accelerate: bool) -> None:
    model, start = poisson_problem(seed)
    result = fit(model, start=start, accelerate=accelerate, trace=True, max_iter=3000)
    objective = traced(result).objective
    assert np.all(np.diff(objective) >= -1e-11 * (1.0 + np.abs(objective[:-1])))
    assert result.objective == objective[-1]
    assert result.status in (Status.CONVERGED, Status.MAX_ITER)


@few
@given(seeds)
def test_acceleration_reaches_the_same_optimum_of_a_concave_problem(seed: int) -> None:
    model, start = concave_problem(seed)
    plain = fit(model, start=start, accelerate=False, max_iter=200_000)
    fast = fit(model, start=start, accelerate=True, max_iter=200_000)
    assert plain.status is fast.status is Status.CONVERGED
    assert fast.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6 * (1.0 + abs(plain.log_likelihood)))
    # Concave and stationary: by duality no point is better by more than n times the largest violation.
    bound = model.n_observations * (1.0 + abs(fast.log_likelihood)) * fast.best.kkt_residual
    assert fast.log_likelihood >= plain.log_likelihood - bound - 1e-9


@few
@given(seeds, st.booleans())
def test_tracing_does_not_change_a_bit_of_the_path(seed: int, accelerate: bool) -> None:
    model, start = poisson_problem(seed)
    bare = fit(model, start=start, accelerate=accelerate, max_iter=500)
    watched = fit(model, start=start, accelerate=accelerate, max_iter=500, trace=True, callback=lambda _: None)
    assert bare.n_maps == watched.n_maps
    assert bare.status is watched.status
    assert bare.log_likelihood == watched.log_likelihood
    assert bare.params.weights.tobytes() == watched.params.weights.tobytes()
    assert bare.params.rates.tobytes() == watched.params.rates.tobytes()


@few
@given(seeds)
def test_log_likelihood_is_q_plus_entropy_all_along_the_path(seed: int) -> None:
    model, start = poisson_problem(seed)
    trace = traced(fit(model, start=start, trace=True, max_iter=200))
    together = trace.expected_complete_log_likelihood + trace.entropy
    np.testing.assert_allclose(together, trace.log_likelihood, rtol=1e-12, atol=1e-12)


@few
@given(seeds, st.permutations(range(4)))
def test_the_order_of_the_starts_does_not_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    model = GaussianMeans(rng.normal(size=60) * 3.0, np.array([0.3, 0.7]), variance=1.0)
    starts = [model.start(rng) for _ in range(4)]
    straight = fit(model, start=starts)
    shuffled = fit(model, start=[starts[i] for i in order])
    assert straight.objective == shuffled.objective
    assert [optimum.n_starts for optimum in straight.optima] == [optimum.n_starts for optimum in shuffled.optima]
    for position, i in enumerate(order):
        assert shuffled.runs[position].params.tobytes() == straight.runs[i].params.tobytes()


@few
@given(seeds, st.integers(1, 60))
def test_stopping_early_gives_a_prefix_of_the_path(seed: int, max_iter: int) -> None:
    model, start = poisson_problem(seed)
    whole = traced(fit(model, start=start, trace=True, max_iter=500))
    part = fit(model, start=start, trace=True, max_iter=max_iter)
    shorter = traced(part).objective
    assert part.n_maps <= max_iter
    if part.status is Status.MAX_ITER:
        common = min(len(shorter), len(whole))
        # the last extrapolation may not have had room; everything before it is the same path
        np.testing.assert_array_equal(shorter[: common - 1], whole.objective[: common - 1])
