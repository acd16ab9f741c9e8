"""Benchmarks beside the installed peers: ``make bench`` runs them all and writes docs/benchmarks.md."""
