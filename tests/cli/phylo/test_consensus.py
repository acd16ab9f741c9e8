"""``genem consensus``: what is written, and what is refused."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest

from genem.cli.main import main
from genem.io.trees.newick import format_newick, parse_newick, read_newick
from genem.phylo import robinson_foulds, split_shares, split_table
from genem.phylo.searching.starts import random_tree
from tests.qtl.crosses import table

THREE = "((a:1,b:1):1,(c:1,d:1):1,e:1);\n" * 2 + "((a:1,c:1):1,(b:1,d:1):1,e:1);\n"


def consensus(*arguments: object) -> int:
    return main(["consensus", *map(str, arguments)])


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    path = tmp_path / "trees.nwk"
    path.write_text(THREE)
    return path


def test_majority_of_the_bundled_replicates(data: Path, tmp_path: Path) -> None:
    out, splits = tmp_path / "out.nwk", tmp_path / "splits.tsv"
    assert consensus(data / "alignment.bootstrap.nwk", "-o", out, "--splits", splits) == 0
    (tree,) = read_newick(out)
    rows = table(splits)
    inside = [row for row in rows if row["IN_RESULT"] == "yes"]
    assert len(inside) == 9
    assert all(float(row["SHARE"]) > 0.5 for row in inside)
    assert all(float(row["SHARE"]) <= 0.5 for row in rows if row["IN_RESULT"] == "no")
    assert sorted(f"{100 * float(row['SHARE']):.0f}" for row in inside) == sorted(filter(None, tree.labels))
    (apes,) = (row for row in rows if row["TAXA"] == "(Homo_sapiens,Pan)")
    assert apes["N_TAXA"] == "2"
    assert float(apes["SHARE"]) == int(apes["N_TREES"]) / 100


def test_rules(trees: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert consensus(trees) == 0
    assert consensus(trees, "--rule", "strict") == 0
    assert consensus(trees, "--rule", "greedy") == 0
    assert consensus(trees, "--min-share", "0.7") == 0
    majority, strict, greedy, demanding = capsysbinary.readouterr().out.decode().splitlines()
    assert majority == "(a:1.0,b:1.0,(e:1.0,(c:1.0,d:1.0)67:1.0)67:1.0);"
    assert strict == demanding == "(a:1.0,b:1.0,c:1.0,d:1.0,e:1.0);"
    assert greedy == majority


def test_supports_of_a_tree_and_distances_to_it(trees: Path, tmp_path: Path) -> None:
    best, out, distances = tmp_path / "best.nwk", tmp_path / "out.nwk", tmp_path / "distances.tsv"
    best.write_text("((a:0.5,b:1):1,((c:1,e:1):1e-8,d:1)name:1);")
    assert consensus(trees, "--tree", best, "-o", out, "--distances", distances) == 0
    (tree,) = read_newick(out)
    assert tree.labels == ("67", "", "67", "")
    rows = table(distances)
    assert [(row["TREE_A"], row["TREE_B"], row["RF"]) for row in rows] == [
        ("1", "0", "1"),
        ("2", "0", "1"),
        ("3", "0", "3"),
    ]
    assert float(rows[0]["RF_WEIGHTED"]) == pytest.approx(0.5 + 1.0 + 1.0 + 1e-8)
    assert float(rows[0]["RF_NORMALISED"]) == pytest.approx(1 / 3)


def test_distances_of_all_pairs(trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "one.tsv", tmp_path / "other.tsv"
    assert consensus(trees, trees, "-o", tmp_path / "x", "--distances", one) == 0
    monkeypatch.setattr("genem.cli.phylo.consensus.MOST_PAIRS", 1)
    assert consensus(trees, trees, "-o", tmp_path / "x", "--distances", other) == 0
    assert one.read_bytes() == other.read_bytes()
    rows = table(one)
    assert len(rows) == 15
    every = read_newick(trees) * 2
    for row in rows:
        assert int(row["RF"]) == robinson_foulds(every[int(row["TREE_A"]) - 1], every[int(row["TREE_B"]) - 1])


def test_roots_carry_the_shares_along(trees: Path, tmp_path: Path) -> None:
    for number, option in enumerate((["--outgroup", "e"], ["--midpoint"])):
        out = tmp_path / f"{number}.nwk"
        assert consensus(trees, "-o", out, *option) == 0
        (tree,) = read_newick(out)
        assert len(tree.children()[tree.top]) == 2
        assert set(tree.labels) == {"67", ""}
        assert split_shares([tree]).keys() == split_shares(read_newick(trees)[:1]).keys()


def test_an_outgroup_that_is_no_group_costs_the_root_only(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.nwk"
    assert consensus(trees, "-o", out, "--outgroup", "a,e") == 0
    assert "is written without a new root: the outgroup 'a', 'e' is no group" in capsys.readouterr().err
    (tree,) = read_newick(out)
    assert len(tree.children()[tree.top]) == 3


def test_picture_and_run_record(trees: Path, tmp_path: Path) -> None:
    plot, record = tmp_path / "tree.svg", tmp_path / "record.json"
    assert consensus(trees, "-o", tmp_path / "x", "--plot", plot, "--run-record", record) == 0
    assert plot.read_bytes().lstrip().startswith(b"<?xml")
    assert '"trees": 3' in record.read_text()


def test_names_stay_as_they_are(tmp_path: Path) -> None:
    path, out, splits = tmp_path / "t.nwk", tmp_path / "o.nwk", tmp_path / "s.tsv"
    path.write_text("(('a b','it''s'),c_d,'(e)','f,g');\n" * 2)
    assert consensus(path, "-o", out, "--splits", splits) == 0
    assert sorted(read_newick(out)[0].taxa) == ["(e)", "a b", "c_d", "f,g", "it's"]
    (row,) = table(splits)
    assert sorted(parse_newick(row["TAXA"] + ";").taxa) in (["a b", "it's"], ["(e)", "c_d", "f,g"])
    assert row["LENGTH"] == "NA"


def test_one_tree_is_its_own_consensus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "t.nwk", tmp_path / "o.nwk"
    path.write_text("((a:1,b:1)17:1,c:1,d:1);")
    assert consensus(path, "-o", out) == 0
    assert out.read_text() == "(a:1.0,b:1.0,(c:1.0,d:1.0)100:1.0);\n"
    assert "1 tree: every share is 0 or 1" in capsys.readouterr().err


def test_standard_input(trees: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(THREE.encode()))  # type: ignore[arg-type]

    monkeypatch.setattr("sys.stdin", Stdin)
    assert consensus("-", "-o", tmp_path / "piped.nwk") == 0
    assert consensus(trees, "-o", tmp_path / "read.nwk") == 0
    assert (tmp_path / "piped.nwk").read_bytes() == (tmp_path / "read.nwk").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("  \n", "holds no tree"),
        ("(a,b,c);\n(a,b,d);", r"tree 2: has 3 taxa, without 'c' and with 'd', unlike the first tree"),
        ("(a,b,c);\n(a,b,(c,d);", r"tree 2, character 20: 1 parentheses are not closed"),
        ("(a,b,c);(a,b,c)", r"tree 2, character 16: the tree does not end"),
        ("(a,b,a);", "taxa that come more than once: 'a'"),
        ("(a:x,b,c);", "'x' is no length"),
        ("#NEXUS\n", "is a Nexus file"),
    ],
)
def test_bad_trees(content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.nwk"
    path.write_text(content)
    assert consensus(path) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "bad.nwk: " in line


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--tree", "BEST", "--rule", "greedy"], 2, "--tree asks for none"),
        (["--tree", "BEST"], 1, "best.nwk: the tree to label: has 2 taxa, without 'c', 'd', 'e'"),
        (["--tree", "TWO"], 1, "two.nwk: holds 2 trees; give one"),
        (["--min-share", "1.5"], 2, "between 0 and 1"),
        (["--midpoint", "--outgroup", "a"], 2, "exclude each other"),
        (["--outgroup", "z"], 2, "'z'"),
        (["--shortest", "-1"], 2, "below 0"),
    ],
)
def test_bad_requests(
    options: list[str], status: int, said: str, trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "best.nwk").write_text("(a,b);")
    (tmp_path / "two.nwk").write_text("(a,b);(a,b);")
    named = {"BEST": str(tmp_path / "best.nwk"), "TWO": str(tmp_path / "two.nwk")}
    assert consensus(trees, *(named.get(option, option) for option in options)) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_trees_of_other_taxa_in_the_second_file(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.nwk").write_text("(a,b,c);")
    assert consensus(trees, tmp_path / "other.nwk") == 1
    assert "other.nwk: tree 1: has 3 taxa, without 'd', 'e', unlike the first tree" in capsys.readouterr().err


@pytest.mark.slow
def test_many_trees_quickly(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    taxa = tuple(f"taxon_{number}" for number in range(50))
    lines = [format_newick(random_tree(taxa, rng)) + "\n" for _ in range(200)]
    path = tmp_path / "many.nwk"
    path.write_text("".join(lines * 50))
    started = time.process_time()
    assert consensus(path, "-o", tmp_path / "out.nwk", "--rule", "greedy") == 0
    assert time.process_time() - started < 20.0
    every = [parse_newick(line) for line in lines]
    (tree,) = read_newick(tmp_path / "out.nwk")
    most = max(split_shares(split_table(every)).values())
    assert f"{100 * most:.0f}" in tree.labels
