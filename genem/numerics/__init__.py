"""Arithmetic that knows no biology: linear systems, vector functions, tails of distributions, arrays and threads."""
