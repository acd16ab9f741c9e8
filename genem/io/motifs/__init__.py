"""Motif files of every format."""
