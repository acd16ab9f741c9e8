"""Permutations, thresholds and genome-wide p-values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import InputError, UsageError
from genem.qtl import Permutations, genome_wide_p, genotype_probabilities, permute, scan, threshold
from genem.qtl.lane_kernels import LANES, exponentials, scan_lanes
from genem.qtl.permutations import shuffled_orders
from tests.qtl_crosses import golden_cross, small_cross
from tests.reference import qtl as reference


@pytest.mark.kernel
@given(st.lists(st.floats(-690, 690), min_size=1, max_size=20))
def test_exponentials_are_exact_to_the_last_digits(values):
    found = np.array(values)
    exponentials(found, np.empty(len(found)))
    np.testing.assert_allclose(found, [math.exp(value) for value in values], rtol=1e-14)


@pytest.mark.kernel
@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("n_states", [2, 3])
def test_many_traits_side_by_side_are_plain_em(n_states, warm):
    rng = np.random.default_rng(n_states)
    n, n_traits = 24, 3
    prior = rng.dirichlet(np.full(n_states, 0.4), n)
    traits = rng.normal(size=(n, n_traits)) + 2 * prior[:, :1]
    traits = (traits - traits.mean(axis=0)) / traits.std(axis=0)
    null = np.full(n_traits, -n / 2)
    lod, n_iter = np.empty((2, n_traits)), np.empty(2, np.int64)
    scan_lanes(np.stack([prior.T, prior.T]), traits, null, 5000, 1e-10, warm, lod, n_iter)
    assert (n_iter[0] > n_iter[1]) == warm
    designs = np.zeros((n_states, n, n_states))
    for state in range(n_states):
        designs[state, :, state] = 1
    for k in range(n_traits):
        best = reference.mixture_em(traits[:, k], designs, prior, np.ones(n), 600)[2]
        without = reference.regression_log_likelihood(traits[:, k], np.ones((n, 1)), np.ones(n))
        np.testing.assert_allclose(lod[:, k], (best - without) / math.log(10), atol=1e-6)


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
    [("hk", {}, 1e-9), ("em", {}, 1e-3), ("hk", {"addcovar": ("age",)}, 1e-9), ("hk", {"weights": "wt"}, 1e-9)],
)
def test_permutations_are_scans_of_shuffled_traits(f2, method, options, tolerance):
    found = permute(*f2, "y", n_permutations=5, method=method, **options)
    expected = scanned_one_by_one(*f2, found, method, **options)
    np.testing.assert_allclose(found.autosomes, expected[:, 0], atol=tolerance)
    np.testing.assert_allclose(found.x, expected[:, 1], atol=tolerance)
    np.testing.assert_array_equal(found.genome, np.maximum(found.autosomes, found.x))


@pytest.mark.parametrize("model", ["binary", "np"])
def test_other_models_are_permuted_too(f2, model):
    found = permute(*f2, "aff", n_permutations=3, model=model)
    assert np.isfinite(found.autosomes).all()
    assert (found.x >= 0).all()


@pytest.mark.parametrize("method", ["em", "hk"])
def test_ranges_of_permutations_join(f2, method):
    whole = permute(*f2, "y", n_permutations=LANES + 3, method=method)
    pieces = [permute(*f2, "y", n_permutations=n, first=first, method=method) for first, n in ((0, 2), (2, LANES + 1))]
    np.testing.assert_allclose(np.concatenate([piece.genome for piece in pieces]), whole.genome, atol=1e-3)


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
