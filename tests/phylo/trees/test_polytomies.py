"""Inner edges of length 0 are resolved in the way that the data contradict least."""

from __future__ import annotations

import numpy as np
import pytest

from genem.data import Alignment, Tree
from genem.phylo import TreeLikelihood, fit_branches, make_partitions
from genem.phylo.trees.constraints import splits
from genem.phylo.trees.polytomies import SHORT, resolve_polytomies
from genem.phylo.trees.topology import build_tree, canonical

TAXA = ("a", "b", "c", "d")
PAIRS = ("ab", "ac", "ad")


def quartet(pair: str, inner: float) -> Tree:
    """The tree in which ``a`` and another taxon are neighbours."""
    other = TAXA.index(pair[1])
    parent = [4 if taxon in (0, other) else 5 for taxon in range(4)]
    return canonical(build_tree(TAXA, [*parent, 5, -1], [0.1] * 4 + [inner, 0.0]))


def alignment(n_each: tuple[int, int, int], n_alike: int) -> Alignment:
    """Sites that support each of the three pairs of ``a``, and sites at which one taxon differs."""
    columns = [b"AACC"] * n_each[0] + [b"ACAC"] * n_each[1] + [b"ACCA"] * n_each[2]
    columns += [b"AAAC", b"AACA", b"ACAA", b"CAAA"] * n_alike + [b"AAAA"] * 200
    return Alignment(TAXA, np.frombuffer(b"".join(columns), np.uint8).reshape(-1, 4).T.copy(), "dna")


@pytest.mark.parametrize("start", PAIRS)
@pytest.mark.parametrize(("n_each", "pair"), [((1, 0, 0), "ab"), ((0, 1, 0), "ac"), ((0, 0, 1), "ad")])
def test_the_tie_goes_to_the_pair_with_more_support(start: str, n_each: tuple[int, int, int], pair: str) -> None:
    """So many parallel changes are expected that one site more is no reason for an edge, but a hint."""
    likelihood = TreeLikelihood(make_partitions(alignment(n_each, 60), "JC"))
    flat = fit_branches(likelihood, quartet(start, 1e-9), free=np.array([True] * 4 + [False] * 2)).tree
    chosen = resolve_polytomies(likelihood, flat)
    (side,) = splits(chosen)
    assert side in (set(pair), set(TAXA) - set(pair))
    assert likelihood.evaluate(chosen).log_likelihood == pytest.approx(
        likelihood.evaluate(flat).log_likelihood, abs=1e-6
    )


def test_edges_with_a_length_stay() -> None:
    likelihood = TreeLikelihood(make_partitions(alignment((0, 5, 0), 3), "JC"))
    tree = quartet("ab", 2 * SHORT)
    np.testing.assert_array_equal(resolve_polytomies(likelihood, tree).parent, tree.parent)
