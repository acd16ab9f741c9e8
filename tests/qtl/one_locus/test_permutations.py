"""Permutations, thresholds and genome-wide p-values."""

import math
from dataclasses import replace

import numpy as np
import pytest

from genem.errors import InputError, UsageError
from genem.qtl import Permutations, genome_wide_p, genotype_probabilities, permute, scan, threshold
from genem.qtl.one_locus.design import sample_of
from genem.qtl.one_locus.permutations import exchangeable_groups, shuffled_orders
from tests.qtl.crosses import golden_cross, small_cross


@pytest.fixture
def f2():
    cross = golden_cross("f2_bothsex_bothdir")
    return cross, genotype_probabilities(cross, step=10, error_prob=0.001)


def scanned_one_by_one(cross, genotypes, found, method, **options):
    """The highest LOD scores on autosomes and X of traits shuffled in the table itself."""
    y = cross.phenotypes["y"]
    kept = np.isfinite(y)
    reverse = cross.is_reverse & ~cross.is_male
    strata = np.unique(np.column_stack([cross.is_male, reverse])[kept], axis=0, return_inverse=True)[1].ravel()
    order = shuffled_orders(np.unique(strata, return_inverse=True)[1], len(found), found.first, found.seed)
    answers = []
    for one in order:
        columns = {}
        for name, values in cross.phenotypes.items():
            shuffled = values.copy()
            shuffled[kept] = values[kept][one]
            columns[name] = shuffled
        fields = {name: getattr(cross, name) for name in cross.__slots__} | {"phenotypes": columns}
        result = scan(type(cross)(**fields), genotypes, "y", method=method, **options)
        answers.append([result.lod[result.chromosome != 3].max(), result.lod[result.on("X")].max()])
    return np.array(answers)


@pytest.mark.parametrize(
    ("method", "options", "tolerance"),
    [
        ("hk", {}, 1e-9),
        ("em", {}, 1e-10),
        ("hk", {"addcovar": ("age",)}, 1e-8),
        ("hk", {"weights": "wt"}, 1e-8),
        ("em", {"addcovar": ("sex", "age"), "intcovar": ("sex",)}, 1e-8),
        ("em", {"weights": "wt"}, 1e-8),
    ],
)
def test_permutations_are_scans_of_shuffled_traits(f2, method, options, tolerance):
    found = permute(*f2, "y", n_permutations=5, method=method, **options)
    expected = scanned_one_by_one(*f2, found, method, **options)
    np.testing.assert_allclose(found.autosomes, expected[:, 0], atol=tolerance)
    np.testing.assert_allclose(found.x, expected[:, 1], atol=tolerance)
    np.testing.assert_array_equal(found.genome, np.maximum(found.autosomes, found.x))


@pytest.mark.parametrize(
    ("trait", "method", "model", "addcovar"),
    [
        ("aff", "em", "binary", ()),
        ("aff", "em", "binary", ("age",)),
        ("aff", "hk", "binary", ()),
        ("y", "em", "np", ()),
        ("y", "ehk", "normal", ()),
        ("capped", "em", "2part", ()),
    ],
)
def test_other_models_are_scans_of_shuffled_genotypes(f2, trait, method, model, addcovar):
    """All chromosomes together, shuffled within the strata of the X chromosome."""
    cross, genotypes = f2
    fields = {name: getattr(cross, name) for name in cross.__slots__}
    y = cross.phenotypes["y"]
    capped = np.minimum(y, np.nanquantile(y, 0.7))
    fields["phenotypes"] = {**cross.phenotypes, "capped": capped}
    cross = type(cross)(**fields)
    values = cross.phenotypes[trait]
    options = {"method": method, "model": model, "addcovar": addcovar}
    found = permute(cross, genotypes, trait, n_permutations=2, first=3, **options)
    kept = np.flatnonzero(np.isfinite(values))
    strata = exchangeable_groups(cross, sample_of(cross, values, addcovar), genotypes, None)
    for k, order in enumerate(shuffled_orders(strata, 2, 3, 1)):
        shuffled = np.arange(len(cross))
        shuffled[kept] = kept[np.argsort(order)]
        moved = [replace(one, probabilities=one.probabilities[:, shuffled]) for one in genotypes]
        result = scan(cross, moved, trait, **options)
        assert found.genome[k] == pytest.approx(result.lod.max(), abs=1e-8)


@pytest.mark.parametrize(
    ("method", "model", "options"),
    [
        ("em", "normal", {}),
        ("em", "normal", {"addcovar": ("age",)}),
        ("hk", "normal", {}),
        ("hk", "normal", {"weights": "wt"}),
        ("em", "np", {}),
    ],
)
def test_ranges_of_permutations_join(f2, method, model, options):
    """Bit by bit, across the borders of the blocks that are computed together."""
    whole = permute(*f2, "y", n_permutations=12, first=250, method=method, model=model, **options)
    pieces = [
        permute(*f2, "y", n_permutations=n, first=first, method=method, model=model, **options)
        for first, n in ((250, 3), (253, 9))
    ]
    for part in ("autosomes", "x"):
        joined = np.concatenate([getattr(piece, part) for piece in pieces])
        assert joined.tobytes() == getattr(whole, part).tobytes()


def test_shuffles_stay_within_strata():
    strata = np.array([0, 1, 0, 1, 2, 0])
    orders = shuffled_orders(strata, 50, 0, 1)
    assert (strata[orders] == strata).all()
    assert (np.sort(orders, axis=1) == np.arange(6)).all()
    assert len({tuple(order) for order in orders.tolist()}) > 5
    assert (orders != shuffled_orders(strata, 50, 0, 2)).any()


def test_a_stratum_is_a_column(f2):
    cross, genotypes = f2
    found = permute(cross, genotypes, "y", n_permutations=4, method="hk", strata="aff")
    assert (found.genome != permute(cross, genotypes, "y", n_permutations=4, method="hk").genome).any()
    with pytest.raises(UsageError, match="no column absent"):
        permute(cross, genotypes, "y", n_permutations=4, strata="absent")
    fields = {name: getattr(cross, name) for name in cross.__slots__}
    fields["phenotypes"] = {**cross.phenotypes, "holes": np.full(len(cross), np.nan)}
    with pytest.raises(InputError, match="stratum holes is missing"):
        permute(type(cross)(**fields), genotypes, "y", n_permutations=4, strata="holes")


def test_zero_permutations_are_refused(f2):
    with pytest.raises(UsageError, match="0 permutations; 1 is the least"):
        permute(*f2, "y", n_permutations=0)


def permutations(autosomes, x, lengths):
    n = len(autosomes)
    x = np.full(n, -np.inf) if x is None else np.asarray(x, float)
    return Permutations("y", "hk", "normal", np.asarray(autosomes, float), x, *lengths, 0, 1)


def test_thresholds_are_quantiles():
    found = permutations(np.arange(101.0), None, (100.0, 0.0))
    assert threshold(found, 0.05) == pytest.approx(95)
    assert genome_wide_p(found, 95) == pytest.approx(7 / 102)
    assert genome_wide_p(found, 1000) == pytest.approx(1 / 102)


def test_x_has_a_threshold_of_its_own():
    found = permutations(np.arange(1000.0), np.arange(1000.0) / 2, (90.0, 10.0))
    level = 1 - 0.95**0.1
    assert threshold(found, 0.05, chromosomes="x") == pytest.approx(np.quantile(found.x, 1 - level))
    together = (1 - (1 - 0.95**0.9)) * (1 - level)
    assert together == pytest.approx(0.95)
    p = genome_wide_p(found, 490, chromosomes="x")
    assert p == pytest.approx(1 - (1 - 21 / 1001) ** 10)


def test_what_was_not_permuted_has_no_threshold():
    found = permutations([1, 2], None, (10.0, 0.0))
    with pytest.raises(UsageError, match="no permutations of chromosomes 'x'"):
        threshold(found, chromosomes="x")
    with pytest.raises(UsageError, match="between 0 and 1"):
        threshold(found, 0)


def test_without_an_x_everybody_is_exchanged():
    rng = np.random.default_rng(1)
    calls = [[call] for call in rng.choice(["AA", "AB"], 40)]
    cross = small_cross("bc", calls, [0.0], phenotypes={"y": rng.normal(size=40)}, is_male=np.arange(40) < 20)
    found = permute(cross, genotype_probabilities(cross), "y", n_permutations=200, method="hk")
    assert (found.x == -np.inf).all()
    # One marker: 2 log(10) LOD is about chi-squared with one degree of freedom.
    assert threshold(found, 0.05) == pytest.approx(3.84 / (2 * math.log(10)), rel=0.35)


def sparse_cross(seed, model):
    """A backcross of 40 at four distant markers, most calls missing, and a trait without a locus; None if too few."""
    rng = np.random.default_rng(seed)
    n, m = 40, 4
    true = rng.integers(1, 3, (n, 1)) * np.ones((1, m), int)
    flipped = rng.random((n, m)) < 0.2
    calls = np.where(flipped, 3 - true, true)
    calls[rng.random((n, m)) < 0.85] = 0
    y = rng.normal(size=n)
    if model == "2part":
        y = np.where(rng.random(n) < 0.4, y.max() + 5, y)
    if model == "binary":
        y = (y > 1).astype(float)
        if not 2 <= y.sum() <= n - 2:
            return None
    names = [None, "AA", "AB"]
    return small_cross("bc", [[names[k] for k in row] for row in calls], np.arange(m) * 25.0, phenotypes={"y": y})


def identity_differences(seeds, model):
    """Highest LOD score of the scan less that of the identity permutation."""
    differences = []
    for seed in seeds:
        cross = sparse_cross(seed, model)
        if cross is not None:
            genotypes = genotype_probabilities(cross, step=5)
            identity = np.arange(len(cross))[None]
            found = permute(cross, genotypes, "y", model=model, orders=identity)
            differences.append(np.nanmax(scan(cross, genotypes, "y", model=model).lod) - found.genome[0])
    return np.array(differences)


@pytest.mark.parametrize("model", ["normal", "binary", "2part"])
def test_the_identity_permutation_is_the_scan(model):
    """Among these seeds are plateaus at the start, where the gains of EM first shrink, then grow."""
    seeds = [*range(6), 35, 44, 64, 120, 150, 172, 177, 184, 241]
    np.testing.assert_allclose(identity_differences(seeds, model), 0, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["normal", "binary", "2part"])
def test_the_identity_permutation_is_the_scan_in_hundreds_of_crosses(model):
    np.testing.assert_allclose(identity_differences(range(300), model), 0, atol=1e-9)


def test_given_orders_are_permutations_of_the_individuals_kept(f2):
    n = int(np.isfinite(f2[0].phenotypes["y"]).sum())
    order = np.arange(n)[::-1][None]
    assert len(permute(*f2, "y", method="hk", orders=order)) == 1
    for wrong in (order[:, 1:], np.zeros((1, n), int), order[0]):
        with pytest.raises(UsageError, match="orders"):
            permute(*f2, "y", method="hk", orders=wrong)
