"""Starting trees of a search: by neighbour joining, by parsimony, or at random.

Taxa are numbered by name, so that neither the order of the sequences nor the number of threads changes a start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import UsageError
from genem.phylo.fitting.branches import MIN_LENGTH
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.searching.pair_kernels import fit_distances
from genem.phylo.searching.parsimony_kernels import GrowingTree, grow
from genem.phylo.searching.structural_em import pair_process
from genem.phylo.trees.constraints import Constraint
from genem.phylo.trees.topology import build_tree, canonical, relabelled, star_tree, unrooted

__all__ = [
    "StartKind",
    "bionj_tree",
    "given_starts",
    "join_neighbours",
    "pairwise_distances",
    "parsimony_tree",
    "random_resolution",
    "random_tree",
]

Vector = NDArray[np.float64]
StartKind = Literal["bionj", "parsimony", "random"]

START_DISTANCE, LONGEST_DISTANCE = 0.1, 10.0
START_LENGTH = 0.05


def pairwise_distances(likelihood: TreeLikelihood) -> Vector:
    """float64 (taxon, taxon): distances of greatest likelihood, from the sites where both sequences show a state.

    Pairs without such a site get the longest distance that was found.
    """
    partitions = likelihood.partitions
    codes = np.concatenate(likelihood.codes(), axis=1)
    weight = np.concatenate([partition.patterns.weight for partition in partitions])
    block = np.repeat(np.arange(len(partitions)), [partition.patterns.n_patterns for partition in partitions])
    distances = np.zeros((len(codes), len(codes)))
    process = pair_process(likelihood, "mixtures")
    fit_distances(
        process, np.ascontiguousarray(codes), weight, block, START_DISTANCE, MIN_LENGTH, LONGEST_DISTANCE, distances
    )
    known = distances[~np.isnan(distances)]
    return np.where(np.isnan(distances), known.max(initial=START_DISTANCE), distances)


def bionj_tree(likelihood: TreeLikelihood) -> Tree:
    """Neighbour joining of maximum-likelihood distances; see :func:`join_neighbours`."""
    return join_neighbours(likelihood.taxa, pairwise_distances(likelihood))


def join_neighbours(taxa: tuple[str, ...], distances: Vector) -> Tree:
    """BIONJ: neighbour joining that weighs the distances of the joined nodes by their variances.

    Parameters
    ----------
    taxa
        Their names.
    distances
        float64 (taxon, taxon), symmetric.

    Returns
    -------
    Tree
        Bifurcating, in standard form; negative lengths are set to 0. Fewer than four taxa hang on one node.

    Notes
    -----
    Gascuel (1997), Mol. Biol. Evol. 14:685, doi:10.1093/oxfordjournals.molbev.a025808.

    Examples
    --------
    Distances along the tree ((a:1,b:2):1,c:3,d:4):

    >>> d = np.array([[0, 3, 5, 6], [3, 0, 6, 7], [5, 6, 0, 7], [6, 7, 7, 0.0]])
    >>> tree = join_neighbours(("a", "b", "c", "d"), d)
    >>> tree.parent, tree.length
    (array([ 5,  5,  4,  4,  5, -1]), array([1., 2., 3., 4., 1., 0.]))
    """
    n_taxa = len(taxa)
    if n_taxa < 3:
        return star_tree(taxa)
    distance, variance = distances.astype(np.float64).copy(), distances.astype(np.float64).copy()
    nodes = list(range(n_taxa))
    parent, length = [-1] * n_taxa, [0.0] * n_taxa
    while len(nodes) > 3:
        n_left = len(nodes)
        total = distance.sum(axis=1)
        criterion = (n_left - 2) * distance - total[:, None] - total
        criterion[np.tril_indices(n_left)] = np.inf
        i, j = (int(place) for place in np.unravel_index(int(np.argmin(criterion)), criterion.shape))
        length_i = 0.5 * (distance[i, j] + (total[i] - total[j]) / (n_left - 2))
        length_j = distance[i, j] - length_i
        share = _share(variance, i, j)
        joined_distance = share * (distance[i] - length_i) + (1.0 - share) * (distance[j] - length_j)
        joined_variance = share * variance[i] + (1.0 - share) * variance[j] - share * (1.0 - share) * variance[i, j]
        new = len(parent)
        for place, reached in ((i, length_i), (j, length_j)):
            parent[nodes[place]], length[nodes[place]] = new, max(float(reached), 0.0)
        parent.append(-1)
        length.append(0.0)
        distance, variance = _replaced(distance, i, j, joined_distance), _replaced(variance, i, j, joined_variance)
        nodes[i] = new
        del nodes[j]
    for place, node in enumerate(nodes):
        first, second = distance[place, place - 1], distance[place, place - 2]
        parent[node], length[node] = len(parent), max(0.5 * float(first + second - distance[place - 1, place - 2]), 0.0)
    return canonical(build_tree(taxa, [*parent, -1], [*length, 0.0]))


def _share(variance: Vector, i: int, j: int) -> float:
    """Weight of the first of two joined nodes, so that the variance of the new distances is least."""
    n_left = len(variance)
    if variance[i, j] <= 0.0:
        return 0.5
    difference = float(variance[j].sum() - variance[i].sum())
    return min(max(0.5 + difference / (2.0 * (n_left - 2) * float(variance[i, j])), 0.0), 1.0)


def _replaced(matrix: Vector, i: int, j: int, row: Vector) -> Vector:
    """Without row and column j, and with new ones for i."""
    matrix[i, :], matrix[:, i] = row, row
    matrix[i, i] = 0.0
    return np.delete(np.delete(matrix, j, axis=0), j, axis=1)


def parsimony_tree(likelihood: TreeLikelihood, rng: np.random.Generator, backbone: Tree | None = None) -> Tree:
    """Stepwise addition in random order, every taxon where it costs the fewest changes, ties at random.

    Parameters
    ----------
    likelihood
        The alignment; its models play no part.
    rng
        Order and ties.
    backbone
        A bifurcating tree of three or more of the taxa to which the others are added.
    """
    taxa = likelihood.taxa
    if len(taxa) < 4:
        return star_tree(taxa)
    if backbone is None:
        order = rng.permutation(len(taxa))
        backbone = star_tree(tuple(taxa[taxon] for taxon in order[:3]))
        added = order[3:]
    else:
        added = rng.permutation([taxon for taxon, name in enumerate(taxa) if name not in backbone.taxa])
    sets, weight = _state_sets(likelihood)
    tree, root, next_node = _hung_on_a_taxon(taxa, backbone, sets)
    grow(tree, root, added.astype(np.int64), next_node, weight, rng.random(len(added)))
    parent = tree.parent.tolist()
    (top,) = (node for node, above in enumerate(parent) if above == root)
    parent[top], parent[root] = -1, top
    return _with_equal_lengths(taxa, parent)


def _state_sets(likelihood: TreeLikelihood) -> tuple[NDArray[np.uint32], Vector]:
    """uint32 (taxon, pattern): states a letter may stand for, as bits; float64 (pattern,): sites."""
    bits = (likelihood.alphabet.sets.astype(np.uint32) << np.arange(likelihood.n_states, dtype=np.uint32)).sum(axis=1)
    codes = np.concatenate(likelihood.codes(), axis=1)
    weight = np.concatenate([partition.patterns.weight for partition in likelihood.partitions])
    return bits.astype(np.uint32)[codes], weight


def _hung_on_a_taxon(taxa: tuple[str, ...], backbone: Tree, sets: NDArray[np.uint32]) -> tuple[GrowingTree, int, int]:
    """The backbone with its first taxon as root, in an array with room for all taxa; the root; the next free node."""
    n_nodes = 2 * len(taxa) - 2
    place = [taxa.index(name) for name in backbone.taxa]
    place += range(len(taxa), len(taxa) + len(backbone) - len(place))
    neighbours: list[list[int]] = [[] for _ in range(n_nodes)]
    for node, above in enumerate(backbone.parent[:-1].tolist()):
        neighbours[place[node]].append(place[above])
        neighbours[place[above]].append(place[node])
    root = place[0]
    parent, first, second = (np.full(n_nodes, -1) for _ in range(3))
    waiting = [root]
    for node in waiting:
        children = [other for other in neighbours[node] if other != parent[node]]
        for child, side in zip(children, (first, second), strict=False):
            side[node], parent[child] = child, node
        waiting.extend(children)
    below = np.zeros((n_nodes, sets.shape[1]), np.uint32)
    below[: len(taxa)] = sets
    return (
        GrowingTree(parent, first, second, below, np.zeros_like(below)),
        root,
        len(taxa) + len(backbone) - len(backbone.taxa),
    )


def random_tree(taxa: tuple[str, ...], rng: np.random.Generator) -> Tree:
    """Every bifurcating tree with the same probability: each taxon on any edge of the tree before it."""
    if len(taxa) < 4:
        return star_tree(taxa)
    n_taxa = len(taxa)
    parent = [-1] * (2 * n_taxa - 2)
    for taxon in range(3):
        parent[taxon] = n_taxa
    edges = [0, 1, 2]
    for taxon in range(3, n_taxa):
        node, junction = edges[int(rng.integers(len(edges)))], n_taxa + taxon - 2
        parent[junction], parent[node], parent[taxon] = parent[node], junction, junction
        edges += [taxon, junction]
    return _with_equal_lengths(taxa, parent)


def random_resolution(tree: Tree, rng: np.random.Generator) -> Tree:
    """A bifurcating tree with all groups of a tree: neighbours beyond three are joined in random pairs."""
    free = unrooted(tree)
    parent = free.parent.tolist()
    children = [list(nodes) for nodes in free.children()]
    for node in range(len(free.taxa), len(free)):
        most = 3 if node == free.top else 2
        while len(children[node]) > most:
            new = len(parent)
            first, second = sorted(rng.choice(len(children[node]), size=2, replace=False).tolist())
            for moved in (children[node][first], children[node][second]):
                parent[moved] = new
            children[node] = [c for k, c in enumerate(children[node]) if k not in (first, second)] + [new]
            parent.append(node)
    return _with_equal_lengths(free.taxa, parent)


def given_starts(
    trees: Sequence[Tree], taxa: tuple[str, ...], constraint: Constraint | None, rng: np.random.Generator
) -> tuple[Tree, ...]:
    """Trees of others in standard form; what is not resolved in them is resolved at random.

    Raises
    ------
    InputError
        The taxa of a tree are others.
    UsageError
        A tree breaks the constraint.
    """
    standard = tuple(canonical(relabelled(tree, taxa)) for tree in trees)
    for number, tree in enumerate(standard, 1):
        if constraint is not None and not constraint.allows(tree):
            raise UsageError(
                f"starting tree {number} breaks a group of the constraint; start from one that has them all"
            )
    n_nodes = 2 * len(taxa) - 2
    return tuple(tree if len(tree) == n_nodes else random_resolution(tree, rng) for tree in standard)


def _with_equal_lengths(taxa: tuple[str, ...], parent: list[int]) -> Tree:
    return canonical(build_tree(taxa, parent, [START_LENGTH] * len(parent)))
