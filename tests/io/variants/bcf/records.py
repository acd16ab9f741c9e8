"""BCF records made by hand, and what the decoder makes of them: for several test modules."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pysam
import pytest

from genem.data import (
    ABSENT_ALLELE,
    FIELDS,
    MISSING_ALLELE,
    MISSING_PHRED,
    GenotypeBlock,
    LikelihoodField,
)
from genem.errors import InputError
from genem.io.variants.bcf.records import BcfDecoder
from genem.io.variants.header import parse_header
from genem.io.variants.selection import RecordSelection
from tests.reference import bcf as reference

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
        "with_calls": True,
        "likelihoods": None if field is None else FIELDS[field],
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


def with_field(key: int, kind: int, values: list[int]) -> bytes:
    return reference.encode_record(one_sample((key, kind, values)))


def write_bcf(path: Path, text: str, records: bytes) -> None:
    encoded = text.encode() + b"\0"
    with pysam.BGZFile(str(path), "wb") as out:
        out.write(b"BCF\2\2" + len(encoded).to_bytes(4, "little") + encoded + records)
