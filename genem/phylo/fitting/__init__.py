"""Branch lengths and model parameters fitted to a given tree."""
