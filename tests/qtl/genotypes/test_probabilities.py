"""Genotype probabilities, likeliest genotypes, draws, error LODs."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.errors import InputError, UsageError
from genem.qtl.genotypes.positions import position_grid
from genem.qtl.genotypes.probabilities import (
    genotype_draws,
    genotype_probabilities,
    genotyping_error_lods,
    likeliest_genotypes,
)
from genem.qtl.map_functions import map_distance, recombination_fraction
from tests.qtl.crosses import CROSS_TYPES, GOLDEN, assert_probabilities, golden_cross, rows, small_cross
from tests.reference import qtl as reference

MAP_FUNCTIONS = ("haldane", "kosambi", "carter-falconer", "morgan")
LINE_FRACTION = {"riself": lambda r: 2 * r / (1 + 2 * r), "risib": lambda r: 4 * r / (1 + 6 * r)}


@pytest.mark.parametrize("map_function", MAP_FUNCTIONS)
@given(distance=st.floats(0, 500))
def test_map_functions_are_their_formulas(map_function, distance):
    r = float(recombination_fraction(distance, map_function))
    assert r == pytest.approx(reference.fraction(distance, map_function), abs=1e-12)
    if r < 0.49:
        assert float(map_distance(r, map_function)) == pytest.approx(distance, rel=1e-9, abs=1e-9)


def test_an_unknown_map_function_is_refused():
    with pytest.raises(UsageError, match="not one of haldane, kosambi"):
        recombination_fraction(1.0, "haldan")


def test_the_grid_starts_at_the_first_marker_and_holds_every_marker():
    grid = position_grid(np.array([10.0, 12.0, 13.2]), ("a", "b", "c"), "7", 1.0)
    assert grid.names == ("a", "c7.loc1", "b", "c7.loc3", "c")
    np.testing.assert_allclose(grid.position, [10, 11, 12, 13, 13.2])
    assert grid.marker.tolist() == [0, -1, 1, -1, 2]


def test_a_lone_marker_is_a_grid():
    assert position_grid(np.array([4.0]), ("a",), "1", 1.0).names == ("a",)


@pytest.mark.parametrize("name", CROSS_TYPES)
def test_probabilities_of_the_golden_crosses(name):
    cross = golden_cross(name)
    found = genotype_probabilities(cross, step=1, error_prob=0.001)
    assert_probabilities(found, rows(GOLDEN / f"{name}.genoprob.tsv"), cross.individuals)
    for one in found:
        np.testing.assert_allclose(one.probabilities.sum(axis=2), 1, atol=1e-12)


@pytest.mark.kernel
@settings(max_examples=40)
@given(
    calls=st.lists(st.sampled_from([None, "AA", "AB", "BB", "not AA", "not BB"]), min_size=1, max_size=4),
    gaps=st.lists(st.floats(0.5, 60), min_size=3, max_size=3),
    error=st.sampled_from([1e-4, 0.01, 0.2]),
    map_function=st.sampled_from(MAP_FUNCTIONS),
)
def test_intercross_probabilities_are_sums_over_gametes(calls, gaps, error, map_function):
    position = np.concatenate([[0.0], np.cumsum(gaps)])[: len(calls)]
    cross = small_cross("f2", [calls], position)
    (found,) = genotype_probabilities(cross, step=0, error_prob=error, map_function=map_function)
    fractions = [reference.fraction(gap, map_function) for gap in gaps]
    expected, likelihood = reference.intercross_probabilities(calls, fractions, error)
    for place, at in enumerate(expected):
        np.testing.assert_allclose(found.probabilities[place, 0], [at[s] for s in ("AA", "AB", "BB")], atol=1e-11)
    assert found.log_likelihood[0] == pytest.approx(math.log(likelihood), abs=1e-10)


@pytest.mark.kernel
@settings(max_examples=40)
@given(
    cross_type=st.sampled_from(["bc", "dh", "riself", "risib"]),
    calls=st.lists(st.sampled_from([None, 0, 1]), min_size=1, max_size=5),
    gaps=st.lists(st.floats(0.5, 60), min_size=4, max_size=4),
    error=st.sampled_from([1e-4, 0.01, 0.2]),
)
def test_two_state_probabilities_are_sums_over_gametes(cross_type, calls, gaps, error):
    names = ("AA", "AB") if cross_type == "bc" else ("AA", "BB")
    named = [None if call is None else names[call] for call in calls]
    cross = small_cross(cross_type, [named], np.concatenate([[0.0], np.cumsum(gaps)])[: len(calls)])
    (found,) = genotype_probabilities(cross, step=0, error_prob=error)
    of_lines = LINE_FRACTION.get(cross_type, lambda r: r)
    fractions = [of_lines(reference.fraction(gap, "haldane")) for gap in gaps]
    expected, _ = reference.two_state_probabilities(named, fractions, error, names)
    for place, at in enumerate(expected):
        np.testing.assert_allclose(found.probabilities[place, 0], [at[s] for s in names], atol=1e-11)


def test_without_calls_the_probabilities_are_mendels():
    cross = small_cross("f2", [[None, None]], [0.0, 30.0])
    (found,) = genotype_probabilities(cross, step=10)
    np.testing.assert_allclose(found.probabilities, np.broadcast_to([0.25, 0.5, 0.25], (4, 1, 3)), atol=1e-12)


def test_likelihoods_take_the_place_of_calls():
    called = small_cross("f2", [["AA", None, "AB"]], [0.0, 10.0, 20.0])
    error = 0.02
    likelihoods = np.array([[[1 - error, error / 2, error / 2], [1, 1, 1], [error / 2, 1 - error, error / 2]]])
    unseen = small_cross("f2", [[None] * 3], [0.0, 10.0, 20.0], likelihoods=likelihoods.astype(np.float32))
    (by_call,) = genotype_probabilities(called, error_prob=error)
    (by_likelihood,) = genotype_probabilities(unseen)
    np.testing.assert_allclose(by_likelihood.probabilities, by_call.probabilities, atol=1e-6)


def test_contradicting_likelihoods_are_an_error():
    likelihoods = np.zeros((1, 1, 3), np.float32)
    cross = small_cross("f2", [[None]], [0.0], likelihoods=likelihoods)
    with pytest.raises(InputError, match="individual i1 on chromosome 1 leave no genotypes"):
        genotype_probabilities(cross)


def test_contradicting_calls_without_error_are_not():
    cross = small_cross("f2", [["AA", "BB"]], [0.0, 0.0])
    (found,) = genotype_probabilities(cross, error_prob=0.0)
    assert np.isfinite(found.probabilities).all()


def test_the_x_chromosome_needs_sexes():
    cross = small_cross("f2", [["AA"]], [0.0], x_chromosomes=frozenset("1"))
    with pytest.raises(InputError, match="X chromosome but no sex is given"):
        genotype_probabilities(cross)


def test_states_on_x_are_told_apart_by_sex_and_direction():
    calls = [["AA"], ["BB"], ["AA"], ["BB"]]
    cross = small_cross(
        "f2",
        calls,
        [0.0],
        x_chromosomes=frozenset("1"),
        is_male=np.array([False, False, True, True]),
        is_reverse=np.array([False, True, False, True]),
    )
    (found,) = genotype_probabilities(cross, error_prob=0.0)
    assert found.states == ("AA", "ABf", "ABr", "BB", "AY", "BY")
    assert [found.states[k] for k in found.probabilities[0].argmax(axis=1)] == ["AA", "BB", "AY", "BY"]


@pytest.mark.parametrize("bad", [{"error_prob": 1.0}, {"error_prob": -0.1}, {"step": -1.0}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(UsageError):
        genotype_probabilities(small_cross("f2", [["AA"]], [0.0]), **bad)


def test_likeliest_genotypes_fill_gaps_and_mend_errors():
    cross = small_cross("bc", [["AA", None, "AA", "AB", "AA", "AA"]], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    (found,) = likeliest_genotypes(cross, error_prob=0.01)
    assert [found.states[k] for k in found.draws[0, 0]] == ["AA"] * 6
    lods = genotyping_error_lods(cross)
    assert np.isnan(lods[0, 1])
    assert lods[0, 3] > 2
    assert np.nanargmax(lods[0]) == 3
    assert (lods[0, [0, 5]] < 0).all()


@pytest.mark.kernel
@given(calls=st.lists(st.sampled_from([None, "AA", "AB", "BB", "not AA"]), min_size=2, max_size=4))
def test_error_lods_compare_the_other_calls(calls):
    position = np.arange(len(calls)) * 10.0
    lods = genotyping_error_lods(small_cross("f2", [calls], position))
    fractions = [reference.fraction(10.0, "haldane")] * (len(calls) - 1)
    for marker, call in enumerate(calls):
        if call is None:
            assert np.isnan(lods[0, marker])
            continue
        others = [None if k == marker else c for k, c in enumerate(calls)]
        at = reference.intercross_probabilities(others, fractions, 1e-12)[0][marker]
        included = reference.COMPATIBLE.get(call, (call,))
        right = sum(at[g] for g in included)
        share = 1 if call in reference.COMPATIBLE else 0.5
        wrong = share * sum(p for g, p in at.items() if g not in included)
        assert lods[0, marker] == pytest.approx(math.log10(wrong / right), abs=1e-6)


def test_draws_follow_the_probabilities():
    cross = small_cross("f2", [["AA", "BB"], [None, "AB"]], [0.0, 40.0])
    (expected,) = genotype_probabilities(cross, step=20)
    (found,) = genotype_draws(cross, n_draws=3000, step=20, seed=5)
    assert found.grid.names == expected.grid.names
    for state in range(len(found.states)):
        share = (found.draws == state).mean(axis=0).T
        p = expected.probabilities[:, :, state]
        assert (np.abs(share - p) < 5 * np.sqrt(p * (1 - p) / 3000) + 1e-9).all()


def test_draws_repeat_with_their_seed():
    cross = golden_cross("dh")
    first, again, other = (genotype_draws(cross, n_draws=2, seed=seed)[0].draws for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
