"""The exact maximum of the two-locus likelihood against grid search, and its symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genem.popgen.linkage.count_kernels import may_reach, r_squared
from genem.popgen.linkage.cubic_kernels import (
    best_coupling,
    coupling_log_likelihood,
    cubic_coefficients,
    evaluate_cubic,
    local_maxima,
)
from tests.reference import ld as reference

pytestmark = pytest.mark.kernel

counts = st.integers(0, 60)
tables = st.tuples(counts, counts, counts, counts, st.integers(0, 60)).filter(lambda t: sum(t) > 0)


def maxima(table: tuple[int, ...]) -> list[float]:
    count, first, second, _ = local_maxima(*map(float, table))
    return [first, second][:count]


@given(tables)
def test_every_maximum_is_found(table: tuple[int, int, int, int, int]) -> None:
    expected = reference.table_maxima(*table)
    # two roots that all but coincide look like none on the grid
    c2, c1, c0 = cubic_coefficients(*map(float, table))
    discriminant = 18 * 2 * c2 * c1 * c0 - 4 * c2**3 * c0 + c2**2 * c1**2 - 4 * 2 * c1**3 - 27 * 4 * c0**2
    assume(table[4] == 0 or abs(discriminant) > 1e-9 * sum(table) ** 6)
    found = maxima(table)
    assert len(found) == len(expected)
    for u, (v, _) in zip(found, expected, strict=True):
        assert u == pytest.approx(v, abs=1e-6 * max(1, table[4]))


@given(tables)
def test_best_is_no_lower_than_the_grid(table: tuple[int, int, int, int, int]) -> None:
    floats = tuple(map(float, table))
    u, n_maxima, _ = best_coupling(*floats)
    assert 0.0 <= u <= table[4]
    assert n_maxima in (1, 2)
    height = coupling_log_likelihood(*floats, u)
    for v in np.linspace(0.0, table[4], 301):
        assert coupling_log_likelihood(*floats, float(v)) <= height + 1e-9 * (1.0 + abs(height))


@given(tables)
def test_maxima_stand_still_under_em(table: tuple[int, int, int, int, int]) -> None:
    n00, n01, n10, n11, double = table
    for u in maxima(table):
        cis, trans = (n11 + u) * (n00 + u), (n10 + double - u) * (n01 + double - u)
        if cis + trans > 0:
            assert double * cis / (cis + trans) == pytest.approx(u, abs=1e-6 * max(1, double))


@given(tables)
def test_swapping_an_allele_swaps_coupling_and_repulsion(table: tuple[int, int, int, int, int]) -> None:
    n00, n01, n10, n11, double = table
    assert sorted(double - u for u in maxima((n01, n00, n11, n10, double))) == pytest.approx(
        maxima(table), abs=1e-6 * max(1, double)
    )


@given(tables)
def test_scaling_the_table_scales_the_maxima(table: tuple[int, int, int, int, int]) -> None:
    u, n_maxima, _ = best_coupling(*map(float, table))
    assume(n_maxima == 1)
    scaled, _, _ = best_coupling(*(7.0 * count for count in table))
    assert scaled == pytest.approx(7.0 * u, rel=1e-9, abs=1e-6)


@given(tables, st.floats(1e-4, 1.0))
def test_no_pair_is_ruled_out_wrongly(table: tuple[int, int, int, int, int], min_r2: float) -> None:
    _, n01, n10, n11, double = table
    n, alt_a, alt_b = sum(table) + double, n11 + n10 + double, n11 + n01 + double
    arguments = tuple(map(float, (n, alt_a, alt_b, n11, double)))
    r2 = r_squared(*arguments)
    if r2 >= min_r2:
        assert may_reach(*arguments, min_r2)
    assert math.isnan(r2) or may_reach(*arguments, r2) or r2 == 0.0


def test_ruling_out_spares_most_pairs() -> None:
    """Independent loci of 2,500 samples: the cubic is left for very few of them."""
    generator = np.random.default_rng(5)
    kept = 0
    for _ in range(200):
        p_a, p_b = generator.uniform(0.05, 0.5, 2)
        a, b = generator.binomial(2, p_a, 2500), generator.binomial(2, p_b, 2500)
        double = int(((a == 1) & (b == 1)).sum())
        coupled = int(((a == 1) & (b == 2)).sum() + ((a == 2) & (b == 1)).sum() + 2 * ((a == 2) & (b == 2)).sum())
        kept += may_reach(5000.0, float(a.sum()), float(b.sum()), float(coupled), float(double), 0.2)
    assert kept <= 2


def test_two_equal_maxima() -> None:
    """Many double heterozygotes and symmetric rest: coupling and repulsion are equally likely."""
    count, first, second, _ = local_maxima(2.0, 2.0, 2.0, 2.0, 100.0)
    assert count == 2
    assert first + second == pytest.approx(100.0)
    u, n_maxima, _ = best_coupling(2.0, 2.0, 2.0, 2.0, 100.0)
    assert (u, n_maxima) == (pytest.approx(first), 2)


def test_only_double_heterozygotes() -> None:
    """Nothing else is known: both ends are maxima."""
    assert local_maxima(0.0, 0.0, 0.0, 0.0, 9.0)[:3] == (2, 0.0, 9.0)


def test_root_at_the_inflection() -> None:
    assert local_maxima(5.0, 5.0, 5.0, 5.0, 2.0)[:2] == (1, pytest.approx(1.0))


def test_cubic_is_the_em_equation() -> None:
    n00, n01, n10, n11, double, u = 11.0, 4.0, 7.0, 3.0, 9.0, 2.5
    expected = u * (n10 + double - u) * (n01 + double - u) - (double - u) * (n11 + u) * (n00 + u)
    assert evaluate_cubic(u, *cubic_coefficients(n00, n01, n10, n11, double)) == pytest.approx(expected)
