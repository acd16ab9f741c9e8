"""Permutations, thresholds and genome-wide p-values."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.errors import InputError, UsageError
from genem.qtl import Permutations, genome_wide_p, genotype_probabilities, permute, scan, threshold
from genem.qtl.one_locus.design import sample_of
from genem.qtl.one_locus.family_kernels import BINARY, NORMAL, TWO_PART
from genem.qtl.one_locus.permutations import exchangeable_groups, shuffled_orders
from genem.qtl.one_locus.sweep_kernels import Stop, sweep_all
from tests.qtl.crosses import golden_cross, small_cross
from tests.reference import qtl as reference


def swept(prior, rows, n_own, family, *, regression=False, highest=False, goal=-math.inf):
    """Log-likelihood, steps and status at two positions that are the same."""
    shape = (1, 2)
    answers = np.empty(shape), np.empty(shape, np.int64), np.empty(shape, np.int8)
    stop = Stop(family, n_own, regression, highest, 1e-11, 5000)
    everybody = np.arange(rows.shape[1])[None]
    sweep_all(np.stack([prior.T, prior.T]), rows, rows[:1].copy(), everybody, stop, np.array([goal]), *answers)
    return tuple(answer[0] for answer in answers)


def mixture_rows(seed, n_states, n_own, n_shared):
    """Prior probabilities and rows of a normal trait with covariates and weights, and its design by genotype."""
    rng = np.random.default_rng(seed)
    n = 24
    prior = rng.dirichlet(np.full(n_states, 0.4), n)
    own = np.vstack([np.ones(n), rng.normal(size=(n_own - 1, n))])
    shared = rng.normal(size=(n_shared, n))
    y = rng.normal(size=n) + 2 * prior[:, 0] + 0.5 * shared.sum(axis=0)
    rows = np.vstack([(y - y.mean()) / y.std(), rng.uniform(0.5, 2.0, n), own, shared])
    designs = np.zeros((n_states, n, n_states * n_own + n_shared))
    for state in range(n_states):
        designs[state, :, state * n_own : (state + 1) * n_own] = own.T
        designs[state, :, n_states * n_own :] = shared.T
    return prior, rows, designs


@pytest.mark.kernel
@pytest.mark.parametrize("highest", [True, False])
@pytest.mark.parametrize(("n_states", "n_own", "n_shared"), [(2, 1, 0), (3, 1, 2), (2, 2, 1)])
def test_normal_traits_are_fitted_as_by_plain_em(n_states, n_own, n_shared, highest):
    prior, rows, designs = mixture_rows(n_states, n_states, n_own, n_shared)
    found, n_iter, status = swept(prior, rows, n_own, NORMAL, highest=highest)
    y, weights = rows[:2]
    best = reference.mixture_em(y, designs, prior, weights, 1500)[2]
    constant = len(y) / 2 * math.log(2 * math.pi) - np.log(weights).sum() / 2
    np.testing.assert_allclose(found, best + constant, atol=1e-8)
    assert (status == 0).all()
    assert n_iter[1] <= n_iter[0]


@pytest.mark.kernel
def test_regressions_on_probabilities():
    prior, rows, _ = mixture_rows(5, 3, 2, 1)
    found = swept(prior, rows, 2, NORMAL, regression=True)[0]
    regressors = np.column_stack([rows[2:].T, prior[:, :1] * rows[2:4].T, prior[:, 1:2] * rows[2:4].T])
    best = reference.regression_log_likelihood(rows[0], regressors, rows[1])
    constant = rows.shape[1] / 2 * math.log(2 * math.pi) - np.log(rows[1]).sum() / 2
    np.testing.assert_allclose(found, best + constant, atol=1e-9)


@pytest.mark.kernel
def test_affected_shares_are_those_of_plain_em():
    rng = np.random.default_rng(3)
    n = 30
    prior = rng.dirichlet([0.4, 0.4, 0.4], n)
    y = (rng.uniform(size=n) < 0.2 + 0.6 * prior[:, 0]).astype(float)
    share = np.full(3, y.mean())
    for _ in range(3000):
        density = np.where(y[:, None] == 1, share, 1 - share)
        total = (prior * density).sum(axis=1)
        posterior = prior * density / total[:, None]
        share = posterior.T @ y / posterior.sum(axis=0)
    found = swept(prior, np.vstack([y, np.ones((2, n))]), 1, BINARY)[0]
    np.testing.assert_allclose(found, np.log(total).sum(), atol=1e-7)


@pytest.mark.kernel
def test_two_parts_are_those_of_plain_em():
    rng = np.random.default_rng(4)
    n = 30
    prior = rng.dirichlet([0.4, 0.4], n)
    outside = rng.uniform(size=n) < 0.3 + 0.5 * prior[:, 0]
    y = np.where(outside, rng.normal(size=n) - prior[:, 0], 3.0)
    share, mean, variance = np.full(2, 0.5), np.array([-1.0, 0.0]), 1.0
    for _ in range(3000):
        normal = np.exp(-((y[:, None] - mean) ** 2) / (2 * variance)) / math.sqrt(variance)
        density = np.where(outside[:, None], (1 - share) * normal, share)
        total = (prior * density).sum(axis=1)
        posterior = prior * density / total[:, None]
        among = posterior * outside[:, None]
        share, mean = 1 - among.sum(axis=0) / posterior.sum(axis=0), among.T @ y / among.sum(axis=0)
        variance = (among * (y[:, None] - mean) ** 2).sum() / outside.sum()
    found = swept(prior, np.vstack([y, outside, np.ones(n)]), 1, TWO_PART)[0]
    np.testing.assert_allclose(found, np.log(total).sum(), atol=1e-7)


@pytest.mark.kernel
def test_a_position_that_is_not_the_highest_is_left_early():
    prior, rows, _ = mixture_rows(8, 2, 1, 0)
    whole, steps, _ = swept(prior, rows, 1, NORMAL, highest=True)
    left, fewer, _ = swept(prior, rows, 1, NORMAL, highest=True, goal=whole[0] + 5)
    assert fewer[0] < steps[0]
    assert left[0] <= whole[0]


@given(st.integers(0, 2**20))
@pytest.mark.kernel
@settings(max_examples=20, deadline=None)
def test_more_steps_never_lower_the_likelihood(seed):
    prior, rows, _ = mixture_rows(seed, 2, 1, 1)
    answers = np.empty((1, 1)), np.empty((1, 1), np.int64), np.empty((1, 1), np.int8)
    reached = []
    for most in (1, 2, 3, 5, 8, 13, 40):
        stop = Stop(NORMAL, 1, False, False, 1e-12, most)
        everybody = np.arange(rows.shape[1])[None]
        sweep_all(prior.T[None].copy(), rows, rows[:1].copy(), everybody, stop, np.full(1, -np.inf), *answers)
        reached.append(float(answers[0][0, 0]))
    assert (np.diff(reached) >= -1e-9).all()


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
        ("em", {}, 1e-3),
        ("hk", {"addcovar": ("age",)}, 1e-8),
        ("hk", {"weights": "wt"}, 1e-8),
        ("em", {"addcovar": ("sex", "age"), "intcovar": ("sex",)}, 1e-3),
        ("em", {"weights": "wt"}, 1e-3),
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
        assert found.genome[k] == pytest.approx(result.lod.max(), abs=1e-3)


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
