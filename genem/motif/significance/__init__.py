"""Significance of motifs: E-values, searches of controls, enrichment."""
