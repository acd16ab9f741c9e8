"""Commands on motifs and sequences."""
