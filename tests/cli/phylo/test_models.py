"""``genem phylo --model auto``: the table, the report, partitions, SNPs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genem.io.sequences.alignments import read_alignment
from tests.qtl.crosses import table
from tests.workflows.phylo_runs import fasta, phylo

COLUMNS = ["MODEL", "LOGLIK", "DF", "AIC", "AICC", "BIC"]
COLUMNS += ["AIC_WEIGHT", "AICC_WEIGHT", "BIC_WEIGHT", "RANK", "N_ITER", "STATUS"]
QUICK = ("--starts", "1", "--patience", "0", "--skip-errors")
SMALL = "JC,HKY,GTR,+E,+I,+G4"


def test_the_best_model_is_searched_with_and_the_table_lists_all(data: Path, tmp_path: Path) -> None:
    outputs = ["-o", tmp_path / "t.nwk", "--report", tmp_path / "r.json", "--model-table", tmp_path / "m.tsv"]
    assert phylo(data / "alignment.fa", "--model", "auto", "--models", SMALL, *QUICK, *outputs) == 0
    rows = table(tmp_path / "m.tsv")
    assert list(rows[0]) == COLUMNS
    assert (rows[0]["MODEL"], rows[0]["RANK"], rows[0]["DF"]) == ("HKY+F+G4", "1", "26")
    fitted = [row for row in rows if row["STATUS"] != "skipped"]
    assert [row["RANK"] for row in rows] == [str(k + 1) for k in range(len(fitted))] + ["NA"] * (9 - len(fitted))
    for criterion in ("AIC", "AICC", "BIC"):
        assert sum(float(row[f"{criterion}_WEIGHT"]) for row in fitted) == pytest.approx(1.0)
    assert [float(row["BIC"]) for row in fitted] == sorted(float(row["BIC"]) for row in fitted)
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["model"].startswith("HKY{")
    assert report["n_free_parameters"] == 26
    assert report["log_likelihood"] >= float(rows[0]["LOGLIK"]) - 0.01
    chosen = report["model_selection"]
    assert (chosen["model"], chosen["criterion"], chosen["n_candidates"]) == ("HKY+F+G4", "bic", 9)
    assert chosen["best_by"]["aic"] == min(fitted, key=lambda row: float(row["AIC"]))["MODEL"]


def test_the_criterion_decides(data: Path, tmp_path: Path) -> None:
    table_path = tmp_path / "m.tsv"
    command = ["--model", "auto", "--models", "HKY+G4,GTR+G4", "--criterion", "aic", "--model-table", table_path]
    assert phylo(data / "alignment.fa", *command, *QUICK, "-o", tmp_path / "t.nwk") == 0
    assert [row["MODEL"] for row in table(table_path)] == ["GTR+F+G4", "HKY+F+G4"]


def test_a_given_tree_carries_the_selection(data: Path, tmp_path: Path) -> None:
    names = read_alignment(data / "alignment.fa").names
    (tmp_path / "star.nwk").write_text(f"({','.join(names)});\n")
    for tree, report in ((["--tree", tmp_path / "star.nwk", "--evaluate"], "star.json"), (QUICK, "searched.json")):
        outputs = ["-o", tmp_path / "t.nwk", "--report", tmp_path / report, "--skip-errors"]
        further = [option for option in tree if option != "--skip-errors"]
        assert phylo(data / "alignment.fa", "--model", "auto", "--models", "JC,K80,+E", *further, *outputs) == 0
    star, searched = (json.loads((tmp_path / name).read_text()) for name in ("star.json", "searched.json"))
    assert star["model_selection"]["model"] == searched["model_selection"]["model"] == "K80"
    assert star["log_likelihood"] < searched["log_likelihood"] - 50.0


def test_partitions_choose_for_themselves(data: Path, tmp_path: Path) -> None:
    (tmp_path / "parts.txt").write_text("DNA, one = 1-500\nK80+G4, two = 501-700\nDNA, three = 701-898\n")
    outputs = ["-o", tmp_path / "t.nwk", "--report", tmp_path / "r.json", "--model-table", tmp_path / "m.tsv"]
    command = ["--model", "auto", "--models", "JC,HKY,+E,+G4", "--partitions", tmp_path / "parts.txt", *QUICK]
    assert phylo(data / "alignment.fa", *command, *outputs) == 0
    rows = table(tmp_path / "m.tsv")
    assert list(rows[0]) == ["PARTITION", *COLUMNS]
    assert {row["PARTITION"] for row in rows} == {"one", "three"}
    report = json.loads((tmp_path / "r.json").read_text())
    models = {part["name"]: part["model"] for part in report["partitions"]}
    assert models["two"].startswith("K80{")
    for name in ("one", "three"):
        best = next(row["MODEL"] for row in rows if row["PARTITION"] == name and row["RANK"] == "1")
        assert report["model_selection"][name]["model"] == best
        assert models[name].startswith(best.partition("+")[0])


def test_snps_are_variable_sites_under_every_candidate(tmp_path: Path) -> None:
    sites = ("0 1 0 0", "1 1 0 0", "0 0 1 1", "1 0 0 0", "0 1 1 0", "0 0 0 1", "1 0 1 0", "1 1 0 1")
    header = '##fileformat=VCFv4.2\n##contig=<ID=1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n'
    header += "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\td\n"
    rows = [
        f"1\t{10 * k + 1}\t.\tA\t{'GC'[k % 2]}\t.\t.\t.\tGT\t" + site.replace(" ", "\t") for k, site in enumerate(sites)
    ]
    (tmp_path / "s.vcf").write_text(header + "\n".join(rows) + "\n")
    outputs = ["-o", tmp_path / "t.nwk", "--model-table", tmp_path / "m.tsv"]
    assert phylo(tmp_path / "s.vcf", "--model", "auto", "--models", "JC,K80,+E,+I,+G4", *QUICK, *outputs) == 0
    assert {row["MODEL"] for row in table(tmp_path / "m.tsv")} == {"JC+ASC", "K80+ASC", "JC+G4+ASC", "K80+G4+ASC"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "JC,HKX"], "no model is called 'HKX'; did you mean 'HKY'?"),
        (["--models", "LG"], "LG is a protein model, the alignment is dna"),
        (["--partitions", "parts.txt"], "every partition of parts.txt names its model"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parts.txt").write_text("JC, a = 1-10\n")
    assert phylo(fasta(Path("a.fa")), "--model", "auto", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
