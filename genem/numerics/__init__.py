"""Arithmetic that knows no biology: linear algebra, vector functions, tails of distributions, threads."""
