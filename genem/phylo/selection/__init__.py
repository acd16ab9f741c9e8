"""The choice of a substitution model."""
