"""Comparing motifs: p-values against enumeration; the command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.cli.main import main
from genem.data import Motif
from genem.errors import InputError, UsageError
from genem.io.motifs.files import read_motifs
from genem.motif import compare, plot_aligned_logos, q_values, reverse_complemented
from genem.motif.comparison.matching import TOP_SCORE, column_similarities, natural_units
from tests.motif.strategies import probability_rows
from tests.reference import motif_significance as reference

SIMILARITIES = ("pearson", "euclidean", "sandelin")


def motif(seed: int, width: int, alphabet: str = "ACGT") -> Motif:
    n = len(alphabet)
    return Motif(f"m{seed}", alphabet, probability_rows(seed, width, n), np.full(n, 1 / n), n_sites=50.0)


@pytest.mark.kernel
@given(
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 4),
    st.sampled_from(SIMILARITIES),
)
def test_p_values_by_enumeration_of_all_combinations_of_columns(seed, width, widths, min_overlap, similarity):
    query = motif(seed, width)
    targets = [motif(seed + 1 + index, each) for index, each in enumerate(widths)]
    [found] = compare([query], targets, similarity=similarity, min_overlap=min_overlap, both_strands=False)
    scores = [
        np.rint(TOP_SCORE * column_similarities(query.probabilities, each.probabilities, similarity)).astype(int)
        for each in targets
    ]
    null = np.concatenate(scores, axis=1).tolist()
    for index, target in enumerate(targets):
        least = min(min_overlap, width, target.width)
        p_value, offset, overlap, _ = reference.best_alignment(scores[index].tolist(), null, least)
        n_alignments = width + target.width - 2 * least + 1
        assert found.p_value[index] == pytest.approx(1.0 - (1.0 - p_value) ** n_alignments, abs=1e-9)
        assert (found.offset[index], found.overlap[index]) == (offset, overlap)
        columns = np.arange(max(0, -offset), width)[:overlap]
        mean = column_similarities(query.probabilities, target.probabilities, similarity)[
            columns, offset + columns
        ].mean()
        assert found.score[index] == pytest.approx(natural_units(mean, similarity), abs=1e-9)
    assert found.e_value == pytest.approx(found.p_value * len(targets))
    assert found.q_value == pytest.approx(q_values(found.p_value))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_equal_columns_are_most_similar(similarity):
    columns = motif(1, 6).probabilities
    similarities = column_similarities(columns, columns, similarity)
    assert np.diag(similarities) == pytest.approx(1.0, abs=1e-7)
    assert similarities.min() >= 0.0
    assert similarities.max() <= 1.0 + 1e-12


def test_measures_in_their_own_units():
    one, other = np.array([[0.7, 0.1, 0.1, 0.1]]), np.array([[0.1, 0.2, 0.6, 0.1]])
    square = 0.36 + 0.01 + 0.25
    expected = {"pearson": np.corrcoef(one[0], other[0])[0, 1], "euclidean": -(square**0.5), "sandelin": 2 - square}
    for similarity, value in expected.items():
        found = natural_units(column_similarities(one, other, similarity), similarity)
        assert found[0, 0] == pytest.approx(value)
    flat = np.full((1, 4), 0.25)
    assert natural_units(column_similarities(one, flat, "pearson"), "pearson")[0, 0] == 0.0


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_part_of_a_motif_finds_the_whole(similarity, turned, data):
    database = read_motifs(data / "jaspar.meme")
    for index, whole in enumerate(database):
        part = replace(whole, probabilities=whole.probabilities[1:])
        query = reverse_complemented(part) if turned else part
        [found] = compare([query], database, similarity=similarity)
        best = int(found.p_value.argmin())
        if whole.alternative_name in ("INO2", "INO4", "CBF1"):  # like each other, or like their own reverse complement
            continue
        assert best == index
        assert found.orientation[best] == (-1 if turned else 1)
        assert found.offset[best] == (0 if turned else 1)
        assert found.overlap[best] == whole.width - 1
        assert found.e_value[best] < 1e-3


def test_p_values_are_uniform_or_larger_for_unrelated_motifs():
    """Of 40 x 40 pairs of random motifs at most 5 % plus 4 standard errors are below 0.05."""
    queries, targets = ([motif(start + i, 8) for i in range(40)] for start in (1000, 2000))
    p_values = np.concatenate([found.p_value for found in compare(queries, targets)])
    assert (p_values < 0.05).mean() < 0.05 + 4 * (0.05 * 0.95 / p_values.size) ** 0.5


def test_the_result_does_not_depend_on_threads():
    queries, targets = [motif(1, 9)], [motif(seed, 7) for seed in range(30)]
    one, two = (compare(queries, targets, threads=threads)[0] for threads in (1, 2))
    assert one.p_value.tobytes() == two.p_value.tobytes()
    assert one.offset.tolist() == two.offset.tolist()


def test_proteins_have_no_orientation():
    letters = "ACDEFGHIKLMNPQRSTVWY"
    [found] = compare([motif(3, 6, letters)], [motif(seed, 6, letters) for seed in range(5)])
    assert found.p_value.argmin() == 3
    assert found.orientation.tolist() == [1] * 5


def test_impossible_requests_are_refused():
    with pytest.raises(UsageError, match="no targets"):
        compare([motif(1, 5)], [])
    with pytest.raises(UsageError, match="no queries"):
        compare([], [motif(1, 5)])
    with pytest.raises(UsageError, match="min_overlap is 0"):
        compare([motif(1, 5)], [motif(1, 5)], min_overlap=0)
    with pytest.raises(InputError, match="motif m1 is of protein, target m2 of DNA"):
        compare([motif(1, 5, "ACDEFGHIKLMNPQRSTVWY")], [motif(2, 5)])


def test_the_picture_is_the_same_every_time(tmp_path):
    pairs = [(motif(1, 6), motif(2, 9), 2, -1), (motif(3, 6), motif(4, 5), -2, 1)]
    pictures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in pictures:
        plot_aligned_logos(pairs, path)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    assert "m2 (reverse complement)" in pictures[0].read_text()


# The command


def rows(path) -> list[dict[str, str]]:
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("##")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_the_table_holds_the_targets_best_first(data, tmp_path):
    output = tmp_path / "out.tsv"
    assert main(["compare", str(data / "motifs.jaspar.tsv"), str(data / "jaspar.meme"), "-o", str(output), "-q"]) == 0
    found = rows(output)
    columns = "QUERY TARGET OFFSET OVERLAP ORIENTATION SCORE P_VALUE E_VALUE Q_VALUE"
    assert " ".join(list(found[0])[:9]) == columns
    assert [row["TARGET_ALT_NAME"] for row in found[:2]] == ["MAFK", "GCN4"]
    assert found[0]["QUERY_CONSENSUS"] == found[0]["TARGET_CONSENSUS"] == "tgCTGACTCAGCaat"
    assert [float(row["E_VALUE"]) for row in found] == sorted(float(row["E_VALUE"]) for row in found)
    assert max(float(row["E_VALUE"]) for row in found) <= 10.0


def test_targets_are_turned_and_pictures_drawn(data, tmp_path):
    from genem.io.motifs.meme_text import write_meme

    query, output, picture = tmp_path / "query.meme", tmp_path / "out.tsv", tmp_path / "logos.png"
    with query.open("wb") as stream:
        write_meme(stream, [reverse_complemented(read_motifs(data / "motifs.jaspar.tsv")[0])])
    arguments = ["--max-e-value", "0.001", "--plot", str(picture), "-o", str(output), "-q"]
    assert main(["compare", str(query), str(data / "jaspar.meme"), *arguments]) == 0
    [row] = rows(output)
    assert (row["TARGET_ALT_NAME"], row["ORIENTATION"], row["TARGET_CONSENSUS"]) == ("MAFK", "-", "attGCTGAGTCAGca")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_nothing_similar_is_said(data, tmp_path, capsys):
    output, picture = tmp_path / "out.tsv", tmp_path / "logos.svg"
    arguments = ["--motif", "MAFK", "--max-e-value", "1e-60", "--plot", str(picture), "-o", str(output)]
    assert main(["compare", str(data / "jaspar.meme"), str(data / "motifs.jaspar.tsv"), *arguments]) == 0
    assert rows(output) == []
    assert not picture.exists()
    shown = capsys.readouterr().err
    assert "1 targets: p-values come from their columns and are rough for so few" in shown
    assert "no motif has a match" in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "db.meme: is empty"),
        ("MEME version 4\n\nALPHABET= ACGT\n", "db.meme: holds no motif"),
        ("MEME version 4\nALPHABET= ACGT\nMOTIF x\nletter-probability matrix: w= 1\n0.5 0.5 0\n", "db.meme: line 5"),
        (
            "MEME version 4\r\nALPHABET= ACDEFGHIKLMNPQRSTVWY\r\nMOTIF p\r\nletter-probability matrix: w= 1\r\n"
            + " ".join(["0.05"] * 20),
            "motif MA0496.3 is of DNA, target p of protein",
        ),
    ],
)
def test_bad_input_is_one_line(text, message, data, tmp_path, capsys):
    database = tmp_path / "db.meme"
    database.write_text(text, newline="")
    assert main(["compare", str(data / "motifs.jaspar.tsv"), str(database), "-q"]) == 1
    shown = capsys.readouterr().err.strip()
    assert message in shown
    assert len(shown.splitlines()) == 1
