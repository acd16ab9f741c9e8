"""Trees and alignments for the tests of phylogeny."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from genem.data import Alignment, Tree
from genem.phylo import Model, Partition, TreeLikelihood, build_tree, site_patterns, starting_model
from genem.phylo.searching.starts import random_tree as uniform_tree

MODELS = (
    "JC",
    "K80{4.5}",
    "F81+F{.31,.27,.12,.3}",
    "HKY{6.25}+F{.31,.27,.12,.3}+G4{0.45}",
    "TN{5.5,8.25}+F{.31,.27,.12,.3}+I{0.2}",
    "GTR{1.7,5.1,.6,.9,7.3,1}+F{.33,.22,.19,.26}+I{0.15}+G3{0.8}",
    "SYM{1.7,5.1,.6,.9,7.3,1}+R2{0.3,0.2,0.7,1.5}",
)


def alignment_of(rows: Sequence[str], datatype: str = "dna") -> Alignment:
    """Taxa A, B, C, ... with these sequences."""
    letters = np.array([list(row.encode()) for row in rows], np.uint8).reshape(len(rows), len(rows[0]) if rows else 0)
    return Alignment(tuple(chr(65 + taxon) for taxon in range(len(rows))), letters, datatype)  # type: ignore[arg-type]


def likelihood_of(alignment: Alignment, model: str, *, threads: int = 1) -> TreeLikelihood:
    patterns = site_patterns(alignment)
    return TreeLikelihood([Partition(patterns, starting_model(model, patterns))], threads=threads)


def random_tree(rng: np.random.Generator, n_taxa: int, *, multifurcating: float = 0.0) -> Tree:
    """Taxa A, B, C, ... joined at random; the top has three children or, with ``multifurcating``, perhaps more."""
    parent: list[int] = [-1] * n_taxa
    active = list(range(n_taxa))
    while len(active) > 3 and not rng.random() < multifurcating:
        parent.append(-1)
        for node in rng.choice(active, size=2, replace=False).tolist():
            parent[node] = len(parent) - 1
            active.remove(node)
        active.append(len(parent) - 1)
    parent.append(-1)
    for node in active:
        parent[node] = len(parent) - 1
    lengths = rng.exponential(0.2, len(parent))
    return build_tree([chr(65 + taxon) for taxon in range(n_taxa)], parent, lengths.tolist())


@st.composite
def cases(draw: st.DrawFn, *, most_taxa: int = 5, letters: str = "ACGTRYN-") -> tuple[Alignment, Tree]:
    """A small alignment and a tree of its taxa, some of its edges of length 0."""
    n_taxa = draw(st.integers(3, most_taxa))
    rows = draw(st.lists(st.text(letters, min_size=4, max_size=4), min_size=n_taxa, max_size=n_taxa))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    tree = random_tree(rng, n_taxa, multifurcating=draw(st.sampled_from([0.0, 0.4])))
    return alignment_of(rows), tree


def tips_of(alignment: Alignment, site: int, likelihood: TreeLikelihood) -> np.ndarray:
    """bool (taxon, state): what the letters of a site allow."""
    alphabet = likelihood.alphabet
    return alphabet.sets[alphabet.code_of[alignment.letters[:, site]]] > 0.0


def brute_force_arguments(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Q from its definition, frequencies, rates and weights of a model."""
    from tests.reference.phylo import rate_matrix

    rates, weights = model.categories()
    return rate_matrix(model.exchangeabilities(), model.frequency), model.frequency, rates, weights


def simulated(n_taxa: int, n_sites: int, seed: int) -> Alignment:
    """Letters copied down a random tree, some of them changed on the way."""
    rng = np.random.default_rng(seed)
    tree = uniform_tree(tuple(chr(65 + taxon) for taxon in range(n_taxa)), rng)
    letters = np.zeros((len(tree), n_sites), np.int64)
    letters[-1] = rng.integers(4, size=n_sites)
    for node in range(len(tree) - 2, -1, -1):
        changed = rng.random(n_sites) < 0.15
        letters[node] = np.where(changed, rng.integers(4, size=n_sites), letters[tree.parent[node]])
    return alignment_of(["".join("ACGT"[state] for state in row) for row in letters[:n_taxa]])


def is_bifurcating(tree: Tree) -> bool:
    counts = np.bincount(tree.parent[:-1], minlength=len(tree))
    return bool(np.all(counts[len(tree.taxa) : -1] == 2) and counts[-1] == 3)
