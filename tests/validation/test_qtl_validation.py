"""Genotype probabilities, maps and error LODs against R/qtl."""

import numpy as np
import pytest

from genem.io.cross import read_cross
from genem.io.cross_tables import read_genetic_map, read_phenotypes
from genem.io.cross_variants import cross_from_variants
from genem.io.variants import open_variants
from genem.qtl.genetic_map import estimate_map
from genem.qtl.markers import genotype_probabilities, genotyping_error_lods
from tests.qtl_crosses import CROSS_TYPES, assert_probabilities, rows

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


@pytest.mark.parametrize("name", ["listeria_f2", "listeria_f2_halfcalls"])
def test_a_vcf_gives_the_cross_of_the_csv(reference_data, name):
    folder = reference_data / "qtl" / "vcf_listeria"
    with open_variants(folder / f"{name}.vcf.gz") as reader:
        found = cross_from_variants(
            reader,
            parents=("P1", "P2"),
            cross_type="f2",
            phenotypes=read_phenotypes(folder / f"{name}.pheno.tsv"),
            genetic_map=read_genetic_map(folder / f"{name}.map.tsv"),
            alleles=("C", "B"),
        )
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
