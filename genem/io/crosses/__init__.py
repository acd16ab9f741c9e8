"""Crosses: R/qtl's csv, and VCF with its tables."""
