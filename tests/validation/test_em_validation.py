"""The engine against mclust, mixtools, scikit-learn, flexmix and SQUAREM on the reference data."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genem.em import Status, fit
from tests.reference.em_models import PoissonMixture, Vector
from tests.reference.em_multivariate import MultivariateMixture, MultivariateMixtureParams

pytestmark = pytest.mark.validation

GOLDEN = Path(__file__).parent.parent / "golden" / "em"


@pytest.fixture
def em_data(reference_data: Path) -> Path:
    return reference_data / "em"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as lines:
        return list(csv.DictReader(lines))


def points_of(path: Path) -> Vector:
    return np.loadtxt(path, delimiter=",", skiprows=1)


def reaches(log_likelihood: float, expected: float) -> bool:
    """As good as another program's optimum, or better: several peers stop early."""
    return log_likelihood >= expected - 1e-6 * (1.0 + abs(expected))


def test_golden_copies_are_the_reference(em_data: Path) -> None:
    copies = [path for path in GOLDEN.iterdir() if path.suffix in (".csv", ".json") and path.name != "waiting.csv"]
    assert len(copies) == 12
    for copy in copies:
        (original,) = em_data.glob(f"*/{copy.name}")
        assert copy.read_bytes() == original.read_bytes(), copy.name
    waiting = [float(row["waiting"]) for row in rows_of(em_data / "gmm" / "faithful.csv")]
    np.testing.assert_array_equal(np.loadtxt(GOLDEN / "waiting.csv", skiprows=1), waiting)


FAITHFUL_START = MultivariateMixtureParams(
    np.array([0.5, 0.5]), np.array([[2.0, 55.0], [4.5, 80.0]]), np.array([np.diag([1.0, 100.0])] * 2)
)


def test_faithful_trace_equals_mixtools_and_scikit_learn(em_data: Path) -> None:
    points = points_of(em_data / "gmm" / "faithful.csv")
    result = fit(MultivariateMixture(points, k=2), start=FAITHFUL_START, accelerate=False, trace=True)
    assert result.trace is not None
    mixtools = points_of(em_data / "gmm" / "faithful_mvnormalmixEM_trace.csv")[:, 1]
    np.testing.assert_allclose(result.trace.log_likelihood[: mixtools.size], mixtools, rtol=1e-12)
    known = json.loads((em_data / "gmm" / "sklearn_expected.json").read_text())["reg_covar=0"]
    bounds = np.array(known["mean_lower_bounds"]) * len(points)
    np.testing.assert_allclose(result.trace.log_likelihood[: bounds.size], bounds, rtol=1e-12)
    np.testing.assert_allclose(result.params.means, known["means"], rtol=1e-5)
    np.testing.assert_allclose(result.params.covariances, known["covariances"], rtol=1e-4)
    assert result.criteria.bic == pytest.approx(known["bic"], abs=1e-6)
    assert result.criteria.aic == pytest.approx(known["aic"], abs=1e-6)


@pytest.mark.parametrize(("name", "largest_k"), [("faithful", 3), ("iris", 3)])
def test_optima_and_bic_of_mclust_are_reached(em_data: Path, name: str, largest_k: int) -> None:
    points = points_of(em_data / "gmm" / f"{name}.csv")
    for row in rows_of(em_data / "gmm" / f"{name}_mclust.csv"):
        k = int(row["K"])
        if row["model"] != "VVV" or k > largest_k:
            continue
        result = fit(MultivariateMixture(points, k), n_starts=12, seed=2)
        assert result.n_free == int(row["df"])
        assert reaches(result.log_likelihood, float(row["loglik"])), (k, result.log_likelihood, row["loglik"])
        assert result.criteria.bic <= float(row["BIC"]) + 1e-3


def test_three_copies_of_a_point_are_a_spike_not_a_fit(em_data: Path) -> None:
    points = points_of(em_data / "gmm" / "singular.csv")
    start = MultivariateMixtureParams(
        np.array([0.9, 0.1]), np.array([[0.0, 0.0], [8.0, 8.0]]), np.array([np.eye(2), np.eye(2)])
    )
    for accelerate in (False, True):
        result = fit(MultivariateMixture(points, k=2), start=start, accelerate=accelerate)
        assert result.status is Status.DEGENERATE
        assert "singular" in result.best.reason


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_poisson_components_reach_flexmix(em_data: Path, k: int) -> None:
    (known,) = (row for row in rows_of(em_data / "mixture" / "poisson3_flexmix.csv") if int(row["K"]) == k)
    values = points_of(em_data / "mixture" / "poisson3.csv")[:, 0]
    counts, frequency = np.unique(values, return_counts=True)
    model: Any = PoissonMixture(counts, frequency.astype(np.float64), k=k)
    result = fit(model, n_starts=15)
    assert result.converged
    assert reaches(result.log_likelihood, float(known["loglik"]))
    assert result.n_free == int(known["df"])
    assert result.criteria.bic <= float(known["BIC"]) + 1e-5
