"""Chains with given matrices, many sequences side by side, against the enumeration of all paths."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.chain.given_kernels import (
    add_expected_transitions,
    backward,
    draw_path,
    forward,
    likeliest_paths,
    state_probabilities,
)
from tests.reference import chain as reference

pytestmark = pytest.mark.kernel


@st.composite
def chains(draw):
    """Initial (state), transitions (step, from, to) and densities (place, state, lane)."""
    n_states, n_places, n_lanes = draw(st.integers(2, 3)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = rng.uniform(0.01, 1, (n_places, n_states, n_lanes)) ** draw(st.sampled_from([1, 8]))
    return rng.dirichlet(np.ones(n_states)), rng.dirichlet(np.ones(n_states), (n_places - 1, n_states)), density


def forward_backward(chain):
    initial, transitions, density = chain
    alpha, beta, probabilities = (np.empty_like(density) for _ in range(3))
    log_likelihood = np.empty(density.shape[2])
    forward(initial, transitions, density, alpha, log_likelihood)
    backward(transitions, density, beta)
    state_probabilities(alpha, beta, probabilities)
    return log_likelihood, alpha, beta, probabilities


def of_lane(chain, lane):
    return chain[0], chain[1], chain[2][:, :, lane]


@settings(max_examples=40)
@given(chains())
def test_forward_backward_is_the_sum_over_paths(chain):
    log_likelihood, alpha, beta, probabilities = forward_backward(chain)
    _, transitions, density = chain
    expected = np.zeros_like(transitions)
    add_expected_transitions(transitions, density, alpha, beta, expected)
    n_places, n_states, n_lanes = density.shape
    for lane in range(n_lanes):
        wanted = reference.log_likelihood(*of_lane(chain, lane))
        assert log_likelihood[lane] == pytest.approx(wanted, rel=1e-12, abs=1e-12)
        for place in range(n_places):
            for state in range(n_states):
                wanted = reference.state_probability(*of_lane(chain, lane), place, state)
                assert probabilities[place, state, lane] == pytest.approx(wanted, abs=1e-12)
    for step in range(n_places - 1):
        for origin in range(n_states):
            for target in range(n_states):
                wanted = sum(
                    reference.transition_probability(*of_lane(chain, lane), step, origin, target)
                    for lane in range(n_lanes)
                )
                assert expected[step, origin, target] == pytest.approx(wanted, abs=1e-12)


@settings(max_examples=40)
@given(chains())
def test_lanes_are_what_they_are_one_by_one(chain):
    together = forward_backward(chain)
    for lane in range(chain[2].shape[2]):
        alone = forward_backward((chain[0], chain[1], np.ascontiguousarray(chain[2][:, :, lane : lane + 1])))
        for many, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(many[..., lane], one[..., 0])


@settings(max_examples=40)
@given(chains())
def test_the_likeliest_path_is_the_largest_of_all(chain):
    initial, transitions, density = chain
    paths = np.empty((density.shape[2], len(density)), np.int64)
    log_probability = np.empty(density.shape[2])
    likeliest_paths(np.log(initial), np.log(transitions), np.log(density), paths, log_probability)
    for lane in range(density.shape[2]):
        joint = reference.path_probabilities(*of_lane(chain, lane))
        assert log_probability[lane] == pytest.approx(math.log(max(joint.values())), abs=1e-10)
        assert joint[tuple(paths[lane].tolist())] == pytest.approx(max(joint.values()), rel=1e-10)


def test_paths_are_drawn_as_often_as_they_are_probable():
    rng = np.random.default_rng(7)
    chain = (np.array([0.3, 0.7]), rng.dirichlet(np.ones(2), (2, 2)), rng.uniform(0.1, 1, (3, 2, 1)))
    _, alpha, _, _ = forward_backward(chain)
    own = np.ascontiguousarray(alpha[:, :, 0])
    joint = reference.path_probabilities(*of_lane(chain, 0))
    total, n_draws = sum(joint.values()), 4000
    seen = dict.fromkeys(joint, 0)
    path = np.empty(3, np.int64)
    for uniforms in rng.random((n_draws, 3)):
        draw_path(chain[1], own, uniforms, path)
        seen[tuple(path.tolist())] += 1
    for drawn, p in joint.items():
        share = p / total
        assert abs(seen[drawn] / n_draws - share) < 5 * math.sqrt(share * (1 - share) / n_draws)


def test_long_chains_do_not_underflow():
    n_places = 2000
    chain = (np.full(2, 0.5), np.full((n_places - 1, 2, 2), 0.5), np.full((n_places, 2, 1), 1e-12))
    log_likelihood, _, _, probabilities = forward_backward(chain)
    assert log_likelihood[0] == pytest.approx(n_places * math.log(1e-12))
    np.testing.assert_allclose(probabilities, 0.5)


def test_observations_without_a_path_are_impossible_in_their_own_lane():
    stay = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    density = np.array([[[1.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 1.0]]])
    log_likelihood, _, _, probabilities = forward_backward((np.full(2, 0.5), stay, density))
    assert log_likelihood.tolist() == [-math.inf, 0.0]
    np.testing.assert_allclose(probabilities[:, :, 1], 0.5)
