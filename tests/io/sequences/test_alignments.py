"""Alignments: every format, names kept, what cannot be used refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from genem.errors import InputError
from genem.io.sequences.alignments import make_alignment, read_alignment

NAMES = ("Homo sapiens", "it's (a:b)", "under_score")
ROWS = ("ACGT-CGTAC", "AC-TNCGTAC", "ACGTACGRAC")

FORMATS = {
    "fasta": ">Homo sapiens\nACGT-\nCGTAC\n>it's (a:b)\nAC-TN CGTAC\n\n>under_score \nACGTACGRAC\n",
    "nexus": """#NEXUS
begin data;
dimensions ntax=3 nchar=10;
format datatype=dna missing=? gap=- interleave;
matrix
'Homo sapiens' ACGT-
'it''s (a:b)' AC-TN
under_score ACGTA

'Homo sapiens' CGTAC
'it''s (a:b)' CGTAC
under_score CGRAC
;
end;
""",
}
PHYLIP = {
    "relaxed": "3 10\nhuman  ACGT-CGTAC\nchimpanzee_of_long_name AC-TN CGTAC\ngorilla ACGTACGRAC\n",
    "interleaved": "3 10\nhuman  ACGT-\nchimpanzee_of_long_name AC-TN\ngorilla ACGTA\n\nCGTAC\nCGTAC\nCGRAC\n",
    "names repeated": (
        "3 10\nhuman  ACGT-\nchimpanzee_of_long_name AC-TN\ngorilla ACGTA\n\n"
        "human CGTAC\nchimpanzee_of_long_name CGTAC\ngorilla CGRAC\n"
    ),
    "sequential": "3 10\nhuman\nACGT-\nCGTAC\nchimpanzee_of_long_name AC-TN\nCGTAC\ngorilla\nACGTACGRAC\n",
}
STRICT = "3 10\nHomo sap  ACGT-CGTAC\nchimpanzeeAC-TN CGTAC\ngorilla   ACGTACGRAC\n"
CLUSTAL = """CLUSTAL W (1.83) multiple sequence alignment

human           ACGT- 4
Pan:x(1)        AC-TN 4
gorilla_g       ACGTA 5
                ** *

human           CGTAC
Pan:x(1)        CGTAC
gorilla_g       CGRAC
                ** **
"""


@pytest.mark.parametrize("name", FORMATS)
def test_names_are_kept(tmp_path: Path, name: str) -> None:
    path = tmp_path / "alignment.gz"
    path.write_bytes(gzip.compress(FORMATS[name].encode()))
    alignment = read_alignment(path)
    assert alignment.names == NAMES
    assert tuple(alignment.sequence(taxon) for taxon in range(3)) == ROWS
    assert alignment.datatype == "dna"


@pytest.mark.parametrize("name", PHYLIP)
def test_phylip(tmp_path: Path, name: str) -> None:
    path = tmp_path / "alignment"
    path.write_text(PHYLIP[name])
    alignment = read_alignment(path)
    assert alignment.names == ("human", "chimpanzee_of_long_name", "gorilla")
    assert tuple(alignment.sequence(taxon) for taxon in range(3)) == ROWS


def test_strict_phylip(tmp_path: Path) -> None:
    path = tmp_path / "alignment"
    path.write_text(STRICT)
    alignment = read_alignment(path)
    assert alignment.names == ("Homo sap", "chimpanzee", "gorilla")
    assert tuple(alignment.sequence(taxon) for taxon in range(3)) == ROWS


def test_clustal_and_line_ends_of_dos(tmp_path: Path) -> None:
    path = tmp_path / "alignment"
    path.write_bytes(CLUSTAL.replace("\n", "\r\n").encode())
    alignment = read_alignment(path)
    assert alignment.names == ("human", "Pan:x(1)", "gorilla_g")
    assert tuple(alignment.sequence(taxon) for taxon in range(3)) == ROWS


@pytest.mark.parametrize(
    ("rows", "datatype"),
    [
        (("ACGTACGTRYN-", "ACGUNNNNACGT"), "dna"),
        (("----", "NNNN"), "dna"),
        (("MKVL", "MKIL"), "protein"),
        (("ACGTACGE", "ACGTACGT"), "protein"),
        ((), "dna"),
    ],
)
def test_datatypes_are_told_from_the_letters(rows: tuple[str, ...], datatype: str) -> None:
    records = [(f"t{number}", row) for number, row in enumerate(rows)]
    alignment = make_alignment(records)
    assert alignment.datatype == datatype
    assert make_alignment(records, datatype="protein").datatype == "protein"
    assert len(alignment) == len(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ">a\nACGT\n>b\nACG\n>c\nACGT\n",
            r"different lengths: 4 \(2 sequences, as 'a'\), 3 \(1 sequence, as 'b'\); align",
        ),
        (">a\nACGT\n>a\nACGT\n", "names that come more than once: 'a'"),
        (">\nACGT\n", "sequence 1: a sequence without a name"),
        (">a\nAC1T\n", "sequence 'a', column 3: '1' in an alignment"),
        ("ACGT\n", "starts with 'ACGT': no alignment"),
        ("2 5\na ACGT\nb ACGT\n", "PHYLIP of 2 sequences of 5 letters, found 2 sequences"),
        ("3 4\na ACGT\nb ACGT\n", "PHYLIP of 3 sequences of 4 letters"),
        ("3 4\na ACGT\nb ACGT\n", r"found [12] sequences: 'a'"),
        (">a\nACGTA\n>b\n...G.\n>c\n..C..\n", "seem to stand for its letters"),
        ("2 4\na ACGT\nb ..GT\n", "sequence 'b', column 1: '.' in an alignment"),
        ("#NEXUS\nbegin data;\nmatrix nonsense\n", "no Nexus alignment"),
        ("CLUSTAL W\n\na ACGT\n\nb\n", "no Clustal alignment"),
        ("", "is empty"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_alignment(path)


def test_a_file_of_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b">a\n\xff\xfe\n")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_alignment(path)


def test_heterozygous_snps_are_dna() -> None:
    assert make_alignment([("a", "ACGTACGRYK" * 10)]).datatype == "dna"
    assert make_alignment([("a", "ACGTACGRYK")]).datatype == "protein"
    assert make_alignment([("a", "SRSRSRSRSR" * 10)]).datatype == "protein"
