"""Messages for BCF records that cannot be used: what a kernel stumbled on, in the user's words."""

from __future__ import annotations

from genem.data import Field
from genem.io.variants.bcf import kernels as field
from genem.io.variants.bcf import site_kernels as site
from genem.io.variants.messages import COUNT_REMEDY, VALUE_REMEDY, allele_beyond_alt, negative_value

__all__ = ["finding"]

DAMAGED_REMEDY = "the file is damaged; copy or make it again"
HEADER_REMEDY = "header and records do not belong together; make the file again with bcftools view -Ob"
TYPE_NAMES = {0: "Missing", 1: "Integer", 2: "Integer", 3: "Integer", 5: "Float", 7: "Character"}


def finding(code: int, value: int, *, n_samples: int, n_alleles: int, likelihoods: Field | None) -> tuple[str, str]:
    """The meaning of a kernel's end code and value, and the remedy.

    ``n_samples`` is that of the header, ``n_alleles`` that of the record, ``likelihoods`` the field being read.
    """
    name = None if likelihoods is None else likelihoods.name
    stored = TYPE_NAMES.get(value, f"type {value}")
    match code:
        case site.BAD_CONTIG:
            return f"CHROM is contig number {value}, which the header does not name", HEADER_REMEDY
        case site.BAD_N_SAMPLES:
            return f"{value} samples in the record, {n_samples} in the header", HEADER_REMEDY
        case site.NO_REF:
            return "no REF allele", DAMAGED_REMEDY
        case site.BAD_FILTER:
            return f"FILTER number {value} is not in the header", HEADER_REMEDY
        case field.BAD_FORMAT_KEY:
            return f"FORMAT number {value} is not in the header", HEADER_REMEDY
        case field.BAD_GENOTYPE_TYPE:
            return f"FORMAT/GT is stored as {stored}, Integer expected", DAMAGED_REMEDY
        case field.BAD_LIKELIHOOD_TYPE:
            assert likelihoods is not None
            wanted = likelihoods.vcf_type
            return (
                f"FORMAT/{name} is stored as {stored}, {wanted} expected",
                f"declare it with Type={wanted} and make the file again",
            )
        case field.BAD_GENOTYPE:
            return f"FORMAT/GT holds the impossible code {value}", DAMAGED_REMEDY
        case field.ALLELE_BEYOND_ALT:
            return allele_beyond_alt(f"has allele {value}", n_alleles)
        case field.NEGATIVE_LIKELIHOOD:
            return negative_value(name, str(value))
        case field.NOT_FINITE:
            return f"FORMAT/{name} has a value that is not a finite number", VALUE_REMEDY
        case field.BAD_LIKELIHOOD_COUNT:
            values = "1 value" if value == 1 else f"{value} values"
            expected = f"the number of genotypes of {n_alleles} alleles at the sample's ploidy expected"
            return f"FORMAT/{name} has {values}, {expected}", COUNT_REMEDY
        case _:
            return "the record makes no sense", DAMAGED_REMEDY
