"""Random sequences with the same words of ``k`` letters as a given one, every such sequence equally likely.

A sequence is a walk over its words of ``k - 1`` letters: every word of ``k`` letters is an edge. Another walk from the
same start along the same edges has the same words. A uniform walk: draw a uniform spanning tree towards the last
vertex from loop-erased random walks, leave each vertex along its tree edge last, and along the others in random order.
Altschul & Erickson (1985), Mol. Biol. Evol. 2:526, doi:10.1093/oxfordjournals.molbev.a040370; Wilson (1996), Proc.
28th STOC:296, doi:10.1145/237814.237880.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel, parallel_kernel, prange

MASK_32 = 0xFFFFFFFF
STATE_WORDS = 4


@kernel
def next_random(state: NDArray[np.int64]) -> int:
    """32 random bits, after which ``state`` (STATE_WORDS,) moves on.

    xoshiro128++, Blackman & Vigna (2021), doi:10.1145/3460772, in integers that do not overflow.
    """
    total = (state[0] + state[3]) & MASK_32
    result = int((((total << 7) & MASK_32) | (total >> 25)) + state[0]) & MASK_32
    shifted = (state[1] << 9) & MASK_32
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = ((state[3] << 11) & MASK_32) | (state[3] >> 21)
    return result


@kernel
def random_below(state: NDArray[np.int64], bound: int) -> int:
    """A number from 0 to ``bound - 1``, all equally likely: Lemire (2019), doi:10.1145/3230636.

    ``state`` (STATE_WORDS,) moves on.
    """
    product = next_random(state) * bound
    if (product & MASK_32) < bound:
        smallest = ((1 << 32) - bound) % bound
        while (product & MASK_32) < smallest:
            product = next_random(state) * bound
    return product >> 32


@kernel
def permute(letters: NDArray[np.uint8], start: int, stop: int, state: NDArray[np.int64]) -> None:
    """Fisher-Yates on ``start:stop`` of ``letters`` (position,), by the generator ``state`` (STATE_WORDS,)."""
    for last in range(stop - 1, start, -1):
        other = start + random_below(state, last - start + 1)
        letters[last], letters[other] = letters[other], letters[last]


@kernel
def grow_tree(
    vertices: NDArray[np.int64],
    root: int,
    n_letters: int,
    n_vertices: int,
    first: NDArray[np.int64],
    degree: NDArray[np.int64],
    edges: NDArray[np.uint8],
    way_out: NDArray[np.int64],
    state: NDArray[np.int64],
) -> None:
    """Wilson's algorithm: the edge by which each vertex leaves towards the root, in a uniform spanning tree.

    ``vertices`` (step,) are those of the walk; ``first``, ``degree`` and ``way_out`` (vertex,), ``edges`` (edge,) and
    ``state`` (STATE_WORDS,). ``way_out`` of all vertices is -1 on entry. It becomes the place of the edge
    in ``edges``, plus ``edges.size`` as the mark that the vertex is in the tree; that of the root is the mark alone.
    """
    joined = edges.size
    way_out[root] = joined
    for each in range(vertices.size):
        vertex = vertices[each]
        while way_out[vertex] < joined:
            place = first[vertex] + random_below(state, degree[vertex])
            way_out[vertex] = place
            vertex = (vertex * n_letters + int(edges[place])) % n_vertices
        vertex = vertices[each]
        while way_out[vertex] < joined:
            place = way_out[vertex]
            way_out[vertex] += joined
            vertex = (vertex * n_letters + int(edges[place])) % n_vertices


@kernel
def shuffle_run(
    letters: NDArray[np.uint8],
    word_length: int,
    n_letters: int,
    first: NDArray[np.int64],
    degree: NDArray[np.int64],
    way_out: NDArray[np.int64],
    state: NDArray[np.int64],
) -> None:
    """Shuffle ``letters`` (position,) in place, by the generator ``state`` (STATE_WORDS,).

    ``first``, ``degree`` and ``way_out`` (vertex,) are scratch.
    """
    if word_length == 1:
        permute(letters, 0, letters.size, state)
        return
    n_edges = letters.size - word_length + 1
    if n_edges < 2:
        return
    # The walk over vertices.
    n_vertices = degree.size
    vertices = np.empty(n_edges + 1, np.int64)
    vertex = 0
    for i in range(word_length - 1):
        vertex = vertex * n_letters + int(letters[i])
    vertices[0] = vertex
    for i in range(n_edges):
        vertex = (vertex * n_letters + int(letters[i + word_length - 1])) % n_vertices
        vertices[i + 1] = vertex
    # Edges by the vertex that they leave.
    for i in range(n_edges + 1):
        degree[vertices[i]], first[vertices[i]], way_out[vertices[i]] = 0, -1, -1
    for i in range(n_edges):
        degree[vertices[i]] += 1
    place = 0
    for i in range(n_edges):
        if first[vertices[i]] < 0:
            first[vertices[i]] = place
            place += degree[vertices[i]]
            degree[vertices[i]] = 0
    edges = np.empty(n_edges, np.uint8)
    for i in range(n_edges):
        edges[first[vertices[i]] + degree[vertices[i]]] = letters[i + word_length - 1]
        degree[vertices[i]] += 1
    # A random tree: its edges are taken last, the others in random order.
    root = vertices[n_edges]
    grow_tree(vertices, root, n_letters, n_vertices, first, degree, edges, way_out, state)
    for i in range(n_edges):
        vertex = vertices[i]
        if degree[vertex] > 0:
            stop = first[vertex] + degree[vertex]
            if vertex != root:
                place = way_out[vertex] - n_edges
                stop -= 1
                edges[place], edges[stop] = edges[stop], edges[place]
            permute(edges, first[vertex], stop, state)
            degree[vertex] = 0  # done; from here on first[vertex] is the next edge to take
    # The new walk.
    vertex = vertices[0]
    for i in range(n_edges):
        letter = int(edges[first[vertex]])
        first[vertex] += 1
        letters[i + word_length - 1] = letter
        vertex = (vertex * n_letters + letter) % n_vertices


@parallel_kernel
def shuffle_sequences(
    letters: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    n_letters: int,
    word_length: int,
    n_chunks: int,
    states: NDArray[np.int64],
) -> None:
    """Shuffle every sequence in place, each with random numbers of its own.

    Parameters
    ----------
    letters
        (total length,): codes; those of ``n_letters`` and above stay where they are and part a sequence into runs.
    offsets
        (sequence + 1,)
    n_letters
        Letters of the alphabet.
    word_length
        Words of this length keep their counts within every run.
    n_chunks
        Sequences are shared out among so many tasks.
    states
        (sequence, STATE_WORDS): of the generators, not all 0; used up.
    """
    n_sequences = offsets.size - 1
    n_vertices = 1
    for _ in range(word_length - 1):
        n_vertices *= n_letters
    for chunk in prange(n_chunks):
        first = np.empty(n_vertices, np.int64)
        degree = np.empty(n_vertices, np.int64)
        way_out = np.empty(n_vertices, np.int64)
        for sequence in range(chunk * n_sequences // n_chunks, (chunk + 1) * n_sequences // n_chunks):
            start = offsets[sequence]
            while start < offsets[sequence + 1]:
                stop = start
                while stop < offsets[sequence + 1] and letters[stop] < n_letters:
                    stop += 1
                shuffle_run(letters[start:stop], word_length, n_letters, first, degree, way_out, states[sequence])
                start = stop + 1
