"""Haplotype blocks: the definition applied to all stretches at once, and however the variants arrive."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.cli.main import main
from genem.errors import UsageError
from genem.io.variants.reading import open_variants
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.haplotype_blocks import HaplotypeBlock, blocks
from tests.reference.ld import make_block

pytestmark = pytest.mark.kernel


def block_calls(n_variants: int, seed: int, n_samples: int = 60, n_founders: int = 4) -> np.ndarray:
    """Haplotypes copied from a few founders, who are swapped now and then."""
    generator = np.random.default_rng(seed)
    founders = generator.integers(0, 2, (n_variants, n_founders))
    source = generator.integers(0, n_founders, (n_samples, 2))
    calls = np.empty((n_variants, n_samples, 2), np.int8)
    for variant in range(n_variants):
        if generator.random() < 0.25:
            source = np.where(
                generator.random(source.shape) < 0.5, generator.integers(0, n_founders, source.shape), source
            )
        calls[variant] = founders[variant][source]
    return calls


def textbook(calls: np.ndarray, position: list[int], max_bp: int, min_maf: float) -> list[tuple[int, int, int, int]]:
    """Every stretch judged by itself from the table of all pairs, longest first."""
    frequency = calls.mean(axis=(1, 2))
    chosen = np.flatnonzero(np.minimum(frequency, 1 - frequency) >= min_maf)
    n, places = len(chosen), [position[k] for k in chosen]
    low, high = np.full((n, n), np.nan), np.full((n, n), np.nan)
    for pairs in ld(make_block(calls[chosen], position=places), min_r2=0.0, window_bp=None):
        bounds = np.abs(np.stack([pairs.d_prime_low, pairs.d_prime_high]))
        low[pairs.first, pairs.second], high[pairs.first, pairs.second] = bounds.min(axis=0), bounds.max(axis=0)
    low, high = np.round(low * 100), np.round(high * 100)
    found = []
    for a in range(n):
        for b in range(a + 1, n):
            span, size = places[b] - places[a], b - a + 1
            if (
                span > max_bp
                or not (low[a, b] >= 70 and high[a, b] >= 98)
                or span > {2: 20_000, 3: 30_000}.get(size, span)
            ):
                continue
            inside = [(i, j) for i in range(a, b + 1) for j in range(i + 1, b + 1)]
            strong = sum(low[i, j] > {2: 80, 3: 50, 4: 50}.get(size, 70) and high[i, j] >= 98 for i, j in inside)
            recombinant = sum(high[i, j] < 90 for i, j in inside)
            if strong + recombinant >= {2: 1, 3: 3}.get(size, 6) and strong > 0.95 * (strong + recombinant):
                found.append((-span, a, b, int(strong), int(recombinant)))
    taken: list[tuple[int, int, int, int, int]] = []
    for stretch in sorted(found):
        if all(stretch[2] < other[1] or other[2] < stretch[1] for other in taken):
            taken.append(stretch)
    return sorted((places[a], places[b], strong, recombinant) for _, a, b, strong, recombinant in taken)


def summary(found: list[HaplotypeBlock]) -> list[tuple[int, int, int, int]]:
    return [(block.start, block.end, block.n_strong, block.n_recombinant) for block in found]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 16), st.integers(500, 40_000))
def test_equals_the_definition(seed: int, n: int, max_bp: int) -> None:
    calls = block_calls(n, seed)
    position = np.sort(np.random.default_rng(seed).choice(60_000, n, replace=False) + 1).tolist()
    found = list(blocks(make_block(calls, position=position), max_bp=max_bp))
    assert summary(found) == textbook(calls, position, max_bp, 0.05)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 29), max_size=6))
def test_arrival_does_not_matter(seed: int, cuts: list[int]) -> None:
    calls = block_calls(30, seed)
    position = np.sort(np.random.default_rng(seed).choice(30_000, 30, replace=False) + 1)
    names = [f"v{k}" for k in range(30)]
    edges = sorted({0, 30, *cuts})
    pieces = [
        make_block(calls[a:b], position=position[a:b].tolist(), identifier=names[a:b], first_record=a + 1)
        for a, b in pairwise(edges)
    ]
    whole = make_block(calls, position=position.tolist(), identifier=names)
    assert list(blocks(pieces, max_bp=5000)) == list(blocks(whole, max_bp=5000))


def test_identifiers_and_order() -> None:
    calls = np.concatenate([block_calls(12, 3), block_calls(12, 4)])
    chrom = ["1"] * 12 + ["2"] * 12
    position = [1000 * k for k in range(1, 13)] * 2
    found = list(blocks(make_block(calls, chrom=chrom, position=position)))
    assert {block.chrom for block in found} == {"1", "2"}
    assert [(block.chrom, block.start) for block in found] == sorted((block.chrom, block.start) for block in found)
    for block in found:
        assert len(block.identifiers) >= 2
        assert block.end - block.start <= 200_000


def test_rare_and_multiallelic_variants_are_left_out() -> None:
    calls = block_calls(6, 1)
    calls[2] = 0
    alts = ["C"] * 6
    alts[4] = "C,G"
    for block in blocks(make_block(calls, alts=alts)):
        assert not {"v3", "v5"} & set(block.identifiers)


def test_nothing_in_nothing_out() -> None:
    assert list(blocks([])) == []
    assert list(blocks(make_block(np.zeros((3, 4, 2), np.int8)))) == []


@pytest.mark.parametrize("option", ["strong_low", "strong_high", "recombinant_high", "informative_fraction"])
def test_bounds_must_be_shares(option: str) -> None:
    with pytest.raises(UsageError, match=option):
        blocks([], **{option: 1.5})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="max_bp"):
        blocks([], max_bp=0)
    with pytest.raises(UsageError, match="min_maf"):
        blocks([], min_maf=0.7)


def test_the_table_is_that_of_the_library(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vcf = data / "population.vcf.gz"
    assert main(["blocks", str(vcf), "--min-maf", "0.1", "--any-small-span"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines() if not line.startswith("##")]
    assert lines[0] == ["CHROM", "POS", "END", "KB", "N_VARIANTS", "N_STRONG", "N_RECOMBINANT", "IDS"]
    with open_variants(vcf) as reader:
        expected = list(blocks(reader, min_maf=0.1, any_small_span=True))
    assert [(row[1], row[2], row[7]) for row in lines[1:]] == [
        (str(block.start), str(block.end), ",".join(block.identifiers)) for block in expected
    ]
    assert float(lines[1][3]) == (expected[0].end - expected[0].start + 1) / 1000
