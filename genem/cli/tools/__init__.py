"""Commands that serve other commands."""
