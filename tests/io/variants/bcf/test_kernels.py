"""Single BCF records made by hand: sites, genotype codes, likelihoods, sentinels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from genem.data import (
    SPAN_FILTER,
    SPAN_ID,
    SPAN_INFO,
)
from genem.errors import InputError
from genem.io.variants import genotype_count_kernels
from tests.io.variants.bcf.records import (
    END_FLOAT,
    GL,
    GT,
    MISSING_FLOAT,
    PL,
    call_of,
    decoded,
    decoder,
    header_text,
    likelihoods_of,
    one_sample,
    only_block,
    refusal,
)
from tests.reference import bcf as reference


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
        reference.encode_record(one_sample((GT, reference.INT8, [2, 4]))), header_text(1), with_calls=False
    )  # fmt: skip
    assert block.alleles is None
    assert block.likelihoods is None
