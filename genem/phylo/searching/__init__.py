"""The search for the tree of greatest likelihood."""
