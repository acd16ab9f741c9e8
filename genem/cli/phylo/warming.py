"""Runs of ``genem phylo`` on alignments of a few letters, for ``genem warm phylo``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from genem.data import Datatype

CASES = {
    Datatype.DNA: ("HKY+G4", "ACGTACGTAC", "ACGTACGTTC", "ACTTACCTTC", "AGTTACCTTA", "AGTTGCCTAA"),
    Datatype.PROTEIN: ("LG+G4", "ARNDCQEGHI", "ARNDCQEGHL", "ARNECQEGKL", "SRNECQDGKL", "SRNEAQDGKV"),
}
"""Model and sequences for every number of states that has kernels of its own."""


def run_on_tiny_alignments() -> None:
    """A search with supports and all that is computed from its tree, and an evaluation, for DNA and for protein."""
    from genem.cli.main import main

    with tempfile.TemporaryDirectory() as folder:
        for kind, (model, *sequences) in CASES.items():
            path, tree = Path(folder) / f"{kind}.fa", Path(folder) / f"{kind}.nwk"
            path.write_text("".join(f">{name}\n{row}\n" for name, row in zip("abcde", sequences, strict=True)))
            files = {"ancestral": "a.tsv", "site-loglik": "s.tsv", "report": "r.json"}
            outputs = [word for flag, name in files.items() for word in (f"--{flag}", str(Path(folder) / name))]
            supports = ["--ufboot", "10", "--alrt", "10", "--bootstrap", "1"]
            common = [str(path), "--model", model, "--alphabet", kind, "--threads", "1", "-q"]
            for further in (
                ["--starts", "2", "--patience", "2", *outputs, *supports, "-o", str(tree)],
                ["--tree", str(tree), "--evaluate", "-o", str(Path(folder) / "again.nwk")],
            ):
                if main(["phylo", *common, *further]) != 0:
                    raise RuntimeError(f"genem phylo failed on the {kind} alignment that warms it")
