"""Drawn trees: everything that is written can be read, and means what it says."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.data import Tree
from genem.io.trees.newick import format_newick, parse_newick
from genem.phylo.trees.layout import Boxes, lay_out, place_labels
from genem.phylo.trees.plots import plot_tree
from genem.phylo.trees.topology import relabelled
from tests.phylo.cases import random_tree

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

PRIMATES = "((Homo:0.1,Pan:0.12)99:0.05,(Macaca:0.2,Papio:0.2)87.3/99:0.1,Lemur:0.5);"


def drawn(tree: Tree | str, file_format: str = "svg", **options: bool) -> bytes:
    target = io.BytesIO()
    plot_tree(parse_newick(tree) if isinstance(tree, str) else tree, target, file_format=file_format, **options)
    return target.getvalue()


def texts(tree: Tree | str, **options: bool) -> list[str]:
    page = ElementTree.fromstring(drawn(tree, **options))
    return [element.text or "" for element in page.iter("{http://www.w3.org/2000/svg}text")]


def test_names_supports_and_scale_are_text() -> None:
    assert texts(PRIMATES) == [
        *("Homo", "Pan", "Macaca", "Papio", "Lemur"),
        *("99", "87.3/99"),
        "0.05 substitutions per site",
        "unrooted: drawn from the midpoint of its longest path",
    ]


@given(st.lists(st.text(min_size=1, max_size=8), min_size=4, max_size=4, unique=True))
@settings(max_examples=10)
def test_any_name_is_drawn_as_it_is(names: list[str]) -> None:
    tree = replace(parse_newick("(a:1,b:1,(c:1,d:1):1);"), taxa=tuple(names))
    shown = texts(tree)[:4]
    for name, text in zip(names, shown, strict=True):
        assert len(text) == len(name)
        assert all(one == other for one, other in zip(name, text, strict=True) if one.isprintable())


def test_mathematics_is_not_read() -> None:
    assert texts("('$x_1$':1,'a_{2}^3$':1,'\\frac{1}{2}':1);")[:3] == ["$x_1$", "a_{2}^3$", "\\frac{1}{2}"]


def test_long_names_lose_their_middle() -> None:
    tree = replace(parse_newick("(a:1,b:1,c:1);"), taxa=("start" + 300 * "x" + "end", "b", "c"))
    name = texts(tree)[0]
    start, end = name.split("\N{HORIZONTAL ELLIPSIS}")
    assert start == "start" + "x" * (len(start) - 5)
    assert end == "x" * (len(end) - 3) + "end"
    assert 40 < len(name) < 100


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_the_same_tree_gives_the_same_bytes(file_format: str) -> None:
    tree = parse_newick(PRIMATES)
    again = relabelled(parse_newick(format_newick(tree)), sorted(tree.taxa))
    assert drawn(tree, file_format) == drawn(tree, file_format)
    assert sorted(texts(again)) == sorted(texts(tree))


def test_a_rooted_tree_keeps_its_root_and_needs_no_note() -> None:
    assert texts("((a:1,b:1)90:1,((c:1,d:1)80:1,e:1)90:2);") == [*"abcde", "80", "90", "0.5 substitutions per site"]


def test_an_unrooted_tree_is_drawn_from_its_top_on_request() -> None:
    tree = parse_newick(PRIMATES)
    layout = lay_out(tree, midpoint=False)
    assert layout.tree is tree
    assert layout.notes == ()


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("((a,b),c,d);", "no lengths: only the splits are shown"),
        ("((a:0,b:0):0,c:0,d:0);", "no length is greater than 0: only the splits are shown"),
        ("((a:1,b:1),c:1,d:1);", "1 of 5 edges have no length and are drawn as 0"),
    ],
)
def test_lengths_that_are_missing_are_told(text: str, note: str) -> None:
    assert texts(text)[-1] == note
    assert any("substitutions" in one for one in texts(text)) == ("drawn as 0" in note)


def test_negative_lengths_are_told() -> None:
    tree = parse_newick("((a:1,b:1):0.5,c:1,d:1);")
    negative = replace(tree, length=np.where(tree.length == 0.5, -0.5, tree.length))
    assert texts(negative)[-1] == "1 of 5 lengths are negative and are drawn as 0"
    assert np.all(lay_out(negative).x >= 0.0)


@pytest.mark.parametrize("text", [";", "(a:1);", "(a,b);", "(a:0,b:0);", "(a:1,b:2,c:3);", "(((a:1)x:1)y:1,b:1);"])
def test_small_trees(text: str) -> None:
    assert texts(text)[: len(parse_newick(text).taxa)] == list(parse_newick(text).taxa)
    assert drawn(text, "png").startswith(b"\x89PNG")


def crowded(label: str) -> Tree:
    """Sixty taxa, most inner edges very short."""
    tree = random_tree(np.random.default_rng(60), 60)
    length = np.where(np.arange(len(tree)) < 60, tree.length, 0.02 * tree.length)
    return replace(tree, length=length, labels=(label,) * (len(tree.labels) - 1) + ("",))


def n_dots(svg: bytes, shade: str) -> int:
    return svg.count(f"fill: {shade}; stroke: #222222".encode())


@pytest.mark.parametrize(
    ("label", "shade"), [("95", "#222222"), ("71/99", "#9a9a9a"), ("0.8", "#9a9a9a"), ("0.999/0.6", "#ffffff")]
)
def test_supports_without_room_become_dots(label: str, shade: str) -> None:
    tree = crowded(label)
    n_labels = len(lay_out(tree).tree.labels) - 2  # that of the root's edge stands on both its sides
    n_written = texts(tree).count(label)
    assert "support, where its number has no room:" in texts(tree)
    assert n_written + n_dots(drawn(tree), shade) - 1 == n_labels  # one dot is in the legend
    assert n_written < n_labels


def test_where_most_have_no_room_all_become_dots() -> None:
    tree = crowded("99.123456789/100.123456789")
    assert not any("/" in text for text in texts(tree))
    assert n_dots(drawn(tree), "#222222") == len(lay_out(tree).tree.labels) - 2 + 1


def test_other_labels_are_shown_at_the_top_as_well() -> None:
    assert {"inner", "root"} <= set(texts("((a:1,b:1)inner:1,c:1)root;"))


@given(st.integers(1, 40), st.integers(0, 10_000), st.floats(0.0, 0.5))
def test_every_layout_is_a_drawing_of_its_tree(n_taxa: int, seed: int, multifurcating: float) -> None:
    layout = lay_out(random_tree(np.random.default_rng(seed), n_taxa, multifurcating=multifurcating))
    tree = layout.tree
    assert sorted(layout.y[:n_taxa].tolist()) == list(range(n_taxa))
    np.testing.assert_allclose(layout.x[:-1] - layout.x[tree.parent[:-1]], tree.length[:-1], atol=1e-12)
    below = [[node] for node in range(n_taxa)] + [[] for _ in tree.labels]
    for node, above in enumerate(tree.parent[:-1].tolist()):
        below[above] += below[node]
    for taxa, row in zip(below, layout.y, strict=True):
        rows = sorted(layout.y[taxa].tolist())
        assert rows == list(range(int(rows[0]), int(rows[0]) + len(rows)))  # a clade is in rows of its own
        assert rows[0] <= row <= rows[-1]


@given(st.integers(3, 30), st.integers(0, 10_000))
def test_the_rows_do_not_depend_on_the_order_of_nodes(n_taxa: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree = random_tree(rng, n_taxa)
    other = relabelled(tree, [tree.taxa[k] for k in rng.permutation(n_taxa)])
    rows = [dict(zip(one.taxa, lay_out(one).y.tolist(), strict=False)) for one in (tree, other)]
    assert rows[0] == rows[1]


@given(st.integers(0, 10_000))
def test_labels_cover_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 60, 12), rng.uniform(0, 60, 12)
    left, top = rng.uniform(0, 60, (2, 10))
    taken = Boxes(left, left + rng.uniform(0, 20, 10), top, top + rng.uniform(0, 5, 10))
    widths = rng.uniform(4, 12, 12).tolist()
    places = place_labels(range(12), widths, 4.0, x, y, taken)
    boxes = [(a, a + widths[node], b - 2.0, b + 2.0) for node, (a, b) in places.items()]
    for number, box in enumerate(boxes):
        assert not taken.hit(*box)
        for other in boxes[:number]:
            assert box[0] >= other[1] or box[1] <= other[0] or box[2] >= other[3] or box[3] <= other[2]


def height(svg: str) -> float:
    return float(re.findall(r'height="([0-9.]+)pt"', svg)[0])


def font_sizes(svg: str) -> list[float]:
    return [float(size) for size in re.findall(r"font(?:-size)?: ([0-9.]+)px", svg)]


@pytest.mark.slow
def test_large_trees_are_as_high_as_they_need() -> None:
    heights = []
    for n_taxa in (50, 500):
        tree = random_tree(np.random.default_rng(n_taxa), n_taxa)
        svg = drawn(tree).decode()
        assert min(font_sizes(svg)) >= 6.0
        heights.append(height(svg))
    assert heights[0] >= 50 * 8.0 * 1.2
    assert heights[1] >= 500 * 6.0 * 1.2


def test_no_picture_is_too_high_to_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genem.phylo.trees.plots.MOST_HEIGHT", 120.0)
    svg = drawn(random_tree(np.random.default_rng(1), 60)).decode()
    assert 120.0 < height(svg) < 180.0
    assert min(font_sizes(svg)) == pytest.approx(120.0 / 60.0 / 1.3, abs=0.01)
