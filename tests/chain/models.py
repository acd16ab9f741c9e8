"""Chains, observations and their textbook answers, for the tests of the passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from genem.chain.emissions.emission import Emission
from genem.chain.emissions.gaussian import Gaussian
from genem.chain.kinds import Chain, Homogeneous, Renewal
from genem.chain.lanes import Lanes
from genem.chain.passes import Passes
from tests.reference import chain as reference


@dataclass(repr=False)
class Problem:
    """A chain with observations: ``values`` (place, ...), ``matrices`` (place, from, to) into each place."""

    lanes: Lanes
    chain: Chain
    emission: Emission
    values: np.ndarray
    matrices: np.ndarray
    distances: np.ndarray

    def __post_init__(self):
        self.observed = self.emission.spread(self.lanes, self.values)
        self.passes = Passes(self.lanes, self.emission.n_states)
        rows = np.empty((self.lanes.n_places, self.emission.n_states, self.lanes.n_lanes))
        self.emission.log_density(self.observed, rows)
        self.log_density = self.lanes.gather(rows)

    def sequences(self):
        """Log initial, log matrices and log densities of each sequence."""
        start = 0
        with np.errstate(divide="ignore"):
            for length in self.lanes.lengths:
                steps = np.log(self.matrices[start + 1 : start + length])
                yield np.log(self.chain.initial), steps, self.log_density[start : start + length]
                start += length

    def textbook(self):
        """Log-likelihood, posterior probabilities, expected transitions of every step within a sequence."""
        answers = [reference.log_forward_backward(*sequence) for sequence in self.sequences()]
        return sum(a[0] for a in answers), np.concatenate([a[1] for a in answers]), [a[2] for a in answers]


def problem(rng, lengths, n_states, *, kind="homogeneous", stay=0.9, missing=0.1, separation=2.0):
    """Gaussian observations of a random chain."""
    n = int(np.sum(lengths))
    states = np.repeat(rng.integers(0, n_states, n // 7 + 1), 7)[:n]
    values = separation * states + rng.normal(size=n)
    values[rng.random(n) < missing] = np.nan
    means = separation * np.arange(n_states)[:, None] + rng.normal(0, 0.2, (n_states, 1))
    emission = Gaussian(means, rng.uniform(0.5, 2.0, (n_states, 1)))
    initial, lanes = rng.dirichlet(np.ones(n_states)), Lanes(lengths)
    distances = rng.exponential(1.0, n)
    if kind == "homogeneous":
        transitions = (1.0 - stay) * rng.dirichlet(np.ones(n_states), n_states) + stay * np.eye(n_states)
        chain = Homogeneous(initial, transitions)
        return Problem(lanes, chain, emission, values, np.tile(transitions, (n, 1, 1)), distances)
    mix, rates = rng.dirichlet(np.full(n_states, 3.0)), rng.uniform(0.5, 2.0, n_states) * -np.log(stay)
    chain = Renewal(initial, mix, rates, Renewal.spread(lanes, distances))
    matrices = np.array([reference.renewal_matrix(mix, rates, d) for d in distances])
    return Problem(lanes, chain, emission, values, matrices, distances)


@st.composite
def problems(draw, longest=60):
    """Problems of any shape, some of them cut into lanes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = draw(st.lists(st.integers(1, longest), min_size=1, max_size=4))
    return problem(
        rng,
        lengths,
        draw(st.integers(2, 4)),
        kind=draw(st.sampled_from(["homogeneous", "renewal"])),
        stay=draw(st.sampled_from([0.3, 0.9, 0.999])),
        missing=draw(st.sampled_from([0.0, 0.3, 1.0])),
    )
