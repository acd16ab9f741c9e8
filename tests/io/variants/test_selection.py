"""Which records are chosen: regions, their overlap rules, filters, identifiers, SNPs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.data import N_SPANS, SPAN_ALT, SPAN_CHROM, SPAN_FILTER, SPAN_ID, SPAN_INFO, SPAN_REF, VariantSites
from genem.errors import InputError, UsageError
from genem.io.variants.regions import Region
from genem.io.variants.selection import RecordSelection, RegionSet, RegionsOverlap, read_regions_file, resolve_regions

Record = tuple[str, int, str, str, str, str, str]
"""CHROM, POS, ID, REF, ALT, FILTER, INFO."""


def sites_of(records: list[Record]) -> VariantSites:
    contigs = tuple(dict.fromkeys(record[0] for record in records))
    text, spans = b"", np.zeros((len(records), N_SPANS, 2), np.int64)
    columns = {SPAN_CHROM: 0, SPAN_ID: 2, SPAN_REF: 3, SPAN_ALT: 4, SPAN_FILTER: 5, SPAN_INFO: 6}
    for row, record in enumerate(records):
        for span, column in columns.items():
            value = str(record[column]).encode()
            spans[row, span] = len(text), len(text) + len(value)
            text += value + b"\t"
    return VariantSites(
        contigs,
        np.array([contigs.index(record[0]) for record in records], np.int32),
        np.array([record[1] for record in records], np.int64),
        np.array([2 + record[4].count(",") for record in records], np.int32),
        np.arange(1, len(records) + 1),
        np.frombuffer(text, np.uint8),
        spans,
    )


def snp(contig: str, position: int, name: str = ".", filter_: str = "PASS") -> Record:
    return contig, position, name, "A", "C", filter_, "."


def kept(selection: RecordSelection, records: list[Record]) -> list[int]:
    return np.flatnonzero(selection.keep(sites_of(records))).tolist()


def test_everything_is_kept_without_a_wish() -> None:
    assert RecordSelection("x").keeps_all
    assert kept(RecordSelection("x"), [snp("1", 5)]) == [0]


def test_each_record_is_counted_under_its_first_reason() -> None:
    selection = RecordSelection(
        "x", regions=RegionSet.of([Region("1", 10, 20)]), filters=["PASS"], ids={"a", "b"}, snps_only=True
    )
    records = [
        snp("1", 5, "a", "q10"),
        snp("1", 10, "a", "q10"),
        snp("1", 11, "c"),
        ("1", 12, "a", "A", "AT", "PASS", "."),
        snp("1", 13, "b"),
        snp("2", 14, "b"),
    ]
    assert kept(selection, records) == [4]
    assert selection.counts == {"outside_regions": 2, "filtered": 1, "not_in_ids": 1, "not_snp": 1}


def test_filters_and_identifiers_are_lists() -> None:
    records = [snp("1", 1, "a;b", "q10;s50"), snp("1", 2, ".", "."), snp("1", 3, "ab", "PASS")]
    assert kept(RecordSelection("x", filters=["s50"]), records) == [0]
    assert kept(RecordSelection("x", filters=["PASS", "."]), records) == [1, 2]
    assert kept(RecordSelection("x", ids=["b"]), records) == [0]
    assert kept(RecordSelection("x", ids=["a;b", "ab"]), records) == [0, 2]
    assert kept(RecordSelection("x", ids=[]), records) == []


@pytest.mark.parametrize(
    ("record", "overlap", "inside"),
    [
        # a deletion of positions 98 to 100, written with the base before it; the region is 100 to 110
        (("1", 97, ".", "ACGT", "A", ".", "."), "pos", False),
        (("1", 97, ".", "ACGT", "A", ".", "."), "record", True),
        (("1", 97, ".", "ACGT", "A", ".", "."), "variant", True),
        # a record that reaches into the region, but changes only position 99
        (("1", 98, ".", "TCG", "TTG", ".", "."), "record", True),
        (("1", 98, ".", "TCG", "TTG", ".", "."), "variant", True),
        (("1", 108, ".", "ACGT", "ACGA", ".", "."), "pos", True),
        (("1", 108, ".", "ACGT", "ACGA", ".", "."), "variant", False),
        # an insertion between 110 and 111
        (("1", 110, ".", "A", "AT", ".", "."), "record", True),
        (("1", 110, ".", "A", "AT", ".", "."), "variant", False),
        (("1", 105, ".", "A", "AT", ".", "."), "variant", True),
        # symbolic alleles reach to INFO/END
        (("1", 50, ".", "A", "<DEL>", ".", "END=120"), "record", True),
        (("1", 50, ".", "A", "<DEL>", ".", "END=120"), "variant", True),
        (("1", 50, ".", "A", "<DEL>", ".", "END=99"), "record", False),
        (("1", 50, ".", "A", "<DEL>", ".", "END=120"), "pos", False),
    ],
)
def test_overlap_rules(record: Record, overlap: RegionsOverlap, inside: bool) -> None:
    selection = RecordSelection("x", regions=RegionSet.of([Region("1", 100, 110)]), regions_overlap=overlap)
    assert kept(selection, [record]) == [0] * inside


intervals = st.tuples(st.sampled_from(["1", "2"]), st.integers(1, 60), st.one_of(st.none(), st.integers(0, 15)))


@given(st.lists(intervals, max_size=6), st.lists(st.tuples(st.sampled_from(["1", "2", "3"]), st.integers(1, 80))))
def test_regions_are_a_union(chosen: list[tuple[str, int, int | None]], places: list[tuple[str, int]]) -> None:
    regions = [Region(contig, start, None if size is None else start + size) for contig, start, size in chosen]
    selection = RecordSelection("x", regions=RegionSet.of(regions), regions_overlap="pos")
    places.sort()
    expected = [
        row
        for row, (contig, position) in enumerate(places)
        if any(
            region.contig == contig and region.start <= position and (region.end is None or position <= region.end)
            for region in regions
        )
    ]
    records = [snp(contig, position) for contig, position in places]
    middle = len(records) // 2
    halves = [kept(selection, records[:middle]), kept(selection, records[middle:])]
    assert halves[0] + [middle + row for row in halves[1]] == expected


def test_joined_regions_do_not_touch_what_lies_between() -> None:
    joined = RegionSet.of([Region("1", 5, 9), Region("1", 8, 12), Region("1", 13, 20), Region("1", 30)])
    starts, ends = joined.intervals["1"]
    assert starts.tolist() == [5, 13, 30]
    assert ends.tolist()[:2] == [12, 20]


def test_positions_that_run_backwards() -> None:
    selection = RecordSelection("x.vcf.gz", regions=RegionSet.of([Region("1")]))
    assert kept(selection, [snp("1", 5), snp("1", 5), snp("2", 3)]) == [0, 1]
    with pytest.raises(InputError, match=r"x\.vcf\.gz: 2:2 follows 2:3: the file is not sorted; .*bcftools sort"):
        selection.keep(sites_of([snp("2", 2)]))


def test_regions_of_all_forms() -> None:
    given_regions = ["1:5-7", "2", "2:8-", "HLA:1", Region("1", 3, 3), ("2", None, None), ("2", 4, 9)]
    assert resolve_regions(given_regions, ("1", "2", "HLA:1")) == [
        Region("1", 5, 7),
        Region("2"),
        Region("2", 8),
        Region("HLA:1"),
        Region("1", 3, 3),
        Region("2"),
        Region("2", 4, 9),
    ]
    with pytest.raises(UsageError, match="region chr1:5-7: no contig 'chr1' in the file; it has 1, 2, HLA:1"):
        resolve_regions(["chr1:5-7"], ("1", "2", "HLA:1"))


def test_region_files(tmp_path: Path) -> None:
    bed, table = tmp_path / "regions.bed", tmp_path / "regions.tsv"
    bed.write_text("track name=x\n# comment\n1\t4\t7\textra\n\n2\t0\t1\n")
    table.write_text("1\t5\t7\n2\t1\n")
    expected = [Region("1", 5, 7), Region("2", 1, 1)]
    assert read_regions_file(bed) == expected
    assert read_regions_file(table) == expected


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.bed", "1\t5\n", r"a\.bed: line 1: '1\\t5' is not a region; write CHROM START END, separated by tabs"),
        ("a.tsv", "1 5 7\n", r"a\.tsv: line 1: '1 5 7' is not a region; write CHROM FROM TO"),
        ("a.tsv", "1\t5\t9\n1\tx\n", "line 2: "),
        ("a.tsv", "1\t5\t4\n", "line 1: the region ends before it starts"),
    ],
)
def test_malformed_region_files(tmp_path: Path, name: str, text: str, found: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=found):
        read_regions_file(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_regions_file(tmp_path / "none.bed")
