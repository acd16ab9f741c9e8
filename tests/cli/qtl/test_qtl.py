"""``genem qtl``: answers of R/qtl by the command, permutations in pieces, tables, pictures, one-line refusals."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from genem.cli.main import main
from genem.io.crosses.tables import read_genetic_map
from tests.qtl.crosses import CROSS_TYPES, GOLDEN, numbers, rows, small_csv, table, variant_files

HYPER = ("--cross", "bc", "--genotypes", "BB,BA,AA", "--alleles", "B,A")
INTERCROSS = ("--cross", "f2", "--parents", "P1,P2")


@pytest.fixture
def f2() -> list[str]:
    """An intercross with both sexes and both directions, on a coarse grid."""
    return ["qtl", str(GOLDEN / "f2_bothsex_bothdir.csv"), "--cross", "f2", "--error-prob", "0.001", "-q"]


@pytest.fixture
def vcf_cross(data: Path) -> list[str]:
    tables = ["--map", str(data / "cross.map.tsv"), "--pheno", str(data / "cross.pheno.tsv")]
    return ["qtl", str(data / "cross.vcf.gz"), *INTERCROSS, *tables, "--alleles", "C,B"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.csv"
    path.write_text(small_csv())
    return path


CASES = {
    "lod": (),
    "lod_addcov_sex_age": ("--addcovar", "sex,age"),
    "lod_addcov_sex_age_intcov_sex": ("--addcovar", "sex,age", "--intcovar", "sex"),
    "lod_weights": ("--weights", "wt"),
    "lod_binary_aff": ("--model", "binary", "--trait", "aff"),
}


@pytest.mark.parametrize(
    ("name", "case"),
    [*((name, "lod") for name in CROSS_TYPES), *(("f2_bothsex_bothdir", case) for case in list(CASES)[1:])],
)
def test_the_command_gives_the_lod_scores_of_r_qtl(name: str, case: str, tmp_path: Path) -> None:
    output = tmp_path / "lod.tsv"
    arguments = ["--cross", CROSS_TYPES[name], "--error-prob", "0.001", "--method", "em,hk", *CASES[case]]
    assert main(["qtl", str(GOLDEN / f"{name}.csv"), *arguments, "-o", str(output)]) == 0
    found, answers = table(output), rows(GOLDEN / f"{name}.{case}.tsv")
    assert [row["MARKER"].removeprefix(f"c{row['CHROM']}.") for row in found] == [
        row["name"].removeprefix(f"c{row['chr']}.") for row in answers
    ]
    for column in ("LOD_EM", "LOD_HK"):
        np.testing.assert_allclose(numbers(found, column), numbers(answers, column.lower()), atol=1e-8)
    np.testing.assert_allclose(numbers(found, "POS"), numbers(answers, "pos"), atol=1e-8)
    assert {row["STATUS"] for row in found} == {"converged"}
    assert list(found[0]) == ["TRAIT", "CHROM", "POS", "MARKER", "LOD_EM", "LOD_HK", "ENTROPY", "N_ITER", "STATUS"]


def test_a_vcf_is_read_and_what_is_left_out_is_said(
    vcf_cross: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, record = tmp_path / "lod.tsv", tmp_path / "run.json"
    assert main([*vcf_cross, "--trait", "logT", "-o", str(output), "--run-record", str(record)]) == 0
    found = {(row["CHROM"], row["MARKER"]): float(row["LOD_EM"]) for row in table(output)}
    assert found["13", "D13M147"] == pytest.approx(6.7818, abs=0.05)
    said = capsys.readouterr().err.splitlines()
    records, individuals = (line.partition("warning: ")[2] for line in said)
    assert records == (
        "left out 39 of 172 records: 8 with more than two alleles, 4 with a parent missing, 9 with a parent "
        "heterozygous, 11 with parents alike, 7 not in the map"
    )
    assert individuals.startswith("left out 3 individuals of ")
    assert individuals.endswith("cross.pheno.tsv that are not in the VCF: NOGENO2, NOGENO3, NOGENO1")
    run = json.loads(record.read_text())
    counts = run["counts"]
    assert (counts["markers"], counts["individuals"], counts["records_monomorphic"]) == (133, 120, 11)
    assert counts["individuals_without_genotype"] == 3
    assert list(run["statuses"]) == ["converged"]
    assert len(run["inputs"]) == 3
    assert "##individuals_with_trait=116" in output.read_text()


def test_every_method_has_its_column(f2: list[str], tmp_path: Path) -> None:
    output = tmp_path / "lod.tsv"
    arguments = ["--method", "mr,imp,ehk,hk", "--draws", "3", "--step", "5", "--chromosomes", "1,X"]
    assert main([*f2, *arguments, "-o", str(output)]) == 0
    found = table(output)
    assert list(found[0])[4:8] == ["LOD_MR", "LOD_IMP", "LOD_EHK", "LOD_HK"]
    between = np.array([".loc" in row["MARKER"] for row in found])
    np.testing.assert_array_equal(np.isnan(numbers(found, "LOD_MR")), between)
    assert {row["CHROM"] for row in found} == {"1", "X"}
    entropy = numbers(found, "ENTROPY")[~between]
    assert main([*f2, "--method", "mr", "--chromosomes", "1,X", "-o", str(output)]) == 0
    assert not any(".loc" in row["MARKER"] for row in table(output))
    np.testing.assert_allclose(numbers(table(output), "ENTROPY"), entropy, rtol=1e-6)
    assert entropy.max() > 0.0


@pytest.mark.parametrize(
    ("model", "columns"),
    [("np", ["LOD_NP"]), ("2part", ["LOD_2PART", "LOD_BINARY", "LOD_NORMAL"])],
)
def test_models_with_a_method_of_their_own(
    vcf_cross: list[str], tmp_path: Path, model: str, columns: list[str]
) -> None:
    output, peaks = tmp_path / "lod.tsv", tmp_path / "peaks.tsv"
    arguments = ["--trait", "logT", "--model", model, "--step", "5", "--chromosomes", "5,13", "-q"]
    permuted = ["--permutations", "3", "--peaks", str(peaks), "--min-lod", "1"]
    assert main([*vcf_cross, *arguments, *permuted, "-o", str(output)]) == 0
    assert list(table(output)[0])[4:-3] == columns
    found = table(peaks)
    assert [(row["METHOD"], row["CHROM"]) for row in found] == [(model, "5"), (model, "13")]
    assert {row["PERCENT_VARIANCE"] for row in found} == {"NA"}
    assert {row["GENOME_WIDE_P"] for row in found} == {"0.25"}


@pytest.mark.parametrize("method", ["hk", "em"])
def test_permutations_in_pieces_are_those_of_a_single_run(f2: list[str], tmp_path: Path, method: str) -> None:
    def permute(name: str, n: int, first: int) -> Path:
        path = tmp_path / name
        pieces = ["--permutations", str(n), "--permutation-first", str(first), "--permutation-maxima", str(path)]
        assert main([*f2, "--method", method, "--step", "10", *pieces, "-o", "/dev/null"]) == 0
        return path

    whole, one, other = permute("whole.tsv", 45, 1), permute("one.tsv", 7, 1), permute("other.tsv", 38, 8)
    gathered = tmp_path / "gathered.tsv"
    assert main(["gather", str(one), str(other), "-o", str(gathered)]) == 0
    assert gathered.read_bytes() == whole.read_bytes()
    found = table(whole)
    assert [row["REGION"] for row in found] == ["A", "X"] * 45
    assert [int(row["PERMUTATION"]) for row in found] == np.repeat(np.arange(1, 46), 2).tolist()


def test_thresholds_and_p_values_come_from_permutations_made_before(f2: list[str], tmp_path: Path) -> None:
    maxima, here, there = (tmp_path / name for name in ("maxima.tsv.gz", "here.tsv", "there.tsv"))
    peaks, later, lod = (tmp_path / name for name in ("peaks.tsv", "later.tsv", "lod.tsv"))
    common = [*f2, "--method", "hk", "--step", "10", "--alpha", "0.2,0.01", "-o", str(lod)]
    made = ["--permutations", "39", "--permutation-maxima", str(maxima)]
    assert main([*common, *made, "--thresholds", str(here), "--peaks", str(peaks)]) == 0
    read = ["--with-permutations", str(maxima), "--thresholds", str(there), "--peaks", str(later)]
    assert main([*common, *read]) == 0
    assert here.read_bytes() == there.read_bytes()
    assert peaks.read_bytes() == later.read_bytes()
    limits = {(row["REGION"], row["ALPHA"]): float(row["THRESHOLD"]) for row in table(here)}
    assert limits["A", "0.01"] > limits["A", "0.2"]
    assert limits["X", "0.01"] > limits["X", "0.2"]
    length = {"A": 0.0, "X": 0.0}
    found = table(lod)
    for chromosome in {row["CHROM"] for row in found}:
        on = numbers([row for row in found if row["CHROM"] == chromosome], "POS")
        length["X" if chromosome == "X" else "A"] += float(np.ptp(on))
    for row in table(peaks):
        region = "X" if row["CHROM"] == "X" else "A"
        assert float(row["THRESHOLD"]) == limits[region, "0.2"] <= float(row["LOD"])
        highest = numbers([each for each in table(maxima) if each["REGION"] == region], "MAX_LOD")
        p = (1 + np.count_nonzero(highest >= float(row["LOD"]))) / 40
        of_genome = 1 - (1 - p) ** (sum(length.values()) / length[region])
        assert float(row["GENOME_WIDE_P"]) == pytest.approx(of_genome, rel=1e-9)
    assert table(peaks) != []


def test_permutations_that_do_not_belong_are_refused(
    f2: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maxima = tmp_path / "maxima.tsv"
    common = [*f2, "--method", "hk", "--step", "10", "-o", "/dev/null"]
    assert main([*common, "--permutations", "2", "--permutation-maxima", str(maxima)]) == 0

    def refused(*arguments: str) -> str:
        assert main([*common, *arguments]) == 1
        return capsys.readouterr().err

    read = ["--with-permutations", str(maxima)]
    assert "permutation 1 of trait y by hk a second time" in refused(*read, str(maxima))
    assert "permutations with addcovar none, age expected" in refused(*read, "--addcovar", "age")
    assert "permutations with step 10, 5 expected" in refused(*read, "--step", "5")
    assert "no permutations of trait y by em on autosomes" in refused(*read, "--method", "em")
    assert main([*common, *read, "--chromosomes", "2"]) == 0
    maxima.write_text(maxima.read_text().replace("##x_length", "##length"))
    assert "the header does not say how long the chromosomes are" in refused(*read)
    maxima.write_text(maxima.read_text().replace("##length", "##x_length"))
    maxima.write_text("\n".join(line for line in maxima.read_text().splitlines() if "\tX\t" not in line) + "\n")
    assert "no permutations of trait y by hk on the X chromosome" in refused(*read)
    maxima.write_text("TRAIT\tMETHOD\n")
    assert f"{maxima}: permutations with cross None, f2 expected" in refused(*read)


def test_effects_at_the_peaks(tmp_path: Path) -> None:
    """Against an independent EM, on the X chromosome of an intercross."""
    answers = {
        row["quantity"]: float(row["value"]) for row in rows(GOLDEN / "f2_bothsex_bothdir.effects_em_X_peak.tsv")
    }
    effects = tmp_path / "effects.tsv"
    arguments = ["--cross", "f2", "--error-prob", "0.001", "--chromosomes", "X", "--min-lod", "0.5"]
    csv_file = str(GOLDEN / "f2_bothsex_bothdir.csv")
    assert main(["qtl", csv_file, *arguments, "--effects", str(effects), "-o", "/dev/null"]) == 0
    found = {row["TERM"]: row for row in table(effects)}
    for quantity, value in answers.items():
        if quantity.startswith("beta_") or quantity in ("sigma", "lod"):
            row = found[quantity.removeprefix("beta_")]
            assert float(row["ESTIMATE"]) == pytest.approx(value, rel=1e-6)
    assert float(found["sigma"]["SE"]) > 0.0
    assert found["lod"]["SE"] == "NA"


def test_effects_with_covariates(f2: list[str], tmp_path: Path) -> None:
    effects, picture = tmp_path / "effects.tsv", tmp_path / "effects.svg"
    covariates = ["--addcovar", "sex,age", "--intcovar", "age", "--chromosomes", "1,2", "--min-lod", "0.1"]
    outputs = ["--effects", str(effects), "--effect-plot", str(picture), "-o", "/dev/null"]
    assert main([*f2, *covariates, "--method", "em,hk", "--step", "10", *outputs]) == 0
    found = [row for row in table(effects) if row["CHROM"] == "1" and row["METHOD"] == "em"]
    assert [row["KIND"] for row in found] == (
        ["mean"] * 3 + ["adjusted_mean"] * 3 + ["effect"] * 2 + ["coefficient"] * 2 + ["interaction"] * 2
        + ["residual"] + ["fit"] * 3
    )  # fmt: skip
    assert [row["TERM"] for row in found][6:12] == ["additive", "dominance", "sex", "age", "AA:age", "AB:age"]
    assert picture.read_text().count(" cM, LOD ") == len({row["CHROM"] for row in table(effects)})


def test_map_genotypes_and_suspicious_calls(vcf_cross: list[str], tmp_path: Path) -> None:
    names = ("map.tsv", "genoprob.tsv.gz", "errors.tsv", "lod.tsv", "again.tsv")
    genetic_map, genoprob, errors, lod, again = (tmp_path / name for name in names)
    common = [*vcf_cross, "--trait", "logT", "--method", "hk", "--chromosomes", "1,13", "--step", "5", "-q"]
    outputs = ["--genoprob", str(genoprob), "--error-lods", str(errors), "-o", str(lod)]
    assert main([*common, "--estimate-map", str(genetic_map), *outputs]) == 0
    found = read_genetic_map(genetic_map)
    assert found.genetic_map.chromosomes == ("1", "13")
    assert (found.base_position > 0).all()
    probabilities = table(genoprob)
    n_positions = len(table(lod))
    assert len(probabilities) == n_positions * 120 * 3
    sums = numbers(probabilities, "PROBABILITY").reshape(-1, 3).sum(axis=1)
    np.testing.assert_allclose(sums, 1.0, atol=1e-9)
    suspicious = numbers(table(errors), "ERROR_LOD")
    assert (suspicious >= 4.0).all()
    assert (np.diff(suspicious) <= 0.0).all()
    with_map = [str(genetic_map) if word.endswith("cross.map.tsv") else word for word in common]
    assert main([*with_map, "-o", str(again)]) == 0
    np.testing.assert_allclose(numbers(table(again), "LOD_HK"), numbers(table(lod), "LOD_HK"), atol=1e-6)


def test_without_a_map_distance_follows_the_sequence(vcf_cross: list[str], tmp_path: Path) -> None:
    output = tmp_path / "lod.tsv"
    at = vcf_cross.index("--map")
    arguments = [*vcf_cross[:at], *vcf_cross[at + 2 :], "--cm-per-mb", "0.5", "-r", "13", "--trait", "logT", "-q"]
    assert main([*arguments, "--max-missing-rate", "0.5", "-o", str(output)]) == 0
    found = table(output)
    assert {row["CHROM"] for row in found} == {"13"}
    assert float(found[0]["POS"]) > 0.0


def test_traits_are_chosen_by_pattern(vcf_cross: list[str], tmp_path: Path) -> None:
    output = tmp_path / "lod.tsv"
    common = [*vcf_cross, "--method", "hk", "--chromosomes", "13", "--step", "10", "-q", "-o", str(output)]
    for asked, traits in ((None, ["T264"]), ("*T*", ["T264", "logT"]), ("logT,T264", ["logT", "T264"])):
        assert main([*common, *([] if asked is None else ["--trait", asked])]) == 0
        assert list(dict.fromkeys(row["TRAIT"] for row in table(output))) == traits


def test_a_spurious_peak_is_warned_of(vcf_cross: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Few markers on chromosome 3: EM fits the spike of T264."""
    peaks = tmp_path / "peaks.tsv"
    arguments = ["--trait", "T264", "--estimate-map", "--chromosomes", "3,5", "--peaks", str(peaks), "-o", "/dev/null"]
    assert main([*vcf_cross, *arguments]) == 0
    assert "probably the mixture fits the trait's distribution, not a locus" in capsys.readouterr().err
    assert [(row["CHROM"], row["SPIKE"]) for row in table(peaks)] == [("3", "yes"), ("5", "no")]


def test_fits_that_ran_out_of_steps_are_told(f2: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "lod.tsv"
    common = [word for word in f2 if word != "-q"] + ["--step", "10", "--max-iter", "3", "-o", str(output)]
    assert main(common) == 0
    assert "fits did not converge" in capsys.readouterr().err
    assert "max_iter" in {row["STATUS"] for row in table(output)}
    assert main([*common, "--strict"]) == 3


@pytest.mark.parametrize("interval", [("lod", "--drop", "1"), ("bayes", "--bayes-coverage", "0.9")])
def test_intervals_are_those_asked_for(data: Path, tmp_path: Path, interval: tuple[str, ...]) -> None:
    common = ["qtl", str(data / "hyper.csv"), *HYPER, "--chromosomes", "4", "--interval", *interval]
    peaks, wider = tmp_path / "peaks.tsv", tmp_path / "wider.tsv"
    assert main([*common, "--peaks", str(peaks), "-o", "/dev/null"]) == 0
    assert main([*common, "--expand-to-markers", "--peaks", str(wider), "-o", "/dev/null"]) == 0
    (one,), (other,) = table(peaks), table(wider)
    assert float(other["POS_LOW"]) <= float(one["POS_LOW"]) < 29.5 < float(one["POS_HIGH"]) <= float(other["POS_HIGH"])
    assert other["MARKER_LOW"].startswith("D4Mit")
    assert other["MARKER_HIGH"].startswith("D4Mit")


def test_a_packed_csv_is_read(data: Path, tmp_path: Path) -> None:
    packed, plain_out, packed_out = tmp_path / "hyper.csv.gz", tmp_path / "a.tsv", tmp_path / "b.tsv"
    packed.write_bytes(gzip.compress((data / "hyper.csv").read_bytes()))
    common = [*HYPER, "--chromosomes", "^4,X", "--method", "hk", "--step", "0"]
    assert main(["qtl", str(data / "hyper.csv"), *common, "-o", str(plain_out)]) == 0
    assert main(["qtl", str(packed), *common, "-o", str(packed_out)]) == 0
    assert plain_out.read_bytes() == packed_out.read_bytes()


def test_markers_at_one_place_and_chromosomes_of_one_marker(small: Path, tmp_path: Path) -> None:
    """Both markers stay, with the same LOD score; the pictures and tables of a lone marker are in order."""
    small.write_text(small_csv().replace("0,10,3", "5,5,3"))
    output, record, peaks = tmp_path / "lod.tsv", tmp_path / "run.json", tmp_path / "peaks.tsv"
    picture, genetic_map = tmp_path / "lod.svg", tmp_path / "map.tsv"
    outputs = ["-o", str(output), "--run-record", str(record), "--peaks", str(peaks), "--plot", str(picture)]
    common = ["qtl", str(small), "--cross", "f2", "--min-lod", "0.01", "--effect-plot", str(tmp_path / "e.svg")]
    assert main([*common, *outputs]) == 0
    found = table(output)
    assert [(row["CHROM"], row["POS"], row["MARKER"]) for row in found] == [
        ("1", "5", "M1"),
        ("1", "5", "M2"),
        ("X", "3", "X1"),
    ]
    assert float(found[0]["LOD_EM"]) == pytest.approx(float(found[1]["LOD_EM"]), abs=1e-6)
    assert json.loads(record.read_text())["counts"]["markers_at_the_place_of_another"] == 1
    assert {row["MARKER_LOW"] for row in table(peaks) if row["CHROM"] == "X"} == {"X1"}
    assert main([*common, *outputs, "--estimate-map", str(genetic_map)]) == 0
    assert [row["CM"] for row in table(genetic_map)][0::2] == ["5", "3"]


def test_columns_of_sex_and_direction_are_named(tmp_path: Path) -> None:
    text = (GOLDEN / "f2_bothsex_bothdir.csv").read_text()
    names, _, rest = text.partition("\n")
    assert {"sex", "pgm"} <= set(names.split(","))
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(names.replace("sex", "gender").replace("pgm", "way") + "\n" + rest)
    found = []
    for path, more in (
        (GOLDEN / "f2_bothsex_bothdir.csv", ()),
        (renamed, ("--sex", "gender", "--direction", "way")),
    ):
        output = tmp_path / "lod.tsv"
        arguments = ["--cross", "f2", "--trait", "y", "--method", "hk", "--chromosomes", "X", "--step", "10", *more]
        assert main(["qtl", str(path), *arguments, "-o", str(output)]) == 0
        found.append(output.read_bytes())
    assert found[0] == found[1]


def test_likelihoods_take_the_place_of_calls(tmp_path: Path) -> None:
    """Clear likelihoods say what calls say; flat ones say nothing."""
    arguments = variant_files(tmp_path)
    vcf = tmp_path / "x.vcf"
    text = vcf.read_text()
    phred = {"0/0": "0,60,60", "0/1": "60,0,60", "1/1": "60,60,0"}

    def lods(*more: str) -> np.ndarray:
        output = tmp_path / "lod.tsv"
        command = ["qtl", *arguments, "--parents", "P1,P2", "--cm-per-mb", "10000", "-q", *more, "-o", str(output)]
        at = command.index("--map")
        assert main([*command[:at], *command[at + 2 :]]) == 0
        return numbers(table(output), "LOD_EM")

    called = lods("--error-prob", "1e-6")
    assert called.max() > 0.1
    declared = '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">\n#CHROM'
    with_likelihoods = text.replace("#CHROM", declared).replace("\tGT\t", "\tGT:PL\t")
    for call, values in phred.items():
        with_likelihoods = with_likelihoods.replace(f"\t{call}", f"\t{call}:{values}")
    vcf.write_text(with_likelihoods)
    np.testing.assert_allclose(lods("--field", "PL"), called, atol=1e-3)
    *others, last = text.splitlines()
    calls = last.split("\t")
    vcf.write_text("\n".join([*others, "\t".join(calls[:11] + ["./."] * 20), ""]))
    without_the_last = lods("--error-prob", "1e-6")
    *others, last = with_likelihoods.splitlines()
    calls = last.split("\t")
    vcf.write_text("\n".join([*others, "\t".join(calls[:11] + ["0/1:0,0,0"] * 20), ""]))
    np.testing.assert_allclose(lods("--field", "PL"), without_the_last, atol=1e-3)


def test_likelihoods_without_calls(tmp_path: Path) -> None:
    """The parents' likelihoods tell them apart, too."""
    arguments = [*variant_files(tmp_path, "0,60,60\t60,60,0"), "--parents", "P1,P2", "-q"]
    vcf, output = tmp_path / "x.vcf", tmp_path / "lod.tsv"
    text = vcf.read_text().replace("ID=GT,Number=1,Type=String", "ID=PL,Number=G,Type=Integer").replace("GT", "PL")
    for call, values in {"0/0": "0,60,60", "0/1": "60,0,60", "1/1": "60,60,0"}.items():
        text = text.replace(f"\t{call}", f"\t{values}")
    vcf.write_text(text)
    assert main(["qtl", *arguments, "--field", "PL", "-o", str(output)]) == 0
    likely = numbers(table(output), "LOD_EM")
    assert main(["qtl", *variant_files(tmp_path), "--parents", "P1,P2", "-q", "-o", str(output)]) == 0
    np.testing.assert_allclose(likely, numbers(table(output), "LOD_EM"), atol=1e-3)


def test_impossible_calls_on_the_x_chromosome_are_counted(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "run.json"
    command = ["qtl", str(small), "--cross", "f2", "--method", "hk", "--run-record", str(record), "-o", "/dev/null"]
    assert main(command) == 0
    assert json.loads(record.read_text())["counts"]["impossible_calls"] == 0
    lines = small.read_text().splitlines()
    males = [k for k, line in enumerate(lines) if ",m," in line]
    females = [k for k, line in enumerate(lines) if ",f," in line]
    for k, call in ((males[0], "H"), (females[0], "B"), (females[1], "B")):
        lines[k] = lines[k][:-1] + call
    small.write_text("\n".join([*lines, ""]))
    assert main(command) == 0
    assert "3 calls cannot arise in a cross of type f2 (on the X chromosome sex and" in capsys.readouterr().err
    assert json.loads(record.read_text())["counts"]["impossible_calls"] == 3


def test_markers_typed_in_too_few_are_not_tested(small: Path, tmp_path: Path) -> None:
    """Three individuals with three genotypes would fit their means perfectly."""
    lines = [line.split(",") for line in small.read_text().splitlines()]
    for k, line in enumerate(lines[6:]):
        line[-2] = "-"
        line[-1] = "-" if k else line[-1]
    small.write_text("\n".join(",".join(line) for line in lines))
    output, peaks = tmp_path / "lod.tsv", tmp_path / "peaks.tsv"
    command = ["qtl", str(small), "--cross", "f2", "--method", "mr", "--step", "0", "--permutations", "5"]
    more = ["--peaks", str(peaks), "--min-lod", "1e-9", "--plot", str(tmp_path / "lod.svg")]
    assert main([*command, *more, "-o", str(output)]) == 0
    assert {row["MARKER"]: row["LOD_MR"] == "NA" for row in table(output)} == {"M1": False, "M2": True, "X1": True}
    assert [row["MARKER"] for row in table(peaks)] == ["M1"]


def test_a_marker_without_calls_is_no_evidence(small: Path, tmp_path: Path) -> None:
    lines = [line.split(",") for line in small.read_text().splitlines()]
    for line in lines[3:]:
        line[-2] = "-"
    small.write_text("\n".join(",".join(line) for line in lines))
    output = tmp_path / "lod.tsv"
    assert main(["qtl", str(small), "--cross", "f2", "--method", "mr", "--step", "0", "-o", str(output)]) == 0
    assert {row["MARKER"]: row["LOD_MR"] for row in table(output)}["M2"] == "0"


def test_permutations_of_chromosomes_with_one_marker(small: Path, tmp_path: Path) -> None:
    """The X chromosome of one marker has no length, and then nor have the autosomes."""
    peaks = tmp_path / "peaks.tsv"
    command = ["qtl", str(small), "--cross", "f2", "--method", "hk", "--permutations", "19", "--min-lod", "1e-9"]
    assert main([*command, "--peaks", str(peaks), "-o", "/dev/null"]) == 0
    assert {row["CHROM"]: float(row["GENOME_WIDE_P"]) <= 1.0 for row in table(peaks)} == {"1": True, "X": True}
    assert next(float(row["GENOME_WIDE_P"]) for row in table(peaks) if row["CHROM"] == "X") == 1.0
