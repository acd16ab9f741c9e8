"""LOD scores by every method and model."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.errors import InputError, UsageError
from genem.qtl import SpikeWarning, genotype_draws, genotype_probabilities, locus_effects, scan
from genem.qtl.one_locus.methods import average_ranks
from tests.qtl.crosses import CROSS_TYPES, GOLDEN, golden_cross, rows, small_cross

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


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=12))
def test_ranks_share_ties(values):
    ranks, correction = average_ranks(np.array(values, float))
    expected = [sum(o < v for o in values) + (sum(o == v for o in values) + 1) / 2 for v in values]
    np.testing.assert_allclose(ranks, expected)
    assert 0 <= correction <= 1


def test_at_known_genotypes_ranks_give_kruskal_and_wallis():
    from scipy.stats import kruskal

    rng = np.random.default_rng(2)
    calls = rng.choice(["AA", "AB", "BB"], 40)
    y = np.round(rng.normal(size=40), 1)
    cross = small_cross("f2", [[call] for call in calls], [0.0], phenotypes={"y": y})
    found = scan(cross, genotype_probabilities(cross, error_prob=0.0), "y", model="np")
    statistic = kruskal(*(y[calls == call] for call in ("AA", "AB", "BB"))).statistic
    assert found.lod[0, 0] == pytest.approx(statistic / (2 * math.log(10)))


def test_at_known_genotypes_the_two_parts_add_up():
    rng = np.random.default_rng(4)
    calls = np.repeat(["AA", "AB", "BB"], 20)
    y = rng.normal(size=60)
    y[rng.random(60) < 0.3] = 9.0
    cross = small_cross("f2", [[call] for call in calls], [0.0], phenotypes={"y": y, "top": (y == 9.0) * 1.0})
    genotypes = genotype_probabilities(cross, error_prob=0.0)
    found = scan(cross, genotypes, "y", model="2part")
    assert found.lod[0, 0] == pytest.approx(found.parts["binary"][0, 0] + found.parts["normal"][0, 0], abs=1e-7)
    assert found.parts["binary"][0, 0] == pytest.approx(
        scan(cross, genotypes, "top", model="binary").lod[0, 0], abs=1e-7
    )


def test_a_genotype_nobody_has_is_no_obstacle():
    calls = [["AA"], ["AB"], ["AB"], ["AA"], ["AB"], ["AA"], ["AB"], ["AA"]]
    cross = small_cross("f2", calls, [0.0], phenotypes={"y": np.array([1.0, 3, 4, 2, 3.5, 1.5, 3, 2.5])})
    genotypes = genotype_probabilities(cross, error_prob=0.0)
    em, hk = (scan(cross, genotypes, "y", method=method) for method in ("em", "hk"))
    assert em.lod[0, 0] == pytest.approx(hk.lod[0, 0], abs=1e-8)


def test_a_spike_between_distant_markers_is_warned_of():
    rng = np.random.default_rng(0)
    n = 120
    calls = [[a, b] for a, b in zip(rng.choice(["AA", "AB", "BB"], n), rng.choice(["AA", "AB", "BB"], n), strict=True)]
    y = np.where(rng.random(n) < 0.3, 264.0, rng.normal(100, 15, n))
    cross = small_cross("f2", calls, [0.0, 100.0], phenotypes={"y": y})
    with pytest.warns(SpikeWarning, match="probably the mixture fits the trait's distribution"):
        found = scan(cross, genotype_probabilities(cross, step=10), "y")
    assert found.spike.any()
    assert not found.spike[found.is_marker].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"addcovar": ("age", "older")}, "covariate older is a linear function of age; leave one of them out"),
        ({"addcovar": ("age", "sex", "wt", "both")}, "covariate both is a linear function of sex, wt"),
        ({"addcovar": ("flat",)}, "covariate flat is constant"),
        ({"addcovar": ("word",)}, "covariate word is not numeric: 'x' for individual f2001"),
        ({"traits": "flat"}, "trait flat is constant"),
        ({"traits": "nothing"}, "trait nothing is missing for everybody"),
        ({"traits": "word"}, "trait word is not numeric"),
        ({"traits": "y", "model": "binary"}, "0 or 1 expected of a binary trait"),
        ({"traits": "few"}, "4 individuals have the trait, too few for 4 parameters"),
        ({"weights": "negative"}, "weight negative of individual f2001 is not above 0"),
    ],
)
def test_columns_that_cannot_be_used_are_named(f2, options, message):
    cross, genotypes = f2
    n = len(cross)
    age, sex, wt = (cross.phenotypes[name] for name in ("age", "sex", "wt"))
    cross = with_columns(
        cross,
        older=age + 2,
        both=sex - 2 * wt,
        flat=np.ones(n),
        nothing=np.full(n, np.nan),
        few=np.where(np.arange(n) < 4, np.arange(n), np.nan),
        negative=np.arange(n) - 1.0,
    )
    object.__setattr__(cross, "labels", {"word": ("x",) * n})
    with pytest.raises(InputError, match=message):
        scan(cross, genotypes, **{"traits": "y", **options})


@pytest.mark.parametrize(
    "options",
    [
        {"traits": ()},
        {"traits": "absent"},
        {"method": "xx"},
        {"model": "xx"},
        {"model": "np", "addcovar": ("age",)},
        {"model": "2part", "method": "hk"},
        {"traits": "aff", "model": "binary", "weights": "wt"},
    ],
)
def test_requests_that_make_no_sense(f2, options):
    with pytest.raises(UsageError):
        scan(*f2, **{"traits": "y", **options})


def test_no_warning_on_data_without_a_spike(f2):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not scan(*f2, "y").spike.any()


def test_markers_alone_are_analyses_of_variance():
    rng = np.random.default_rng(8)
    calls = rng.choice(["AA", "AB", "BB", "not BB"], 40)
    y = rng.normal(size=40)
    cross = small_cross("f2", [[call] for call in calls], [0.0], phenotypes={"y": y})
    found = scan(cross, (), "y", method="mr")
    typed = calls != "not BB"
    groups = [y[calls == call] for call in ("AA", "AB", "BB")]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups)
    total = ((y[typed] - y[typed].mean()) ** 2).sum()
    assert found.lod[0, 0] == pytest.approx(typed.sum() / 2 * math.log10(total / within))


def test_imputation_is_regression_where_genotypes_are_known():
    rng = np.random.default_rng(8)
    calls = [[call] for call in rng.choice(["AA", "AB", "BB"], 30)]
    cross = small_cross("f2", calls, [0.0], phenotypes={"y": rng.normal(size=30)})
    genotypes = genotype_probabilities(cross, error_prob=0.0)
    draws = genotype_draws(cross, n_draws=3, error_prob=0.0)
    imputed = scan(cross, genotypes, "y", method="imp", draws=draws)
    np.testing.assert_allclose(imputed.lod, scan(cross, genotypes, "y", method="hk").lod, atol=1e-9)


def test_imputation_averages_to_the_lod_score_of_em(f2):
    cross, genotypes = f2
    draws = genotype_draws(cross, n_draws=200, step=10, error_prob=0.001)
    imputed = scan(cross, genotypes, "y", method="imp", draws=draws)
    em = scan(cross, genotypes, "y", method="em")
    assert np.corrcoef(imputed.lod[:, 0], em.lod[:, 0])[0, 1] > 0.97


def test_imputation_needs_imputed_genotypes(f2):
    with pytest.raises(UsageError, match="needs imputed genotypes at the positions"):
        scan(*f2, "y", method="imp")
    with pytest.raises(UsageError, match="needs imputed genotypes at the positions"):
        scan(*f2, "y", method="imp", draws=genotype_draws(f2[0], n_draws=1, step=5))


@pytest.mark.parametrize("method", ["hk", "em"])
def test_a_thousand_traits_need_little_beside_the_result(method):
    rng = np.random.default_rng(5)
    n, n_traits = 40, 1000
    calls = rng.choice(["AA", "AB", "BB"], (n, 6))
    traits = {f"y{k}": rng.normal(size=n) for k in range(n_traits)}
    cross = small_cross("f2", calls, np.arange(6) * 4.0, phenotypes=traits)
    genotypes = genotype_probabilities(cross, step=2)
    scan(cross, genotypes, list(traits)[:10], method=method)  # compiles
    tracemalloc.start()
    found = scan(cross, genotypes, list(traits), method=method)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    result = sum(array.nbytes for array in (found.lod, found.n_iter, found.status, found.spike))
    assert peak < 2.0 * result + 500_000
    for k in (0, 127, 128, 999):
        alone = scan(cross, genotypes, f"y{k}", method=method)
        np.testing.assert_allclose(found.lod[:, k], alone.lod[:, 0], atol=1e-6)
