"""Runs of ``genem phylo`` on small alignments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genem.cli.main import main

ROWS = ("ACGTACGTAC", "ACGTACGTTC", "ACTTACCTTC", "AGTTACCTTA", "AGTTGCCTAA")


def fasta(path: Path, names: Sequence[str] = "abcde", rows: Sequence[str] = ROWS) -> Path:
    """A FASTA file of as many of the rows as there are names."""
    path.write_text("".join(f">{name}\n{row}\n" for name, row in zip(names, rows, strict=False)))
    return path


def phylo(*arguments: object, threads: int = 1) -> int:
    """The exit status of the command."""
    return main(["phylo", *map(str, arguments), "--threads", str(threads)])
