"""Allele and genotype frequencies: counts, EM on likelihoods, Hardy-Weinberg tests, completed genotypes."""
