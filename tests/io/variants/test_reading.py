"""The reader end to end: generated files in every packing, subsets, regions, and every kind of bad input."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import (
    ABSENT_ALLELE,
    MISSING_ALLELE,
    MISSING_PHRED,
    SPAN_FILTER,
    SPAN_ID,
    SPAN_INFO,
    SPAN_REF,
    GenotypeBlock,
)
from genem.errors import InputError, UsageError
from genem.io.files import bgzf
from genem.io.variants import reading as variants
from genem.io.variants.reading import open_variants
from tests.io.variants.strategies import LIKELIHOOD_FIELDS, Call, Vcf, malformed_vcfs, vcfs

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1,length=1000000>
##contig=<ID=2>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred">
##FORMAT=<ID=GL,Number=G,Type=Float,Description="Log10">
"""
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


def vcf_text(*records: str, samples: str = "Ann Ben", header: str = HEADER) -> bytes:
    """A VCF whose columns may be separated by spaces here."""
    columns = "\t".join([COLUMNS, "FORMAT", *samples.split()]) if samples else COLUMNS
    return (header + columns + "\n" + "".join("\t".join(line.split(" ")) + "\n" for line in records)).encode()


def bgzip(path: Path, text: bytes) -> Path:
    with pysam.BGZFile(str(path), "wb") as stream:
        stream.write(text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(path: Path | str, **wishes: Any) -> tuple[list[GenotypeBlock], dict[str, int]]:
    with open_variants(path, **wishes) as reader:
        return list(reader), reader.counts


def read_text(folder: Path, text: bytes, **wishes: Any) -> list[GenotypeBlock]:
    path = folder / "file.vcf"
    path.write_bytes(text)
    return read(path, **wishes)[0]


def rows(blocks: list[GenotypeBlock]) -> Iterator[tuple[GenotypeBlock, int]]:
    for block in blocks:
        for row in range(len(block)):
            yield block, row


def site_of(block: GenotypeBlock, row: int) -> tuple[object, ...]:
    sites = block.sites
    text = [sites.field(row, span) for span in (SPAN_ID, SPAN_REF, SPAN_FILTER, SPAN_INFO)]
    return (sites.chrom(row), int(sites.position[row]), sites.alts(row), *text)


def copies_of(block: GenotypeBlock, row: int, sample: int) -> tuple[int | None, ...]:
    assert block.alleles is not None
    copies = block.alleles[row, sample].tolist()
    present = [copy for copy in copies if copy != ABSENT_ALLELE]
    assert copies == present + [ABSENT_ALLELE] * (len(copies) - len(present))
    return tuple(None if copy == MISSING_ALLELE else copy for copy in present)


def values_of(block: GenotypeBlock, row: int, sample: int) -> list[float]:
    assert block.likelihoods is not None
    assert block.n_likelihoods is not None
    values = block.likelihoods[row, sample].tolist()
    n_values = block.n_likelihoods[row, sample]
    beyond = values[n_values:]
    assert all(value == MISSING_PHRED for value in beyond) or all(np.isnan(value) for value in beyond)
    return values[:n_values]


def expected_values(call: Call, field: str) -> list[float]:
    values = call.likelihoods.get(field) or ()
    if field == "PL":
        return [MISSING_PHRED if value is None else int(value) for value in values]
    return [np.nan if value is None else float(np.float32(value)) for value in values]


def assert_holds(blocks: list[GenotypeBlock], vcf: Vcf, field: str | None, samples: tuple[str, ...]) -> None:
    """The blocks hold what the generator put into the file."""
    read_rows = list(rows(blocks))
    assert len(read_rows) == len(vcf.records)
    for number, ((block, row), record) in enumerate(zip(read_rows, vcf.records, strict=True), 1):
        assert block.samples == samples
        assert site_of(block, row) == (
            record.contig, record.position, record.alts, record.id, record.ref, record.filter, record.info
        )  # fmt: skip
        assert block.sites.record[row] == number
        assert block.sites.n_alleles[row] == 1 + len(record.alts)
        for place, name in enumerate(samples):
            call = record.calls[vcf.samples.index(name)] if record.calls else Call(None, False, {})
            assert copies_of(block, row, place) == (call.alleles or (None,))
            assert block.phased is not None
            assert block.phased[row, place] == call.phased
            if field is not None:
                np.testing.assert_equal(values_of(block, row, place), expected_values(call, field))


def has_field(vcf: Vcf, name: str) -> bool:
    return not vcf.records or not vcf.samples or any(name in record.format for record in vcf.records)


def assert_same(blocks: list[GenotypeBlock], others: list[GenotypeBlock]) -> None:
    """Equal bit by bit, however the records fall into blocks."""
    pairs = list(zip(rows(blocks), rows(others), strict=True))
    for (block, row), (other, other_row) in pairs:
        assert site_of(block, row) == site_of(other, other_row)
        assert block.sites.record[row] == other.sites.record[other_row]
        for sample in range(len(block.samples)):
            if block.alleles is not None:
                assert copies_of(block, row, sample) == copies_of(other, other_row, sample)
            if block.likelihoods is not None:
                np.testing.assert_equal(values_of(block, row, sample), values_of(other, other_row, sample))


@settings(max_examples=50)
@given(vcf=vcfs(), field=st.sampled_from([None, *LIKELIHOOD_FIELDS]), data=st.data())
def test_generated_files_in_every_packing(vcf: Vcf, field: str | None, data: st.DataObject) -> None:
    fields = [name for name in ("GT", field) if name]
    chosen = data.draw(st.one_of(st.none(), st.permutations(vcf.samples)))
    samples = vcf.samples if chosen is None else tuple(chosen[: data.draw(st.integers(0, len(chosen)))])
    absent = [name for name in fields if samples and not has_field(vcf, name)]
    wishes: dict[str, Any] = {"fields": fields, "samples": None if chosen is None else list(samples)}
    with tempfile.TemporaryDirectory() as folder:
        plain, zipped, blocked = (Path(folder) / name for name in ("plain", "zipped", "blocked"))
        plain.write_bytes(vcf.text)
        zipped.write_bytes(gzip.compress(vcf.text))
        bgzip(blocked, vcf.text)
        if absent:
            with pytest.raises(InputError, match=f"FORMAT/({'|'.join(absent)}) is in none of the records"):
                read(plain, **wishes)
            return
        blocks, counts = read(plain, **wishes)
        assert_holds(blocks, vcf, field, samples)
        assert counts["read"] == counts["kept"] == len(vcf.records)
        for other in (
            read(zipped, **wishes)[0],
            read(blocked, **wishes, threads=2)[0],
            read(blocked, **wishes, block_bytes=1)[0],
        ):
            assert_same(other, blocks)


@given(malformed=malformed_vcfs(
    ("pl_count", "pl_not_number", "pl_negative", "allele_beyond_alt", "gt_not_number", "position_not_number",
     "too_few_columns", "too_many_columns")
))  # fmt: skip
def test_malformed_records_are_named(malformed: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bad.vcf"
        path.write_bytes(malformed.text)
        with pytest.raises(InputError) as raised:
            read(path, fields=("GT", "PL"))
    message = str(raised.value)
    assert message.startswith(f"{path}: record {malformed.record} (")
    if malformed.sample:
        assert f", sample {malformed.sample}: FORMAT/{malformed.field} " in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("1 7 . A C . . . GT 0/0", "record 2 (1:7): 10 columns, 11 expected"),
        ("1 7 . A C . . . GT 0 0/0 0", "record 2 (1:7): 12 columns, 11 expected"),
        ("1 7 . A", "record 2 (1:7): 4 columns, 11 expected"),
        ("1 7x . A C . . . GT 0/0 0/0", "record 2 (1:7x): POS is '7x', a whole number expected"),
        ("1 -7 . A C . . . GT 0/0 0/0", "record 2 (1:-7): POS is '-7'"),
        ("1 7 . A C,,G . . . GT 0/0 0/0", "record 2 (1:7): ALT is 'C,,G', with an empty allele"),
        ("1 7 . A  . . . GT 0/0 0/0", "record 2 (1:7): the column ALT is empty"),
        ("#CHROM", "record 2 (#CHROM): the header line '#CHROM' among the records; join files with bcftools concat"),
        ("1 7 . A C . . . GT 0/0 0/2", "record 2 (1:7), sample Ben: FORMAT/GT is '0/2', but the record has 2 alleles"),
        ("1 7 . A C . . . GT 0/0 0/", "record 2 (1:7), sample Ben: FORMAT/GT is '0/', allele numbers separated by"),
        ("1 7 . A C . . . GT:PL 0/0 0/0:0,1,2,3", "sample Ben: FORMAT/PL has 4 values, 3 expected"),
        ("1 7 . A C . . . GT:PL 0/0 .:0", "sample Ben: FORMAT/PL has 1 value, 2 or 3 expected"),
        ("1 7 . A C . . . GT:PL 0/0 0:0,1,2", "sample Ben: FORMAT/PL has 3 values, 2 expected"),
        ("1 7 . A C,G . . . GT:PL 0/0 0/1:0,1,2", "sample Ben: FORMAT/PL has 3 values, 6 expected"),
        ("1 7 . A C . . . GT:PL 0/0 0/1:0,-4,2", "sample Ben: FORMAT/PL has the negative value '-4'"),
        ("1 7 . A C . . . GT:PL 0/0 0/1:0,4000000000,2", "has the value '4000000000', larger than 2147483647"),
        ("1 7 . A C . . . GT:PL 0/0 0/1:0,x,2", "FORMAT/PL has the value 'x', a whole number or . expected"),
    ],
)  # fmt: skip
def test_messages_for_malformed_records(folder: Path, record: str, message: str) -> None:
    text = vcf_text("1 5 . A C . . . GT:PL 0/0:1,2,3 0/1:.", record)
    with pytest.raises(InputError) as raised:
        read_text(folder, text, fields=("GT", "PL"))
    assert message in str(raised.value)
    assert str(raised.value).startswith(f"{folder / 'file.vcf'}: record 2 (")


@pytest.mark.parametrize("value", ["x", "inf", "nan", "1e39", "-1e400", "1_0", ""])
def test_decimals_that_are_not_finite_numbers(folder: Path, value: str) -> None:
    text = vcf_text("1 5 . A C . . . GL -1,-2,-3 -1,-0.5,0", f"1 6 . A C . . . GL -1,-2,-3 -1,{value},0")
    with pytest.raises(InputError) as raised:
        read_text(folder, text, fields=("GL",))
    expected = f"record 2 (1:6), sample Ben: FORMAT/GL has the value {value!r}, which is not a finite number"
    assert expected in str(raised.value)


def test_decimals_of_many_digits_and_minus_infinity(folder: Path) -> None:
    values = ["-0.12345678901234567890123", "-1e-42", "-inf"]
    text = vcf_text(*[f"1 {n} . A C . . . GL {','.join(values)} ." for n in range(1, 400)])
    blocks = read_text(folder, text, fields=("GL",))
    expected = [float(np.float32(value)) for value in values]
    assert all(values_of(block, row, 0) == expected for block, row in rows(blocks))
    assert all(values_of(block, row, 1) == [] for block, row in rows(blocks))


def test_ploidies_phases_and_dropped_fields(folder: Path) -> None:
    text = vcf_text(
        "1 1 . A C,G . . . GT:PL:DP 0|1 .",
        "1 2 . A C . . . GT 1 0/0/1",
        "1 3 . A C . . . DP:GT 7:./1 7",
        "1 4 . A C . . . GT /0/1 |1|0",
        "1 5 . A . . . . GT:PL 0/0:7 .:.",
    )
    (block,) = read_text(folder, text, fields=("GT", "PL"))
    copies = [[copies_of(block, row, sample) for sample in (0, 1)] for row in range(5)]
    assert copies == [
        [(0, 1), (None,)], [(1,), (0, 0, 1)], [(None, 1), (None,)], [(0, 1), (1, 0)], [(0, 0), (None,)]
    ]  # fmt: skip
    assert block.alleles is not None
    assert (block.alleles.shape, block.alleles.dtype) == ((5, 2, 3), np.int8)
    assert block.phased is not None
    assert block.phased.tolist() == [[True, False], [False] * 2, [False] * 2, [False, True], [False] * 2]
    assert values_of(block, 4, 0) == [7]


def test_the_last_axis_is_the_largest_ploidy(folder: Path) -> None:
    haploid = vcf_text("1 1 . A C . . . GT 0 1", "1 2 . A C . . . GT . 1")
    (block,) = read_text(folder, haploid)
    assert block.alleles is not None
    assert block.alleles.tolist() == [[[0], [1]], [[-1], [1]]]
    mixed = vcf_text("1 1 . A C . . . GT 0/1/1/1/0 1", "1 2 . A C . . . GT 0/1 1/1", "1 3 . A C . . . GT 0 1")
    assert [block.alleles.shape[2] for block in read_text(folder, mixed) if block.alleles is not None] == [5]
    apart = read_text(folder, mixed, block_bytes=1)
    assert [block.alleles.shape[2] for block in apart if block.alleles is not None] == [5, 2, 1]


@pytest.mark.parametrize(("n_alts", "dtype"), [(125, np.int8), (126, np.int16), (300, np.int16)])
def test_many_alleles(folder: Path, n_alts: int, dtype: type) -> None:
    alts = ",".join("A" * size for size in range(2, n_alts + 2))
    text = vcf_text("1 1 . A C . . . GT 0/1 1|1", f"1 2 . A {alts} . . . GT {n_alts}/0 ./{n_alts - 1}")
    (block,) = read_text(folder, text)
    assert block.alleles is not None
    assert block.alleles.dtype == dtype
    assert block.alleles.tolist() == [[[0, 1], [1, 1]], [[n_alts, 0], [-1, n_alts - 1]]]


def test_wide_records_get_blocks_of_their_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "MAX_CELLS", 2 * 60)
    alts = ",".join("A" * size for size in range(2, 10))  # 9 alleles: 45 genotypes
    narrow = [f"1 {n} . A C . . . GT:PL 0/0:0,1,2 ." for n in range(1, 21)]
    wide = f"1 21 . A {alts} . . . GT:PL 0/0:{','.join(['3'] * 45)} ."
    polyploid = "1 22 . A C . . . GT:PL " + " ".join(["/".join("0" * 60) + ":" + ",".join(["4"] * 61)] * 2)
    text = vcf_text(*narrow, wide, polyploid, *[line.replace("1 ", "2 ", 1) for line in narrow])
    blocks = read_text(folder, text, fields=("GT", "PL"))
    assert [len(values_of(block, row, 0)) for block, row in rows(blocks)] == [3] * 20 + [45, 61] + [3] * 20
    assert all(len(block) == 1 or block.likelihoods.size <= 120 for block in blocks if block.likelihoods is not None)
    assert len(blocks) < 20


def test_lines_longer_than_a_block_and_no_last_newline(folder: Path) -> None:
    info = "AA=" + "A" * 300_000
    text = vcf_text(f"1 1 . A C . . {info} GT 0/1 1/1", "1 2 . A C . . . GT 0/0 0/1").rstrip(b"\n")
    for block_bytes in (1, 1000, 1 << 20):
        blocks = read_text(folder, text, block_bytes=block_bytes)
        assert [site_of(block, row)[-1] for block, row in rows(blocks)] == [info, "."]
        assert [copies_of(block, row, 1) for block, row in rows(blocks)] == [(1, 1), (0, 1)]


def test_crlf_blank_lines_and_no_contig_lines(folder: Path) -> None:
    header = '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    text = vcf_text("x 1 . A C . . . GT 0/1 1|1", "y 1 . A C . . . GT 0/1 0", "x 2 . A C . . . GT . 1", header=header)
    (block,) = read_text(folder, text.replace(b"\n", b"\r\n") + b"\r\n\n")
    assert [block.sites.chrom(row) for row in range(3)] == ["x", "y", "x"]
    assert copies_of(block, 0, 1) == (1, 1)
    assert copies_of(block, 1, 1) == (0,)


def test_no_samples(folder: Path) -> None:
    sites_only = vcf_text("1 5 . A C . . .", samples="")
    (block,) = read_text(folder, sites_only)
    assert block.samples == ()
    assert block.alleles is not None
    assert block.alleles.shape[:2] == (1, 0)
    (block,) = read_text(folder, vcf_text("1 5 . A C . . . GT 0/0 0/1"), samples=[])
    assert block.samples == ()


def test_sites_only(folder: Path) -> None:
    (block,) = read_text(folder, vcf_text("1 5 rs7 A C . . . GT nonsense"), fields=())
    assert (block.alleles, block.phased, block.likelihoods) == (None, None, None)
    assert block.sites.field(0, SPAN_ID) == "rs7"


def test_blocks_stay_valid(folder: Path) -> None:
    records = [f"1 {n} . A C . . . GT {n % 2}/0 1|1" for n in range(1, 500)]
    blocks = read_text(folder, vcf_text(*records), block_bytes=1000)
    assert len(blocks) > 5
    assert [int(block.sites.position[row]) for block, row in rows(blocks)] == list(range(1, 500))
    assert [copies_of(block, row, 0)[0] for block, row in rows(blocks)] == [n % 2 for n in range(1, 500)]


def test_lines_on_request(folder: Path) -> None:
    records = [f"1 {n} . A C . . AA={'C' * n} GT 0/0 1|1" for n in range(1, 100)]
    path = folder / "file.vcf"
    for end in (b"\n", b"\r\n"):
        path.write_bytes(vcf_text(*records).replace(b"\n", end))
        blocks, _ = read(path, keep_lines=True, block_bytes=1000, samples=["Ben"], regions=None)
        lines = [line for block in blocks for line in block.lines or ()]
        assert lines == [record.replace(" ", "\t").encode() for record in records]
    assert all(block.lines is None for block in read(path)[0])


def test_progress(data: Path) -> None:
    path = data / "population.vcf.gz"
    with open_variants(path) as reader:
        assert reader.total_bytes == path.stat().st_size
        assert 0 < reader.bytes_read <= path.stat().st_size
        list(reader)
        assert reader.bytes_read == path.stat().st_size
    with open_variants(path, regions=["22"]) as reader:
        assert reader.total_bytes is None


def test_header_and_counts(folder: Path) -> None:
    text = vcf_text(
        "1 5 a A C . PASS . GT 0/0 0/1", "1 6 b A C . q10 . GT 0/0 0/1", "1 7 c A AT . PASS . PL 0,1,2 0,1,2"
    )
    path = folder / "file.vcf"
    path.write_bytes(text)
    with open_variants(path, filters=["PASS"], samples=["Ben"]) as reader:
        assert reader.header.samples == ("Ann", "Ben")
        assert reader.samples == ("Ben",)
        assert reader.header.contigs == ("1", "2")
        assert sum(len(block) for block in reader) == 2
        assert reader.counts == {"read": 3, "kept": 2, "filtered": 1, "without_GT": 1}
    assert read(path, snps_only=True)[1]["not_snp"] == 1
    assert [site_of(block, row)[3] for block, row in rows(read(path, ids={"c", "a"})[0])] == ["a", "c"]


def test_fields_that_are_not_there(folder: Path) -> None:
    only_gt = vcf_text("1 5 . A C . . . GT:DP 0/0 0/1", "1 6 . A C . . . GT 0/0 0/1")
    with pytest.raises(InputError, match="FORMAT/PL is in none of the records; the first record has GT, DP"):
        read_text(folder, only_gt, fields=("GT", "PL"))
    undeclared = only_gt.replace(b"ID=PL", b"ID=XX")
    message = "FORMAT/PL is not declared, and the first record lacks it; the first record has GT, DP"
    with pytest.raises(InputError, match=message):
        read_text(folder, undeclared, fields=("PL",))
    in_one = only_gt + b"1\t7\t.\tA\tC\t.\t.\t.\tGT:PL\t0/0:0,1,2\t0/0\n"
    (block,) = read_text(folder, in_one, fields=("PL",))
    assert block.n_likelihoods is not None
    assert block.n_likelihoods.tolist() == [[0, 0], [0, 0], [3, 0]]


def test_text_that_is_not_utf8(folder: Path) -> None:
    fine = vcf_text("1 5 é A C . . . GT 0/0 0/1")
    (block,) = read_text(folder, fine)
    assert block.sites.field(0, SPAN_ID) == "é"
    for record in (b"1\t6\t\xff\tA\tC\t.\t.\t.\tGT\t0/0\t0/1\n", b"\xe9\t6\t.\tA\tC\t.\t.\t.\tGT\t0/0\t0/1\n"):
        with pytest.raises(InputError, match=r"file\.vcf: record 2 \(.*:6\): the record is not UTF-8 text"):
            read_text(folder, fine + record)


def test_wishes_that_make_no_sense(folder: Path) -> None:
    text = vcf_text("1 5 . A C . . . GT 0/0 0/1")
    with pytest.raises(UsageError, match="field 'DP' is not one of GT, PL, GL, GP"):
        read_text(folder, text, fields=("GT", "DP"))
    with pytest.raises(UsageError, match="one likelihood field at a time, not PL and GL"):
        read_text(folder, text, fields=("PL", "GL"))
    with pytest.raises(UsageError, match="blocks of 0 bytes"):
        read_text(folder, text, block_bytes=0)
    with pytest.raises(UsageError, match="regions overlap 'all' is not one of pos, record, variant"):
        read_text(folder, text, regions_overlap="all")
    with pytest.raises(UsageError, match="sample 'ann' is not in the file; did you mean 'Ann'"):
        read_text(folder, text, samples=["ann"])


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is empty"),
        (b">chr1\nACGT\n", "starts with b'>chr1.nACGT.n': not a VCF or BCF file"),
        (b"##fileformat=VCFv4.2\n", "no #CHROM line; is it a VCF or BCF file"),
        (b"##fileformat=VCFv4.2\n1\t5\t.\tA\n", "line 2: no #CHROM line before the first record"),
        (b"##fileformat=VCFv4.2\n" * 9000, "no #CHROM line"),
        (b"#CHROM POS ID\n", "no #CHROM line"),
        (b"BCF\x02\x02\xff\xff\0\0##file", "the header is cut short"),
        (b"##x=\xff\n#CHROM\tPOS\n", "byte 4: the header is not UTF-8 text"),
    ],
)
def test_files_that_are_no_vcf(folder: Path, content: bytes, found: str, pack: Any) -> None:
    with pytest.raises(InputError, match=found):
        read_text(folder, pack(content))


def test_header_only(folder: Path) -> None:
    text = vcf_text()
    assert read_text(folder, text) == []
    assert read_text(folder, text.rstrip(b"\n"), fields=("GT", "PL")) == []


def test_a_header_longer_than_the_first_look(folder: Path) -> None:
    header = HEADER + "".join(f"##note={n}\n" for n in range(60_000))
    (block,) = read_text(folder, vcf_text("1 5 . A C . . . GT 0/0 0/1", header=header))
    assert len(block) == 1


def test_standard_input(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    expected, _ = read(data / "population.vcf.gz")
    content = (data / "population.vcf.gz").read_bytes()
    for packed in (content, gzip.decompress(content)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed)))
        assert_same(read("-")[0], expected)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    with pytest.raises(InputError, match="regions need an indexed BGZF file, not standard input"):
        read("-", regions=["22"])


def test_bad_files_of_the_bundle(data: Path) -> None:
    with pytest.raises(InputError, match=r"bad_truncated\.vcf\.gz: byte 23179: the BGZF end-of-file marker is missing"):
        read(data / "bad_truncated.vcf.gz")
    message = r"bad_pl\.vcf\.gz: record 3 \(2:10596\), sample HG00116: FORMAT/PL has 2 values, 3 expected"
    with pytest.raises(InputError, match=message):
        read(data / "bad_pl.vcf.gz", fields=("PL",))
    assert sum(len(block) for block in read(data / "bad_pl.vcf.gz")[0]) == 12


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two contigs of 30,000 records each, 30 bases apart; every tenth a deletion of up to 400 bases."""
    rng = np.random.default_rng(5)
    records = []
    for contig in ("1", "2"):
        for n in range(1, 30_001):
            ref = "A" * (1 + (rng.integers(400) if n % 10 == 0 else 0))
            call = "0/1" if rng.integers(2) else "1|1"
            records.append(f"{contig} {30 * n} v{n} {ref} {'A' if len(ref) > 1 else 'C'} . . . GT {call} 0/0")
    folder = tmp_path_factory.mktemp("indexed")
    path = bgzip(folder / "two.vcf.gz", vcf_text(*records))
    pysam.tabix_index(str(path), preset="vcf")
    return path


region_lists = st.lists(
    st.tuples(st.sampled_from(["1", "2"]), st.integers(1, 901_000), st.integers(0, 40_000)), min_size=1, max_size=4
)


@settings(max_examples=30)
@given(chosen=region_lists)
def test_regions_equal_pysam(indexed: Path, chosen: list[tuple[str, int, int]]) -> None:
    wanted = [f"{contig}:{start}-{start + size}" for contig, start, size in chosen]
    with pysam.VariantFile(str(indexed)) as variants_file:
        found = {(r.chrom, r.pos, r.id) for region in wanted for r in variants_file.fetch(region=region)}
    blocks, counts = read(indexed, regions=wanted)
    keys = [site_of(block, row)[:2] + site_of(block, row)[3:4] for block, row in rows(blocks)]
    assert keys == sorted(found)
    assert counts["kept"] == len(found)
    at_position, _ = read(indexed, regions=wanted, regions_overlap="pos", threads=2)
    inside = [key for key in keys if any(key[0] == c and s <= int(str(key[1])) <= s + size for c, s, size in chosen)]
    assert [site_of(block, row)[:2] for block, row in rows(at_position)] == [key[:2] for key in inside]


def test_a_region_reads_its_blocks_only(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_inflated = 0
    inflate = bgzf._inflate_block

    def counted(block: memoryview) -> bytes | bytearray:
        nonlocal n_inflated
        n_inflated += 1
        return inflate(block)

    monkeypatch.setattr(bgzf, "_inflate_block", counted)
    read(indexed)
    assert n_inflated > 35
    n_inflated = 0
    blocks, _ = read(indexed, regions=["1:450000-450100"])
    assert [int(block.sites.position[row]) for block, row in rows(blocks)][-4:] == [450000, 450030, 450060, 450090]
    assert n_inflated <= 5


def test_regions_of_a_bcf_equal_those_of_the_text(indexed: Path, folder: Path) -> None:
    path = folder / "two.bcf"
    with pysam.VariantFile(str(indexed)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as sink:
        for record in source:
            sink.write(record)
    pysam.tabix_index(str(path), preset="bcf")
    wanted = ["2:90000-91000", "1:500000-520000", "1:510000-530000"]
    for overlap in ("pos", "record", "variant"):
        wishes: dict[str, Any] = {"regions": wanted, "regions_overlap": overlap}
        from_text, from_bcf = read(indexed, **wishes)[0], read(path, **wishes)[0]
        assert [site_of(b, r)[:6] for b, r in rows(from_text)] == [site_of(b, r)[:6] for b, r in rows(from_bcf)]
        assert [copies_of(b, r, 0) for b, r in rows(from_text)] == [copies_of(b, r, 0) for b, r in rows(from_bcf)]


def test_regions_that_cannot_be_read(indexed: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match="region chr1: no contig 'chr1' in the file; it has 1, 2"):
        read(indexed, regions=["chr1"])
    alone = folder / "alone.vcf.gz"
    shutil.copy(indexed, alone)
    with pytest.raises(InputError, match=r"alone\.vcf\.gz: regions need an index; run bcftools index"):
        read(alone, regions=["1"])
    for pack in (bytes, gzip.compress):
        alone.write_bytes(pack(vcf_text("1 5 . A C . . . GT 0/0 0/1")))
        with pytest.raises(InputError, match=r"regions need an indexed BGZF file, not a (plain|gzip) file"):
            read(alone, regions=["1"])


def test_an_unsorted_file_with_regions(folder: Path) -> None:
    records = [f"1 {n} . A C . . . GT 0/0 0/1" for n in (5, 9, 7)]
    path = bgzip(folder / "file.vcf.gz", vcf_text(*sorted(records)))
    pysam.tabix_index(str(path), preset="vcf")
    bgzip(path, vcf_text(*records))
    Path(f"{path}.tbi").touch()
    with pytest.raises(InputError, match=r"1:7 follows 1:9: the file is not sorted"):
        read(path, regions=["1:1-100"])


def test_a_contig_of_the_header_without_records(folder: Path) -> None:
    path = bgzip(folder / "file.vcf.gz", vcf_text("1 5 . A C . . . GT 0/0 0/1"))
    pysam.tabix_index(str(path), preset="vcf")
    assert read(path, regions=["2"])[0] == []
