"""Large trees, all sites saturated: what underflows in one part of the likelihood says nothing of the others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genem.data import Alignment
from genem.phylo import fit_branches
from genem.phylo.searching.rearrangements import evaluated, full_tree, list_walks
from genem.phylo.trees.topology import build_tree, canonical
from tests.phylo.cases import likelihood_of, random_tree


def test_constant_sites_of_a_tree_that_could_never_have_made_them() -> None:
    """600 taxa at distances of many substitutions: but for +I, a constant column has a probability of 4**-600."""
    n_taxa = 600
    rng = np.random.default_rng(1)
    letters = np.concatenate([np.full((n_taxa, 2), 65), rng.choice([65, 67, 71, 84], (n_taxa, 3))], axis=1)
    alignment = Alignment(tuple(f"T{taxon}" for taxon in range(n_taxa)), letters.astype(np.uint8), "dna")
    parent = [n_taxa, *range(n_taxa, 2 * n_taxa - 3), 2 * n_taxa - 3, 2 * n_taxa - 3]
    parent += [*range(n_taxa + 1, 2 * n_taxa - 2), -1]
    tree = canonical(build_tree(alignment.names, parent, [4.0] * len(parent)))
    likelihood = likelihood_of(alignment, "JC+I{0.1}")
    before = likelihood.evaluate(tree).log_likelihood
    fitted = fit_branches(likelihood, tree, max_sweeps=2)
    assert math.isfinite(fitted.log_likelihood)
    assert fitted.log_likelihood == pytest.approx(likelihood.evaluate(fitted.tree).log_likelihood, rel=1e-12)
    assert fitted.log_likelihood > before + 100.0


def test_a_radius_beyond_all_trees() -> None:
    rng = np.random.default_rng(2)
    letters = rng.choice([65, 67, 71, 84], (6, 9)).astype(np.uint8)
    likelihood = likelihood_of(Alignment(tuple("ABCDEF"), letters, "dna"), "JC")
    whole = full_tree(evaluated(likelihood, canonical(random_tree(rng, 6))))
    for wide, narrow in zip(list_walks(whole, 10**30), list_walks(whole, 10), strict=True):
        assert np.array_equal(wide, narrow)
