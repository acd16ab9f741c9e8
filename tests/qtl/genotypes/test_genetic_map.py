"""The genetic map re-estimated from the cross."""

import math

import numpy as np
import pytest

from genem.em import Status
from genem.errors import UsageError
from genem.qtl.genotypes.genetic_map import estimate_map
from genem.qtl.map_functions import map_distance
from tests.qtl.crosses import golden_cross, small_cross
from tests.reference import qtl as reference


def two_point_log_likelihood(calls, r):
    return sum(math.log(reference.intercross_probabilities(list(row), [r], 1e-12)[1]) for row in calls)


def test_two_markers_of_an_intercross_reach_the_maximum():
    rng = np.random.default_rng(3)
    calls = [["AA", "AA"]] * 8 + [["AB", "AB"]] * 14 + [["BB", "BB"]] * 7 + [["AA", "AB"]] * 5 + [["AB", "BB"]] * 4
    calls += [["AA", "BB"], ["AB", "not AA"], [None, "AB"]]
    rng.shuffle(calls)
    found = estimate_map(small_cross("f2", calls, [5.0, 9.0]), error_prob=1e-12)
    r = 0.5 * (1 - math.exp(-(found.genetic_map.position[1] - 5.0) / 50))
    typed = [row for row in calls if None not in row]
    best = two_point_log_likelihood(typed, r)
    assert found.log_likelihood[0] == pytest.approx(best, abs=1e-8)
    for other in (r - 1e-3, r + 1e-3):
        assert two_point_log_likelihood(typed, other) < best


@pytest.mark.parametrize(("cross_type", "inflation"), [("riself", 2), ("risib", 4), ("dh", 1)])
def test_inbred_lines_are_scaled_back_to_one_meiosis(cross_type, inflation):
    calls = [["AA", "AA"]] * 45 + [["BB", "BB"]] * 45 + [["AA", "BB"]] * 10
    found = estimate_map(small_cross(cross_type, calls, [0.0, 10.0]), error_prob=0.0)
    lines = 0.1
    r = {1: lines, 2: lines / (2 - 2 * lines), 4: lines / (4 - 6 * lines)}[inflation]
    assert found.genetic_map.position[1] == pytest.approx(float(map_distance(r)), abs=1e-5)


def test_every_chromosome_converges_and_gains_likelihood():
    cross = golden_cross("f2_bothsex_bothdir")
    found = estimate_map(cross, error_prob=0.001)
    assert [fit.status for fit in found.fits] == [Status.CONVERGED] * len(found.fits)
    assert found.genetic_map.markers == cross.genetic_map.markers
    again = estimate_map(cross, error_prob=0.001)
    np.testing.assert_array_equal(found.genetic_map.position, again.genetic_map.position)


def test_a_lone_marker_stays_where_it_was():
    found = estimate_map(small_cross("bc", [["AA"], ["AB"]], [7.0]))
    assert found.genetic_map.position.tolist() == [7.0]
    assert found.fits == (None,)


def test_an_impossible_error_rate_is_refused():
    with pytest.raises(UsageError, match="error probability 2"):
        estimate_map(small_cross("bc", [["AA"]], [7.0]), error_prob=2)
