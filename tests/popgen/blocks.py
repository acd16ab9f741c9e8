"""Blocks of genotypes for tests: from a VCF through pysam, or from plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pysam

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, MISSING_PHRED, N_SPANS, GenotypeBlock, VariantSites


def sites_of(chroms: Sequence[str], positions: Sequence[int], alleles: Sequence[Sequence[str]]) -> VariantSites:
    """Variant sites from names, positions and allele strings (REF first)."""
    contigs = tuple(dict.fromkeys(chroms))
    text = bytearray()
    spans = np.zeros((len(chroms), N_SPANS, 2), np.int64)
    for i, (chrom, strings) in enumerate(zip(chroms, alleles, strict=True)):
        fields = (chrom, ".", strings[0], ",".join(strings[1:]) or ".", ".", ".")
        for k, field in enumerate(fields):
            spans[i, k] = len(text), len(text) + len(field)
            text += field.encode()
    return VariantSites(
        contigs=contigs,
        contig=np.array([contigs.index(chrom) for chrom in chroms], np.int32),
        position=np.array(positions, np.int64),
        n_alleles=np.array([len(strings) for strings in alleles], np.int32),
        record=np.arange(1, len(chroms) + 1),
        text=np.frombuffer(bytes(text), np.uint8),
        spans=spans,
    )


def block_from_calls(
    calls: np.ndarray, n_alleles: Sequence[int], chrom: str = "1", position: int = 100
) -> GenotypeBlock:
    """A block of called genotypes (variant, sample, ploidy) at one chromosome."""
    n = len(calls)
    strings = [["A", *"CGT"[: k - 1]] if k <= 4 else ["A"] + ["A" * (j + 2) for j in range(k - 1)] for k in n_alleles]
    sites = sites_of([chrom] * n, range(position, position + n), strings)
    return GenotypeBlock(
        sites, tuple(f"s{i}" for i in range(calls.shape[1])), alleles=np.ascontiguousarray(calls, np.int8)
    )


def read_vcf(path: str | Path) -> GenotypeBlock:
    """A whole VCF with its GT, and PL or GL where it has them."""
    with pysam.VariantFile(str(path)) as file:
        samples = tuple(file.header.samples)
        records = list(file)
        field = next((name for name in ("PL", "GL") if name in file.header.formats), None)
        calls, values = [], []
        for record in records:
            calls.append([tuple(sample.get("GT") or (None,)) for sample in record.samples.values()])
            if field:
                values.append([tuple(sample.get(field) or ()) for sample in record.samples.values()])
        sites = sites_of(
            [record.chrom for record in records],
            [record.pos for record in records],
            [record.alleles for record in records],
        )
    ploidy = max(len(call) for row in calls for call in row)
    alleles = np.full((len(records), len(samples), ploidy), ABSENT_ALLELE, np.int8)
    for i, row in enumerate(calls):
        for j, call in enumerate(row):
            alleles[i, j, : len(call)] = [MISSING_ALLELE if allele is None else allele for allele in call]
    if field is None:
        return GenotypeBlock(sites, samples, alleles=alleles)
    width = max(len(value) for row in values for value in row)
    missing = MISSING_PHRED if field == "PL" else np.nan
    likelihoods = np.full((len(records), len(samples), width), missing, np.int32 if field == "PL" else np.float32)
    n_likelihoods = np.zeros((len(records), len(samples)), np.int32)
    for i, row in enumerate(values):
        for j, value in enumerate(row):
            if any(number is not None for number in value):
                n_likelihoods[i, j] = len(value)
                likelihoods[i, j, : len(value)] = [missing if number is None else number for number in value]
    return GenotypeBlock(
        sites, samples, alleles=alleles, likelihood_field=field, likelihoods=likelihoods, n_likelihoods=n_likelihoods
    )
