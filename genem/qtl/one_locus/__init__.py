"""Scans for one quantitative trait locus: methods, permutations, peaks, intervals, effects."""
