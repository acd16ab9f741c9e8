"""The climbs of a search so far, the distinct trees at which they ended, and the text that keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from genem.data import Tree
from genem.phylo.searching.hill_climbing import Acceptance
from genem.phylo.trees.splits import Topology, topology_of

__all__ = ["Optimum", "Run", "SearchState", "distinct_optima"]

FORMAT = 1


@dataclass(frozen=True)
class Run:
    """One climb to the end.

    Attributes
    ----------
    number
        Number of the climb, from 0: starts, then perturbations.
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


@dataclass(frozen=True)
class SearchState:
    """All that a search needs to go on after its last run.

    Attributes
    ----------
    seed
        Of the search.
    runs
        So far.
    best
        Number of the run with the best tree; -1 before the first.
    coordinates
        Of the model parameters, float64 (coordinate,), as after the best run.
    n_failures
        Perturbations since the best tree was found; each counts 1, 2 or 7.
    trace
        Steps kept so far.
    """

    seed: int
    runs: tuple[Run, ...] = ()
    best: int = -1
    coordinates: tuple[float, ...] = ()
    n_failures: int = 0
    trace: tuple[Acceptance, ...] = ()

    def to_json(self) -> str:
        """Text from which :meth:`from_json` makes the same state, bit for bit."""
        runs = [
            [run.number, run.kind, run.log_likelihood, run.tree.parent.tolist(), run.tree.length.tolist()]
            for run in self.runs
        ]
        steps = [list(astuple(step)) for step in self.trace]
        taxa = list(self.runs[0].tree.taxa) if self.runs else []
        content = {
            "format": FORMAT,
            "seed": self.seed,
            "taxa": taxa,
            "runs": runs,
            "best": self.best,
            "coordinates": list(self.coordinates),
            "n_failures": self.n_failures,
            "trace": steps,
        }
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> SearchState:
        """The state that a text tells of.

        Raises
        ------
        ValueError
            The text is nothing that :meth:`to_json` wrote.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}")
            taxa = tuple(content["taxa"])
            runs = tuple(
                Run(number, kind, reached, _read_tree(taxa, parent, length))
                for number, kind, reached, parent, length in content["runs"]
            )
            trace = tuple(Acceptance(*step) for step in content["trace"])
            coordinates = tuple(content["coordinates"])
            return cls(content["seed"], runs, content["best"], coordinates, content["n_failures"], trace)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the state of a search: {error}") from None


def _read_tree(taxa: tuple[str, ...], parent: list[int], length: list[float]) -> Tree:
    return Tree(taxa, np.array(parent, np.int64), np.array(length), ("",) * (len(parent) - len(taxa)))


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
