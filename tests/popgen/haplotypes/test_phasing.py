"""Windows of a region joined into one phase."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, LocusTable
from genem.errors import InputError, UsageError
from genem.popgen import phase_region
from genem.popgen.haplotypes.joining_kernels import LOG_DISAGREEMENT, join_windows
from genem.popgen.haplotypes.phasing import window_bounds

M, A = MISSING_ALLELE, ABSENT_ALLELE


def region(genotypes) -> LocusTable:
    alleles = np.array(genotypes, np.int16)
    n_samples, n_loci = alleles.shape[:2]
    loci = tuple(f"v{k}" for k in range(n_loci))
    return LocusTable(tuple(f"s{i}" for i in range(n_samples)), loci, (("A", "G"),) * n_loci, alleles)


def founders(rng, n_samples, n_loci, n_founders=4):
    """Phased genotypes drawn from a few long haplotypes, int16 (sample, locus, 2)."""
    pool = rng.integers(0, 2, (n_founders, n_loci))
    drawn = pool[rng.integers(0, n_founders, (n_samples, 2))]
    return np.swapaxes(drawn, 1, 2).astype(np.int16)


@given(st.integers(2, 200), st.integers(2, 40))
def test_windows_cover_every_locus_and_overlap(n_loci, window):
    bounds = window_bounds(n_loci, window)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == n_loci
    for (first, last), (following, end) in itertools.pairwise(bounds):
        assert first < following < last < end
        assert last - first == end - following == window


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_every_called_genotype_is_kept(seed):
    rng = np.random.default_rng(seed)
    truth = founders(rng, 12, 14)
    unphased = np.sort(truth, axis=2)
    unphased[rng.random(unphased.shape[:2]) < 0.1] = M
    if np.any(np.all(unphased < 0, axis=(0, 2))):
        return
    result = phase_region(region(unphased), window=5)
    called = np.all(unphased >= 0, axis=2)
    np.testing.assert_array_equal(np.sort(result.alleles, axis=2)[called], unphased[called])
    assert np.all(result.alleles >= 0)
    assert np.all((result.posterior > 0.0) & (result.posterior <= 1.0))
    assert np.all(np.diff(result.phase_set, axis=1) >= 0)
    assert np.all(result.phase_set <= np.arange(14))


def test_few_founders_are_phased_without_a_switch():
    truth = founders(np.random.default_rng(11), 60, 40)
    result = phase_region(region(np.sort(truth, axis=2)), window=10)
    for sample in range(60):
        het = np.flatnonzero(truth[sample, :, 0] != truth[sample, :, 1])
        if not het.size:
            continue
        straight = truth[sample, het, 0] == result.alleles[sample, het, 0]
        for phase_set in np.unique(result.phase_set[sample, het]):
            inside = straight[result.phase_set[sample, het] == phase_set]
            assert np.all(inside) or not np.any(inside)


def test_the_number_of_threads_does_not_matter():
    unphased = np.sort(founders(np.random.default_rng(12), 30, 30), axis=2)
    one, two = (phase_region(region(unphased), window=6, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.alleles, two.alleles)
    assert one.posterior.tobytes() == two.posterior.tobytes()


def test_loci_without_calls_stay_missing_and_haploid_samples_haploid():
    unphased = np.sort(founders(np.random.default_rng(13), 20, 9), axis=2)
    unphased[:, 4] = M
    unphased[3, :, 1] = A
    unphased[3, 2, 0] = M
    result = phase_region(region(unphased), window=4)
    assert np.all(result.alleles[np.arange(20) != 3, 4] == M)
    assert np.all(result.alleles[3, :, 1] == A)
    assert result.alleles[3, 2, 0] >= 0


def test_a_new_phase_set_where_nothing_links():
    # Two pairs of heterozygous loci with eight homozygous ones between: windows of four cannot link them.
    n = 12
    genotypes = np.zeros((30, n, 2), np.int16)
    genotypes[:10, [0, 1, 10, 11]] = 1
    genotypes[20:, [0, 1, 10, 11], 1] = 1
    result = phase_region(region(genotypes), window=4)
    assert result.phase_set[25, 0] == result.phase_set[25, 1]
    assert result.phase_set[25, 10] == result.phase_set[25, 11] > result.phase_set[25, 1]


@pytest.mark.kernel
def test_join_takes_the_likeliest_chain():
    # Two windows of three loci that share two. The second window's likelier pair disagrees at a shared locus.
    pairs = np.array([[[0, 1], [0, 1], [0, 1]], [[1, 0], [1, 0], [0, 1]], [[0, 1], [1, 0], [0, 1]]], np.int16)
    log_posterior = np.log([1.0, 0.4, 0.6])
    first_pair, first, last = np.array([0, 1, 3]), np.array([0, 1]), np.array([3, 4])
    chosen, swapped, link = join_windows(pairs, log_posterior, first_pair, first, last)
    assert chosen.tolist() == [0, 1]
    assert swapped[0] != swapped[1]
    straight = 0.4 * math.exp(4 * LOG_DISAGREEMENT) + 0.6 * math.exp(2 * LOG_DISAGREEMENT)
    crossed = 0.4 + 0.6 * math.exp(2 * LOG_DISAGREEMENT)
    assert link[1] == pytest.approx(crossed / (straight + crossed))


@pytest.mark.kernel
def test_join_without_shared_heterozygotes_knows_nothing():
    pairs = np.array([[[0, 1], [0, 0]], [[0, 0], [0, 1]]], np.int16)
    _, _, link = join_windows(pairs, np.zeros(2), np.array([0, 1, 2]), np.array([0, 1]), np.array([2, 3]))
    assert link.tolist() == [1.0, 0.5]


def test_what_cannot_be_used_is_refused():
    with pytest.raises(UsageError, match="at least 2 loci"):
        phase_region(region([[(0, 1), (0, 1)]]), window=1)
    with pytest.raises(InputError, match="1 locus, at least 2"):
        phase_region(region([[(0, 1), (M, M)]]))
    with pytest.raises(InputError, match=r"loci v0 to v29: after .* use a smaller --window"):
        phase_region(region(np.tile([0, 1], (20, 30, 1))), window=30, max_pairs=10_000)
