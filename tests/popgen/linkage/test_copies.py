"""Copies on sex chromosomes: as ``freq`` counts them."""

from __future__ import annotations

import numpy as np
import pytest

from genem.errors import UsageError
from genem.popgen import blocks, freq, ld, prune
from genem.popgen.linkage.loci import LocusReader
from genem.popgen.linkage.packed import PackedCalls
from tests.reference.ld import make_block

CALLS = ([0, 0], [0, 1], [1, 1], [0, -2], [1, -2], [-1, -1], [0, -1], [-1, -2])


def sexed_block(contig: str, position: int = 5_000_000, n_samples: int = 40):
    generator = np.random.default_rng(7)
    calls = np.array(CALLS, np.int8)[generator.integers(0, len(CALLS), (6, n_samples))]
    block = make_block(calls, chrom=[contig] * 6, position=[position + 10 * k for k in range(6)])
    return block, generator.integers(0, 3, n_samples)


@pytest.mark.parametrize("contig", ["X", "Y", "MT", "1"])
def test_copies_are_those_of_freq(contig: str) -> None:
    block, sex = sexed_block(contig)
    expected = freq(block, sex=sex, build="b37", half_calls="missing")
    _, (rows,) = LocusReader(sex=sex, build="b37").read(block)
    assert isinstance(rows, PackedCalls)
    alt, copies = rows.alt_counts()
    np.testing.assert_array_equal(copies, expected.allele_number)
    np.testing.assert_allclose(alt / np.maximum(copies, 1), np.nan_to_num(expected.allele_frequency), atol=1e-12)


def test_the_pseudo_autosomal_region_is_diploid() -> None:
    block, sex = sexed_block("X", position=100_000)
    (sexed,) = ld(block, sex=sex, build="b37", min_r2=0.0)
    (plain,) = ld(block, min_r2=0.0)
    np.testing.assert_array_equal(sexed.statistics, plain.statistics)


def test_likelihoods_of_males_are_haploid() -> None:
    """Certain likelihoods give what the calls give."""
    generator = np.random.default_rng(3)
    dose = np.where(np.arange(30) < 12, 2 * generator.integers(0, 2, (2, 30)), generator.integers(0, 3, (2, 30)))
    calls = np.stack([dose > 0, dose > 1], axis=2).astype(np.int8)
    pl = np.where(np.arange(3) == dose[:, :, np.newaxis], 0, 300).astype(np.int32)
    block = make_block(calls, pl=pl, chrom=["X"] * 2, position=[5_000_000, 5_000_100])
    sex = np.where(np.arange(30) < 12, 1, 2)
    (from_calls,) = ld(block, sex=sex, build="b38", min_r2=0.0)
    (from_likelihoods,) = ld(block, field="PL", sex=sex, build="b38", min_r2=0.0)
    np.testing.assert_allclose(from_likelihoods.haplotype_frequencies, from_calls.haplotype_frequencies, atol=1e-6)
    assert from_likelihoods.n_samples.tolist() == from_calls.n_samples.tolist() == [30]


def test_pruning_and_blocks_take_sexes() -> None:
    block, sex = sexed_block("X")
    assert len(list(prune(block, sex=sex, build="b37"))) == 6
    assert isinstance(list(blocks(block, sex=sex, build="b37")), list)


def test_wrong_sexes_are_refused() -> None:
    block, _ = sexed_block("X")
    with pytest.raises(UsageError, match="sex has shape"):
        list(ld(block, sex=[1, 2], build="b37"))
    with pytest.raises(UsageError, match="needs --build"):
        list(ld(block, sex=np.ones(40, int)))
