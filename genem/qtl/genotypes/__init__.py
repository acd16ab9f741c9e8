"""Genotypes along the chromosomes of a cross, given its marker calls."""
