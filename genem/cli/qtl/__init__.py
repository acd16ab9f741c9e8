"""``genem qtl``."""
