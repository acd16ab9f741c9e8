"""Variants: VCF and BCF, their headers, indexes, regions and selections."""
