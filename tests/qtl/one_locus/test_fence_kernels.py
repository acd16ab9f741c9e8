"""The proven bound on what EM can reach: it holds for every point and every fit, and is not idle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.em import Status
from genem.em.ascent_kernels import new_ascent
from genem.qtl.one_locus.fence_kernels import gap_bound, invert_factored, new_fence, survey
from genem.qtl.one_locus.sweep_kernels import sweep_orders
from genem.qtl.one_locus.trait_kernels import NORMAL, expect, maximise, n_parameters, new_scratch
from genem.qtl.one_locus.traits import Reached, default_rule, fit_traits
from tests.qtl.one_locus.test_trait_kernels import trait_of


def log_densities(trait, params):
    """log f_ij, (cell, individual), as the textbook has it."""
    coefficients, sigma = params[:-1], math.exp(params[-1])
    fitted = (trait.contrasts * coefficients) @ trait.regressors[trait.regressor_of]
    spread = np.sqrt(trait.weight) * (trait.response - fitted) / sigma
    return -0.5 * spread**2 - math.log(sigma)


def random_trait(rng, n, n_states, n_own, n_shared):
    own = np.column_stack([np.ones(n), *rng.normal(size=(n_own - 1, n))])
    shared = rng.normal(size=(n, n_shared))
    prior = np.ascontiguousarray(rng.dirichlet(np.full(n_states, rng.choice([0.1, 0.5, 3.0])), n).T)
    response = rng.normal(size=n) + rng.choice([0.0, 1.0]) * prior[0]
    response = (response - response.mean()) / response.std()
    return prior, trait_of(NORMAL, np.eye(n_states), response, rng.uniform(0.5, 2, n), own, shared)


@pytest.mark.kernel
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(2, 1, 0), (3, 1, 0), (2, 2, 1), (4, 1, 1)]))
def test_the_gap_is_never_larger_than_its_bound(seed, shape):
    """J, by its definition, at random points of the region, around an M-step from a random point."""
    rng = np.random.default_rng(seed)
    prior, trait = random_trait(rng, 40, *shape)
    ascent, scratch, fence = new_ascent(n_parameters(trait)), new_scratch(trait), new_fence(trait)
    old = rng.normal(size=n_parameters(trait)) * rng.choice([0.01, 0.3])
    expect(prior, trait, old, scratch)
    posterior = scratch.posterior.copy()
    maximise(trait, old, scratch, ascent.image)
    new = ascent.image.copy()
    if not invert_factored(scratch.gram, fence.inverse):
        return
    survey(trait, scratch, fence, math.exp(-2 * old[-1]), math.exp(-2 * new[-1]))
    radius = float(rng.choice([0.01, 0.3, 3.0]))
    start, slope = gap_bound(trait, scratch, fence, math.exp(-2 * new[-1]), radius)
    best = (posterior * log_densities(trait, new)).sum()
    factor = np.linalg.cholesky(fence.inverse)
    for _ in range(30):
        direction = rng.normal(size=len(new))
        step = np.append(factor @ direction[:-1] * math.exp(new[-1]), direction[-1] / math.sqrt(2 * 40))
        point = new + step * math.sqrt(2 * radius * rng.random() / (direction @ direction)) * rng.choice([0.3, 1.0])
        below = best - (posterior * log_densities(trait, point)).sum()
        if not 0.0 <= below <= radius:
            continue
        ratio = log_densities(trait, point) - log_densities(trait, old)
        gap = np.log((posterior * np.exp(ratio)).sum(axis=0)).sum() - (posterior * ratio).sum()
        assert gap <= (start + slope * math.sqrt(below)) ** 2 * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("shape", [(2, 1, 0), (3, 1, 0), (2, 2, 1)])
def test_no_position_that_was_left_would_have_reached_the_goal(shape):
    n_left = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        prior, trait = random_trait(rng, 60, *shape)
        everybody, goal = np.arange(60)[None], np.empty(1)
        full = fit_traits(prior[None], trait, trait.response[None], default_rule())
        for above in (-1e-6, 1e-6, 0.1, 1.0, 3.0):
            goal[0] = full.log_likelihood[0, 0] + above
            found = Reached.empty(1, 1)
            sweep_orders(prior[None], trait, everybody, default_rule(), goal, *found)
            if found.status[0, 0] == Status.LEFT:
                assert above > 0
                n_left += 1
            else:
                assert found.log_likelihood[0, 0] == full.log_likelihood[0, 0]
                assert found.n_iter[0, 0] == full.n_iter[0, 0]
    assert n_left > 30
