"""BCF records that cannot be used: each is one clear line, and none does harm."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.data import (
    LikelihoodField,
)
from genem.errors import InputError
from genem.io.variants.bcf import site_kernels as bcf_site_kernels
from tests.io.variants.bcf.records import (
    END_FLOAT,
    GL,
    GT,
    MISSING_FLOAT,
    PL,
    call_of,
    decoder,
    header_text,
    one_sample,
    refusal,
    with_field,
)
from tests.reference import bcf as reference


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
