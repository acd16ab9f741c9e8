"""BCF records."""
