"""``ld`` on calls: tables by popcount, statistics, missing, haploid, phased and multi-allelic calls."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genem.em.status import Status
from genem.errors import InputError, UsageError
from genem.popgen.linkage.count_kernels import pair_table
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.packed import pack
from genem.popgen.linkage.pairs import LinkagePairs
from tests.reference import ld as reference

pytestmark = pytest.mark.kernel

CALLS = ([0, 0], [0, 1], [1, 0], [1, 1], [-1, -1], [0, -1], [0, -2], [1, -2], [-1, -2], [-2, -2])


def blocks_of_calls(max_samples: int = 70, calls: tuple[list[int], ...] = CALLS) -> st.SearchStrategy[np.ndarray]:
    """Calls (2, sample, 2) of every kind."""
    shapes = st.integers(1, max_samples).map(lambda n: (2, n))
    chosen = shapes.flatmap(lambda shape: hnp.arrays(np.int8, shape, elements=st.integers(0, len(calls) - 1)))
    return chosen.map(lambda index: np.array(calls, np.int8)[index])


def one_pair(calls: np.ndarray, **options: object) -> LinkagePairs:
    """The only pair of two variants, whatever its r2."""
    (pairs,) = ld(reference.make_block(calls, **options.pop("block", {})), min_r2=0.0, **options)  # type: ignore[arg-type]
    assert len(pairs) == 1
    return pairs


def frequencies(pairs: LinkagePairs) -> np.ndarray:
    return pairs.haplotype_frequencies[0].reshape(2, 2)


@given(blocks_of_calls())
def test_table_equals_counting(calls: np.ndarray) -> None:
    packed = pack(calls, np.arange(2), np.ones(2, np.int64))
    n_diploid, n_haploid, alt_a, alt_b, coupled, double = pair_table(packed.diploid, packed.haploid, packed.phase, 0, 1)
    expected = np.zeros(6, int)
    for a, b in zip(*calls, strict=True):
        a, b = a[a != -2], b[b != -2]
        if len(a) == 0 or len(a) != len(b) or (a < 0).any() or (b < 0).any():
            continue
        resolved = {tuple(sorted(pair)) for pair in reference.haplotype_pairs(a, b)}
        if len(resolved) == 1:
            expected[4] += next(iter(resolved)).count((1, 1))
        else:
            expected[5] += 1
        expected[:4] += [len(a) == 2, len(a) == 1, a.sum(), b.sum()]
    assert [n_diploid, n_haploid, alt_a, alt_b, coupled, double] == expected.tolist()


@given(blocks_of_calls())
def test_statistics_follow_from_the_frequencies(calls: np.ndarray) -> None:
    pairs = one_pair(calls)
    if pairs.status[0] == Status.DEGENERATE:
        assert pairs.n_samples[0] == 0
        assert np.isnan(pairs.statistics).all()
        return
    p = frequencies(pairs)
    assert p.sum() == pytest.approx(1.0)
    assert (p >= 0).all()
    for value, expected in ((pairs.r2[0], reference.r_squared(p)), (pairs.d_prime[0], reference.d_prime(p))):
        assert math.isnan(value) == math.isnan(expected) or abs(expected) < 1e-9
        assert math.isnan(value) or value == pytest.approx(expected, abs=1e-9)
    assert not pairs.r2[0] > 1.0
    assert not abs(pairs.d_prime[0]) > 1.0
    assert not pairs.lod[0] < 0.0
    assert pairs.log_likelihood[0] == pytest.approx(reference.log_likelihood(*calls, p), abs=1e-8)


@pytest.mark.slow
@given(blocks_of_calls(30))
def test_no_point_of_a_grid_is_likelier(calls: np.ndarray) -> None:
    pairs = one_pair(calls)
    if pairs.status[0] == Status.DEGENERATE:
        return
    best = pairs.log_likelihood[0]
    for weights in itertools.product(range(6), repeat=4):
        if sum(weights) > 0:
            p = np.array(weights, float).reshape(2, 2) / sum(weights)
            assert reference.log_likelihood(*calls, p) <= best + 1e-9


@given(blocks_of_calls(), st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(calls: np.ndarray, random: object) -> None:
    order = np.arange(calls.shape[1])
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(one_pair(calls).statistics, one_pair(calls[:, order]).statistics)


@given(blocks_of_calls())
def test_swapping_alleles_changes_the_sign(calls: np.ndarray) -> None:
    swapped = calls.copy()
    swapped[0] = np.where(calls[0] >= 0, 1 - calls[0], calls[0])
    one, two = one_pair(calls), one_pair(swapped)
    # of two maxima of one height either may be taken
    if one.n_maxima[0] > 1:
        return
    np.testing.assert_allclose(two.d, -one.d, atol=1e-12)
    np.testing.assert_allclose(two.d_prime, np.where(one.d == 0.0, one.d_prime, -one.d_prime), atol=1e-9)
    np.testing.assert_allclose(two.r2, one.r2, atol=1e-12)
    np.testing.assert_allclose(two.log_likelihood, one.log_likelihood, rtol=1e-12, atol=1e-9)


@given(blocks_of_calls())
def test_swapping_loci_swaps_frequencies(calls: np.ndarray) -> None:
    one, two = one_pair(calls), one_pair(calls[::-1].copy())
    np.testing.assert_allclose(frequencies(two), frequencies(one).T, atol=1e-12)


def test_standard_error_and_interval() -> None:
    generator = np.random.default_rng(11)
    for _ in range(8):
        p = generator.dirichlet([2, 2, 2, 2]).reshape(2, 2)
        haplotypes = generator.choice(4, size=(60, 2), p=p.ravel())
        calls = np.stack([haplotypes // 2, haplotypes % 2]).astype(np.int8)
        pairs = one_pair(calls)
        fitted = frequencies(pairs)

        def height(q: np.ndarray, calls: np.ndarray = calls) -> float:
            return reference.log_likelihood(*calls, q)

        if (fitted > 1e-6).all():
            expected = reference.numerical_standard_error(height, fitted)
            assert pairs.r2_standard_error[0] == pytest.approx(expected, rel=1e-4)
        low, high = reference.d_prime_interval(height, fitted)
        signed = (low, high) if pairs.d[0] >= 0 else (-high, -low)
        assert (pairs.d_prime_low[0], pairs.d_prime_high[0]) == pytest.approx(signed)
        independent = np.outer(fitted.sum(axis=1), fitted.sum(axis=0))
        assert pairs.lod[0] == pytest.approx((height(fitted) - height(independent)) / math.log(10), abs=1e-9)


@pytest.mark.parametrize("times", [1, 10, 1000])
def test_no_standard_error_where_maxima_meet(times: int) -> None:
    """Two maxima and the minimum between them in one point, D = 0: the information is singular there."""
    counts = np.array([[1, 0, 0], [2, 4, 1], [1, 0, 0]])
    genotype = np.array([[0, 0], [0, 1], [1, 1]], np.int8)
    calls = genotype[np.repeat(np.indices((3, 3)).reshape(2, 9), times * counts.ravel(), axis=1)]
    for pairs in (one_pair(calls), one_pair(calls[::-1])):
        np.testing.assert_allclose(pairs.d, 0.0, atol=1e-15)
        assert np.isnan(pairs.r2_standard_error).all()
        assert pairs.n_maxima.tolist() == [1]


def test_phase_resolves_double_heterozygotes() -> None:
    calls = np.array([[[0, 1], [1, 0], [0, 1], [0, 0]], [[0, 1], [1, 0], [1, 0], [0, 0]]], np.int8)
    phased = np.array([[True, True, True, True], [True, True, True, False]])
    block = {"phased": phased}
    pairs = one_pair(calls, phased=True, block=block)
    np.testing.assert_allclose(frequencies(pairs), [[4 / 8, 1 / 8], [1 / 8, 2 / 8]])
    assert pairs.n_iter[0] == 0
    # a double heterozygote of which one call is unphased is ambiguous again
    pairs = one_pair(calls, phased=True, block={"phased": np.array([[True] * 4, [True, True, False, True]])})
    packed = pack(calls, np.arange(2), np.ones(2, np.int64), phased=np.array([[True] * 4, [True, True, False, True]]))
    assert pair_table(packed.diploid, packed.haploid, packed.phase, 0, 1)[4:] == (2, 1)
    assert pairs.n_samples[0] == 4


def test_phase_is_used_only_when_asked_for() -> None:
    calls = np.array([[[0, 1]] * 3, [[0, 1]] * 3], np.int8)
    block = {"phased": np.ones((2, 3), bool)}
    assert one_pair(calls, block=block).n_maxima[0] == 2
    assert one_pair(calls, phased=True, block=block).n_maxima[0] == 1


def test_haploid_calls_count_one_haplotype() -> None:
    calls = np.array([[[1, -2], [0, -2], [0, 1]], [[1, -2], [0, -2], [0, 0]]], np.int8)
    pairs = one_pair(calls)
    assert pairs.n_samples[0] == 3
    np.testing.assert_allclose(frequencies(pairs), [[2 / 4, 0], [1 / 4, 1 / 4]])


def test_every_alt_is_compared_with_the_rest() -> None:
    calls = np.array([[[0, 1], [1, 2], [0, 2], [0, 0]], [[0, 1], [1, 0], [0, 0], [0, 0]]], np.int8)
    (pairs,) = ld(reference.make_block(calls, alts=["C,G", "T"]), min_r2=0.0)
    assert [pairs.loci.alt[k] for k in pairs.first] == ["C", "G"]
    assert [pairs.loci.alt[k] for k in pairs.second] == ["T", "T"]
    for row, allele in ((0, 1), (1, 2)):
        recoded = np.stack([(calls[0] == allele).astype(np.int8), calls[1]])
        np.testing.assert_array_equal(pairs.statistics[row], one_pair(recoded).statistics[0])


def test_groups_are_estimated_by_themselves_and_together() -> None:
    generator = np.random.default_rng(2)
    calls = generator.integers(0, 2, (3, 40, 2)).astype(np.int8)
    groups = np.repeat([0, 1, -1], [15, 20, 5])
    (pairs,) = ld(reference.make_block(calls), groups=groups, group_names=["x", "y"], min_r2=0.0)
    assert [pairs.group_names[k] for k in pairs.group] == ["x", "y", "ALL"] * 3
    assert pairs.first.tolist() == [0] * 6 + [1] * 3
    for name, members in (("x", groups == 0), ("y", groups == 1), ("ALL", groups > -2)):
        (alone,) = ld(reference.make_block(calls[:, members]), min_r2=0.0)
        chosen = pairs.rows(pairs.group == pairs.group_names.index(name))
        np.testing.assert_array_equal(chosen.statistics, alone.statistics)


def test_monomorphic_pairs_have_no_r2() -> None:
    calls = np.array([[[0, 0]] * 4, [[0, 1], [0, 0], [1, 1], [0, 1]]], np.int8)
    pairs = one_pair(calls)
    assert math.isnan(pairs.r2[0])
    assert math.isnan(pairs.d_prime[0])
    assert pairs.d[0] == 0.0
    assert pairs.status[0] == Status.CONVERGED
    assert not list(ld(reference.make_block(calls), min_r2=0.01))


def test_nobody_called_at_both() -> None:
    calls = np.array([[[0, 1], [-1, -1]], [[-1, -1], [0, 1]]], np.int8)
    pairs = one_pair(calls)
    assert pairs.n_samples[0] == 0
    assert pairs.status[0] == Status.DEGENERATE
    assert np.isnan(pairs.statistics).all()


def test_one_sample() -> None:
    pairs = one_pair(np.array([[[0, 1]], [[0, 1]]], np.int8))
    assert pairs.n_maxima[0] == 2
    assert pairs.r2[0] == 1.0


def test_identical_variants_have_r2_of_exactly_one() -> None:
    generator = np.random.default_rng(3)
    for n in (3, 64, 65, 1000):
        row = generator.integers(0, 2, (n, 2)).astype(np.int8)
        row[0], row[1] = 0, 1
        pairs = one_pair(np.stack([row, row]))
        assert pairs.r2[0] == 1.0
        assert pairs.d_prime[0] == 1.0


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_variants_give_no_pair(n: int) -> None:
    block = reference.make_block(np.zeros((n, 3, 2), np.int8))
    assert list(ld(block, min_r2=0.0)) == []


def test_three_copies_are_refused() -> None:
    calls = np.zeros((2, 3, 3), np.int8)
    calls[:, :, 2] = -2
    calls[1, 2, 2] = 0
    with pytest.raises(InputError, match=r"record 2 \(1:200\), sample s3: a call with more than two copies"):
        list(ld(reference.make_block(calls)))


def test_impossible_arguments() -> None:
    block = reference.make_block(np.zeros((2, 3, 2), np.int8))
    for options, words in (
        ({"field": "GP"}, "field"),
        ({"min_r2": 1.5}, "min_r2"),
        ({"window_bp": 0}, "window_bp"),
        ({"window_variants": 0}, "window_variants"),
        ({"field": "PL", "phased": True}, "phase"),
    ):
        with pytest.raises(UsageError, match=words):
            list(ld(block, **options))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="holds no PL"):
        list(ld(block, field="PL"))
    with pytest.raises(UsageError, match="cannot be named ALL"):
        list(ld(block, groups=[0, 0, 0], group_names=["ALL"]))
