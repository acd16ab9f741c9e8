"""Profile-likelihood intervals against profiles by brute force, from one sample on, with 0 or 1 inside or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from genem.popgen import allele_frequencies_from_likelihoods
from genem.popgen.frequency.table import FrequencyTable
from tests.reference import frequencies as reference

QUANTILE = chi2.ppf(0.95, 1)


def estimate(samples: list[list[int]], n_alleles: int = 2, **options: object) -> FrequencyTable:
    """One variant from PL lists of any length."""
    likelihoods = np.full((1, len(samples), max(map(len, samples))), -1, np.int32)
    for i, values in enumerate(samples):
        likelihoods[0, i, : len(values)] = values
    lengths = np.array([[len(values) for values in samples]])
    return allele_frequencies_from_likelihoods(likelihoods, lengths, [n_alleles], **options)  # type: ignore[arg-type]


def linear(samples: list[list[int]]) -> list[np.ndarray]:
    return [10.0 ** (-0.1 * (np.array(values) - min(values))) for values in samples if len(set(values)) > 1]


def check_bounds(table: FrequencyTable, profile: Callable[[float], float], alt: int = 1) -> None:
    """Each bound is where the profile has fallen by half the quantile, or 0 or 1 where it has not by there."""
    p = table.allele_frequency[alt - 1]
    with np.errstate(divide="ignore"):
        top = profile(p)
        for bound, limit in ((table.lower[alt - 1], 0.0), (table.upper[alt - 1], 1.0)):
            if bound == limit:
                assert p == limit or 2 * (top - profile(limit)) <= QUANTILE + 1e-6
            else:
                assert 2 * (top - profile(bound)) == pytest.approx(QUANTILE, abs=1e-5)


def check_random_mating(samples: list[list[int]]) -> FrequencyTable:
    used = linear(samples)
    table = estimate(samples)
    if used:
        check_bounds(table, lambda p: reference.log_likelihood(used, np.array([1 - p, p])))
    return table


def check_inbreeding(samples: list[list[int]]) -> FrequencyTable:
    used = linear(samples)
    table = estimate(samples, inbreeding=True)
    if used:
        check_bounds(table, lambda p: reference.inbred_profile(used, p))
    return table


pytestmark = pytest.mark.kernel

SMALL = [
    [[36, 0, 4]],
    [[0, 9, 90], [0, 9, 90], [0, 9, 90], [13, 0, 60]],
    [[4, 0, 36], [4, 0, 36]],
    [[0, 30, 300]] * 5 + [[20, 0, 200]],
    [[0, 3, 30]],
    [[30, 3, 0], [30, 3, 0]],
    [[0, 90, 0], [4, 0, 0]],
    [[0, 40, 40], [40, 40, 0]],
    [[20, 0], [0, 3, 30, 40, 50], [0, 9, 90], [40, 0, 3, 30]],
    [[0, 20, 200], [200, 20, 0]],
]


@pytest.mark.parametrize("samples", SMALL, ids=str)
def test_small_samples(samples: list[list[int]]) -> None:
    check_random_mating(samples)
    if max(map(len, samples)) <= 3:
        check_inbreeding(samples)


def test_bounds_that_are_the_limits() -> None:
    for inbreeding in (False, True):
        assert estimate([[36, 0, 4]], inbreeding=inbreeding).upper[0] == 1.0
        assert estimate([[0, 9, 90]] * 3 + [[13, 0, 60]], inbreeding=inbreeding).lower[0] == 0.0


def test_inbreeding_bound_inside() -> None:
    table = check_inbreeding([[33, 23, 0], [0, 11, 8], [29, 0, 16]])
    assert table.lower[0] == pytest.approx(0.1299, abs=1e-4)


phred = st.integers(0, 40)
diploid = st.lists(phred, min_size=3, max_size=3)
haploid = st.lists(phred, min_size=2, max_size=2)
polyploid = st.lists(phred, min_size=4, max_size=5)


@settings(max_examples=60)
@given(st.lists(st.one_of(diploid, haploid, polyploid), min_size=1, max_size=6))
def test_any_likelihoods_of_mixed_ploidy(samples: list[list[int]]) -> None:
    check_random_mating(samples)


@settings(max_examples=25)
@given(st.lists(st.one_of(diploid, haploid), min_size=1, max_size=6))
def test_any_likelihoods_under_inbreeding(samples: list[list[int]]) -> None:
    check_inbreeding(samples)


def three_allele_reads(rng: np.random.Generator, genotypes: np.ndarray, depth: float) -> list[list[int]]:
    """PL at three alleles of diploids (sample, 2) from Poisson reads with 2 % errors."""
    order = reference.genotypes(3, 2)
    rates = np.array([[0.98 * g.count(a) / 2 + 0.01 for a in range(3)] for g in order])
    samples = []
    for genotype in genotypes:
        seen = rng.multinomial(rng.poisson(depth), rates[order.index(tuple(sorted(genotype)))] / 1.01)
        values = -10 * (seen * np.log10(rates)).sum(axis=1)
        samples.append(list(map(int, np.rint(values - values.min()))))
    return samples


@pytest.mark.parametrize("seed", range(6))
def test_three_alleles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 1 + seed
    samples = three_allele_reads(rng, rng.choice(3, (n, 2), p=[0.6, 0.3, 0.1]), 4.0)
    table = estimate(samples, 3)
    used = linear(samples)
    for alt in (1, 2):
        check_bounds(table, lambda p, alt=alt: reference.three_allele_profile(used, alt, p), alt)
