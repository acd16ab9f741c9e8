"""Trees as objects: topology, splits, distances, roots, consensus, pictures."""
