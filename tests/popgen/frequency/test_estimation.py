"""Allele frequencies from called genotypes: counting, intervals, inbreeding, groups, sexes."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genem.errors import InputError, UsageError
from genem.popgen import allele_frequencies_from_genotypes, freq, hwe_exact, minor_allele_frequency, missing_rate
from genem.popgen.frequency.estimation import MAX_MASKED_GROUPS
from genem.popgen.frequency.table import PER_ROW, PER_VALUE, FrequencyTable
from tests import GOLDEN_ANSWERS
from tests.popgen.blocks import block_from_calls, read_vcf
from tests.reference import frequencies as reference

GOLDEN = GOLDEN_ANSWERS / "popgen"


def rows_of(name: str) -> list[dict[str, str]]:
    with (GOLDEN / name).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def diploids(n_ref: int, n_het: int, n_alt: int, n_missing: int = 0) -> np.ndarray:
    calls = [[0, 0]] * n_ref + [[0, 1]] * n_het + [[1, 1]] * n_alt + [[-1, -1]] * n_missing
    return np.array([calls], np.int8).reshape(1, len(calls), 2)


def assert_same(first: FrequencyTable, second: FrequencyTable, rtol: float = 0.0) -> None:
    for name in (*PER_ROW, *PER_VALUE):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=rtol, atol=rtol, err_msg=name)


# Calls of any kind: haploid, half, missing, polyploid codes; at most three alleles.
some_calls = hnp.arrays(
    np.int8, st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 3)), elements=st.integers(-2, 2)
)


@pytest.mark.kernel
@given(some_calls)
def test_counts_equal_a_loop_over_samples(calls: np.ndarray) -> None:
    table = allele_frequencies_from_genotypes(calls, np.full(len(calls), 3))
    for variant, samples in enumerate(calls):
        copies = samples[samples >= 0]
        row = table.row(variant)
        assert table.allele_number[row] == len(copies)
        assert table.n_called[row] == sum((sample >= 0).any() for sample in samples)
        if len(copies):
            expected = [np.mean(copies == 1), np.mean(copies == 2)]
            np.testing.assert_allclose(table.allele_frequency[table.alts(row)], expected, rtol=1e-14)
            full = [sample for sample in samples if (sample >= 0).sum() == 2 and not (sample == -1).any()]
            for alt in (1, 2):
                carried = [int(sum(sample == alt)) for sample in full]
                p, mid_p = hwe_exact(carried.count(0), carried.count(1), carried.count(2))
                at = table.alts(row).start + alt - 1
                np.testing.assert_array_equal([table.hwe_p[at], table.hwe_mid_p[at]], [p, mid_p])


@pytest.mark.kernel
@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 3), st.integers(1, 21), st.just(2)), elements=st.integers(-1, 1)))
def test_words_and_samples_count_alike(calls: np.ndarray) -> None:
    complete = np.where((calls < 0).any(axis=2, keepdims=True), np.int8(-1), calls)
    n_alleles, groups = np.full(len(calls), 2), np.arange(calls.shape[1]) % 3 - 1
    many = [f"g{number}" for number in range(MAX_MASKED_GROUPS + 1)]
    by_words = allele_frequencies_from_genotypes(complete, n_alleles, groups=groups, group_names=many[:2])
    by_samples = allele_frequencies_from_genotypes(complete, n_alleles, groups=groups, group_names=many)
    for name in (*PER_ROW, *PER_VALUE):
        for group in ("g0", "g1", "ALL"):
            first = getattr(by_words, name)[by_words.groups.index(group) :: 3]
            second = getattr(by_samples, name)[by_samples.groups.index(group) :: len(many) + 1]
            np.testing.assert_array_equal(first, second, err_msg=name)


def test_many_samples_fill_the_lanes_of_a_word() -> None:
    calls = np.ones((1, 4 * 65_600, 2), np.int8)
    calls[0, :3] = [[0, 0], [0, 1], [-1, -1]]
    table = allele_frequencies_from_genotypes(calls, [2])
    assert table.n_called[0] == calls.shape[1] - 1
    assert table.allele_frequency[0] == (2 * (calls.shape[1] - 3) + 1) / (2 * (calls.shape[1] - 1))


@pytest.mark.kernel
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_interval_and_error_equal_the_textbook(ref: int, het: int, alt: int, ci: float) -> None:
    if ref + het + alt == 0:
        return
    table = allele_frequencies_from_genotypes(diploids(ref, het, alt), [2], ci=ci)
    x, n = het + 2 * alt, 2 * (ref + het + alt)
    p = x / n

    def value(t: float) -> float:
        return (x * np.log(t) if x else 0.0) + ((n - x) * np.log1p(-t) if n - x else 0.0)

    if 0 < x < n:
        low, high = reference.profile_interval(value, p, ci)
        assert table.lower[0] == pytest.approx(low, rel=1e-10)
        assert table.upper[0] == pytest.approx(high, rel=1e-10)
        assert table.standard_error[0] == pytest.approx(np.sqrt(p * (1 - p) / n), rel=1e-14)
    else:
        assert np.isnan(table.standard_error[0])
        assert table.lower[0] == 0.0 if x == 0 else table.upper[0] == 1.0
        bound = table.upper[0] if x == 0 else 1.0 - table.lower[0]
        assert bound == pytest.approx(1 - np.exp(-0.5 * reference.chi2.ppf(ci, 1) / n), rel=1e-12)
    assert table.lower[0] <= p <= table.upper[0]


@pytest.mark.kernel
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_f_and_likelihood_ratio_of_counts(ref: int, het: int, alt: int) -> None:
    table = allele_frequencies_from_genotypes(diploids(ref, het, alt, 1), [2])
    n = ref + het + alt
    if n == 0 or het + alt == 0 or het + ref == 0:
        assert np.isnan(table.inbreeding_coefficient[0])
        assert np.isnan(table.lrt_hwe[0])
        assert np.isnan(table.hwe_p[0]) if n == 0 else table.hwe_p[0] == 1.0
        return
    p = (het + 2 * alt) / (2 * n)
    observed = np.array([ref, het, alt])
    expected = n * np.array([(1 - p) ** 2, 2 * p * (1 - p), p * p])
    seen = observed > 0
    g_test = 2 * np.sum(observed[seen] * np.log(observed[seen] / expected[seen]))
    assert table.inbreeding_coefficient[0] == pytest.approx(1 - het / expected[1], abs=1e-13)
    assert table.lrt_hwe[0] == pytest.approx(g_test, abs=1e-11)
    assert table.lrt_hwe[0] >= 0.0
    assert table.lrt_p[0] == pytest.approx(reference.chi2.sf(table.lrt_hwe[0], 1), rel=1e-12)


@pytest.mark.kernel
@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 6), st.integers(0, 6))
def test_inbreeding_with_lone_copies_is_a_maximum(ref: int, het: int, alt: int, half_ref: int, half_alt: int) -> None:
    calls = [[0, 0]] * ref + [[0, 1]] * het + [[1, 1]] * alt + [[0, -1]] * half_ref + [[1, -1]] * half_alt
    if not calls:
        return
    table = allele_frequencies_from_genotypes(np.array([calls], np.int8), [2], inbreeding=True)
    p, f = table.allele_frequency[0], table.inbreeding_coefficient[0]

    def value(q: np.ndarray) -> float:
        frequency = q[2] + q[1] / 2
        terms = [(ref, q[0]), (het, q[1]), (alt, q[2]), (half_ref, 1 - frequency), (half_alt, frequency)]
        with np.errstate(divide="ignore"):
            return float(sum(n * np.log(x) for n, x in terms if n))

    if ref + het + alt and 0 < p < 1:
        h = 2 * p * (1 - p) * (1 - f)
        at = np.array([1 - p - h / 2, h, p - h / 2]).clip(0)
        best = value(at)
        rng = np.random.default_rng(1)
        for other in rng.dirichlet([1, 1, 1], 200):
            for share in (1.0, 0.1, 1e-3):
                assert value((1 - share) * at + share * other) <= best + 1e-9
    assert table.lower[0] <= p <= table.upper[0]


@pytest.mark.kernel
def test_inbreeding_with_complete_calls_is_closed_form() -> None:
    table = allele_frequencies_from_genotypes(diploids(57, 14, 50), [2], inbreeding=True)
    n, p = 121, (14 + 100) / 242
    f = 1 - 14 / 121 / (2 * p * (1 - p))
    assert table.allele_frequency[0] == pytest.approx(p, abs=1e-14)
    assert table.inbreeding_coefficient[0] == pytest.approx(f, abs=1e-13)
    assert table.standard_error[0] == pytest.approx(np.sqrt(p * (1 - p) * (1 + f) / (2 * n)), rel=1e-12)
    plain = allele_frequencies_from_genotypes(diploids(57, 14, 50), [2])
    assert table.upper[0] - table.lower[0] > 1.2 * (plain.upper[0] - plain.lower[0])


@pytest.mark.kernel
@given(some_calls, st.randoms(use_true_random=False))
def test_order_and_missing_samples_do_not_matter(calls: np.ndarray, random: object) -> None:
    n_alleles = np.full(len(calls), 3)
    table = allele_frequencies_from_genotypes(calls, n_alleles)
    order = np.array(random.sample(range(calls.shape[1]), calls.shape[1]))  # type: ignore[attr-defined]
    assert_same(table, allele_frequencies_from_genotypes(np.ascontiguousarray(calls[:, order]), n_alleles))
    more = np.concatenate([calls, np.full_like(calls[:, :1], -1)], axis=1)
    wider = allele_frequencies_from_genotypes(more, n_alleles)
    np.testing.assert_array_equal(wider.allele_frequency, table.allele_frequency)
    np.testing.assert_array_equal(wider.hwe_p, table.hwe_p)
    assert (wider.n_samples == table.n_samples + 1).all()


@pytest.mark.kernel
@given(hnp.arrays(np.int8, st.tuples(st.just(1), st.integers(1, 15), st.just(2)), elements=st.integers(-1, 1)))
def test_swapping_ref_and_alt_mirrors_everything(calls: np.ndarray) -> None:
    swapped = np.where(calls >= 0, 1 - calls, calls).astype(np.int8)
    table, mirror = (allele_frequencies_from_genotypes(x, [2]) for x in (calls, swapped))
    np.testing.assert_allclose(table.allele_frequency, 1 - mirror.allele_frequency, rtol=1e-14)
    np.testing.assert_allclose(table.lower, 1 - mirror.upper, rtol=1e-12, atol=1e-15)
    for name in ("standard_error", "hwe_p", "lrt_hwe", "inbreeding_coefficient"):
        np.testing.assert_allclose(getattr(table, name), getattr(mirror, name), rtol=1e-11, atol=1e-12)


@pytest.mark.kernel
@given(some_calls)
def test_groups_partition_the_pool(calls: np.ndarray) -> None:
    n_alleles = np.full(len(calls), 3)
    groups = np.arange(calls.shape[1]) % 3 - 1
    table = freq(block_from_calls(calls, n_alleles), groups=groups, group_names=("a", "b"))
    assert table.groups == ("a", "b", "ALL")
    plain = allele_frequencies_from_genotypes(calls, n_alleles)
    for variant in range(len(calls)):
        pooled = table.row(variant)
        np.testing.assert_array_equal(table.hwe_p[table.alts(pooled)], plain.hwe_p[plain.alts(variant)])
        for number, name in enumerate(table.groups[:-1]):
            row = table.row(variant, name)
            alone = allele_frequencies_from_genotypes(calls[variant : variant + 1, groups == number], [3])
            assert table.allele_number[row] == alone.allele_number[0]
            for column in PER_VALUE:
                np.testing.assert_array_equal(
                    getattr(table, column)[table.alts(row)], getattr(alone, column)[alone.alts(0)]
                )
    assert (table.heterogeneity_p[np.isfinite(table.heterogeneity_p)] <= 1).all()


@pytest.mark.kernel
@pytest.mark.parametrize("inbreeding", [False, True])
def test_heterogeneity_between_groups(inbreeding: bool) -> None:
    calls = np.concatenate([diploids(30, 8, 2), diploids(12, 15, 13), diploids(20, 0, 0)], axis=1)
    groups = np.repeat([0, 1, 2], [40, 40, 20])
    table = allele_frequencies_from_genotypes(calls, [2], groups=groups, inbreeding=inbreeding)
    counts = [(30, 8, 2), (12, 15, 13), (20, 0, 0)]
    if inbreeding:

        def value(n: tuple[int, int, int], p: float) -> float:
            h = np.linspace(1e-12, 2 * min(p, 1 - p) - 1e-12, 20001)
            with np.errstate(divide="ignore"):
                parts = [n[k] * np.log(q) for k, q in enumerate((1 - p - h / 2, h, p - h / 2)) if n[k]]
            return float(np.max(sum(parts)))
    else:

        def value(n: tuple[int, int, int], p: float) -> float:
            x, y = n[1] + 2 * n[2], n[1] + 2 * n[0]
            return (x * np.log(p) if x else 0.0) + (y * np.log(1 - p) if y else 0.0)

    own = [max(value(n, max((n[1] + 2 * n[2]) / (2 * sum(n)), 1e-12)), -np.inf) for n in counts]
    common = reference.common_frequency([lambda p, n=n: value(n, p) for n in counts])
    expected = reference.chi2.sf(2 * (sum(own) - common), 2)
    assert table.heterogeneity_p[-1] == pytest.approx(expected, rel=1e-3 if inbreeding else 1e-7)
    assert np.isnan(table.heterogeneity_p[:-1]).all()


@pytest.mark.kernel
def test_nothing_called_and_no_alt() -> None:
    calls = np.array([[[-1, -1], [-1, -2]], [[0, 0], [0, 0]]], np.int8)
    table = allele_frequencies_from_genotypes(calls, [2, 1])
    assert list(table.status) == [3, 0]
    assert np.isnan(table.allele_frequency[0])
    assert list(table.row_offsets) == [0, 1, 1]
    np.testing.assert_array_equal(minor_allele_frequency(table), [np.nan, 0.0])
    np.testing.assert_array_equal(missing_rate(table), [1.0, 0.0])


@pytest.mark.kernel
@given(some_calls)
def test_minor_allele_frequency_and_missing_rate(calls: np.ndarray) -> None:
    groups = np.arange(calls.shape[1]) % 2
    table = allele_frequencies_from_genotypes(calls, np.full(len(calls), 3), groups=groups)
    for variant, samples in enumerate(calls):
        copies = samples[samples >= 0]
        expected = 1 - np.bincount(copies, minlength=3).max() / len(copies) if len(copies) else np.nan
        np.testing.assert_allclose(minor_allele_frequency(table)[variant], expected, atol=1e-14)
        called = np.mean((samples >= 0).any(axis=1))
        assert missing_rate(table)[variant] == pytest.approx(1 - called)


@pytest.mark.kernel
def test_half_calls_counted_or_missing() -> None:
    calls = np.array([[[0, -1], [-1, 1], [0, 1], [0, 0], [1, 1], [-1, -1], [0, 0], [0, 1]]], np.int8)
    assert list(freq(block_from_calls(calls, [2])).allele_number) == [12]
    dropped = freq(block_from_calls(calls, [2]), half_calls="missing")
    assert (dropped.allele_number[0], dropped.n_called[0], dropped.allele_frequency[0]) == (10, 5, 0.4)


def test_threads_give_the_same_bits() -> None:
    rng = np.random.default_rng(5)
    calls = rng.integers(-1, 2, (40, 30, 2)).astype(np.int8)
    groups = rng.integers(-1, 3, 30)
    one, three = (
        allele_frequencies_from_genotypes(calls, np.full(40, 2), groups=groups, threads=threads) for threads in (1, 3)
    )
    assert_same(one, three)


@pytest.mark.kernel
def test_edge_calls_equal_plink_and_bcftools() -> None:
    block = read_vcf(GOLDEN / "edge.vcf")
    dropped, counted = freq(block, half_calls="missing"), freq(block)
    hardy = {(row["ID"], row["A1"]): row["P"] for row in rows_of("edge.plink2.hardy.tsv")}
    for variant, (plink, bcftools) in enumerate(
        zip(rows_of("edge.plink2.afreq.tsv"), rows_of("edge.bcftools.filltags.tsv"), strict=True)
    ):
        alts = dropped.alts(variant)
        assert counted.allele_number[variant] == int(bcftools["AN"])
        if counted.allele_number[variant] == 0:
            continue
        shown = ",".join(f"{x:.6g}" for x in counted.allele_frequency[alts])
        assert shown == bcftools["AF"]
        if plink["ID"] == "haploid_mix":  # PLINK counts a haploid call on an autosome twice, bcftools once
            continue
        assert ",".join(f"{x:.6g}" for x in dropped.allele_frequency[alts]) == plink["ALT_FREQS"]
        for alt, p in zip(plink["ALT"].split(","), dropped.hwe_p[alts], strict=True):
            if (plink["ID"], alt) in hardy:
                assert f"{p:.6g}" == hardy[plink["ID"], alt]
            elif "," not in plink["ALT"]:
                assert f"{p:.6g}" == hardy[plink["ID"], plink["REF"]]


@pytest.mark.kernel
def test_x_equals_plink() -> None:
    block = read_vcf(GOLDEN / "chrx.vcf")
    sexes = {row["#IID"]: int(row["SEX"]) for row in rows_of("chrx.sex.tsv")}
    table = freq(block, sex=[sexes[name] for name in block.samples], build="b37")
    answers = zip(
        rows_of("chrx.plink2.acount.tsv"),
        rows_of("chrx.plink2.afreq.tsv"),
        rows_of("chrx.plink2.hardy_x.tsv"),
        strict=True,
    )
    for variant, (count, frequency, hardy) in enumerate(answers):
        assert table.allele_number[variant] == int(count["OBS_CT"])
        assert round(table.allele_frequency[variant] * table.allele_number[variant]) == int(count["ALT_CTS"])
        assert f"{table.allele_frequency[variant]:.6g}" == frequency["ALT_FREQS"]
        assert f"{table.hwe_p[variant]:.6g}" == hardy["P"]


@pytest.mark.kernel
def test_sex_chromosomes() -> None:
    calls = np.array([[[0, 0], [1, 1], [0, 1], [1, -2], [0, 1], [0, 1]]], np.int8)
    sex = [1, 1, 1, 1, 2, 0]
    x = freq(block_from_calls(calls, [2], "chrX", 10_000_000), sex=sex, build="b38")
    assert (x.n_samples[0], x.n_called[0], x.allele_number[0]) == (5, 4, 5)
    assert x.heterozygous_haploids[0] == 1
    assert x.allele_frequency[0] == 3 / 5
    y = freq(block_from_calls(calls, [2], "Y", 10_000_000), sex=sex, build="b37")
    assert (y.n_samples[0], y.allele_number[0], y.allele_frequency[0]) == (4, 3, 2 / 3)
    mitochondria = freq(block_from_calls(calls, [2], "MT"), sex=sex)
    assert (mitochondria.n_samples[0], mitochondria.allele_number[0]) == (6, 3)
    pseudo_autosomal = freq(block_from_calls(calls, [2], "X", 1_000_000), sex=sex, build="b37")
    assert pseudo_autosomal.allele_number[0] == 11
    unsexed = freq(block_from_calls(calls, [2], "X", 10_000_000))
    assert unsexed.allele_number[0] == 11


def test_bad_arguments_are_refused() -> None:
    calls = np.array([[[0, 1], [0, 0]]], np.int8)
    block = block_from_calls(calls, [2], "X", 10_000_000)
    with pytest.raises(UsageError, match="--build"):
        freq(block, sex=[1, 2])
    with pytest.raises(UsageError, match="b36"):
        freq(block, sex=[1, 2], build="b36")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="ALL"):
        freq(block, groups=[0, 0], group_names=["ALL"])
    with pytest.raises(UsageError, match="shape"):
        freq(block, sex=[1], build="b37")
    with pytest.raises(UsageError, match="level"):
        freq(block, ci=95)
    with pytest.raises(InputError, match="no PL"):
        freq(block, field="PL")
    with pytest.raises(InputError, match=r"record 1 \(1:100\), sample s1: GT has an allele"):
        freq(block_from_calls(np.array([[[0, 1], [0, 2]]], np.int8), [2]))
    with pytest.raises(InputError, match="ploidy above 2"):
        freq(block_from_calls(np.array([[[0, 1, 1]]], np.int8), [2]), inbreeding=True)


@pytest.mark.parametrize("inbreeding", [False, True])
def test_interval_covers_the_truth(inbreeding: bool) -> None:
    rng = np.random.default_rng(2)
    n, replicates = 100, 4000
    p = rng.uniform(0.05, 0.5, replicates)
    f = 0.2 if inbreeding else 0.0
    q = np.stack([(1 - p) ** 2 + f * p * (1 - p), 2 * p * (1 - p) * (1 - f), p**2 + f * p * (1 - p)], axis=1)
    genotype = (rng.uniform(size=(replicates, n, 1)) > np.cumsum(q, axis=1)[:, None, :2]).sum(axis=2)
    calls = np.stack([genotype > 1, genotype > 0], axis=2).astype(np.int8)
    calls[rng.uniform(size=genotype.shape) < 0.02] = -1
    table = allele_frequencies_from_genotypes(calls, np.full(replicates, 2), inbreeding=inbreeding)
    covered = np.mean((table.lower <= p) & (p <= table.upper))
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize("n_samples", [1020, 1021, 2504, 2507])
def test_many_samples_are_counted_alike_with_and_without_a_missing_one(n_samples: int) -> None:
    rng = np.random.default_rng(n_samples)
    calls = np.ones((4, n_samples, 2), np.int8)
    calls[1] = rng.integers(0, 2, (n_samples, 2))
    calls[2:] = calls[1]
    calls[2, -1] = -1
    calls[3, n_samples // 2] = -1
    table = allele_frequencies_from_genotypes(calls, [2] * 4)
    called = (calls >= 0).all(axis=2)
    copies = np.where(called, calls.sum(axis=2), 0)
    np.testing.assert_array_equal(table.allele_number, 2 * called.sum(axis=1))
    np.testing.assert_array_equal(table.allele_frequency, copies.sum(axis=1) / table.allele_number)
    het = (copies == 1).sum(axis=1) / called.sum(axis=1)
    p = table.allele_frequency[1:]
    np.testing.assert_allclose(table.inbreeding_coefficient[1:], 1 - het[1:] / (2 * p * (1 - p)), rtol=1e-12)
