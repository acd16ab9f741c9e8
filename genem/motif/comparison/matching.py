"""Search for the known motifs that a motif resembles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif
from genem.errors import InputError, UsageError
from genem.jit import set_threads
from genem.motif.comparison.kernels import align, stretch_tails
from genem.motif.scanning.score_distributions import alphabet_of
from genem.numerics.multiple_testing import q_values

__all__ = ["Comparison", "Similarity", "compare"]

Floats = NDArray[np.float64]
Similarity = Literal["pearson", "euclidean", "sandelin"]

TOP_SCORE = 100
"""Column scores are whole numbers from 0, the least similar, to this, equal."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A query against every target; parallel arrays, one element per target, in the order of the targets.

    Attributes
    ----------
    query
        Which.
    offset
        int64: column of the target, as it is aligned, at which the query's first column stands; negative where the
        query begins before the target.
    overlap
        int64: number of columns that are aligned.
    orientation
        int8: 1 for the target as given, -1 for its reverse complement.
    score
        float64: mean similarity of the aligned columns.
    p_value
        float64: probability that a random motif of the target's width aligns as well, at any offset and orientation.
    e_value
        float64: expected number of targets that do.
    q_value
        float64: Benjamini-Hochberg, over the targets.
    """

    query: Motif
    offset: NDArray[np.int64]
    overlap: NDArray[np.int64]
    orientation: NDArray[np.int8]
    score: Floats
    p_value: Floats
    e_value: Floats
    q_value: Floats

    def __len__(self) -> int:
        return len(self.offset)


def compare(
    queries: Sequence[Motif],
    targets: Sequence[Motif],
    *,
    similarity: Similarity = "pearson",
    min_overlap: int = 5,
    both_strands: bool = True,
    threads: int = 1,
) -> tuple[Comparison, ...]:
    r"""Align every query with every target and say how surprising the best alignment is.

    An alignment is scored by the sum of the similarities of its columns. How likely a sum as high is, is found from
    all columns of all targets: each query column meets a random one of them, and the distribution of the sum over the
    aligned query columns follows by convolution. The p-value p of the least likely of the :math:`n` alignments of a
    pair becomes :math:`1 - (1 - p)^n`.

    Parameters
    ----------
    queries, targets
        Motifs of one alphabet; DNA and RNA pass for each other.
    similarity
        Of two columns: ``pearson`` correlation of their probabilities; ``euclidean``, minus their distance;
        ``sandelin``, 2 minus the squared distance. Rounded to hundredths of the range for the p-values.
    min_overlap
        Least number of aligned columns; a motif with fewer overlaps with all of its own.
    both_strands
        Try the reverse complement, too, where the alphabet has one. The null distribution then has the columns of
        either strand.
    threads
        Threads to use; the result is the same for any number.

    Returns
    -------
    tuple of Comparison
        One for each query.

    Raises
    ------
    InputError
        The alphabets differ.
    UsageError
        There are no queries or no targets, or ``min_overlap`` is below 1.

    References
    ----------
    Gupta et al. (2007), Genome Biol. 8:R24, doi:10.1186/gb-2007-8-2-r24; Sandelin & Wasserman (2004), J. Mol. Biol.
    338:207, doi:10.1016/j.jmb.2004.02.048.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> matrices = [rng.dirichlet(np.full(4, 0.2), size=10) for _ in range(20)]
    >>> database = [Motif(str(i), "ACGT", matrix, np.full(4, 0.25)) for i, matrix in enumerate(matrices)]
    >>> turned = Motif("query", "ACGT", matrices[7][2:, ::-1][::-1], np.full(4, 0.25))
    >>> [found] = compare([turned], database)
    >>> best = int(found.p_value.argmin())
    >>> best, int(found.offset[best]), int(found.overlap[best]), int(found.orientation[best])
    (7, 0, 8, -1)
    """
    if not queries or not targets:
        raise UsageError(f"no {'targets' if queries else 'queries'} to compare")
    if min_overlap < 1:
        raise UsageError(f"min_overlap is {min_overlap}, at least 1 expected")
    alphabet = alphabet_of(targets[0])
    for motif in (*queries, *targets):
        if alphabet_of(motif).has_strands != alphabet.has_strands:
            raise InputError(
                f"motif {motif.name} is of {alphabet_of(motif).name}, target {targets[0].name} of {alphabet.name}",
                remedy="compare motifs of one alphabet",
            )
    orientations = [np.concatenate([motif.probabilities for motif in targets])]
    if both_strands and alphabet.has_strands:
        orientations.append(np.concatenate([motif.probabilities[::-1, ::-1] for motif in targets]))
    widths = np.array([motif.width for motif in targets])
    set_threads(threads)
    return tuple(_compare_one(query, orientations, widths, similarity, min_overlap) for query in queries)


def column_similarities(first: Floats, second: Floats, similarity: Similarity) -> Floats:
    """float64 (column, column): similarity of all pairs of columns, from 0 (least) to 1 (equal)."""
    return SIMILARITIES[similarity](first, second)


def natural_units(similarities: Floats, similarity: Similarity) -> Floats:
    """From the range 0 to 1 to that of the measure."""
    lowest, highest = RANGES[similarity]
    scaled: Floats = lowest + similarities * (highest - lowest)
    return scaled


def _compare_one(
    query: Motif, orientations: list[Floats], widths: NDArray[np.int64], similarity: Similarity, min_overlap: int
) -> Comparison:
    exact = np.stack([column_similarities(query.probabilities, columns, similarity) for columns in orientations])
    scores = np.rint(exact * TOP_SCORE).astype(np.int64)
    null = np.stack([np.bincount(column, minlength=TOP_SCORE + 1) for column in np.concatenate(scores, axis=1)])
    shortest = int(min(min_overlap, query.width, widths.min()))
    starts, size = _stretches(query.width)
    tails = np.empty(size)
    stretch_tails(null / null.sum(axis=1, keepdims=True), shortest, starts, tails)
    offsets = np.concatenate([[0], np.cumsum(widths)])
    alignments = np.empty((len(widths), 3), np.int64)
    p_values = np.empty(len(widths))
    align(scores, offsets, min_overlap, starts, tails, alignments, p_values)
    least = np.minimum(min_overlap, np.minimum(query.width, widths))
    n_alignments = len(orientations) * (query.width + widths - 2 * least + 1)
    with np.errstate(divide="ignore"):
        corrected = -np.expm1(n_alignments * np.log1p(-p_values))
    means = [
        _mean(exact[orientation], base, offset, overlap)
        for base, (offset, overlap, orientation) in zip(offsets.tolist(), alignments.tolist(), strict=False)
    ]
    return Comparison(
        query=query,
        offset=alignments[:, 0],
        overlap=alignments[:, 1],
        orientation=np.where(alignments[:, 2] == 0, 1, -1).astype(np.int8),
        score=natural_units(np.array(means), similarity),
        p_value=corrected,
        e_value=corrected * len(widths),
        q_value=q_values(corrected),
    )


def _mean(similarities: Floats, base: int, offset: int, overlap: int) -> float:
    """Mean similarity along an alignment: a diagonal of the matrix of query and target columns."""
    first = max(0, -offset)
    columns = np.arange(first, first + overlap)
    return float(similarities[columns, base + offset + columns].mean())


def _stretches(width: int) -> tuple[NDArray[np.int64], int]:
    """Return the first places of the tails of all stretches, int64 (column, length), and how many numbers there are."""
    lengths = np.arange(width + 1)
    sizes = np.where(lengths <= width - np.arange(width)[:, None], lengths * TOP_SCORE + 1, 0)
    ends = np.cumsum(sizes.ravel())
    return (ends - sizes.ravel()).reshape(sizes.shape), int(ends[-1])


def _squared_distances(first: Floats, second: Floats) -> Floats:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2.0 * first @ second.T
    distances: Floats = np.maximum(squares, 0.0)
    return distances


def _pearson(first: Floats, second: Floats) -> Floats:
    """A column without preference correlates with nothing."""
    centred = [columns - columns.mean(axis=1, keepdims=True) for columns in (first, second)]
    norms = [np.linalg.norm(columns, axis=1, keepdims=True) for columns in centred]
    unit = [columns / np.where(norm > FLAT, norm, np.inf) for columns, norm in zip(centred, norms, strict=True)]
    correlation: Floats = np.clip(unit[0] @ unit[1].T, -1.0, 1.0)
    return 0.5 * (1.0 + correlation)


def _euclidean(first: Floats, second: Floats) -> Floats:
    return 1.0 - np.sqrt(_squared_distances(first, second) / 2.0)


def _sandelin(first: Floats, second: Floats) -> Floats:
    return 1.0 - _squared_distances(first, second) / 2.0


FLAT = 1e-6
"""Columns whose probabilities deviate less from their mean have no preference."""
SIMILARITIES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "pearson": _pearson,
    "euclidean": _euclidean,
    "sandelin": _sandelin,
}
RANGES = {"pearson": (-1.0, 1.0), "euclidean": (-(2.0**0.5), 0.0), "sandelin": (0.0, 2.0)}
"""Similarity of the most different columns, and of equal ones."""
