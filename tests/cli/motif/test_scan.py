"""Scanning with motifs: every window against a plain loop; the command with all that can be odd about its input."""

from __future__ import annotations

import gzip
import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.cli.main import main
from genem.data import Motif
from genem.errors import InputError, UsageError
from genem.io.motifs.files import read_motifs
from genem.io.sequences.fasta import read_fasta
from genem.motif import (
    DNA,
    PROTEIN,
    RNA,
    Alphabet,
    Background,
    EncodedSequences,
    background_from_probabilities,
    encode,
    estimate_background,
    log_odds,
    q_values,
    scan,
    score_distribution,
)
from tests.motif.strategies import probability_rows

STEP = 0.01


def random_motif(seed: int, width: int, alphabet: Alphabet = DNA) -> Motif:
    n = len(alphabet)
    return Motif("m", alphabet.letters, probability_rows(seed, width, n), np.full(n, 1 / n), n_sites=30.0)


def random_sequences(
    seed: int, lengths: list[int], alphabet: Alphabet = DNA, unknown: float = 0.05
) -> EncodedSequences:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, len(alphabet), sum(lengths))
    odd = rng.random(codes.size) < unknown
    codes[odd] = rng.integers(len(alphabet), len(alphabet.symbols), int(odd.sum()))
    offsets = np.cumsum([0, *lengths]).astype(np.int64)
    return EncodedSequences(alphabet, tuple(map(str, range(len(lengths)))), codes.astype(np.uint8), offsets)


def every_window(motif: Motif, sequences: EncodedSequences, background: Background, *, both_strands: bool):
    """(sequence, start, strand, score in steps, p-value) of every window, by definition."""
    alphabet, frequencies = sequences.alphabet, background.probabilities
    partner = alphabet.complement_codes[: len(alphabet)]
    sets = alphabet.membership.astype(float)
    readings = []
    for matrix in (motif.probabilities, motif.probabilities[::-1, partner])[: 1 + both_strands]:
        bits = np.rint(log_odds(replace(motif, probabilities=matrix), frequencies) / STEP) * STEP
        ratios = np.log2((frequencies * 2.0**bits) @ sets.T / (sets @ frequencies))
        readings.append((np.rint(ratios / STEP).astype(int), score_distribution(bits, background)))
    for sequence in range(len(sequences)):
        letters = sequences.codes[sequences.offsets[sequence] : sequences.offsets[sequence + 1]]
        for start in range(len(letters) - motif.width + 1):
            window = letters[start : start + motif.width]
            for strand, (scores, tails) in zip((1, -1), readings, strict=False):
                score = int(scores[np.arange(motif.width), window].sum())
                yield sequence, start, strand, score, tails.p_values(np.array([score]))[0]


def as_rows(found) -> list[tuple[int, int, int, int]]:
    sites = found.sites
    scores = np.rint(sites.score / STEP).astype(int)
    return list(zip(sites.sequence.tolist(), sites.start.tolist(), sites.strand.tolist(), scores.tolist(), strict=True))


@pytest.mark.kernel
@given(
    st.integers(0, 2**32),
    st.integers(1, 15),
    st.lists(st.integers(0, 25), min_size=1, max_size=4),
    st.sampled_from([0.01, 0.2, 1.0]),
    st.booleans(),
)
def test_every_window_is_scored(seed, width, lengths, p_threshold, both_strands):
    motif, sequences = random_motif(seed, width), random_sequences(seed, lengths)
    background = background_from_probabilities(DNA, [0.35, 0.2, 0.15, 0.3])
    [found] = scan([motif], sequences, p_threshold=p_threshold, both_strands=both_strands, background=background)
    windows = list(every_window(motif, sequences, background, both_strands=both_strands))
    expected = [row for row in windows if row[4] <= p_threshold]
    assert found.n_windows == len(windows)
    assert as_rows(found) == [row[:4] for row in expected]
    p_values = np.array([row[4] for row in expected])
    assert found.sites.p_value == pytest.approx(p_values)
    assert found.q_value == pytest.approx(q_values(p_values, max(1, len(windows))))


@pytest.mark.kernel
@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([0.02, 1.0]))
def test_the_best_window_of_each_sequence(seed, width, p_threshold):
    motif, sequences = random_motif(seed, width), random_sequences(seed, [20, 0, 7, 30])
    background = estimate_background(sequences, both_strands=True)
    [found] = scan([motif], sequences, p_threshold=p_threshold, best_only=True)
    best = {}
    for row in every_window(motif, sequences, background, both_strands=True):
        if row[4] <= p_threshold and (row[0] not in best or row[3] > best[row[0]][3]):
            best[row[0]] = row
    assert as_rows(found) == [best[sequence][:4] for sequence in sorted(best)]


@pytest.mark.parametrize("alphabet", [PROTEIN, RNA])
def test_other_alphabets(alphabet):
    motif, sequences = random_motif(5, 7, alphabet), random_sequences(5, [80, 30], alphabet)
    background = estimate_background(sequences, both_strands=alphabet.has_strands)
    [found] = scan([motif], sequences, p_threshold=0.05)
    windows = every_window(motif, sequences, background, both_strands=alphabet.has_strands)
    assert as_rows(found) == [row[:4] for row in windows if row[4] <= 0.05]
    assert len(found.sites) > 0


def test_markov_backgrounds_enter_the_p_values():
    sequences = random_sequences(2, [3000], unknown=0.0)
    background = estimate_background(sequences, order=2)
    motif = random_motif(3, 6)
    [found] = scan([motif], sequences, p_threshold=0.01, background=background)
    expected = [row for row in every_window(motif, sequences, background, both_strands=True) if row[4] <= 0.01]
    assert as_rows(found) == [row[:4] for row in expected]
    assert found.sites.p_value == pytest.approx([row[4] for row in expected])


def test_p_values_take_a_background_of_lower_order_where_its_table_would_not_fit(monkeypatch):
    sequences = random_sequences(2, [3000], unknown=0.0)
    bits = log_odds(random_motif(3, 6), np.full(4, 0.25))
    orders = [score_distribution(bits, estimate_background(sequences, order=order)) for order in range(3)]
    assert len({distribution.tail[-1] for distribution in orders}) == 3
    module = importlib.import_module("genem.motif.scanning.score_distributions")
    for contexts, expected in ((16, orders[2]), (4, orders[1]), (1, orders[0]), (0, orders[0])):
        monkeypatch.setattr(module, "MOST_CELLS", contexts * len(expected.tail))
        again = score_distribution(bits, estimate_background(sequences, order=2))
        assert again.tail.tolist() == expected.tail.tolist()


def test_p_values_are_frequencies_in_random_sequences():
    """Of 2 x 400,000 random windows about 1 in 1000 has a p-value up to 0.001: within 6 standard errors."""
    sequences = random_sequences(4, [400_000], unknown=0.0)
    motif = random_motif(8, 10)
    background = background_from_probabilities(DNA, [0.25] * 4)
    [found] = scan([motif], sequences, p_threshold=1e-3, background=background)
    exact = score_distribution(log_odds(motif, background.probabilities), background)
    rate = exact.p_values(np.array([exact.threshold(1e-3)]))[0]
    expected = 800_000 * rate
    assert abs(len(found.sites) - expected) < 6.0 * expected**0.5


def test_the_result_does_not_depend_on_threads_or_pieces(monkeypatch):
    sequences = random_sequences(6, [50_000, 3, 20_000])
    motifs = [random_motif(seed, width) for seed, width in ((1, 6), (2, 14), (3, 25))]
    once = [as_rows(found) for found in scan(motifs, sequences, p_threshold=1e-3)]
    monkeypatch.setattr("genem.motif.scanning.matches.WINDOWS_PER_PIECE", 700)
    monkeypatch.setattr("genem.motif.scanning.matches.WINDOWS_PER_CHUNK", 3000)
    assert [as_rows(found) for found in scan(motifs, sequences, p_threshold=1e-3, threads=2)] == once
    assert all(once)


def test_more_sites_than_expected_find_room():
    motif = Motif("m", "ACGT", np.tile([0.97, 0.01, 0.01, 0.01], (8, 1)), np.full(4, 0.25), n_sites=100.0)
    sequences = EncodedSequences(DNA, ("a",), np.zeros(5000, np.uint8), np.array([0, 5000]))
    background = background_from_probabilities(DNA, [0.25] * 4)
    [found] = scan([motif], sequences, background=background)
    assert len(found.sites) == 4993


def test_a_short_motif_may_be_unable_to_have_sites():
    motif = random_motif(1, 3)
    [found] = scan([motif], random_sequences(1, [100]))
    assert len(found.sites) == 0
    assert found.smallest_p_value > 1e-4


def test_impossible_requests_are_refused():
    sequences = random_sequences(1, [50])
    with pytest.raises(UsageError, match="no motifs"):
        scan([], sequences)
    with pytest.raises(UsageError, match="p_threshold is 0"):
        scan([random_motif(1, 5)], sequences, p_threshold=0.0)
    with pytest.raises(InputError, match="motif m is of protein, the sequences are DNA"):
        scan([random_motif(1, 5, PROTEIN)], sequences)


def test_known_sites_are_found(data):
    """MAFK peaks: most have a site, and most of the best sites lie within 25 bp of the middle."""
    peaks = encode(read_fasta(data / "peaks.fa"), DNA)
    [found] = scan(read_motifs(data / "motifs.jaspar.tsv"), peaks, best_only=True)
    middle = np.abs(found.sites.start + 7 - 100) <= 25
    assert len(found.sites) > 0.75 * len(peaks)
    assert middle.mean() > 0.85


# The command


@pytest.fixture
def motif_file(data):
    return str(data / "motifs.jaspar.tsv")


def table(path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("##")]
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


def fasta(tmp_path, text: str | bytes, name: str = "in.fa"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


SITE = "ACGTACCTGCTGACTCAGCAATTTGGAACCA"


def test_the_table_holds_the_sites(motif_file, tmp_path):
    output, bed = tmp_path / "sites.tsv", tmp_path / "sites.bed"
    turned = "TGGTTCCAAATTGCTGAGTCAGCAGGTACGT"
    given_fasta = fasta(tmp_path, f">a\n{SITE.lower()}\n>b first\n{turned}\n")
    assert main(["scan", motif_file, given_fasta, "-o", str(output), "--bed", str(bed), "-q"]) == 0
    rows = table(output)
    assert " ".join(rows[0]) == "MOTIF ALT_NAME SEQUENCE START END STRAND SCORE P_VALUE Q_VALUE MATCH"
    best = [row for row in rows if row["MATCH"].upper() == "TGCTGACTCAGCAAT"]
    assert [(row["SEQUENCE"], row["START"], row["END"], row["STRAND"]) for row in best] == [
        ("a", "8", "22", "+"),
        ("b", "10", "24", "-"),
    ]
    assert best[0]["MATCH"].islower()
    assert best[0]["ALT_NAME"] == "MAFK"
    assert float(best[0]["Q_VALUE"]) >= float(best[0]["P_VALUE"])
    lines = [line.split("\t") for line in bed.read_text().splitlines()]
    assert len(lines) == len(rows)
    assert ["a", "7", "22", "MA0496.3"] in [line[:4] for line in lines]


def test_genome_coordinates(motif_file, tmp_path):
    output = tmp_path / "sites.tsv"
    given_fasta = fasta(tmp_path, f">chr2:1000-{1000 + len(SITE)}\n{SITE}\n")
    arguments = ["--genome-coordinates", "--best-only", "-o", str(output), "-q"]
    assert main(["scan", motif_file, given_fasta, *arguments]) == 0
    [row] = table(output)
    assert (row["SEQUENCE"], row["START"], row["END"], row["STRAND"]) == ("chr2", "1008", "1022", "+")


def test_names_that_are_no_regions_are_said(motif_file, tmp_path, capsys):
    given_fasta = fasta(tmp_path, f">peak1\n{SITE}\n")
    assert main(["scan", motif_file, given_fasta, "--genome-coordinates"]) == 1
    assert f"{given_fasta}: the name 'peak1' of a sequence is not a region" in capsys.readouterr().err


def test_masked_letters_can_be_left_out(motif_file, tmp_path):
    output = tmp_path / "sites.tsv"
    given_fasta = fasta(tmp_path, f">a\n{SITE.lower()}\n>b\n{SITE}\n")
    assert main(["scan", motif_file, given_fasta, "--mask", "ignore", "-o", str(output), "-q"]) == 0
    assert {row["SEQUENCE"] for row in table(output)} == {"b"}


def test_backgrounds_from_files(motif_file, tmp_path, data):
    words = fasta(tmp_path, "A 0.3\nC 0.2\nG 0.2\nT 0.3\n", "bg.txt")
    given_fasta = fasta(tmp_path, f">a\n{SITE}\n")
    p_values = []
    for further in ([], ["--background", words], ["--background", str(data / "peaks.fa"), "--background-order", "2"]):
        output = tmp_path / "sites.tsv"
        assert main(["scan", motif_file, given_fasta, *further, "--one-strand", "-o", str(output), "-q"]) == 0
        p_values.append(table(output)[0]["P_VALUE"])
    assert len(set(p_values)) == 3


def test_some_motifs_only(data, tmp_path, capsys):
    output, record = tmp_path / "sites.tsv", tmp_path / "run.json"
    arguments = ["scan", str(data / "jaspar.meme"), str(data / "promoters.fa"), "-o", str(output)]
    assert main([*arguments, "--motif", "MAFK,MA0035.4", "--p-threshold", "0.01", "--run-record", str(record)]) == 0
    assert {row["MOTIF"] for row in table(output)} == {"MA0496.3", "MA0035.4"}
    counts = json.loads(record.read_text())["counts"]
    assert counts["motifs"] == 2
    assert counts["sites"] == len(table(output))
    assert main([*arguments, "--motif", "unheard-of"]) == 1
    assert "has no motif 'unheard-of'" in capsys.readouterr().err


def test_several_motifs_at_any_number_of_threads_give_the_same_bytes(data, tmp_path):
    outputs = []
    for threads in ("1", "2"):
        output = tmp_path / f"{threads}.tsv"
        arguments = ["--p-threshold", "0.001", "--threads", threads, "-o", str(output), "-q"]
        assert main(["scan", str(data / "jaspar.meme"), str(data / "peaks.fa"), *arguments]) == 0
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]


MEME = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF x\nletter-probability matrix: alength= 4 w= 2 nsites= 9\n"
PROTEIN_MEME = (
    "MEME version 4\n\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n\nMOTIF p\n"
    f"letter-probability matrix: alength= 20 w= 1 nsites= 9\n{' '.join(['0.05'] * 20)}\n"
)


@pytest.mark.parametrize(
    ("motifs", "sequences", "message"),
    [
        ("", f">a\n{SITE}\n", "motifs.meme: is empty"),
        ("MEME version 4\n\nALPHABET= ACGT\n", f">a\n{SITE}\n", "motifs.meme: holds no motif"),
        (MEME + "0.5 0.5 0 0\n0.9 0.2 0.2 0.2\n", f">a\n{SITE}\n", "motifs.meme: line 8: row 2 of motif x"),
        (MEME + "0.5 0.5 0 0\n", f">a\n{SITE}\n", "motifs.meme: line 6: the matrix of motif x has 1 rows"),
        (PROTEIN_MEME, ">a\nMKVLZ1\n", "'1' at position 6 is not a letter of protein, the alphabet of motif p"),
        (MEME + "1 0 0 0\n0 1 0 0\n", ">a\nMKVLDE\n", "is not a letter of DNA, the alphabet of motif x"),
        (
            MEME + "1 0 0 0\n0 1 0 0\n",
            ">a\nA\n>b\nC\n",
            "the longest of 2 sequences has 1 letters, the narrowest motif 2",
        ),
        (MEME + "1 0 0 0\n0 1 0 0\n", "", "in.fa: is empty"),
        (MEME + "1 0 0 0\n0 1 0 0\n", ">a\nNNNN\n", "every letter is N or X"),
        (MEME + "1 0 0 0\n0 1 0 0\n", ">a\nRYRY\n", "in.fa: no letter is known, only ambiguity codes"),
        (MEME + "1 0 0 0\n0 1 0 0\n", f">a\n{SITE}\n>a\nACGT\n", "the name 'a' was used before"),
    ],
)
def test_bad_input_is_one_line(motifs, sequences, message, tmp_path, capsys):
    motif_path = fasta(tmp_path, motifs, "motifs.meme")
    assert main(["scan", motif_path, fasta(tmp_path, sequences), "-o", str(tmp_path / "out.tsv")]) == 1
    shown = capsys.readouterr().err.strip()
    assert message in shown
    assert shown.startswith("genem scan: error: ")
    assert len(shown.splitlines()) == 1
    assert not (tmp_path / "out.tsv").exists()


def test_oddities_are_said(tmp_path, capsys):
    wide = MEME.replace("w= 2", "w= 40") + "0.97 0.01 0.01 0.01\n" * 40
    narrow = "\nMOTIF y\nletter-probability matrix: alength= 4 w= 2 nsites= 9\n1 0 0 0\n0 1 0 0\n"
    motifs = fasta(tmp_path, wide + narrow, "motifs.meme")
    given_fasta = fasta(tmp_path, f">a\r\n{SITE}\r\n>b\r\n\r\n>c\r\nA\r\n")
    assert main(["scan", motifs, given_fasta, "-o", str(tmp_path / "out.tsv")]) == 0
    shown = capsys.readouterr().err
    assert "left out 1 of 3 records: no letters in them" in shown
    assert "1 of 2 motifs are wider than any sequence" in shown
    assert "1 of 2 sequences are too short for a motif" in shown
    assert "motif y: even its best word has a p-value of" in shown


def test_a_truncated_gzip_file_is_said(motif_file, tmp_path, capsys):
    whole = gzip.compress(f">a\n{SITE * 50}\n".encode())
    assert main(["scan", motif_file, fasta(tmp_path, whole[:-12], "in.fa.gz"), "-o", "-"]) == 1
    shown = capsys.readouterr()
    assert "in.fa.gz" in shown.err
    assert "truncated" in shown.err
