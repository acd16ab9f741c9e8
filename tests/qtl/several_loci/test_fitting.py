"""Models of several loci: formulas, fits, profiles, selection; composite interval mapping."""

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.em import Status
from genem.errors import InputError, UsageError
from genem.io.crosses.reading import read_cross
from genem.qtl import (
    Penalties,
    composite_scan,
    fit_qtl,
    genotype_probabilities,
    joint_genotypes,
    locus_effects,
    qtl_profiles,
    scan,
    scan_two,
    select_qtl,
)
from genem.qtl.several_loci.model_plots import plot_qtl_profiles
from genem.qtl.several_loci.terms import Term, count_interactions, formula_of, hierarchical, parse_formula
from tests.qtl.crosses import GOLDEN, golden_cross, rows, small_cross
from tests.reference import qtl as reference
from tests.reference import qtl_several as several


@pytest.fixture(scope="module")
def f2():
    cross = golden_cross("f2_bothsex_bothdir")
    return cross, joint_genotypes(cross, step=10, error_prob=0.001)


@pytest.fixture(scope="module")
def hyper(root):
    cross = read_cross(root / "data" / "hyper.csv", cross_type="bc", genotypes=("BB", "BA", "AA"), alleles=("B", "A"))
    return cross, joint_genotypes(cross, step=10, include_markers=True, chromosomes=["1", "4", "5", "6", "15"])


def test_formulas():
    assert formula_of(parse_formula("y ~ Q3 * q1 + Q2:sex", 3)) == "Q1 + Q2 + Q3 + sex + Q1:Q3 + Q2:sex"
    assert parse_formula("Q1*Q2*Q3", 3)[-1] == Term((0, 1, 2))
    assert formula_of(()) == "1"
    for wrong, found in (
        ("Q1 + Q4", "Q4 is not one of the 3 loci"),
        ("Q1 + Q2", "leaves Q3 out"),
        ("Q1 + + Q2", "'' is not a term"),
        ("Q1 + (Q2 * Q3)", r"'\(Q2 \* Q3\)' is not a term"),
    ):
        with pytest.raises(UsageError, match=found):
            parse_formula(wrong, 3)


@given(st.sets(st.frozensets(st.integers(0, 6), min_size=2, max_size=2), max_size=8))
def test_light_interactions_are_connected_groups(pairs):
    terms = hierarchical(Term(tuple(sorted(pair))) for pair in pairs)
    group = {k: k for pair in pairs for k in pair}
    for _ in range(7):
        for a, b in pairs:
            group[a] = group[b] = min(group[a], group[b])
    light, heavy = count_interactions(terms)
    assert light == len(set(group.values()))
    assert light + heavy == len(pairs)


@pytest.mark.parametrize("name", ["f2_bothsex_bothdir", "dh"])
def test_fits_of_the_golden_crosses(name):
    cross = golden_cross(name)
    linked = joint_genotypes(cross, step=10, error_prob=0.001, chromosomes=["1", "2", "3"])
    found = fit_qtl(cross, linked, "y", [("1", 20.0), ("2", 30.0), ("3", 40.0)], "Q1 + Q2*Q3")
    answers = {(row["kind"], row["name"]): row for row in rows(GOLDEN / "fitqtl.tsv") if row["cross"] == name}
    model = answers["model", "all"]
    values = {"lod": found.lod, "var": found.percent_variance, "p_lrt": found.p_lrt, "p_f": found.p_f, "df": found.df}
    assert values == pytest.approx({key: float(model[key]) for key in values}, rel=1e-8)
    terms = [row for (kind, _), row in answers.items() if kind == "term"]
    assert [term.name for term in found.dropped] == [row["name"] for row in terms]
    for term, row in zip(found.dropped, terms, strict=True):
        values = (term.df, term.lod, term.percent_variance, term.f, term.p_lrt, term.p_f)
        assert values == pytest.approx([float(row[key]) for key in ("df", "lod", "var", "f", "p_lrt", "p_f")], rel=1e-7)
    estimates = {row["name"]: row for (kind, _), row in answers.items() if kind == "estimate"}
    assert set(found.terms) == set(estimates)
    for term, value, error in zip(found.terms, found.estimates, found.standard_errors, strict=True):
        assert (value, error) == pytest.approx(
            (float(estimates[term]["estimate"]), float(estimates[term]["se"])), rel=1e-7
        )


def test_one_locus_by_em_is_the_scan_with_its_effects(f2):
    cross, linked = f2
    genotypes = [one.genotypes for one in linked]
    found = fit_qtl(cross, linked, "y", [("1", 20.0)], method="em", addcovar=("age",), weights="wt")
    expected = locus_effects(cross, genotypes, "y", "1", 20.0, addcovar=("age",), weights="wt")
    assert found.lod == pytest.approx(expected.lod, abs=1e-8)
    assert found.percent_variance == pytest.approx(expected.percent_variance, abs=1e-7)
    assert found.sigma == pytest.approx(expected.sigma[0], rel=1e-6)
    by_name = dict(zip(found.terms, zip(found.estimates, found.standard_errors, strict=True), strict=True))
    assert by_name["1@20.0a"] == pytest.approx(expected.contrasts["additive"], rel=1e-5)
    assert by_name["1@20.0d"] == pytest.approx(expected.contrasts["dominance"], rel=1e-5)
    at = expected.terms.index("age")
    assert by_name["age"] == pytest.approx((expected.estimates[at], expected.standard_errors[at]), rel=1e-5)
    assert math.isnan(found.p_f)
    assert found.status == Status.CONVERGED


@pytest.mark.parametrize("method", ["em", "hk"])
def test_two_loci_are_the_pairs_of_the_scan(f2, method):
    cross, linked = f2
    pairs = scan_two(cross, linked, "y", method=method)
    for a, b in ((("1", 20.0), ("1", 50.0)), (("1", 20.0), ("3", 40.0)), (("X", 10.0), ("X", 60.0))):
        at = [
            int(np.flatnonzero((pairs.chromosome == pairs.chromosomes.index(name)) & (pairs.position == cm))[0])
            for name, cm in (a, b)
        ]
        pair = int(np.flatnonzero((pairs.first == at[0]) & (pairs.second == at[1]))[0])
        additive = fit_qtl(cross, linked, "y", [a, b], method=method)
        assert additive.lod == pytest.approx(pairs.additive[pair], abs=1e-6)
        full = fit_qtl(cross, linked, "y", [b, a], interactions=[(1, 2)], method=method)
        if "X" not in (a[0], b[0]):
            assert full.lod == pytest.approx(pairs.full[pair], abs=1e-6)
            assert full.dropped[-1].lod == pytest.approx(full.lod - additive.lod, abs=1e-7)
        assert full.lod <= pairs.full[pair] + 1e-6


def test_a_locus_on_x_is_the_scan(f2):
    cross, linked = f2
    genotypes = [one.genotypes for one in linked]
    for method in ("em", "hk"):
        found = fit_qtl(cross, linked, "y", [("X", 30.0)], method=method)
        single = scan(cross, genotypes, "y", method=method)
        at = single.on("X")[3]
        assert single.position[at] == 30.0
        assert found.lod == pytest.approx(single.lod[at, 0], abs=1e-8)
        assert found.terms == ("Intercept", "male", "reverse", *(f"X@30.0.{c}" for c in ("ABf-AA", "ABr-BB", "BY-AY")))


def test_covariates_interact_with_loci(f2):
    cross, linked = f2
    genotypes = [one.genotypes for one in linked]
    for method in ("em", "hk"):
        found = fit_qtl(cross, linked, "y", [("2", 30.0)], "Q1*age", method=method)
        single = scan(cross, genotypes, "y", method=method, addcovar=("age",), intcovar=("age",))
        assert found.lod == pytest.approx(single.lod[single.on("2")[3], 0], abs=1e-6)
        assert found.formula == "Q1 + age + Q1:age"
        assert [term.name for term in found.dropped] == ["2@30.0", "2@30.0:age"]


def test_drop_one_is_a_pair_of_regressions():
    cross = golden_cross("bc_bothsex")
    linked = joint_genotypes(cross, step=10, error_prob=0.001)
    found = fit_qtl(cross, linked, "y", [("1", 20.0), ("2", 30.0)], addcovar=("age",), weights="wt")
    kept = np.isfinite(cross.phenotypes["y"])
    y, age, weights = (cross.phenotypes[name][kept] for name in ("y", "age", "wt"))
    columns = np.stack([linked[k].genotypes.probabilities[place, kept, 1] for k, place in ((0, 2), (1, 3))])
    null = np.column_stack([np.ones(len(y)), age])
    for k, term in enumerate(found.dropped):
        expected = several.drop_one(y, columns, null, [k], weights)
        assert (term.lod, term.percent_variance, term.f) == pytest.approx(expected, rel=1e-8)
    whole = reference.regression_log_likelihood(y, np.hstack([null, columns.T]), weights)
    assert found.lod == pytest.approx((whole - reference.regression_log_likelihood(y, null, weights)) / math.log(10))


def test_loci_that_cannot_be_told_apart_have_no_effects_of_their_own():
    rng = np.random.default_rng(1)
    calls = [[call, call] for call in rng.choice(["AA", "AB"], 40)]
    cross = small_cross("bc", calls, [0.0, 0.0], phenotypes={"y": rng.normal(size=40)})
    linked = joint_genotypes(cross, step=0, error_prob=0.0)
    for method in ("hk", "em"):
        found = fit_qtl(cross, linked, "y", [("1", "M1"), ("1", "M2")], method=method)
        assert found.df == 1
        assert np.isfinite(found.estimates[1])
        assert np.isnan(found.estimates[2])
        assert np.isnan(found.standard_errors[2])


def test_a_model_without_loci(f2):
    found = fit_qtl(*f2, "y", [])
    y = f2[0].phenotypes["y"]
    assert (found.lod, found.df, found.formula, found.dropped) == (0.0, 0, "1", ())
    assert found.estimates[0] == pytest.approx(np.nanmean(y))


def test_profiles_follow_the_model(f2):
    cross, linked = f2
    for method in ("hk", "em"):
        profiles = qtl_profiles(cross, linked, "y", [("1", 20.0), ("1", 60.0)], "Q1*Q2", method=method)
        for profile, other in zip(profiles, (("1", 60.0), ("1", 20.0)), strict=True):
            without = fit_qtl(cross, linked, "y", [other], method=method).lod
            assert math.isnan(profile.lod[int(np.flatnonzero(profile.position == other[1])[0])])
            moved = fit_qtl(cross, linked, "y", [("1", 80.0), other], "Q1*Q2", method=method).lod
            assert profile.lod[8] == pytest.approx(moved - without, abs=1e-6)
    refined = qtl_profiles(cross, linked, "y", [("1", 20.0), ("3", 60.0)], refine=True)
    for profile in refined:
        assert profile.position[np.nanargmax(profile.lod)] == pytest.approx(profile.at)


def test_selection_follows_the_trace_of_r_qtl(hyper):
    cross, linked = hyper
    found = select_qtl(cross, linked, "bp", penalties=Penalties(2.63, 3.97, 1.72), max_qtl=4)
    answers = rows(GOLDEN / "hyper.stepwise.tsv")
    scores = [model.score for model in found.visited]
    forward = [model for model in found.visited if model.step == "forward"]
    assert [model.score for model in forward] == pytest.approx([float(row["plod"]) for row in answers[:4]], abs=1e-7)
    for row in answers:
        assert np.abs(np.array(scores) - float(row["plod"])).min() < 1e-7
    assert found.best.score == max(scores)
    assert found.best.formula == "Q1 + Q2 + Q3 + Q4 + Q3:Q4"
    assert [f"{name}@{cm:.10g}" for name, cm in found.best.loci] == ["4@30", "1@67.8", "6@66.7", "15@17.5"]
    for model in found.visited:
        light, heavy = count_interactions(parse_formula(model.formula, len(model.loci)) if model.loci else ())
        assert model.penalty == pytest.approx(2.63 * len(model.loci) + 1.72 * light + 3.97 * heavy)
    refitted = fit_qtl(cross, linked, "bp", found.best.loci, found.best.formula)
    assert refitted.lod == pytest.approx(found.best.lod, abs=1e-9)
    assert [profile.at for profile in found.profiles] == [cm for _, cm in found.best.loci]
    assert found.near_ties == ()
    assert [model.step for model in found.visited] == ["null"] + ["forward"] * 4 + ["backward"] * 5


def test_bic_counts_parameters_and_near_ties_are_named(hyper):
    cross, linked = hyper
    found = select_qtl(cross, linked, "bp", criterion="bic", max_qtl=3, near=5.0, additive_only=True)
    half = 0.5 * math.log10(found.n_individuals)
    assert found.penalties is None
    for model in found.visited:
        assert model.score == pytest.approx(model.lod - half * model.df)
        assert ":" not in model.formula
    assert found.near_ties != ()
    assert all(model.score > found.best.score - 5.0 for model in found.near_ties)
    assert found.best not in found.near_ties


def test_selection_by_em_and_default_penalties(f2):
    cross, linked = f2
    some = [one for one in linked if one.chromosome in ("1", "3")]
    found = select_qtl(cross, some, "y", method="em", max_qtl=2, n_permutations=20, seed=2)
    again = select_qtl(cross, some, "y", method="em", max_qtl=2, n_permutations=20, seed=2)
    assert found.best == again.best
    assert found.penalties == again.penalties
    first = found.visited[1]
    single = scan(cross, [one.genotypes for one in some], "y")
    assert first.lod == pytest.approx(single.lod.max(), abs=1e-6)
    assert {model.status for model in found.visited} == {Status.CONVERGED}


def test_composite_mapping_is_a_scan_with_markers_as_covariates():
    cross = golden_cross("bc_bothsex")
    linked = joint_genotypes(cross, step=10, include_markers=True, error_prob=0.001, chromosomes=["1", "2", "3"])
    plain = scan(cross, [one.genotypes for one in linked], "y", addcovar=("age",))
    none = composite_scan(cross, linked, "y", n_markers=0, addcovar=("age",))
    np.testing.assert_allclose(none.scan.lod, plain.lod, atol=1e-7)
    assert none.markers == ()
    found = composite_scan(cross, linked, "y", n_markers=2, window=15.0)
    assert [marker.lod > 0 for marker in found.markers] == [True, True]
    columns = dict(cross.phenotypes)
    for marker in found.markers:
        one = next(one for one in linked if one.chromosome == marker.chromosome)
        columns[marker.name] = one.genotypes.probabilities[one.grid.names.index(marker.name), :, 1]
    fields = {name: getattr(cross, name) for name in cross.__slots__} | {"phenotypes": columns}
    more = type(cross)(**fields)
    for index, one in enumerate(linked):
        on = found.scan.on(one.chromosome)
        for k in (0, len(on) // 2):
            at = found.scan.position[on[k]]
            names = [
                marker.name
                for marker in found.markers
                if marker.chromosome != one.chromosome or abs(marker.position - at) > 15.0
            ]
            assert found.n_covariates[on[k]] == len(names)
            expected = scan(more, [linked[index].genotypes], "y", addcovar=names)
            assert found.scan.lod[on[k], 0] == pytest.approx(expected.lod[k, 0], abs=1e-6)
    singles = scan(cross, genotype_probabilities(cross, step=0, error_prob=0.001), "y", method="hk")
    autosomal = singles.chromosome != singles.chromosomes.index("X")
    assert found.markers[0].name == np.array(singles.names)[autosomal][singles.lod[autosomal, 0].argmax()]
    assert found.markers[0].lod == pytest.approx(singles.lod[autosomal, 0].max(), abs=1e-8)


def test_imputed_markers_are_definite():
    cross = golden_cross("f2_bothsex_onedir")
    linked = joint_genotypes(cross, step=0, error_prob=0.001)
    expected, likeliest = (
        composite_scan(cross, linked, "y", method="hk", imputation=kind) for kind in ("expected", "likeliest")
    )
    assert (expected.scan.lod != likeliest.scan.lod).any()
    assert (likeliest.scan.lod >= -1e-9).all()
    assert likeliest.n_covariates.max() == 3


def test_requests_that_cannot_be(f2):
    cross, linked = f2
    with pytest.raises(UsageError, match=r"Q1 and Q2 are both at 1@20\.0"):
        fit_qtl(cross, linked, "y", [("1", 20.0), ("1", 20.3)])
    with pytest.raises(UsageError, match="a formula or interactions, not both"):
        fit_qtl(cross, linked, "y", [("1", 20.0)], "Q1", interactions=[(1, 2)])
    with pytest.raises(UsageError, match="two or more of the loci 1 to 1 expected"):
        fit_qtl(cross, linked, "y", [("1", 20.0)], interactions=[(1, 2)])
    with pytest.raises(UsageError, match="method 'mr' is not one of em, hk"):
        fit_qtl(cross, linked, "y", [("1", 20.0)], method="mr")
    with pytest.raises(UsageError, match="no column weight"):
        fit_qtl(cross, linked, "y", [("1", 20.0)], "Q1*weight")
    many = [(name, cm) for name in ("1", "2", "3") for cm in (0.0, 10.0, 20.0, 30.0, 40.0)]
    with pytest.raises(UsageError, match=r"15 loci have 14,348,907 combinations of genotypes, too many for em"):
        fit_qtl(cross, linked, "y", many, method="em")
    with pytest.raises(UsageError, match="at most 0 loci"):
        select_qtl(cross, linked, "y", max_qtl=0)
    with pytest.raises(UsageError, match="criterion 'aic' is not one of plod, bic"):
        select_qtl(cross, linked, "y", criterion="aic")
    with pytest.raises(UsageError, match="penalties -1, 2, 1: none may be below 0"):
        select_qtl(cross, linked, "y", penalties=Penalties(-1.0, 2.0, 1.0))
    with pytest.raises(UsageError, match="-1 marker covariates"):
        composite_scan(cross, linked, "y", n_markers=-1)
    with pytest.raises(UsageError, match="a window of -2"):
        composite_scan(cross, linked, "y", window=-2.0)
    with pytest.raises(UsageError, match="imputation 'best'"):
        composite_scan(cross, linked, "y", imputation="best")
    with pytest.raises(UsageError, match="method 'imp'"):
        composite_scan(cross, linked, "y", method="imp")


def test_more_covariates_than_individuals_are_refused():
    rng = np.random.default_rng(2)
    calls = rng.choice(["AA", "AB"], (12, 10)).tolist()
    covariates = {f"c{k}": rng.normal(size=12) for k in range(11)}
    cross = small_cross("bc", calls, np.arange(10) * 20.0, phenotypes={"y": rng.normal(size=12), **covariates})
    linked = joint_genotypes(cross, step=0)
    with pytest.raises(InputError, match="12 individuals have the trait, too few for"):
        scan_two(cross, linked, "y", addcovar=tuple(covariates))
    with pytest.raises(InputError, match="12 individuals have the trait, too few for 13 parameters"):
        fit_qtl(cross, linked, "y", [("1", 0.0)], addcovar=tuple(covariates)[:11])
    with pytest.raises(InputError, match="12 individuals have the trait, too few for 13 parameters"):
        composite_scan(cross, linked, "y", n_markers=10)
    alike = small_cross("bc", [[row[0]] * 2 for row in calls], [0.0, 0.0], phenotypes={"y": rng.normal(size=12)})
    linked = joint_genotypes(alike, step=0, error_prob=0.0)
    with pytest.raises(InputError, match="only 1 markers differ from each other, 2 asked for"):
        composite_scan(alike, linked, "y", n_markers=2)


def test_the_picture_of_a_model_is_the_same_every_time(f2):
    profiles = qtl_profiles(*f2, "y", [("1", 20.0), ("1", 60.0), ("3", 40.0)])
    pictures = [io.BytesIO(), io.BytesIO()]
    for picture in pictures:
        plot_qtl_profiles(profiles, picture, title="y: three loci", file_format="svg")
    assert pictures[0].getvalue() == pictures[1].getvalue()
    text = pictures[0].getvalue().decode()
    for word in ("y: three loci", "Q2 at 60.0 cM", "chromosome 3 (cM)", "LOD given the others"):
        assert word in text
    empty = io.BytesIO()
    plot_qtl_profiles((), empty, file_format="svg")
    assert "no loci" in empty.getvalue().decode()
