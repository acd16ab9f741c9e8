"""Substitution models: names, rate matrices, rates over sites, parameters."""
