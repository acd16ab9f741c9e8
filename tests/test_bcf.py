"""BCF decoding: against the specification read value by value, against pysam, and against what was generated."""

from __future__ import annotations

import gzip
import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genem.data import (
    ABSENT_ALLELE,
    MISSING_ALLELE,
    MISSING_PHRED,
    SPAN_ALT,
    SPAN_FILTER,
    SPAN_ID,
    SPAN_INFO,
    SPAN_REF,
    GenotypeBlock,
    LikelihoodField,
)
from genem.errors import InputError
from genem.io import bcf_site_kernels, genotype_count_kernels
from genem.io.bcf import BcfDecoder
from genem.io.bcf_header import bcf_contigs, read_dictionaries, split_header
from genem.io.header import parse_header
from genem.io.regions import Region
from genem.io.selection import RecordSelection, RegionSet
from genem.io.variants import open_variants
from genem.io.vcf_text import VcfTextDecoder
from tests.reference import bcf as reference
from tests.strategies import MalformedVcf, Vcf, malformed_vcfs, vcfs

FILTER_LINE = '##FILTER=<ID=q10,Description="low, or IDX=7">'
HEADER = "\n".join(
    [
        "##fileformat=VCFv4.3",
        "##contig=<ID=1>",
        "##contig=<ID=22>",
        FILTER_LINE,
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred">',
        '##FORMAT=<ID=GL,Number=G,Type=Float,Description="Log10">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
)
GT, PL, GL = 2, 3, 4
MISSING_FLOAT, END_FLOAT = reference.MISSING[reference.FLOAT], reference.END[reference.FLOAT]


def header_text(n_samples: int) -> str:
    return HEADER + "".join(f"\t{name}" for name in (["FORMAT"] if n_samples else []) + sample_names(n_samples)) + "\n"


def sample_names(n: int) -> list[str]:
    return [f"S{number}" for number in range(n)]


def decoder(text: str, field: LikelihoodField | None = None, samples: tuple[str, ...] | None = None, **options: Any):
    header = parse_header(text, "x.bcf")
    given_options = {
        "with_gt": True,
        "likelihood_field": field,
        "selection": RecordSelection("x.bcf"),
        "path": "x.bcf",
        "max_cells": 1 << 24,
        **options,
    }
    return BcfDecoder(header, header.samples if samples is None else samples, **given_options)


def decoded(data: bytes, text: str, field: LikelihoodField | None = None, **options: Any) -> list[GenotypeBlock]:
    blocks, n_bytes = decoder(text, field, **options).decode(data)
    assert n_bytes == len(data)
    return list(blocks)


def only_block(record: reference.Record, field: LikelihoodField | None = None) -> GenotypeBlock:
    (block,) = decoded(reference.encode_record(record), header_text(record.n_samples), field)
    return block


def refusal(data: bytes, n_samples: int, field: LikelihoodField | None = None) -> str:
    blocks, _ = decoder(header_text(n_samples), field).decode(data)
    with pytest.raises(InputError) as caught:
        list(blocks)
    return str(caught.value)


def one_sample(*fields: tuple[int, int, list[int]], **attributes: Any) -> reference.Record:
    listed = [reference.Field(key, kind, [values]) for key, kind, values in fields]
    return reference.Record(fields=listed, n_samples=1, **attributes)


def call_of(block: GenotypeBlock, row: int, sample: int) -> tuple[tuple[int | None, ...], bool]:
    assert block.alleles is not None
    assert block.phased is not None
    copies = [int(copy) for copy in block.alleles[row, sample] if copy != ABSENT_ALLELE]
    assert all(copy == ABSENT_ALLELE for copy in block.alleles[row, sample, len(copies) :])
    return tuple(None if copy == MISSING_ALLELE else copy for copy in copies), bool(block.phased[row, sample])


def likelihoods_of(block: GenotypeBlock, row: int, sample: int) -> list[float | None]:
    assert block.likelihoods is not None
    assert block.n_likelihoods is not None
    n_values = int(block.n_likelihoods[row, sample])
    cells = [float(cell) for cell in block.likelihoods[row, sample]]
    missing = [cell == MISSING_PHRED if block.likelihood_field == "PL" else math.isnan(cell) for cell in cells]
    values = [None if is_missing else cell for cell, is_missing in zip(cells, missing, strict=True)]
    assert all(value is None for value in values[n_values:])
    return values[:n_values]


def through_pysam(vcf: bytes, check: Callable[[bytes, str, pysam.VariantFile], None]) -> None:
    """Let htslib turn VCF text into BCF, and hand over the records, the header, and the file opened by pysam."""
    with tempfile.TemporaryDirectory() as folder:
        text_path, path = Path(folder, "x.vcf"), Path(folder, "x.bcf")
        text_path.write_bytes(vcf)
        with (
            pysam.VariantFile(str(text_path)) as source,
            pysam.VariantFile(str(path), "wb", header=source.header) as out,
        ):
            for record in source:
                out.write(record)
        data = gzip.decompress(path.read_bytes())
        split = split_header(data)
        assert split is not None
        with pysam.VariantFile(str(path)) as file:
            check(data[split[1] :], split[0], file)


def reference_records(data: bytes) -> list[reference.Record]:
    records, at = [], 0
    while at < len(data):
        record, at = reference.decode_record(data, at)
        records.append(record)
    return records


# What was generated comes back


def as_float32(values: tuple[float | None, ...] | None) -> list[float | None]:
    return [] if values is None else [None if value is None else float(np.float32(value)) for value in values]


def check_against_generated(block: GenotypeBlock, row: int, vcf: Vcf, record: int) -> None:
    expected = vcf.records[record]
    sites = block.sites
    assert sites.record[row] == record + 1
    assert (sites.chrom(row), int(sites.position[row])) == (expected.contig, expected.position)
    assert sites.field(row, SPAN_ID) == expected.id
    assert sites.field(row, SPAN_REF) == expected.ref
    assert sites.alts(row) == expected.alts
    assert int(sites.n_alleles[row]) == 1 + len(expected.alts)
    assert sites.field(row, SPAN_FILTER) == expected.filter
    for sample, name in enumerate(block.samples):
        call = expected.calls[vcf.samples.index(name)]
        assert call_of(block, row, sample) == ((None,) if call.alleles is None else call.alleles, call.phased)
        if block.likelihood_field is not None:
            values = as_float32(call.likelihoods.get(block.likelihood_field))
            assert likelihoods_of(block, row, sample) == values


@given(
    vcf=vcfs(contig_lines=True),
    field=st.sampled_from(["PL", "GL", "GP", None]),
    subset=st.randoms(use_true_random=False),
    max_cells=st.sampled_from([1, 20, 1 << 20]),
)
def test_generated_files_come_back(vcf: Vcf, field: LikelihoodField | None, subset: Any, max_cells: int) -> None:
    samples = tuple(subset.sample(vcf.samples, subset.randint(0, len(vcf.samples))))

    def check(data: bytes, text: str, _: pysam.VariantFile) -> None:
        row = 0
        for block in decoded(data, text, field, samples=samples, max_cells=max_cells):
            assert block.samples == samples
            for within in range(len(block)):
                check_against_generated(block, within, vcf, row)
                row += 1
        assert row == len(vcf.records)

    through_pysam(vcf.text, check)


@given(vcf=vcfs(contig_lines=True, min_samples=1), field=st.sampled_from(["PL", "GL", "GP"]))
def test_equal_to_pysam_and_to_the_specification(vcf: Vcf, field: LikelihoodField) -> None:
    def check(data: bytes, text: str, file: pysam.VariantFile) -> None:
        strings = read_dictionaries(text).strings
        expected, listed = reference_records(data), list(file)
        row = 0
        for block in decoded(data, text, field):
            for within in range(len(block)):
                fields = {strings[f.key]: f for f in expected[row].fields}
                for sample in range(len(vcf.samples)):
                    check_sample(block, within, sample, fields, listed[row].samples[sample], field)
                row += 1

    through_pysam(vcf.text, check)


def check_sample(
    block: GenotypeBlock, row: int, sample: int, fields: dict[str, reference.Field], peer: Any, field: str
) -> None:
    alleles, phased = call_of(block, row, sample)
    if "GT" in fields:
        assert (alleles, phased) == reference.call(fields["GT"].samples[sample], fields["GT"].kind)
        assert alleles == peer.allele_indices
        if len(alleles) > 1:
            assert phased == peer.phased
    if field in fields:
        values = likelihoods_of(block, row, sample)
        assert values == reference.likelihoods(fields[field].samples[sample], fields[field].kind)
        assert (tuple(values) or (None,)) == peer[field]


@given(vcf=vcfs(contig_lines=True, min_records=1, crlf=False), field=st.sampled_from(["PL", "GL", "GP"]))
def test_equal_to_the_text(vcf: Vcf, field: LikelihoodField) -> None:
    def check(data: bytes, text: str, _: pysam.VariantFile) -> None:
        (block,) = decoded(data, text, field)
        columns_end = vcf.text.index(b"\n", vcf.text.index(b"#CHROM")) + 1
        options: dict[str, Any] = {"selection": RecordSelection("x.vcf"), "path": "x.vcf", "max_cells": 1 << 24}
        header = parse_header(vcf.text[:columns_end].decode(), "x.vcf")
        reader = VcfTextDecoder(header, header.samples, with_gt=True, likelihood_field=field, **options)
        blocks, _ = reader.decode(vcf.text[columns_end:])
        (expected,) = blocks
        for name in ("alleles", "phased", "likelihoods", "n_likelihoods"):
            np.testing.assert_array_equal(getattr(block, name), getattr(expected, name), strict=True)

    through_pysam(vcf.text, check)


@given(malformed=malformed_vcfs(("pl_count", "pl_negative", "allele_beyond_alt")))
def test_malformed_records_are_named(malformed: MalformedVcf) -> None:
    def check(data: bytes, text: str, _: pysam.VariantFile) -> None:
        blocks, _ = decoder(text, "PL").decode(data)
        with pytest.raises(InputError) as caught:
            list(blocks)
        assert f"record {malformed.record} (" in str(caught.value)
        assert f"), sample {malformed.sample}: FORMAT/{malformed.field} has " in str(caught.value)

    through_pysam(malformed.text, check)


@given(vcf=vcfs(contig_lines=True, min_records=1), cuts=st.lists(st.integers(0, 5000), max_size=6))
def test_chunks_may_end_anywhere(vcf: Vcf, cuts: list[int]) -> None:
    def check(data: bytes, text: str, _: pysam.VariantFile) -> None:
        reader = decoder(text)
        rest, row = b"", 0
        for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
            chunk = rest + data[start:stop]
            blocks, n_bytes = reader.decode(chunk)
            for block in blocks:
                for within in range(len(block)):
                    check_against_generated(block, within, vcf, row)
                    row += 1
            rest = chunk[n_bytes:]
        assert row == len(vcf.records)
        assert rest == b""

    through_pysam(vcf.text, check)


def test_records_outside_the_selection_are_not_looked_at() -> None:
    good = one_sample((GT, reference.INT8, [2, 4]), position0=4, alleles=(b"ACG", b"A"))
    bad = one_sample((GT, reference.INT8, [2, 40]), position0=9)
    data = reference.encode_record(good) + reference.encode_record(bad)
    selection = RecordSelection("x.bcf", regions=RegionSet.of([Region("1", 6, 8)]))
    (block,) = decoded(data, header_text(1), selection=selection)
    assert [int(position) for position in block.sites.position] == [5]
    assert selection.counts["outside_regions"] == 1


# Single records, made by hand


def test_sites_as_text() -> None:
    record = reference.Record(contig=1, id=b"rs1;x", alleles=(b"AC", b"<DEL>", b"*"), filters=(0, 1), rlen=900)
    block = only_block(record)
    sites = block.sites
    assert sites.chrom(0) == "22"
    assert sites.field(0, SPAN_ID) == "rs1;x"
    assert sites.alts(0) == ("<DEL>", "*")
    assert sites.field(0, SPAN_FILTER) == "PASS;q10"
    assert sites.field(0, SPAN_INFO) == "END=999"


def test_sites_with_nothing_in_them() -> None:
    sites = only_block(reference.Record(alleles=(b"A",), filters=())).sites
    assert [sites.field(0, span) for span in (SPAN_ID, SPAN_FILTER, SPAN_INFO)] == [".", ".", "."]
    assert sites.alts(0) == ()


def test_padding_of_strings_is_cut() -> None:
    block = only_block(reference.Record(id=b"rs1\0\0", alleles=(b"A", b"CC\0")))
    assert block.sites.field(0, SPAN_ID) == "rs1"
    assert block.sites.alts(0) == ("CC",)


@pytest.mark.kernel
@pytest.mark.parametrize("kind", [reference.INT8, reference.INT16, reference.INT32])
@pytest.mark.parametrize(
    ("codes", "alleles", "phased"),
    [
        ([2, 4], (0, 1), False),
        ([2, 5], (0, 1), True),
        ([3, 5], (0, 1), True),
        ([3, 4], (0, 1), False),
        ([0, 0], (None, None), False),
        ([1, 1], (None, None), True),
        ([2, 0], (0, None), False),
        ([4], (1,), False),
        ([5], (1,), False),
        ([4, 5, 3], (1, 1, 0), True),
        ([4, 5, 2], (1, 1, 0), False),
        ([4, "end"], (1,), False),
        ([4, 3, "end", "end"], (1, 0), True),
        (["missing", "end"], (None,), False),
        (["end", "end"], (None,), False),
        ([4, "missing"], (1, None), False),
    ],
)
def test_genotype_codes(kind: int, codes: list[Any], alleles: tuple[int | None, ...], phased: bool) -> None:
    sentinels = {"end": reference.END[kind], "missing": reference.MISSING[kind]}
    raw = [sentinels.get(code, code) for code in codes]
    assert reference.call(raw, kind) == (alleles, phased)
    assert call_of(only_block(one_sample((GT, kind, raw))), 0, 0) == (alleles, phased)


def test_many_alleles_need_wider_numbers() -> None:
    alleles = (b"A", *(b"<%d>" % number for number in range(200)))
    block = only_block(one_sample((GT, reference.INT16, [2, 2 * 200 + 2]), alleles=alleles))
    assert block.alleles is not None
    assert block.alleles.dtype == np.int16
    assert block.alleles.tolist() == [[[0, 200]]]


@pytest.mark.kernel
def test_last_axis_is_the_largest_ploidy_of_the_samples_read() -> None:
    end = reference.END[reference.INT8]
    record = reference.Record(
        fields=[reference.Field(GT, reference.INT8, [[2, 4, 2], [2, end, end]])], n_samples=2
    )  # fmt: skip
    (block,) = decoded(reference.encode_record(record), header_text(2), samples=("S1",))
    assert block.alleles is not None
    assert block.alleles.tolist() == [[[0]]]


@pytest.mark.kernel
def test_no_samples_wanted() -> None:
    record = reference.encode_record(one_sample((GT, reference.INT8, [2, 4]), (PL, reference.INT8, [0, 1, 2])))
    (block,) = decoded(record, header_text(1), "PL", samples=())
    assert block.alleles is not None
    assert block.likelihoods is not None
    assert block.alleles.shape == block.likelihoods.shape == (1, 0, 1)


@pytest.mark.kernel
@pytest.mark.parametrize("kind", [reference.INT8, reference.INT16, reference.INT32])
def test_phred_sentinels(kind: int) -> None:
    missing, end = reference.MISSING[kind], reference.END[kind]
    samples = [[0, 1, 127], [missing, end, end], [0, missing, 5], [missing, missing, missing], [0, 3, end]]
    record = reference.Record(fields=[reference.Field(PL, kind, samples)], n_samples=5)
    block = only_block(record, "PL")
    expected = [[0, 1, 127], [], [0, None, 5], [None, None, None], [0, 3]]
    assert [likelihoods_of(block, 0, sample) for sample in range(5)] == expected
    assert [reference.likelihoods(values, kind) for values in samples] == expected
    assert block.likelihoods is not None
    assert block.likelihoods.dtype == np.int32


@pytest.mark.kernel
def test_float_sentinels_and_minus_infinity() -> None:
    minus_half, minus_infinity = 0xBF000000, 0xFF800000
    samples = [[minus_half, MISSING_FLOAT, 0], [MISSING_FLOAT, END_FLOAT, END_FLOAT], [0, minus_infinity, 0]]
    block = only_block(reference.Record(fields=[reference.Field(GL, reference.FLOAT, samples)], n_samples=3), "GL")
    assert [likelihoods_of(block, 0, sample) for sample in range(3)] == [[-0.5, None, 0.0], [], [0.0, -math.inf, 0.0]]
    assert block.likelihoods is not None
    assert block.likelihoods.dtype == np.float32


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("genotype", "n_values", "fits"),
    [
        (None, 2, True),  # any ploidy
        (None, 3, True),
        (None, 4, True),
        ([0], 3, True),  # a missing GT does not tell the ploidy
        ([4], 2, True),
        ([4], 3, False),
        ([2, 4], 3, True),
        ([0, 0], 3, True),
        ([0, 0], 2, False),
        ([2, 4, 2], 4, True),
        ([2, 4, 2], 3, False),
    ],
)
def test_number_of_likelihoods(genotype: list[int] | None, n_values: int, fits: bool) -> None:
    fields = [] if genotype is None else [(GT, reference.INT8, genotype)]
    record = one_sample(*fields, (PL, reference.INT8, list(range(n_values))))
    if fits:
        assert likelihoods_of(only_block(record, "PL"), 0, 0) == list(range(n_values))
        return
    message = refusal(reference.encode_record(record), 1, "PL")
    assert message.startswith("x.bcf: record 1 (1:100), sample S0: FORMAT/PL has")
    assert "of 2 alleles" in message


@pytest.mark.kernel
@given(n_alleles=st.integers(1, 12), n_values=st.integers(1, 400))
@example(n_alleles=1, n_values=1)
@example(n_alleles=1, n_values=2)
def test_any_ploidy(n_alleles: int, n_values: int) -> None:
    counts = {math.comb(n_alleles + ploidy - 1, ploidy) for ploidy in range(1, 401)}
    assert genotype_count_kernels.count_fits(n_values, n_alleles, 0) == (n_values in counts)


@pytest.mark.kernel
@given(n_alleles=st.integers(1, 60), ploidy=st.integers(1, 12))
@example(n_alleles=60_000, ploidy=60_000)
def test_number_of_genotypes(n_alleles: int, ploidy: int) -> None:
    exact = math.comb(n_alleles + ploidy - 1, ploidy)
    counted = genotype_count_kernels.genotype_count(n_alleles, ploidy, 10**6)
    assert counted == exact or min(counted, exact) > 10**6


def test_fields_that_records_lack() -> None:
    without = reference.encode_record(reference.Record(n_samples=1))
    reader = decoder(header_text(1), "PL")
    blocks, _ = reader.decode(without)
    (block,) = blocks
    assert call_of(block, 0, 0) == ((None,), False)
    assert likelihoods_of(block, 0, 0) == []
    assert reader.counts == {"read": 1, "kept": 1, "without_GT": 1, "without_PL": 1}
    with pytest.raises(InputError, match="FORMAT/GT is in none of the records; the header declares GT, PL, GL"):
        reader.check_fields()


def test_sites_only() -> None:
    (block,) = decoded(
        reference.encode_record(one_sample((GT, reference.INT8, [2, 4]))), header_text(1), with_gt=False
    )  # fmt: skip
    assert block.alleles is None
    assert block.likelihoods is None


# Records that cannot be used


def with_field(key: int, kind: int, values: list[int]) -> bytes:
    return reference.encode_record(one_sample((key, kind, values)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (reference.encode_record(reference.Record(contig=7, n_samples=1)), "CHROM is contig number 7"),
        (reference.encode_record(reference.Record(contig=-1, n_samples=1)), "CHROM is contig number -1"),
        (reference.encode_record(reference.Record(n_samples=4)), "4 samples in the record, 1 in the header"),
        (reference.encode_record(reference.Record(alleles=(), rlen=1, n_samples=1)), "no REF allele"),
        (reference.encode_record(reference.Record(filters=(9,), n_samples=1)), "FILTER number 9 is not in the header"),
        (reference.encode_record(reference.Record(id=b"rs 1", n_samples=1)), "the record makes no sense"),
        (reference.encode_record(reference.Record(id=b"\xff", n_samples=1)), "the record makes no sense"),
        (reference.encode_record(reference.Record(rlen=-2, n_samples=1)), "the record makes no sense"),
        (reference.encode_record(reference.Record(position0=-5, n_samples=1)), "the record makes no sense"),
        (with_field(11, reference.INT8, [0]), "FORMAT number 11 is not in the header"),
        (with_field(GT, reference.FLOAT, [0, 0]), "FORMAT/GT is stored as Float, Integer expected"),
        (with_field(PL, reference.FLOAT, [0, 0, 0]), "FORMAT/PL is stored as Float, Integer expected"),
        (with_field(GT, reference.INT8, [2, 6]), "FORMAT/GT has allele 2, but the record has 2 alleles (0 to 1)"),
        (with_field(GT, reference.INT8, [2, -3]), "FORMAT/GT holds the impossible code -3"),
        (with_field(GT, reference.INT16, [2, 600]), "FORMAT/GT has allele 299, but the record has 2 alleles"),
        (with_field(PL, reference.INT8, [0, -5, 3]), "FORMAT/PL has the negative value -5"),
        (with_field(PL, reference.INT8, [0, 1, 2, 3, 4, 5, 6][:1]), "FORMAT/PL has 1 value, the number of genotypes"),
        (bytes(40), "the record makes no sense"),
    ],
)
def test_refused(content: bytes, found: str) -> None:
    message = refusal(content, 1, "PL")
    assert found in message
    assert message.startswith("x.bcf: record 1")


def test_lengths_beyond_the_buffer_are_an_incomplete_record() -> None:
    reader = decoder(header_text(0))
    blocks, n_bytes = reader.decode(b"\xff" * 8 + reference.encode_record(reference.Record()))
    assert n_bytes == 0
    assert list(blocks) == []
    assert str(reader.cut_short()).startswith("x.bcf: record 1: the record is cut short")


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("key", "kind", "values"),
    [
        (GT, reference.INT8, [4, reference.END[reference.INT8], 2]),
        (PL, reference.INT16, [4, reference.END[reference.INT16], 2]),
        (GL, reference.FLOAT, [0, END_FLOAT, 0]),
    ],
)
def test_values_after_the_end_of_a_vector(key: int, kind: int, values: list[int]) -> None:
    message = refusal(with_field(key, kind, values), 1, "GL" if key == GL else "PL")
    assert "record 1 (1:100), sample S0: the record makes no sense" in message


@pytest.mark.parametrize("bits", [0x7F800000, 0x7FC00000, 0xFFC00000])
def test_floats_that_are_no_numbers(bits: int) -> None:
    record = one_sample((GL, reference.FLOAT, [0, bits, 0]))
    assert "FORMAT/GL has a value that is not a finite number" in refusal(reference.encode_record(record), 1, "GL")


def test_good_records_before_a_bad_one_are_given_first() -> None:
    data = reference.encode_record(reference.Record()) + reference.encode_record(reference.Record(contig=9))
    blocks, _ = decoder(header_text(0)).decode(data)
    assert len(next(blocks)) == 1
    with pytest.raises(InputError, match=r"x\.bcf: record 2: CHROM is contig number 9"):
        next(blocks)


def test_lengths_inside_a_record_that_lie() -> None:
    record = one_sample((GT, reference.INT8, [2, 4]), (PL, reference.INT16, [0, 10, 20]))
    data = bytearray(reference.encode_record(record))
    for at in range(32, len(data)):
        for head in (0xF7, 0xF1, 0xF3, 0xE7, 0x4F, 0x01, 0x11):
            changed = bytes(data[:at]) + bytes([head]) + bytes(data[at + 1 :])
            try_to_decode(changed, 1, "PL")


def try_to_decode(data: bytes, n_samples: int, field: LikelihoodField | None) -> None:
    """Either a result whose arrays fit together, or an InputError; on a copy that ends where the data end."""
    reader = decoder(header_text(n_samples), field, max_cells=1 << 20)
    blocks, n_bytes = reader.decode(data)
    assert 0 <= n_bytes <= len(data)
    with suppress(InputError):
        for block in blocks:
            for row in range(len(block)):
                assert len(block.sites.alts(row)) <= block.sites.n_alleles[row]
                for sample in range(n_samples):
                    call_of(block, row, sample)


@pytest.mark.kernel
@given(data=st.data())
def test_damaged_records_never_do_harm(data: st.DataObject) -> None:
    record = reference.Record(
        fields=[
            reference.Field(GT, reference.INT8, [[2, 4], [5, 3]]),
            reference.Field(PL, reference.INT16, [[0, 300, 20], [0, reference.END[reference.INT16], 0]]),
            reference.Field(GL, reference.FLOAT, [[0, 0, 0], [MISSING_FLOAT, END_FLOAT, END_FLOAT]]),
        ],
        n_samples=2,
        id=b"rs1",
    )
    content = bytearray(reference.encode_record(record) + reference.encode_record(replace(record, id=b"y" * 20)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    size = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    try_to_decode(bytes(content[:size]), 2, data.draw(st.sampled_from(["PL", "GL", None])))


@pytest.mark.kernel
@given(st.binary(max_size=200))
def test_noise_is_refused_or_read(noise: bytes) -> None:
    try_to_decode(noise, 2, "PL")


@pytest.mark.kernel
def test_a_record_behind_every_end_of_the_buffer() -> None:
    content = reference.encode_record(one_sample((GT, reference.INT8, [2, 4])))
    for size in range(len(content)):
        n_records, n_bytes, code = bcf_site_kernels.count_records(np.frombuffer(content[:size], np.uint8))
        assert (n_records, n_bytes, code) == (0, 0, bcf_site_kernels.OK)


# Whole files


def write_bcf(path: Path, text: str, records: bytes) -> None:
    encoded = text.encode() + b"\0"
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(b"BCF\2\2" + len(encoded).to_bytes(4, "little") + encoded + records)


def test_a_file_that_ends_inside_a_record(tmp_path: Path) -> None:
    record = reference.encode_record(one_sample((GT, reference.INT8, [2, 4])))
    path = tmp_path / "x.bcf"
    for size in (5, 30, len(record) - 1):
        write_bcf(path, header_text(1), record + record[:size])
        with open_variants(path) as reader, pytest.raises(InputError) as caught:
            list(reader)
        assert str(caught.value).startswith(f"{path}: record 2: the record is cut short")


def test_a_header_of_many_blocks(tmp_path: Path) -> None:
    contigs = "".join(f"##contig=<ID=scaffold_{number},length=1000>\n" for number in range(20_000))
    path = tmp_path / "x.bcf"
    text = header_text(1).replace("##contig", contigs + "##contig", 1)
    write_bcf(path, text, reference.encode_record(one_sample((GT, reference.INT8, [2, 4]), contig=20_001)))
    with open_variants(path) as reader:
        (block,) = reader
    assert block.sites.chrom(0) == "22"


@pytest.mark.parametrize(
    ("name", "field"),
    [("population", None), ("haplotypes.phased", None), ("lowcov", "PL"), ("lowcov_gl", "GL")],
)
def test_real_data_are_equal_to_the_text(tmp_path: Path, data: Path, name: str, field: LikelihoodField | None) -> None:
    text_path, path = data / f"{name}.vcf.gz", tmp_path / "x.bcf"
    with pysam.VariantFile(str(text_path)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as out:
        for record in source:
            out.write(record)
    block, expected = only_block_of(path, field), only_block_of(text_path, field)
    for array in ("alleles", "phased", "likelihoods", "n_likelihoods"):
        np.testing.assert_array_equal(getattr(block, array), getattr(expected, array), strict=True)
    for row in range(len(expected)):
        for span in (SPAN_ID, SPAN_REF, SPAN_ALT, SPAN_FILTER):
            assert block.sites.field(row, span) == expected.sites.field(row, span)


def only_block_of(path: Path, field: LikelihoodField | None) -> GenotypeBlock:
    with open_variants(path, fields=["GT"] if field is None else ["GT", field], block_bytes=1 << 30) as reader:
        (block,) = reader
    return block


def test_a_file_without_records(tmp_path: Path) -> None:
    path = tmp_path / "x.bcf"
    write_bcf(path, header_text(2), b"")
    with open_variants(path) as reader:
        assert list(reader) == []


# The header


def test_dictionaries_follow_the_header() -> None:
    assert read_dictionaries(HEADER).strings == ("PASS", "q10", "GT", "PL", "GL")
    assert read_dictionaries(HEADER).contigs == ("1", "22")


def test_explicit_numbers() -> None:
    lines = ['##FORMAT=<ID=GT,Number=1,Type=String,Description="a, ID=x",IDX=4>', "##contig=<ID=9,IDX=1>",
             '##INFO=<ID=GT,Number=1,Type=String,Description="same name">',
             '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">']  # fmt: skip
    dictionaries = read_dictionaries("\n".join(lines))
    assert dictionaries.strings == ("PASS", "", "", "", "GT", "DP")
    assert dictionaries.contigs == ("", "9")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("##contig=<length=5>", "has no ID"),
        ("##contig=<ID=1,IDX=-1>", "has the impossible IDX=-1"),
        ("##contig=<ID=1,IDX=99999999999>", "has the impossible IDX=99999999999"),
        ("##INFO=<ID=X,IDX=0>", "gives 'PASS' and 'X' the same number IDX=0"),
    ],
)
def test_headers_refused(line: str, found: str) -> None:
    with pytest.raises(InputError, match=r"x\.bcf: the header") as caught:
        read_dictionaries(line, "x.bcf")
    assert found in str(caught.value)


def test_header_in_pieces() -> None:
    text = header_text(2).encode() + b"\0"
    content = b"BCF\2\2" + len(text).to_bytes(4, "little") + text
    for size in range(len(content)):
        assert split_header(content[:size]) is None
    assert split_header(content + b"more") == (header_text(2), len(content))


@pytest.mark.parametrize("start", [b"BCF\4\1", b"##fil", b"BCF\2\7", b"\x1f\x8b"])
def test_not_bcf(start: bytes) -> None:
    with pytest.raises(InputError, match="not BCF version 2"):
        split_header(start + bytes(20), "x.bcf")


def test_contigs_of_a_file(tmp_path: Path, data: Path) -> None:
    assert bcf_contigs(data / "population.vcf.gz") is None
    path = tmp_path / "x.bcf"
    text = header_text(0).encode()
    content = b"BCF\2\2" + len(text).to_bytes(4, "little") + text
    path.write_bytes(gzip.compress(content))
    assert bcf_contigs(path) == ("1", "22")
    path.write_bytes(gzip.compress(content[:-3]))
    with pytest.raises(InputError, match="the header is cut short"):
        bcf_contigs(path)
    path.write_bytes(gzip.compress(content)[:60])
    with pytest.raises(InputError, match="damaged or not compressed"):
        bcf_contigs(path)
    with pytest.raises(InputError, match="cannot be read"):
        bcf_contigs(tmp_path)
