"""``genem phylo`` refuses what it cannot use: one line that says what was found and what to do, nothing written."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.workflows.phylo_runs import ROWS, fasta, phylo

FIVE = "".join(f">{name}\n{row}\n" for name, row in zip("abcde", ROWS, strict=True))
TREE = "((a,b),c,(d,e));"


def refused(folder: Path, arguments: Sequence[object], capsys: pytest.CaptureFixture[str], status: int) -> str:
    """What the command says; nothing but its inputs may be in the folder afterwards."""
    before = sorted(folder.iterdir())
    assert phylo(folder / "x.fa", "-o", folder / "out.nwk", *arguments) == status
    assert sorted(folder.iterdir()) == before
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("genem phylo: error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (">a\nACGT\n>b\nACG\n>c\nACGTA\n", "x.fa: sequences have different lengths: 4 (1 sequence, as 'a'), 3"),
        ("", "x.fa: is empty"),
        (" 0 0\n", "x.fa: holds no sequence"),
        (">a\n>b\n", "x.fa: the sequences have no letters"),
        (">a\nACGT\n>a\nACGT\n", "x.fa: names that come more than once: 'a'; make names unique"),
        (
            ">a\nMKLV\n>b\nMKLI\n",
            "x.fa: sequence 'a', column 3: protein under the DNA model GTR+G4 ('L' is no",
        ),
        ("hello\n", "x.fa: starts with 'hello': no alignment"),
        ("##fileformat=VCFv4.3\n", "x.fa: no #CHROM line"),
    ],
)
def test_sequences(content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.fa").write_text(content)
    assert message in refused(tmp_path, [], capsys, 1)


def test_a_missing_or_truncated_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "x.fa: no such file" in refused(tmp_path, [], capsys, 1)
    (tmp_path / "x.fa").write_bytes(gzip.compress(FIVE.encode() * 50)[:-20])
    assert "the file ends inside a gzip member; the file is truncated" in refused(tmp_path, [], capsys, 1)


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        ("GRT+G4", 2, "no model is called 'GRT'; did you mean 'GTR+G4'?"),
        ("GTR+H4", 2, "'+H4' is no part of a model; did you mean"),
        ("HKY{1e300}", 2, "a rate of 1e+300 against one of 1; give at most 1e+06"),
        ("GTR+G4{1e400}", 2, "'1e400' are not all finite"),
        ("HKY{two}", 2, "'two' are not numbers"),
        ("LG+G4", 1, "x.fa: DNA under the protein model LG+G4"),
        ("JC+ASC", 1, "x.fa: column 1: may be constant, as 4 of 10 columns: JC+ASC is for variable ones only"),
    ],
)
def test_models(model: str, status: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fasta(tmp_path / "x.fa")
    assert message in refused(tmp_path, ["--model", model], capsys, status)


@pytest.mark.parametrize(
    ("content", "further", "message"),
    [
        (
            "((a,b),(c,x),y);",
            [],
            "the tree are not in the alignment: 'x', 'y'; 2 taxa of the alignment are not in the tree: 'd', 'e'",
        ),
        ("", [], "t.nwk: is empty"),
        ("\n", [], "t.nwk: holds no tree"),
        (FIVE, [], "t.nwk: starts with '>a': no tree"),
        (" 2 4\na ACGT\nb ACGA\n", [], "t.nwk: starts with '2': no tree"),
        (f"{TREE}\n((a,b),c,(d,e)", [], "t.nwk: tree 2, character"),
        (TREE, ["--fix-branches"], "t.nwk: tree 1: a branch without a length"),
    ],
)
def test_trees(
    content: str, further: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta(tmp_path / "x.fa")
    (tmp_path / "t.nwk").write_text(content)
    given = ["--model", "JC", "--tree", tmp_path / "t.nwk"]
    assert message in refused(tmp_path, [*given, "--evaluate", *further], capsys, 1)


def test_starts_and_constraints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fasta(tmp_path / "x.fa")
    (tmp_path / "t.nwk").write_text(TREE)
    (tmp_path / "other.nwk").write_text("((a,x),b,c);")
    (tmp_path / "against.nwk").write_text("((a,e),b,c,d);")
    (tmp_path / "two.nwk").write_text(f"{TREE}{TREE}")
    for name, message in {
        "other.nwk": "other.nwk: 1 taxa of the constraint tree are not in the alignment: 'x'",
        "two.nwk": "two.nwk: 2 trees, 1 expected",
    }.items():
        assert message in refused(tmp_path, ["--constraint", tmp_path / name], capsys, 1)
    both = ["--tree", tmp_path / "t.nwk", "--constraint", tmp_path / "against.nwk"]
    assert "starting tree 1 breaks a group of the constraint" in refused(tmp_path, both, capsys, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("DNA, g = 1-5\nDNA, h = 5-10\n", "p.txt: column 5 is in 'g' and 'h'"),
        (
            "DNA, g = 1-5\nHKY+H4, h = 6-10\n",
            "p.txt: line 2: model 'HKY+H4': '+H4' is no part of a model; did you mean",
        ),
        ("DNA, g = 1-5\nGRT, h = 6-10\n", "p.txt: line 2: model 'GRT': no model is called 'GRT'; did you mean 'GTR'?"),
        ("DNA, g = 1-11\n", "p.txt: line 1: column 11, the alignment has 10"),
        ("LG, g = 1-10\n", "x.fa: DNA under the protein model LG"),
    ],
)
def test_partitions(content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fasta(tmp_path / "x.fa")
    (tmp_path / "p.txt").write_text(content)
    assert message in refused(tmp_path, ["--partitions", tmp_path / "p.txt"], capsys, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--evaluate"], "--evaluate needs --tree"),
        (["--best"], "--best needs --evaluate"),
        (["--fix-branches"], "--fix-branches needs --evaluate"),
        (["--models", "JC"], "--models needs --model auto"),
        (["--bootstrap-only"], "--bootstrap-only needs --bootstrap"),
        (["--bootstrap", "9", "--bootstrap-only", "--report", "r.json"], "--report is about a tree, --bootstrap-only"),
        (["--bootstrap", "0"], "'0' holds no replicate; they are numbered from 1"),
        (["--bootstrap", "x"], "'x' is neither a number of replicates nor a range FIRST-LAST"),
        (["--support", "s.tsv"], "--support needs --bootstrap, --ufboot or --alrt"),
        (["--outgroup", "a", "--midpoint"], "--outgroup and --midpoint exclude each other"),
        (["--outgroup", "z"], "no taxon 'z' in the tree"),
        (["--strategy", "nni,tbr"], "'tbr' is no part of a search; choose from sem, nni, spr, perturb"),
        (["--report", "out.nwk"], "two outputs have the same name: --output and --report"),
        (["--report", "x.fa"], "x.fa is both input and output"),
        (["-s", "a"], "--samples is for a VCF"),
        (["--max-missing-rate", "0.5"], "--max-missing-rate is for a VCF"),
        (["--all-sites"], "--all-sites is for a VCF"),
    ],
)
def test_options(
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fasta(tmp_path / "x.fa")
    monkeypatch.chdir(tmp_path)
    assert message in refused(Path(), options, capsys, 2)


def test_outputs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fasta(tmp_path / "x.fa")
    for flag in ("--report", "--ancestral", "--checkpoint", "--plot"):
        said = refused(tmp_path, [flag, tmp_path / "absent" / "x.svg"], capsys, 1)
        assert "there is no folder" in said


def test_options_for_vcf_and_alignment_are_not_mixed(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variants = data / "haplotypes.phased.vcf.gz"
    for options, message in (
        (["--partitions", tmp_path / "p"], "--partitions is for an alignment"),
        (["--alphabet", "protein"], "which holds DNA"),
        (["-s", "nobody"], "nobody"),
    ):
        assert phylo(variants, *options, "-o", tmp_path / "t.nwk") == 2
        assert message in capsys.readouterr().err
    assert phylo(variants, "-s", "NA06989", "-o", tmp_path / "t.nwk") == 1
    assert "all of 1200 SNPs may be constant among the samples" in capsys.readouterr().err
