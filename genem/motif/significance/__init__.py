"""How surprising motifs are: E-values, searches of controls, enrichment."""
