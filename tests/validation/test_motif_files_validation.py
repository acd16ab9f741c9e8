"""Motif files of other programs are read as they stand, and runs on real sets are read by Biopython."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs as biopython

from genem.cli.main import main
from genem.io.motifs.files import read_motifs
from genem.io.motifs.meme_text import meme_text

pytestmark = pytest.mark.validation

WIDTHS = re.compile(r"^letter-probability matrix:.* w= *(\d+) nsites= *(\d+)", re.MULTILINE)
SETS = {"crp0": "DNA", "lex0": "DNA", "farntrans5": "protein", "lipocalin": "protein", "Puf3p-200": "RNA"}


def published(reference_data: Path) -> list[Path]:
    folder = reference_data / "motif"
    return sorted([*folder.glob("published_meme/*.txt"), *folder.glob("*_expected/*.txt"), *folder.glob("*.meme")])


def test_meme_and_streme_files(reference_data: Path) -> None:
    files = published(reference_data)
    assert len(files) > 60
    for path in files:
        motifs = read_motifs(path)
        stated = [(int(width), int(sites)) for width, sites in WIDTHS.findall(path.read_text())]
        assert [(motif.width, int(motif.n_sites)) for motif in motifs] == stated, path.name
        for motif in motifs:
            np.testing.assert_allclose(motif.probabilities.sum(axis=1), 1.0)
            assert motif.background.sum() == pytest.approx(1.0)


def test_what_is_read_is_written_again(reference_data: Path, tmp_path: Path) -> None:
    for path in published(reference_data):
        motifs = read_motifs(path)
        (tmp_path / "again").write_text(meme_text(motifs))
        again = read_motifs(tmp_path / "again")
        for one, other in zip(motifs, again, strict=True):
            assert (one.name, one.alternative_name) == (other.name, other.alternative_name)
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-9)
        if len(motifs[0].alphabet) == 4:
            assert len(biopython.parse(io.StringIO(meme_text(motifs)), "minimal")) == len(motifs)


@pytest.mark.parametrize("name", SETS)
def test_runs_on_real_sets(reference_data: Path, tmp_path: Path, name: str) -> None:
    output, xml = tmp_path / "out.meme", tmp_path / "out.xml"
    command = [
        "motif",
        str(reference_data / "motif" / "real" / f"{name}.fa"),
        "-o",
        str(output),
        "--xml",
        str(xml),
        "--controls",
        "0",
        "-q",
    ]
    assert main(command) == 0
    (motif,) = read_motifs(output)
    with xml.open("rb") as stream:
        (from_xml,) = biopython.parse(stream, "meme")
    assert (from_xml.length, from_xml.num_occurrences) == (motif.width, motif.n_sites)
    if SETS[name] != "protein":
        with output.open() as text:
            (minimal,) = biopython.parse(text, "minimal")
        assert (minimal.length, minimal.num_occurrences) == (motif.width, motif.n_sites)
