"""Completed genotypes against Bayes' rule written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import GenotypeBlock
from genem.errors import InputError, UsageError
from genem.popgen import freq, genotype_posteriors
from tests.blocks import block_from_calls, sites_of
from tests.reference import frequencies as reference


def frequencies_of(table: object, row: int) -> np.ndarray:
    alts = table.allele_frequency[table.alts(row)]  # type: ignore[attr-defined]
    return np.append(1 - alts.sum(), alts)


def posterior(likelihood: np.ndarray, prior: list[float]) -> np.ndarray:
    joint = likelihood * np.array(prior)
    return joint / joint.sum()


@pytest.mark.kernel
@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(-1, 2), min_size=1, max_size=3), min_size=2, max_size=8), st.booleans())
def test_calls_are_completed_by_enumerating_what_was_not_seen(samples: list[list[int]], drop_half_calls: bool) -> None:
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
    p = frequencies_of(table, 0)
    known = [len(call) for call in samples if call != [-1]]
    for i, call in enumerate(samples):
        ploidy = len(call) if call != [-1] else max(known)
        order = reference.genotypes(3, ploidy)
        expected = np.zeros(len(order))
        seen = [] if drop_half_calls and -1 in call else [allele for allele in call if allele >= 0]
        for rest in itertools.product(range(3), repeat=ploidy - len(seen)):
            expected[order.index(tuple(sorted([*seen, *rest])))] += np.prod(p[list(rest)])
        n = completed.n_genotypes[0, i]
        assert n == len(order)
        np.testing.assert_allclose(completed.probabilities[0, i, :n], expected, atol=1e-6)
        assert np.isnan(completed.probabilities[0, i, n:]).all()
        copies = np.array([[genotype.count(alt) for alt in (1, 2)] for genotype in order])
        np.testing.assert_allclose(completed.dosages[0, i], expected @ copies, atol=1e-5)


@pytest.mark.kernel
@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=1, max_size=6), st.booleans())
def test_likelihoods_become_posteriors(samples: list[list[int]], inbreeding: bool) -> None:
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
    prior = [(1 - p) ** 2 + f * p * (1 - p), 2 * p * (1 - p) * (1 - f), p**2 + f * p * (1 - p)]
    for i, sample in enumerate([*samples, [0, 0, 0], [0, 0, 0]]):
        expected = posterior(10.0 ** (-0.1 * np.array(sample)), prior)
        np.testing.assert_allclose(completed.probabilities[0, i], expected, atol=2e-6)
        assert completed.dosages[0, i, 0] == pytest.approx(expected[1] + 2 * expected[2], abs=4e-6)


@pytest.mark.kernel
def test_missing_calls_take_the_frequency_of_their_group() -> None:
    calls = np.array([[[0, 0], [0, 1], [-1, -1], [1, 1], [1, 1], [-1, -1], [-1, -1], [-1, -1]]], np.int8)
    groups = [0, 0, 0, 1, 1, 1, -1, 2]
    block = block_from_calls(calls, [2])
    table = freq(block, groups=groups, group_names=("a", "b", "empty"))
    completed = genotype_posteriors(block, table, groups=groups)
    np.testing.assert_allclose(completed.dosages[0, :, 0], [0, 1, 0.5, 2, 2, 2, 2 * 5 / 8, 2 * 5 / 8], rtol=1e-6)


@pytest.mark.kernel
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
