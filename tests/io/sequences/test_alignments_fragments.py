"""Alignments of which hardly anything is there: an error in one line, never a search without end."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genem.errors import InputError
from genem.io.sequences.alignments import read_alignment

CLUSTAL = "CLUSTAL W (1.82) multiple sequence alignment\n\na ACGT\nb ACGA\n  ***\n\na CC\nb CG\n"
QUOTED = """#NEXUS
begin data;
dimensions ntax=2 nchar=4;
format datatype=dna;
matrix
'a x' ACGT
'b x' ;ACGT
;
end;
"""


EMPTY = {
    "blank": b"\n\n",
    "blanks": b" \t\n",
    "mark": "\ufeff".encode(),
    "gzip": gzip.compress(b""),
    "gzip of a blank": gzip.compress(b"\n"),
}


@pytest.mark.parametrize("content", EMPTY.values(), ids=EMPTY)
def test_nothing_but_white_space(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_bytes(content)
    with pytest.raises(InputError, match="holds no sequence"):
        read_alignment(tmp_path / "x.fa")


@pytest.mark.parametrize("length", [7, 20, 44, 45, 46])
def test_the_header_of_clustal_alone(length: int, tmp_path: Path) -> None:
    (tmp_path / "x.aln").write_text(CLUSTAL[:length])
    with pytest.raises(InputError, match="holds no sequence"):
        read_alignment(tmp_path / "x.aln")


def test_every_cut_of_clustal_is_read_or_refused_with_a_reason(tmp_path: Path) -> None:
    for length in range(1, len(CLUSTAL)):
        (tmp_path / "x.aln").write_text(CLUSTAL[:length])
        try:
            read_alignment(tmp_path / "x.aln")
        except InputError as error:
            said = str(error)
            assert not said.endswith(": ")
            assert "\n" not in said


def test_nexus_that_ends_within_a_name(tmp_path: Path) -> None:
    (tmp_path / "x.nex").write_text(QUOTED)
    with pytest.raises(InputError, match="no Nexus alignment that can be read"):
        read_alignment(tmp_path / "x.nex")


def test_a_name_of_nexus_over_two_lines(tmp_path: Path) -> None:
    head = "#NEXUS\nbegin data;\n[it's a comment\nof two lines]\n"
    head += "dimensions ntax=2 nchar=4;\nformat datatype=dna gap=-;\nmatrix\n"
    (tmp_path / "x.nex").write_text(head + "'e \nx' ACGT\nb ACGT\n;\nend;\n")
    with pytest.raises(InputError, match=r"line 8: .*a quote of this line is not closed"):
        read_alignment(tmp_path / "x.nex")
    (tmp_path / "x.nex").write_text(head + "'e''s x' ACGT\nb ACGT\n;\nend;\nbegin notes; text='\n';\nend;\n")
    assert read_alignment(tmp_path / "x.nex").names == ("e's x", "b")
