"""``genem summary``: tables of genem freq in a line per group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genem.cli.main import main

COLUMNS = ["CHROM", "POS", "GROUP", "N_SAMPLES", "N_CALLED", "AF", "HWE_P", "LRT_P", "STATUS"]
ROWS = (
    "1 7 CEU 10 9 0.2,0 1e-9,1 NA converged",
    "1 7 ALL 20 19 0.1,0 0.5,1 NA converged",
    "1 8 CEU 10 0 NA NA NA degenerate",
    "1 8 ALL 20 10 1 NA 1e-7 max_iter",
)


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "freq.tsv"
    rows = ["\t".join(row.split()) for row in ROWS]
    path.write_text("\n".join(["##genem_version=0", "\t".join(COLUMNS), *rows]) + "\n")
    return str(path)


def summary(text: str) -> dict[str, dict[str, str]]:
    header, *rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_a_line_per_group(table: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["summary", table]) == 0
    groups = summary(capsysbinary.readouterr().out.decode())
    assert list(groups) == ["CEU", "ALL"]
    counts = ("VARIANTS", "SEGREGATING", "CALL_RATE", "HWE_DEPARTING", "NOT_CONVERGED")
    assert [groups["CEU"][name] for name in counts] == ["2", "1", "0.45", "1", "0"]
    assert [groups["ALL"][name] for name in counts] == ["2", "1", "0.725", "1", "1"]


def test_the_threshold_is_an_option(table: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["summary", table, "--hwe-p", "1e-12"]) == 0
    assert {row["HWE_DEPARTING"] for row in summary(capsysbinary.readouterr().out.decode()).values()} == {"0"}


def test_multiqc_reads_its_header(table: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["summary", table, "--multiqc", "my cohort"]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[:3] == [
        "# id: genem_freq_my_cohort",
        "# section_name: genem allele frequencies: my cohort",
        "# plot_type: table",
    ]


def test_the_picture_is_that_of_the_run_itself(data: Path, tmp_path: Path) -> None:
    run, drawn, again = (tmp_path / name for name in ("freq.tsv.gz", "run.svg", "again.svg"))
    vcf, groups = data / "population.vcf.gz", data / "population.groups.tsv"
    assert main(["freq", str(vcf), "--groups", str(groups), "-o", str(run), "--plot", str(drawn)]) == 0
    assert main(["summary", str(run), "-o", "/dev/null", "--plot", str(again)]) == 0
    assert drawn.read_bytes() == again.read_bytes()


def test_other_tables_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.tsv"
    other.write_text("##genem_version=0\nCHROM\tPOS\tR2\n1\t2\t0.5\n")
    assert main(["summary", str(other), "-o", "/dev/null", "--plot", str(tmp_path / "x.svg")]) == 1
    assert "has no column GROUP; give a table of genem freq" in capsys.readouterr().err
    assert not (tmp_path / "x.svg").exists()


def test_a_line_per_report_of_trees(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    report = {
        "input": {"n_taxa": 12, "n_sites": 898, "n_patterns": 413},
        "model": "HKY{10.02}+F{0.3,0.3,0.1,0.3}+G4{0.4}",
        "log_likelihood": -5728.0621,
        "bic": 11632.93,
        "tree_length": 3.027,
        "n_free_parameters": 26,
        "status": "converged",
    }
    path = tmp_path / "best.json"
    path.write_text(json.dumps(report))
    assert main(["summary", str(path), "--multiqc", "primates"]) == 0
    text = capsysbinary.readouterr().out.decode()
    assert text.startswith("# id: genem_phylo_primates\n# section_name: genem trees: primates\n# plot_type: table\n")
    row = summary(text)["best"]
    assert [row[name] for name in ("TAXA", "SITES", "MODEL", "N_FREE")] == ["12", "898", "HKY+F+G4", "26"]
    assert float(row["LOG_LIKELIHOOD"]) == pytest.approx(-5728.0621)


def test_other_json_is_refused(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}")
    assert main(["summary", str(path)]) == 1
    assert b"is no report of genem phylo; give what --report wrote" in capsysbinary.readouterr().err
    assert main(["summary", str(path), "--plot", str(tmp_path / "x.svg")]) == 2
