"""Motif discovery."""
