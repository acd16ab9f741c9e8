"""Haplotype frequencies and phases from unphased genotypes."""
