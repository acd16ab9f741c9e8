"""Search for known motifs in sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif, MotifSites
from genem.errors import InputError, UsageError
from genem.jit import set_threads
from genem.motif.alphabet import Alphabet, EncodedSequences
from genem.motif.background import Background, estimate_background
from genem.motif.scanning.match_kernels import Tables, find_best, find_sites, pack
from genem.motif.scanning.score_distributions import (
    PSEUDOCOUNT,
    ScoreDistribution,
    alphabet_of,
    log_odds,
    score_distribution,
)
from genem.numerics.multiple_testing import q_values

__all__ = ["Scan", "scan"]

LARGEST_TABLE = 8192
"""Entries of the table of one group of columns: it stays in the nearest cache."""
WINDOWS_PER_PIECE = 1 << 13
WINDOWS_PER_CHUNK = 1 << 18
"""One task of a kernel; results do not depend on it."""
FILTER_DRAWS, FEW = 2048, 0.01
"""How the groups of columns to begin with are chosen; results do not depend on it."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Result of scanning with one motif.

    Attributes
    ----------
    motif
        Which.
    sites
        By sequence, then start, forward strand first. Scores are in bits.
    q_value
        float64 (site,): Benjamini-Hochberg, over all windows of the motif.
    n_windows
        How many windows were scored, either strand counted.
    smallest_p_value
        That of the best word: where it exceeds the threshold no site could be found.
    """

    motif: Motif
    sites: MotifSites
    q_value: NDArray[np.float64]
    n_windows: int
    smallest_p_value: float


def scan(
    motifs: Sequence[Motif],
    sequences: EncodedSequences,
    *,
    p_threshold: float = 1e-4,
    both_strands: bool = True,
    best_only: bool = False,
    pseudocount: float = PSEUDOCOUNT,
    background: Background | None = None,
    threads: int = 1,
) -> Iterator[Scan]:
    """Find the windows that score like sites of motifs.

    A window scores the log2 likelihood ratio of motif to background letters, on a grid of 0.01 bits; its p-value is
    the probability that a random word of the background model scores as high, which is exact for these scores. The
    reverse complement counts as a motif of its own against the same letters. An ambiguity code scores the ratio of the
    sums over its letters, a wildcard 0. Memory: about three bytes a letter.

    Parameters
    ----------
    motifs
        Of the sequences' alphabet; DNA and RNA pass for each other.
    sequences
        Of any lengths; those shorter than the motif have no window.
    p_threshold
        Windows with at most this p-value are sites.
    both_strands
        Score the reverse complement, too, where the alphabet has one.
    best_only
        Report the best site of each sequence only.
    pseudocount
        Sites' worth of background in each column of a motif, above 0.
    background
        A Markov model of any order: its letter frequencies enter the scores, all of it the p-values. None: the letter
        frequencies of the sequences, both strands averaged where both are scored.
    threads
        Threads to use; the result is the same for any number.

    Yields
    ------
    Scan
        One for each motif, in order.

    Raises
    ------
    InputError
        The motifs' alphabet is not that of the sequences.
    UsageError
        There are no motifs, or an argument is out of range.

    References
    ----------
    Grant, Bailey & Noble (2011), doi:10.1093/bioinformatics/btr064.

    Examples
    --------
    >>> from genem.data import Motif
    >>> from genem.io.sequences.fasta import read_fasta
    >>> from genem.motif.alphabet import DNA, encode
    >>> promoters = encode(read_fasta("data/promoters.fa"), DNA)
    >>> half = np.array([[1, 1, 1, 7], [1, 1, 7, 1], [1, 1, 1, 7], [1, 1, 7, 1], [7, 1, 1, 1]]) / 10
    >>> crp = Motif("CRP", "ACGT", half, np.full(4, 0.25), n_sites=10)
    >>> [found] = scan([crp], promoters, p_threshold=1e-2)
    >>> len(found.sites), found.n_windows, round(float(found.sites.score.max()), 2)
    (58, 3636, 7.23)
    """
    if not motifs:
        raise UsageError("no motifs to scan with")
    if not 0.0 < p_threshold <= 1.0:
        raise UsageError(f"p_threshold is {p_threshold}, a number above 0 and up to 1 expected")
    alphabet = sequences.alphabet
    for motif in motifs:
        check_alphabet(motif, alphabet)
    both_strands = both_strands and alphabet.has_strands
    if background is None:
        background = estimate_background(sequences, both_strands=both_strands)
    scanner = _Scanner(sequences, background, both_strands, best_only)
    return (scanner.scan(motif, pseudocount, p_threshold, threads) for motif in motifs)


def check_alphabet(motif: Motif, alphabet: Alphabet) -> None:
    """Refuse a motif whose letters are not those of the sequences; U is as good as T.

    Raises
    ------
    InputError
        They differ.
    """
    own = alphabet_of(motif)
    if own.has_strands != alphabet.has_strands:
        raise InputError(
            f"motif {motif.name} is of {own.name}, the sequences are {alphabet.name}", remedy="use motifs of their kind"
        )


class _Scanner:
    """Sequences packed for scanning with any number of motifs."""

    def __init__(
        self, sequences: EncodedSequences, background: Background, both_strands: bool, best_only: bool
    ) -> None:
        alphabet = sequences.alphabet
        self.sequences = sequences
        self.background = background
        self.both_strands = both_strands
        self.best_only = best_only
        self.group_size = 1
        while len(alphabet) ** (self.group_size + 1) <= LARGEST_TABLE:
            self.group_size += 1
        self.packed = np.empty(len(sequences.codes), np.uint16)  # at most LARGEST_TABLE, which stands for unknown
        pack(sequences.codes, len(alphabet), self.group_size, self.packed)

    def scan(self, motif: Motif, pseudocount: float, p_threshold: float, threads: int) -> Scan:
        strands = [motif, self._reverse_complement(motif)] if self.both_strands else [motif]
        bits = [log_odds(each, self.background.probabilities, pseudocount=pseudocount) for each in strands]
        distributions = [score_distribution(each, self.background) for each in bits]
        thresholds = np.array([each.threshold(p_threshold) for each in distributions])
        tables = self._tables(distributions, thresholds)
        set_threads(threads)
        find = self._best_sites if self.best_only else self._all_sites
        position, strand, score = find(motif.width, thresholds, tables, p_threshold)
        p_value = np.empty(len(score))
        for which, distribution in enumerate(distributions):
            p_value[strand == which] = distribution.p_values(score[strand == which])
        sequence = np.searchsorted(self.sequences.offsets, position, side="right") - 1
        sites = MotifSites(
            sequence=sequence,
            start=position - self.sequences.offsets[sequence],
            strand=np.where(strand == 0, 1, -1).astype(np.int8),
            score=score.astype(np.float64) * distributions[0].step,
            p_value=p_value,
            posterior=np.full(len(score), np.nan),
        )
        n_windows = int(np.maximum(self.sequences.lengths - motif.width + 1, 0).sum()) * len(strands)
        smallest = min(float(each.tail[-1]) for each in distributions)
        return Scan(motif, sites, q_values(p_value, max(n_windows, 1)), n_windows, smallest)

    def _all_sites(
        self, width: int, thresholds: NDArray[np.int64], tables: Tables, p_threshold: float
    ) -> tuple[NDArray[np.int64], ...]:
        starts, stops = self._pieces(width, WINDOWS_PER_PIECE)
        chunks = _chunks(starts, stops)
        counts = np.zeros(len(chunks) - 1, np.int64)
        room = 64 + int(min(1.0, 4.0 * p_threshold) * len(thresholds) * WINDOWS_PER_CHUNK)
        while True:
            found = np.empty((len(counts), room, 3), np.int64)
            find_sites(self.sequences.codes, self.packed, starts, stops, chunks, thresholds, tables, counts, found)
            most = int(counts.max(initial=0))
            if most <= room:
                break
            room = most
        kept = found[np.arange(room) < counts[:, None]]
        kept = kept[np.lexsort((kept[:, 1], kept[:, 0]))]
        return kept[:, 0], kept[:, 1], kept[:, 2]

    def _best_sites(
        self, width: int, thresholds: NDArray[np.int64], tables: Tables, _p_threshold: float
    ) -> tuple[NDArray[np.int64], ...]:
        starts, stops = self._pieces(width, int(self.sequences.lengths.max(initial=1)))
        found = np.empty((len(starts), 3), np.int64)
        chunks = _chunks(starts, stops)
        find_best(self.sequences.codes, self.packed, starts, stops, chunks, thresholds, tables, found)
        kept = found[found[:, 0] >= 0]
        return kept[:, 0], kept[:, 1], kept[:, 2]

    def _pieces(self, width: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts of windows: stretches of at most ``most`` positions, none across a border of sequences."""
        windows = np.maximum(self.sequences.lengths - width + 1, 0)
        n_pieces = -(-windows // most)
        first = np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
        within = (np.arange(int(n_pieces.sum())) - first) * most
        starts = np.repeat(self.sequences.offsets[:-1], n_pieces) + within
        stops = np.minimum(starts + most, np.repeat(self.sequences.offsets[:-1] + windows, n_pieces))
        return starts, stops

    def _reverse_complement(self, motif: Motif) -> Motif:
        partner = self.sequences.alphabet.complement_codes[: len(self.sequences.alphabet)]
        return replace(motif, probabilities=motif.probabilities[::-1, partner])

    def _tables(self, distributions: Sequence[ScoreDistribution], thresholds: NDArray[np.int64]) -> Tables:
        """Scores of letters, ambiguity codes and groups of columns."""
        groups = [_group_tables(each.letter_scores, self.group_size) for each in distributions]
        alphabet, frequencies = self.sequences.alphabet, self.background.probabilities
        letter_scores = [each.code_scores(alphabet, frequencies) for each in distributions]
        group_scores, group_starts, best_rest = (np.stack(part) for part in zip(*groups, strict=True))
        n_filters = np.array([_n_filters(*each) for each in zip(group_scores, best_rest, thresholds, strict=True)])
        return Tables(np.stack(letter_scores), group_scores, group_starts, best_rest, n_filters)


def _group_tables(
    letter_scores: NDArray[np.int64], group_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Score of every packed number for each group of columns, the group that excludes most windows first."""
    width, n_letters = letter_scores.shape
    n_numbers = n_letters**group_size
    numbers = np.arange(n_numbers)
    starts = np.arange(0, width, group_size)
    scores = np.zeros((len(starts), n_numbers + 1), np.int64)
    for column in range(width):
        digit = group_size - 1 - column % group_size
        scores[column // group_size, :-1] += letter_scores[column, numbers // n_letters**digit % n_letters]
    best, mean = scores[:, :-1].max(axis=1), scores[:, :-1].mean(axis=1)
    scores[:, -1] = np.iinfo(np.int32).max // (2 * len(starts))  # so that letters not all known pass every test
    order = np.argsort(mean - best, kind="stable")
    best_rest = best.sum() - np.cumsum(best[order])
    return scores[order].astype(np.int32), starts[order], best_rest


def _n_filters(group_scores: NDArray[np.int32], best_rest: NDArray[np.int64], threshold: int) -> int:
    """The number of groups that leaves few windows, judged by random ones; all groups where none does."""
    n_groups = len(group_scores)
    numbers = np.random.default_rng(0).integers(group_scores.shape[1] - 1, size=(n_groups, FILTER_DRAWS))
    scores = np.cumsum(np.take_along_axis(group_scores, numbers, axis=1), axis=0)
    passing = (scores + best_rest[:, None] >= threshold).mean(axis=1)
    return 1 + int(np.argmax(passing <= FEW)) if (passing <= FEW).any() else n_groups


def _chunks(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bounds of runs of pieces with about ``WINDOWS_PER_CHUNK`` windows."""
    before = np.concatenate([[0], np.cumsum(stops - starts)])
    cuts = np.searchsorted(before, np.arange(WINDOWS_PER_CHUNK, before[-1], WINDOWS_PER_CHUNK))
    return np.unique(np.concatenate([[0], cuts, [len(starts)]]))
