"""Every field of every reference file equals what pysam reads; regions equal those of bcftools."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, SPAN_FILTER, SPAN_ID, SPAN_REF, GenotypeBlock
from genem.io.variants.reading import open_variants
from genem.io.variants.regions import Region

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
    "qtl/vcf_listeria/listeria_f2.vcf.gz",
    "qtl/vcf_listeria/listeria_f2_halfcalls.vcf.gz",
    "bundle/cross.vcf.gz",
    "bundle/haplotypes.phased.vcf.gz",
    "bundle/haplotypes.unphased_miss5.vcf.gz",
    "bundle/lowcov.vcf.gz",
    "bundle/lowcov_gl.vcf.gz",
    "bundle/population.vcf.gz",
]


def rows(path: Path, **wishes: Any) -> Iterator[tuple[GenotypeBlock, int]]:
    with open_variants(path, **wishes) as reader:
        for block in reader:
            for row in range(len(block)):
                yield block, row


def assert_equals_pysam(path: Path, field: str | None) -> None:
    with pysam.VariantFile(str(path)) as variant_file:
        fields = ["GT"] + [field] * (field is not None)
        n_records = 0
        for record, (block, row) in zip(variant_file, rows(path, fields=fields), strict=True):
            n_records += 1
            sites = block.sites
            assert block.samples == tuple(variant_file.header.samples)
            assert (sites.chrom(row), sites.position[row], sites.record[row]) == (record.chrom, record.pos, n_records)
            assert sites.field(row, SPAN_ID) == (record.id or ".")
            assert sites.field(row, SPAN_REF) == record.ref
            assert sites.alts(row) == (record.alts or ())
            assert sites.field(row, SPAN_FILTER) == (";".join(record.filter.keys()) or ".")
            assert block.alleles is not None
            assert block.phased is not None
            for sample, (copies, call) in enumerate(
                zip(block.alleles[row].tolist(), record.samples.values(), strict=True)
            ):
                present = tuple(copy for copy in copies if copy != ABSENT_ALLELE)
                assert tuple(None if copy == MISSING_ALLELE else copy for copy in present) == call["GT"]
                if len(present) > 1 and MISSING_ALLELE not in present:  # pysam's own rule for others
                    assert block.phased[row, sample] == call.phased
                if field is not None:
                    assert_same_values(block, row, sample, call.get(field))
        assert n_records > 0


def assert_same_values(block: GenotypeBlock, row: int, sample: int, values: tuple[float | None, ...] | None) -> None:
    assert block.likelihoods is not None
    assert block.n_likelihoods is not None
    missing = -1 if block.likelihood_field == "PL" else np.nan
    if values is None or values == (None,):
        values = ()
    expected = [missing if value is None else value for value in values]
    beyond = [missing] * (block.likelihoods.shape[2] - len(expected))
    assert block.n_likelihoods[row, sample] == len(expected)
    np.testing.assert_array_equal(block.likelihoods[row, sample], np.array(expected + beyond, block.likelihoods.dtype))


@pytest.mark.parametrize("name", FILES)
def test_text_equals_pysam(reference_data: Path, name: str) -> None:
    path = reference_data / name
    with pysam.VariantFile(str(path)) as variant_file:
        declared = variant_file.header.formats.keys()
    for field in (None, "PL", "GL", "GP"):
        if field is None or field in declared:
            assert_equals_pysam(path, field)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("compressed", [True, False])
def test_bcf_equals_text(reference_data: Path, tmp_path: Path, name: str, compressed: bool) -> None:
    """The same arrays from BCF, compressed or not."""
    path, bcf = reference_data / name, tmp_path / "same.bcf"
    with pysam.VariantFile(str(path)) as source:
        declared = source.header.formats.keys()
        with pysam.VariantFile(str(bcf), "wb", header=source.header) as sink:
            for record in source:
                sink.write(record)
    if not compressed:
        bcf.write_bytes(gzip.decompress(bcf.read_bytes()))
    for field in (None, "PL", "GL"):
        if field is not None and field not in declared:
            continue
        fields = ["GT"] + [field] * (field is not None)
        for (text, row), (binary, other) in zip(rows(path, fields=fields), rows(bcf, fields=fields), strict=True):
            assert text.sites.position[row] == binary.sites.position[other]
            assert text.sites.alts(row) == binary.sites.alts(other)
            assert text.alleles is not None
            assert binary.alleles is not None
            np.testing.assert_array_equal(text.alleles[row], binary.alleles[other])
            np.testing.assert_array_equal(text.phased[row], binary.phased[other])  # type: ignore[index]
            if field is not None:
                np.testing.assert_array_equal(text.likelihoods[row], binary.likelihoods[other])  # type: ignore[index]


@pytest.mark.parametrize("overlap", ["pos", "record", "variant"])
@pytest.mark.parametrize(
    ("name", "regions"),
    [
        ("bundle/lowcov_gl.vcf.gz", ["22:20000000-20010000", "22:20005000-20020000", "22:20049828"]),
        ("bundle/population.vcf.gz", ["22:15600000-15700000"]),
        ("bundle/lowcov.vcf.gz", ["2:10000-11000", "2"]),
    ],
)
def test_regions_equal_bcftools(reference_data: Path, name: str, regions: list[str], overlap: Any) -> None:
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        pytest.skip("bcftools is not installed")
    path = reference_data / name
    with pysam.VariantFile(str(path)) as variant_file:
        contig = next(iter(variant_file)).chrom
    wanted = [region.replace(region.split(":")[0], contig, 1) for region in regions]
    query = [bcftools, "query", "-f", "%CHROM\t%POS\t%REF\t%ALT\n", "-r", ",".join(wanted), str(path)]
    query[2:2] = ["--regions-overlap", overlap]
    expected = subprocess.run(query, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [
        "\t".join([block.sites.chrom(row), str(block.sites.position[row]), block.sites.field(row, SPAN_REF),
                   ",".join(block.sites.alts(row)) or "."])
        for block, row in rows(path, regions=wanted, regions_overlap=overlap)
    ]  # fmt: skip
    assert len(expected) > 3
    assert found == expected


def test_whole_contigs_cover_the_file(reference_data: Path) -> None:
    path = reference_data / "bundle/population.vcf.gz"
    with pysam.TabixFile(str(path)) as table:
        contigs = list(table.contigs)
    everything = [int(block.sites.position[row]) for block, row in rows(path)]
    assert [int(b.sites.position[r]) for b, r in rows(path, regions=[Region(name) for name in contigs])] == everything
