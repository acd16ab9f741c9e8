"""LOD scores by every method and model."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.qtl import genotype_probabilities, locus_effects, scan
from genem.qtl.one_locus.mixture_kernels import Data, Rule, fit_mixture
from tests.qtl.crosses import CROSS_TYPES, GOLDEN, golden_cross, rows, small_cross
from tests.reference import qtl as reference

COVARIATES = {
    "lod": {},
    "lod_addcov_sex_age": {"addcovar": ("sex", "age")},
    "lod_addcov_sex_age_intcov_sex": {"addcovar": ("sex", "age"), "intcovar": ("sex",)},
    "lod_weights": {"weights": "wt"},
    "lod_binary_aff": {"model": "binary"},
}
CASES = [(name, "lod") for name in CROSS_TYPES]
CASES += [(name, case) for name in list(CROSS_TYPES)[:3] for case in list(COVARIATES)[1:]]


@pytest.mark.parametrize("method", ["em", "hk"])
@pytest.mark.parametrize(("name", "case"), CASES)
def test_lod_scores_of_the_golden_crosses(name, case, method):
    cross = golden_cross(name)
    options = COVARIATES[case]
    trait = "aff" if "model" in options else "y"
    found = scan(cross, genotype_probabilities(cross, error_prob=0.001), trait, method=method, **options)
    answers = rows(GOLDEN / f"{name}.{case}.tsv")
    assert [row["name"] for row in answers] == list(found.names)
    np.testing.assert_allclose(found.lod[:, 0], [float(row[f"lod_{method}"]) for row in answers], atol=2e-9)
    assert (found.status == Status.CONVERGED).all()


def test_ranks_and_two_parts_on_the_x_chromosome():
    """The null model tells sexes and directions apart."""
    cross = golden_cross("f2_bothsex_bothdir")
    cross = with_columns(cross, spike=np.minimum(cross.phenotypes["y"], 4.5))
    genotypes = [one for one in genotype_probabilities(cross, error_prob=0.001) if one.is_x]
    answers = rows(GOLDEN / "f2_bothsex_bothdir.lod_x_np_2part.tsv")

    def column(name):
        return [float(row[name]) for row in answers]

    np.testing.assert_allclose(scan(cross, genotypes, "y", model="np").lod[:, 0], column("lod_np"), atol=2e-9)
    found = scan(cross, genotypes, "spike", model="2part")
    np.testing.assert_allclose(found.lod[:, 0], column("lod_2part"), atol=1e-8)
    for part in ("binary", "normal"):
        np.testing.assert_allclose(found.parts[part][:, 0], column(f"lod_{part}"), atol=1e-8)


@pytest.fixture
def f2():
    cross = golden_cross("f2_bothsex_bothdir")
    return cross, genotype_probabilities(cross, step=10, error_prob=0.001)


def with_columns(cross, **columns):
    return type(cross)(
        **{name: getattr(cross, name) for name in cross.__slots__ if name != "phenotypes"},
        phenotypes={**cross.phenotypes, **{name: np.asarray(x, float) for name, x in columns.items()}},
    )


@pytest.mark.parametrize("unit", [1e305, 1e-305])
def test_the_unit_of_a_trait_does_not_matter(f2, unit):
    cross, genotypes = f2
    y = cross.phenotypes["y"]
    more = with_columns(cross, huge=y * unit, age=cross.phenotypes["age"] * unit)
    for method in ("em", "hk"):
        found = scan(more, genotypes, "huge", method=method, addcovar=("age",)).lod
        np.testing.assert_allclose(found, scan(cross, genotypes, "y", method=method, addcovar=("age",)).lod, atol=1e-8)
    places = ("1", 20.0)
    usual, found = locus_effects(cross, genotypes, "y", *places), locus_effects(more, genotypes, "huge", *places)
    np.testing.assert_allclose(found.estimates / unit, usual.estimates, rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors / unit, usual.standard_errors, rtol=1e-8)
    assert found.contrasts["additive"][1] / unit == pytest.approx(usual.contrasts["additive"][1])
    assert found.sigma[1] / unit == pytest.approx(usual.sigma[1])


def test_many_traits_are_the_traits_one_by_one(f2):
    cross, genotypes = f2
    y = cross.phenotypes["y"]
    other = np.where(np.arange(len(y)) % 7 == 0, np.nan, np.cos(np.arange(len(y))))
    more = with_columns(cross, other=other, twice=3 - 2 * y)
    for method in ("em", "hk"):
        together = scan(more, genotypes, ("y", "other", "twice"), method=method)
        for k, name in enumerate(together.traits):
            np.testing.assert_allclose(together.lod[:, k], scan(more, genotypes, name, method=method).lod[:, 0])
        np.testing.assert_allclose(together.lod[:, 0], together.lod[:, 2], atol=1e-8)
    assert together.n_individuals.tolist() == [np.isfinite(y).sum(), np.isfinite(other).sum(), np.isfinite(y).sum()]


def test_traits_side_by_side_are_the_traits_one_by_one(f2):
    cross, genotypes = f2
    kept = np.isfinite(cross.phenotypes["y"])
    rng = np.random.default_rng(9)
    more = with_columns(cross, **{f"t{k}": np.where(kept, rng.normal(size=len(cross)), np.nan) for k in range(9)})
    names = ("y", *(f"t{k}" for k in range(9)))
    together = scan(more, genotypes, names)
    for k, name in enumerate(names):
        np.testing.assert_allclose(together.lod[:, k], scan(more, genotypes, name).lod[:, 0], atol=1e-7)
    assert (together.status == Status.CONVERGED).all()
    assert (together.n_iter > 0).all()


def test_weights_that_are_all_alike_change_nothing(f2):
    cross, genotypes = f2
    more = with_columns(cross, w=np.full(len(cross), 2.5))
    plain, weighted = scan(more, genotypes, "y"), scan(more, genotypes, "y", weights="w")
    np.testing.assert_allclose(plain.lod, weighted.lod, atol=1e-8)


def test_entropy_is_the_missing_information(f2):
    cross, genotypes = f2
    found = scan(cross, genotypes, "y", method="hk")
    assert ((found.entropy > 0) & (found.entropy < 1)).all()
    assert found.entropy[found.is_marker].mean() < found.entropy[~found.is_marker].mean()
    unknown = small_cross("f2", [[None]] * 9, [0.0], phenotypes={"y": np.arange(9.0)})
    assert scan(unknown, genotype_probabilities(unknown), "y", method="hk").entropy == pytest.approx([1.0])


@st.composite
def mixtures(draw):
    n, n_states = draw(st.integers(12, 25)), draw(st.integers(2, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prior = rng.dirichlet(np.full(n_states, draw(st.sampled_from([0.3, 2.0]))), n)
    own = np.column_stack([np.ones(n), *rng.normal(size=(draw(st.integers(0, 1)), n))])
    shared = rng.normal(size=(n, draw(st.integers(0, 2))))
    weight = rng.uniform(0.5, 2, n)
    response = rng.normal(size=n) + 1.5 * prior[:, 0]
    return prior, Data(response, weight, own, shared)


def expanded(data, n_states):
    """The design of each genotype, (state, individual, column)."""
    n, n_own = data.own.shape
    designs = np.zeros((n_states, n, n_states * n_own + data.shared.shape[1]))
    for state in range(n_states):
        designs[state, :, state * n_own : (state + 1) * n_own] = data.own
        designs[state, :, n_states * n_own :] = data.shared
    return designs


@pytest.mark.kernel
@settings(max_examples=25)
@given(mixtures())
def test_the_mixture_reaches_a_fixed_point_of_plain_em(mixture):
    prior, data = mixture
    n, n_states = prior.shape
    designs = expanded(data, n_states)
    params, posterior = np.empty(designs.shape[2] + 1), np.empty((n, n_states))
    found, _, status = fit_mixture(prior, data, Rule(False, 20_000, 1e-12, 1e-9), params, posterior)
    if status != Status.CONVERGED:
        return
    sigma = math.exp(params[-1])
    constant = 0.5 * np.log(data.weight).sum()
    at = reference.mixture_log_likelihood(data.response, designs, prior, params[:-1], sigma, data.weight)
    assert found + constant == pytest.approx(at, abs=1e-8)
    start = reference.mixture_em(data.response, designs, prior, data.weight, 1)[2]
    assert at >= start - 1e-9
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    x = designs.reshape(-1, designs.shape[2])
    v = (posterior.T * data.weight).ravel()
    scores = x.T @ (v * (np.tile(data.response, n_states) - x @ params[:-1]))
    np.testing.assert_allclose(scores, 0, atol=1e-5)


@pytest.mark.kernel
def test_the_mixture_follows_em_to_its_maximum():
    rng = np.random.default_rng(11)
    prior = rng.dirichlet(np.full(3, 0.4), 30)
    response = prior @ [0.0, 1.0, 3.0] + 0.3 * rng.normal(size=30)
    data = Data(response, np.ones(30), np.ones((30, 1)), np.empty((30, 0)))
    params = np.empty(4)
    found, _, status = fit_mixture(prior, data, Rule(False, 5000, 1e-13, 1e-10), params, np.empty((30, 3)))
    beta, sigma, best = reference.mixture_em(response, expanded(data, 3), prior, data.weight, 400)
    assert status == Status.CONVERGED
    assert found == pytest.approx(best, abs=1e-7)
    np.testing.assert_allclose(params, [*beta, math.log(sigma)], atol=1e-5)
