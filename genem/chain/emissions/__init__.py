"""Emissions of a hidden Markov chain: a module each, with log-density, weighted M-step and start."""
