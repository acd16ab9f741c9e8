"""Tests of genem, in the folders of what they test."""

from pathlib import Path

GOLDEN_ANSWERS = Path(__file__).parent / "golden"
