"""Subtree pruning and regrafting, scored: what the likelihood would be with a subtree moved to another edge.

An edge with a direction is one number: e downwards and n + e upwards, where e is the node below the edge and n the
number of nodes. Its ``far`` partial is that of all data ahead, up(e) or outer(e), in the state of the node ahead. A
subtree is named by the edge that leads into it. When it is cut off, the two other edges at its junction become one;
from there the walk goes on through the rest of the tree, and at every edge the partial of the data behind, ``near``, is

    near = (P near of the edge before) * P far of its brother,

one product more than the edge before. With the subtree in the middle of an edge of length t the likelihood of a site is

    sum over categories and states of w pi (P(t/2) near) (P(t/2) far) (P(s) far of the subtree).

Everything but ``near`` belongs to the tree as it is, and is computed once for all subtrees.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from genem.jit import kernel
from genem.numerics.array_kernels import aligned
from genem.phylo.likelihood.partial_kernels import (
    FEW_STATES,
    Chunk,
    Partials,
    Sites,
    Topology,
    fill_invariant,
    message,
    take_chunk,
    weighted_sum,
)
from genem.phylo.likelihood.scale_kernels import (
    add_scale,
    log_totals,
    rescale,
    set_scale,
)
from genem.phylo.likelihood.transition_kernels import Process, Transitions, fill_transition


class FullTree(NamedTuple):
    """A tree with its partials, upward and outer, of all chunks.

    ``bare`` are the sites without taxa, for small trees whose leaves are slabs; lengths float64 (node,); ascertained
    float64 (model,).
    """

    sites: Sites
    bare: Sites
    process: Process
    shape: Topology
    lengths: np.ndarray
    transitions: Transitions
    storage: Partials
    ascertained: np.ndarray


class Walks(NamedTuple):
    """Subtrees and the edges to which each can be moved, in the order in which a walk reaches them.

    subtree int64 (subtree,): the edge that leads into it; start int64 (subtree + 1,): where its targets start; edge,
    previous, brother, depth int64 (target,): the edge, the place of the edge before, the other edge that leaves the
    node between them, and how many nodes are passed; is_end bool (target,): whether no walk goes on from there.

    Where a walk begins, ``previous`` is -1 for the first and -2 for the second of the edges at the junction.
    """

    subtree: np.ndarray
    start: np.ndarray
    edge: np.ndarray
    previous: np.ndarray
    brother: np.ndarray
    depth: np.ndarray
    is_end: np.ndarray


class Messages(NamedTuple):
    """Messages of one chunk over every edge with a direction: P(t) far and P(t/2) far.

    full and half float64 (edge, category, state, lane).

    scale int32 (edge, lane) is that of both.
    """

    full: np.ndarray
    half: np.ndarray
    scale: np.ndarray


@kernel
def reverse(tree: Topology, edge: int) -> int:
    """The same edge in the other direction."""
    n_nodes = len(tree.parent)
    return edge - n_nodes if edge >= n_nodes else edge + n_nodes


@kernel
def leave(tree: Topology, edge: int) -> tuple[int, int]:
    """The two edges that lead on from the node ahead; -1 twice where it is a tip. The tree must be bifurcating."""
    n_nodes = len(tree.parent)
    if edge < n_nodes:
        if edge < tree.n_taxa:
            return -1, -1
        return tree.child[tree.start[edge]], tree.child[tree.start[edge] + 1]
    node = edge - n_nodes
    parent = tree.parent[node]
    first, second = -1, -1 if parent == n_nodes - 1 else parent + n_nodes
    for position in range(tree.start[parent], tree.start[parent + 1]):
        child = tree.child[position]
        if child != node:
            if first < 0:
                first = child
            else:
                second = child
    return first, second


@kernel
def list_targets(tree: Topology, radius: int, walks: Walks, fill: bool) -> int:
    """Count the pairs of subtree and target, or list them in ``walks``; a target passes at most ``radius`` nodes."""
    n_edges = 2 * (len(tree.parent) - 1)
    edge, depth = np.empty(n_edges + 4, np.int64), np.empty(n_edges + 4, np.int64)
    n_targets, n_subtrees = 0, 0
    for number in range(n_edges):
        subtree = number if number < len(tree.parent) - 1 else number + 1
        through = leave(tree, reverse(tree, subtree))
        if through[0] < 0:
            continue
        begin = n_targets
        if fill:
            walks.subtree[n_subtrees], walks.start[n_subtrees] = subtree, begin
        for place in range(-2, n_edges):
            if place >= n_targets - begin or (place >= 0 and depth[place] >= radius):
                break
            passed = through[-1 - place] if place < 0 else edge[place]
            ahead = leave(tree, passed)
            if ahead[0] < 0:
                continue
            for turn in range(2):
                row = n_targets - begin
                edge[row] = ahead[turn]
                depth[row] = 1 if place < 0 else depth[place] + 1
                if fill:
                    walks.edge[n_targets], walks.depth[n_targets] = edge[row], depth[row]
                    walks.previous[n_targets] = place if place < 0 else begin + place
                    walks.brother[n_targets] = ahead[1 - turn]
                    walks.is_end[n_targets] = depth[row] >= radius or leave(tree, edge[row])[0] < 0
                n_targets += 1
        n_subtrees += 1
    if fill:
        walks.start[n_subtrees] = n_targets
    return n_targets


@kernel
def far_message(tree: Topology, chunk: Chunk, matrix: np.ndarray, edge: int, target: np.ndarray) -> None:
    """Write P times the far partial of an edge.

    ``matrix`` (category, state, state); ``target`` (category, state, lane).
    """
    n_nodes = len(tree.parent)
    if edge < n_nodes:
        message(matrix, chunk.up[edge], edge < tree.n_taxa, target)
    else:
        message(matrix, chunk.outer[edge - n_nodes], False, target)


@kernel
def far_scale(tree: Topology, chunk: Chunk, edge: int) -> np.ndarray:
    """The scale of the far partial, int32 (lane,)."""
    n_nodes = len(tree.parent)
    scale: np.ndarray = chunk.up_scale[edge] if edge < n_nodes else chunk.outer_scale[edge - n_nodes]
    return scale


@kernel
def fill_messages(tree: Topology, chunk: Chunk, halves: np.ndarray, messages: Messages) -> None:
    """Fill the messages of all edges of a chunk in both directions.

    ``halves`` (node, category, state, state): matrices of half the lengths.
    """
    n_nodes = len(tree.parent)
    for node in range(n_nodes - 1):
        for edge in (node, node + n_nodes):
            far_message(tree, chunk, chunk.matrix[node], edge, messages.full[edge])
            far_message(tree, chunk, halves[node], edge, messages.half[edge])
            set_scale(far_scale(tree, chunk, edge), messages.scale[edge])


@kernel
def product(
    first: np.ndarray,
    first_scale: np.ndarray,
    second: np.ndarray,
    second_scale: np.ndarray,
    target: np.ndarray,
    scale: np.ndarray,
    spare: np.ndarray,
) -> None:
    """Multiply two slabs with their scales.

    ``first``, ``second`` and ``target`` (category, state, lane); ``first_scale``, ``second_scale``, ``scale`` and, to
    work in, ``spare`` (lane,).
    """
    for l in range(len(scale)):
        scale[l] = first_scale[l] + second_scale[l]
    for c in range(target.shape[0]):
        for x in range(target.shape[1]):
            for l in range(target.shape[2]):
                target[c, x, l] = first[c, x, l] * second[c, x, l]
    rescale(target, scale, spare)


@kernel
def triple_product(first: np.ndarray, second: np.ndarray, third: np.ndarray, total: np.ndarray) -> None:
    """Sum the product of three slabs over categories and states.

    ``first``, ``second`` and ``third`` (category, state, lane); ``total`` (lane,).
    """
    for l in range(len(total)):
        total[l] = 0.0
    for c in range(first.shape[0]):
        for x in range(0, first.shape[1], 4):
            for l in range(len(total)):
                total[l] += (
                    first[c, x, l] * second[c, x, l] * third[c, x, l]
                    + first[c, x + 1, l] * second[c, x + 1, l] * third[c, x + 1, l]
                ) + (
                    first[c, x + 2, l] * second[c, x + 2, l] * third[c, x + 2, l]
                    + first[c, x + 3, l] * second[c, x + 3, l] * third[c, x + 3, l]
                )


@kernel
def insertion(
    matrix: np.ndarray,
    behind: np.ndarray,
    brother: np.ndarray,
    ahead: np.ndarray,
    subtree: np.ndarray,
    total: np.ndarray,
) -> None:
    """Sum (P (behind brother)) ahead subtree over categories and states, for four states: one pass.

    ``matrix`` (category, state, state); ``behind``, ``brother``, ``ahead`` and ``subtree`` (category, state, lane);
    ``total`` (lane,).
    """
    for l in range(len(total)):
        total[l] = 0.0
    for c in range(matrix.shape[0]):
        p00, p01, p02, p03 = matrix[c, 0, 0], matrix[c, 0, 1], matrix[c, 0, 2], matrix[c, 0, 3]
        p10, p11, p12, p13 = matrix[c, 1, 0], matrix[c, 1, 1], matrix[c, 1, 2], matrix[c, 1, 3]
        p20, p21, p22, p23 = matrix[c, 2, 0], matrix[c, 2, 1], matrix[c, 2, 2], matrix[c, 2, 3]
        p30, p31, p32, p33 = matrix[c, 3, 0], matrix[c, 3, 1], matrix[c, 3, 2], matrix[c, 3, 3]
        for l in range(len(total)):
            n0, n1 = behind[c, 0, l] * brother[c, 0, l], behind[c, 1, l] * brother[c, 1, l]
            n2, n3 = behind[c, 2, l] * brother[c, 2, l], behind[c, 3, l] * brother[c, 3, l]
            total[l] += (
                ((p00 * n0 + p01 * n1) + (p02 * n2 + p03 * n3)) * (ahead[c, 0, l] * subtree[c, 0, l])
                + ((p10 * n0 + p11 * n1) + (p12 * n2 + p13 * n3)) * (ahead[c, 1, l] * subtree[c, 1, l])
            ) + (
                ((p20 * n0 + p21 * n1) + (p22 * n2 + p23 * n3)) * (ahead[c, 2, l] * subtree[c, 2, l])
                + ((p30 * n0 + p31 * n1) + (p32 * n2 + p33 * n3)) * (ahead[c, 3, l] * subtree[c, 3, l])
            )


@kernel
def weigh(process: Process, model: int, slab: np.ndarray, target: np.ndarray) -> None:
    """Write w pi slab: with the probabilities of categories and states.

    ``slab`` and ``target`` (category, state, lane).
    """
    for c in range(slab.shape[0]):
        for x in range(slab.shape[1]):
            factor = process.weight[model, c] * process.frequency[model, x]
            for l in range(slab.shape[2]):
                target[c, x, l] = factor * slab[c, x, l]


@kernel
def unseen_probability(unseen: np.ndarray, log_site: np.ndarray) -> float:
    """The probability of the constant patterns that +ASC says were not collected.

    ``unseen`` and ``log_site`` (lane,).
    """
    n_lanes = len(unseen)
    total = 0.0
    for l in range(n_lanes):
        if unseen[l] > 0.0:
            total += math.exp(log_site[l])
    return total


@kernel
def any_positive(value: np.ndarray) -> bool:
    """Whether any lane is above 0.

    ``value`` (lane,).
    """
    n_lanes = len(value)
    n_positive = 0
    for l in range(n_lanes):
        n_positive += value[l] > 0.0
    return n_positive > 0


@kernel
def score_chunk(
    full: FullTree,
    chunk: Chunk,
    number: int,
    halves: np.ndarray,
    walks: Walks,
    messages: Messages,
    behind: np.ndarray,
    behind_scale: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Add one chunk to the scores of all targets.

    ``halves`` (node, category, state, state); ``behind`` (target + 2, category, state, lane) holds a slab per target,
    and ``behind_scale`` (target + 2, lane) their scales; ``scores`` float64 (target, 1 + model).
    """
    sites, process, tree, lengths = full.sites, full.process, full.shape, full.lengths
    n_nodes, n_lanes, model = len(tree.parent), behind.shape[3], sites.model[number]
    in_one_pass = behind.shape[2] <= FEW_STATES
    joined = np.empty(chunk.matrix.shape[1:])
    near, half_near, moved = aligned(behind.shape[1:]), aligned(behind.shape[1:]), aligned(behind.shape[1:])
    near_scale, scale = np.empty(n_lanes, np.int32), np.empty(n_lanes, np.int32)
    total, log_site, invariant = aligned((n_lanes,)), aligned((n_lanes,)), aligned((n_lanes,))
    weight, unseen = sites.weight[number], sites.unseen[number]
    has_unseen, has_invariant = any_positive(unseen), fill_invariant(sites, process, number, invariant)
    # Messages over all edges of the tree as it is serve all subtrees.
    fill_messages(tree, chunk, halves, messages)
    for row in range(len(walks.subtree)):
        # Cut a subtree off: the two other edges at its junction become one, over which the walk begins both ways.
        subtree, begin = walks.subtree[row], walks.start[row]
        weigh(process, model, messages.full[subtree], moved)
        through = leave(tree, reverse(tree, subtree))
        fill_transition(process, model, lengths[through[0] % n_nodes] + lengths[through[1] % n_nodes], joined)
        for turn in range(2):
            far_message(tree, chunk, joined, through[1 - turn], behind[turn])
            set_scale(far_scale(tree, chunk, through[1 - turn]), behind_scale[turn])
        # Walk on from edge to edge: one product more than the edge before.
        for target in range(begin, walks.start[row + 1]):
            edge, previous, brother = walks.edge[target], walks.previous[target], walks.brother[target]
            source, reached = -1 - previous if previous < 0 else previous - begin + 2, target - begin + 2
            first, first_scale = behind[source], behind_scale[source]
            second, second_scale = messages.full[brother], messages.scale[brother]
            half = halves[edge % n_nodes]
            if not (in_one_pass and walks.is_end[target]):
                product(first, first_scale, second, second_scale, near, near_scale, total)
            if not walks.is_end[target]:
                message(chunk.matrix[edge % n_nodes], near, False, behind[reached])
                set_scale(near_scale, behind_scale[reached])
            # Put the subtree in the middle of the edge.
            if in_one_pass:
                insertion(half, first, second, messages.half[edge], moved, total)
                set_scale(first_scale, scale)
                add_scale(second_scale, scale)
            else:
                message(half, near, False, half_near)
                triple_product(half_near, messages.half[edge], moved, total)
                set_scale(near_scale, scale)
            add_scale(messages.scale[edge], scale)
            add_scale(messages.scale[subtree], scale)
            log_totals(total, scale, invariant, has_invariant, log_site)
            scores[target, 0] += weighted_sum(weight, log_site)
            if has_unseen:
                scores[target, 1 + model] += unseen_probability(unseen, log_site)


@kernel
def score_group(full: FullTree, halves: np.ndarray, walks: Walks, first: int, last: int, scores: np.ndarray) -> None:
    """Add some chunks to the scores of all targets.

    ``halves`` (model, node, category, state, state); ``scores`` (target, 1 + model).
    """
    n_lanes = full.storage.up.shape[4]
    slab = full.storage.up.shape[2:]
    most = 0
    for row in range(len(walks.subtree)):
        most = max(most, walks.start[row + 1] - walks.start[row])
    behind, behind_scale = aligned((most + 2, *slab)), np.empty((most + 2, n_lanes), np.int32)
    n_edges = 2 * len(full.lengths)
    messages = Messages(aligned((n_edges, *slab)), aligned((n_edges, *slab)), np.empty((n_edges, n_lanes), np.int32))
    for number in range(first, last):
        chunk = take_chunk(full.sites, full.transitions, full.storage, number)
        score_chunk(
            full, chunk, number, halves[full.sites.model[number]], walks, messages, behind, behind_scale, scores
        )


@kernel
def score_groups(
    full: FullTree, halves: np.ndarray, walks: Walks, groups: np.ndarray, scores: np.ndarray, first: int, last: int
) -> None:
    """Scores of all targets by the groups ``first`` to ``last - 1``.

    Parameters
    ----------
    whole
        The tree with upward and outer partials of all chunks.
    halves
        float64 (model, node, category, state, state): transition probabilities over half of every edge.
    groups
        int64 (group + 1,): where groups of chunks start.
    scores
        float64 (group, target, 1 + model), zeros; filled with log-likelihoods and, with +ASC, probabilities of constant
        patterns.
    """
    for group in range(first, last):
        score_group(full, halves, walks, groups[group], groups[group + 1], scores[group])
