"""Sequences shuffled so that the counts of their words stay."""
