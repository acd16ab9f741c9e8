"""Sequences that are alike: one of each kind is searched with, the others hang on it by edges of length 0.

Nothing is lost: of the most likely trees one has all copies beside each other. At distance 0 a copy adds no factor to
the likelihood, elsewhere one of at most 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genem.data import Alignment, Tree
from genem.phylo.trees.topology import build_tree

__all__ = ["Copies", "identical_sequences", "with_copies", "without_copies"]

Copies = Mapping[str, tuple[str, ...]]
"""The copies of a sequence by its name, which is the first of all of them."""

UPPER_CASE = 0b1101_1111
"""Letters of both cases are alike under this mask; no two other characters of an alignment are."""


def identical_sequences(alignment: Alignment) -> dict[str, tuple[str, ...]]:
    """For every sequence that others repeat to the letter, in upper or lower case: their names in order.

    Examples
    --------
    >>> letters = np.array([list(b"ACG-"), list(b"ACGT"), list(b"acg-"), list(b"ACG-")], np.uint8)
    >>> identical_sequences(Alignment(("d", "c", "b", "a"), letters, "dna"))
    {'a': ('b', 'd')}
    """
    letters = alignment.letters & UPPER_CASE
    groups: dict[bytes, list[str]] = {}
    for number in sorted(range(len(alignment)), key=alignment.names.__getitem__):
        groups.setdefault(letters[number].tobytes(), []).append(alignment.names[number])
    return {names[0]: tuple(names[1:]) for names in groups.values() if len(names) > 1}


def without_copies(alignment: Alignment, copies: Copies) -> Alignment:
    """The alignment with one sequence of each kind."""
    repeated = {name for names in copies.values() for name in names}
    kept = [number for number, name in enumerate(alignment.names) if name not in repeated]
    return Alignment(tuple(alignment.names[number] for number in kept), alignment.letters[kept], alignment.datatype)


def with_copies(tree: Tree, copies: Copies) -> Tree:
    """The tree with all copies, each a further neighbour at distance 0 of those before it.

    Examples
    --------
    >>> from genem.phylo.trees.topology import star_tree
    >>> tree = with_copies(star_tree(("a", "c", "d"), 0.5), {"a": ("b", "e")})
    >>> "".join(tree.taxa), tree.parent.tolist(), tree.length.tolist()
    ('abcde', [5, 5, 7, 7, 6, 6, 7, -1], [0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.5, 0.0])
    """
    if not copies:
        return tree
    taxa = sorted([*tree.taxa, *(name for names in copies.values() for name in names)])
    number = {name: node for node, name in enumerate(taxa)}
    n_more = len(taxa) - len(tree.taxa)
    place = np.array([*(number[name] for name in tree.taxa), *range(len(taxa), len(tree) + n_more)])
    parent = np.full(len(tree) + 2 * n_more, -1)
    length = np.zeros(len(parent))
    labels = [*tree.labels, *[""] * n_more]
    parent[place] = np.where(tree.parent >= 0, place[tree.parent], -1)
    length[place] = tree.length
    node = len(tree) + n_more
    for first, names in copies.items():
        lowest = highest = number[first]
        above, below = parent[lowest], length[lowest]
        for name in names:
            parent[[highest, number[name]]] = node
            highest, node = node, node + 1
        length[lowest], parent[highest], length[highest] = 0.0, above, below
    return build_tree(taxa, parent.tolist(), length.tolist(), labels)
