"""Motif models, their EM, and what a fit says of the sequences."""
