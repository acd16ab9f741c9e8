"""Sequences and alignments."""
