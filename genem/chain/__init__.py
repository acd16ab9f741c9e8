"""Markov chains observed through emissions: what every hidden Markov model here is computed with."""
