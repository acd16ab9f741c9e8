"""q-values beside their definition and SciPy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.errors import UsageError
from genem.numerics.multiple_testing import q_values
from tests.reference import numerics as reference


@given(st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=30), st.integers(0, 100))
def test_q_values_agree_with_their_definition_and_scipy(p_values: list[float], more: int) -> None:
    from scipy.stats import false_discovery_control

    padded = [*p_values, *([1.0] * more)]
    found = q_values(p_values, len(padded))
    assert found == pytest.approx(false_discovery_control(padded)[: len(p_values)], rel=1e-9)
    for number, q in enumerate(found):
        assert q == pytest.approx(reference.q_value(p_values, number, len(padded)), rel=1e-9)


def test_fewer_tests_than_p_values_are_refused() -> None:
    with pytest.raises(UsageError, match="1 tests with 2"):
        q_values([0.1, 0.2], 1)
