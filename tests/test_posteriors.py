"""Completed genotypes against Bayes' rule written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.data import GenotypeBlock, VariantSites
from genem.errors import InputError
from genem.popgen import freq, genotype_posteriors
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


def test_a_missing_male_on_x_is_hemizygous_and_a_heterozygous_one_is_missing():
    calls = [[0, 1], [1, 1], [-1, -1], [0, 0], [0, 1], [0, 1]]
    block = called(calls, contig="X", position=5_000_000)
    sex = np.array([1, 1, 1, 1, 2, 2], np.int8)
    table = freq(block, sex=sex, build="b37")
    p = table.allele_frequency[0]
    assert p == pytest.approx(3 / 6)
    result = genotype_posteriors(block, table, sex=sex, build="b37").probabilities[0]
    np.testing.assert_allclose(result[0], [1 - p, 0, p], rtol=1e-6)
    np.testing.assert_allclose(result[1], [0, 0, 1])
    np.testing.assert_allclose(result[2], [1 - p, 0, p], rtol=1e-6)
    np.testing.assert_allclose(result[4], [0, 1, 0])


def test_females_have_no_genotype_on_y():
    block = called([[0, -2], [1, -2], [-1, -2]], contig="Y", position=5_000_000)
    sex = np.array([1, 1, 2], np.int8)
    result = genotype_posteriors(block, freq(block, sex=sex, build="b37"), sex=sex, build="b37")
    assert result.n_genotypes[0].tolist() == [2, 2, 0]
    assert np.isnan(result.probabilities[0, 2]).all()


def test_each_group_has_its_own_prior_and_an_empty_one_the_pooled():
    block = called([[0, 0], [0, 0], [-1, -1], [1, 1], [-1, -1], [-1, -1]])
    groups = np.array([0, 0, 0, 1, 1, 2])
    table = freq(block, groups=groups, group_names=("a", "b", "c"))
    result = genotype_posteriors(block, table, groups=groups).probabilities[0]
    np.testing.assert_allclose(result[2], [1, 0, 0])
    np.testing.assert_allclose(result[4], [0, 0, 1])
    np.testing.assert_allclose(result[5], [4 / 9, 4 / 9, 1 / 9], rtol=1e-6)


def test_nothing_called_is_unknown():
    block = called([[-1, -1], [-1, -1]])
    result = genotype_posteriors(block, freq(block))
    assert np.isnan(result.probabilities).all()
    assert np.isnan(result.dosages).all()


def test_the_field_must_be_there():
    block = called([[0, 1]])
    with pytest.raises(InputError, match="holds no PL"):
        genotype_posteriors(block, freq(block), field="PL")
