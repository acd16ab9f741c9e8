"""Streaming: the same pairs and bytes however the variants arrive, in windows, in scattered pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError, UsageError
from genem.jit import set_threads
from genem.popgen.linkage import window as ld_window
from genem.popgen.linkage.decay import LinkageDecay
from genem.popgen.linkage.disequilibrium import ld
from genem.popgen.linkage.pairs import LinkagePairs
from tests.reference.ld import make_block

pytestmark = pytest.mark.kernel

Sites = list[tuple[str, int]]


def sites_of(draw_positions: list[int], n_contigs: int) -> Sites:
    return [(f"c{k}", position) for k in range(n_contigs) for position in sorted(draw_positions)]


sorted_sites = st.builds(sites_of, st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 2))


def calls_for(n_variants: int, n_samples: int = 20, seed: int = 1) -> np.ndarray:
    """Calls with some structure: each variant copies its predecessor's with noise, some are missing."""
    generator = np.random.default_rng(seed)
    calls = np.empty((n_variants, n_samples, 2), np.int8)
    row = generator.integers(0, 2, (n_samples, 2))
    for variant in range(n_variants):
        row = np.where(generator.random(row.shape) < 0.15, 1 - row, row)
        calls[variant] = row
    calls[generator.random((n_variants, n_samples)) < 0.05] = -1
    return calls


def block_of(sites: Sites, calls: np.ndarray, part: slice = slice(None), first_record: int = 1) -> object:
    chosen = sites[part]
    return make_block(
        calls[part],
        chrom=[chrom for chrom, _ in chosen],
        position=[position for _, position in chosen],
        identifier=[f"{chrom}_{position}_{k}" for k, (chrom, position) in enumerate(sites)][part],
        first_record=first_record,
    )


def listed(stream: Iterable[LinkagePairs]) -> list[tuple[object, ...]]:
    """Every pair as a tuple of labels and numbers, in order."""
    rows = []
    for pairs in stream:
        for k in range(len(pairs)):
            a, b = int(pairs.first[k]), int(pairs.second[k])
            numbers = pairs.statistics[k].tobytes() + pairs.integers[k].tobytes()
            rows.append((pairs.loci.identifier[a], pairs.loci.identifier[b], int(pairs.group[k]), numbers))
    return rows


def expected_pairs(sites: Sites, window_bp: int | None, window_variants: int | None) -> list[tuple[str, str]]:
    names = [f"{chrom}_{position}_{k}" for k, (chrom, position) in enumerate(sites)]
    return [
        (names[a], names[b])
        for a in range(len(sites))
        for b in range(a + 1, len(sites))
        if sites[a][0] == sites[b][0]
        and (window_bp is None or sites[b][1] - sites[a][1] <= window_bp)
        and (window_variants is None or b - a <= window_variants)
    ]


windows = st.tuples(st.none() | st.integers(1, 40), st.none() | st.integers(1, 5))


@given(sorted_sites, windows)
def test_pairs_within_the_window(sites: Sites, window: tuple[int | None, int | None]) -> None:
    calls = calls_for(len(sites))
    rows = listed(ld(block_of(sites, calls), window_bp=window[0], window_variants=window[1], min_r2=0.0))  # type: ignore[arg-type]
    assert [(a, b) for a, b, _, _ in rows] == expected_pairs(sites, *window)


@given(sorted_sites, windows, st.lists(st.integers(0, 24), max_size=6), st.sampled_from([0.0, 0.1, 0.5]))
def test_arrival_does_not_matter(
    sites: Sites, window: tuple[int | None, int | None], cuts: list[int], min_r2: float
) -> None:
    calls = calls_for(len(sites))
    options = {"window_bp": window[0], "window_variants": window[1], "min_r2": min_r2}
    edges = sorted({0, len(sites), *(cut for cut in cuts if cut < len(sites))})
    pieces = [block_of(sites, calls, slice(a, b), a + 1) for a, b in pairwise(edges)]
    whole = LinkageDecay(bin_bp=7, max_bp=60)
    parts = LinkageDecay(bin_bp=7, max_bp=60)
    assert listed(ld(block_of(sites, calls), decay=whole, **options)) == listed(ld(pieces, decay=parts, **options))  # type: ignore[arg-type]
    (curve,), (other,) = whole.curves(("ALL",)), parts.curves(("ALL",))
    np.testing.assert_array_equal(curve.mean_r2, other.mean_r2)
    np.testing.assert_array_equal(curve.n_pairs, other.n_pairs)


@given(sorted_sites, windows)
def test_min_r2_only_filters(sites: Sites, window: tuple[int | None, int | None]) -> None:
    calls = calls_for(len(sites))
    block = block_of(sites, calls)
    options = {"window_bp": window[0], "window_variants": window[1]}
    everything = [pairs.rows(pairs.r2 >= 0.3) for pairs in ld(block, min_r2=0.0, **options)]  # type: ignore[arg-type]
    assert listed(everything) == listed(ld(block, min_r2=0.3, **options))  # type: ignore[arg-type]


@given(sorted_sites, windows, st.lists(st.integers(1, 60), max_size=3))
def test_scattered_pieces_add_up(sites: Sites, window: tuple[int | None, int | None], cuts: list[int]) -> None:
    """Each piece owns the pairs that start in its span and reads on to the end: none lost, none doubled."""
    calls = calls_for(len(sites))
    options = {"window_bp": window[0], "window_variants": window[1], "min_r2": 0.1}
    edges = sorted({0, 60, *cuts})
    gathered = []
    for contig in dict.fromkeys(chrom for chrom, _ in sites):
        for start, end in pairwise(edges):
            span = (contig, start + 1, end)
            read = [k for k, (chrom, position) in enumerate(sites) if chrom == contig and position > start]
            if read:
                part = slice(read[0], read[-1] + 1)
                gathered += listed(ld(block_of(sites, calls, part), first_in=[span], **options))  # type: ignore[arg-type]
    assert gathered == listed(ld(block_of(sites, calls), **options))  # type: ignore[arg-type]


def test_a_piece_stops_reading_when_its_pairs_are_complete() -> None:
    sites = [("1", 10 * k) for k in range(1, 101)]
    calls = calls_for(100)
    taken = []

    def blocks() -> Iterable[object]:
        for k in range(100):
            taken.append(k)
            yield block_of(sites, calls, slice(k, k + 1), k + 1)

    list(ld(blocks(), first_in=[("1", 1, 200)], window_bp=100, min_r2=0.0))  # type: ignore[arg-type]
    assert len(taken) < 35


def test_small_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = [("1", 10 * k) for k in range(1, 31)]
    block = block_of(sites, calls_for(30))
    groups = np.arange(20) % 2
    expected = listed(ld(block, groups=groups, min_r2=0.05))  # type: ignore[arg-type]
    monkeypatch.setattr(ld_window, "MAX_SCREENED", 7)
    monkeypatch.setattr(ld_window, "MAX_MEASURED", 3)
    assert listed(ld(block, groups=groups, min_r2=0.05)) == expected  # type: ignore[arg-type]


def test_same_bits_at_any_number_of_threads() -> None:
    sites = [("1", 10 * k) for k in range(1, 61)]
    block = block_of(sites, calls_for(60, 130))
    results = []
    for threads in (1, 2):
        decay = LinkageDecay(bin_bp=50, max_bp=600)
        results.append((listed(ld(block, min_r2=0.0, decay=decay, threads=threads)), decay.curves(("ALL",))[0]))  # type: ignore[arg-type]
    set_threads(1)
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1].mean_r2, results[1][1].mean_r2)


def test_decay_is_the_mean_over_all_pairs() -> None:
    sites = [("1", position) for position in (5, 17, 18, 40, 44, 90, 200)]
    block = block_of(sites, calls_for(7))
    decay = LinkageDecay(bin_bp=20, max_bp=100)
    list(ld(block, decay=decay))  # type: ignore[arg-type]
    (curve,) = decay.curves(("ALL",))
    (pairs,) = ld(block, min_r2=0.0)  # type: ignore[arg-type]
    distance = pairs.loci.position[pairs.second] - pairs.loci.position[pairs.first]
    assert curve.start.tolist() == [0, 20, 40, 60, 80]
    for low, high, n, mean in zip(curve.start, curve.end, curve.n_pairs, curve.mean_r2, strict=True):
        chosen = pairs.r2[(distance > low) & (distance <= high) & ~np.isnan(pairs.r2)]
        assert n == len(chosen)
        assert np.isnan(mean) if n == 0 else mean == pytest.approx(chosen.mean(), abs=1e-10)


def test_decay_bins_must_fit() -> None:
    with pytest.raises(UsageError, match="bins of 0 bp"):
        LinkageDecay(bin_bp=0)


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        ([("1", 20), ("1", 10)], r"record 2 \(1:10\): position 10 after 20; .*bcftools sort"),
        ([("1", 20), ("2", 10), ("1", 30)], r"record 3 \(1:30\): chromosome 1 again, after 2; .*bcftools sort"),
    ],
)
def test_unsorted_records_are_refused(sites: Sites, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(ld(block_of(sites, calls_for(len(sites))), min_r2=0.0))  # type: ignore[arg-type]


def test_order_is_checked_across_blocks() -> None:
    sites: Sequence[tuple[str, int]] = [("1", 20), ("1", 10)]
    pieces = [block_of(list(sites), calls_for(2), slice(k, k + 1), k + 1) for k in range(2)]
    with pytest.raises(InputError, match="position 10 after 20"):
        list(ld(pieces, min_r2=0.0))  # type: ignore[arg-type]
