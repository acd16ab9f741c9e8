"""+ASC on DNA beside protein: letters of a partition mean what they mean in its own alphabet."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflows.phylo_runs import fasta, phylo


def run(folder: Path, rows: list[str], model: str) -> int:
    fasta(folder / "x.fa", "abcd", rows)
    (folder / "p.txt").write_text(f"{model}, d = 1-2\nLG, p = 3-6\n")
    given = ["--alphabet", "protein", "--partitions", folder / "p.txt", "--starts", 1, "-o", folder / "out.nwk"]
    return phylo(folder / "x.fa", *given)


def test_uracil_is_no_unknown_amino_acid(tmp_path: Path) -> None:
    assert run(tmp_path, ["UAMKLV", "ACMKIV", "UAMRLV", "AAMKLI"], "JC+ASC") == 0


def test_an_ambiguous_nucleotide_is_no_amino_acid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, ["CAMKLV", "ANMKIV", "CRMRLV", "AAMKLI"], "JC+ASC") == 1
    said = capsys.readouterr().err
    assert "x.fa: column 2: may be constant, as 1 of 2 columns: JC+ASC" in said
