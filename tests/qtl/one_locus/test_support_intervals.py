"""Support intervals, and effects at a position."""

import math

import numpy as np
import pytest

from genem.em import Status
from genem.errors import InputError, UsageError
from genem.qtl import bayes_interval, genotype_probabilities, locus_effects, lod_interval, scan
from tests.qtl.crosses import GOLDEN, golden_cross, rows, small_cross
from tests.reference import qtl as reference


def scanned(lod, position, is_marker):
    """A scan of one chromosome with given LOD scores."""
    cross = small_cross("bc", [["AA"], ["AB"], ["AA"], ["AB"], ["AB"]], [0.0], phenotypes={"y": np.arange(5.0)})
    template = scan(cross, genotype_probabilities(cross), "y", method="hk")
    n = len(lod)
    fields = {name: getattr(template, name) for name in template.__slots__}
    fields.update(
        chromosome=np.zeros(n, np.int32),
        position=np.asarray(position, float),
        names=tuple(f"p{k}" for k in range(n)),
        is_marker=np.asarray(is_marker),
        lod=np.asarray(lod, float)[:, None],
    )
    return type(template)(**fields)


def ends(interval):
    return interval.left_name, interval.peak_name, interval.right_name


def test_a_lod_interval_reaches_to_the_next_position_beyond_the_drop():
    found = scanned([0.1, 2, 3, 4, 2.6, 2.5, 1], range(7), [True, False, True, False, False, False, True])
    assert ends(lod_interval(found, "1")) == ("p1", "p3", "p5")
    assert ends(lod_interval(found, "1", expand_to_markers=True)) == ("p0", "p3", "p6")
    assert ends(lod_interval(found, "1", drop=10)) == ("p0", "p3", "p6")
    assert lod_interval(found, "1").lod == 4


def test_a_bayes_interval_weighs_positions_by_their_stretch():
    flat = scanned([1.0] * 10, range(10), [True] + [False] * 8 + [True])
    assert ends(bayes_interval(flat, "1", probability=0.45)) == ("p0", "p0", "p4")
    peaked = scanned([0, 0, 5, 0, 0], [0, 1, 2, 3, 40], [True] * 5)
    assert ends(bayes_interval(peaked, "1")) == ("p2", "p2", "p2")
    one = scanned([3.0], [7.0], [True])
    assert ends(bayes_interval(one, "1")) == ("p0", "p0", "p0")


def test_intervals_of_what_is_not_there_are_refused():
    found = scanned([1, 2], [0, 1], [True, True])
    with pytest.raises(UsageError, match="no chromosome 9 among 1"):
        lod_interval(found, "9")
    with pytest.raises(UsageError, match="no trait z among y"):
        bayes_interval(found, "1", "z")
    with pytest.raises(UsageError, match="above 0 expected"):
        lod_interval(found, "1", drop=0)
    with pytest.raises(UsageError, match="between 0 and 1"):
        bayes_interval(found, "1", probability=1)


@pytest.fixture
def f2():
    cross = golden_cross("f2_bothsex_bothdir")
    return cross, genotype_probabilities(cross, error_prob=0.001)


def test_effects_at_the_peak_on_x(f2):
    found = locus_effects(*f2, "y", "X", "cX.loc33")
    answers = {
        row["quantity"]: float(row["value"]) for row in rows(GOLDEN / "f2_bothsex_bothdir.effects_em_X_peak.tsv")
    }
    for term, estimate in zip(found.terms, found.estimates, strict=True):
        assert estimate == pytest.approx(answers[f"beta_{term}"], rel=1e-6)
    assert found.sigma[0] == pytest.approx(answers["sigma"], rel=1e-6)
    assert found.log_likelihood == pytest.approx(answers["loglik1"], abs=1e-6)
    assert found.null_log_likelihood == pytest.approx(answers["loglik0_sex_dir_null"], abs=1e-6)
    assert found.lod == pytest.approx(answers["lod"], abs=1e-8)
    assert found.contrasts == {}
    assert found.status == Status.CONVERGED


def test_standard_errors_are_the_curvature_of_the_likelihood(f2):
    cross, genotypes = f2
    found = locus_effects(cross, genotypes, "y", "1", 25.0, addcovar=("sex", "age"), intcovar=("sex",), weights="wt")
    assert found.terms == ("AA", "AB", "BB", "sex", "age", "AA:sex", "AB:sex")
    kept = np.isfinite(cross.phenotypes["y"])
    y, sex, age, wt = (cross.phenotypes[name][kept] for name in ("y", "sex", "age", "wt"))
    prior = genotypes[0].probabilities[genotypes[0].grid.names.index(found.name), kept]
    designs = np.zeros((3, len(y), 7))
    for state in range(3):
        designs[state, :, state] = 1
        designs[state, :, 3], designs[state, :, 4] = sex, age
        if state < 2:
            designs[state, :, 5 + state] = sex
    at = np.append(found.estimates, found.sigma[0])

    def log_likelihood(x):
        return reference.mixture_log_likelihood(y, designs, prior, x[:-1], x[-1], wt)

    assert log_likelihood(at) == pytest.approx(found.log_likelihood, abs=1e-7)
    step = 1e-3 * np.append(found.standard_errors, found.sigma[1])
    hessian = np.empty((8, 8))
    for a in range(8):
        for b in range(8):
            signs = [(i, j) for i in (1, -1) for j in (1, -1)]
            values = [
                i * j * log_likelihood(at + i * step * (np.arange(8) == a) + j * step * (np.arange(8) == b))
                for i, j in signs
            ]
            hessian[a, b] = sum(values) / (4 * step[a] * step[b])
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    np.testing.assert_allclose(np.append(found.standard_errors, found.sigma[1]), errors, rtol=2e-3)


def test_contrasts_at_known_genotypes_are_differences_of_means():
    calls = ["AA", "AB", "BB", "AA", "AB", "BB", "AA", "AB"]
    y = np.array([1.0, 4, 5, 2, 5, 7, 1.5, 4.5])
    cross = small_cross("f2", [[call] for call in calls], [0.0], phenotypes={"y": y})
    found = locus_effects(cross, genotype_probabilities(cross, error_prob=0.0), "y", "1", "M1")
    np.testing.assert_allclose(found.estimates, [1.5, 4.5, 6], atol=1e-8)
    assert found.contrasts["additive"][0] == pytest.approx(2.25)
    assert found.contrasts["dominance"][0] == pytest.approx(0.75)
    sigma = math.sqrt(np.mean((y - np.array([1.5, 4.5, 6])[[0, 1, 2, 0, 1, 2, 0, 1]]) ** 2))
    assert found.sigma[0] == pytest.approx(sigma)
    np.testing.assert_allclose(found.standard_errors, sigma / np.sqrt([3, 3, 2]), rtol=1e-6)
    assert found.percent_variance == pytest.approx(100 * (1 - sigma**2 / y.var()))


def test_a_genotype_nobody_has_has_no_mean():
    calls = ["AA", "AB", "AB", "AA", "AB", "AA", "AB"]
    cross = small_cross(
        "f2", [[call] for call in calls], [0.0], phenotypes={"y": np.array([1.0, 4, 5, 2, 5, 2.5, 4.5])}
    )
    found = locus_effects(cross, genotype_probabilities(cross, error_prob=0.0), "y", "1", 0.0)
    assert np.isnan(found.estimates).tolist() == [False, False, True]
    assert np.isnan(found.standard_errors).tolist() == [False, False, True]
    assert math.isnan(found.contrasts["additive"][0])


def test_effects_of_what_is_not_there_are_refused(f2):
    with pytest.raises(UsageError, match="no chromosome 9"):
        locus_effects(*f2, "y", "9", 0.0)
    with pytest.raises(UsageError, match="no position D2M1 on chromosome 1"):
        locus_effects(*f2, "y", "1", "D2M1")
    cross = small_cross("bc", [["AA"], ["AB"], ["AA"], ["AB"], ["AB"]], [0.0], phenotypes={"y": np.ones(5)})
    with pytest.raises(InputError, match="trait y is constant"):
        locus_effects(cross, genotype_probabilities(cross), "y", "1", 0.0)


def test_genotypes_that_calls_do_not_tell_apart_leave_the_third_its_error():
    """In a dominant marker with a wide trait among AA and AB, the likelihood rises as their means part."""
    called = np.arange(120) % 4 == 0
    y = np.where(called, 1.0, 3.0) * np.random.default_rng(3).normal(size=120)
    calls = [["BB" if is_certain else "not BB"] for is_certain in called]
    cross = small_cross("f2", calls, [0.0], phenotypes={"y": y})
    found = locus_effects(cross, genotype_probabilities(cross, error_prob=0.0), "y", "1", "M1")
    assert np.isnan(found.standard_errors).tolist() == [True, True, False]
    assert found.estimates[2] == pytest.approx(y[called].mean())
    assert found.standard_errors[2] == pytest.approx(found.sigma[0] / math.sqrt(called.sum()))
    assert all(math.isnan(error) for _, error in found.contrasts.values())
    assert math.isfinite(found.sigma[1])
