"""Pictures of motifs."""
