"""Supports beside those of IQ-TREE: random numbers differ, so that they agree within some points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genem.io.sequences.alignments import read_alignment
from genem.io.trees.newick import read_newick
from genem.phylo import (
    TreeFit,
    bootstrap,
    branch_tests,
    evaluate,
    node_supports,
    robinson_foulds,
    split_shares,
    ultrafast_bootstrap,
)
from genem.phylo.trees.splits import edge_splits, is_inner

pytestmark = pytest.mark.validation

NAME = "support_primates12_GTR_G4_shalrt_ufboot.nwk"


@pytest.fixture(scope="module")
def fit(reference_data: Path) -> TreeFit:
    alignment = read_alignment(reference_data / "phylo/alignments/primates12.fasta")
    return evaluate(alignment, read_newick(reference_data / "phylo" / NAME)[0], "GTR+F+G4")


@pytest.fixture(scope="module")
def theirs(reference_data: Path, fit: TreeFit) -> np.ndarray:
    """Shares (node, 2) on the fitted tree: SH-aLRT and ultrafast bootstrap."""
    (tree,) = read_newick(reference_data / "phylo" / NAME)
    taxa = sorted(tree.taxa)
    splits = edge_splits(tree, taxa)
    labels = {split: tree.name(node).split("/") for node, split in enumerate(splits) if is_inner(split, len(taxa))}
    columns = [{split: float(pair[k]) / 100.0 for split, pair in labels.items()} for k in (0, 1)]
    return np.stack([node_supports(fit.tree, column) for column in columns], axis=1)


def test_sh_alrt(fit: TreeFit, theirs: np.ndarray) -> None:
    ours = branch_tests(fit, n_replicates=1000).sh_alrt
    assert np.nanmax(np.abs(ours - theirs[:, 0])) < 0.05
    assert np.nanmean(np.abs(ours - theirs[:, 0])) < 0.02


def test_ultrafast_bootstrap(fit: TreeFit, theirs: np.ndarray) -> None:
    found = ultrafast_bootstrap(fit)
    assert found.status.label == "left"  # the shares came to rest before every neighbour was looked at
    assert np.nanmax(np.abs(found.share - theirs[:, 1])) < 0.07
    assert np.nanmean(np.abs(found.share - theirs[:, 1])) < 0.03


@pytest.mark.slow
def test_standard_bootstrap(reference_data: Path, fit: TreeFit, theirs: np.ndarray) -> None:
    alignment = read_alignment(reference_data / "phylo/alignments/primates12.fasta")
    replicates = bootstrap(alignment, "GTR+F+G4", replicates=range(1, 51))
    ours = node_supports(fit.tree, split_shares([replicate.tree for replicate in replicates]))
    assert np.nanmax(np.abs(ours - theirs[:, 1])) < 0.15
    assert robinson_foulds(replicates[0].tree, fit.tree) <= 8
