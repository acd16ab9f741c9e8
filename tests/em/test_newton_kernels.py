"""Newton's steps between bounds that close in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.em.newton_kernels import bracketed_step


@pytest.mark.kernel
@given(st.floats(1e-6, 50.0), st.floats(1e-9, 100.0))
def test_steps_in_a_bracket_come_to_the_root(root: float, here: float) -> None:
    """The derivative root / t - 1 of a function that is concave; its Newton steps overshoot from afar."""
    lowest, highest = 1e-9, 100.0
    low, high = lowest, highest
    for _ in range(100):
        last = here
        here, low, high = bracketed_step(here, root / here - 1.0, -root / here**2, low, high, lowest, highest)
        assert lowest <= low <= root * (1.0 + 1e-12)
        assert root * (1.0 - 1e-12) <= high <= highest
        assert low <= here <= high
        if abs(here - last) <= 1e-12 * here:
            break
    assert here == pytest.approx(root, rel=1e-9)


@pytest.mark.kernel
@pytest.mark.parametrize(("slope", "end"), [(1.0, 2.0), (-1.0, 1e-9)])
def test_steps_without_a_root_go_to_a_bound(slope: float, end: float) -> None:
    here, low, high = 0.3, 1e-9, 2.0
    for _ in range(60):
        here, low, high = bracketed_step(here, slope, 1.0, low, high, 1e-9, 2.0)
    assert here == pytest.approx(end)
