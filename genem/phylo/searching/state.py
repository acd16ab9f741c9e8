"""The climbs of a search so far, and the text that keeps them."""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from genem.data import Tree
from genem.phylo.searching.hill_climbing import Acceptance

__all__ = ["Run", "SearchState"]

FORMAT = 2


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
        The tree reached.
    coordinates
        Model parameters, float64 (coordinate,), where they were fitted to it: to every tree that was the best so far.
    trace
        Every step that was kept, in order.
    """

    number: int
    kind: str
    log_likelihood: float
    tree: Tree
    coordinates: tuple[float, ...] = ()
    trace: tuple[Acceptance, ...] = ()


@dataclass(frozen=True)
class SearchState:
    """All that a search needs to go on after its last run.

    Attributes
    ----------
    seed
        Seed of the search.
    runs
        All runs so far.
    """

    seed: int
    runs: tuple[Run, ...] = ()

    def to_json(self) -> str:
        """Text from which :meth:`from_json` makes the same state, bit for bit."""
        runs = [
            {
                "number": run.number,
                "kind": run.kind,
                "log_likelihood": run.log_likelihood,
                "parent": run.tree.parent.tolist(),
                "length": run.tree.length.tolist(),
                "coordinates": list(run.coordinates),
                "trace": [list(astuple(step)) for step in run.trace],
            }
            for run in self.runs
        ]
        taxa = list(self.runs[0].tree.taxa) if self.runs else []
        return json.dumps({"format": FORMAT, "seed": self.seed, "taxa": taxa, "runs": runs})

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
            return cls(content["seed"], tuple(_read_run(tuple(content["taxa"]), run) for run in content["runs"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the state of a search: {error}") from None


def _read_run(taxa: tuple[str, ...], content: dict[str, Any]) -> Run:
    parent = np.array(content["parent"], np.int64)
    tree = Tree(taxa, parent, np.array(content["length"]), ("",) * (len(parent) - len(taxa)))
    trace = tuple(Acceptance(*step) for step in content["trace"])
    coordinates = tuple(content["coordinates"])
    return Run(content["number"], content["kind"], content["log_likelihood"], tree, coordinates, trace)
