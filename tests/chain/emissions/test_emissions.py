"""Emissions against scipy.stats and the definition: densities, nothing observed, the M-step, the start."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genem.chain.emissions.categorical import Categorical
from genem.chain.emissions.emission import Emission
from genem.chain.emissions.gaussian import FullGaussian, Gaussian
from genem.chain.emissions.genotype import GenotypeCalls, GenotypeLikelihoods
from genem.chain.lanes import Lanes
from genem.em import Degenerate
from tests.chain.contributed import contributed_emission

pytestmark = pytest.mark.kernel

N = 70


def example(name, rng):
    """An emission, values with some missing, and its log-densities (place, state) by the definition."""
    if name == "gaussian":
        means, variances, values = rng.normal(size=(3, 2)), rng.uniform(0.5, 2, (3, 2)), rng.normal(size=(N, 2))
        values[rng.random((N, 2)) < 0.2] = np.nan
        each = stats.norm.logpdf(values[:, None], means, np.sqrt(variances))
        return Gaussian(means, variances), values, np.nansum(each, axis=2)
    if name == "full_gaussian":
        roots, means, values = rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2)), rng.normal(size=(N, 2))
        covariances = roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(2)
        values[rng.random(N) < 0.2, 1] = np.nan
        each = [stats.multivariate_normal.logpdf(np.nan_to_num(values), means[k], covariances[k]) for k in range(3)]
        return FullGaussian(means, covariances), values, np.where(np.isnan(values[:, 1:]), 0.0, np.transpose(each))
    if name == "categorical":
        probabilities, values = rng.dirichlet(np.ones(4), 3), rng.integers(-1, 4, N)
        table = np.column_stack([np.log(probabilities), np.zeros(3)])
        return Categorical(probabilities), values, table.T[values]
    if name == "genotype_calls":
        values, e = rng.integers(0, 6, N), 0.07
        given = {0: [1, 1, 1], 1: [1 - e, e / 2, e / 2], 2: [e / 2, 1 - e, e / 2], 3: [e / 2, e / 2, 1 - e]}
        given |= {4: [1 - e / 2, 1 - e / 2, e], 5: [e, 1 - e / 2, 1 - e / 2]}
        return GenotypeCalls(3, e), values, np.log([given[code] for code in values.tolist()])
    if name == "contributed":
        means, values = rng.uniform(0.5, 5, 3), rng.poisson(3.0, N).astype(np.float64)
        values[rng.random(N) < 0.2] = np.nan
        each = stats.poisson.logpmf(np.nan_to_num(values)[:, None], means)
        return contributed_emission()(means), values, np.where(np.isnan(values)[:, None], 0.0, each)
    proportions, values = rng.dirichlet(np.ones(3), 2), rng.uniform(size=(N, 3))
    values[rng.random(N) < 0.2] = np.nan
    return GenotypeLikelihoods(proportions), values, np.nan_to_num(np.log(values @ proportions.T))


NAMES = ["gaussian", "full_gaussian", "categorical", "genotype_calls", "genotype_likelihoods", "contributed"]
SEEDS = st.integers(0, 2**32 - 1)


def laid_out(emission, values):
    lanes = Lanes([N])
    rows = np.empty((lanes.n_places, emission.n_states, lanes.n_lanes))
    return lanes, emission.spread(lanes, values), rows


def expected_log_density(emission, values, weights):
    lanes, observed, rows = laid_out(emission, values)
    emission.log_density(observed, rows)
    return (lanes.gather(rows) * weights).sum()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_densities_are_those_of_the_definition(name, seed):
    emission, values, wanted = example(name, np.random.default_rng(seed))
    lanes, observed, rows = laid_out(emission, values)
    emission.log_density(observed, rows)
    np.testing.assert_allclose(lanes.gather(rows), wanted, rtol=1e-12, atol=1e-12)
    tops = np.empty((lanes.n_places, lanes.n_lanes))
    emission.density(observed, rows, tops)
    np.testing.assert_allclose(lanes.gather(np.log(rows) + tops[:, None]), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_the_m_step_is_a_maximum_and_leaves_out_what_is_missing(name, seed):
    rng = np.random.default_rng(seed)
    emission, values, _ = example(name, rng)
    weights = rng.dirichlet(np.ones(emission.n_states), N)
    lanes, observed, _ = laid_out(emission, values)
    sums = emission.sums(lanes.n_lanes)
    emission.add(observed, lanes.spread(weights, 0.0), sums)
    best = emission.maximised(sums)
    highest = expected_log_density(best, values, weights)
    assert highest >= expected_log_density(emission, values, weights) - 1e-10
    if name == "genotype_likelihoods":  # a step of EM: it rises, but is no maximum yet
        return
    for _ in range(5):
        assert highest >= expected_log_density(_shaken(best, rng), values, weights) - 1e-10


def _shaken(emission, rng):
    """Parameters a little off."""
    if isinstance(emission, Categorical):
        odds = emission.probabilities * rng.uniform(0.9, 1.1, emission.probabilities.shape)
        return Categorical(odds / odds.sum(axis=1, keepdims=True))
    if isinstance(emission, GenotypeCalls):
        return GenotypeCalls(3, min(emission.error_prob * rng.uniform(0.8, 1.2), 0.999))
    if isinstance(emission, contributed_emission()):
        return type(emission)(emission.means * rng.uniform(0.9, 1.1, 3))
    means = emission.means + rng.normal(0, 0.02, emission.means.shape)
    scale = rng.uniform(0.95, 1.05)
    return (
        Gaussian(means, emission.variances * scale)
        if isinstance(emission, Gaussian)
        else FullGaussian(means, emission.covariances * scale)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_start_is_drawn_and_repeats(name):
    emission, values, _ = example(name, np.random.default_rng(2))
    first, second = (type(emission).start(values, 3, np.random.default_rng(5)) for _ in range(2))
    assert first.n_states == 3
    for field in type(emission).__dataclass_fields__:
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
    lanes, observed, _ = laid_out(first, values)
    rows = np.empty((lanes.n_places, 3, lanes.n_lanes))
    first.log_density(observed, rows)
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("name", NAMES[:4])
def test_nothing_to_estimate_from_is_degenerate(name):
    emission, values, _ = example(name, np.random.default_rng(2))
    with pytest.raises(Degenerate):
        emission.maximised(emission.sums(4))
    with pytest.raises(Degenerate):
        type(emission).start(np.full_like(values, emission.missing), 3, np.random.default_rng(1))


def test_densities_far_apart():
    """Beyond exp(-700) of the largest a density stops falling; one of 0 stays 0; all of 0 leave nothing."""
    emission = Gaussian(np.array([[0.0], [1e3]]), np.ones((2, 1)))
    rows, tops = np.empty((1, 2, 1)), np.empty((1, 1))
    emission.density(np.array([[[0.0]]]), rows, tops)
    assert rows[0, :, 0] == pytest.approx([1.0, np.exp(-700.0)])
    assert tops[0, 0] == pytest.approx(-0.5 * np.log(2 * np.pi))
    impossible = Categorical(np.array([[1.0, 0.0], [1.0, 0.0]]))
    for density in (impossible.density, partial(Emission.density, impossible)):
        density(np.array([[1]]), rows, tops)
        assert rows.ravel().tolist() == [0.0, 0.0]
    half = Categorical(np.array([[1.0, 0.0], [0.5, 0.5]]))
    Emission.density(half, np.array([[1]]), rows, tops)
    assert rows.ravel().tolist() == [0.0, 1.0]
