"""From variants to an alignment of their single-base differences: one sequence per sample, one column per SNP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import MISSING_ALLELE, SPAN_ALT, SPAN_REF, Alignment, Datatype, GenotypeBlock, VariantSites
from genem.errors import InputError

__all__ = ["SnpAlignment", "alignment_from_variants"]

BASES = "ACGT"
UNKNOWN = 15
LETTER_OF_SET = np.frombuffer(b"-ACMGRSVTWYHKDBN", np.uint8)
"""The IUPAC code of every set of bases; bit 0 is A, 1 C, 2 G, 3 T. Cornish-Bowden (1985), doi:10.1093/nar/13.9.3021."""
BIT_OF_LETTER = np.zeros(256, np.uint8)
for _bit, _base in enumerate(BASES):
    BIT_OF_LETTER[[ord(_base), ord(_base.lower())]] = 1 << _bit
SPANNING_DELETION = "*"


@dataclass(frozen=True, slots=True)
class SnpAlignment:
    """An alignment of SNPs, where its columns are in the genome, and what was left out.

    Attributes
    ----------
    alignment
        One sequence per sample: the base of homozygous and haploid calls, the IUPAC code of heterozygous ones, N where
        a copy was not called.
    chrom
        Contig of every column.
    position
        int64 (site,): 1-based.
    skipped
        Records left out, by reason: ``indel`` (an allele of several bases), ``symbolic``, ``without_alt``,
        ``ref_not_acgt``, ``rare`` (below the least minor allele frequency), ``missing`` (above the largest share).
    """

    alignment: Alignment
    chrom: tuple[str, ...]
    position: NDArray[np.int64]
    skipped: Mapping[str, int]


def alignment_from_variants(
    blocks: Iterable[GenotypeBlock],
    samples: tuple[str, ...],
    *,
    min_maf: float = 0.0,
    max_missing_rate: float = 1.0,
    with_invariant: bool = False,
) -> SnpAlignment:
    """The SNPs of a file as an alignment.

    Every record whose alleles are single bases gives a column, however many alleles it has. A copy on a spanning
    deletion (``*``) is unknown.

    Parameters
    ----------
    blocks
        Genotypes (GT), in any order.
    samples
        Names of the samples, in array order.
    min_maf
        Leave out records whose minor allele (all but the commonest) is rarer.
    max_missing_rate
        Leave out records where a larger share of the samples has no complete call.
    with_invariant
        Keep records without an ALT allele.

    Raises
    ------
    InputError
        There is no column.

    Examples
    --------
    >>> from genem.io.variants.reading import open_variants
    >>> with open_variants("data/population.vcf.gz") as reader:
    ...     snps = alignment_from_variants(reader, reader.samples)
    >>> len(snps.alignment), snps.alignment.n_sites, snps.alignment.sequence(0)[:10]
    (180, 593, 'GGGCTACGGT')
    """
    columns: list[NDArray[np.uint8]] = []
    positions: list[NDArray[np.int64]] = []
    chrom: list[str] = []
    skipped: Counter[str] = Counter()
    for block in blocks:
        assert block.alleles is not None
        bits, reasons = _allele_bits(block.sites, with_invariant)
        skipped.update(reason for reason in reasons if reason)
        usable = np.array([not reason for reason in reasons], np.bool_)
        alleles = block.alleles[usable]
        passing = _passing(alleles, min_maf, max_missing_rate, skipped)
        rows = np.flatnonzero(usable)[passing]
        columns.append(_letters(alleles[passing], bits[rows]))
        positions.append(block.sites.position[rows])
        chrom += [block.sites.chrom(int(row)) for row in rows]
    if not chrom:
        raise InputError("no SNP to make an alignment of" + (f" ({_listed(skipped)})" if skipped else ""))
    letters = np.ascontiguousarray(np.concatenate(columns).T)
    alignment = Alignment(samples, letters, Datatype.DNA)
    return SnpAlignment(alignment, tuple(chrom), np.concatenate(positions), dict(skipped))


def _listed(skipped: Mapping[str, int]) -> str:
    return ", ".join(f"{number} records {reason}" for reason, number in skipped.items())


def _allele_bits(sites: VariantSites, with_invariant: bool) -> tuple[NDArray[np.uint8], list[str]]:
    """uint8 (variant, allele): the set that every allele stands for, and why a record gives no column ("": it does)."""
    most = max(2, int(sites.n_alleles.max(initial=2)))
    bits = np.zeros((len(sites), most), np.uint8)
    reasons = [""] * len(sites)
    spans = sites.spans[:, [SPAN_REF, SPAN_ALT]]
    first = BIT_OF_LETTER[sites.text[np.minimum(spans[:, :, 0], len(sites.text) - 1)]] if len(sites) else bits
    is_simple = np.all((spans[:, :, 1] - spans[:, :, 0] == 1) & (first > 0), axis=1)
    bits[is_simple, :2] = first[is_simple]
    for variant in np.flatnonzero(~is_simple).tolist():
        alleles = (sites.field(variant, SPAN_REF), *sites.alts(variant))
        reasons[variant] = _reason(alleles, with_invariant)
        if not reasons[variant]:
            bits[variant, : len(alleles)] = [
                UNKNOWN if a == SPANNING_DELETION else BIT_OF_LETTER[ord(a)] for a in alleles
            ]
    return bits, reasons


def _reason(alleles: tuple[str, ...], with_invariant: bool) -> str:
    reference, *others = alleles
    if not others and not with_invariant:
        return "without_alt"
    if any("<" in each or "[" in each or "]" in each for each in others):
        return "symbolic"
    if any(len(each) != 1 for each in alleles):
        return "indel"
    if not BIT_OF_LETTER[ord(reference) & 255]:
        return "ref_not_acgt"
    known = all(each == SPANNING_DELETION or (each.isascii() and BIT_OF_LETTER[ord(each)]) for each in others)
    return "" if known else "symbolic"


def _passing(
    alleles: NDArray[np.integer], min_maf: float, max_missing_rate: float, skipped: Counter[str]
) -> NDArray[np.bool_]:
    """Whether each record has a minor allele common enough and enough calls."""
    passing: NDArray[np.bool_] = np.ones(len(alleles), np.bool_)
    if max_missing_rate < 1.0:
        missing = np.any(alleles == MISSING_ALLELE, axis=2).mean(axis=1)
        passing = missing <= max_missing_rate
        skipped["missing"] += int(np.count_nonzero(~passing))
    if min_maf > 0.0:
        counts = np.array(
            [np.count_nonzero(alleles == each, axis=(1, 2)) for each in range(alleles.max(initial=0) + 1)]
        )
        total = np.maximum(counts.sum(axis=0), 1)
        common = 1.0 - counts.max(axis=0) / total >= min_maf
        skipped["rare"] += int(np.count_nonzero(passing & ~common))
        passing = passing & common
    return passing


def _letters(alleles: NDArray[np.integer], bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 (variant, sample): the bases of all copies of a call as one letter."""
    sets = np.zeros(alleles.shape[:2], np.uint8)
    for copy in range(alleles.shape[2]):
        called = alleles[:, :, copy]
        of_allele = np.take_along_axis(bits, np.maximum(called, 0).astype(np.int64), axis=1)
        sets |= np.where(called >= 0, of_allele, np.where(called == MISSING_ALLELE, UNKNOWN, 0)).astype(np.uint8)
    return LETTER_OF_SET[np.where(sets == 0, UNKNOWN, sets)]
