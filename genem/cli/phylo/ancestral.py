"""Ancestral states as ``genem phylo`` writes them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.phylo.fitting import Found
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Tree
    from genem.phylo import AncestralStates

__all__ = ["named_nodes", "write_ancestral", "write_ancestral_fasta"]


def named_nodes(tree: Tree) -> Tree:
    """The tree with a name for every inner node: labels that are names stay, other nodes become Node1, Node2, ...

    Numbers are not taken for names: they are supports.
    """
    counts = Counter([*tree.labels, *tree.taxa])
    kept = [label if label and counts[label] == 1 and not _is_number(label) else "" for label in tree.labels]
    taken = {*kept, *tree.taxa}
    free = (name for number in range(1, 2 * len(tree) + 2) if (name := f"Node{number}") not in taken)
    return replace(tree, labels=tuple(label or next(free) for label in kept))


def _is_number(label: str) -> bool:
    try:
        return all(float(part) >= 0.0 for part in label.split("/"))
    except ValueError:
        return False


def write_ancestral(data: PhyloInput, found: Found, named: Tree, path: str, context: RunContext) -> None:
    """The posterior of every state, a row for each node and site."""
    import numpy as np

    from genem.io.tables.writing import Cells, Labels, TableWriter
    from genem.io.trees.newick import format_newick

    states = _reconstruct(found, named, context.threads or 1)
    letters = states.alphabet.states
    meanings = {
        "NODE": "name of the node in the tree above",
        "SITE": "column of the alignment",
        "STATE": "the most probable state",
        **{f"P_{letter}": f"posterior probability of {letter}" for letter in letters},
    }
    sites = np.concatenate(data.columns())
    order = np.argsort(sites)
    with context.open_output(path) as stream:
        notes = {"tree": format_newick(named)}
        table = TableWriter(stream, meanings, notes=notes)
        for row, node in enumerate(states.nodes):
            probabilities = np.concatenate([each[row] for each in states.posterior])[order]
            cells: dict[str, Cells] = {
                "NODE": Labels([states.tree.name(node)], np.zeros(len(sites), np.int64)),
                "SITE": sites[order] + 1,
                "STATE": Labels(list(letters), probabilities.argmax(axis=1)),
                **{f"P_{letter}": probabilities[:, state].copy() for state, letter in enumerate(letters)},
            }
            table.write(cells)


def write_ancestral_fasta(data: PhyloInput, found: Found, named: Tree, path: str, context: RunContext) -> None:
    """The most probable state of every site, a sequence for each node; ``-`` for columns in no partition."""
    import numpy as np

    from genem.cli.phylo.outputs import write_alignment
    from genem.data import Alignment

    states = _reconstruct(found, named, context.threads or 1)
    letters = np.full((len(states.nodes), data.alignment.n_sites), ord("-"), np.uint8)
    for number, sites in enumerate(data.columns()):
        for row, sequence in enumerate(states.sequences(number)):
            letters[row, sites] = np.frombuffer(sequence.encode(), np.uint8)
    names = tuple(states.tree.name(node) for node in states.nodes)
    write_alignment(Alignment(names, letters, data.alignment.datatype), path, context)


def _reconstruct(found: Found, named: Tree, threads: int) -> AncestralStates:
    from genem.phylo import TreeLikelihood, ancestral_states

    return ancestral_states(TreeLikelihood(found.best_fit.partitions, threads=threads), named)
