"""The state of a search as text."""

from __future__ import annotations

import numpy as np
import pytest

from genem.phylo.searching.hill_climbing import Acceptance
from genem.phylo.searching.starts import random_tree
from genem.phylo.searching.state import Run, SearchState


def test_a_state_is_the_same_after_reading_it_from_its_text() -> None:
    tree = random_tree(tuple("abcdef"), np.random.default_rng(1))
    step = Acceptance(0, "nni", 2, 1.5, 0.1 + 0.2, -5.0, 4)
    state = SearchState(7, (Run(0, "bionj", -5.0, tree, (0.1, 1.0 / 3.0), (step,)), Run(1, "kick", -6.0, tree)))
    again = SearchState.from_json(state.to_json())
    assert again.to_json() == state.to_json()
    assert (again.seed, again.runs[0].coordinates, again.runs[0].trace) == (7, (0.1, 1.0 / 3.0), (step,))
    assert np.array_equal(again.runs[1].tree.length, tree.length)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2, "seed": 1, "taxa": []}'])
def test_other_text_is_no_state(text: str) -> None:
    with pytest.raises(ValueError, match="not the state of a search"):
        SearchState.from_json(text)
