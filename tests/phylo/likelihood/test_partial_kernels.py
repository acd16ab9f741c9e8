"""Patterns in chunks: how wide they are, that nothing depends on it, and the scores of regrafts."""

from __future__ import annotations

import numpy as np
import pytest

from genem.data import Alignment, Tree
from genem.phylo import Partition, TreeLikelihood, fit_branches, site_patterns, starting_model
from genem.phylo.likelihood import tree_likelihood as likelihood_module
from genem.phylo.likelihood.partial_kernels import LANE_STEP
from genem.phylo.searching.rearrangements import evaluated, full_tree, list_walks, regrafts, score_targets
from genem.phylo.searching.regraft_kernels import FullTree, Walks, reverse
from genem.phylo.trees.editing import EditableTree, Regraft
from genem.phylo.trees.topology import build_tree, canonical
from tests.phylo.cases import likelihood_of, random_tree

DNA = "GTR{1.7,5.1,.6,.9,7.3,1}+F{.33,.22,.19,.26}+I{0.15}+G3{0.8}"


def noise(n_taxa: int, n_sites: int, *, letters: bytes = b"ACGT", seed: int = 1) -> Alignment:
    """Letters at random: nearly every column is a pattern of its own."""
    rng = np.random.default_rng(seed)
    rows = np.frombuffer(letters, np.uint8)[rng.integers(len(letters), size=(n_taxa, n_sites))]
    names = tuple(chr(65 + taxon) if n_taxa < 26 else f"T{taxon}" for taxon in range(n_taxa))
    return Alignment(names, rows, "dna" if len(letters) == 4 else "protein")


def scored(likelihood: TreeLikelihood, tree: Tree, radius: int) -> tuple[FullTree, Walks, np.ndarray]:
    whole = full_tree(evaluated(likelihood, tree))
    walks = list_walks(whole, radius)
    return whole, walks, score_targets(likelihood, whole, walks)


def moved(whole: FullTree, walks: Walks, tree: Tree, target: int) -> Tree:
    """The tree with the subtree in the middle of the target's edge."""

    def ahead(edge: int) -> int:
        return edge if edge < len(tree) else int(tree.parent[edge - len(tree)])

    subtree = int(walks.subtree[np.searchsorted(walks.start, target, side="right") - 1])
    edge = int(walks.edge[target])
    root, junction = ahead(subtree), ahead(reverse(whole.shape, subtree))
    near, far = ahead(reverse(whole.shape, edge)), ahead(edge)
    half, own = whole.lengths[edge % len(tree)] / 2.0, whole.lengths[subtree % len(tree)]
    lengths = ((junction, near, half), (junction, far, half), (junction, root, own))
    changed = EditableTree(tree)
    assert changed.apply(Regraft(root, junction, near, far, lengths, 0.0))
    return changed.to_tree()


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("model", "letters", "n_sites"),
    [(DNA, b"ACGT", 40), ("JC", b"ACGT", 700), ("HKY{4}+G4{0.3}", b"ACGT", 300), ("LG+G2{0.7}", b"ARNDCQEGHILK", 30)],
)
def test_scores_are_the_likelihoods_of_trees_with_the_subtree_in_the_middle(
    model: str, letters: bytes, n_sites: int
) -> None:
    likelihood = likelihood_of(noise(7, n_sites, letters=letters), model)
    tree = canonical(random_tree(np.random.default_rng(3), 7))
    whole, walks, scores = scored(likelihood, tree, 10)
    for target in range(0, len(scores), 5):
        expected = likelihood.evaluate(moved(whole, walks, tree, target)).log_likelihood
        assert scores[target] == pytest.approx(expected, rel=1e-11)


def test_scores_where_partials_would_underflow() -> None:
    """A ladder of 900 taxa, every site saturated: partials of many subtrees are below 2**-1022 unless lifted."""
    n_taxa = 900
    parent = [n_taxa, *range(n_taxa, 2 * n_taxa - 3), 2 * n_taxa - 3, 2 * n_taxa - 3]
    parent += [*range(n_taxa + 1, 2 * n_taxa - 2), -1]
    alignment = noise(n_taxa, 8)
    lengths = np.random.default_rng(5).exponential(0.7, len(parent))
    tree = canonical(build_tree(alignment.names, parent, lengths.tolist()))
    likelihood = likelihood_of(alignment, "HKY{4}+G4{0.5}")
    whole, walks, scores = scored(likelihood, tree, 2)
    assert np.all(np.isfinite(scores))
    for target in np.random.default_rng(1).choice(len(scores), 25, replace=False).tolist():
        expected = likelihood.evaluate(moved(whole, walks, tree, target)).log_likelihood
        assert scores[target] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("n_patterns", [1, 31, 32, 33, 500, 512, 513, 934, 4000])
def test_few_lanes_are_unused(n_patterns: int) -> None:
    alignment = noise(12, n_patterns)
    likelihood = likelihood_of(alignment, "JC")
    found = likelihood.partitions[0].patterns.n_patterns
    n_chunks, n_lanes = likelihood.sites.weight.shape
    assert n_lanes % LANE_STEP == 0
    assert 4 * n_lanes <= likelihood_module.MOST_VALUES
    assert found <= n_chunks * n_lanes < found + LANE_STEP * n_chunks
    assert n_chunks <= -(-found // (likelihood_module.MOST_VALUES // 4)) + 1


def test_many_small_partitions_have_narrow_chunks() -> None:
    patterns = [site_patterns(noise(12, 40, seed=seed)) for seed in range(30)]
    likelihood = TreeLikelihood([Partition(each, starting_model("JC", each)) for each in patterns])
    assert likelihood.sites.weight.shape == (30, 64)


@pytest.mark.parametrize(("model", "letters"), [(DNA, b"ACGT"), ("LG+G2{0.7}", b"ARNDCQEGHILK")])
def test_width_of_chunks_says_nothing(model: str, letters: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    alignment, tree = noise(8, 300, letters=letters), canonical(random_tree(np.random.default_rng(8), 8))
    results = []
    for n_lanes in (32, 64, 320):
        monkeypatch.setattr(likelihood_module, "_best_n_lanes", lambda *_, n=n_lanes: n)
        likelihood = likelihood_of(alignment, model)
        assert likelihood.sites.weight.shape[1] == n_lanes
        fitted = fit_branches(likelihood, tree, tolerance=1e-9)
        moves = regrafts(likelihood, fitted.tree, 3, margin=np.inf)
        results.append((fitted.log_likelihood, [move.log_likelihood for move in moves], fitted.tree.length))
    for reached, scores, lengths in results[1:]:
        assert reached == pytest.approx(results[0][0], rel=1e-12)
        assert scores == pytest.approx(results[0][1], rel=1e-10)
        assert lengths == pytest.approx(results[0][2], rel=1e-5, abs=1e-7)
