"""Pruning: no two kept variants of a window are correlated, nothing is removed without need."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.cli.main import main
from genem.errors import UsageError
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.pruning import PrunedVariant, prune
from tests.reference.ld import make_block

pytestmark = pytest.mark.kernel


def correlated_calls(n_variants: int, seed: int, n_samples: int = 24) -> np.ndarray:
    generator = np.random.default_rng(seed)
    row = generator.integers(0, 2, (n_samples, 2))
    calls = np.empty((n_variants, n_samples, 2), np.int8)
    for variant in range(n_variants):
        row = np.where(generator.random(row.shape) < 0.12, generator.integers(0, 2), row)
        calls[variant] = row
    calls[generator.random((n_variants, n_samples)) < 0.04] = -1
    return calls


def textbook(calls: np.ndarray, position: list[int], limit: float, window_bp: int) -> list[bool]:
    """The rule as it is documented, from all pairs."""
    n = len(calls)
    r2 = np.full((n, n), np.nan)
    for pairs in ld(make_block(calls, position=position), min_r2=0.0, window_bp=None):
        r2[pairs.first, pairs.second] = pairs.r2
    called = np.where(calls >= 0, calls, 0).sum(axis=(1, 2)) / np.maximum((calls >= 0).sum(axis=(1, 2)), 1)
    minor = np.minimum(called, 1 - called)
    kept = [True] * n
    for a in range(n):
        for b in range(a + 1, n):
            if position[b] - position[a] <= window_bp and kept[a] and kept[b] and r2[a, b] > limit:
                kept[a if minor[a] < minor[b] - 1e-12 else b] = False
    return kept


@given(st.integers(0, 10**6), st.integers(1, 14), st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.integers(1, 80))
def test_equals_the_rule(seed: int, n: int, limit: float, window_bp: int) -> None:
    calls = correlated_calls(n, seed)
    position = np.sort(np.random.default_rng(seed).integers(1, 100, n)).tolist()
    result = list(prune(make_block(calls, position=position), r2=limit, window_bp=window_bp))
    assert [variant.kept for variant in result] == textbook(calls, position, limit, window_bp)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 13), max_size=4))
def test_arrival_does_not_matter(seed: int, cuts: list[int]) -> None:
    calls = correlated_calls(14, seed)
    edges = sorted({0, 14, *cuts})
    pieces = [
        make_block(calls[a:b], position=[10 * k for k in range(a + 1, b + 1)], first_record=a + 1)
        for a, b in pairwise(edges)
    ]
    whole = list(prune(make_block(calls, position=[10 * k for k in range(1, 15)]), r2=0.3, window_bp=60))
    parts = list(prune(pieces, r2=0.3, window_bp=60))
    assert [(v.position, v.kept, v.removed_by, repr(v.r2)) for v in whole] == [
        (v.position, v.kept, v.removed_by, repr(v.r2)) for v in parts
    ]


def pruned(rows: list[str], **options: object) -> list[PrunedVariant]:
    """Variants written as haplotype strings, two letters a sample."""
    calls = np.array([[int(letter) for letter in row] for row in rows], np.int8).reshape(len(rows), -1, 2)
    return list(prune(make_block(calls), **options))  # type: ignore[arg-type]


def test_the_rarer_of_two_is_removed() -> None:
    common, rare = "0000111100000000", "0000110000000000"
    first, second = pruned([rare, common], r2=0.3)
    assert (first.kept, second.kept) == (False, True)
    assert first.removed_by == "1:200:A:C"
    assert first.r2 > 0.3
    assert second.removed_by is None
    assert np.isnan(second.r2)


def test_of_equals_the_later_one_is_removed() -> None:
    row = "0000111100000000"
    assert [variant.kept for variant in pruned([row, row, row])] == [True, False, False]
    assert [variant.minor_allele_frequency for variant in pruned([row])] == [0.25]


def test_monomorphic_variants_stay() -> None:
    assert all(variant.kept for variant in pruned(["00000000", "00000000", "11111111"], r2=0.0))


def test_several_alts_count_as_one_variant() -> None:
    calls = np.array(
        [[[0, 1], [2, 2], [0, 1], [0, 0]], [[0, 0], [1, 1], [0, 0], [0, 0]], [[0, 1], [0, 0], [0, 1], [0, 0]]], np.int8
    )
    result = list(prune(make_block(calls, alts=["C,G", "T", "G"]), r2=0.9))
    assert [(variant.alt, variant.kept) for variant in result] == [("C,G", True), ("T", False), ("G", False)]
    assert result[1].removed_by == "1:100:A:C,G"


def test_threshold_must_be_a_share() -> None:
    with pytest.raises(UsageError, match="r2 is 2"):
        prune([], r2=2.0)


def test_lists_and_table(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vcf, kept, removed, output = data / "population.vcf.gz", tmp_path / "k", tmp_path / "r", tmp_path / "t.tsv"
    assert (
        main(["prune", str(vcf), "--r2", "0.3", "--kept", str(kept), "--removed", str(removed), "-o", str(output)]) == 0
    )
    lines = [line.split("\t") for line in output.read_text().splitlines() if not line.startswith("##")]
    assert lines[0] == ["CHROM", "POS", "ID", "REF", "ALT", "MAF", "KEPT", "REMOVED_BY", "R2"]
    assert [row[2] for row in lines[1:] if row[6] == "yes"] == kept.read_text().split()
    assert [row[2] for row in lines[1:] if row[6] == "no"] == removed.read_text().split()
    assert len(lines) == 594
    assert all((row[6] == "yes") == (row[7] == row[8] == "NA") for row in lines[1:])
    # what was promised: nothing above the threshold is left
    assert main(["ld", str(vcf), "--ids", str(kept), "--min-r2", "0.3000001"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("##")]
    assert len(rows) == 1


def test_variants_without_an_id_are_listed_by_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vcf, kept = tmp_path / "x.vcf", tmp_path / "kept"
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\n"
    vcf.write_text(
        '##fileformat=VCFv4.2\n##contig=<ID=1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="G">\n'
        + columns
        + "1\t10\t.\tA\tC\t.\t.\t.\tGT\t0/0\t0/1\n"
    )
    assert main(["prune", str(vcf), "--kept", str(kept), "-o", "/dev/null"]) == 0
    assert kept.read_text() == "1:10:A:C\n"
    assert "1 variants have no ID" in capsys.readouterr().err
