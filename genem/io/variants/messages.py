"""Parts that messages about records of VCF and BCF have in common: places, findings and remedies."""

from __future__ import annotations

from genem.data import VariantSites

__all__ = ["COUNT_REMEDY", "RECORD_REMEDY", "VALUE_REMEDY", "allele_beyond_alt", "negative_value", "place_of"]

RECORD_REMEDY = "correct or remove the record"
VALUE_REMEDY = "correct the record, or use another field"
COUNT_REMEDY = "after a change of alleles run bcftools norm, or use another field"


def place_of(sites: VariantSites, row: int) -> str:
    """The number of a record with its CHROM and POS."""
    return f"record {sites.record[row]} ({sites.chrom(row)}:{sites.position[row]})"


def allele_beyond_alt(found: str, n_alleles: int) -> tuple[str, str]:
    """The finding and remedy for a call of an allele that the record does not have."""
    return f"FORMAT/GT {found}, but the record has {n_alleles} alleles (0 to {n_alleles - 1})", RECORD_REMEDY


def negative_value(field: str | None, value: str) -> tuple[str, str]:
    """The finding and remedy for a likelihood below 0."""
    return f"FORMAT/{field} has the negative value {value}", VALUE_REMEDY
