"""Hidden Markov chains against the enumeration of all paths."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.chain.kernels import (
    add_expected_transitions,
    backward,
    draw_path,
    forward,
    likeliest_path,
    state_probabilities,
)
from tests.reference import chain as reference

pytestmark = pytest.mark.kernel


@st.composite
def chains(draw):
    n_states, n_places = draw(st.integers(2, 3)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    emissions = rng.uniform(0.01, 1, (n_places, n_states)) ** draw(st.sampled_from([1, 8]))
    return (
        rng.dirichlet(np.ones(n_states)),
        rng.dirichlet(np.ones(n_states), (n_places - 1, n_states)),
        emissions,
    )


def forward_backward(chain):
    initial, transitions, emissions = chain
    alpha, beta, probabilities = (np.empty_like(emissions) for _ in range(3))
    log_likelihood = forward(initial, transitions, emissions, alpha)
    backward(transitions, emissions, beta)
    state_probabilities(alpha, beta, probabilities)
    return log_likelihood, alpha, beta, probabilities


@settings(max_examples=40)
@given(chains())
def test_forward_backward_is_the_sum_over_paths(chain):
    log_likelihood, alpha, beta, probabilities = forward_backward(chain)
    _, transitions, emissions = chain
    expected = np.zeros_like(transitions)
    add_expected_transitions(transitions, emissions, alpha, beta, expected)
    n_places, n_states = emissions.shape
    assert log_likelihood == pytest.approx(reference.log_likelihood(*chain), rel=1e-12, abs=1e-12)
    for place in range(n_places):
        for state in range(n_states):
            wanted = reference.state_probability(*chain, place, state)
            assert probabilities[place, state] == pytest.approx(wanted, abs=1e-12)
    for step in range(n_places - 1):
        for origin in range(n_states):
            for target in range(n_states):
                wanted = reference.transition_probability(*chain, step, origin, target)
                assert expected[step, origin, target] == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=40)
@given(chains())
def test_the_likeliest_path_is_the_largest_of_all(chain):
    joint = reference.path_probabilities(*chain)
    path = np.empty(len(chain[2]), np.int64)
    score = likeliest_path(*chain, path)
    assert score == pytest.approx(math.log(max(joint.values())), abs=1e-10)
    assert joint[tuple(path.tolist())] == pytest.approx(max(joint.values()), rel=1e-10)


def test_paths_are_drawn_as_often_as_they_are_probable():
    rng = np.random.default_rng(7)
    chain = (np.array([0.3, 0.7]), rng.dirichlet(np.ones(2), (2, 2)), rng.uniform(0.1, 1, (3, 2)))
    _, alpha, _, _ = forward_backward(chain)
    joint = reference.path_probabilities(*chain)
    total, n_draws = sum(joint.values()), 4000
    seen = dict.fromkeys(joint, 0)
    path = np.empty(3, np.int64)
    for uniforms in rng.random((n_draws, 3)):
        draw_path(chain[1], alpha, uniforms, path)
        seen[tuple(path.tolist())] += 1
    for drawn, p in joint.items():
        share = p / total
        assert abs(seen[drawn] / n_draws - share) < 5 * math.sqrt(share * (1 - share) / n_draws)


def test_long_chains_do_not_underflow():
    n_places = 2000
    chain = (np.full(2, 0.5), np.full((n_places - 1, 2, 2), 0.5), np.full((n_places, 2), 1e-12))
    log_likelihood, _, _, probabilities = forward_backward(chain)
    assert log_likelihood == pytest.approx(n_places * math.log(1e-12))
    np.testing.assert_allclose(probabilities, 0.5)


def test_emissions_without_a_path_are_impossible():
    stay = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    emissions = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert forward(np.full(2, 0.5), stay, emissions, np.empty((2, 2))) == -math.inf
