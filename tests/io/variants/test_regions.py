"""Regions as text, and cutting a file into regions."""

from __future__ import annotations

import shutil
import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.data import SPAN_ID, GenotypeBlock
from genem.errors import InputError, UsageError
from genem.io.variants.reading import open_variants
from genem.io.variants.regions import (
    Region,
    balanced_regions,
    format_region,
    format_regions,
    parse_region,
    parse_regions,
)
from tests.io.variants.indexed_files import Indexed, indexed

__all__ = ["indexed"]  # a fixture, used by name


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("22", Region("22")),
        (" 22:5 ", Region("22", 5, 5)),
        ("22:5-", Region("22", 5)),
        ("22:5-10", Region("22", 5, 10)),
        ("22:0-10", Region("22", 0, 10)),
        ("{HLA:1}", Region("HLA:1")),
        ("{HLA:1}:5-10", Region("HLA:1", 5, 10)),
        ("HLA:1", Region("HLA:1")),  # a contig of that name exists
        ("HLA:1:5-10", Region("HLA:1", 5, 10)),
        ("HLA:2", Region("HLA", 2, 2)),
    ],
)
def test_parse_region(text: str, region: Region) -> None:
    assert parse_region(text, contigs=["22", "HLA:1", "HLA"]) == region


@pytest.mark.parametrize(
    "text", ["", ":5", "22:", "22:x", "22:5-x", "22:10-5", "22:-5", "{22:5", "{22}5", "22:5-6-7", "{}:5", "22:٣"]
)
def test_not_a_region(text: str) -> None:
    with pytest.raises(UsageError, match="region"):
        parse_region(text)


names = st.text(string.ascii_letters + string.digits + "_.*:,|", min_size=1)
regions = st.builds(
    lambda contig, start, length: Region(contig, start, None if length is None else start + length),
    names,
    st.integers(0, 2**40),
    st.one_of(st.none(), st.integers(0, 2**40)),
)


@given(st.lists(regions, min_size=1, max_size=4))
def test_what_is_formatted_is_parsed(listed: list[Region]) -> None:
    assert parse_regions(format_regions(listed)) == listed
    assert [parse_region(format_region(region)) for region in listed] == listed


@pytest.mark.parametrize("n_pieces", [1, 2, 3, 7, 40])
def test_pieces_hold_every_record_once(indexed: Indexed, n_pieces: int) -> None:
    pieces = balanced_regions(indexed.path, n_pieces)
    assert 1 <= len(pieces) <= n_pieces
    with pysam.VariantFile(str(indexed.path)) as file:
        expected = [str(record.id) for record in file]
        found = [
            str(record.id)
            for piece in pieces
            for region in piece
            for record in file.fetch(region.contig, region.start - 1, region.end)
            if record.pos >= region.start
        ]
    assert found == expected  # in file order too


@pytest.mark.parametrize("n_pieces", [1, 4, 40])
def test_reading_the_pieces_gives_every_record_once(indexed: Indexed, n_pieces: int) -> None:
    with open_variants(indexed.path, fields=()) as reader:
        expected = identifiers(reader)
    found = []
    for piece in balanced_regions(indexed.path, n_pieces):
        with open_variants(indexed.path, fields=(), regions=piece, regions_overlap="pos") as reader:
            found += identifiers(reader)
    assert found == expected


def identifiers(blocks: Iterable[GenotypeBlock]) -> list[str]:
    return [block.sites.field(row, SPAN_ID) for block in blocks for row in range(len(block))]


@pytest.mark.parametrize("n_pieces", [2, 3, 5])
def test_pieces_are_about_equal(tmp_path: Path, n_pieces: int) -> None:
    path = tmp_path / "x.vcf"
    lines = (f"{1 + number // 20_000}\t{1 + number % 20_000 * 100}\t.\tA\tC\t.\t.\t.\n" for number in range(60_000))
    path.write_text("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + "".join(lines))
    compressed = pysam.tabix_index(str(path), preset="vcf")
    pieces = balanced_regions(compressed, n_pieces)
    assert len(pieces) == n_pieces
    with pysam.VariantFile(compressed) as file:
        counts = [sum(1 for r in piece for _ in file.fetch(r.contig, r.start - 1, r.end)) for piece in pieces]
    assert sum(counts) == 60_000
    assert max(counts) < 1.3 * 60_000 / n_pieces


@pytest.mark.parametrize("n_pieces", [1, 3, 20])
@pytest.mark.parametrize("name", ["population", "lowcov", "haplotypes.phased"])
def test_pieces_read_like_the_whole(data: Path, name: str, n_pieces: int) -> None:
    path = data / f"{name}.vcf.gz"
    with open_variants(path, fields=()) as reader:
        whole = Counter(int(position) for block in reader for position in block.sites.position)
    read: Counter[int] = Counter()
    for piece in balanced_regions(path, n_pieces):
        listed = parse_regions(format_regions(piece))
        with open_variants(path, fields=(), regions=listed, regions_overlap="pos") as reader:
            read.update(int(position) for block in reader for position in block.sites.position)
    assert read == whole


def test_contig_lengths_stay_open(data: Path) -> None:
    (piece,) = balanced_regions(data / "population.vcf.gz", 1)
    assert piece == (Region("22"),)
    assert balanced_regions(data / "population.vcf.gz", 3)[-1][-1].end is None


def test_no_records(tmp_path: Path) -> None:
    path = tmp_path / "x.vcf"
    path.write_text("##fileformat=VCFv4.3\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    assert balanced_regions(pysam.tabix_index(str(path), preset="vcf"), 4) == []


def test_without_an_index(tmp_path: Path, data: Path) -> None:
    path = Path(shutil.copy(data / "population.vcf.gz", tmp_path))
    with pytest.raises(InputError, match="has no index; make one with tabix"):
        balanced_regions(path, 2)
    with pytest.raises(InputError, match="cannot be read"):
        balanced_regions(tmp_path / "missing.vcf.gz", 2)
    with pytest.raises(UsageError, match="0 pieces"):
        balanced_regions(data / "population.vcf.gz", 0)
