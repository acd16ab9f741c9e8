"""Genotype probabilities, maps and error LODs against R/qtl."""

import numpy as np
import pytest

from genem.em import Status
from genem.io.crosses.reading import read_cross
from genem.io.crosses.tables import read_genetic_map, read_phenotypes
from genem.io.crosses.variants import cross_from_variants
from genem.io.variants.reading import open_variants
from genem.qtl import SpikeWarning, bayes_interval, locus_effects, lod_interval, permute, scan, threshold
from genem.qtl.genotypes.genetic_map import estimate_map
from genem.qtl.genotypes.probabilities import genotype_probabilities, genotyping_error_lods
from tests.qtl.crosses import CROSS_TYPES, assert_probabilities, rows

pytestmark = pytest.mark.validation

READING = {
    "hyper": {"cross_type": "bc", "genotypes": ("BB", "BA", "AA"), "alleles": ("B", "A")},
    "listeria": {"cross_type": "f2", "genotypes": ("CC", "CB", "BB", "not BB", "not CC"), "alleles": ("C", "B")},
}
STEP_1 = {"step": 1.0, "error_prob": 1e-4, "map_function": "haldane"}
SETTINGS = {
    "step1_err1e-4_haldane": STEP_1,
    "step0_err1e-4_haldane": {**STEP_1, "step": 0.0},
    "step0.5_err0.01_kosambi": {"step": 0.5, "error_prob": 0.01, "map_function": "kosambi"},
}


def bundled(folder, name):
    return read_cross(folder / "qtl" / name / f"{name}.csv", **READING[name])


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("settings", ["step1_err1e-4_haldane", "step0.5_err0.01_kosambi"])
def test_genotype_probabilities(reference_data, name, settings):
    cross = bundled(reference_data, name)
    answers = rows(reference_data / "qtl" / name / f"genoprob_{settings}.tsv")
    assert_probabilities(genotype_probabilities(cross, **SETTINGS[settings]), answers, cross.individuals)


@pytest.mark.parametrize("name", CROSS_TYPES)
def test_genotype_probabilities_of_simulated_crosses(reference_data, name):
    folder = reference_data / "qtl" / "simx"
    cross = read_cross(folder / f"{name}.csv", cross_type=CROSS_TYPES[name])
    found = genotype_probabilities(cross, step=1, error_prob=0.001)
    assert_probabilities(found, rows(folder / f"{name}.genoprob.tsv"), cross.individuals)


@pytest.mark.parametrize("name", READING)
def test_estimated_maps(reference_data, name):
    answers = rows(reference_data / "qtl" / name / "est_map.tsv")
    cross = bundled(reference_data, name)
    for map_function, error in sorted({(row["map.function"], row["error.prob"]) for row in answers}):
        found = estimate_map(cross, error_prob=float(error), map_function=map_function)
        index = {marker: k for k, marker in enumerate(found.genetic_map.markers)}
        chromosomes = found.genetic_map.chromosomes
        for row in answers:
            if (row["map.function"], row["error.prob"]) == (map_function, error):
                assert abs(found.genetic_map.position[index[row["marker"]]] - float(row["pos"])) < 1e-4
                log_likelihood = found.log_likelihood[chromosomes.index(row["chr"])]
                assert abs(log_likelihood - float(row["loglik"])) < 1e-5


def test_the_most_suspicious_calls(reference_data):
    cross = bundled(reference_data, "hyper")
    answers = rows(reference_data / "qtl" / "hyper" / "top_errorlod_err0.01.tsv")
    lods = genotyping_error_lods(cross)
    assert np.count_nonzero(lods > 2) == len(answers)
    for row in answers:
        individual, marker = cross.individuals.index(row["id"]), cross.genetic_map.markers.index(row["marker"])
        assert abs(lods[individual, marker] - float(row["errorlod"])) < 2e-5


def crossed(folder, name):
    files = folder / "qtl" / "vcf_listeria"
    with open_variants(files / f"{name}.vcf.gz") as reader:
        return cross_from_variants(
            reader,
            parents=("P1", "P2"),
            cross_type="f2",
            phenotypes=read_phenotypes(files / f"{name}.pheno.tsv"),
            genetic_map=read_genetic_map(files / f"{name}.map.tsv"),
            alleles=("C", "B"),
        )


@pytest.mark.parametrize("name", ["listeria_f2", "listeria_f2_halfcalls"])
def test_a_vcf_gives_the_cross_of_the_csv(reference_data, name):
    found = crossed(reference_data, name)
    expected = bundled(reference_data, "listeria")
    order = [expected.individuals.index(individual) for individual in found.cross.individuals]
    calls = expected.genotypes[order]
    if name == "listeria_f2":
        calls = np.where(calls == 5, 0, calls)
    assert found.cross.genetic_map.markers == expected.genetic_map.markers
    np.testing.assert_array_equal(found.cross.genotypes, calls)
    assert found.skipped == {
        "multi_allelic": 8,
        "monomorphic": 11,
        "parent_missing": 4,
        "parent_heterozygous": 9,
        "not_in_map": 7,
    }
    assert sorted(found.without_genotype) == ["NOGENO1", "NOGENO2", "NOGENO3"]


BATCH_AGE = {"addcovar": ("cov_batch", "cov_age")}
BATCH_WT = {"addcovar": ("cov_batch", "cov_wt")}
BATCH = {"intcovar": ("cov_batch",)}
SCANS = [
    ("hyper", "bp", "lod_step1_err1e-4_haldane", "step1_err1e-4_haldane", {}),
    ("hyper", "bp", "lod_step0_err1e-4_haldane", "step0_err1e-4_haldane", {}),
    ("hyper", "bp", "lod_step0.5_err0.01_kosambi", "step0.5_err0.01_kosambi", {}),
    ("hyper", "bp", "lod_addcov_batch_age", "step1_err1e-4_haldane", BATCH_AGE),
    ("hyper", "bp", "lod_addcov_batch_age_intcov_batch", "step1_err1e-4_haldane", {**BATCH_AGE, **BATCH}),
    ("hyper", "bp", "lod_weights_wt", "step1_err1e-4_haldane", {"weights": "wt"}),
    ("hyper", "bp_high", "lod_binary_bp_high", "step1_err1e-4_haldane", {"model": "binary"}),
    ("hyper", "bp", "lod_np", "step1_err1e-4_haldane", {"model": "np"}),
    *[
        ("listeria", trait, f"lod_{trait}_{settings}", settings, {})
        for trait in ("T264", "logT")
        for settings in SETTINGS
    ],
    ("listeria", "logT", "lod_logT_addcov_batch_wt", "step1_err1e-4_haldane", BATCH_WT),
    ("listeria", "logT", "lod_logT_addcov_batch_wt_intcov_batch", "step1_err1e-4_haldane", {**BATCH_WT, **BATCH}),
    ("listeria", "died", "lod_binary_died", "step1_err1e-4_haldane", {"model": "binary"}),
    ("listeria", "T264", "lod_T264_np", "step1_err1e-4_haldane", {"model": "np"}),
]


@pytest.mark.parametrize(("name", "trait", "file", "settings", "options"), SCANS)
def test_lod_scores(reference_data, name, trait, file, settings, options):
    cross = bundled(reference_data, name)
    answers = rows(reference_data / "qtl" / name / f"{file}.tsv")
    genotypes = genotype_probabilities(cross, **SETTINGS[settings])
    for method in ("em", "hk"):
        found = scan(cross, genotypes, trait, method=method, **options)
        column = "lod_np" if options.get("model") == "np" else f"lod_{method}"
        np.testing.assert_allclose(found.lod[:, 0], [float(row[column]) for row in answers], atol=1e-8)
        assert (found.status == Status.CONVERGED).all()
        assert not found.spike.any()


def test_two_part_lod_scores(reference_data):
    cross = bundled(reference_data, "listeria")
    answers = rows(reference_data / "qtl" / "listeria" / "lod_logT_2part_upper.tsv")
    found = scan(cross, genotype_probabilities(cross), "logT", model="2part")
    for lod, column in ((found.lod, "lod_p_mu"), (found.parts["binary"], "lod_p"), (found.parts["normal"], "lod_mu")):
        np.testing.assert_allclose(lod[:, 0], [float(row[column]) for row in answers], atol=1e-7)


@pytest.mark.parametrize("trait", ["T264", "logT"])
def test_spurious_peaks_are_found_and_warned_of(reference_data, trait):
    folder = reference_data / "qtl" / "edge"
    cross = read_cross(folder / "listeria_gap.csv", **READING["listeria"])
    with pytest.warns(SpikeWarning):
        found = scan(cross, genotype_probabilities(cross), trait)
    answers = rows(folder / f"listeria_gap.lod_{trait}.tsv")
    np.testing.assert_allclose(found.lod[:, 0], [float(row["lod_em"]) for row in answers], atol=1e-7)


@pytest.mark.parametrize("trait", ["T264", "logT"])
@pytest.mark.parametrize("name", ["listeria_f2", "listeria_f2_halfcalls"])
def test_lod_scores_straight_from_a_vcf(reference_data, name, trait):
    cross = crossed(reference_data, name).cross
    answers = rows(reference_data / "qtl" / "vcf_listeria" / f"{name}.expected_lod_{trait}.tsv")
    genotypes = genotype_probabilities(cross)
    for method in ("em", "hk"):
        found = scan(cross, genotypes, trait, method=method)
        np.testing.assert_allclose(found.lod[:, 0], [float(row[f"lod_{method}"]) for row in answers], atol=1e-8)


def test_lod_scores_of_a_larger_intercross(reference_data):
    folder = reference_data / "qtl" / "perf"
    cross = read_cross(folder / "sim_f2_n500.csv", cross_type="f2")
    genotypes = genotype_probabilities(cross, error_prob=1e-3)
    answers = rows(folder / "sim_f2_n500.lod.tsv")
    for method in ("em", "hk"):
        found = scan(cross, genotypes, "y", method=method)
        np.testing.assert_allclose(found.lod[:, 0], [float(row[f"lod_{method}"]) for row in answers], atol=1e-8)


@pytest.mark.parametrize(
    ("name", "trait", "file"),
    [("hyper", "bp", ""), ("listeria", "T264", "T264_"), ("listeria", "logT", "logT_")],
)
def test_marker_regression_and_extended_haley_knott(reference_data, name, trait, file):
    """Extended Haley-Knott is never below R/qtl's, whose iteration stops short of the maximum by up to 0.003."""
    cross = bundled(reference_data, name)
    folder = reference_data / "qtl" / name
    found = scan(cross, (), trait, method="mr")
    answers = rows(folder / f"lod_{file}step0_err1e-4_haldane.tsv")
    np.testing.assert_allclose(found.lod[:, 0], [float(row["lod_mr"]) for row in answers], atol=1e-8)
    found = scan(cross, genotype_probabilities(cross), trait, method="ehk")
    expected = np.array([float(row["lod_ehk"]) for row in rows(folder / f"lod_{file}step1_err1e-4_haldane.tsv")])
    assert (found.lod[:, 0] > expected - 1e-8).all()
    np.testing.assert_allclose(found.lod[:, 0], expected, atol=4e-3)


@pytest.mark.parametrize(
    ("name", "trait", "file"), [("hyper", "bp", "intervals"), ("listeria", "logT", "intervals_logT")]
)
def test_intervals(reference_data, name, trait, file):
    cross = bundled(reference_data, name)
    genotypes = genotype_probabilities(cross)
    scans = {method: scan(cross, genotypes, trait, method=method) for method in ("em", "hk")}
    for row in rows(reference_data / "qtl" / name / f"{file}.tsv"):
        find = lod_interval if row["interval"].startswith("lodint") else bayes_interval
        found = find(scans[row["method"]], row["chr"], expand_to_markers=row["interval"].endswith("expand"))
        names = (row["left_name"], row["peak_name"], row["right_name"])
        assert (found.left_name, found.peak_name, found.right_name) == names


@pytest.mark.parametrize(
    ("name", "trait", "file", "options"),
    [
        ("hyper", "bp", "effects_em_peaks", {}),
        ("hyper", "bp", "effects_em_peaks_weights", {"weights": "wt"}),
        ("hyper", "bp", "effects_em_peaks_addcov_intcov", {**BATCH_AGE, **BATCH}),
        ("listeria", "logT", "effects_em_peaks_logT", {}),
        ("listeria", "logT", "effects_em_peaks_logT_addcov_intcov", {**BATCH_WT, **BATCH}),
    ],
)
def test_effects(reference_data, name, trait, file, options):
    cross = bundled(reference_data, name)
    genotypes = genotype_probabilities(cross)
    answers = rows(reference_data / "qtl" / name / f"{file}.tsv")
    for chromosome, position in dict.fromkeys((row["chr"], row["name"]) for row in answers):
        found = locus_effects(cross, genotypes, trait, chromosome, position, **options)
        values = {f"beta_{term}": value for term, value in zip(found.terms, found.estimates, strict=True)}
        values.update({f"beta_g{k + 1}": value for k, value in enumerate(found.estimates[:2])})
        values.update(
            sigma=found.sigma[0], loglik1=found.log_likelihood, loglik0=found.null_log_likelihood, lod=found.lod
        )
        for row in answers:
            if (row["chr"], row["name"]) == (chromosome, position):
                assert values[row["quantity"]] == pytest.approx(float(row["value"]), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "file", "method", "label", "n"),
    [
        ("hyper", "hyper/perm_thresholds_1000.tsv", "hk", "hk", 1000),
        ("hyper", "hyper/perm_thresholds_1000.tsv", "em", "em", 1000),
        ("perf", "perf/sim_f2_n500.perm_thresholds.tsv", "hk", "hk_1000", 1000),
        ("perf", "perf/sim_f2_n500.perm_thresholds.tsv", "em", "em_100", 100),
    ],
)
def test_permutation_thresholds(reference_data, name, file, method, label, n):
    """Within twice the bootstrap limits of another 1000 (or 100) permutations."""
    folder = reference_data / "qtl"
    if name == "hyper":
        cross, trait, error = bundled(reference_data, name), "bp", 1e-4
    else:
        cross, trait, error = read_cross(folder / "perf/sim_f2_n500.csv", cross_type="f2"), "y", 1e-3
    found = permute(cross, genotype_probabilities(cross, error_prob=error), trait, method=method, n_permutations=n)
    answers = [row for row in rows(folder / file) if row["method"] == label]
    assert answers != []
    for row in answers:
        other, low, high = (float(row[column]) for column in ("threshold", "boot_lo_0.1pct", "boot_hi_99.9pct"))
        own = threshold(found, float(row["alpha"]))
        assert other - 2 * (other - low) <= own <= other + 2 * (high - other)
