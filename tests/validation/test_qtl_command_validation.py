"""``genem qtl`` against R/qtl: the scan of a VCF and of a csv, maps, suspicious calls and intervals as written."""

import json

import numpy as np
import pytest

from genem.cli.main import main
from tests.qtl.crosses import numbers, rows, table

pytestmark = pytest.mark.validation

HYPER = ("--cross", "bc", "--genotypes", "BB,BA,AA", "--alleles", "B,A", "--trait", "bp")


@pytest.mark.parametrize("trait", ["T264", "logT"])
@pytest.mark.parametrize("name", ["listeria_f2", "listeria_f2_halfcalls"])
def test_a_vcf_gives_the_lod_scores_of_r_qtl(reference_data, tmp_path, name, trait):
    folder = reference_data / "qtl" / "vcf_listeria"
    output, record = tmp_path / "lod.tsv", tmp_path / "run.json"
    tables = ["--map", str(folder / f"{name}.map.tsv"), "--pheno", str(folder / f"{name}.pheno.tsv")]
    arguments = ["--cross", "f2", "--parents", "P1,P2", "--trait", trait, "--method", "em,hk", "-q"]
    outputs = ["-o", str(output), "--run-record", str(record)]
    assert main(["qtl", str(folder / f"{name}.vcf.gz"), *tables, *arguments, *outputs]) == 0
    answers = rows(folder / f"{name}.expected_lod_{trait}.tsv")
    for column in ("lod_em", "lod_hk"):
        np.testing.assert_allclose(numbers(table(output), column.upper()), numbers(answers, column), atol=2e-8)
    counts = json.loads(record.read_text())["counts"]
    assert counts["markers"] == 133
    assert [counts[f"records_{reason}"] for reason in ("multi_allelic", "monomorphic", "not_in_map")] == [8, 11, 7]
    assert [counts[f"records_parent_{reason}"] for reason in ("missing", "heterozygous")] == [4, 9]


@pytest.mark.parametrize(
    ("file", "options"),
    [
        ("lod_step1_err1e-4_haldane", ()),
        ("lod_step0.5_err0.01_kosambi", ("--step", "0.5", "--error-prob", "0.01", "--map-function", "kosambi")),
        ("lod_addcov_batch_age_intcov_batch", ("--addcovar", "cov_batch,cov_age", "--intcovar", "cov_batch")),
        ("lod_weights_wt", ("--weights", "wt")),
    ],
)
def test_a_csv_gives_the_lod_scores_of_r_qtl(reference_data, tmp_path, file, options):
    folder = reference_data / "qtl" / "hyper"
    output = tmp_path / "lod.tsv"
    arguments = ["qtl", str(folder / "hyper.csv"), *HYPER, "--method", "em,hk", *options]
    assert main([*arguments, "-o", str(output)]) == 0
    answers = rows(folder / f"{file}.tsv")
    for column in ("lod_em", "lod_hk"):
        np.testing.assert_allclose(numbers(table(output), column.upper()), numbers(answers, column), atol=2e-8)


def test_the_map_and_the_suspicious_calls_of_r_qtl(reference_data, tmp_path):
    folder = reference_data / "qtl" / "hyper"
    genetic_map, errors = tmp_path / "map.tsv", tmp_path / "errors.tsv"
    common = ["qtl", str(folder / "hyper.csv"), *HYPER, "--method", "hk", "--step", "0", "-o", "/dev/null"]
    answers = rows(folder / "est_map.tsv")
    error_prob, map_function = answers[0]["error.prob"], answers[0]["map.function"]
    settings = ["--error-prob", error_prob, "--map-function", map_function]
    assert main([*common, *settings, "--estimate-map", str(genetic_map)]) == 0
    found = {row["MARKER"]: float(row["CM"]) for row in table(genetic_map)}
    for row in answers:
        if (row["error.prob"], row["map.function"]) == (error_prob, map_function):
            assert abs(found[row["marker"]] - float(row["pos"])) < 1e-3
    assert main([*common, "--error-lods", str(errors), "--min-error-lod", "2"]) == 0
    expected = rows(folder / "top_errorlod_err0.01.tsv")
    listed = {(row["INDIVIDUAL"], row["MARKER"]): float(row["ERROR_LOD"]) for row in table(errors)}
    assert len(listed) == len(expected)
    for row in expected:
        assert abs(listed[row["id"], row["marker"]] - float(row["errorlod"])) < 2e-5


@pytest.mark.parametrize("method", ["em", "hk"])
@pytest.mark.parametrize("kind", ["lod", "bayes"])
@pytest.mark.parametrize("expand", [False, True])
def test_the_intervals_of_r_qtl(reference_data, tmp_path, method, kind, expand):
    folder = reference_data / "qtl" / "hyper"
    peaks = tmp_path / "peaks.tsv"
    arguments = ["--method", method, "--interval", kind, *(["--expand-to-markers"] if expand else [])]
    command = ["qtl", str(folder / "hyper.csv"), *HYPER, *arguments, "--min-lod", "0.001"]
    assert main([*command, "--peaks", str(peaks), "-o", "/dev/null"]) == 0
    found = {row["CHROM"]: row for row in table(peaks)}
    n_compared = 0
    for row in rows(folder / "intervals.tsv"):
        same_kind = row["interval"].startswith("lodint" if kind == "lod" else "bayesint")
        if row["method"] == method and same_kind and row["interval"].endswith("expand") == expand:
            one = found[row["chr"]]
            names = tuple(
                one[column].removeprefix(f"c{row['chr']}.") for column in ("MARKER_LOW", "MARKER", "MARKER_HIGH")
            )
            assert names == tuple(
                row[f"{end}_name"].removeprefix(f"c{row['chr']}.") for end in ("left", "peak", "right")
            )
            n_compared += 1
    assert n_compared > 0
