"""Commands of population genetics."""
