"""Passes over lanes against the textbook's recursions, sequence by sequence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genem.chain import lanes as lanes_module
from genem.chain.emissions.categorical import Categorical
from genem.chain.kinds import Homogeneous, Renewal
from genem.chain.lanes import Lanes
from genem.chain.passes import Passes
from tests.chain.models import problem, problems
from tests.reference import chain as reference


def assert_textbook(case, tolerance=2e-12):
    """Within ``tolerance``: logarithms near the log-likelihood leave the textbook no more digits."""
    log_likelihood, posteriors, pairs = case.textbook()
    found = case.passes.expect(case.chain, case.emission, case.observed)
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-13, abs=1e-12)
    assert case.passes.log_likelihood(case.chain, case.emission, case.observed) == found.log_likelihood
    answer = case.passes.posteriors(case.chain, case.emission, case.observed)
    np.testing.assert_allclose(answer, posteriors, rtol=0, atol=tolerance)
    np.testing.assert_allclose(answer.sum(axis=1), 1.0, rtol=0, atol=1e-13)
    starts = np.cumsum([0, *case.lanes.lengths[:-1]])
    np.testing.assert_allclose(found.starts, posteriors[starts].sum(axis=0), rtol=0, atol=tolerance * len(starts))
    summed = sum(pair.sum(axis=0) for pair in pairs)
    if isinstance(case.chain, Homogeneous):
        transitions = case.chain.expected_transitions(found.chain_sums)
        np.testing.assert_allclose(transitions, summed, rtol=1e-11, atol=tolerance)
        # Leaving a state or ending in it: consistent with the posterior probabilities.
        ends = np.cumsum(case.lanes.lengths) - 1
        left = answer.sum(axis=0) - answer[ends].sum(axis=0)
        np.testing.assert_allclose(transitions.sum(axis=1), left, rtol=1e-11, atol=1e-11)


@pytest.mark.kernel
@settings(max_examples=40, deadline=None)
@given(problems())
def test_short_sequences(case):
    assert_textbook(case)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["homogeneous", "renewal"]), st.sampled_from([0.5, 0.99]))
def test_cut_sequences_are_whole_ones(seed, kind, stay):
    rng = np.random.default_rng(seed)
    case = problem(rng, [150, 1, 400, 3], 3, kind=kind, stay=stay)
    assert case.lanes.n_lanes == 8
    assert_textbook(case)


@pytest.mark.parametrize("kind", ["homogeneous", "renewal"])
@pytest.mark.parametrize(("missing", "stay"), [(0.1, 0.9), (0.95, 0.999999)], ids=["mixing", "remembering"])
def test_a_chain_cut_into_all_lanes_is_the_whole_one(kind, missing, stay, monkeypatch):
    cut = problem(np.random.default_rng(1), [20_000], 3, kind=kind, stay=stay, missing=missing)
    monkeypatch.setattr(lanes_module, "MAX_LANES", 1)
    whole = problem(np.random.default_rng(1), [20_000], 3, kind=kind, stay=stay, missing=missing)
    assert (cut.lanes.n_lanes, whole.lanes.n_lanes) == (128, 1)
    first, second = (case.passes.posteriors(case.chain, case.emission, case.observed) for case in (cut, whole))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-13)
    first, second = (case.passes.log_likelihood(case.chain, case.emission, case.observed) for case in (cut, whole))
    assert first == pytest.approx(second, rel=1e-14)


@pytest.mark.kernel
def test_states_that_never_meet_are_exact_across_cuts():
    """An identity matrix forgets nothing: the cuts go through whole transfer matrices."""
    rng = np.random.default_rng(3)
    case = problem(rng, [700], 2, separation=0.02)
    case.chain = Homogeneous(np.array([0.4, 0.6]), np.eye(2))
    case.matrices = np.tile(np.eye(2), (700, 1, 1))
    assert_textbook(case)


@pytest.mark.parametrize("kind", ["homogeneous", "renewal"])
def test_lanes_or_a_single_one(kind, monkeypatch):
    side_by_side = problem(np.random.default_rng(5), [300] * 7, 3, kind=kind)
    monkeypatch.setattr(lanes_module, "MAX_LANES", 1)
    alone = problem(np.random.default_rng(5), [300] * 7, 3, kind=kind)
    assert (side_by_side.lanes.n_lanes, alone.lanes.n_lanes) == (32, 1)
    first, second = (case.passes.expect(case.chain, case.emission, case.observed) for case in (side_by_side, alone))
    assert first.log_likelihood == pytest.approx(second.log_likelihood, rel=1e-13)
    np.testing.assert_allclose(first.chain_sums.sum(axis=-1), second.chain_sums.sum(axis=-1), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(
        first.emission_sums.sum(axis=-1), second.emission_sums.sum(axis=-1), rtol=1e-11, atol=1e-11
    )


@pytest.mark.kernel
@settings(max_examples=25, deadline=None)
@given(problems(longest=200), st.integers(0, 2**32 - 1))
def test_the_likeliest_path(case, seed):
    path, log_probability = case.passes.likeliest_path(case.chain, case.emission, case.observed)
    rng = np.random.default_rng(seed)
    start, total, best, sampled = 0, 0.0, 0.0, 0.0
    for sequence in case.sequences():
        length = len(sequence[2])
        total += reference.log_path_probability(*sequence, path[start : start + length])
        best += reference.likeliest_path(*sequence)[1]
        sampled += reference.log_path_probability(*sequence, rng.integers(0, case.emission.n_states, length))
        start += length
    assert log_probability == pytest.approx(total, rel=1e-12, abs=1e-10)
    assert log_probability == pytest.approx(best, rel=1e-12, abs=1e-10)
    assert log_probability >= sampled - 1e-12 * abs(sampled)


@pytest.mark.parametrize("kind", ["homogeneous", "renewal"])
def test_the_likeliest_path_of_a_cut_chain(kind):
    case = problem(np.random.default_rng(8), [9000, 40], 3, kind=kind, missing=0.0)
    path, log_probability = case.passes.likeliest_path(case.chain, case.emission, case.observed)
    answers = [reference.likeliest_path(*sequence) for sequence in case.sequences()]
    assert path.tolist() == [state for answer in answers for state in answer[0]]
    assert log_probability == pytest.approx(sum(answer[1] for answer in answers), rel=1e-13)


@pytest.mark.parametrize("kind", ["homogeneous", "renewal"])
def test_the_likeliest_paths_of_sequences_that_fill_their_lanes(kind):
    case = problem(np.random.default_rng(9), [64] * 5, 3, kind=kind)
    assert not case.lanes.is_cut.any()
    path, log_probability = case.passes.likeliest_path(case.chain, case.emission, case.observed)
    answers = [reference.likeliest_path(*sequence) for sequence in case.sequences()]
    assert path.tolist() == [state for answer in answers for state in answer[0]]
    assert log_probability == pytest.approx(sum(answer[1] for answer in answers), rel=1e-13)


@pytest.mark.kernel
def test_nothing_observed_is_the_prior():
    case = problem(np.random.default_rng(2), [500], 3, missing=1.1)
    found = case.passes.expect(case.chain, case.emission, case.observed)
    assert found.log_likelihood == pytest.approx(0.0, abs=1e-12)
    wanted = case.chain.initial
    for posterior in case.passes.posteriors(case.chain, case.emission, case.observed):
        np.testing.assert_allclose(posterior, wanted, atol=1e-13)
        wanted = wanted @ case.chain.transitions
    assert found.emission_sums.sum() == 0.0


@pytest.mark.kernel
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_renewals_are_counted_as_the_textbook_does(seed):
    case = problem(np.random.default_rng(seed), [5, 1, 4], 3, kind="renewal", stay=0.5)
    sums = case.passes.expect(case.chain, case.emission, case.observed).chain_sums
    found = case.chain.expected_renewals(sums)
    start, wanted = 0, np.zeros((3, 3))
    for length, pairs in zip(case.lanes.lengths, case.textbook()[2], strict=True):
        distances = case.distances[start + 1 : start + length]
        wanted += reference.expected_renewals(case.chain.mix, case.chain.rates, distances, pairs)
        start += length
    np.testing.assert_allclose([found.exits, found.entries, found.exposure], wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.kernel
@pytest.mark.parametrize("distance", [0.0, 1e-12, 1e-4, 0.0999, 0.1001, 30.0, 1e4])
def test_renewals_over_any_distance(distance):
    """Probabilities near 0 and 1, and the time to a renewal, keep their digits."""
    lanes = Lanes([2])
    chain = Renewal(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.ones(2), Renewal.spread(lanes, np.full(2, distance)))
    emission = Categorical(np.array([[0.5, 0.5], [0.5, 0.5]]))
    observed = emission.spread(lanes, np.array([0, 1]))
    found = chain.expected_renewals(Passes(lanes, 2).expect(chain, emission, observed).chain_sums)
    leave = -math.expm1(-distance)
    assert found.exits[0] == pytest.approx(leave, rel=1e-14)
    # E[min(T, d)] = 1 - exp(-d) for a rate of 1.
    assert found.exposure[0] == pytest.approx(leave, rel=1e-11)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["homogeneous", "renewal"]))
def test_the_likelihood_never_falls(seed, kind):
    case = problem(np.random.default_rng(seed), [60, 20], 2, kind=kind, missing=0.2)
    last = -math.inf
    for _ in range(5):
        found = case.passes.expect(case.chain, case.emission, case.observed)
        assert found.log_likelihood >= last - 1e-9 * abs(last)
        last = found.log_likelihood
        if kind == "homogeneous":
            counts = case.chain.expected_transitions(found.chain_sums)
            case.chain = Homogeneous(found.starts / 2, counts / counts.sum(axis=1, keepdims=True))
        else:
            renewals = case.chain.expected_renewals(found.chain_sums)
            case.chain = Renewal(found.starts / 2, renewals.mix, renewals.rates, case.chain.distances)
        case.emission = case.emission.maximised(found.emission_sums)


@pytest.mark.kernel
def test_impossible_observations_are_said_so():
    lanes = Lanes([3])
    emission = Categorical(np.eye(2))
    observed = emission.spread(lanes, np.array([0, 1, 0]))
    chain, passes = Homogeneous(np.full(2, 0.5), np.eye(2)), Passes(lanes, 2)
    found = passes.expect(chain, emission, observed)
    assert found.log_likelihood == -math.inf
    assert np.isnan(found.starts).all()
    assert np.isnan(passes.posteriors(chain, emission, observed)).all()
    assert passes.likeliest_path(chain, emission, observed)[1] == -math.inf


def test_the_same_bits_at_every_call():
    case = problem(np.random.default_rng(4), [5000], 3)
    first, second = (case.passes.expect(case.chain, case.emission, case.observed) for _ in range(2))
    assert first.log_likelihood == second.log_likelihood
    np.testing.assert_array_equal(first.chain_sums, second.chain_sums)
    np.testing.assert_array_equal(first.emission_sums, second.emission_sums)


def test_a_state_ruled_out_long_ago_is_not_brought_back_by_cuts():
    """Observations that favour a state which cannot be reached leave the answer to those that can."""
    rng = np.random.default_rng(6)
    case = problem(rng, [700], 2, missing=0.0)
    case.chain = Homogeneous(np.array([0.0, 1.0]), np.eye(2))
    case.emission = type(case.emission)(np.array([[0.0], [40.0]]), np.ones((2, 1)))
    case.observed = case.emission.spread(case.lanes, rng.normal(size=700))
    posteriors = case.passes.posteriors(case.chain, case.emission, case.observed)
    np.testing.assert_array_equal(posteriors, np.tile([0.0, 1.0], (700, 1)))
    found = case.passes.expect(case.chain, case.emission, case.observed)
    np.testing.assert_allclose(case.chain.expected_transitions(found.chain_sums), [[0.0, 0.0], [0.0, 699.0]])


@pytest.mark.kernel
def test_a_left_to_right_chain_across_cuts():
    """States that are passed once and never again, some of them unreachable at a cut."""
    case = problem(np.random.default_rng(12), [900], 3, separation=6.0, missing=0.0)
    transitions = np.array([[0.99, 0.01, 0.0], [0.0, 0.99, 0.01], [0.0, 0.0, 1.0]])
    case.chain = Homogeneous(np.array([1.0, 0.0, 0.0]), transitions)
    case.matrices = np.tile(transitions, (900, 1, 1))
    states = np.repeat([0, 1, 2], [200, 300, 400])
    case.observed = case.emission.spread(case.lanes, case.emission.means[states, 0] + np.sin(np.arange(900)))
    rows = np.empty((case.lanes.n_places, 3, case.lanes.n_lanes))
    case.emission.log_density(case.observed, rows)
    case.log_density = case.lanes.gather(rows)
    assert_textbook(case)
