"""Laying sequences out and bringing them back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.chain.lanes import Lanes
from genem.errors import UsageError


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=5), st.integers(0, 3))
def test_what_is_spread_comes_back(lengths, n_extra):
    lanes = Lanes(lengths)
    shape = (lanes.n_observed, *[2] * n_extra)
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    laid = lanes.spread(values, np.nan)
    assert laid.shape == (lanes.n_places, *shape[1:], lanes.n_lanes)
    np.testing.assert_array_equal(lanes.gather(laid), values)
    assert np.isnan(laid).sum() == laid.size - values.size


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=5))
def test_every_sequence_starts_once(lengths):
    lanes = Lanes(lengths)
    starts = np.concatenate(
        [
            (found := lanes.starts_within(start, start + 50))[:, 1] * lanes.n_places + found[:, 0] + start
            for start in range(0, lanes.n_places, 50)
        ]
    )
    starts = np.unique(starts[starts < lanes.n_observed])
    np.testing.assert_array_equal(starts, np.cumsum([0, *lengths[:-1]]))
    # Restarts at the end of a lane are those of the lane after it, and the last lane ends.
    ends = lanes.restarts[lanes.restarts[:, 0] == lanes.n_places, 1]
    np.testing.assert_array_equal(ends, [*np.flatnonzero(~lanes.is_cut[1:]), lanes.n_lanes - 1])


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="at least one place each"):
        Lanes([3, 0])
    with pytest.raises(UsageError, match="at least one place each"):
        Lanes([])
    with pytest.raises(UsageError, match="2 observations for 3 places"):
        Lanes([3]).spread(np.zeros(2), 0.0)
