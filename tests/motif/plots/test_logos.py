"""Logos and site maps: what is drawn, and that the same input gives the same bytes."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from genem.data import Motif
from genem.errors import UsageError
from genem.motif.plots.logos import draw_logo, information, plot_logos, reverse_complemented
from genem.motif.plots.site_maps import plot_site_map
from tests.motif.strategies import motif_lists, motif_sites, sequence_set

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra plots)")

UNIFORM = np.full(4, 0.25)
SIGNATURES = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


def drawn(motif: Motif, **options: bool) -> list[tuple[float, float, float, float, str]]:
    """Left, bottom, width, height and colour of every letter of a logo."""
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    draw_logo(axes, motif, title="", **options)
    boxes = [(patch.get_path().get_extents(), patch.get_facecolor()) for patch in axes.patches]
    return [(box.x0, box.y0, box.width, box.height, to_hex(colour)) for box, colour in boxes]


@given(motif_list=motif_lists())
def test_information_is_between_nothing_and_everything(motif_list: list[Motif]) -> None:
    for motif in motif_list:
        bits = information(motif, small_sample=False)
        assert np.all(bits >= 0.0)
        assert np.all(bits <= np.log2(len(motif.alphabet)) + 1e-12)
        assert np.all(information(motif) <= bits)
    uniform = Motif("u", "ACGT", np.full((2, 4), 0.25), UNIFORM)
    assert information(uniform).tolist() == [0.0, 0.0]


def test_the_correction_for_few_sites() -> None:
    motif = Motif("a", "ACGT", np.array([[0.5, 0.5, 0.0, 0.0], [0.25] * 4]), UNIFORM, n_sites=10.0)
    # 2 bits, less 1 bit of entropy, less 3 / (2 ln 2 10) bits
    assert information(motif) == pytest.approx([0.783596, 0.0], abs=1e-6)


def test_letters_fill_their_boxes() -> None:
    motif = Motif("a", "ACGT", np.array([[0.75, 0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]), UNIFORM)
    letters = drawn(motif)
    bits = information(motif)
    assert [colour for *_, colour in letters] == ["#0072b2", "#009e73", "#d55e00"]  # C below A; T
    heights = [height for *_, height, _ in letters]
    assert heights == pytest.approx([bits[0] / 4, 3 * bits[0] / 4, 2.0])
    assert letters[1][1] == pytest.approx(bits[0] / 4)
    assert [letter[0] for letter in letters] == pytest.approx([0.52, 0.52, 1.52])
    assert [letter[2] for letter in letters] == pytest.approx([0.96] * 3)


def test_the_axis_says_whether_it_is_corrected() -> None:
    from matplotlib.figure import Figure

    known, unknown = (Motif("a", "ACGT", np.eye(4), UNIFORM, n_sites=n) for n in (12.0, float("nan")))
    for motif, corrected, label in ((known, True, "corrected"), (known, False, "bits"), (unknown, True, "bits")):
        axes = Figure().add_subplot()
        draw_logo(axes, motif, title="", small_sample=corrected)
        assert ("corrected" in axes.get_ylabel()) == (label == "corrected")


def test_reverse_complement() -> None:
    motif = Motif("AAC", "ACGT", np.eye(4)[[0, 0, 1]], np.array([0.4, 0.3, 0.2, 0.1]))
    turned = reverse_complemented(motif)
    assert "".join("ACGT"[row.argmax()] for row in turned.probabilities) == "GTT"
    assert turned.background.tolist() == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_formats(tmp_path: Path, file_format: str) -> None:
    motifs = [Motif("a<b>", "ACGT", np.eye(4), UNIFORM, n_sites=7.0), Motif("c", "ACGT", np.eye(4)[:3], UNIFORM)]
    sequences = sequence_set({"x": "ACGTACGT", "y" * 50: "ACGT"})
    sites = [motif_sites([(0, 0, 1), (1, 0, -1)]), motif_sites([])]
    pictures = []
    for name in ("one", "two"):
        logo, site_map = (tmp_path / f"{name}.{kind}.{file_format}" for kind in ("logo", "map"))
        plot_logos(motifs, logo)
        plot_site_map(motifs, sites, sequences, site_map)
        pictures.append((logo.read_bytes(), site_map.read_bytes()))
    assert pictures[0] == pictures[1]
    assert all(content.startswith(SIGNATURES[file_format]) for content in pictures[0])


def text_of(picture: io.BytesIO) -> str:
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", picture.getvalue().decode()))


def test_proteins_have_no_reverse_complement() -> None:
    titles = []
    for alphabet in ("ACGU", "ACDEFGHIKLMNPQRSTVWY"):
        picture = io.BytesIO()
        n_letters = len(alphabet)
        plot_logos(
            [Motif("m", alphabet, np.eye(n_letters), np.full(n_letters, 1 / n_letters))], picture, file_format="svg"
        )
        titles.append(text_of(picture))
    assert "reverse complement" in titles[0]
    assert "reverse complement" not in titles[1]


def test_wide_motifs_are_drawn_in_lines() -> None:
    picture = io.BytesIO()
    wide = Motif("m", "ACGT", np.tile(np.eye(4), (25, 1)), UNIFORM, alternative_name="ACGT" * 25)
    plot_logos([wide, Motif("narrow", "ACGT", np.eye(4), UNIFORM)], picture, file_format="svg")
    shown = text_of(picture).split()
    assert [shown.count(tick) for tick in ("1", "4", "34", "67", "100", "101")] == [4, 2, 2, 2, 2, 0]
    assert shown.count("reverse") == 2
    assert [len(word) for word in shown if word.startswith("ACGT")] == [58]


def test_a_site_map_of_many_sequences_shows_the_best() -> None:
    sequences = sequence_set({f"s{number}": "ACGTACGT" for number in range(10)})
    sites = motif_sites([(number, 0, 1) for number in range(8)], [0.1 / (1 + number) for number in range(8)])
    picture = io.BytesIO()
    plot_site_map([Motif("m", "ACGT", np.eye(4), UNIFORM)], [sites], sequences, picture, most=3, file_format="svg")
    shown = text_of(picture)
    assert [name for name in sequences.names if f" {name} " in f" {shown} "] == ["s5", "s6", "s7"]
    assert "3 of 10 sequences" in shown


@settings(max_examples=2)
@given(motif_list=motif_lists())
def test_any_motif_can_be_drawn(motif_list: list[Motif]) -> None:
    picture = io.BytesIO()
    plot_logos(motif_list, picture, file_format="svg")
    assert picture.getvalue().startswith(b"<?xml")


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=re.escape("pictures need matplotlib; pip install 'genem[plots]'")):
        plot_logos([Motif("m", "ACGT", np.eye(4), UNIFORM)], io.BytesIO(), file_format="svg")
