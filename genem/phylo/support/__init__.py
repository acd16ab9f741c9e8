"""How well branches are supported: bootstraps and likelihood-ratio tests."""
