"""Lengths under models with nothing left to estimate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genem.data import Alignment, Tree
from genem.em import Status
from genem.phylo import evaluate
from tests.phylo.cases import random_tree


def evolved(rng: np.random.Generator, tree: Tree, n_sites: int) -> Alignment:
    """Sequences that change along the edges, to any letter."""
    states = np.empty((len(tree), n_sites), np.uint8)
    states[-1] = rng.choice([65, 67, 71, 84], n_sites)
    for node in range(len(tree) - 2, -1, -1):
        changes = rng.random(n_sites) < -np.expm1(-tree.length[node])
        states[node] = np.where(changes, rng.choice([65, 67, 71, 84], n_sites), states[tree.parent[node]])
    return Alignment(tree.taxa, states[: len(tree.taxa)], "dna")


@pytest.mark.parametrize("model", ["JC", "HKY{2}+F{.25,.25,.25,.25}+G4{.5}"])
@pytest.mark.parametrize("seed", range(4))
def test_lengths_around_saturated_edges_converge_in_few_rounds(model: str, seed: int) -> None:
    """Three edges that say nothing any more, and short ones between them: one length at a time would crawl."""
    rng = np.random.default_rng(seed)
    shape = random_tree(rng, 24)
    lengths = np.append(rng.exponential(0.02, len(shape) - 1), 0.0)
    lengths[rng.choice(len(shape) - 1, 3, replace=False)] = rng.uniform(2.0, 9.0, 3)
    tree = replace(shape, length=lengths)
    alignment = evolved(rng, tree, 400)
    fit = evaluate(alignment, tree, model)
    assert fit.status is Status.CONVERGED
    assert fit.fit is not None
    assert fit.fit.best.n_maps <= 30
    again = evaluate(alignment, fit.tree, model)
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-5)
