"""Gene counting under dominance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from genem.em import Status
from genem.errors import UsageError
from genem.popgen import gene_counting

ABO = {"A": ["AA", "AO"], "B": ["BB", "BO"], "AB": ["AB"], "O": ["OO"]}


def abo_log_likelihood(counts: dict[str, float], a: float, b: float) -> float:
    o = 1 - a - b
    shares = {"A": a * a + 2 * a * o, "B": b * b + 2 * b * o, "AB": 2 * a * b, "O": o * o}
    return sum(n * np.log(shares[phenotype]) for phenotype, n in counts.items() if n)


def test_abo_equals_direct_maximisation_with_its_curvature() -> None:
    counts = {"A": 186, "B": 38, "AB": 13, "O": 284}
    options = {"xatol": 1e-10, "fatol": 1e-12}
    found = minimize(lambda x: -abo_log_likelihood(counts, *x), [0.3, 0.1], method="Nelder-Mead", options=options)
    result = gene_counting(counts, ABO)
    assert result.alleles == ("A", "B", "O")
    np.testing.assert_allclose(result.frequencies[:2], found.x, atol=1e-7)
    assert result.fit.log_likelihood == pytest.approx(-found.fun, abs=1e-9)
    h = 1e-4
    information = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            u, v = h * np.eye(2)[i], h * np.eye(2)[j]
            corners = [abo_log_likelihood(counts, *(found.x + x)) for x in (u + v, u - v, v - u, -u - v)]
            information[i, j] = -(corners[0] - corners[1] - corners[2] + corners[3]) / (4 * h * h)
    covariance = np.linalg.inv(information)
    np.testing.assert_allclose(result.standard_errors[:2], np.sqrt(np.diag(covariance)), rtol=1e-4)
    assert result.standard_errors[2] == pytest.approx(np.sqrt(covariance.sum()), rel=1e-4)
    assert result.expected_phenotypes.sum() == pytest.approx(521)


@settings(max_examples=25)
@given(st.tuples(*[st.integers(1, 400)] * 4))
def test_abo_is_stationary_and_beats_neighbours(numbers: tuple[int, int, int, int]) -> None:
    counts = dict(zip(("A", "B", "AB", "O"), numbers, strict=True))
    result = gene_counting(counts, ABO, n_starts=2)
    assert result.fit.status is Status.CONVERGED
    best = abo_log_likelihood(counts, *result.frequencies[:2])
    assert result.fit.log_likelihood == pytest.approx(best, rel=1e-12)
    for a, b in ((1e-3, 0), (0, 1e-3), (1e-3, 1e-3), (1e-3, -1e-3)):
        for sign in (1, -1):
            p = result.frequencies[:2] + sign * np.array([a, b])
            if (p > 0).all() and p.sum() < 1:
                assert abo_log_likelihood(counts, *p) <= best + 1e-9


def test_codominant_counts_are_plain_counting() -> None:
    result = gene_counting({"M": 30, "MN": 50, "N": 20}, {"M": ["MM"], "MN": ["MN"], "N": ["NN"]})
    np.testing.assert_allclose(result.frequencies, [0.55, 0.45], rtol=1e-12)
    np.testing.assert_allclose(result.standard_errors, np.sqrt(0.55 * 0.45 / 200), rtol=1e-6)


def test_a_recessive_is_the_square_root() -> None:
    result = gene_counting({"shown": 91, "recessive": 9}, {"shown": ["DD", "Dd"], "recessive": ["dd"]})
    assert result.frequencies[1] == pytest.approx(0.3, abs=1e-8)
    assert result.standard_errors[1] == pytest.approx(np.sqrt((1 - 0.09) / 400), rel=1e-5)


def test_an_allele_nobody_carries_has_no_standard_error() -> None:
    result = gene_counting({"A": 40, "B": 0, "AB": 0, "O": 60}, ABO)
    assert result.frequencies[1] == pytest.approx(0.0, abs=1e-7)
    error = math.sqrt((1.0 - 0.6) / (4.0 * 100.0))  # of the root of the share of O, as with two alleles
    np.testing.assert_allclose(result.standard_errors, [error, np.nan, error], rtol=1e-6)
    assert result.errors.refused


@pytest.mark.parametrize(
    ("counts", "genotypes", "found"),
    [
        ({"A": 3}, {"A": ["AA"]}, "two alleles"),
        ({"A": 3}, {"A": ["AAO"]}, "pair"),
        ({"A": 3, "B": 2}, {"A": ["AA", "AB"], "B": ["BB", "BA"]}, "two phenotypes"),
        ({"A": 3, "C": 1}, {"A": ["AA", "AB", "BB"]}, "no genotype"),
        ({"A": 3}, {"A": ["AA", "AB"]}, "B/B has no phenotype"),
        ({"A": -3}, {"A": ["AA", "AB", "BB"]}, "count -3"),
        ({"A": 0}, {"A": ["AA", "AB", "BB"]}, "nobody"),
    ],
)
def test_impossible_tables_are_refused(counts: dict[str, float], genotypes: dict[str, list[str]], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        gene_counting(counts, genotypes)
