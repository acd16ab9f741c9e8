"""Exact Hardy-Weinberg tests against rational enumeration and PLINK."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError
from genem.popgen import hwe_exact, hwe_exact_x
from tests import GOLDEN_ANSWERS
from tests.reference import hwe as reference

GOLDEN = GOLDEN_ANSWERS / "popgen"
counts = st.integers(0, 25)


@pytest.mark.kernel
@given(counts, counts, counts)
def test_exact_equals_enumeration(ref: int, het: int, alt: int) -> None:
    p, mid_p = hwe_exact(ref, het, alt)
    if ref + het + alt == 0:
        assert np.isnan(p)
        assert np.isnan(mid_p)
    else:
        expected = reference.exact(ref, het, alt)
        assert p == pytest.approx(expected[0], rel=1e-12)
        assert mid_p == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.kernel
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 12), st.integers(0, 12))
def test_exact_x_equals_enumeration(ref: int, het: int, alt: int, male_ref: int, male_alt: int) -> None:
    p, mid_p = hwe_exact_x(ref, het, alt, male_ref, male_alt)
    if ref + het + alt + male_ref + male_alt == 0:
        assert np.isnan(p)
    else:
        expected = reference.exact_x(ref, het, alt, male_ref, male_alt)
        assert p == pytest.approx(expected[0], rel=1e-12)
        assert mid_p == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.parametrize(
    "table",
    [(480, 20, 300), (600, 100, 300), (1000, 0, 30), (400, 700, 1), (1200, 4, 120), (2400, 3, 101), (57, 14, 50)],
)
def test_tiny_p_values_keep_their_precision(table: tuple[int, int, int]) -> None:
    p, mid_p = hwe_exact(*table)
    expected = reference.exact(*table)
    assert p == pytest.approx(expected[0], rel=1e-12, abs=0.0)
    assert mid_p == pytest.approx(expected[1], rel=1e-12, abs=0.0)


@pytest.mark.parametrize("table", [(520, 0, 515), (2400, 4, 221), (566, 8, 566)])
def test_subnormal_p_values_are_rounded_once(table: tuple[int, int, int]) -> None:
    expected, expected_mid = reference.exact(*table)
    assert 0.0 < expected < 1e-308
    for p, mid_p in (hwe_exact(*table), hwe_exact_x(*table, 0, 0)):
        assert p == pytest.approx(expected, rel=1e-12, abs=5e-324)
        assert mid_p == pytest.approx(expected_mid, rel=1e-12, abs=5e-324)


def test_hundred_thousand_samples() -> None:
    # p near 1e-250 by the rational sum would take minutes: the ratio recurrence in logarithms stands in for it.
    ref, het, alt = 93_000, 6_000, 1_000
    rare = 2 * alt + het
    n = ref + het + alt
    hets = np.arange(rare % 2, rare + 1, 2, dtype=np.float64)
    alts = (rare - hets) / 2
    refs = n - hets - alts
    steps = np.log(4) + np.log(refs[:-1]) + np.log(alts[:-1]) - np.log(hets[:-1] + 1) - np.log(hets[:-1] + 2)
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    observed = logs[hets == het]
    expected = np.logaddexp.reduce(logs[logs <= observed + 1e-9]) - np.logaddexp.reduce(logs)
    p, _ = hwe_exact(ref, het, alt)
    if expected < np.log(1e-308):
        assert p < 1e-307
    else:
        assert np.log(p) == pytest.approx(expected, rel=1e-9)
    balanced, _ = hwe_exact(25_000, 50_000, 25_000)
    assert balanced == 1.0


@pytest.mark.kernel
@given(counts, counts, counts)
def test_relabelling_the_alleles_changes_nothing(ref: int, het: int, alt: int) -> None:
    np.testing.assert_allclose(hwe_exact(ref, het, alt), hwe_exact(alt, het, ref), rtol=1e-13)


@pytest.mark.kernel
@given(counts, counts, counts)
def test_x_without_males_is_the_autosomal_test(ref: int, het: int, alt: int) -> None:
    np.testing.assert_allclose(hwe_exact_x(ref, het, alt, 0, 0), hwe_exact(ref, het, alt), rtol=1e-12)


@pytest.mark.kernel
def test_arrays_broadcast_and_monomorphic_sites_are_certain() -> None:
    p, mid_p = hwe_exact(np.array([[5], [7]]), np.array([0, 2, 4]), 0)
    assert p.shape == mid_p.shape == (2, 3)
    assert (p[:, 0] == 1.0).all()
    assert (mid_p[:, 0] == 0.5).all()


@pytest.mark.parametrize(("bad", "found"), [((-1, 2, 3), "-1"), ((1.5, 2, 3), "float64")])
def test_impossible_counts_are_refused(bad: tuple[float, ...], found: str) -> None:
    with pytest.raises(InputError, match=found):
        hwe_exact(*bad)


def test_x_equals_plink() -> None:
    with (GOLDEN / "chrx.plink2.hardy_x.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    columns = ("FEMALE_HOM_A1_CT", "FEMALE_HET_A1_CT", "FEMALE_TWO_AX_CT", "MALE_A1_CT", "MALE_AX_CT")
    p, _ = hwe_exact_x(*(np.array([int(row[name]) for row in rows]) for name in columns))
    for row, value in zip(rows, p, strict=True):
        assert f"{value:.6g}" == row["P"]
