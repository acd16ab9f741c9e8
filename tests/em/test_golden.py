"""The engine on problems whose answers are known: closed forms, published analyses and other programs."""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import numpy as np
import pytest

from genem.em import EMFit, Status, effective_learning_rate, fit
from tests import GOLDEN_ANSWERS
from tests.reference.em_models import (
    DeathNotices,
    ExponentialMixture,
    GaussianMeans,
    GaussianMixture,
    GaussianMixtureParams,
    MissingFlipsCoin,
    PoissonMixture,
    RateMixtureParams,
    Vector,
)
from tests.reference.em_sequences import SequenceMixture, SequenceMixtureParams

GOLDEN = GOLDEN_ANSWERS / "em"

# The stop rule of the SQUAREM package: nothing but the Euclidean length of the EM step.
ONLY_THE_STEP: dict[str, Any] = {
    "objective_tolerance": math.inf,
    "gradient_tolerance": math.inf,
    "parameter_tolerance": 1e-8,
    "parameter_norm": "absolute",
}


def answer(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text())


def table(name: str) -> Vector:
    return np.loadtxt(GOLDEN / name, delimiter=",", skiprows=1)


def by_rate(params: RateMixtureParams) -> tuple[Vector, Vector]:
    order = np.argsort(params.rates)
    return params.weights[order], params.rates[order]


def reaches(log_likelihood: float, expected: float) -> bool:
    """As good as another program's optimum, or better: several peers stop early."""
    return log_likelihood >= expected - 1e-6 * (1.0 + abs(expected))


# --- a coin with flips nobody saw ---------------------------------------------------------------------------------


def test_coin_converges_at_the_rate_of_the_missing_information() -> None:
    known = answer("coin.json")
    coin = MissingFlipsCoin(known["n_heads"], known["n_tails"], known["n_missing"])
    assert coin.em_step(known["p0"]).params == pytest.approx(known["p_after_1"], rel=1e-15)

    visited = [known["p0"]]
    for _ in range(12):
        visited.append(coin.em_step(visited[-1]).params)
    errors = np.array(visited) - known["fixed_point"]
    np.testing.assert_allclose(errors[1:] / errors[:-1], known["rate"], rtol=1e-9)

    result = fit(coin, start=known["p0"], accelerate=False, trace=True)
    assert result.status is Status.CONVERGED
    assert result.verdict == "global maximum (concave objective)"
    assert result.params == pytest.approx(known["fixed_point"], rel=1e-7)
    assert result.trace is not None
    steps = result.trace.parameter_step
    np.testing.assert_allclose(steps[1:] / steps[:-1], known["rate"], rtol=1e-6)


def test_squarem_solves_a_linear_problem_almost_at_once() -> None:
    known = answer("coin.json")
    result = fit(MissingFlipsCoin(known["n_heads"], known["n_tails"], known["n_missing"]), start=known["p0"])
    assert result.params == pytest.approx(known["fixed_point"], rel=1e-12)
    assert result.n_maps <= 8


# --- death notices in The Times -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def death_notices() -> DeathNotices:
    return DeathNotices(*table("death_notices.csv").T)


@pytest.fixture(scope="module")
def squarem_results() -> dict[str, dict[str, str]]:
    with (GOLDEN / "death_notices_expected.csv").open() as lines:
        return {row["method"]: row for row in csv.DictReader(lines)}


HASSELBLAD_START = np.array([0.3, 1.0, 2.5])


@pytest.fixture(scope="module")
def plain_death_notices(death_notices: DeathNotices) -> EMFit[Vector]:
    return fit(death_notices, start=HASSELBLAD_START, accelerate=False, trace=True, **ONLY_THE_STEP)


def test_death_notices_plain_em_takes_exactly_2586_maps(
    plain_death_notices: EMFit[Vector], squarem_results: dict[str, dict[str, str]]
) -> None:
    known = squarem_results["EM(fpiter)"]
    assert plain_death_notices.n_maps == int(known["fpevals"]) == 2586
    assert plain_death_notices.log_likelihood == pytest.approx(float(known["loglik"]), abs=1e-8)
    np.testing.assert_allclose(
        plain_death_notices.params, [float(known[name]) for name in ("p", "l1", "l2")], atol=1.1e-8
    )


def test_death_notices_trace_equals_squarem_iteration_by_iteration(plain_death_notices: EMFit[Vector]) -> None:
    assert plain_death_notices.trace is not None
    expected = table("death_notices_em_trace30.csv")[:, 1]
    np.testing.assert_allclose(plain_death_notices.trace.log_likelihood[: expected.size], expected, rtol=1e-13)


@pytest.mark.parametrize("rule", [ONLY_THE_STEP, {}], ids=["stop rule of the SQUAREM package", "default stop rule"])
def test_death_notices_accelerated_reaches_the_optimum_within_100_maps(
    death_notices: DeathNotices, squarem_results: dict[str, dict[str, str]], rule: dict[str, Any]
) -> None:
    known = squarem_results["SQUAREM K=1 method=3"]
    result = fit(death_notices, start=HASSELBLAD_START, trace=True, **rule)
    assert result.status is (Status.CONVERGED_OBJECTIVE if rule else Status.CONVERGED)
    assert result.n_maps <= 100
    assert reaches(result.log_likelihood, float(known["loglik"]))
    np.testing.assert_allclose(result.params, [float(known[name]) for name in ("p", "l1", "l2")], rtol=2e-5)
    assert result.trace is not None
    assert np.all(np.diff(result.trace.objective) >= -1e-11 * 1990)


# --- waiting times between eruptions ------------------------------------------------------------------------------

WAITING_START = GaussianMixtureParams(np.array([0.5, 0.5]), np.array([50.0, 80.0]), np.array([5.0, 5.0]))
WAITING_OPTIMUM = -1034.00174983


def test_waiting_trace_equals_mixtools_iteration_by_iteration() -> None:
    expected = table("waiting_normalmixEM_trace.csv")[:, 1]
    model = GaussianMixture(table("waiting.csv"), k=2, conditional=True)
    result = fit(model, start=WAITING_START, accelerate=False, trace=True)
    assert result.trace is not None
    np.testing.assert_allclose(result.trace.log_likelihood[: expected.size], expected, rtol=1e-13)


@pytest.mark.parametrize("accelerate", [False, True])
def test_waiting_optimum_and_the_sum_of_q_and_entropy(accelerate: bool) -> None:
    result = fit(GaussianMixture(table("waiting.csv"), k=2), start=WAITING_START, accelerate=accelerate, trace=True)
    assert result.status is Status.CONVERGED
    assert reaches(result.log_likelihood, WAITING_OPTIMUM)
    np.testing.assert_allclose(result.params.means, [54.61485, 80.09107], rtol=1e-6)
    np.testing.assert_allclose(result.params.standard_deviations, [5.871217, 5.867736], rtol=1e-6)
    np.testing.assert_allclose(result.params.weights[0], 0.360886, rtol=2e-6)
    trace = result.trace
    assert trace is not None
    np.testing.assert_allclose(trace.expected_complete_log_likelihood + trace.entropy, trace.log_likelihood, rtol=1e-13)
    assert np.all(trace.entropy > 0.0)


def test_em_step_of_a_gaussian_mean_is_its_variance_over_its_size_times_the_gradient() -> None:
    known = answer("learning_rate_identity.json")
    model = GaussianMeans(table("waiting.csv"), np.array(known["weights"]), known["sigma2"])
    means = np.array(known["mu0"], dtype=np.float64)
    np.testing.assert_allclose(model.gradient(means), known["gradient"], rtol=1e-12)
    # the step is a difference of means near 80: 1e-12 of rounding
    np.testing.assert_allclose(model.em_step(means).params - means, known["em_step"], atol=1e-12)
    np.testing.assert_allclose(effective_learning_rate(model, means), known["effective_rate"], rtol=1e-11)
    trace = fit(model, start=means, trace=True).trace
    assert trace is not None
    gradient, step = np.array(known["gradient"]), np.array(known["em_step"])
    assert trace.learning_rate[0] == pytest.approx(step @ gradient / (gradient @ gradient), rel=1e-11)


# --- other mixtures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ml", "map"])
def test_three_poisson_components_with_and_without_a_gamma_prior(kind: str) -> None:
    answers = answer("poisson3_map_direct.json")
    known, prior = answers[kind], answers["prior"]
    counts, frequency = np.unique(table("poisson3.csv")[:, 0], return_counts=True)
    gamma = (prior["shape"], prior["rate"]) if kind == "map" else None
    result = fit(PoissonMixture(counts, frequency.astype(np.float64), k=3, prior=gamma), n_starts=5)
    assert result.status is Status.CONVERGED
    goal = known["log_posterior_unnormalised"] if kind == "map" else known["loglik"]
    assert reaches(result.objective, goal)
    weights, rates = by_rate(result.params)
    np.testing.assert_allclose(weights, known["weights"], rtol=1e-5)
    np.testing.assert_allclose(rates, known["rates"], rtol=1e-5)


def test_information_criteria_count_as_flexmix_does() -> None:
    counts, frequency = np.unique(table("poisson3.csv")[:, 0], return_counts=True)
    with (GOLDEN / "poisson3_flexmix.csv").open() as lines:
        rows = {int(row["K"]): row for row in csv.DictReader(lines)}
    for k in (1, 2, 3):
        criteria = fit(PoissonMixture(counts, frequency.astype(np.float64), k=k), n_starts=3).criteria
        assert criteria.n_free == int(rows[k]["df"])
        assert criteria.n_observations == 600
        assert criteria.bic == pytest.approx(float(rows[k]["BIC"]), abs=1e-5)


def test_two_exponential_components() -> None:
    known = answer("exponential2_direct.json")
    result = fit(ExponentialMixture(table("exponential2.csv"), k=2), n_starts=5)
    assert result.status is Status.CONVERGED_OBJECTIVE
    assert reaches(result.log_likelihood, known["loglik"])
    weights, rates = by_rate(result.params)
    np.testing.assert_allclose(weights, known["weights"], rtol=1e-4)
    np.testing.assert_allclose(rates, known["rates"], rtol=1e-4)


# --- zero-lock ----------------------------------------------------------------------------------------------------


def zero_lock_start(known: dict[str, Any], smallest: float = 0.0) -> SequenceMixtureParams:
    letters = np.maximum(np.array(known["start_theta"]), smallest)
    return SequenceMixtureParams(np.array(known["start_pi"]), letters / letters.sum(axis=2, keepdims=True))


@pytest.mark.parametrize("accelerate", [False, True])
def test_a_zero_in_the_start_stays_for_ever_and_is_reported_as_locked(accelerate: bool) -> None:
    known = answer("zero_lock_4mers.json")
    model = SequenceMixture(known["seqs"], known["alphabet"], k=2)
    result = fit(model, start=zero_lock_start(known), accelerate=accelerate)
    assert result.status is Status.LOCKED
    assert result.params.letters[0, 0, 0] == 0.0
    where = "at the start, where EM could not leave it"
    assert result.best.reason == f"on a bound off which the objective rises {where}: letters[0,0,0]"
    assert result.verdict.startswith("locked: ")
    np.testing.assert_allclose(result.params.letters, known["ml"]["theta"], atol=1e-6)
    assert reaches(result.log_likelihood, known["ml"]["loglik_before_last_step"])


@pytest.mark.parametrize("accelerate", [False, True])
def test_pseudocounts_open_the_lock(accelerate: bool) -> None:
    known = answer("zero_lock_4mers.json")
    expected = known["pseudocount_0_1"]
    model = SequenceMixture(known["seqs"], known["alphabet"], k=2, pseudocount=0.1)
    result = fit(model, start=zero_lock_start(known, smallest=1e-3), accelerate=accelerate)
    assert result.status is Status.CONVERGED
    np.testing.assert_allclose(result.params.letters, expected["theta"], rtol=1e-6)
    np.testing.assert_allclose(result.params.weights, expected["pi"], rtol=1e-6)
    assert reaches(result.objective, expected["log_posterior_before_last_step"])


def test_zeros_that_the_data_ask_for_are_a_maximum_on_the_boundary() -> None:
    known = answer("zero_lock_4mers.json")
    result = fit(SequenceMixture(known["seqs"], known["alphabet"], k=2), n_starts=5)
    assert result.status is Status.CONVERGED
    assert np.any(result.params.letters == 0.0)


def test_a_component_without_weight_is_locked_because_the_likelihood_would_rise() -> None:
    counts, frequency = table("death_notices.csv").T
    start = RateMixtureParams(np.array([0.0, 1.0]), np.array([1.0, 2.5]))
    result = fit(PoissonMixture(counts, frequency, k=2), start=start)
    assert result.status is Status.LOCKED
    assert result.best.reason == "on a bound off which the objective rises here: weights[0]"
