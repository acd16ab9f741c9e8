"""Sequences that are alike are searched with once, and all of them are in the tree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genem.data import Alignment
from genem.phylo import evaluate, search
from genem.phylo.searching.starts import random_tree
from genem.phylo.trees.duplicates import identical_sequences, with_copies, without_copies
from genem.phylo.trees.topology import subtree_taxa


def random_alignment(n_taxa: int, n_sites: int, seed: int) -> Alignment:
    """Each sequence differs from the one before at a fifth of its sites."""
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.frombuffer(b"ACGT", np.uint8), n_sites)]
    while len(rows) < n_taxa:
        changed = rng.random(n_sites) < 0.2
        rows.append(np.where(changed, rng.choice(np.frombuffer(b"ACGTN-", np.uint8), n_sites), rows[-1]))
    return Alignment(tuple(f"t{number}" for number in range(n_taxa)), np.array(rows, np.uint8), "dna")


def repeated(alignment: Alignment, which: list[int], seed: int = 1) -> Alignment:
    """With copies of some sequences, in another order, a part of them in lower case."""
    names = [*alignment.names, *(f"copy{number}" for number in range(len(which)))]
    letters = np.concatenate([alignment.letters, np.char.lower(alignment.letters[which].view("S1")).view(np.uint8)])
    order = np.random.default_rng(seed).permutation(len(names))
    return Alignment(tuple(names[number] for number in order), letters[order], alignment.datatype)


@given(st.integers(1, 9), st.lists(st.integers(0, 8), max_size=6), st.integers(0, 1000))
def test_copies_hang_on_their_sequence_at_distance_zero(n_taxa: int, which: list[int], seed: int) -> None:
    which = [number % n_taxa for number in which]
    alignment = repeated(random_alignment(n_taxa, 30, seed), which)
    copies = identical_sequences(alignment)
    distinct = without_copies(alignment, copies)
    assert identical_sequences(distinct) == {}
    small = random_tree(tuple(sorted(distinct.names)), np.random.default_rng(seed))
    tree = with_copies(small, copies)
    assert sorted(tree.taxa) == sorted(alignment.names)
    assert np.all(tree.parent[:-1] > np.arange(len(tree) - 1))
    assert tree.length.sum() == pytest.approx(small.length.sum())
    groups = {frozenset(np.array(tree.taxa)[row]) for row in subtree_taxa(tree)}
    assert {frozenset((first, *names)) for first, names in copies.items()} <= groups


@pytest.mark.parametrize("model", ["JC", "GTR+F+G4", "HKY+F+I"])
def test_the_likelihood_is_that_of_the_best_tree_of_all(model: str) -> None:
    alignment = repeated(random_alignment(7, 120, 5), [0, 0, 3])
    found = search(alignment, model, n_starts=2)
    assert sorted(found.best.tree.taxa) == sorted(alignment.names)
    # A search that may put copies anywhere comes to nothing better.
    free = search(alignment, model, trees=[random_tree(tuple(sorted(alignment.names)), np.random.default_rng(1))])
    assert found.best.log_likelihood >= free.best.log_likelihood - 1e-5
    assert found.best.log_likelihood == pytest.approx(
        evaluate(alignment, found.best.tree, model).log_likelihood, abs=1e-6
    )
    assert all(sorted(run.tree.taxa) == sorted(alignment.names) for run in found.runs)


@pytest.mark.parametrize(("n_taxa", "which"), [(1, [0, 0, 0, 0]), (2, [0, 1, 1]), (3, [2, 2]), (4, [0])])
def test_few_distinct_sequences(n_taxa: int, which: list[int]) -> None:
    alignment = repeated(random_alignment(n_taxa, 60, 2), which)
    found = search(alignment, "JC", n_starts=1)
    assert sorted(found.best.tree.taxa) == sorted(alignment.names)
    assert np.isfinite(found.best.log_likelihood)
    assert found.best.log_likelihood == pytest.approx(found.best.site_log_likelihoods.sum(), abs=1e-8)


def test_many_copies_cost_little() -> None:
    alignment = repeated(random_alignment(5, 40, 3), [number % 5 for number in range(295)])
    found = search(alignment, "JC", n_starts=2)
    assert len(found.best.tree.taxa) == 300
    assert all(run.number < 30 for run in found.runs)
