"""Pictures of interval mapping: the same every time, for any chromosomes, traits, methods and peaks."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from genem.errors import UsageError
from genem.qtl import Threshold, find_peaks, genotype_probabilities, locus_effects, scan
from genem.qtl.one_locus.plots import MAX_LOCI, MAX_PANELS, plot_effects, plot_lod_curves
from tests.qtl.crosses import golden_cross, small_cross


@pytest.fixture(scope="module")
def f2():
    cross = golden_cross("f2_bothsex_bothdir")
    return cross, genotype_probabilities(cross, step=10, error_prob=0.001)


def drawn(function, *arguments, file_format="svg", **options):
    picture = io.BytesIO()
    function(*arguments, picture, file_format=file_format, **options)
    return picture.getvalue()


def threshold(method="hk", region="A", alpha=0.05, lod=2.5, trait="y"):
    return Threshold(trait, method, "normal", region, alpha, lod, 100)


@pytest.mark.parametrize("file_format", ["svg", "png", "pdf"])
def test_the_same_results_give_the_same_picture(f2, file_format):
    scans = {"hk": scan(*f2, "y", method="hk")}
    effects = [locus_effects(*f2, "y", "1", 10.0)]
    for function, results in ((plot_lod_curves, scans), (plot_effects, effects)):
        one, other = (drawn(function, results, file_format=file_format) for _ in range(2))
        assert one == other != b""


def test_chromosomes_methods_and_levels_are_named(f2):
    scans = {method: scan(*f2, "y", method=method) for method in ("hk", "mr")}
    limits = [threshold(alpha=alpha, region=region) for alpha in (0.05, 0.1) for region in "AX"]
    text = drawn(plot_lod_curves, scans, thresholds=limits, x_chromosomes={"X"}).decode()
    for label in (
        *scans["hk"].chromosomes,
        "Haley-Knott",
        "marker regression",
        "5 % threshold",
        "10 % threshold",
        "LOD score",
    ):
        assert f">{label}<" in text


def test_a_single_chromosome_has_its_scale_in_centimorgan(f2):
    cross, genotypes = f2
    found = scan(cross, [one for one in genotypes if one.chromosome == "2"], "y", method="hk")
    assert ">chromosome 2 (cM)<" in drawn(plot_lod_curves, {"hk": found}).decode()


def test_a_lone_marker_is_a_point():
    cross = small_cross(
        "bc", [["AA"], ["AB"], ["AA"], ["AB"], ["AB"]], [7.0], phenotypes={"y": np.array([1.0, 2.1, 0.8, 1.9, 2.2])}
    )
    found = scan(cross, genotype_probabilities(cross), "y", method="hk")
    assert drawn(plot_lod_curves, {"hk": found}) != b""


def test_of_many_traits_the_highest_are_drawn(f2):
    cross, genotypes = f2
    rng = np.random.default_rng(5)
    traits = {f"t{k:02d}": rng.normal(size=len(cross)) for k in range(MAX_PANELS + 3)}
    several = type(cross)(
        **{name: getattr(cross, name) for name in cross.__slots__ if name != "phenotypes"}, phenotypes=traits
    )
    found = scan(several, genotypes, tuple(traits), method="hk")
    text = drawn(plot_lod_curves, {"hk": found}).decode()
    best = np.argsort(-found.lod.max(axis=0))[:MAX_PANELS]
    assert {name for name in traits if f">{name}<" in text} == {found.traits[k] for k in best}
    assert f"{MAX_PANELS} of {MAX_PANELS + 3} traits" in text


def test_nothing_to_draw():
    with pytest.raises(UsageError, match="no scan to draw"):
        drawn(plot_lod_curves, {})
    assert ">no peak<" in drawn(plot_effects, []).decode()


def test_effects_on_autosomes_and_x_share_a_picture(f2):
    cross, genotypes = f2
    found = scan(cross, genotypes, "y", method="hk")
    peaks = find_peaks(found, min_lod=0.1, x_chromosomes=cross.x_chromosomes)
    places = [(peak.interval.chromosome, peak.interval.peak_name) for peak in peaks]
    effects = [locus_effects(cross, genotypes, "y", *place) for place in places]
    assert "X" in {chromosome for chromosome, _ in places}
    text = drawn(plot_effects, effects).decode()
    for name in ("AA", "AB", "BB", "AY", "BY", *(name for _, name in places)):
        assert f">{name}<" in text


def test_of_many_loci_the_highest_are_drawn(f2):
    cross, genotypes = f2
    one = locus_effects(cross, genotypes, "y", "1", 10.0)
    many = [replace(one, name=f"locus{k}", lod=float(k % 50)) for k in range(MAX_LOCI + 10)]
    text = drawn(plot_effects, many).decode()
    assert {k for k in range(50) if f">locus{k}<" in text} == set(range(10, 50))
    assert f"{MAX_LOCI} of {MAX_LOCI + 10} loci" in text


def test_means_are_adjusted_for_covariates(f2):
    cross, genotypes = f2
    one = locus_effects(cross, genotypes, "y", "1", 10.0, addcovar=("age",))
    covariate = cross.phenotypes["age"]
    known = np.isfinite(cross.phenotypes["y"]) & np.isfinite(covariate)
    slope = one.estimates[one.terms.index("age")]
    np.testing.assert_allclose(one.adjusted_means, one.estimates[:3] + slope * covariate[known].mean(), rtol=1e-9)
    assert (one.adjusted_errors < one.standard_errors[:3]).all()
