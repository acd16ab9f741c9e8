"""``genem sequences``: intervals of a genome as FASTA."""

from __future__ import annotations

import shutil
from pathlib import Path

import pysam
import pytest

from genem.cli.main import main
from genem.errors import InputError
from genem.io.motifs.sites import genome_places
from genem.io.sequences.fasta import read_fasta
from genem.io.sequences.genome import genome_sequences


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(">c1\nACGTACGTAC\n>c2 x\nGGGGcccc\n")
    pysam.faidx(str(path))
    return path


def bed(folder: Path, text: str) -> Path:
    path = folder / "x.bed"
    path.write_text(text)
    return path


def test_equal_to_samtools(data: Path) -> None:
    sequences, left_out = genome_sequences(data / "genome.fa", data / "genome.windows.bed")
    assert (len(sequences), left_out) == (60, {})
    places = genome_places(sequences)
    with pysam.FastaFile(str(data / "genome.fa")) as fasta:
        for number in range(len(sequences)):
            start, end = int(places.start[number]), int(places.end[number])
            assert sequences.sequence(number) == fasta.fetch(places.chromosomes[number], start, end)


def test_strands_and_middles(genome: Path, tmp_path: Path) -> None:
    path = bed(tmp_path, "# x\ntrack y\nc1\t0\t4\ta\t0\t-\nc2 1 6\nc1\t0\t4\nc1\t0\t3\nc1\t2\t4\tb\t0\t+\n")
    sequences, left_out = genome_sequences(genome, path, use_strand=True)
    named = dict(zip(sequences.names, (sequences.sequence(i) for i in range(len(sequences))), strict=True))
    assert named == {
        "c1:0-4(-)": "ACGT",
        "c2:1-6(.)": "GGGcc",
        "c1:0-4(.)": "ACGT",
        "c1:0-3(.)": "ACG",
        "c1:2-4(+)": "GT",
    }
    sequences, left_out = genome_sequences(genome, path, width=4)
    assert sequences.names == ("c1:0-4", "c2:1-5", "c1:1-5")
    assert left_out == {"given before": 1, "reaching over the end of a sequence": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# x\n", "holds no intervals"),
        ("c1\t5\n", "line 1: 'c1\\t5' is not an interval; an interval is a sequence, a start"),
        ("c1\t5\t5\n", "line 1: 'c1\\t5\\t5' is not an interval"),
        ("c1\t1\t5\nc1\t-1\t5\n", "line 2: 'c1\\t-1\\t5' is not an interval"),
        ("c3\t1\t5\n", "line 1: c3 is not a sequence of "),
        (
            "c1\t1\t50\r\nc1\t2\t60\r\n",
            "from line 1 (c1:1-50): no interval can be used: 2 reaching over the end of a sequence; is it of the same",
        ),
    ],
)
def test_refused_intervals(genome: Path, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        genome_sequences(genome, bed(tmp_path, text))
    assert message in str(caught.value)


def test_a_genome_without_index_is_left_alone(data: Path, tmp_path: Path) -> None:
    shutil.copy(data / "genome.fa", tmp_path / "g.fa")
    for path, message in ((tmp_path / "g.fa", "has no index; make one with"), (tmp_path / "n.fa", "no such file")):
        with pytest.raises(InputError, match=message):
            genome_sequences(path, data / "genome.windows.bed")
    assert [path.name for path in tmp_path.iterdir()] == ["g.fa"]


def test_the_command_says_what_it_left_out(genome: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = bed(tmp_path, "c1\t0\t4\nc1\t0\t4\nc1\t8\t14\n")
    output = tmp_path / "out.fa.gz"
    assert main(["sequences", str(genome), str(path), "-o", str(output)]) == 0
    assert read_fasta(output).names == ("c1:0-4",)
    left_out = "left out 2 intervals: 1 given before, 1 reaching over the end of a sequence"
    assert capfd.readouterr().err == f"genem sequences: warning: {left_out}\n"
