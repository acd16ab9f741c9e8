"""Variants and genotypes: sites, blocks of genotypes with their likelihoods, tables of loci."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

# Codes in GenotypeBlock.alleles beside the allele indices 0, 1, 2, ...
MISSING_ALLELE = -1
"""A copy that exists but was not called (``.``)."""
ABSENT_ALLELE = -2
"""A copy that does not exist: the sample's ploidy is smaller than the array's last axis."""

# Columns of VariantSites.spans
SPAN_CHROM, SPAN_ID, SPAN_REF, SPAN_ALT, SPAN_FILTER, SPAN_INFO = range(6)
N_SPANS = 6


@dataclass(frozen=True, slots=True)
class VariantSites:
    """Places and alleles of variants; one row per variant.

    Attributes
    ----------
    contigs
        Contig names; ``contig`` indexes them.
    contig
        int32 (variant,)
    position
        int64 (variant,), 1-based as in VCF.
    n_alleles
        int32 (variant,), REF included.
    record
        int64 (variant,), 1-based number of the record in the file.
    text
        uint8 (bytes,): the text that ``spans`` points into.
    spans
        int64 (variant, N_SPANS, 2): start and end in ``text`` of each ``SPAN_*`` field; ALT keeps its commas.
    """

    contigs: tuple[str, ...]
    contig: NDArray[np.int32]
    position: NDArray[np.int64]
    n_alleles: NDArray[np.int32]
    record: NDArray[np.int64]
    text: NDArray[np.uint8]
    spans: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.position.shape[0])

    def chrom(self, variant: int) -> str:
        return self.contigs[int(self.contig[variant])]

    def field(self, variant: int, span: int) -> str:
        """The text of one ``SPAN_*`` field of one variant."""
        start, end = self.spans[variant, span]
        return str(self.text[start:end].tobytes(), "utf-8")

    def alts(self, variant: int) -> tuple[str, ...]:
        """The ALT alleles; empty for a site without any (``.``)."""
        alt = self.field(variant, SPAN_ALT)
        return () if alt in (".", "") else tuple(alt.split(","))

    def select(self, rows: slice | NDArray[np.bool_]) -> VariantSites:
        """The variants of a slice, or where ``rows`` (variant,) is True, on the same text."""
        return replace(
            self,
            contig=self.contig[rows],
            position=self.position[rows],
            n_alleles=self.n_alleles[rows],
            record=self.record[rows],
            spans=self.spans[rows],
        )


@dataclass(frozen=True, slots=True)
class GenotypeBlock:
    """A run of variants with what was read of their samples.

    Attributes
    ----------
    sites
        The variants.
    samples
        Names of the samples, in array order.
    alleles
        int8 (int16 where a record has more than 126 alleles) (variant, sample, ploidy): allele index, or
        ``MISSING_ALLELE``, or ``ABSENT_ALLELE``. None when GT was not asked for. The last axis is the largest
        ploidy of the block, at least 1; a sample whose GT is ``.`` is one missing copy, the rest absent.
    phased
        bool (variant, sample): every separator of the call is ``|`` (False for haploid calls). None without GT.
    likelihood_field
        Which FORMAT field ``likelihoods`` holds, or None.
    likelihoods
        int32 (PL) or float32 (GL, GP) (variant, sample, genotype), in the units of the file (PL: phred,
        GL: log10, GP: probability) and in VCF order; unused or missing cells hold ``MISSING_PHRED`` or NaN.
    n_likelihoods
        int32 (variant, sample): how many values the sample has; 0 where the field is missing. The sample's
        ploidy follows from it and the number of alleles.
    lines
        The records as VCF text without line ends, for commands that write them again. None unless asked for.
    """

    sites: VariantSites
    samples: tuple[str, ...]
    alleles: NDArray[np.int8] | NDArray[np.int16] | None = None
    phased: NDArray[np.bool_] | None = None
    likelihood_field: str | None = None
    likelihoods: NDArray[np.int32] | NDArray[np.float32] | None = None
    n_likelihoods: NDArray[np.int32] | None = None
    lines: tuple[bytes, ...] | None = None

    def __len__(self) -> int:
        return len(self.sites)

    def select(self, rows: NDArray[np.bool_]) -> GenotypeBlock:
        """The variants where ``rows`` (variant,) is True."""
        return replace(
            self,
            sites=self.sites.select(rows),
            alleles=None if self.alleles is None else self.alleles[rows],
            phased=None if self.phased is None else self.phased[rows],
            likelihoods=None if self.likelihoods is None else self.likelihoods[rows],
            n_likelihoods=None if self.n_likelihoods is None else self.n_likelihoods[rows],
            lines=None if self.lines is None else tuple(compress(self.lines, rows)),
        )


@dataclass(frozen=True, slots=True)
class LocusTable:
    """Unphased genotypes of samples at a few named loci, with any number of alleles.

    Attributes
    ----------
    samples, loci
        Names, in array order.
    allele_names
        For each locus the names of its alleles; ``alleles`` indexes them.
    alleles
        int16 (sample, locus, 2): allele index, or ``MISSING_ALLELE``; the second copy of a haploid sample is
        ``ABSENT_ALLELE`` at every locus.
    """

    samples: tuple[str, ...]
    loci: tuple[str, ...]
    allele_names: tuple[tuple[str, ...], ...]
    alleles: NDArray[np.int16]
