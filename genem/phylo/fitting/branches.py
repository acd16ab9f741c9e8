"""Branch lengths of a fixed tree under fixed models."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.em import Status
from genem.em.stationarity import Rounds
from genem.numerics.arrays import aligned_array
from genem.phylo.fitting.branch_kernels import MAX_LENGTH, MAX_NEWTON, MIN_LENGTH, EdgeTable, sweep_branches
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood, build_topology
from genem.phylo.trees.topology import relabelled

__all__ = ["MAX_LENGTH", "MIN_LENGTH", "BranchFit", "fit_branches", "with_start_lengths"]

START_LENGTH = 0.1
SHORTEST_START = 1e-6
"""What starts on the very bound and ends there is taken for locked by the engine."""


@dataclass(frozen=True)
class BranchFit:
    """A tree with lengths that maximise the likelihood, one edge at a time.

    Attributes
    ----------
    tree
        With its taxa in the order of the patterns.
    log_likelihood
        Of that tree.
    n_sweeps
        Rounds over all edges.
    status
        ``converged (objective)``; ``left`` where the tolerance was wider than that of the engine; ``max_iter``;
        ``degenerate`` where the data are impossible.
    """

    tree: Tree
    log_likelihood: float
    n_sweeps: int
    status: Status


def with_start_lengths(tree: Tree, shortest: float = SHORTEST_START) -> Tree:
    """The tree with every length at least ``shortest``; edges without a length get a customary one."""
    lengths = np.where(np.isnan(tree.length), START_LENGTH, tree.length).clip(shortest, MAX_LENGTH)
    lengths[-1] = 0.0
    return replace(tree, length=lengths)


def fit_branches(
    likelihood: TreeLikelihood,
    tree: Tree,
    *,
    free: NDArray[np.bool_] | None = None,
    tolerance: float = 1e-7,
    max_sweeps: int = 200,
    max_newton: int = MAX_NEWTON,
) -> BranchFit:
    """Maximise the likelihood over branch lengths by sweeps of Newton's method; it never falls.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        Where to start; lengths that are missing start at 0.1.
    free
        bool (node,): edges whose lengths may change; all unless given.
    tolerance
        Stop when a sweep gains less log-likelihood than this.
    max_sweeps
        Most rounds over all edges; 1 is what a search wants for a first look.
    max_newton
        Most steps on one edge in one sweep.

    Returns
    -------
    BranchFit

    Examples
    --------
    Under Jukes-Cantor a fraction p of different sites is a distance of -3/4 log(1 - 4/3 p).

    >>> from genem.data import Alignment
    >>> from genem.phylo.models.partition import Partition
    >>> from genem.phylo.models.substitution import starting_model
    >>> from genem.phylo.patterns import site_patterns
    >>> from genem.phylo.trees.topology import star_tree
    >>> letters = np.array([list(b"AAAAACCCCC"), list(b"AAAAACCCCT")], np.uint8)
    >>> patterns = site_patterns(Alignment(("a", "b"), letters, "dna"))
    >>> likelihood = TreeLikelihood([Partition(patterns, starting_model("JC", patterns))])
    >>> fit = fit_branches(likelihood, star_tree(("a", "b")))
    >>> fit.status.label, round(float(fit.tree.length.sum()), 6)
    ('converged (objective)', 0.107326)
    """
    numbered = relabelled(tree, likelihood.taxa)
    changing = np.ones(len(numbered), np.bool_)
    if free is not None:
        place = [likelihood.taxa.index(name) for name in tree.taxa]
        changing[len(place) :] = free[len(place) :]
        changing[place] = free[: len(place)]
    lengths = np.where(changing, with_start_lengths(numbered, MIN_LENGTH).length, numbered.length)
    topology = build_topology(numbered)
    transitions = likelihood.transitions(lengths)
    storage = likelihood.storage(len(lengths), keep=True)
    reached = likelihood.run(numbered, topology, transitions, storage, down=False).log_likelihood
    table = new_edge_table(likelihood)
    rounds = Rounds(tolerance, max_sweeps, start=reached)
    while rounds.go_on:
        rounds.judge(
            sweep_branches(
                likelihood.sites,
                likelihood.process,
                topology,
                transitions,
                storage,
                table,
                likelihood.ascertained,
                lengths,
                changing,
                rounds.reached,
                max_newton,
            )
        )
    return BranchFit(replace(numbered, length=lengths), rounds.reached, rounds.n_rounds, rounds.status)


def new_edge_table(likelihood: TreeLikelihood) -> EdgeTable:
    """Room for the table of one edge."""
    n_chunks, n_lanes = likelihood.sites.weight.shape
    return EdgeTable(
        aligned_array((n_chunks, likelihood.n_categories, likelihood.n_states, n_lanes)),
        aligned_array((n_chunks, n_lanes)),
        np.empty((n_chunks, n_lanes), np.int32),
    )
