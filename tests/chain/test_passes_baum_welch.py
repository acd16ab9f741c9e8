"""The sums of the passes are enough for Baum-Welch by the engine."""

import numpy as np
import pytest

from genem.chain.emissions.categorical import Categorical
from genem.chain.emissions.gaussian import Gaussian
from genem.chain.kinds import Homogeneous
from genem.em import fit
from tests.reference import chain as reference
from tests.reference.em_hidden_chain import HiddenChain, HiddenChainParams


def simulated(rng, n):
    transitions = np.array([[0.95, 0.05], [0.1, 0.9]])
    states = np.zeros(n, np.int64)
    for place in range(1, n):
        states[place] = rng.choice(2, p=transitions[states[place - 1]])
    return states, np.where(states == 0, 0.0, 4.0) + rng.normal(size=n)


def test_a_gaussian_chain_is_estimated_by_the_engine():
    states, values = simulated(np.random.default_rng(11), 3000)
    values[::17] = np.nan
    model = HiddenChain(values, Gaussian(np.zeros((2, 1)), np.ones((2, 1))))
    result = fit(model, n_starts=3, seed=1)
    assert result.status.is_converged
    emission, chain = result.params.emission, result.params.chain
    order = np.argsort(emission.means[:, 0])
    np.testing.assert_allclose(emission.means[order, 0], [0.0, 4.0], atol=0.15)
    np.testing.assert_allclose(emission.variances[order, 0], 1.0, atol=0.15)
    seen = np.array([[np.mean(states[1:][states[:-1] == k] == j) for j in range(2)] for k in range(2)])
    np.testing.assert_allclose(chain.transitions[np.ix_(order, order)], seen, atol=0.03)
    # The log-likelihood is that of the textbook at the estimate.
    deviation = values[:, None] - emission.means[:, 0]
    log_density = -0.5 * (np.log(2 * np.pi * emission.variances[:, 0]) + deviation**2 / emission.variances[:, 0])
    log_density[np.isnan(values)] = 0.0
    with np.errstate(divide="ignore"):
        steps = np.tile(np.log(chain.transitions), (len(values) - 1, 1, 1))
        wanted = reference.log_forward_backward(np.log(chain.initial), steps, log_density)[0]
    assert result.log_likelihood == pytest.approx(wanted, rel=1e-10)


def test_the_objective_never_falls_in_several_sequences():
    rng = np.random.default_rng(3)
    symbols = rng.integers(0, 4, 600)
    model = HiddenChain(symbols, Categorical(np.full((2, 4), 0.25)), lengths=[100, 1, 499])
    result = fit(model, start=model.start(rng), max_iter=60, on_decrease="raise")
    assert np.isfinite(result.log_likelihood)


def test_constant_data_end_as_degenerate():
    model = HiddenChain(np.full(50, 2.0), Gaussian(np.zeros((2, 1)), np.ones((2, 1))))
    chain = Homogeneous(np.full(2, 0.5), np.full((2, 2), 0.5))
    start = HiddenChainParams(chain, Gaussian(np.array([[1.0], [3.0]]), np.ones((2, 1))))
    result = fit(model, start=start)
    assert not result.status.is_converged
