"""Motifs beside known motifs."""
