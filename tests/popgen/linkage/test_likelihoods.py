"""``ld`` on genotype likelihoods: EM against a plain one, stationarity, certainty, missing and haploid samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genem.em.status import Status
from genem.errors import InputError
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.likelihood_kernels import climb, evaluate, log_of_product
from genem.popgen.linkage.likelihoods import likelihood_rows
from genem.popgen.linkage.newton_kernels import likelihood_hessian
from genem.popgen.linkage.pairs import LinkagePairs
from tests.reference import ld as reference

pytestmark = pytest.mark.kernel


def phreds() -> st.SearchStrategy[np.ndarray]:
    """Any PL (2, sample, 3)."""
    return st.integers(1, 12).flatmap(lambda n: hnp.arrays(np.int32, (2, n, 3), elements=st.integers(0, 60)))


@st.composite
def phreds_of_reads(draw: st.DrawFn) -> np.ndarray:
    """PL (2, sample, 3) of independent reads with 1 % errors."""
    n = draw(st.integers(1, 12))
    ref, alt = (draw(hnp.arrays(np.int64, (2, n), elements=st.integers(0, 4))) for _ in range(2))
    share = np.array([0.01, 0.5, 0.99])
    logs = ref[:, :, np.newaxis] * np.log10(1 - share) + alt[:, :, np.newaxis] * np.log10(share)
    return np.rint(-10 * (logs - logs.max(axis=2, keepdims=True))).astype(np.int32)


def one_pair(pl: np.ndarray, **block: object) -> LinkagePairs:
    calls = np.full((2, pl.shape[1], 2), -1, np.int8)
    (pairs,) = ld(reference.make_block(calls, pl=pl.astype(np.int32), **block), field="PL", min_r2=0.0)  # type: ignore[arg-type]
    assert len(pairs) == 1
    return pairs


def as_likelihoods(pl: np.ndarray) -> np.ndarray:
    return np.asarray(10.0 ** (-pl / 10.0))


def informative(pl: np.ndarray) -> bool:
    return bool((pl != pl[:, :, :1]).any())


@settings(max_examples=40)
@given(phreds_of_reads())
def test_no_lower_than_plain_em_from_many_starts(pl: np.ndarray) -> None:
    pairs = one_pair(pl)
    if not informative(pl):
        assert pairs.status[0] == Status.DEGENERATE
        assert pairs.n_samples[0] == 0
        assert math.isnan(pairs.log_likelihood[0])
        return
    assert pairs.status[0] == Status.CONVERGED
    a, b = as_likelihoods(pl)
    p = pairs.haplotype_frequencies[0].reshape(2, 2)
    assert p.sum() == pytest.approx(1.0)
    assert pairs.log_likelihood[0] == pytest.approx(reference.likelihood_log_likelihood(a, b, p), abs=1e-8)
    generator = np.random.default_rng(1)
    for _ in range(4):
        _, trace = reference.em_from_likelihoods(a, b, generator.dirichlet(np.ones(4)).reshape(2, 2), 1000)
        assert trace[-1] <= pairs.log_likelihood[0] + 1e-6


def test_a_maximum_far_from_the_allele_frequencies() -> None:
    """Few samples: without REF-REF the other frequencies move, and the likelihood is higher."""
    pl = np.array(
        [
            [
                [10, 2000, 0],
                [0, 10, 90],
                [90, 4000, 0],
                [0, 90, 3],
                [10, 0, 0],
                [0, 30, 10],
                [0, 0, 0],
                [0, 0, 0],
                [0, 10, 0],
                [0, 3, 0],
            ],
            [
                [2000, 0, 30],
                [0, 2000, 0],
                [90, 0, 2000],
                [2000, 0, 2000],
                [2000, 2000, 0],
                [4000, 0, 4000],
                [0, 0, 0],
                [4000, 0, 30],
                [4000, 10, 0],
                [0, 0, 0],
            ],
        ]
    )
    pairs = one_pair(pl)
    expected = reference.highest_from_random_starts(*as_likelihoods(pl), np.random.default_rng(2), 20)
    assert pairs.log_likelihood[0] == pytest.approx(expected, abs=1e-7)
    assert pairs.haplotype_frequencies[0, 0] == 0.0
    assert pairs.n_maxima[0] == 2


@pytest.mark.parametrize("n", range(6, 13))
def test_few_samples_reach_the_highest_maximum(n: int) -> None:
    """Likelihoods as incoherent as these have several maxima."""
    generator = np.random.default_rng(n)
    pl = generator.choice([0, 3, 10, 30, 90, 400], (2, n, 3))
    pl[generator.random((2, n)) < 0.2] = 0
    pl -= pl.min(axis=2, keepdims=True)
    expected = reference.highest_from_random_starts(*as_likelihoods(pl), generator)
    assert one_pair(pl).log_likelihood[0] >= expected - 1e-7


@settings(max_examples=40)
@given(phreds())
def test_stationary_by_kkt(pl: np.ndarray) -> None:
    """A plain EM step moves nothing, and no zero frequency wants to rise."""
    if not informative(pl):
        return
    p = one_pair(pl).haplotype_frequencies[0].reshape(2, 2)
    a, b = as_likelihoods(pl)
    a, b = (x[(pl != pl[:, :, :1]).any(axis=(0, 2))] for x in (a, b))
    lifted, _ = reference.em_from_likelihoods(a, b, p, 1)
    np.testing.assert_allclose(lifted, p, atol=1e-6)
    nudged = 0.999 * p + 0.001 / 4
    up, _ = reference.em_from_likelihoods(a, b, nudged, 1)
    assert (up[p == 0] <= nudged[p == 0] * (1 + 1e-2)).all()


@settings(max_examples=30)
@given(phreds(), st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4))
def test_climbing_never_descends(pl: np.ndarray, weights: list[float]) -> None:
    diploid = np.ascontiguousarray(np.concatenate([as_likelihoods(pl[0]).T, as_likelihoods(pl[1]).T]))
    haploid = np.empty((4, 0))
    p = np.array(weights) / sum(weights)
    scores, space = np.empty(4), np.empty(pl.shape[1])
    before = evaluate(diploid, haploid, p, scores, space)
    after, _, status = climb(diploid, haploid, p, scores, space)
    assert after >= before - 1e-12 * abs(before)
    assert status == Status.CONVERGED
    assert after == pytest.approx(evaluate(diploid, haploid, p, scores, space), abs=1e-12)


@settings(max_examples=30)
@given(phreds(), st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4), st.integers(0, 3))
def test_scores_and_second_derivatives(pl: np.ndarray, weights: list[float], n_haploid: int) -> None:
    """Against finite differences of the log-likelihood, haploid samples included."""
    diploid = np.ascontiguousarray(np.concatenate([as_likelihoods(pl[0] % 20).T, as_likelihoods(pl[1] % 20).T]))
    haploid = np.random.default_rng(3).uniform(0.1, 1.0, (4, n_haploid))
    p = np.array(weights) / sum(weights)
    n = pl.shape[1] + n_haploid

    def height(q: np.ndarray) -> float:
        return float(evaluate(diploid, haploid, q, np.empty(4), np.empty(n)))

    scores, hessian = np.empty(4), np.empty((4, 4))
    evaluate(diploid, haploid, p, scores, np.empty(n))
    likelihood_hessian(diploid, haploid, p, hessian)
    step = 1e-5
    for k in range(4):
        up, down = p.copy(), p.copy()
        up[k] += step
        down[k] -= step
        slope = (height(up) - height(down)) / (2 * step)
        assert scores[k] * (2 * pl.shape[1] + n_haploid) == pytest.approx(slope, rel=1e-5, abs=1e-5)
        up_scores, down_scores = np.empty(4), np.empty(4)
        evaluate(diploid, haploid, up, up_scores, np.empty(n))
        evaluate(diploid, haploid, down, down_scores, np.empty(n))
        second = (up_scores - down_scores) / (2 * step) * (2 * pl.shape[1] + n_haploid)
        np.testing.assert_allclose(hessian[k], second, rtol=1e-4, atol=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 40))
def test_certain_likelihoods_equal_calls(seed: int, n: int) -> None:
    """PL of 0 and 300 say the same as the calls, missing samples aside."""
    generator = np.random.default_rng(seed)
    haplotypes = generator.choice(4, size=(n, 2), p=generator.dirichlet([1, 1, 1, 1]))
    calls = np.stack([haplotypes // 2, haplotypes % 2]).astype(np.int8)
    pl = np.where(np.arange(3) == calls.sum(axis=2)[:, :, np.newaxis], 0, 300)
    from_likelihoods = one_pair(pl)
    (from_calls,) = ld(reference.make_block(calls), min_r2=0.0)
    assert from_likelihoods.log_likelihood[0] == pytest.approx(from_calls.log_likelihood[0], abs=1e-7)
    assert from_likelihoods.n_samples[0] == n
    if from_calls.n_maxima[0] == 1:
        np.testing.assert_allclose(from_likelihoods.haplotype_frequencies, from_calls.haplotype_frequencies, atol=2e-6)
        np.testing.assert_allclose(from_likelihoods.lod, from_calls.lod, atol=1e-6)


def test_standard_error_interval_and_lod() -> None:
    generator = np.random.default_rng(8)
    compared = 0
    for _ in range(6):
        haplotypes = generator.choice(4, size=(40, 2), p=generator.dirichlet([3, 3, 3, 3]))
        dose = np.stack([(haplotypes // 2).sum(axis=1), (haplotypes % 2).sum(axis=1)])
        pl = np.abs(np.arange(3) - dose[:, :, np.newaxis]) * generator.integers(3, 30, (2, 40, 1))
        pairs = one_pair(pl)
        a, b = as_likelihoods(pl)
        p = pairs.haplotype_frequencies[0].reshape(2, 2)

        def height(q: np.ndarray, a: np.ndarray = a, b: np.ndarray = b) -> float:
            return reference.likelihood_log_likelihood(a, b, q)

        if (p > 1e-3).all():
            compared += 1
            expected = reference.numerical_standard_error(height, p)
            assert pairs.r2_standard_error[0] == pytest.approx(expected, rel=1e-3)
        low, high = reference.d_prime_interval(height, p)
        signed = (low, high) if pairs.d[0] >= 0 else (-high, -low)
        assert (pairs.d_prime_low[0], pairs.d_prime_high[0]) == pytest.approx(signed)
        grid = np.linspace(0.01, 0.99, 99)
        flat = np.ones_like(a)
        alone = [
            max(reference.likelihood_log_likelihood(x, flat, np.array([[1 - f, 0.0], [f, 0.0]])) for f in grid)
            for x in (a, b)
        ]
        assert pairs.lod[0] <= (pairs.log_likelihood[0] - sum(alone)) / math.log(10) + 1e-9
        assert pairs.lod[0] == pytest.approx((pairs.log_likelihood[0] - sum(alone)) / math.log(10), abs=0.02)
    assert compared >= 3


def test_symmetric_and_two_sided_likelihoods() -> None:
    """Where heterozygotes are the least likely, both alleles fixed are maxima: the higher one is found."""
    symmetric = np.array([[[0, 10, 0]] * 3, [[0, 10, 0]] * 3])
    assert one_pair(symmetric).log_likelihood[0] == pytest.approx(0.0, abs=1e-9)
    for higher in (0, 2):
        pl = np.array([[[15, 18, 15]] * 4, [[15, 18, 15]] * 4])
        pl[1, 1, higher] = 14
        pl[1, 2, 2 - higher] = 17
        pairs = one_pair(pl)
        expected = -(15 * 8 - 1) * math.log(10) / 10
        assert pairs.log_likelihood[0] == pytest.approx(expected, abs=1e-7)


def test_a_sample_missing_at_one_site_is_flat_there() -> None:
    generator = np.random.default_rng(4)
    pl = generator.integers(0, 40, (2, 10, 3))
    missing = pl.copy()
    missing[1, 3] = -1
    flat = pl.copy()
    flat[1, 3] = 0
    counts = np.full((2, 10), 3, np.int32)
    counts[1, 3] = 0
    one, two = one_pair(missing, n_pl=counts), one_pair(flat)
    np.testing.assert_array_equal(one.statistics, two.statistics)
    assert one.n_samples[0] == 10


def test_haploid_samples_count_one_haplotype() -> None:
    """Haploid likelihoods enter with one haplotype: certain ones give haplotype counts."""
    copies = np.array([[1, 1, 0, 0, 0], [1, 1, 0, 0, 1]])
    pl = np.full((2, 5, 3), -1)
    pl[:, :, :2] = np.where(np.arange(2) == copies[:, :, np.newaxis], 0, 200)
    pairs = one_pair(pl, n_pl=np.full((2, 5), 2, np.int32))
    np.testing.assert_allclose(pairs.haplotype_frequencies[0], [0.4, 0.2, 0.0, 0.4], atol=1e-7)


def test_third_allele_is_gathered_by_its_frequency() -> None:
    """At a certain triallelic site each ALT against the rest is the biallelic recoding."""
    genotypes = np.array([(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (0, 1), (1, 1), (0, 0)])
    order = {(i, j): j * (j + 1) // 2 + i for j in range(3) for i in range(j + 1)}
    index = np.array([order[tuple(g)] for g in genotypes])
    pl = np.where(np.arange(6) == index[:, np.newaxis], 0, 400)[np.newaxis].astype(np.int32)
    rows = likelihood_rows(pl, np.full((1, 8), 6), np.array([3]), np.zeros(2, int), np.array([1, 2]), field="PL")
    for row, allele in ((0, 1), (1, 2)):
        dose = (genotypes == allele).sum(axis=1)
        np.testing.assert_allclose(rows.values[row].argmax(axis=0), dose)
        assert rows.frequency[row] == pytest.approx(dose.sum() / 16, abs=1e-9)


def test_huge_phreds_do_not_underflow() -> None:
    pl = np.array([[[0, 9000, 20000], [20000, 9000, 0]], [[0, 9000, 20000], [20000, 9000, 0]]])
    pairs = one_pair(pl)
    assert pairs.r2[0] == pytest.approx(1.0)
    assert pairs.log_likelihood[0] == pytest.approx(4 * math.log(0.5), abs=1e-6)


def test_the_scale_of_likelihoods_is_added_back() -> None:
    generator = np.random.default_rng(6)
    pl = generator.integers(0, 40, (2, 10, 3))
    shifted = pl + generator.integers(0, 50, (2, 10, 1))
    difference = -(shifted - pl)[:, :, 0].sum() * math.log(10) / 10
    one, two = one_pair(pl), one_pair(shifted)
    assert two.log_likelihood[0] - one.log_likelihood[0] == pytest.approx(difference, abs=1e-8)
    np.testing.assert_allclose(two.haplotype_frequencies, one.haplotype_frequencies, atol=1e-9)


def test_wrong_number_of_likelihoods() -> None:
    with pytest.raises(InputError, match=r"record 1 \(1:100\), sample s2: 4 likelihoods, 3 or 2 expected"):
        one_pair(np.zeros((2, 3, 4)), n_pl=np.array([[3, 4, 3], [3, 3, 3]], np.int32))


def test_log_of_product_of_tiny_factors() -> None:
    factors = np.array([1e-300, 1e-40, 1e-49, 0.5] * 30)
    assert log_of_product(factors) == pytest.approx(np.log(factors).sum(), rel=1e-12)
    assert log_of_product(np.array([0.5, 0.0])) == -math.inf
