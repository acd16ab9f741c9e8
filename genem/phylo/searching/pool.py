"""The trees at which the climbs of a search ended, by topology."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from genem.data import Tree
from genem.phylo.trees.splits import RESOLVED
from genem.phylo.trees.topology import subtree_bits

__all__ = ["Optimum", "Run", "Topology", "distinct_optima", "topology_of"]

Topology = frozenset[int]


@dataclass(frozen=True)
class Run:
    """One climb to the end.

    Attributes
    ----------
    number
        Of the start, from 0; escapes follow.
    kind
        ``bionj``, ``parsimony``, ``random`` or ``given``; ``kick``, ``reweight`` or ``anneal``.
    log_likelihood
        At the end of the climb, before the last refinement of models and lengths.
    tree
        There.
    """

    number: int
    kind: str
    log_likelihood: float
    tree: Tree


@dataclass(frozen=True)
class Optimum:
    """A topology at which climbs ended: the best of them, and how many."""

    log_likelihood: float
    tree: Tree
    n_runs: int


def topology_of(tree: Tree, least: float = RESOLVED) -> Topology:
    """Of every inner edge of at least some length the taxa beyond it; the same for the same tree in standard form.

    Examples
    --------
    >>> from genem.phylo.trees.topology import build_tree
    >>> tree = build_tree(("a", "b", "c", "d"), [4, 4, 5, 5, 5, -1], [1.0] * 6)
    >>> [bin(group) for group in topology_of(tree)]
    ['0b1100']
    """
    bits = subtree_bits(tree)
    everything = bits[-1]
    groups = (
        bits[node] ^ (everything if bits[node] & 1 else 0)
        for node in range(len(tree.taxa), len(tree) - 1)
        if tree.length[node] >= least
    )
    return frozenset(group for group in groups if group.bit_count() < len(tree.taxa) - 1)


def distinct_optima(runs: Iterable[Run]) -> tuple[Optimum, ...]:
    """Runs with the same topology taken together, best first."""
    groups: dict[Topology, list[Run]] = {}
    for run in runs:
        groups.setdefault(topology_of(run.tree), []).append(run)
    found = []
    for members in groups.values():
        best = max(members, key=lambda run: run.log_likelihood)
        found.append(Optimum(best.log_likelihood, best.tree, len(members)))
    return tuple(sorted(found, key=lambda optimum: -optimum.log_likelihood))
