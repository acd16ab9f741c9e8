"""BCF made by bcftools from every VCF of the reference data: equal to pysam and to the VCF text, field by field."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pysam.bcftools
import pytest

from genem.data import (
    ABSENT_ALLELE,
    MISSING_ALLELE,
    MISSING_PHRED,
    SPAN_ALT,
    SPAN_CHROM,
    SPAN_FILTER,
    SPAN_ID,
    SPAN_REF,
    GenotypeBlock,
    LikelihoodField,
)
from genem.io.variants.reading import open_variants

pytestmark = pytest.mark.validation

FILES = [
    "popgen/ceu_exon.vcf.gz",
    "popgen/chrx.vcf",
    "popgen/edge.vcf",
    "popgen/kg22.phased.vcf.gz",
    "popgen/kg22.unphased_miss5.vcf.gz",
    "popgen/lowcov_pl.vcf.gz",
    "popgen/sim2x.pl.vcf.gz",
    "popgen/sim2x.truth.vcf.gz",
    "bundle/cross.vcf.gz",
    "bundle/haplotypes.phased.vcf.gz",
    "bundle/haplotypes.unphased_miss5.vcf.gz",
    "bundle/lowcov.vcf.gz",
    "bundle/lowcov_gl.vcf.gz",
    "bundle/population.vcf.gz",
]
SPANS = (SPAN_CHROM, SPAN_ID, SPAN_REF, SPAN_ALT, SPAN_FILTER)
LIKELIHOODS: tuple[LikelihoodField, ...] = ("PL", "GL", "GP")


@pytest.fixture(scope="module", params=FILES)
def vcf(request: pytest.FixtureRequest, reference_data: Path) -> Path:
    return reference_data / str(request.param)


@pytest.fixture(scope="module")
def bcf(vcf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bcf") / "x.bcf"
    pysam.bcftools.view("-Ob", "-o", str(path), str(vcf), catch_stdout=False)
    return path


def likelihood_field(path: Path) -> str | None:
    with pysam.VariantFile(str(path)) as file:
        return next((name for name in LIKELIHOODS if name in file.header.formats), None)


def read(path: Path, **options: Any) -> Iterator[tuple[GenotypeBlock, int]]:
    """Every record, as its block and its row there."""
    field = likelihood_field(path)
    with open_variants(path, fields=("GT", field) if field else ("GT",), **options) as reader:
        for block in reader:
            for row in range(len(block)):
                yield block, row


def test_equal_to_pysam(bcf: Path) -> None:
    with pysam.VariantFile(str(bcf)) as file:
        for (block, row), record in zip(read(bcf), file, strict=True):
            sites = block.sites
            assert (sites.chrom(row), int(sites.position[row])) == (record.chrom, record.pos)
            assert sites.field(row, SPAN_CHROM) == record.chrom
            assert sites.field(row, SPAN_ID) == (record.id or ".")
            assert sites.field(row, SPAN_REF) == record.ref
            assert sites.alts(row) == (record.alts or ())
            assert sites.field(row, SPAN_FILTER) == (";".join(record.filter) or ".")
            for sample, call in enumerate(record.samples.values()):
                check_call(block, row, sample, call)


def check_call(block: GenotypeBlock, row: int, sample: int, call: Any) -> None:
    assert block.alleles is not None
    assert block.phased is not None
    copies = [int(copy) for copy in block.alleles[row, sample] if copy != ABSENT_ALLELE]
    alleles = tuple(None if copy == MISSING_ALLELE else copy for copy in copies)
    assert alleles == (call.allele_indices or (None,))
    if len(alleles) > 1:
        assert bool(block.phased[row, sample]) == call.phased
    if block.likelihood_field is not None and block.likelihood_field in call:
        assert block.likelihoods is not None
        assert block.n_likelihoods is not None
        cells = block.likelihoods[row, sample, : block.n_likelihoods[row, sample]].tolist()
        missing = [cell == MISSING_PHRED if block.likelihood_field == "PL" else math.isnan(cell) for cell in cells]
        values = tuple(None if is_missing else cell for cell, is_missing in zip(cells, missing, strict=True))
        assert (values or (None,)) == call[block.likelihood_field]


@pytest.mark.parametrize("every_other_sample", [False, True])
def test_equal_to_the_text(vcf: Path, bcf: Path, every_other_sample: bool) -> None:
    with pysam.VariantFile(str(bcf)) as file:
        names = list(file.header.samples)
    samples = names[::-2] if every_other_sample else names
    text, binary = blocks(vcf, samples), blocks(bcf, samples)
    assert sites_of(binary) == sites_of(text)
    for name in ("alleles", "phased", "likelihoods", "n_likelihoods"):
        np.testing.assert_array_equal(joined(binary, name), joined(text, name))


def blocks(path: Path, samples: list[str]) -> list[GenotypeBlock]:
    field = likelihood_field(path)
    with open_variants(path, fields=("GT", field) if field else ("GT",), samples=samples) as reader:
        return list(reader)


def sites_of(listed: list[GenotypeBlock]) -> list[tuple[Any, ...]]:
    return [
        (int(sites.record[row]), int(sites.position[row]), *(sites.field(row, span) for span in SPANS))
        for sites in (block.sites for block in listed)
        for row in range(len(sites))
    ]


def joined(listed: list[GenotypeBlock], name: str) -> Any:
    arrays = [getattr(block, name) for block in listed]
    return None if arrays[0] is None else np.concatenate(arrays)


def test_regions_of_bcf(bcf: Path) -> None:
    pysam.bcftools.index(str(bcf))
    with pysam.VariantFile(str(bcf)) as file:
        records = [(record.chrom, record.pos, record.stop) for record in file]
    chrom, low, _ = records[len(records) // 3]
    high = max(position for contig, position, _ in records if contig == chrom)
    region = f"{{{chrom}}}:{low}-{(low + high) // 2}"
    expected = [(c, p) for c, p, stop in records if c == chrom and p <= (low + high) // 2 and stop >= low]
    found = [(b.sites.chrom(row), int(b.sites.position[row])) for b, row in read(bcf, regions=[region])]
    assert found == expected
    assert found
