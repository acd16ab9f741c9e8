"""Known motifs in sequences, with exact p-values."""
