"""Pairs of loci: linkage disequilibrium, pruning, haplotype blocks."""
