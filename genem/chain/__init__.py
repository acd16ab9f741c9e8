"""Markov chains observed through emissions: the core that every hidden Markov model stands on."""
