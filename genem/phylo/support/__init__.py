"""Support of branches: bootstraps and likelihood-ratio tests."""
