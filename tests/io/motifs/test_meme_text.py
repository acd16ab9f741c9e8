"""Motif files: what is written is read again, by genem and by Biopython; what is damaged is refused with its line."""

from __future__ import annotations

import gzip
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs as biopython
from hypothesis import given

from genem.data import Motif, MotifSites, SequenceSet
from genem.errors import InputError, UsageError
from genem.io.motifs.background import read_background
from genem.io.motifs.files import read_motifs
from genem.io.motifs.meme_text import format_e_value, format_name, meme_text, write_jaspar, write_meme, write_transfac
from genem.io.motifs.meme_xml import write_meme_xml
from genem.io.motifs.sites import genome_places, site_words, write_site_bed, write_site_table
from tests.motif.strategies import motif_lists, motif_sites, sequence_set

UNIFORM = np.full(4, 0.25)


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "motifs.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def same(one: Motif, other: Motif) -> None:
    assert (one.name, one.alternative_name, one.alphabet) == (other.name, other.alternative_name, other.alphabet)
    np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(one.background, other.background, rtol=1e-8, atol=1e-12)
    np.testing.assert_equal(one.n_sites, other.n_sites)
    np.testing.assert_allclose(one.log10_e_value, other.log10_e_value, rtol=1e-9, atol=1e-9)


@given(motif_list=motif_lists())
def test_meme_text_round_trip(tmp_path_factory: pytest.TempPathFactory, motif_list: list[Motif]) -> None:
    path = written(tmp_path_factory.getbasetemp(), meme_text(motif_list, both_strands=True))
    for one, other in zip(read_motifs(path), motif_list, strict=True):
        same(one, other)


@given(motif_list=motif_lists(("ACGT", "ACGU")))
def test_biopython_reads_meme_text(motif_list: list[Motif]) -> None:
    record = biopython.parse(io.StringIO(meme_text(motif_list)), "minimal")
    assert record.alphabet == motif_list[0].alphabet
    assert list(record.background.values()) == pytest.approx(motif_list[0].background.tolist(), rel=1e-8, abs=1e-12)
    assert len(record) == len(motif_list)
    for read, motif in zip(record, motif_list, strict=True):
        assert (read.name, read.length) == (motif.name, motif.width)
        if not math.isnan(motif.n_sites):
            assert read.num_occurrences == motif.n_sites
            counts = np.array([read.counts[letter] for letter in motif.alphabet]).T
            np.testing.assert_allclose(counts, motif.probabilities * motif.n_sites, atol=0.51)
        if not math.isnan(motif.log10_e_value):
            assert read.evalue == pytest.approx(10.0**motif.log10_e_value, rel=0.06)


@given(motif_list=motif_lists(("ACGT",)))
def test_jaspar_and_transfac_round_trip(tmp_path_factory: pytest.TempPathFactory, motif_list: list[Motif]) -> None:
    for write, digits in ((write_jaspar, 0.006), (write_transfac, 1e-9)):
        stream = io.BytesIO()
        write(stream, motif_list)
        path = written(tmp_path_factory.getbasetemp(), stream.getvalue())
        for read, motif in zip(read_motifs(path), motif_list, strict=True):
            known = not math.isnan(motif.n_sites)
            assert read.name == motif.name
            assert read.alternative_name in (motif.alternative_name, motif.name, "")
            # JASPAR matrices have two digits behind the point: a row is off by at most four roundings.
            tolerance = 6 * digits / (motif.n_sites if known else 1000)
            np.testing.assert_allclose(read.probabilities, motif.probabilities, atol=tolerance + 1e-12)


def test_names_with_blanks_become_one_word(tmp_path: Path) -> None:
    motif = Motif("zinc finger\t3", "ACGT", np.eye(4), UNIFORM, alternative_name="ZNF 3")
    (read,) = read_motifs(written(tmp_path, meme_text([motif])))
    assert (read.name, read.alternative_name) == ("zinc_finger_3", "ZNF_3")


def test_the_e_value_that_no_double_holds(tmp_path: Path) -> None:
    text = meme_text([Motif("a", "ACGT", np.eye(4), UNIFORM, 10, -1034.56)])
    assert "E= 2.8e-1035" in text
    assert read_motifs(written(tmp_path, text))[0].log10_e_value == -1034.56
    without = text.replace(" log10(E-value) = -1034.56", "")
    assert read_motifs(written(tmp_path, without))[0].log10_e_value == pytest.approx(-1034.56, abs=0.02)


@pytest.mark.parametrize(
    ("log10", "text"),
    [(0.0, "1.0e+00"), (-0.02, "9.5e-01"), (-0.0001, "1.0e+00"),
     (-7.0, "1.0e-07"), (-math.inf, "0"), (250.3, "2.0e+250"), (math.nan, "NA")],
)  # fmt: skip
def test_e_values_in_the_usual_notation(log10: float, text: str) -> None:
    assert format_e_value(log10) == text


@pytest.fixture
def searched() -> tuple[SequenceSet, list[Motif], list[MotifSites]]:
    sequences = sequence_set({"MOTIF": "ttTGCAtt", "b": "GGTGCATGCA", "c": "A"})
    motif = Motif("TGCA", "ACGT", np.eye(4)[[3, 2, 1, 0]], UNIFORM, 3, -2.0)
    return sequences, [motif], [motif_sites([(0, 2, 1), (1, 2, -1), (1, 6, 1)], [1e-3, 1e-5, 1e-4])]


def test_sites_stand_before_the_matrix(searched: tuple[SequenceSet, list[Motif], list[MotifSites]]) -> None:
    sequences, motifs, sites = searched
    text = meme_text(motifs, both_strands=True, sites=sites, sequences=sequences, facts=[{"log likelihood": "-3"}])
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if "sites sorted" in line)
    rows = [line.split() for line in lines[first + 4 : first + 7]]
    assert rows == [
        ["b", "-", "3", "1.00e-05", "TGCA", "TGCA", "CC"],
        ["b", "+", "7", "1.00e-04", "GGTGCA", "TGCA"],
        ["MOTIF", "+", "3", "1.00e-03", "tt", "TGCA", "tt"],
    ]
    assert re.search(r"b +1.0e-05  2_\[-\]_0_\[\+\]_0$", text, re.MULTILINE)
    assert len(biopython.parse(io.StringIO(text), "minimal")) == 1


def test_a_sequence_may_be_called_like_a_keyword(
    searched: tuple[SequenceSet, list[Motif], list[MotifSites]], tmp_path: Path
) -> None:
    sequences, motifs, sites = searched
    (read,) = read_motifs(written(tmp_path, meme_text(motifs, sites=sites, sequences=sequences)))
    same(read, motifs[0])


def test_biopython_reads_the_xml(searched: tuple[SequenceSet, list[Motif], list[MotifSites]]) -> None:
    sequences, motifs, sites = searched
    stream = io.BytesIO()
    write_meme_xml(stream, motifs, sites, sequences, alphabet="ACGT", background=UNIFORM, model="zoops")
    record = biopython.parse(io.BytesIO(stream.getvalue()), "meme")
    assert (record.sequences, record.alphabet) == (["sequence_0", "sequence_1", "sequence_2"], "ACGT")
    (motif,) = record
    assert (motif.name, motif.length, motif.num_occurrences, motif.evalue) == ("TGCA", 4, 3, 0.01)
    assert motif.consensus == "TGCA"
    places = [(each.sequence_name, each.start, each.strand, str(each)) for each in motif.alignment.sequences]
    assert places == [("MOTIF", 3, "+", "TGCA"), ("b", 3, "-", "TGCA"), ("b", 7, "+", "TGCA")]


def test_biopython_reads_proteins_from_the_xml() -> None:
    letters = "ACDEFGHIKLMNPQRSTVWY"
    motif = Motif("WC", letters, np.eye(20)[[18, 1]], np.full(20, 0.05), 2, -400.0)
    stream = io.BytesIO()
    sites = [motif_sites([(0, 1, 1), (1, 0, 1)])]
    sequences = sequence_set({"a<&>": "AWC", "b": "WCD"})
    write_meme_xml(stream, [motif], sites, sequences, alphabet=letters, background=motif.background, model="oops")
    (read,) = biopython.parse(io.BytesIO(stream.getvalue()), "meme")
    assert [each.sequence_name for each in read.alignment.sequences] == ["a<&>", "b"]
    assert read.consensus == "WC"


def test_sites_as_table_and_bed(searched: tuple[SequenceSet, list[Motif], list[MotifSites]]) -> None:
    sequences, motifs, sites = searched
    stream = io.BytesIO()
    write_site_table(stream, motifs, sites, sequences, flank=1)
    rows = [line.split("\t") for line in stream.getvalue().decode().splitlines() if not line.startswith("##")]
    assert rows[0][:5] == ["MOTIF", "SEQUENCE", "START", "END", "STRAND"]
    assert rows[2][:5] + rows[2][8:] == ["TGCA", "b", "3", "6", "-", "TGCA", "A", "C"]
    stream = io.BytesIO()
    write_site_bed(stream, motifs, sites, sequences)
    assert stream.getvalue().decode().splitlines()[1] == "b\t2\t6\tTGCA\t500\t-"


def test_bed_in_coordinates_of_the_genome(searched: tuple[SequenceSet, list[Motif], list[MotifSites]]) -> None:
    _, motifs, sites = searched
    sequences = sequence_set({"p::chr1:100-108(-)": "ttTGCAtt", "chr2:11-20": "GGTGCATGCA", "chrX:0-1": "A"})
    stream = io.BytesIO()
    write_site_bed(stream, motifs, sites, sequences, genomic=True)
    places = [line.split("\t")[:3] for line in stream.getvalue().decode().splitlines()]
    assert places == [["chr1", "102", "106"], ["chr2", "12", "16"], ["chr2", "16", "20"]]
    assert [line.split("\t")[5] for line in stream.getvalue().decode().splitlines()] == ["-", "-", "+"]


def test_reversed_sequences_count_from_their_end() -> None:
    motif = Motif("GC", "ACGT", np.eye(4)[[2, 1]], UNIFORM)
    stream = io.BytesIO()
    sites = [motif_sites([(0, 1, 1), (0, 1, -1)])]
    write_site_bed(stream, [motif], sites, sequence_set({"c:10-15(-)": "AGCTT"}), genomic=True)
    rows = [line.split("\t") for line in stream.getvalue().decode().splitlines()]
    assert [(row[1], row[2], row[5]) for row in rows] == [("12", "14", "-"), ("12", "14", "+")]


@pytest.mark.parametrize(
    ("name", "message"),
    [("peak1", "the name 'peak1' of a sequence is not a region"), ("c:5-9", "has 2 letters, its name says 4")],
)
def test_names_that_are_no_regions(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        genome_places(sequence_set({name: "AC"}))


def test_rna_words_complement_with_u() -> None:
    motif = Motif("a", "ACGU", np.eye(4), UNIFORM)
    words = site_words(sequence_set({"a": "GACGUA"}), motif_sites([(0, 1, -1)]), motif)
    assert (words.left, words.words, words.right) == (("U",), ("ACGU",), ("C",))


def test_protein_has_no_jaspar_form() -> None:
    with pytest.raises(UsageError, match="JASPAR files hold DNA motifs and a is of protein"):
        write_jaspar(io.BytesIO(), [Motif("a", "ACDEFGHIKLMNPQRSTVWY", np.eye(20), np.full(20, 0.05))])


def test_what_cannot_be_written() -> None:
    dna, rna = (Motif("a", alphabet, np.eye(4), UNIFORM) for alphabet in ("ACGT", "ACGU"))
    for motifs, sites, message in (([], [], "no motifs"), ([dna, rna], [], "alphabets"), ([dna], [None], "sequences")):
        with pytest.raises(ValueError, match=message):
            write_meme(io.BytesIO(), motifs, sites=sites)  # type: ignore[arg-type]


MATRIX = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m\nletter-probability matrix: alength= 4 w= 2\n"
BACKGROUND = "MEME version 4\nALPHABET= ACGT\nBackground letter frequencies\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (b"\xff\xfe\x00", "is not text"),
        ("hello world\n", "starts with 'hello'; motifs are read from MEME text, JASPAR, TRANSFAC, HOMER, or a table"),
        ("MEME version 4\n", "holds no motif"),
        ("MEME version 4\nMOTIF\n", "line 2: a motif without a name"),
        ("MEME version 4\nMOTIF m\n", "line 2: motif m has no letter-probability matrix"),
        ("MEME version 4\nMOTIF m\nMOTIF n\n", "line 2: motif m has no letter-probability matrix"),
        ("MEME version 4\nALPHABET= XYZ\n", "line 2: the alphabet is 'XYZ'"),
        (MATRIX + "1 0 0 0\n", "line 6: the matrix of motif m has 1 rows, its header says 2"),
        (MATRIX + "1 0 0 0\n0.5 0.5 0\n", "line 8: row 2 of motif m has 3 numbers, 4 expected"),
        (MATRIX + "1 0 0 0\n0.5 x 0 0\n", "line 8: row 2 of motif m holds 'x', a number of at least 0 expected"),
        (MATRIX + "1 0 0 0\n1.5 -0.5 0 0\n", "line 8: row 2 of motif m holds '-0.5'"),
        (MATRIX + "1 0 0 0\n0.5 0.3 0 0\n", "line 8: row 2 of motif m add up to 0.8, 1 expected"),
        (MATRIX + "1 0 0 0\nnan 0 0 1\n", "line 8: row 2 of motif m holds 'nan'"),
        (MATRIX.replace("w= 2", "w= x"), "line 6: w= x, a whole number of at least 1 expected"),
        (MATRIX.replace("w= 2", "w= 2 E= low") + "1 0 0 0\n0 0 0 1\n", "the E-value is 'low', a number expected"),
        (BACKGROUND + "A 0.5 C 0.5\n\n", "line 3: background frequencies of AC; one is needed for each of ACGT"),
        (BACKGROUND + "A 0.5 C 0.5 G 0.5 T 0\n", "line 3: the background frequencies add up to 1.5, 1 expected"),
        (BACKGROUND + "A 0.5 C x G 0.5 T 0\n", "line 4: the background frequency of C holds 'x'"),
        (">m n\nA [1 0]\nC [0 1]\nG [0 0]\n", "line 1: '>m n' has 3 rows; JASPAR matrices have one row for each"),
        (">m n\nA [1 0]\nC [0 1]\nG [0 0]\nT [0]\n", "line 1: not a JASPAR record: data has inconsistent lengths"),
        (">k\nA [1]\nC [1]\nG [1]\nT [1]\n>m\nA [x]\nC [1]\nG [1]\nT [1]\n", "line 6: not a JASPAR record: could not"),
        (">m\nA [0]\nC [0]\nG [0]\nT [0]\n", "line 1: the matrix of m is not one of counts"),
        (">CA\th\t5.0\n0.1 0.9 0 0\n0.1 0.9 0\n", "line 3: 3 numbers, one for each of A, C, G, T expected"),
        (">CA\th\t5.0\n0.1 0.9 0 x\n", "line 2: '0.1 0.9 0 x': not four numbers"),
        ("AC  m\nXX\nP0  A C G T\n01  1 2 3 4\n", "line 1: the last record has no end; end it with //"),
        ("AC  m\nXX\nP0  A C G T\n01  1 2 3\n//\n", "line 1: not a TRANSFAC record: A TRANSFAC matrix line should"),
        ("AC  m\n//\n", "holds no motif"),
        ("matrix\tname\tposition\tA\tC\tG\tT\nm\tn\t2\t1\t1\t1\t1\n", "line 2: position 2 of m, 1 expected"),
        ("matrix\tname\tposition\tA\tC\tG\tT\nm\tn\t1\t1\t1\t1\n", "line 2: 6 columns, 7 expected"),
        ("matrix\tname\tposition\tA\tC\tG\tT\nm\tn\t1\t1\t1\t1\tx\n", "line 2: counts 1 1 1 x"),
        ("matrix\tname\tposition\tA\tC\tG\nm\tn\t1\t1\t1\t1\n", "line 1: columns A C G"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, content: bytes | str, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_motifs(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_compressed_files_are_read_and_cut_ones_refused(tmp_path: Path) -> None:
    packed = gzip.compress(meme_text([Motif("a", "ACGT", np.eye(4), UNIFORM)]).encode())
    assert read_motifs(written(tmp_path, packed))[0].name == "a"
    with pytest.raises(InputError, match="truncated"):
        read_motifs(written(tmp_path, packed[:-20]))


def test_a_file_that_says_little(tmp_path: Path) -> None:
    """No alphabet, no background, no width: an empty line ends the matrix."""
    text = "MEME version 5.5\nMOTIF one\nletter-probability matrix:\n1 0 0 0\n.5 .5 0 0\n\nMOTIF two alt\nURL x\n"
    first, second = read_motifs(written(tmp_path, text + "letter-probability matrix: E= 0\n0 0 0 1\n"))
    assert (first.width, first.alphabet, first.background.tolist()) == (2, "ACGT", [0.25] * 4)
    assert math.isnan(first.n_sites)
    assert (second.name, second.alternative_name, second.width) == ("two", "alt", 1)
    assert math.isnan(second.log10_e_value)


def test_a_custom_alphabet_that_is_dna(tmp_path: Path) -> None:
    text = 'MEME version 5\nALPHABET "DNA" DNA-LIKE\nA "Adenine" ~ T "Thymine"\nC ~ G\nN = ACGT\nEND ALPHABET\n'
    matrix = "MOTIF m\nletter-probability matrix: alength= 4 w= 1\n0 1 0 0\n"
    assert read_motifs(written(tmp_path, text + matrix))[0].alphabet == "ACGT"


def test_homer(tmp_path: Path) -> None:
    (motif,) = read_motifs(written(tmp_path, ">CA\tMine/x\t5.1\t-10\n0.1\t0.9\t0\t0\n1\t0\t0\t0\n"))
    assert (motif.name, motif.alternative_name, motif.width) == ("CA", "Mine/x", 2)


def test_transfac_of_many_tools(tmp_path: Path) -> None:
    text = "VV  version\nXX\n//\nAC  M1\nXX\nID  V$X\nXX\nNA  one\nXX\nP0      A      C      G      T\n"
    text += "01      1      2      3      4      N\n02      4      0      0      0      A\nXX\n//\n"
    (motif,) = read_motifs(written(tmp_path, text))
    assert (motif.name, motif.alternative_name, motif.n_sites) == ("M1", "one", 10.0)
    assert motif.probabilities[1].tolist() == [1.0, 0.0, 0.0, 0.0]


def test_names_are_one_word() -> None:
    assert format_name(" a  b\tc ") == "a_b_c"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("A 0.5\nC\n", "line 2: 'C'; each line is a word and its probability"),
        ("A 0.5\nC 1.5\n", "line 2: 'C 1.5'"),
        ("A 0.5 # x\na 0.5\n", "line 2: the word A was there before"),
        ("# nothing\n", "holds no probabilities"),
    ],
)
def test_background_files_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_background(written(tmp_path, content))


def test_background_files(tmp_path: Path) -> None:
    assert read_background(written(tmp_path, "# order 0\na 3e-1\nC 0.7 # rest\n")) == {"A": 0.3, "C": 0.7}
    sequences = read_background(written(tmp_path, ">a\nAC\n>a\n"))
    assert isinstance(sequences, SequenceSet)
    assert len(sequences) == 2
