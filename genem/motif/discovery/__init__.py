"""The search for motifs: seeds, candidates, refinement."""
