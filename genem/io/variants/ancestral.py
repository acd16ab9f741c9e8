"""The ancestral allele of a variant: from INFO/AA, or from a FASTA file of the ancestral sequence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from genem.data import SPAN_INFO, SPAN_REF, VariantSites
from genem.errors import InputError
from genem.io.files.htslib import htslib_quiet

__all__ = ["UNKNOWN", "ancestral_from_fasta", "ancestral_from_info"]

UNKNOWN = -1
TAG = "AA="


def ancestral_from_info(sites: VariantSites) -> NDArray[np.int64]:
    """Index of the allele that INFO/AA names, int64 (variant,), ``UNKNOWN`` where it names none of them.

    ``AA=g|||`` of the 1000 Genomes Project, with lower case where the call is less certain, is understood.
    """
    return np.array([_index(sites, variant, _info_allele(sites, variant)) for variant in range(len(sites))], np.int64)


def ancestral_from_fasta(path: str | Path) -> Callable[[VariantSites], NDArray[np.int64]]:
    """A function like :func:`ancestral_from_info` that looks the base up in an indexed FASTA file.

    Only variants whose alleles are one base long can be told; others are ``UNKNOWN``.

    Raises
    ------
    InputError
        The file or its index cannot be read; on use, a chromosome that it does not have.
    """
    try:
        with htslib_quiet():
            fasta = pysam.FastaFile(str(path))
    except (OSError, ValueError):
        if not Path(path).exists():
            raise InputError("no such file", path=path) from None
        raise InputError(
            "cannot be read as FASTA with its index", path=path, remedy="make one with samtools faidx"
        ) from None
    held: dict[str, str] = {}

    def sequence(contig: str) -> str:
        if contig not in held:
            if contig not in fasta.references:
                raise InputError(f"has no sequence {contig}", path=path, remedy="use the chromosome names of the VCF")
            held.clear()
            held[contig] = fasta.fetch(contig)
        return held[contig]

    def ancestral(sites: VariantSites) -> NDArray[np.int64]:
        found = np.full(len(sites), UNKNOWN, np.int64)
        for variant in range(len(sites)):
            if all(len(allele) == 1 for allele in _alleles(sites, variant)):
                position = int(sites.position[variant]) - 1
                found[variant] = _index(sites, variant, sequence(sites.chrom(variant))[position : position + 1])
        return found

    return ancestral


def _info_allele(sites: VariantSites, variant: int) -> str:
    entries = sites.field(variant, SPAN_INFO).split(";")
    return next((entry[len(TAG) :].split("|")[0] for entry in entries if entry.startswith(TAG)), "")


def _index(sites: VariantSites, variant: int, allele: str) -> int:
    upper = [known.upper() for known in _alleles(sites, variant)]
    return upper.index(allele.upper()) if allele.upper() in upper else UNKNOWN


def _alleles(sites: VariantSites, variant: int) -> tuple[str, ...]:
    return (sites.field(variant, SPAN_REF), *sites.alts(variant))
