"""Trees and partitions."""
