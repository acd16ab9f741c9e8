"""Peaks of a scan: thresholds of their region, p-values, intervals."""

from dataclasses import replace

import numpy as np
import pytest

from genem.errors import UsageError
from genem.qtl import Permutations, find_peaks, genotype_probabilities, scan, thresholds
from tests.qtl.crosses import golden_cross


@pytest.fixture(scope="module")
def found():
    cross = golden_cross("f2_bothsex_bothdir")
    return scan(cross, genotype_probabilities(cross, step=10, error_prob=0.001), "y", method="hk")


def permuted(autosomes, x):
    return Permutations("y", "hk", "normal", np.array(autosomes), np.array(x), 300.0, 100.0, 1, 1)


def test_every_chromosome_has_one_peak_where_it_is_highest(found):
    peaks = find_peaks(found, min_lod=1e-6)
    assert [peak.interval.chromosome for peak in peaks] == list(found.chromosomes)
    for peak in peaks:
        assert peak.interval.lod == found.lod[found.on(peak.interval.chromosome), 0].max()
        assert peak.interval.left <= peak.interval.peak <= peak.interval.right
        assert np.isnan(peak.genome_wide_p)
        assert not peak.spike
    assert find_peaks(found, min_lod=100.0) == ()
    assert all(peak.threshold == 3.0 for peak in find_peaks(found))


def test_the_x_chromosome_has_a_threshold_and_p_values_of_its_own(found):
    nothing_on_x = permuted(np.full(99, 50.0), np.zeros(99))
    (peak,) = find_peaks(found, permutations={"y": nothing_on_x}, x_chromosomes={"X"})
    assert peak.interval.chromosome == "X"
    assert peak.genome_wide_p == pytest.approx(1 - (1 - 1 / 100) ** 4)
    everything_on_x = permuted(np.zeros(99), np.full(99, 50.0))
    peaks = find_peaks(found, permutations={"y": everything_on_x}, x_chromosomes={"X"})
    assert [peak.interval.chromosome for peak in peaks] == [name for name in found.chromosomes if name != "X"]
    assert peaks[0].genome_wide_p == pytest.approx(1 - (1 - 1 / 100) ** (4 / 3))


def test_a_stricter_level_is_a_higher_threshold():
    highest = permuted(np.arange(100) / 10, np.full(100, -np.inf))
    strict, loose = thresholds(highest, (0.01, 0.2))
    assert (strict.region, strict.alpha, strict.n_permutations) == ("A", 0.01, 100)
    assert strict.lod == pytest.approx(np.quantile(np.arange(100) / 10, 0.99))
    assert strict.lod > loose.lod
    both = thresholds(permuted(np.arange(100) / 10, np.arange(100) / 10), (0.05,))
    assert [one.region for one in both] == ["A", "X"]
    assert both[0].lod < both[1].lod  # less of the genome, a stricter level


def test_percent_of_variance_is_for_normal_traits(found):
    (peak,) = find_peaks(found, min_lod=0.99 * found.lod.max())
    n = found.n_individuals[0]
    assert peak.percent_variance == pytest.approx(100 * (1 - 10 ** (-2 * found.lod.max() / n)))
    for other in (replace(found, model="np"), replace(found, method="mr")):
        assert np.isnan(find_peaks(other, min_lod=0.1)[0].percent_variance)


def test_intervals_are_lod_or_bayes(found):
    narrow, wide = (find_peaks(found, min_lod=0.1, drop=drop)[0].interval for drop in (0.1, 3.0))
    assert wide.left <= narrow.left <= narrow.right <= wide.right
    some, most = (find_peaks(found, min_lod=0.1, interval="bayes", coverage=c)[0].interval for c in (0.1, 0.99))
    assert most.right - most.left > some.right - some.left


def test_a_trait_that_was_not_permuted_is_refused(found):
    with pytest.raises(UsageError, match="trait y was not permuted, only z"):
        find_peaks(found, permutations={"z": permuted([1.0], [1.0])})
