"""Allele frequencies from genotype likelihoods: EM, errors, intervals, tests, groups, sexes."""

from __future__ import annotations

import csv
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genem.data import GenotypeBlock
from genem.errors import InputError
from genem.popgen import allele_frequencies_from_genotypes, allele_frequencies_from_likelihoods, freq
from genem.popgen.frequency.table import PER_ROW, PER_VALUE, FrequencyTable
from tests import GOLDEN_ANSWERS
from tests.popgen.blocks import read_vcf, sites_of
from tests.reference import frequencies as reference

GOLDEN = GOLDEN_ANSWERS / "popgen"


def estimate(samples: list[list[int]], n_alleles: int = 2, **options: object) -> FrequencyTable:
    """One variant from PL lists of any length (an empty one is missing)."""
    width = max(map(len, samples))
    likelihoods = np.full((1, len(samples), width), -1, np.int32)
    for i, values in enumerate(samples):
        likelihoods[0, i, : len(values)] = values
    lengths = np.array([[len(values) for values in samples]])
    return allele_frequencies_from_likelihoods(likelihoods, lengths, [n_alleles], **options)  # type: ignore[arg-type]


def linear(samples: list[list[int]]) -> list[np.ndarray]:
    """Likelihoods of the informative samples, scaled as in the file."""
    return [10.0 ** (-0.1 * np.array(values)) for values in samples if len(set(values)) > 1]


phred = st.integers(0, 60)
diploid = st.lists(phred, min_size=3, max_size=3)
haploid = st.lists(phred, min_size=2, max_size=2)
tetraploid = st.lists(phred, min_size=5, max_size=5)
three_alleles = st.one_of(st.lists(phred, min_size=6, max_size=6), st.lists(phred, min_size=3, max_size=3))


@pytest.mark.kernel
@settings(max_examples=40)
@given(st.lists(st.one_of(diploid, haploid, tetraploid), min_size=1, max_size=8))
def test_two_alleles_of_any_ploidy_reach_the_maximum(samples: list[list[int]]) -> None:
    table = estimate(samples)
    used = linear(samples)
    assert table.n_called[0] == len(used)
    if not used:
        assert table.status[0] == 3
        return
    assert table.status[0] == 0
    grid = np.linspace(0, 1, 2001)
    with np.errstate(divide="ignore"):
        heights = [reference.log_likelihood(used, np.array([1 - p, p])) for p in grid]
    assert table.log_likelihood[0] >= max(heights) - 1e-9
    p = table.allele_frequency[0]
    reached = reference.log_likelihood(used, np.array([1 - p, p]))
    assert table.log_likelihood[0] == pytest.approx(reached, abs=1e-9)
    assert table.lower[0] <= p <= table.upper[0]


@pytest.mark.kernel
@settings(max_examples=15)
@given(st.lists(three_alleles, min_size=1, max_size=6))
def test_three_alleles_reach_the_maximum(samples: list[list[int]]) -> None:
    table = estimate(samples, 3)
    used = linear(samples)
    if used:
        _, best = reference.maximum(used, 3)
        assert table.log_likelihood[0] >= best - 1e-6
        assert (table.lrt_hwe[np.isfinite(table.lrt_hwe)] >= 0).all()
        assert ((table.lower <= table.allele_frequency) & (table.allele_frequency <= table.upper)).all()


def reads(rng: np.random.Generator, genotypes: np.ndarray, ploidy: int = 2, depth: float = 4.0) -> np.ndarray:
    """PL of genotypes (sample,) from Poisson read depth with 1 % errors, in VCF order."""
    n = rng.poisson(depth, genotypes.shape)
    rate = np.arange(ploidy + 1) / ploidy * 0.98 + 0.01
    alt = rng.binomial(n, rate[genotypes])
    logs = alt[..., None] * np.log10(rate) + (n - alt)[..., None] * np.log10(1 - rate)
    return np.rint(-10 * (logs - logs.max(axis=-1, keepdims=True))).astype(np.int32)


@pytest.mark.kernel
@pytest.mark.parametrize("ploidy", [1, 2, 3, 4])
def test_error_and_interval_equal_the_textbook(ploidy: int) -> None:
    rng = np.random.default_rng(ploidy)
    samples = reads(rng, rng.binomial(ploidy, 0.3, 30), ploidy).tolist()
    table = estimate(samples)
    used = linear(samples)

    def value(p: float) -> float:
        return reference.log_likelihood(used, np.array([1 - p, p]))

    p = table.allele_frequency[0]
    assert table.standard_error[0] == pytest.approx(reference.standard_error(value, p), rel=1e-6)
    low, high = reference.profile_interval(value, p, 0.95)
    assert table.lower[0] == pytest.approx(low, rel=1e-8)
    assert table.upper[0] == pytest.approx(high, rel=1e-8)
    assert np.isfinite(table.lrt_hwe[0]) == (ploidy == 2)


@pytest.mark.kernel
@settings(max_examples=25)
@given(st.lists(diploid, min_size=2, max_size=8))
def test_likelihood_ratio_and_f_equal_plain_em(samples: list[list[int]]) -> None:
    table = estimate(samples)
    used = linear(samples)
    if used and 0 < table.allele_frequency[0] < 1:
        _, free = reference.free_genotypes(used)
        expected = max(0.0, 2 * (free - table.log_likelihood[0]))
        assert table.lrt_hwe[0] == pytest.approx(expected, abs=2e-3)
        assert table.lrt_hwe[0] >= expected - 1e-7
        inbred = estimate(samples, inbreeding=True)
        assert inbred.log_likelihood[0] >= free - 1e-8
        assert inbred.log_likelihood[0] == pytest.approx(free, abs=1e-3)
        assert inbred.lower[0] <= inbred.allele_frequency[0] <= inbred.upper[0]
    assert not (table.lrt_hwe < 0).any()


@pytest.mark.kernel
@pytest.mark.parametrize("inbreeding", [False, True])
def test_certain_likelihoods_equal_counting(inbreeding: bool) -> None:
    rng = np.random.default_rng(3)
    genotypes = rng.choice(3, 60, p=[0.6, 0.2, 0.2])
    certain = np.full((60, 3), 2000, np.int32)
    certain[np.arange(60), genotypes] = 0
    alone = np.full((5, 2), 3000)
    alone[[0, 1, 2, 3, 4], [0, 0, 1, 0, 1]] = 0
    table = estimate([*certain.tolist(), *alone.tolist(), [0, 0, 0]], inbreeding=inbreeding)
    calls = [[genotype > 1, genotype > 0] for genotype in genotypes]
    calls += [[0, -2], [0, -2], [1, -2], [0, -2], [1, -2], [-1, -1]]
    counted = allele_frequencies_from_genotypes(np.array([calls], np.int8), [2], inbreeding=inbreeding)
    for name in ("n_called", "allele_number", "n_samples"):
        assert getattr(table, name)[0] == getattr(counted, name)[0]
    for name in ("allele_frequency", "standard_error", "lower", "upper", "inbreeding_coefficient", "lrt_hwe", "lrt_p"):
        assert getattr(table, name)[0] == pytest.approx(getattr(counted, name)[0], rel=2e-7), name


@pytest.mark.kernel
def test_inbreeding_error_and_interval_with_three_alleles_are_finite_and_wider() -> None:
    rng = np.random.default_rng(8)
    frequencies = np.array([0.5, 0.3, 0.2])
    order = reference.genotypes(3, 2)
    first = rng.choice(3, 80, p=frequencies)
    second = np.where(rng.uniform(size=80) < 0.4, first, rng.choice(3, 80, p=frequencies))
    samples = np.full((80, 6), 30)
    for i, pair in enumerate(zip(first, second, strict=True)):
        samples[i, order.index(tuple(sorted(pair)))] = 0
    plain, inbred = (estimate(samples.tolist(), 3, inbreeding=choice) for choice in (False, True))
    assert (inbred.upper - inbred.lower > plain.upper - plain.lower).all()
    assert (inbred.standard_error > plain.standard_error).all()
    assert (inbred.inbreeding_coefficient > 0.1).all()
    np.testing.assert_allclose(inbred.allele_frequency, plain.allele_frequency, atol=0.02)


def test_standard_errors_at_three_alleles_equal_numerical_information() -> None:
    rng = np.random.default_rng(4)
    samples = [list(map(int, rng.integers(0, 30, 6))) for _ in range(40)]
    table = estimate(samples, 3)
    used = linear(samples)
    p = np.append(1 - table.allele_frequency.sum(), table.allele_frequency)
    h = 1e-4
    information = np.empty((2, 2))

    def moved(a: float, b: float) -> float:
        return reference.log_likelihood(used, p + np.array([-a - b, a, b]))

    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        u, v = h * np.eye(2)[i], h * np.eye(2)[j]
        corners = moved(*(u + v)) - moved(*(u - v)) - moved(*(v - u)) + moved(*(-u - v))
        information[i, j] = -corners / (4 * h * h)
    np.testing.assert_allclose(table.standard_error, np.sqrt(np.diag(np.linalg.inv(information))), rtol=1e-4)


@pytest.mark.kernel
def test_inbreeding_error_where_nobody_is_homozygous() -> None:
    rng = np.random.default_rng(14)
    samples = reads(rng, np.repeat([0, 1], [37, 3])).tolist()
    table = estimate(samples, inbreeding=True)
    p = table.allele_frequency[0]
    assert table.inbreeding_coefficient[0] == pytest.approx(1 - 1 / (1 - p))  # no ALT homozygotes: P(het) = 2 p

    def value(p: float) -> float:
        return float(sum(np.log(sample @ np.array([1 - 2 * p, 2 * p, 0.0])) for sample in linear(samples)))

    assert table.standard_error[0] == pytest.approx(reference.standard_error(value, p), rel=1e-6)


@pytest.mark.kernel
def test_two_maxima_are_both_tried() -> None:
    # One sample is homozygous for either allele, nobody can tell which; the other leans to ALT.
    table = estimate([[0, 90, 0], [4, 0, 0], [0, 90, 0]])
    assert table.allele_frequency[0] == 1.0
    mirrored = estimate([[0, 90, 0], [0, 0, 4], [0, 90, 0]])
    assert mirrored.allele_frequency[0] == 0.0


@pytest.mark.kernel
def test_boundary_is_reached_exactly_and_bounds_are_one_sided() -> None:
    table = estimate([[0, 3, 30]] * 20)
    assert (table.allele_frequency[0], table.lower[0]) == (0.0, 0.0)
    assert np.isnan(table.standard_error[0])
    assert np.isnan(table.lrt_hwe[0])
    used = linear([[0, 3, 30]] * 20)
    _, high = reference.profile_interval(lambda p: reference.log_likelihood(used, np.array([1 - p, p])), 1e-15, 0.95)
    assert table.upper[0] == pytest.approx(high, rel=1e-8)
    assert table.n_iter[0] < 30


@pytest.mark.kernel
def test_huge_phred_values_do_not_underflow() -> None:
    table = estimate([[0, 5000, 90_000], [5000, 0, 5000], [60_000, 4000, 0], [100_000, 100_300, 104_000]])
    assert table.allele_frequency[0] == pytest.approx(3 / 8, abs=1e-9)
    shift = -100_000 / 10 * np.log(10)
    counted = 5 * np.log(5 / 8) + 3 * np.log(3 / 8) + np.log(2)
    assert table.log_likelihood[0] == pytest.approx(shift + counted, abs=1e-6)


@pytest.mark.kernel
@settings(max_examples=25)
@given(st.lists(diploid, min_size=1, max_size=6), st.integers(1, 500), st.randoms(use_true_random=False))
def test_shift_order_and_flat_samples_do_not_matter(samples: list[list[int]], shift: int, random: object) -> None:
    table = estimate(samples)
    shifted = [[value + shift for value in values] for values in samples]
    random.shuffle(shifted)  # type: ignore[attr-defined]
    other = estimate([*shifted, [7, 7, 7], []])
    assert other.n_called[0] == table.n_called[0]
    np.testing.assert_allclose(other.allele_frequency, table.allele_frequency, atol=2e-6)
    moved = table.log_likelihood - 0.1 * np.log(10) * shift * table.n_called[0]
    np.testing.assert_allclose(other.log_likelihood, moved, rtol=1e-11, atol=1e-9)


@pytest.mark.kernel
@settings(max_examples=25)
@given(st.lists(diploid, min_size=1, max_size=6))
def test_swapping_ref_and_alt_mirrors_everything(samples: list[list[int]]) -> None:
    table, mirror = estimate(samples), estimate([values[::-1] for values in samples])
    np.testing.assert_allclose(table.log_likelihood, mirror.log_likelihood, atol=1e-9)
    if len([values for values in samples if len(set(values)) > 1]) and all(2 * b <= a + c for a, b, c in samples):
        np.testing.assert_allclose(table.allele_frequency, 1 - mirror.allele_frequency, atol=2e-6)
        if np.isfinite(table.lrt_hwe[0]) and np.isfinite(mirror.lrt_hwe[0]):
            np.testing.assert_allclose(table.lrt_hwe, mirror.lrt_hwe, atol=1e-7)


@pytest.mark.kernel
def test_gl_equals_pl() -> None:
    rng = np.random.default_rng(6)
    pl = reads(rng, rng.binomial(2, [[0.2], [0.5]], (2, 25)))
    lengths = np.full((2, 25), 3)
    from_pl = allele_frequencies_from_likelihoods(pl, lengths, [2, 2])
    from_gl = allele_frequencies_from_likelihoods((-0.1 * pl).astype(np.float32), lengths, [2, 2], field="GL")
    for name in (*PER_ROW, *PER_VALUE):
        np.testing.assert_allclose(getattr(from_gl, name), getattr(from_pl, name), rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.kernel
def test_partly_missing_likelihoods_are_missing_and_counted() -> None:
    table = estimate([[0, 3, 30], [0, -1, 30], [20, 0, 20]])
    assert (table.n_called[0], table.incomplete_likelihoods[0]) == (2, 1)


@pytest.mark.kernel
@pytest.mark.parametrize("inbreeding", [False, True])
def test_groups(inbreeding: bool) -> None:
    rng = np.random.default_rng(7)
    genotypes = np.concatenate([rng.binomial(2, p, 25) for p in (0.15, 0.6)] + [rng.binomial(2, 0.3, 5)])
    pl = reads(rng, genotypes)[None]
    groups = np.repeat([0, 1, -1], [25, 25, 5])
    order = rng.permutation(55)
    table = allele_frequencies_from_likelihoods(
        np.ascontiguousarray(pl[:, order]), np.full((1, 55), 3), [2], groups=groups[order], inbreeding=inbreeding
    )
    parts = [estimate(pl[0, groups == g].tolist(), inbreeding=inbreeding) for g in (0, 1)]
    parts.append(estimate(pl[0].tolist(), inbreeding=inbreeding))
    for row, part in enumerate(parts):
        for name in ("allele_frequency", "standard_error", "lower", "upper", "lrt_hwe"):
            assert getattr(table, name)[row] == pytest.approx(getattr(part, name)[0], rel=1e-5), name
    if not inbreeding:
        used = [linear(pl[0, groups == g].tolist()) for g in (0, 1)]
        common = reference.common_frequency(
            [lambda p, s=samples: reference.log_likelihood(s, np.array([1 - p, p])) for samples in used]
        )
        own = sum(part.log_likelihood[0] for part in parts[:2])
        assert table.heterogeneity_p[2] == pytest.approx(reference.chi2.sf(2 * (own - common), 1), rel=1e-6)
    assert table.heterogeneity_p[2] < 0.05
    assert np.isnan(table.heterogeneity_p[:2]).all()


@pytest.mark.kernel
def test_males_have_one_x() -> None:
    sites = sites_of(["X"], [50_000_000], [("A", "C")])
    values = np.array([[[0, 3, 30], [30, 0, 30], [30, 3, 0], [20, 0, 40], [0, 25, -1]]], np.int32)
    block = GenotypeBlock(
        sites, tuple("abcde"), likelihood_field="PL", likelihoods=values, n_likelihoods=np.array([[3, 3, 3, 3, 2]])
    )
    table = freq(block, field="PL", sex=[1, 1, 1, 2, 1], build="b38")
    # The male seen as heterozygous has both homozygotes alike: he says nothing.
    equal = estimate([[0, 30], [30, 0], [20, 0, 40], [0, 25]])
    assert table.allele_number[0] == 5
    assert table.allele_frequency[0] == pytest.approx(equal.allele_frequency[0], abs=1e-9)
    assert table.log_likelihood[0] == pytest.approx(equal.log_likelihood[0], abs=1e-9)


def test_wrong_numbers_of_values_and_polyploid_inbreeding_are_refused() -> None:
    with pytest.raises(InputError, match="fits no ploidy"):
        estimate([[0, 3, 30, 40]], 3)
    with pytest.raises(InputError, match="ploidy above 2"):
        estimate([[0, 3, 30, 40]], inbreeding=True)


@settings(max_examples=20)
@given(hnp.arrays(np.int32, (6, 5, 3), elements=st.integers(0, 40)))
def test_threads_give_the_same_bits(values: np.ndarray) -> None:
    one, three = (
        allele_frequencies_from_likelihoods(values, np.full((6, 5), 3), np.full(6, 2), threads=threads)
        for threads in (1, 3)
    )
    for name in (*PER_ROW, *PER_VALUE):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))


def test_simulated_reads_equal_the_reference() -> None:
    block = read_vcf(GOLDEN / "sim2x.pl.vcf.gz")
    table = freq(block, field="PL")
    with (GOLDEN / "sim2x.reference.af_mle.tsv").open() as file:
        answers = list(csv.DictReader(file, delimiter="\t"))
    assert len(answers) == len(block)
    assert (table.status == 0).all()
    for variant, answer in enumerate(answers):
        assert table.n_called[variant] == int(answer["n_informative"])
        assert table.allele_frequency[variant] == pytest.approx(float(answer["alt_freq_mle"]), abs=1e-6)
        assert table.log_likelihood[variant] == pytest.approx(float(answer["loglik_hwe"]), abs=1e-8)
        if answer["se_obs_info"] == "NA":
            assert np.isnan(table.standard_error[variant])
        else:
            assert table.standard_error[variant] == pytest.approx(float(answer["se_obs_info"]), rel=1e-4)
        if 0 < table.allele_frequency[variant] < 1:
            assert table.inbreeding_coefficient[variant] == pytest.approx(float(answer["F"]), abs=1e-5)
            assert table.lrt_hwe[variant] == pytest.approx(float(answer["lrt_hwe"]), abs=1e-8)
    assert (table.lrt_hwe[np.isfinite(table.lrt_hwe)] >= 0).all()


@pytest.mark.parametrize("inbreeding", [False, True])
def test_interval_covers_the_truth(inbreeding: bool) -> None:
    rng = np.random.default_rng(11)
    n, replicates = 100, 2400
    p = rng.uniform(0.05, 0.5, replicates)
    f = 0.2 if inbreeding else 0.0
    q = np.stack([(1 - p) ** 2 + f * p * (1 - p), 2 * p * (1 - p) * (1 - f), p**2 + f * p * (1 - p)], axis=1)
    genotypes = (rng.uniform(size=(replicates, n, 1)) > np.cumsum(q, axis=1)[:, None, :2]).sum(axis=2)
    table = allele_frequencies_from_likelihoods(
        reads(rng, genotypes), np.full((replicates, n), 3), np.full(replicates, 2), inbreeding=inbreeding
    )
    interior = (table.allele_frequency > 0) & (table.allele_frequency < 1)
    assert interior.sum() > 2300
    covered = ((table.lower <= p) & (p <= table.upper))[interior].mean()
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize(("n", "most"), [(10, 0.2), (20, 0.1), (40, 0.05)])
@pytest.mark.parametrize("inbreeding", [False, True])
def test_interval_covers_rare_alleles_in_few_samples(n: int, most: float, inbreeding: bool) -> None:
    """Bounds included: with few copies 0 often lies inside. Discrete data make the interval a little conservative."""
    rng = np.random.default_rng(13)
    replicates = 2400
    p = rng.uniform(0.005, most, replicates)
    f = 0.2 if inbreeding else 0.0
    q = np.stack([(1 - p) ** 2 + f * p * (1 - p), 2 * p * (1 - p) * (1 - f), p**2 + f * p * (1 - p)], axis=1)
    genotypes = (rng.uniform(size=(replicates, n, 1)) > np.cumsum(q, axis=1)[:, None, :2]).sum(axis=2)
    table = allele_frequencies_from_likelihoods(
        reads(rng, genotypes), np.full((replicates, n), 3), np.full(replicates, 2), inbreeding=inbreeding
    )
    assert ((table.lower == 0) & (table.allele_frequency > 0)).mean() > 0.05
    covered = (table.lower <= p) & (p <= table.upper)
    assert 0.94 <= covered.mean() <= 0.985
    assert 0.0 < (p < table.lower).mean() < 0.03


def test_more_depth_narrows_the_interval() -> None:
    rng = np.random.default_rng(12)
    genotypes = rng.binomial(2, 0.3, 200)
    widths = []
    for depth in (0.5, 2.0, 8.0, 30.0):
        table = estimate(reads(rng, genotypes, depth=depth).tolist())
        widths.append(table.upper[0] - table.lower[0])
    assert all(narrower < wider for wider, narrower in pairwise(widths))
