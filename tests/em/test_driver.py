"""Statuses, restarts, warm starts, callbacks and records of the driver."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from genem.em import (
    DecreaseError,
    DecreaseWarning,
    Degenerate,
    EMStep,
    IdentityError,
    Progress,
    Stationarity,
    Status,
    fit,
)
from tests import GOLDEN_ANSWERS
from tests.reference.em_models import (
    GaussianMeans,
    GaussianMixture,
    GaussianMixtureParams,
    MissingFlipsCoin,
)
from tests.reference.em_scripted import Scripted

GOLDEN = GOLDEN_ANSWERS / "em"
COIN = MissingFlipsCoin(37, 23, 40)


# --- the objective falls ------------------------------------------------------------------------------------------

BROKEN = [-10.0, -5.0, -6.0, -4.0, -4.0]


def test_a_falling_objective_is_an_error_that_says_where() -> None:
    with pytest.raises(DecreaseError, match=r"Scripted fell from -5 to -6 at EM map 3 of start 0"):
        fit(Scripted(BROKEN), start=0.0)


def test_a_falling_objective_can_be_reverted() -> None:
    result = fit(Scripted(BROKEN), start=0.0, on_decrease="revert")
    assert result.status is Status.DECREASED
    assert (result.params, result.log_likelihood) == (1.0, -5.0)
    assert "fell from -5 to -6" in result.best.reason


def test_a_falling_objective_can_be_warned_of_and_still_is_no_convergence() -> None:
    with pytest.warns(DecreaseWarning, match="fell from -5 to -6"):
        result = fit(Scripted(BROKEN), start=0.0, on_decrease="warn")
    assert result.status is Status.DECREASED
    assert not result.converged
    assert (result.params, result.log_likelihood) == (4.0, -4.0)
    assert result.optima == ()


def test_rounding_is_no_fall() -> None:
    result = fit(Scripted([-1e3, -1e3 - 1e-10, -1e3 - 1e-10]), start=0.0)
    assert result.status is Status.CONVERGED_OBJECTIVE


def test_the_penalised_objective_may_rise_while_the_likelihood_falls() -> None:
    class Penalised(Scripted):
        def em_step(self, x: float) -> EMStep[float]:
            step = super().em_step(x)
            return EMStep(step.params, step.log_likelihood, penalty=3.0 * x)

    result = fit(Penalised([-1.0, -2.0, -3.0, -3.0]), start=0.0)
    assert result.status is Status.CONVERGED_OBJECTIVE
    assert (result.log_likelihood, result.objective) == (-3.0, 6.0)


# --- nothing to estimate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_start_without_a_finite_objective_is_degenerate(value: float) -> None:
    result = fit(Scripted([value]), start=0.0)
    assert result.status is Status.DEGENERATE
    assert "not finite at the start" in result.best.reason
    assert math.isnan(result.log_likelihood)
    assert result.n_starts_best == 0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_objective_that_becomes_infinite_or_nan_never_converges(value: float) -> None:
    result = fit(Scripted([-3.0, -2.0, value, value]), start=0.0)
    assert result.status is Status.DEGENERATE
    assert (result.params, result.log_likelihood) == (1.0, -2.0)
    assert result.best.reason == f"the objective became {value} at EM map 3"


def test_a_parameter_that_becomes_nan_is_named() -> None:
    class Bad(Scripted):
        def em_step(self, x: float) -> EMStep[Any]:
            return EMStep({"mean": 1.0, "sd": math.nan} if self.calls else super().em_step(x).params, -1.0)

    model = Bad([-1.0, -1.0])
    result = fit(model, start=0.0)
    assert result.status is Status.DEGENERATE
    assert result.best.reason == "sd became nan at EM map 2"


def test_a_model_may_say_that_there_is_nothing_to_estimate() -> None:
    class Empty(Scripted):
        def em_step(self, x: float) -> EMStep[float]:  # noqa: ARG002
            raise Degenerate("no sample was called")

    result = fit(Empty([0.0]), start=0.0)
    assert result.status is Status.DEGENERATE
    assert result.verdict == "degenerate: at the start: no sample was called"


SPIKE_VALUES = np.append(np.linspace(-2.0, 2.0, 60), [8.0, 8.0, 8.0])
SPIKE_START = GaussianMixtureParams(np.array([0.9, 0.1]), np.array([0.0, 8.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize("accelerate", [False, True])
@pytest.mark.parametrize("smallest_ratio", [0.0, 1e-6])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_component_that_collapses_on_one_value_never_converges(accelerate: bool, smallest_ratio: float) -> None:
    model = GaussianMixture(SPIKE_VALUES, k=2, smallest_ratio=smallest_ratio)
    result = fit(model, start=SPIKE_START, accelerate=accelerate)
    assert result.status is Status.DEGENERATE
    assert math.isfinite(result.log_likelihood)
    assert result.optima == ()


def test_a_degenerate_run_never_beats_a_proper_one() -> None:
    model = GaussianMixture(np.loadtxt(GOLDEN / "waiting.csv", skiprows=1), k=2)
    spike = GaussianMixtureParams(np.array([0.05, 0.95]), np.array([43.0, 75.0]), np.array([0.05, 10.0]))
    fair = GaussianMixtureParams(np.array([0.5, 0.5]), np.array([50.0, 80.0]), np.array([5.0, 5.0]))
    result = fit(model, start=[spike, fair])
    assert [run.status for run in result.runs] == [Status.DEGENERATE, Status.CONVERGED]
    assert result.best.start == 1


def test_not_even_where_its_last_objective_was_higher() -> None:
    result = fit(Scripted([-3.0, -1.0, math.nan, -2.0, -2.0]), start=[0.0, 3.0])
    assert [run.objective for run in result.runs] == [-1.0, -2.0]
    assert (result.status, result.log_likelihood) == (Status.CONVERGED_OBJECTIVE, -2.0)


# --- when to stop -------------------------------------------------------------------------------------------------


def test_the_iteration_limit_counts_em_maps() -> None:
    model = Scripted([-1.0 / (1.0 + x) for x in range(100)])
    result = fit(model, start=0.0, max_iter=7)
    assert result.status is Status.MAX_ITER
    assert len(model.calls) == result.n_maps == 7
    assert result.best.reason == "no convergence in 7 EM maps"


@pytest.mark.parametrize("max_iter", range(1, 9))
def test_the_iteration_limit_holds_with_acceleration(max_iter: int) -> None:
    counted: list[float] = []

    class Counting(MissingFlipsCoin):
        def em_step(self, p: float) -> EMStep[float]:
            counted.append(p)
            return super().em_step(p)

    result = fit(Counting(3, 1, 400), start=0.1, max_iter=max_iter)
    assert len(counted) == result.n_maps <= max_iter


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_the_objective_alone_can_be_the_stop_rule(tolerance: float) -> None:
    result = fit(
        COIN,
        start=0.1,
        accelerate=False,
        trace=True,
        objective_tolerance=tolerance,
        parameter_tolerance=math.inf,
        gradient_tolerance=math.inf,
    )
    assert result.trace is not None
    objective = result.trace.objective
    changes = np.diff(objective) / (1.0 + np.abs(objective[:-1]))
    assert changes[-1] <= tolerance < changes[-2]


def test_a_flat_objective_with_moving_parameters_is_no_convergence() -> None:
    assert fit(Scripted([-1.0] * 50), start=0.0, max_iter=20).status is Status.MAX_ITER


def test_a_fixed_point_with_a_gradient_is_no_convergence() -> None:
    class Stuck(Scripted):
        def stationarity(self, x: float) -> Stationarity:  # noqa: ARG002
            return Stationarity.unconstrained([1.0])

    result = fit(Stuck([-1.0]), start=0.0, max_iter=20)
    assert result.status is Status.MAX_ITER
    assert result.best.kkt_residual == 0.5
    assert fit(Stuck([-1.0]), start=0.0, gradient_tolerance=math.inf).status is Status.CONVERGED_OBJECTIVE


def test_a_nan_gradient_is_no_convergence() -> None:
    class Blind(Scripted):
        def stationarity(self, x: float) -> Stationarity:  # noqa: ARG002
            return Stationarity(np.array([math.nan]), np.array([0.0]))

    assert fit(Blind([-1.0]), start=0.0, max_iter=20).status is Status.MAX_ITER


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_iter": 0}, "at least 1"),
        ({"n_starts": 0}, "at least 1"),
        ({"on_decrease": "ignore"}, "'raise', 'warn' or 'revert' expected"),
        ({"parameter_norm": "max"}, "'relative' or 'absolute' expected"),
    ],
)
def test_arguments_without_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(COIN, **arguments)


# --- several starts -----------------------------------------------------------------------------------------------

# Three clusters and two means: the third cluster joins one neighbour or the other.
CLUSTERS = np.concatenate([np.linspace(-6, -5, 30), np.linspace(-0.5, 0.5, 30), np.linspace(6, 7, 30)])
TWO_MEANS = GaussianMeans(CLUSTERS, np.array([0.5, 0.5]), variance=1.0)
LEFT_PAIR, RIGHT_PAIR = np.array([-3.0, 6.5]), np.array([-5.5, 3.0])


def test_two_starts_with_different_optima_are_reported_as_two_optima() -> None:
    result = fit(TWO_MEANS, start=[RIGHT_PAIR, LEFT_PAIR, RIGHT_PAIR + 0.1])
    assert [run.status for run in result.runs] == [Status.CONVERGED] * 3
    assert len(result.optima) == 2
    better, worse = result.optima
    assert better.objective > worse.objective + 1.0
    assert (better.n_starts, worse.n_starts) == (1, 2)
    np.testing.assert_allclose(better.params, [CLUSTERS[:60].mean(), 6.5], atol=0.01)
    np.testing.assert_allclose(worse.params, [-5.5, CLUSTERS[30:].mean()], atol=0.01)
    assert result.best.start == 1
    assert result.n_starts_best == 1
    assert result.verdict == "stationary, best of 3 starts (reached by 1)"


def test_relabelled_components_are_one_optimum() -> None:
    result = fit(TWO_MEANS, start=[LEFT_PAIR, LEFT_PAIR[::-1].copy()])
    assert len(result.optima) == 1
    assert result.n_starts_best == 2


def test_start_number_i_does_not_depend_on_how_many_there_are() -> None:
    few, many = fit(TWO_MEANS, n_starts=3, seed=5), fit(TWO_MEANS, n_starts=6, seed=5)
    for one, other in zip(few.runs, many.runs, strict=False):
        np.testing.assert_array_equal(one.params, other.params)
    assert fit(TWO_MEANS, n_starts=6, seed=6).runs[0].n_maps != 0
    other_seed = fit(TWO_MEANS, n_starts=1, seed=6, max_iter=1)
    assert not np.array_equal(other_seed.params, fit(TWO_MEANS, n_starts=1, seed=5, max_iter=1).params)


def test_random_starts_follow_the_given_ones() -> None:
    result = fit(TWO_MEANS, start=LEFT_PAIR, n_starts=4, max_iter=1)
    assert len(result.runs) == 4
    np.testing.assert_array_equal(result.runs[0].params, LEFT_PAIR)
    random = fit(TWO_MEANS, n_starts=4, max_iter=1)
    for one, other in zip(result.runs[1:], random.runs[1:], strict=True):
        np.testing.assert_array_equal(one.params, other.params)


def test_a_warm_start_at_the_answer_costs_next_to_nothing() -> None:
    first = fit(TWO_MEANS, start=LEFT_PAIR)
    again = fit(TWO_MEANS, start=first.params)
    assert again.status is Status.CONVERGED
    assert again.n_maps <= 3
    assert again.objective == pytest.approx(first.objective, rel=1e-12)


def test_one_start_makes_no_claim_about_others() -> None:
    assert fit(TWO_MEANS, start=LEFT_PAIR).verdict == "stationary, from 1 start"


# --- traces, callbacks, records -----------------------------------------------------------------------------------


def test_a_wrong_e_step_breaks_the_sum_of_q_and_entropy() -> None:
    class Wrong(MissingFlipsCoin):
        def em_step(self, p: float) -> EMStep[float]:
            step = super().em_step(p)
            assert step.entropy is not None
            return EMStep(
                step.params, step.log_likelihood, 0.0, step.entropy * 1.001, step.expected_complete_log_likelihood
            )

    with pytest.raises(IdentityError, match=r"Wrong: Q \+ entropy = .* but the log-likelihood is"):
        fit(Wrong(37, 23, 40), start=0.5, trace=True)


def test_what_a_model_does_not_give_is_nan_in_the_trace() -> None:
    trace = fit(Scripted([-2.0, -1.0, -1.0]), start=0.0, trace=True).trace
    assert trace is not None
    assert np.all(np.isnan(trace.entropy))
    assert np.all(np.isnan(trace.expected_complete_log_likelihood))
    assert np.all(np.isnan(trace.learning_rate))
    np.testing.assert_array_equal(trace.n_maps, np.arange(1, len(trace) + 1))


def test_the_callback_sees_every_accepted_iterate() -> None:
    seen: list[Progress] = []
    result = fit(COIN, start=[0.5, 0.2], trace=True, callback=seen.append)
    for run in result.runs:
        assert run.trace is not None
        mine = [progress for progress in seen if progress.start == run.start]
        np.testing.assert_array_equal([progress.objective for progress in mine], run.trace.objective)
        np.testing.assert_array_equal([progress.n_maps for progress in mine], run.trace.n_maps)


def test_a_record_is_json_and_says_everything() -> None:
    result = fit(COIN, n_starts=2, seed=3, trace=True)
    record = json.loads(json.dumps(result.as_record(), allow_nan=False))
    assert record["status"] == "converged"
    assert record["seed"] == 3
    assert record["params"] == result.params
    assert record["criteria"]["n_free"] == 1
    assert record["criteria"]["n_observations"] == 60
    assert record["n_starts_best"] == 2
    assert record["optima"][0]["n_starts"] == 2
    assert len(record["runs"]) == 2
    assert record["runs"][0]["trace"]["objective"][-1] == record["runs"][0]["objective"]


def test_a_record_of_a_failure_is_json_too() -> None:
    record = fit(Scripted([math.nan]), start=0.0).as_record()
    assert json.loads(json.dumps(record, allow_nan=False))["log_likelihood"] is None
    assert record["status"] == "degenerate"


def test_importing_the_engine_stays_light() -> None:
    code = "import sys, genem.em; print([m for m in heavy if m in sys.modules])"
    code = "heavy = ('scipy.special', 'scipy.stats', 'scipy.linalg', 'matplotlib', 'pandas');" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_proper_fit_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(COIN, n_starts=3).converged
