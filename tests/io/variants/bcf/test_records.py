"""BCF files: against the specification read value by value, against pysam, VCF text, and what was generated."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.data import (
    FIELDS,
    SPAN_ALT,
    SPAN_FILTER,
    SPAN_ID,
    SPAN_REF,
    GenotypeBlock,
    LikelihoodField,
)
from genem.errors import InputError
from genem.io.variants.bcf.header import read_dictionaries, split_header
from genem.io.variants.header import parse_header
from genem.io.variants.reading import open_variants
from genem.io.variants.regions import Region
from genem.io.variants.selection import RecordSelection, RegionSet
from genem.io.variants.vcf.text import VcfTextDecoder
from tests.io.variants.bcf.records import (
    GT,
    call_of,
    decoded,
    decoder,
    header_text,
    likelihoods_of,
    one_sample,
    write_bcf,
)
from tests.io.variants.strategies import MalformedVcf, Vcf, malformed_vcfs, vcfs
from tests.reference import bcf as reference


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
        reader = VcfTextDecoder(header, header.samples, with_calls=True, likelihoods=FIELDS[field], **options)
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


# Whole files


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
