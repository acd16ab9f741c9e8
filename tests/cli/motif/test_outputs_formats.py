"""Biopython reads what ``genem motif`` writes under every model: MEME text of DNA and RNA, XML of everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio import motifs as biopython

from genem.cli.main import main
from genem.data import Motif
from genem.io.motifs.files import read_motifs
from tests.cli.motif.test_motif import fasta, planted

WORDS = {"dna": ("ACGT", "TGACTCAT"), "rna": ("ACGU", "UGUAAAUA"), "protein": ("ACDEFGHIKLMNPQRSTVWY", "WCHKWDFY")}
STRANDED = [
    ["--model", "oops"],
    ["--model", "anr", "--background-order", "2"],
    ["--both-strands"],
    ["--palindrome", "--both-strands"],
    ["--n-motifs", "2", "--both-strands", "--pseudocount", "1"],
    ["--n-motifs", "9", "--min-width", "1", "--max-width", "1"],
]
UNSTRANDED = [["--model", "oops"], ["--model", "anr"], ["--n-motifs", "2", "--pseudocount", "1"]]
RUNS = [
    *(("dna", options) for options in STRANDED),
    *(("rna", options) for options in STRANDED[:3]),
    *(("protein", options) for options in UNSTRANDED),
]


@pytest.mark.parametrize(
    ("alphabet", "options"), RUNS, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_biopython_reads_every_run(tmp_path: Path, alphabet: str, options: list[str]) -> None:
    letters, word = WORDS[alphabet]
    path = fasta(tmp_path / "x.fa", planted(n=6, length=24, word=word, alphabet=letters))
    text, xml = tmp_path / "m.meme", tmp_path / "m.xml"
    shared = ["--min-width", "8", "--max-width", "8", "--controls", "0", "--threads", "1", "-q"]
    command = ["motif", str(path), *shared, *options, "--alphabet", alphabet, "-o", str(text), "--xml", str(xml)]
    assert main(command) == 0
    written = read_motifs(text)
    with xml.open("rb") as stream:
        from_xml = list(biopython.parse(stream, "meme"))
    for ours, theirs in zip(written, from_xml, strict=True):
        agree(ours, theirs)
        assert len(theirs.alignment.sequences) == theirs.num_occurrences
    if alphabet == "protein":
        return
    with text.open() as stream:
        from_text = list(biopython.parse(stream, "minimal"))
    for ours, theirs in zip(written, from_text, strict=True):
        agree(ours, theirs)
        counts = np.array([theirs.counts[letter] for letter in letters]).T
        np.testing.assert_allclose(counts, ours.probabilities * ours.n_sites, atol=0.5 + 1e-9)
        np.testing.assert_allclose([theirs.background[letter] for letter in letters], ours.background, rtol=1e-6)


def agree(ours: Motif, theirs: Any) -> None:
    assert theirs.name == ours.name
    assert "".join(theirs.alphabet) == ours.alphabet
    assert (theirs.length, theirs.num_occurrences) == (ours.width, ours.n_sites)
    assert theirs.evalue == pytest.approx(10.0**ours.log10_e_value, rel=0.1)


def test_no_motif_is_a_file_without_motifs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Windows that hold nothing known: both readers take the file, and every picture says that there is none."""
    path = fasta(tmp_path / "x.fa", ["ACGTNNNNACGT", "GGNNNNNNNTTA"])
    text, xml, page = (tmp_path / name for name in ("m.meme", "m.xml", "r.html"))
    outputs = ["-o", str(text), "--xml", str(xml), "--html", str(page), "--logo", str(tmp_path / "l.svg")]
    assert main(["motif", str(path), "--min-width", "6", "--max-width", "6", "--threads", "1", *outputs]) == 0
    assert "no motif was found" in capfd.readouterr().err
    with text.open() as stream:
        assert list(biopython.parse(stream, "minimal")) == []
    with xml.open("rb") as stream:
        assert list(biopython.parse(stream, "meme")) == []
    assert "No motif was found." in page.read_text()


@pytest.mark.parametrize("header", ["ALPHABET= ACDEFGHIKLMNPQRSTVWY", 'ALPHABET "Protein" PROTEIN-LIKE\nEND ALPHABET'])
def test_biopython_has_no_protein_in_meme_text(tmp_path: Path, header: str) -> None:
    """Why proteins go by the XML: once this fails, the text will do for them, too, and the docs can say so."""
    path = tmp_path / "p.meme"
    row = " ".join(["0.05"] * 20)
    path.write_text(
        f"MEME version 5\n\n{header}\n\nBackground letter frequencies\n"
        + " ".join(f"{letter} 0.05" for letter in WORDS["protein"][0])
        + f"\n\nMOTIF x\nletter-probability matrix: alength= 20 w= 1 nsites= 20 E= 1\n{row}\n"
    )
    with path.open() as stream, pytest.raises(ValueError, match=r"DNA and RNA motifs|does not start with 'ALPHABET'"):
        biopython.parse(stream, "minimal")
