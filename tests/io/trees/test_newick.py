"""Newick: names and lengths survive, what is broken is refused with its place."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError
from genem.io.trees.newick import format_newick, parse_newick, read_newick
from tests.phylo.cases import random_tree


@given(st.lists(st.text(min_size=1).filter(lambda name: "\x00" not in name), min_size=1, max_size=6, unique=True))
def test_any_name_survives(names: list[str]) -> None:
    rng = np.random.default_rng(1)
    tree = random_tree(rng, len(names))
    named = type(tree)(tuple(names), tree.parent, tree.length, tree.labels)
    again = parse_newick(format_newick(named))
    assert again.taxa == tuple(names[node] for node in [names.index(name) for name in again.taxa])
    assert sorted(again.taxa) == sorted(names)
    assert {(name, length) for name, length in zip(again.taxa, again.length.tolist(), strict=False)} == {
        (name, length) for name, length in zip(names, tree.length.tolist(), strict=False)
    }


@given(st.integers(1, 12), st.integers(0, 1000), st.floats(0.0, 1.0))
def test_a_tree_survives(n_taxa: int, seed: int, multifurcating: float) -> None:
    tree = random_tree(np.random.default_rng(seed), n_taxa, multifurcating=multifurcating)
    text = format_newick(tree)
    again = parse_newick(text)
    assert format_newick(again) == text
    assert sorted(again.length.tolist()) == sorted(tree.length.tolist())
    assert np.all(again.parent[:-1] > np.arange(len(again) - 1))


def test_an_underscore_is_an_underscore() -> None:
    tree = parse_newick("(Homo_sapiens:1,'Pan troglodytes':2,'O''Brien':3)'a b':4;")
    assert tree.taxa == ("Homo_sapiens", "Pan troglodytes", "O'Brien")
    assert tree.labels == ("a b",)
    assert format_newick(tree) == "(Homo_sapiens:1.0,'Pan troglodytes':2.0,'O''Brien':3.0)'a b';"


def test_lengths_in_full_and_missing() -> None:
    tree = parse_newick("(a:0.1234567890123456789,b,(c:1e-9,d:0)90:2.5e+0);")
    np.testing.assert_array_equal(tree.length, [0.12345678901234568, np.nan, 1e-9, 0.0, 2.5, 0.0])
    assert format_newick(tree) == "(a:0.12345678901234568,b,(c:1e-09,d:0.0)90:2.5);"


def test_comments_and_blanks_are_left_out() -> None:
    assert parse_newick("[&R] ( a [x:(,)] : 1 ,\n b:2 [&&NHX:S=1] )\n;").taxa == ("a", "b")


def test_small_trees() -> None:
    assert parse_newick("a;").taxa == ("a",)
    assert format_newick(parse_newick("a;")) == "(a);"
    assert len(parse_newick(";")) == 1
    assert format_newick(parse_newick(";")) == ";"


def test_deep_trees_need_no_recursion() -> None:
    depth = 5000
    text = "(" * depth + "a" + "".join(f",t{number})" for number in range(depth)) + ";"
    assert len(parse_newick(text).taxa) == depth + 1
    again = format_newick(parse_newick(text))
    assert format_newick(parse_newick(again)) == again


def test_several_trees_of_a_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "trees.nwk.gz"
    path.write_bytes(gzip.compress(b"(a,b);\n(b,a,c);\n"))
    assert [tree.taxa for tree in read_newick(path)] == [("a", "b"), ("b", "a", "c")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(a,b", "the tree does not end"),
        ("(a,b));", r"character 6: '\)' outside of parentheses"),
        ("((a,b);", "1 parentheses are not closed"),
        ("(a,b):x;", "'x' is no length"),
        ("(a:,b);", "':' without a length"),
        ("(a:-1,b);", "a length of -1"),
        ("(a:nan,b);", "a length of nan"),
        ("(a,,b);", "a taxon without a name"),
        ("(a,b,a);", "more than once: 'a'"),
        ("(a,'b);", "has no partner"),
        ("a(b,c);", r"'\(' where ',' or '\)' is expected"),
        ("", "0 trees, 1 expected"),
        ("(a,b);(c,d);", "2 trees, 1 expected"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_newick(text)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trees.nex"
    path.write_text("#NEXUS\nbegin trees;\n")
    with pytest.raises(InputError, match="is a Nexus file"):
        read_newick(path)
    path.write_bytes(b"(a,\xff);")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        read_newick(path)
