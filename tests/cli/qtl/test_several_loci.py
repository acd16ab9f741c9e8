"""Models of several loci by ``genem qtl``: tables, pictures, one-line refusals."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from genem.cli.main import main
from genem.io.crosses.reading import read_cross
from genem.qtl import composite_scan, fit_qtl, joint_genotypes
from tests.qtl.crosses import GOLDEN, golden_cross, rows


def table(path: Path) -> list[dict[str, str]]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("##")]
    return list(csv.DictReader(lines, delimiter="\t"))


def numbers(found: list[dict[str, str]], column: str) -> np.ndarray:
    return np.array([float("nan") if row[column] == "NA" else float(row[column]) for row in found])


@pytest.fixture
def f2(tmp_path: Path) -> list[str]:
    """An intercross with both sexes, one-locus scans by regression on the markers alone."""
    path = str(GOLDEN / "f2_bothsex_bothdir.csv")
    options = ["--error-prob", "0.001", "--method", "hk", "--step", "0", "-q", "-o", str(tmp_path / "lod.tsv")]
    return ["qtl", path, "--cross", "f2", "--trait", "y", *options]


@pytest.mark.parametrize("method", ["hk", "em"])
def test_pairs_of_r_qtl(f2: list[str], tmp_path: Path, method: str) -> None:
    two, best, plot = tmp_path / "two.tsv", tmp_path / "best.tsv", tmp_path / "two.png"
    wanted = ["--two-qtl", str(two), "--two-qtl-step", "20", "--two-qtl-best", str(best), "--two-qtl-plot", str(plot)]
    assert main([*f2, *wanted, "--several-method", method]) == 0
    found = table(two)
    places = {(row["CHROM_A"], float(row["POS_A"]), row["CHROM_B"], float(row["POS_B"])): row for row in found}
    answers = rows(GOLDEN / "f2_bothsex_bothdir.scantwo_plain.tsv")
    assert len(answers) == len(places) == len(found)
    for answer in answers:
        (a, at), (b, beside) = answer["a"].split("@"), answer["b"].split("@")
        row = places[a, float(at), b, float(beside)]
        assert float(row["LOD_FULL"]) == pytest.approx(float(answer[f"full_{method}"]), abs=1e-6)
        assert float(row["LOD_ADD"]) == pytest.approx(float(answer[f"additive_{method}"]), abs=1e-6)
    np.testing.assert_allclose(
        numbers(found, "LOD_INT"), numbers(found, "LOD_FULL") - numbers(found, "LOD_ADD"), atol=1e-8
    )
    assert {row["STATUS"] for row in found} == {"converged"}
    assert {row["SEPARATION"] for row in found if row["CHROM_A"] != row["CHROM_B"]} == {"NA"}
    peaks = table(best)
    assert len(peaks) == 10
    for peak in peaks:
        among = [
            row
            for row in found
            if (row["CHROM_A"], row["CHROM_B"]) == (peak["CHROM_A"], peak["CHROM_B"]) and row["SEPARATION"] != "0"
        ]
        assert float(peak["LOD_FULL"]) == max(float(row["LOD_FULL"]) for row in among)
        beyond_one = float(peak["LOD_FULL"]) - float(peak["LOD_ONE"])
        assert float(peak["LOD_FV1"]) == pytest.approx(beyond_one, abs=1e-8)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_thresholds_of_regions(f2: list[str], tmp_path: Path) -> None:
    output = tmp_path / "thresholds.tsv"
    wanted = ["--two-qtl-thresholds", str(output), "--permutations", "20", "--two-qtl-step", "40", "--alpha", "0.1,0.5"]
    assert main([*f2, *wanted]) == 0
    found = table(output)
    assert [(row["PAIRS"], row["ALPHA"]) for row in found] == [
        (pairs, alpha) for pairs in ("all", "autosomes", "beside_x", "x") for alpha in ("0.1", "0.5")
    ]
    assert (numbers(found, "LOD_FULL")[::2] >= numbers(found, "LOD_FULL")[1::2]).all()
    assert {row["LOD_ONE"] for row in found if row["PAIRS"] == "beside_x"} == {"NA"}
    assert {row["PERMUTATIONS"] for row in found} == {"20"}


def test_composite_mapping(f2: list[str], tmp_path: Path) -> None:
    output = tmp_path / "composite.tsv"
    wanted = ["--composite", str(output), "--composite-markers", "2", "--composite-window", "20", "--step", "10"]
    assert main([*f2, *wanted, "--several-method", "em"]) == 0
    cross = golden_cross("f2_bothsex_bothdir")
    linked = joint_genotypes(cross, step=10, include_markers=True, error_prob=0.001)
    expected = composite_scan(cross, linked, "y", n_markers=2, window=20.0)
    found = table(output)
    np.testing.assert_allclose(numbers(found, "LOD"), expected.scan.lod[:, 0], atol=1e-8)
    np.testing.assert_array_equal(numbers(found, "COVARIATES"), expected.n_covariates)
    selected = {row["SELECTED"]: row["MARKER"] for row in found if row["SELECTED"] != "NA"}
    assert selected == {"1": expected.markers[0].name, "2": expected.markers[1].name}
    assert f"##markers=y: {expected.markers[0].name},{expected.markers[1].name}" in output.read_text()


def test_the_model_of_hyper(data: Path, tmp_path: Path) -> None:
    models, effects, plot = tmp_path / "models.tsv", tmp_path / "effects.tsv", tmp_path / "profiles.svg"
    reading = ["--cross", "bc", "--genotypes", "BB,BA,AA", "--alleles", "B,A", "--chromosomes", "1,4,6,15"]
    wanted = ["--multiple-qtl", str(models), "--multiple-qtl-effects", str(effects), "--multiple-qtl-plot", str(plot)]
    penalties = ["--penalties", "2.6,4,1.7", "--max-qtl", "4"]
    quiet = ["--trait", "bp", "--method", "hk", "-q", "-o", str(tmp_path / "lod.tsv")]
    assert main(["qtl", str(data / "hyper.csv"), *reading, *wanted, *penalties, *quiet]) == 0
    found = table(models)
    (best,) = (row for row in found if row["CHOICE"] == "best")
    assert (best["FORMULA"], best["N_QTL"], best["DF"]) == ("Q1 + Q2 + Q3 + Q4 + Q3:Q4", "4", "5")
    np.testing.assert_allclose(numbers(found, "SCORE"), numbers(found, "LOD") - numbers(found, "PENALTY"), atol=1e-8)
    assert float(best["SCORE"]) == numbers(found, "SCORE").max()
    assert found[0]["LOCI"] == "NA"
    cross = read_cross(data / "hyper.csv", cross_type="bc", genotypes=("BB", "BA", "AA"), alleles=("B", "A"))
    linked = joint_genotypes(cross, step=5, chromosomes=["1", "4", "6", "15"])
    loci = [(name, float(cm)) for name, cm in (locus.split("@") for locus in best["LOCI"].split(";"))]
    expected = fit_qtl(cross, linked, "bp", loci, best["FORMULA"])
    rows_of = {(row["KIND"], row["NAME"]): row for row in table(effects)}
    assert float(rows_of["model", best["FORMULA"]]["LOD"]) == pytest.approx(expected.lod, abs=1e-8)
    for term in expected.dropped:
        row = rows_of["term", term.name]
        assert (float(row["LOD"]), float(row["F"]), int(row["DF"])) == pytest.approx((term.lod, term.f, term.df))
    for name, value, error in zip(expected.terms, expected.estimates, expected.standard_errors, strict=True):
        row = rows_of["estimate", name]
        assert (float(row["ESTIMATE"]), float(row["SE"])) == pytest.approx((value, error))
    assert "LOD given the others" in plot.read_text()


def test_bic_and_penalties_from_permutations(f2: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "models.tsv"
    few = ["--chromosomes", "1,3", "--two-qtl-step", "20", "--max-qtl", "2", "--multiple-qtl", str(models)]
    loud = [argument for argument in f2 if argument != "-q"]
    assert main([*loud, *few, "--criterion", "bic", "--additive-only"]) == 0
    assert "##criterion=bic" in models.read_text()
    assert not any(":" in row["FORMULA"] for row in table(models))
    assert "other models come within 0.5 of the best score" in capsys.readouterr().err
    assert {row["CHOICE"] for row in table(models)} >= {"best", "near_tie"}
    assert main([*f2, *few, "--permutations", "10"]) == 0
    assert "##penalties=y: " in models.read_text()
    first = models.read_text()
    assert main([*f2, *few, "--permutations", "10"]) == 0
    assert models.read_text() == first


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (
            ["--two-qtl", "x.tsv", "--chromosomes", "2", "--two-qtl-step", "900"],
            1,
            "two loci need two positions, 1 found",
        ),
        (["--two-qtl", "x.tsv", "--chromosomes", "17"], 2, "17"),
        (["--two-qtl", "x.tsv", "--model", "binary", "--trait", "aff"], 2, "--two-qtl is for --model normal"),
        (["--two-qtl", "x.tsv", "--two-qtl-step", "0"], 2, "--two-qtl-step"),
        (["--two-qtl-thresholds", "x.tsv"], 2, "--two-qtl-thresholds needs --permutations"),
        (["--composite", "x.tsv", "--composite-window", "-1"], 2, "--composite-window"),
        (["--composite", "x.tsv", "--intcovar", "age"], 2, "--composite and --multiple-qtl take no --intcovar"),
        (["--multiple-qtl", "x.tsv", "--penalties", "1,2"], 2, "'1,2' are not three penalties"),
        (["--multiple-qtl", "x.tsv", "--penalties", "1,2,3", "--criterion", "bic"], 2, "--penalties are for"),
        (["--two-qtl-plot", "x.gif"], 2, "x.gif"),
        (["--composite", "absent/x.tsv"], 1, "absent"),
    ],
)
def test_refusals(
    f2: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*f2, *options]) == status
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in line
    assert "error: " in line
    assert not (tmp_path / "x.tsv").exists()


def test_more_covariates_than_individuals_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    names = [f"c{k}" for k in range(9)]
    lines = [",".join(["y", *names, "M1", "M2"]), "," * 10 + "1,1", "," * 10 + "0,50"]
    for _ in range(10):
        values = [f"{value:.4f}" for value in rng.normal(size=10)]
        lines.append(",".join([*values, *rng.choice(["A", "H"], 2).tolist()]))
    path = tmp_path / "few.csv"
    path.write_text("\n".join([*lines, ""]))
    common = ["qtl", str(path), "--cross", "bc", "--trait", "y", "--method", "hk", "-o", str(tmp_path / "lod.tsv")]
    for flag, covariates in (("--two-qtl", 6), ("--multiple-qtl", 7), ("--composite", 6)):
        wanted = [flag, str(tmp_path / "x.tsv"), "--composite-markers", "2", "--penalties", "1,1,1"]
        wanted += ["--addcovar", ",".join(names[:covariates])]
        assert main([*common, *wanted]) == 1
        assert "10 individuals have the trait, too few for" in capsys.readouterr().err
