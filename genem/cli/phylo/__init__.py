"""Commands on trees."""
