"""Completed genotypes against Bayes' rule written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import GenotypeBlock, VariantSites
from genem.errors import InputError, UsageError
from genem.popgen import freq, genotype_posteriors
from tests.popgen.blocks import block_from_calls, sites_of
from tests.reference import posteriors as reference

pytestmark = pytest.mark.kernel


def sites(n_alleles, contig="1", position=100):
    n = len(n_alleles)
    return VariantSites(
        (contig,),
        np.zeros(n, np.int32),
        np.full(n, position, np.int64),
        np.array(n_alleles, np.int32),
        np.arange(1, n + 1),
        np.zeros(0, np.uint8),
        np.zeros((n, 6, 2), np.int64),
    )


def called(calls, n_alleles=2, **where):
    array = np.array([calls], np.int8)
    return GenotypeBlock(sites([n_alleles], **where), tuple(f"s{i}" for i in range(array.shape[1])), array)


def with_pl(values, n_alleles=2, **where):
    width = max(map(len, values))
    array = np.array([[*value, *[-1] * (width - len(value))] for value in values], np.int32)[None]
    return GenotypeBlock(
        sites([n_alleles], **where),
        tuple(f"s{i}" for i in range(len(values))),
        likelihood_field="PL",
        likelihoods=array,
        n_likelihoods=np.array([[len(value) for value in values]], np.int32),
    )


@given(
    n_alleles=st.integers(2, 4),
    ploidy=st.integers(1, 4),
    f=st.sampled_from([0.0, 0.3, -0.05]),
    data=st.data(),
)
def test_any_call_equals_bayes_rule(n_alleles, ploidy, f, data):
    """Certain, missing and half calls of any ploidy, under random mating and inbreeding."""
    alleles = st.integers(-1, n_alleles - 1)
    call = data.draw(st.lists(alleles, min_size=ploidy, max_size=ploidy))
    if ploidy == 1 and call == [-1]:
        call = [0]
    everything = [[a] * ploidy for a in range(n_alleles)] * 3
    block = called([call, *everything], n_alleles)
    table = freq(block)
    f = f if ploidy == 2 else 0.0
    table = replace(table, inbreeding_coefficient=np.full_like(table.inbreeding_coefficient, f))
    result = genotype_posteriors(block, table, inbreeding=f != 0.0)
    alts = table.allele_frequency.tolist()
    frequency = [1 - sum(alts), *alts]
    known = tuple(allele for allele in call if allele >= 0)
    likelihood = reference.half_call_likelihood(n_alleles, ploidy, known)
    expected = reference.posterior(frequency, ploidy, f, likelihood)
    size = result.n_genotypes[0, 0]
    assert size == len(expected)
    np.testing.assert_allclose(result.probabilities[0, 0, :size], expected, atol=2e-7)
    np.testing.assert_allclose(result.dosages[0, 0], reference.dosages(expected, n_alleles, ploidy), atol=2e-7)


@given(
    n_alleles=st.integers(2, 3),
    ploidy=st.integers(1, 3),
    data=st.data(),
)
def test_likelihoods_equal_bayes_rule(n_alleles, ploidy, data):
    ordered = reference.genotypes(n_alleles, ploidy)
    phred = st.lists(st.integers(0, 60), min_size=len(ordered), max_size=len(ordered))
    values = data.draw(st.lists(phred, min_size=2, max_size=5))
    block = with_pl([*values, [0] + [20] * (len(ordered) - 1), [20] * (len(ordered) - 1) + [0]], n_alleles)
    table = freq(block, field="PL")
    result = genotype_posteriors(block, table, field="PL")
    alts = table.allele_frequency.tolist()
    frequency = [max(0.0, 1 - sum(alts)), *alts]
    for sample, phreds in enumerate(values):
        likelihood = dict(zip(ordered, (10 ** (-value / 10) for value in phreds), strict=True))
        expected = reference.posterior(frequency, ploidy, 0.0, likelihood)
        np.testing.assert_allclose(result.probabilities[0, sample, : len(ordered)], expected, atol=2e-7)


def test_huge_phred_values_do_not_underflow():
    block = with_pl([[90_000, 90_030, 99_999], [0, 10, 100], [100, 10, 0]])
    result = genotype_posteriors(block, freq(block, field="PL"), field="PL")
    assert result.probabilities[0, 0].sum() == pytest.approx(1)
    assert result.probabilities[0, 0, 0] > 0.99


def test_half_calls_can_be_treated_as_missing():
    block = called([[0, -1], [0, 0], [1, 1]])
    table = freq(block, half_calls="missing")
    result = genotype_posteriors(block, table, half_calls="missing")
    np.testing.assert_allclose(result.probabilities[0, 0], [0.25, 0.5, 0.25])


def test_females_have_no_genotype_on_y():
    block = called([[0, -2], [1, -2], [-1, -2]], contig="Y", position=5_000_000)
    sex = np.array([1, 1, 2], np.int8)
    result = genotype_posteriors(block, freq(block, sex=sex, build="b37"), sex=sex, build="b37")
    assert result.n_genotypes[0].tolist() == [2, 2, 0]
    assert np.isnan(result.probabilities[0, 2]).all()


def test_nothing_called_is_unknown():
    block = called([[-1, -1], [-1, -1]])
    result = genotype_posteriors(block, freq(block))
    assert np.isnan(result.probabilities).all()
    assert np.isnan(result.dosages).all()


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(-1, 2), min_size=1, max_size=3), min_size=2, max_size=8), st.booleans())
def test_calls_of_mixed_ploidy_are_completed(samples: list[list[int]], drop_half_calls: bool) -> None:
    calls = np.full((1, len(samples), 3), -2, np.int8)
    for i, call in enumerate(samples):
        calls[0, i, : len(call)] = call
    block = block_from_calls(calls, [3])
    half_calls = "missing" if drop_half_calls else "em"
    table = freq(block, half_calls=half_calls)
    completed = genotype_posteriors(block, table, half_calls=half_calls)
    if table.allele_number[0] == 0:
        assert (completed.n_genotypes == 0).all()
        return
    alts = table.allele_frequency.tolist()
    frequency = [max(0.0, 1 - sum(alts)), *alts]
    known = [len(call) for call in samples if call != [-1]]
    for i, call in enumerate(samples):
        ploidy = len(call) if call != [-1] else max(known)
        seen = () if drop_half_calls and -1 in call else tuple(allele for allele in call if allele >= 0)
        expected = reference.posterior(frequency, ploidy, 0.0, reference.half_call_likelihood(3, ploidy, seen))
        n = completed.n_genotypes[0, i]
        assert n == len(expected)
        np.testing.assert_allclose(completed.probabilities[0, i, :n], expected, atol=1e-6)
        assert np.isnan(completed.probabilities[0, i, n:]).all()
        np.testing.assert_allclose(completed.dosages[0, i], reference.dosages(expected, 3, ploidy), atol=1e-5)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=6), st.booleans())
def test_flat_and_incomplete_likelihoods_take_the_prior(samples: list[list[int]], inbreeding: bool) -> None:
    values = np.array([[*samples, [0, -1, 20], [-1, -1, -1]]], np.int32)
    lengths = np.full((1, len(samples) + 2), 3)
    lengths[0, -1] = 0
    block = GenotypeBlock(
        sites_of(["1"], [100], [("A", "C")]),
        tuple(f"s{i}" for i in range(len(samples) + 2)),
        likelihood_field="PL",
        likelihoods=values,
        n_likelihoods=lengths.astype(np.int32),
    )
    table = freq(block, field="PL", inbreeding=inbreeding)
    completed = genotype_posteriors(block, table, field="PL", inbreeding=inbreeding)
    if table.allele_number[0] == 0:
        assert (completed.n_genotypes == 0).all()
        return
    p = table.allele_frequency[0]
    f = table.inbreeding_coefficient[0] if inbreeding and not np.isnan(table.inbreeding_coefficient[0]) else 0.0
    ordered = reference.genotypes(2, 2)
    for i, sample in enumerate([*samples, [0, 0, 0], [0, 0, 0]]):
        likelihood = dict(zip(ordered, 10.0 ** (-0.1 * np.array(sample)), strict=True))
        expected = reference.posterior([1 - p, p], 2, f, likelihood)
        np.testing.assert_allclose(completed.probabilities[0, i], expected, atol=2e-6)
        assert completed.dosages[0, i, 0] == pytest.approx(expected[1] + 2 * expected[2], abs=4e-6)


def test_missing_calls_take_the_frequency_of_their_group() -> None:
    calls = np.array([[[0, 0], [0, 1], [-1, -1], [1, 1], [1, 1], [-1, -1], [-1, -1], [-1, -1]]], np.int8)
    groups = [0, 0, 0, 1, 1, 1, -1, 2]
    block = block_from_calls(calls, [2])
    table = freq(block, groups=groups, group_names=("a", "b", "empty"))
    completed = genotype_posteriors(block, table, groups=groups)
    np.testing.assert_allclose(completed.dosages[0, :, 0], [0, 1, 0.5, 2, 2, 2, 2 * 5 / 8, 2 * 5 / 8], rtol=1e-6)


def test_males_have_homozygotes_only() -> None:
    calls = np.array([[[0, 0], [1, 1], [0, 1], [-1, -1], [0, 1], [-1, -2], [-1, -1]]], np.int8)
    sex = [1, 1, 1, 1, 2, 1, 0]
    block = block_from_calls(calls, [2], "X", 50_000_000)
    table = freq(block, sex=sex, build="b37")
    completed = genotype_posteriors(block, table, sex=sex, build="b37")
    assert table.allele_frequency[0] == 0.5
    expected = [[1, 0, 0], [0, 0, 1], [0.5, 0, 0.5], [0.5, 0, 0.5], [0, 1, 0]]
    np.testing.assert_allclose(completed.probabilities[0, :5], expected)
    np.testing.assert_allclose(completed.dosages[0, :5, 0], [0, 1, 0.5, 0.5, 1])
    assert list(completed.n_genotypes[0]) == [3, 3, 3, 3, 3, 2, 0]


def test_another_block_or_field_is_refused() -> None:
    calls = np.array([[[0, 1], [0, 0]]], np.int8)
    block = block_from_calls(calls, [2])
    table = freq(block)
    with pytest.raises(UsageError, match="rows"):
        genotype_posteriors(block_from_calls(np.repeat(calls, 2, axis=0), [2, 2]), table)
    with pytest.raises(InputError, match="no PL"):
        genotype_posteriors(block, table, field="PL")
