"""EM of traits under genotypes that are known by their probabilities: fixed points, twins, monotony."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.qtl.one_locus.sweep_kernels import regress_positions
from genem.qtl.one_locus.trait_kernels import BINARY, NORMAL, TWO_PART, Trait
from genem.qtl.one_locus.traits import Reached, default_rule, fit_trait, fit_traits
from tests.reference import qtl as reference
from tests.reference import qtl_several as several


def trait_of(family, contrasts, response, weight, own, shared):
    """A trait from own and shared regressors (individual, regressor)."""
    n_own, n_shared = own.shape[1], shared.shape[1]
    columns = np.hstack([np.repeat(contrasts, n_own, axis=1), np.ones((len(contrasts), n_shared))])
    regressor_of = np.concatenate([np.tile(np.arange(n_own), contrasts.shape[1]), n_own + np.arange(n_shared)])
    return Trait(family, response, weight, np.ascontiguousarray(np.hstack([own, shared]).T), columns, regressor_of)


@st.composite
def mixtures(draw):
    """Prior (individual, cell), a normal trait, and the dense design of each cell (cell, individual, column)."""
    n_states = draw(st.sampled_from([(2,), (3,), (2, 2), (2, 3)]))
    additive = len(n_states) == 2 and draw(st.booleans())
    n_cells, n = math.prod(n_states), draw(st.integers(12, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    prior = rng.dirichlet(np.full(n_cells, draw(st.sampled_from([0.3, 2.0]))), n)
    own = np.column_stack([np.ones(n), *rng.normal(size=(draw(st.integers(0, 1)), n))])
    shared = rng.normal(size=(n, draw(st.integers(0, 2))))
    shape = n_states if len(n_states) == 2 else (*n_states, 1)
    one, none = np.ones((1, 1)), np.empty((1, 0))
    contrasts = several.cell_designs(shape, additive, one, none)[:, 0]
    response, weight = rng.normal(size=n) + 1.5 * prior[:, 0], rng.uniform(0.5, 2, n)
    designs = several.cell_designs(shape, additive, own, shared)
    return prior, trait_of(NORMAL, contrasts, response, weight, own, shared), designs


@pytest.mark.kernel
@settings(max_examples=25, deadline=None)
@given(mixtures())
def test_the_mixture_reaches_a_fixed_point_of_plain_em(mixture):
    prior, trait, designs = mixture
    found = fit_trait(np.ascontiguousarray(prior.T), trait, default_rule(20_000))
    if found.status != Status.CONVERGED:
        return
    beta, sigma = found.params[:-1], math.exp(found.params[-1])
    at = reference.mixture_log_likelihood(trait.response, designs, prior, beta, sigma, trait.weight)
    assert found.log_likelihood + 0.5 * np.log(trait.weight).sum() == pytest.approx(at, abs=1e-8)
    assert at >= reference.mixture_em(trait.response, designs, prior, trait.weight, 1)[2] - 1e-9
    np.testing.assert_allclose(found.posterior.sum(axis=0), 1)
    residuals = trait.response - designs @ beta
    scores = np.einsum("ji,jic->c", found.posterior * trait.weight * residuals, designs)
    np.testing.assert_allclose(scores, 0, atol=1e-5)


@pytest.mark.kernel
@settings(max_examples=15, deadline=None)
@given(mixtures())
def test_more_steps_never_lower_the_likelihood(mixture):
    prior, trait, _ = mixture
    cells = np.ascontiguousarray(prior.T)
    reached = [fit_trait(cells, trait, default_rule(most)).log_likelihood for most in (1, 3, 5, 8, 13, 40)]
    assert (np.diff(reached) >= -1e-9).all()


@pytest.mark.kernel
@pytest.mark.parametrize(("n_states", "additive"), [((3, 1), False), ((2, 2), True), ((2, 2), False)])
def test_the_mixture_follows_em_to_its_maximum(n_states, additive):
    rng = np.random.default_rng(11)
    n, n_cells = 40, math.prod(n_states)
    prior = rng.dirichlet(np.full(n_cells, 0.4), n)
    response = prior @ np.arange(n_cells) * 1.5 + 0.3 * rng.normal(size=n)
    one, none, weight = np.ones((n, 1)), np.empty((n, 0)), np.ones(n)
    designs = several.cell_designs(n_states, additive, one, none)
    trait = trait_of(NORMAL, designs[:, 0], response, weight, one, none)
    found = fit_trait(np.ascontiguousarray(prior.T), trait, default_rule())
    beta, sigma, best = reference.mixture_em(response, designs, prior, weight, 600)
    assert found.status == Status.CONVERGED
    assert found.log_likelihood == pytest.approx(best, abs=1e-7)
    np.testing.assert_allclose(found.params, [*beta, math.log(sigma)], atol=1e-5)


@pytest.mark.kernel
def test_a_perfect_fit_is_degenerate_and_few_steps_are_not_enough():
    rng = np.random.default_rng(1)
    cells = np.ascontiguousarray(np.eye(4)[rng.integers(0, 4, 20)].T)
    one, none = np.ones((20, 1)), np.empty((20, 0))
    trait = trait_of(NORMAL, np.eye(4), np.array([0.0, 1, 2, 3]) @ cells, np.ones(20), one, none)
    assert fit_trait(cells, trait, default_rule()).status == Status.DEGENERATE
    noisy = trait._replace(response=trait.response + rng.normal(size=20))
    blurred = np.ascontiguousarray(0.7 * cells + 0.075)
    assert fit_trait(blurred, noisy, default_rule(1)).status == Status.MAX_ITER


@pytest.mark.kernel
def test_densities_far_apart_keep_their_likelihood():
    """Individuals that cannot have the first cells, whose densities vanish: sexes that differ by many sigma."""
    prior = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]]).repeat(10, axis=1)
    noise = np.tile([-1.0, 1.0, 0.5, -0.5], 10) * 1e-3
    response = np.repeat([0.0, 0.0, 1.0, 1.0], 10) + noise
    one, none = np.ones((40, 1)), np.empty((40, 0))
    for cells in (prior, prior[[0, 2]] * 2.0):
        trait = trait_of(NORMAL, np.eye(len(cells)), response, np.ones(40), one, none)
        found = fit_trait(np.ascontiguousarray(cells), trait, default_rule())
        beta, sigma = found.params[:-1], math.exp(found.params[-1])
        spread = (response - beta[:, None]) / sigma
        log_density = -0.5 * spread**2 - math.log(sigma * math.sqrt(2 * math.pi))
        direct = np.logaddexp.reduce(np.where(cells > 0, np.log(np.maximum(cells, 1e-300)) + log_density, -np.inf))
        assert found.log_likelihood == pytest.approx(direct.sum(), abs=1e-8)


@pytest.mark.kernel
@pytest.mark.parametrize("n_traits", [1, 9])
def test_a_fit_is_the_same_beside_any_other_traits(n_traits):
    rng = np.random.default_rng(7)
    n, one, none = 40, np.ones((40, 1)), np.empty((40, 0))
    priors = rng.dirichlet([0.4, 0.4, 0.4], (70, n)).transpose(0, 2, 1).copy()
    responses = rng.normal(size=(n_traits, n))
    trait = trait_of(NORMAL, np.eye(3), responses[0], np.ones(n), one, none)
    found = fit_traits(priors, trait, responses, default_rule())
    for k in range(n_traits):
        for position in (0, 31, 32, 69):
            alone = fit_trait(priors[position], trait._replace(response=responses[k]), default_rule())
            assert found.log_likelihood[k, position] == alone.log_likelihood
            assert found.n_iter[k, position] == alone.n_iter


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
    trait = trait_of(BINARY, np.eye(3), y, np.ones(n), np.ones((n, 1)), np.empty((n, 0)))
    found = fit_trait(np.ascontiguousarray(prior.T), trait, default_rule())
    assert found.status == Status.CONVERGED
    assert found.log_likelihood == pytest.approx(np.log(total).sum(), abs=1e-7)


@pytest.mark.kernel
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**20))
def test_newton_steps_of_a_binary_trait_never_lower_the_likelihood(seed):
    rng = np.random.default_rng(seed)
    n = 30
    prior = rng.dirichlet([0.4, 0.4], n)
    x = rng.normal(size=(n, 1)) * rng.choice([0.1, 1.0, 30.0])
    y = (x[:, 0] + rng.logistic(size=n) * rng.choice([0.01, 1.0]) > 0.3).astype(float)
    trait = trait_of(BINARY, np.eye(2), y, np.ones(n), np.ones((n, 1)), x)
    cells = np.ascontiguousarray(prior.T)
    fits = [fit_trait(cells, trait, default_rule(most)) for most in (1, 2, 3, 5, 8, 13, 40, 400)]
    assert all(found.status != Status.DECREASED for found in fits)
    assert (np.diff([found.log_likelihood for found in fits]) >= -1e-9).all()


@pytest.mark.kernel
def test_two_parts_are_those_of_plain_em():
    rng = np.random.default_rng(4)
    n = 30
    prior = rng.dirichlet([0.4, 0.4], n)
    outside = rng.uniform(size=n) < 0.3 + 0.5 * prior[:, 0]
    y = np.where(outside, rng.normal(size=n) - prior[:, 0], 3.0)
    share, mean, variance = np.full(2, 0.5), np.array([-1.0, 0.0]), 1.0
    for _ in range(3000):
        normal = np.exp(-((y[:, None] - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
        density = np.where(outside[:, None], (1 - share) * normal, share)
        total = (prior * density).sum(axis=1)
        posterior = prior * density / total[:, None]
        among = posterior * outside[:, None]
        share, mean = 1 - among.sum(axis=0) / posterior.sum(axis=0), among.T @ y / among.sum(axis=0)
        variance = (among * (y[:, None] - mean) ** 2).sum() / outside.sum()
    trait = trait_of(TWO_PART, np.eye(2), y, outside.astype(float), np.ones((n, 1)), np.empty((n, 0)))
    found = fit_trait(np.ascontiguousarray(prior.T), trait, default_rule())
    assert found.log_likelihood == pytest.approx(np.log(total).sum(), abs=1e-7)
    np.testing.assert_allclose(found.params, [*mean, *share, 0.5 * math.log(variance)], atol=1e-4)


@pytest.mark.kernel
def test_regressions_on_probabilities():
    rng = np.random.default_rng(5)
    n = 24
    prior = rng.dirichlet([0.4, 0.4, 0.4], n)
    own, shared = np.column_stack([np.ones(n), rng.normal(size=n)]), rng.normal(size=(n, 1))
    y, weight = rng.normal(size=n) + 2 * prior[:, 0], rng.uniform(0.5, 2, n)
    null = trait_of(NORMAL, np.ones((1, 1)), y, weight, own, shared)
    found = Reached.empty(1, 1)
    regress_positions(np.ascontiguousarray(prior.T[None]), null, y[None], 2, default_rule(), *found)
    regressors = np.column_stack([own, shared, prior[:, :1] * own, prior[:, 1:2] * own])
    best = reference.regression_log_likelihood(y, regressors, weight)
    assert found.log_likelihood[0, 0] + 0.5 * np.log(weight).sum() == pytest.approx(best, abs=1e-9)
