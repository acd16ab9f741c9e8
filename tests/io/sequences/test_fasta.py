"""FASTA reading: against Biopython on good files, and one clear line on bad ones."""

from __future__ import annotations

import gzip
import io
import string
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pysam
import pytest
from Bio.SeqIO.FastaIO import SimpleFastaParser
from hypothesis import given
from hypothesis import strategies as st

from genem.data import SequenceSet
from genem.errors import InputError
from genem.io.sequences.fasta import read_fasta


def written(folder: Path, content: bytes) -> Path:
    path = folder / "x.fa"
    path.write_bytes(content)
    return path


def pairs(sequences: SequenceSet) -> list[tuple[str, str]]:
    return [(sequences.descriptions[i], sequences.sequence(i)) for i in range(len(sequences))]


names = st.text(string.ascii_letters + string.digits + "|_.:", min_size=1, max_size=8)
symbols = st.text(string.ascii_letters + "*-.?~", min_size=1, max_size=50)
words = st.text(string.ascii_letters + " >=é", max_size=12).map(str.strip)


@st.composite
def fasta_files(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, str]]]:
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    expected = []
    text = draw(st.sampled_from(["", line_end, " " + line_end]))
    for name in draw(st.lists(names, min_size=1, max_size=5, unique=True)):
        extra, sequence = draw(words), draw(symbols)
        description = f"{name} {extra}".strip()
        expected.append((description, sequence))
        text += ">" + description + draw(st.sampled_from(["", " "])) + line_end
        width = draw(st.integers(1, 60))
        for start in range(0, len(sequence), width):
            line = sequence[start : start + width]
            cut = draw(st.integers(0, len(line)))
            text += line[:cut] + draw(st.sampled_from(["", "", " ", "\t"])) + line[cut:]
            text += draw(st.sampled_from([line_end, line_end, " " + line_end, 2 * line_end]))
    return draw(st.sampled_from([text, text.rstrip()])).encode(), expected


@given(file=fasta_files(), packing=st.sampled_from(["plain", "gzip", "bgzf"]))
def test_written_is_read(tmp_path_factory: pytest.TempPathFactory, file: tuple[bytes, list[tuple[str, str]]],
                         packing: str) -> None:  # fmt: skip
    content, expected = file
    path = tmp_path_factory.getbasetemp() / f"any-{packing}"
    if packing == "bgzf":
        with pysam.BGZFile(str(path), "wb") as out:
            out.write(content)
    else:
        path.write_bytes(gzip.compress(content) if packing == "gzip" else content)
    sequences = read_fasta(path)
    assert pairs(sequences) == expected
    assert list(sequences.names) == [description.split()[0] for description, _ in expected]
    assert sequences.letters.dtype == np.uint8
    assert sequences.offsets.tolist() == np.cumsum([0, *(len(sequence) for _, sequence in expected)]).tolist()


@pytest.mark.parametrize("name", ["promoters.fa", "genome.fa"])
def test_equal_to_biopython(data: Path, name: str) -> None:
    with (data / name).open() as handle:
        assert pairs(read_fasta(data / name)) == list(SimpleFastaParser(handle))


def test_soft_masking_is_kept(tmp_path: Path) -> None:
    assert read_fasta(written(tmp_path, b">a\nACgtN\nnn\n")).sequence(0) == "ACgtNnn"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(b">a b\nAC\n"))))
    assert pairs(read_fasta("-")) == [("a b", "AC")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"ACGT\n", "starts with 'ACGT': not a FASTA file; its first line must start with '>'"),
        (b"##fileformat=VCF\n", "starts with '##fileformat=VCF': not a FASTA file"),
        (b"@read1\nACGT\n+\nIIII\n", "starts with '@read1': not a FASTA file; FASTQ must be converted first"),
        (b">a\nAC\n>\nGT\n", "line 3: a header without a name; write a name after '>'"),
        (b">a\nAC\n> \r\nGT\n", "line 3: a header without a name"),
        (b"\n>a x\nAC\nAC\n>b\nAC\n>a y\nGT\n", "line 7: the name 'a' was used before, in line 2; make names unique"),
        (b">a\nAC\n>b\n\n>c\nGT\n", "line 3: record 'b' has no sequence; add the sequence, or remove the record"),
        (b">a\nAC\n>b", "line 3: record 'b' has no sequence"),
        (b">a\nAC\nA;\n", "line 3: ';' inside a sequence; remove it"),
        (b">a\nAC\n>b\n\nAC\nG>c\nA\n", "line 6: '>' inside a sequence; is a line break missing before it?"),
        (b">a\nAC\xc3\xa9\n", "line 2: 'Ã' inside a sequence"),
        (b">a\nAC\0\n", "line 2: '\\x00' inside a sequence"),
        (b">a\xff\nAC\n", "line 1: the header is not UTF-8 text"),
        (b">a\rAC\r>b\rAC\r", "line 1: lines end in a carriage return alone; replace the line ends"),
    ],
)
def test_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_fasta(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_truncated_files(tmp_path: Path, data: Path) -> None:
    content = (data / "promoters.fa").read_bytes()
    with pytest.raises(InputError, match="truncated"):
        read_fasta(written(tmp_path, gzip.compress(content)[:-20]))
    blocks = tmp_path / "blocks"
    with pysam.BGZFile(str(blocks), "wb") as out:
        out.write(content)
    with pytest.raises(InputError, match="truncated"):
        read_fasta(written(tmp_path, blocks.read_bytes()[:-28]))


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        read_fasta(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_fasta(tmp_path / "missing.fa")


def test_many_records_and_long_ones(tmp_path: Path) -> None:
    many = b"".join(b">s%d d\nACGTACGTAC\nACGTACGTACGT\n" % number for number in range(100_000))
    long = b">chr\n" + b"ACGTacgtNN" * 6 * 10 + b"\n" + (b"ACGTacgtNN" * 6 + b"\n") * 400_000
    for content in (many, long):
        path = written(tmp_path, content)
        read = read_fasta(path)
        with path.open() as handle:
            expected = list(SimpleFastaParser(handle))
        assert len(read) == len(expected)
        assert (read.descriptions[-1], read.sequence(len(read) - 1)) == expected[-1]


def test_empty_records_can_be_kept(tmp_path: Path) -> None:
    content = b">a\nAC\n>b\n\n>c\n>d\r\n \r\n>e\nG"
    sequences = read_fasta(written(tmp_path, content), empty_records="keep")
    assert pairs(sequences) == [("a", "AC"), ("b", ""), ("c", ""), ("d", ""), ("e", "G")]


def test_duplicate_names_can_be_numbered(tmp_path: Path) -> None:
    content = b">a x\nA\n>a_2\nC\n>a y\nG\n>b\nT\n>a\nA\n>a_2\nC\n"
    sequences = read_fasta(written(tmp_path, content), duplicate_names="number")
    assert sequences.names == ("a", "a_2", "a_3", "b", "a_4", "a_2_2")
    assert sequences.descriptions == ("a x", "a_2", "a y", "b", "a", "a_2")


@given(given_names=st.lists(st.sampled_from(["a", "a_2", "a_2_2", "b"]), min_size=1, max_size=8))
def test_numbered_names_are_unique(tmp_path_factory: pytest.TempPathFactory, given_names: list[str]) -> None:
    path = written(tmp_path_factory.getbasetemp(), "".join(f">{name}\nA\n" for name in given_names).encode())
    numbered = read_fasta(path, duplicate_names="number").names
    assert len(set(numbered)) == len(numbered)
    first = {name: given_names.index(name) for name in given_names}
    assert all(numbered[position] == name for name, position in first.items())
