"""QTL interval mapping: genotype probabilities, scans, permutations, intervals."""
