"""Extended Haley-Knott regression: the maximum of its likelihood."""

import math

import numpy as np
import pytest

from genem.em import Status
from genem.em.ascent_kernels import new_ascent
from genem.qtl.one_locus.extended_regression_kernels import fit_extended, new_scoring
from genem.qtl.one_locus.trait_kernels import NORMAL, n_parameters
from genem.qtl.one_locus.traits import scoring_rule
from tests.qtl.one_locus.test_trait_kernels import trait_of


@pytest.mark.kernel
@pytest.mark.parametrize(("seed", "n_states", "n_shared"), [(1, 2, 0), (2, 3, 0), (3, 3, 2), (4, 2, 1)])
def test_extended_regression_is_at_a_maximum(seed, n_states, n_shared):
    rng = np.random.default_rng(seed)
    n = 60
    prior = rng.dirichlet(np.full(n_states, 0.4), n).T.copy()
    shared = rng.normal(size=(n, n_shared))
    response = rng.normal(size=n) + prior[0] + shared.sum(axis=1)
    own = np.column_stack([np.ones(n), rng.normal(size=n)])
    trait = trait_of(NORMAL, np.eye(n_states), response, rng.uniform(0.5, 2, n), own, shared)
    ascent = new_ascent(n_parameters(trait))
    found, _, status = fit_extended(prior, trait, scoring_rule(500), ascent, new_scoring(trait))
    assert status == Status.CONVERGED

    def log_likelihood(at):
        fitted = (trait.contrasts * at[:-1]) @ trait.regressors[trait.regressor_of]
        mean = (prior * fitted).sum(axis=0)
        variance = math.exp(2 * at[-1]) + trait.weight * (prior * (fitted - mean) ** 2).sum(axis=0)
        squares = trait.weight * (response - mean) ** 2 / variance
        return -0.5 * float(np.sum(np.log(2 * math.pi * variance) + squares))

    assert found == pytest.approx(log_likelihood(ascent.point), abs=1e-9)
    for _ in range(20):
        assert log_likelihood(ascent.point + 1e-3 * rng.normal(size=len(ascent.point))) <= found + 1e-7
