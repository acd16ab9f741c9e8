"""A few edges of a large tree improved at once: the rest of the tree is leaves that are slabs.

Seen from a junction, all data ahead of an edge are one partial. Three of them around a new junction make a tree of one
inner node, four around an edge make a quartet; Newton's method on these few edges gives the exact likelihood of the
whole tree with all its other lengths as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genem.jit import kernel
from genem.numerics.array_kernels import aligned
from genem.phylo.fitting.branch_kernels import (
    EdgeTable,
    edge_log_likelihood,
    finish_chunk_table,
    newton_length,
    sweep_branches,
)
from genem.phylo.likelihood.partial_kernels import (
    Partials,
    Topology,
    assign,
    message,
    take_chunk,
    update_up,
)
from genem.phylo.likelihood.scale_kernels import (
    set_scale,
)
from genem.phylo.likelihood.transition_kernels import Transitions, fill_edge, fill_transition
from genem.phylo.searching.regraft_kernels import FullTree, Walks, far_message, far_scale, leave, product, reverse


class LocalTree(NamedTuple):
    """A small tree to work in: its shape, room for its transitions and partials over all chunks, its free edges.

    free bool (node,): edges whose lengths may change.
    """

    shape: Topology
    transitions: Transitions
    storage: Partials
    table: EdgeTable
    free: np.ndarray


@kernel
def new_edge_table(storage: Partials) -> EdgeTable:
    """Room for the table of one edge."""
    n_chunks, slab = len(storage.up), storage.up.shape[2:]
    scale = np.empty((n_chunks, slab[2]), np.int32)
    return EdgeTable(aligned((n_chunks, *slab)), aligned((n_chunks, slab[2])), scale)


@kernel
def new_local_tree(n_leaves: int, transitions: Transitions, storage: Partials) -> LocalTree:
    """Three leaves around the top, or leaves 0 and 1 below an inner node, 2 and 3 at the top."""
    n_lanes = storage.up.shape[4]
    n_nodes = 4 if n_leaves == 3 else 6
    parent = np.full(n_nodes, n_nodes - 1, np.int64)
    parent[n_nodes - 1] = -1
    start, child = np.zeros(n_nodes + 1, np.int64), np.empty(n_nodes - 1, np.int64)
    if n_leaves == 3:
        start[4] = 3
        child[0], child[1], child[2] = 0, 1, 2
    else:
        parent[0], parent[1] = 4, 4
        start[5], start[6] = 2, 5
        child[0], child[1], child[2], child[3], child[4] = 0, 1, 2, 3, 4
    n_chunks, slab = len(storage.up), storage.up.shape[2:]
    n_models = len(transitions.matrix)
    return LocalTree(
        Topology(0, parent, start, child),
        Transitions(
            np.empty((n_models, n_nodes, slab[0], slab[1], slab[1])),
            np.empty((n_models, 0, slab[0], slab[1], transitions.letter.shape[4])),
        ),
        Partials(
            aligned((n_chunks, n_nodes, *slab)),
            np.zeros((n_chunks, n_nodes, n_lanes), np.int32),
            aligned((n_chunks, n_nodes, *slab)),
            np.zeros((n_chunks, n_nodes, n_lanes), np.int32),
        ),
        new_edge_table(storage),
        np.ones(n_nodes, np.bool_),
    )


@kernel
def put_far(full: FullTree, edge: int, local: LocalTree, leaf: int) -> None:
    """Copy the far partial of an edge of the large tree to a leaf of the small one."""
    n_nodes, storage = len(full.lengths), full.storage
    for number in range(len(full.sites.model)):
        target = local.storage.up[number, leaf]
        if edge >= n_nodes:
            assign(storage.outer[number, edge - n_nodes], target)
        elif edge >= full.shape.n_taxa:
            assign(storage.up[number, edge], target)
        else:
            for c in range(target.shape[0]):
                target[c] = storage.up[number, edge, 0]
        chunk = take_chunk(full.sites, full.transitions, storage, number)
        set_scale(far_scale(full.shape, chunk, edge), local.storage.up_scale[number, leaf])


@kernel
def put_near(full: FullTree, walks: Walks, row: int, target: int, local: LocalTree, leaf: int) -> None:
    """Write the data behind a target once the subtree is cut off to a leaf of the small tree."""
    sites, tree, lengths = full.sites, full.shape, full.lengths
    n_nodes, slab = len(lengths), full.storage.up.shape[2:]
    n_lanes = slab[2]
    through = leave(tree, reverse(tree, walks.subtree[row]))
    path = np.empty(walks.depth[target], np.int64)
    passed = target
    for place in range(len(path) - 1, -1, -1):
        path[place] = passed
        passed = walks.previous[passed]
    behind, carried = aligned(slab), aligned(slab)
    scale, spare = np.empty(n_lanes, np.int32), aligned((n_lanes,))
    joined = np.empty(full.transitions.matrix.shape[2:])
    joined_length = lengths[through[0] % n_nodes] + lengths[through[1] % n_nodes]
    for number in range(len(sites.model)):
        chunk = take_chunk(sites, full.transitions, full.storage, number)
        near, near_scale = local.storage.up[number, leaf], local.storage.up_scale[number, leaf]
        if number == 0 or sites.model[number] != sites.model[number - 1]:
            fill_transition(full.process, sites.model[number], joined_length, joined)
        far_message(tree, chunk, joined, through[2 + passed], behind)
        set_scale(far_scale(tree, chunk, through[2 + passed]), scale)
        for place in range(len(path)):
            if place > 0:
                message(chunk.matrix[walks.edge[path[place - 1]] % n_nodes], near, False, behind)
                set_scale(near_scale, scale)
            brother = walks.brother[path[place]]
            far_message(tree, chunk, chunk.matrix[brother % n_nodes], brother, carried)
            product(behind, scale, carried, far_scale(tree, chunk, brother), near, near_scale, spare)


@kernel
def fit_local(full: FullTree, local: LocalTree, lengths: np.ndarray, max_newton: int) -> float:
    """Improve every edge of the small tree once and return the log-likelihood.

    ``lengths`` (node,) of the small tree are changed in place.
    """
    n_nodes = len(lengths)
    spare = aligned(local.storage.up.shape[2:])
    for node in range(n_nodes - 1):
        fill_edge(full.process, node, lengths[node], local.transitions)
    for number in range(len(full.bare.model)):
        chunk = take_chunk(full.bare, local.transitions, local.storage, number)
        for node in range(4, n_nodes):
            update_up(local.shape, chunk, node, spare)
    return sweep_local(full, local, lengths, -np.inf, max_newton)


@kernel
def sweep_local(full: FullTree, local: LocalTree, lengths: np.ndarray, before: float, max_newton: int) -> float:
    """Improve every edge of a small tree whose partials are filled, once more after a sweep that reached ``before``.

    ``lengths`` (node,) are changed in place.
    """
    return sweep_branches(
        full.bare,
        full.process,
        local.shape,
        local.transitions,
        local.storage,
        local.table,
        full.ascertained,
        lengths,
        local.free,
        before,
        max_newton,
    )


@kernel
def fit_insertions(
    full: FullTree, walks: Walks, chosen: np.ndarray, max_newton: int, found: np.ndarray, first: int, last: int
) -> None:
    """The likelihood of the whole tree after some insertions, with the three edges around each improved.

    Parameters
    ----------
    chosen
        int64 (insertion,): places in ``walks``; those from ``first`` to ``last - 1`` are worked off.
    max_newton
        Most steps on one edge.
    found
        float64 (insertion, 4), filled: log-likelihood, lengths of the near and the far part of the target's edge and of
        the subtree's edge.
    """
    n_nodes = len(full.lengths)
    local = new_local_tree(3, full.transitions, full.storage)
    lengths = np.zeros(4)
    for place in range(first, last):
        target = chosen[place]
        row = np.searchsorted(walks.start, target, side="right") - 1
        edge, subtree = walks.edge[target], walks.subtree[row]
        put_near(full, walks, row, target, local, 0)
        put_far(full, edge, local, 1)
        put_far(full, subtree, local, 2)
        lengths[0] = lengths[1] = 0.5 * full.lengths[edge % n_nodes]
        lengths[2] = full.lengths[subtree % n_nodes]
        found[place, 0] = fit_local(full, local, lengths, max_newton)
        found[place, 1:] = lengths[:3]


@kernel
def join(
    full: FullTree,
    number: int,
    first: int,
    second: int,
    spare: np.ndarray,
    target: np.ndarray,
    scale: np.ndarray,
    total: np.ndarray,
) -> None:
    """Write the partial at the common node of two subtrees that stand together, for one chunk.

    ``spare``, to work in, and ``target`` (category, state, lane); ``scale`` (lane,); ``total`` (lane,) to work in.
    """
    n_nodes = len(full.lengths)
    chunk = take_chunk(full.sites, full.transitions, full.storage, number)
    far_message(full.shape, chunk, chunk.matrix[first % n_nodes], first, spare)
    far_message(full.shape, chunk, chunk.matrix[second % n_nodes], second, target)
    first_scale, second_scale = far_scale(full.shape, chunk, first), far_scale(full.shape, chunk, second)
    product(spare, first_scale, target, second_scale, target, scale, total)


@kernel
def fill_middle(full: FullTree, swap: np.ndarray, table: EdgeTable) -> None:
    """The table of the edge between the first two and the last two of four subtrees.

    ``swap`` (5,): a row of ``list_swaps``.
    """
    sites, process, slab = full.sites, full.process, full.storage.up.shape[2:]
    spare, joined, total = aligned(slab), aligned(slab), aligned((slab[2],))
    near_scale, beyond_scale = np.empty(slab[2], np.int32), np.empty(slab[2], np.int32)
    for number in range(len(sites.model)):
        join(full, number, swap[0], swap[1], spare, joined, near_scale, total)
        message(process.left[sites.model[number]], joined, False, table.value[number])
        join(full, number, swap[2], swap[3], spare, joined, beyond_scale, total)
        finish_chunk_table(sites, process, number, near_scale, joined, beyond_scale, spare, table)


@kernel
def screen_swaps(full: FullTree, swaps: np.ndarray, max_newton: int, found: np.ndarray, first: int, last: int) -> None:
    """Improve only the edge in the middle of the swaps ``first`` to ``last - 1``, else as :func:`fit_swaps`.

    ``swaps`` (swap, 5); ``found`` (swap, 6).
    """
    sites, process, n_nodes = full.sites, full.process, len(full.lengths)
    table = new_edge_table(full.storage)
    for place in range(first, last):
        fill_middle(full, swaps[place], table)
        middle = swaps[place, 4]
        length = newton_length(sites, process, table, full.ascertained, full.lengths[middle], max_newton)
        found[place, 0] = edge_log_likelihood(sites, process, table, full.ascertained, length)
        for leaf in range(4):
            found[place, 1 + leaf] = full.lengths[swaps[place, leaf] % n_nodes]
        found[place, 5] = length


@kernel
def fit_swaps(
    full: FullTree, swaps: np.ndarray, chosen: np.ndarray, max_newton: int, found: np.ndarray, first: int, last: int
) -> None:
    """The likelihood of the whole tree after some swaps, with the five edges of each quartet improved.

    Parameters
    ----------
    swaps
        int64 (swap, 5): four edges with a direction, the first two to stand together, and the node below the edge in
        the middle.
    chosen
        int64 (chosen,): rows of ``swaps``; those from ``first`` to ``last - 1`` are worked off.
    max_newton
        Most steps on one edge.
    found
        float64 (swap, 6), filled: log-likelihood, and the lengths of these five edges.
    """
    n_nodes = len(full.lengths)
    local = new_local_tree(4, full.transitions, full.storage)
    lengths = np.zeros(6)
    for place in chosen[first:last]:
        for leaf in range(4):
            put_far(full, swaps[place, leaf], local, leaf)
            lengths[leaf] = full.lengths[swaps[place, leaf] % n_nodes]
        lengths[4] = full.lengths[swaps[place, 4]]
        found[place, 0] = fit_local(full, local, lengths, max_newton)
        found[place, 1:] = lengths[:5]
