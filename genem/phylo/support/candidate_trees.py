"""Topologies with the log-likelihoods of their patterns: a tree, and all its interchanges from its partials."""

from __future__ import annotations

from collections.abc import Callable, MutableSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.numerics.threads import spread
from genem.phylo.fitting.branches import fit_branches
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.searching.rearrangements import evaluated, full_tree, lengths_around, list_swaps, read_swap
from genem.phylo.support.quartet_kernels import fit_quartets, screen_quartets
from genem.phylo.support.resampling import pattern_log_likelihoods
from genem.phylo.trees.editing import EditableTree, Swap
from genem.phylo.trees.splits import is_inner, split_lengths

__all__ = ["CandidateTree", "fitted_candidate", "neighbours"]

Vector = NDArray[np.float64]

SWEEP_TOLERANCE, MAX_SWEEPS = 0.01, 10
QUARTET_SWEEPS, QUARTET_TOLERANCE, QUARTET_NEWTON = 1, 0.0, 6


@dataclass(frozen=True)
class CandidateTree:
    """A bifurcating tree, perhaps only by the way to make it.

    Attributes
    ----------
    lengths
        Of its inner splits (see :class:`SplitTable`).
    origin
        The tree, or the one it is made from.
    move
        How; None where ``origin`` is the tree itself.
    """

    lengths: dict[int, float]
    origin: Tree
    move: Swap | None = None

    @property
    def topology(self) -> frozenset[int]:
        return frozenset(self.lengths)

    def tree(self) -> Tree:
        """The tree itself, with its taxa numbered by name."""
        if self.move is None:
            return self.origin
        changed = EditableTree(self.origin)
        changed.apply(self.move)
        return changed.to_tree()


def fitted_candidate(likelihood: TreeLikelihood, tree: Tree) -> tuple[CandidateTree, Vector]:
    """A tree at its best lengths, and float64 (1, pattern): log-likelihoods of its patterns."""
    fitted = fit_branches(likelihood, tree, tolerance=SWEEP_TOLERANCE, max_sweeps=MAX_SWEEPS).tree
    log_site = likelihood.evaluate(fitted).log_site
    return _candidate(likelihood, fitted), pattern_log_likelihoods(likelihood, log_site[None])


def _candidate(likelihood: TreeLikelihood, tree: Tree) -> CandidateTree:
    n_taxa = len(likelihood.taxa)
    lengths = split_lengths(tree, likelihood.taxa)
    return CandidateTree({split: length for split, length in lengths.items() if is_inner(split, n_taxa)}, tree)


def neighbours(
    likelihood: TreeLikelihood,
    tree: Tree,
    known: MutableSet[frozenset[int]],
    promising: Callable[[Vector], NDArray[np.bool_]] | None = None,
) -> tuple[list[CandidateTree], Vector]:
    """All trees one interchange away that are not known, the five lengths around each change improved.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        Bifurcating, its taxa numbered as in ``likelihood``, at its best lengths.
    known
        Topologies to leave out; those looked at are added.
    promising
        Which of some trees to go on with, from float64 (tree, pattern) with only the edge in the middle improved; all
        unless given.

    Returns
    -------
    neighbours
        In the order of the inner edges.
    log_pattern
        float64 (neighbour, pattern).
    """
    full = full_tree(evaluated(likelihood, tree))
    rows = list_swaps(full)
    changes = _Interchanges(likelihood, tree, rows)
    new = np.array([place for place in range(len(rows)) if changes.topology(place) not in known], np.int64)
    known |= {changes.topology(place) for place in new.tolist()}
    if promising is not None and len(new) > 0:
        log_site = np.empty((len(new), *likelihood.sites.weight.shape))
        screened = (full, rows[new], QUARTET_NEWTON, log_site)
        spread(likelihood.threads, len(new), lambda _, *part: screen_quartets(*screened, *part))
        new = new[promising(pattern_log_likelihoods(likelihood, log_site))]
    found, log_site = np.full((len(new), 6), -np.inf), np.empty((len(new), *likelihood.sites.weight.shape))
    chosen, bounds = rows[new], (QUARTET_SWEEPS, QUARTET_TOLERANCE, QUARTET_NEWTON)
    arguments = (full, chosen, lengths_around(full, chosen), *bounds, found, log_site)
    spread(likelihood.threads, len(new), lambda _, *part: fit_quartets(*arguments, *part))
    made = [
        CandidateTree(changes.lengths(place, values[1:]), tree, read_swap(full, rows[place], values))
        for place, values in zip(new.tolist(), found, strict=True)
    ]
    return made, pattern_log_likelihoods(likelihood, log_site) if made else np.empty((0, 0))


class _Interchanges:
    """The splits of the trees that interchanges make: all as before but one."""

    def __init__(self, likelihood: TreeLikelihood, tree: Tree, rows: NDArray[np.int64]) -> None:
        self.n_taxa, self.n_nodes = len(likelihood.taxa), len(tree)
        self.everything = (1 << self.n_taxa) - 1
        self.below = [1 << node if node < self.n_taxa else 0 for node in range(len(tree))]
        for node, parent in enumerate(tree.parent[:-1].tolist()):
            self.below[parent] |= self.below[node]
        self.before = _candidate(likelihood, tree).lengths
        self.rows = rows.tolist()

    def topology(self, place: int) -> frozenset[int]:
        return frozenset(self.before) - {self._named(self.below[self.rows[place][4]])} | {self._middle(place)}

    def lengths(self, place: int, around: Vector) -> dict[int, float]:
        """Lengths of the inner splits; ``around`` holds those of the four outer edges and the one in the middle."""
        row = self.rows[place]
        gone = self._named(self.below[row[4]])
        kept = {split: length for split, length in self.before.items() if split != gone}
        splits = [self._named(self._ahead(edge)) for edge in row[:4]] + [self._middle(place)]
        new = dict(zip(splits, around.tolist(), strict=True))
        return kept | {split: length for split, length in new.items() if is_inner(split, self.n_taxa)}

    def _middle(self, place: int) -> int:
        """The new split: what is ahead of the first two edges stands together."""
        return self._named(self._ahead(self.rows[place][0]) | self._ahead(self.rows[place][1]))

    def _ahead(self, edge: int) -> int:
        """Taxa beyond an edge with a direction: downwards, or upwards from ``n_nodes`` on."""
        return self.below[edge] if edge < self.n_nodes else self.everything ^ self.below[edge - self.n_nodes]

    def _named(self, taxa: int) -> int:
        return self.everything ^ taxa if taxa & 1 else taxa
