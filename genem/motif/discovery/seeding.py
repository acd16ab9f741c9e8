"""Seeds of motifs: words that occur more often than the background explains, counted in one pass over the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from genem.motif.alphabet import Alphabet
from genem.motif.background import Background
from genem.motif.discovery.seeding_kernels import (
    UNDETERMINED,
    choose_patterns,
    count_all_words,
    score_words,
    sum_over_similar,
)
from genem.motif.model.layout_kernels import Layout

__all__ = ["Seeds", "Template", "expected_counts", "find_seeds", "templates_for"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CONTIGUOUS = (6, 8)
"""Lengths of nucleotide words without gaps."""
HALF_SITE = 3
"""Letters on either side of a gap."""
WIDEST_GAP = 16
PROTEIN_PLACES = tuple((0, i, j) for j in range(2, 6) for i in range(1, j))
"""Three amino acids within six."""
BLOSUM62_SCALE = 0.3176
"""Its lambda: scores are log odds / lambda, nats."""
CONSENSUS = 0.7
"""Probability of the word's letter in the columns of a nucleotide start,"""
CONSENSUS_OF_LONG, LONG = 0.5, 8
"""and where the word has more letters than this, of which some will be wrong."""
LONGEST_RANDOM = 24
RANDOM_SITES = 0.25
"""Sites that a random word promises, per sequence."""
LENGTH_CLASSES = 8
"""Records are grouped by length for the expected number that hold a word."""
MOST_ALIKE = 4
PERIODIC_SHARE = 0.1
CANDIDATES_PER_SEED = 4


@dataclass(frozen=True, slots=True)
class Template:
    """The places of a word that are determined; the others may hold any letter."""

    places: tuple[int, ...]

    @property
    def span(self) -> int:
        return self.places[-1] + 1


@dataclass(frozen=True, slots=True)
class Seeds:
    """Words to start from, the most surprising first.

    Attributes
    ----------
    patterns
        int64 (seed, widest): letters, -1 where any may stand and beyond the span.
    span
        int64 (seed,): places of each pattern.
    excess
        float64 (seed,): log-likelihood ratio of the count to its expectation, nats.
    n_sites
        float64 (seed,): count less expectation.
    """

    patterns: Integers
    span: Integers
    excess: Floats
    n_sites: Floats

    def __len__(self) -> int:
        return len(self.span)

    def take(self, rows: Integers) -> Seeds:
        """Some of them, in the order given."""
        return Seeds(self.patterns[rows], self.span[rows], self.excess[rows], self.n_sites[rows])

    def joined(self, others: Seeds) -> Seeds:
        """Join the others at the end."""
        return Seeds(
            np.concatenate([self.patterns, others.patterns]),
            np.concatenate([self.span, others.span]),
            np.concatenate([self.excess, others.excess]),
            np.concatenate([self.n_sites, others.n_sites]),
        )


def templates_for(alphabet: Alphabet, max_width: int) -> tuple[Template, ...]:
    """The templates whose words are counted.

    Nucleotides: 6 and 8 letters in a row, and two triplets with a gap of up to 16. Amino acids: three within six.
    """
    if not alphabet.has_strands:
        everything = [Template(places) for places in PROTEIN_PLACES]
    else:
        rows = [Template(tuple(range(k))) for k in CONTIGUOUS]
        halves = range(HALF_SITE)
        gapped = [(*halves, *(HALF_SITE + gap + i for i in halves)) for gap in range(1, WIDEST_GAP + 1)]
        everything = rows + [Template(places) for places in gapped]
    fitting = tuple(template for template in everything if template.span <= max_width)
    return fitting or (Template(tuple(range(min(max_width, len(everything[0].places))))),)


def word_probabilities(template: Template, background: Background) -> Floats:
    """float64 (word,): probability of every word at the places of a template; letters across a gap are independent."""
    probabilities = np.ones(1)
    size = len(background.alphabet)
    for length in _runs(template.places):
        run = background.probabilities
        for j in range(1, length):
            order = min(j, background.order)
            run = (run.reshape(-1, size**order, 1) * background.conditionals[order]).ravel()
        probabilities = np.multiply.outer(probabilities, run).ravel()
    return probabilities


def expected_counts(probabilities: Floats, n_windows: Integers, *, once: bool) -> Floats:
    """Return how often background alone would show each word.

    Parameters
    ----------
    probabilities
        float64 (word,): that one window holds the word, on either strand where both are read.
    n_windows
        int64 (sequence,)
    once
        Sequences that hold the word are counted, not its occurrences: sum over sequences of 1 - exp(-p m).
    """
    if not once:
        return probabilities * float(n_windows.sum())
    expected = np.zeros(len(probabilities))
    for group in np.array_split(np.sort(n_windows), LENGTH_CLASSES):
        if len(group):
            expected -= len(group) * np.expm1(-probabilities * float(group.mean()))
    return expected


def find_seeds(
    layout: Layout,
    background: Background,
    *,
    n_seeds: int,
    max_width: int,
    once: bool = True,
    palindrome: bool = False,
) -> Seeds:
    r"""Words that occur more often than a Markov background explains.

    For every template (:func:`templates_for`) all words are counted in one pass. A word counts once per sequence, so
    that repeats within one cannot win, and both strands count together. Its surprise is the log-likelihood ratio of a
    Poisson count c above its expectation e,

    .. math:: G = c \log(c / e) - (c - e),

    for the word itself and for the word together with all that differ from it in one place (proteins: by a similar
    amino acid), which finds weak motifs whose exact words are rare. Of the best of both, patterns are taken in turn
    that are not too many of one kind, nor repetitive.

    Parameters
    ----------
    layout
        The sequences, with erased letters.
    background
        What expectations come from; of a higher order than the motif model's, so that common runs do not surprise.
    n_seeds
        At most so many.
    max_width
        Templates do not span more.
    once
        Count sequences (OOPS, ZOOPS); else occurrences (ANR).
    palindrome
        Only words that are their own reverse complements.

    Returns
    -------
    Seeds

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> from genem.motif import DNA, encode, estimate_background
    >>> from genem.motif.discovery.candidates import SearchSettings, lay_out
    >>> promoters = encode(read_fasta("data/promoters.fa"), DNA)
    >>> background = estimate_background(promoters, both_strands=True)
    >>> settings = SearchSettings("zoops", 6, 20, True, False, 0.01, 1)
    >>> layout = lay_out(promoters, background, settings, np.zeros(promoters.codes.size, np.bool_))
    >>> seeds = find_seeds(layout, background, n_seeds=5, max_width=20)
    >>> "".join(("." + DNA.letters)[code + 1] for code in seeds.patterns[0, : seeds.span[0]])  # CRP: TGTGA-N6-TCACA
    'GTG.........ACA'
    """
    alphabet = background.alphabet
    complement = _complement(layout)
    plain, neighbourly = [], []
    for template, counts, n_windows in _counted(layout, alphabet, max_width, once):
        n_places = len(template.places)
        canonical = _canonical(n_places, complement, layout.n_strands)
        words = np.flatnonzero(canonical == np.arange(len(canonical)))
        probabilities = word_probabilities(template, background)
        if layout.n_strands == 2:
            other = _partner(n_places, complement)
            probabilities = probabilities + np.where(other == np.arange(len(other)), 0.0, probabilities[other])
        if palindrome:
            words = words[_partner(n_places, complement)[words] == words]
        seen = counts[canonical].astype(np.float64)
        foreseen = expected_counts(probabilities, n_windows, once=once)
        most = CANDIDATES_PER_SEED * n_seeds
        plain.append(_ranked(template, words, seen[words], foreseen[words], most, alphabet, max_width))
        seen, foreseen = (_with_similar(values, words, alphabet, n_places) for values in (seen, foreseen))
        neighbourly.append(_ranked(template, words, seen, foreseen, most, alphabet, max_width))
    return _choose(_pooled(plain), _pooled(neighbourly), layout, n_seeds)


def random_seeds(layout: Layout, max_width: int, n_seeds: int, rng: np.random.Generator) -> Seeds:
    """Words of the sequences at random places, for motifs of which no short word stands out.

    They are long, up to 24 letters: of a motif whose information is spread over many columns, a whole site is a start
    that EM climbs from in every second case, eight letters of it in one of thirty.
    """
    least, span = min(max_width, CONTIGUOUS[-1]), min(max_width, LONGEST_RANDOM)
    start = rng.integers(0, max(1, len(layout.room)), n_seeds)
    start = start[layout.room[start] >= least] if len(layout.room) else start[:0]
    place = np.arange(span)
    inside = place < layout.room[start][:, None]
    words = layout.codes[np.where(inside, start[:, None] + place, 0)].astype(np.int64)
    inside &= words < len(layout.background)
    patterns = np.full((len(start), max_width), UNDETERMINED, np.int64)
    patterns[:, :span] = np.where(inside, words, UNDETERMINED)
    patterns = patterns[inside.sum(axis=1) >= least]
    widths = max_width - (patterns[:, ::-1] != UNDETERMINED).argmax(axis=1)
    n_sites = max(2.0, RANDOM_SITES * (len(layout.offsets) - 1))
    return Seeds(patterns, widths, np.zeros(len(patterns)), np.full(len(patterns), n_sites))


def start_columns(seeds: Seeds, alphabet: Alphabet, background: Floats, min_width: int, longest: int) -> Floats:
    """float64 (seed, column, letter): the motif each seed stands for, widened to ``min_width`` on both sides.

    A determined column gives the word's letter a probability of 0.7, in words of more than eight letters 0.5, and
    shares the rest out by the background; for amino acids it is the distribution of letters aligned with it in
    BLOSUM62, b(a) exp(lambda s(a, r)).
    """
    theta = np.tile(background, (len(seeds), longest, 1))
    of_short, of_long = (_letter_columns(alphabet, background, each) for each in (CONSENSUS, CONSENSUS_OF_LONG))
    for index, (pattern, span) in enumerate(zip(seeds.patterns, seeds.span, strict=True)):
        left = max(0, (min_width - int(span)) // 2)
        places = np.flatnonzero(pattern != UNDETERMINED)
        theta[index, left + places] = (of_long if len(places) > LONG else of_short)[pattern[places]]
    return theta


def _counted(
    layout: Layout, alphabet: Alphabet, max_width: int, once: bool
) -> Iterator[tuple[Template, Integers, Integers]]:
    """Counts of all words and windows of every sequence, template by template."""
    templates = templates_for(alphabet, max_width)
    n_sequences = len(layout.offsets) - 1
    for n_places in sorted({len(template.places) for template in templates}):
        group = [template for template in templates if len(template.places) == n_places]
        canonical = _canonical(n_places, _complement(layout), layout.n_strands)
        counts = np.zeros((len(group), len(canonical)), np.int64)
        n_windows = np.zeros((len(group), n_sequences), np.int64)
        places = np.array([template.places for template in group], np.int64)
        count_all_words(
            layout.codes, layout.offsets, layout.room, places, len(alphabet), canonical, once, counts, n_windows
        )
        yield from zip(group, counts, n_windows, strict=True)


def _complement(layout: Layout) -> tuple[int, ...]:
    """The complement of each letter."""
    return tuple(layout.complement[: len(layout.background)].tolist())


@cache
def _partner(n_places: int, complement: tuple[int, ...]) -> Integers:
    """int64 (word,): the word on the other strand."""
    words = np.arange(len(complement) ** n_places)
    other = np.zeros_like(words)
    for _ in range(n_places):
        other = other * len(complement) + np.array(complement)[words % len(complement)]
        words //= len(complement)
    return other


def _canonical(n_places: int, complement: tuple[int, ...], n_strands: int) -> Integers:
    """int64 (word,): the word by whose name it is counted, where both strands count together the smaller one."""
    words = np.arange(len(complement) ** n_places)
    return np.minimum(words, _partner(n_places, complement)) if n_strands == 2 else words


def _ranked(
    template: Template, words: Integers, seen: Floats, foreseen: Floats, most: int, alphabet: Alphabet, longest: int
) -> Seeds:
    """The words of highest surprise; ``seen`` and ``foreseen`` (word,) are theirs."""
    scores = np.empty(len(words))
    score_words(seen, foreseen, scores)
    order = np.argsort(-scores, kind="stable")[:most]
    order = order[scores[order] > 0.0]
    words = words[order]
    patterns = np.full((len(words), longest), UNDETERMINED, np.int64)
    for back, place in enumerate(reversed(template.places)):
        patterns[:, place] = words // len(alphabet) ** back % len(alphabet)
    span = np.full(len(words), template.span, np.int64)
    return Seeds(patterns, span, scores[order], seen[order] - foreseen[order])


def _pooled(rankings: list[Seeds]) -> Seeds:
    """Rankings of several templates in one."""
    pooled = reduce(Seeds.joined, rankings)
    return pooled.take(np.argsort(-pooled.excess, kind="stable"))


def _choose(plain: Seeds, neighbourly: Seeds, layout: Layout, n_seeds: int) -> Seeds:
    """The best words by themselves and with their neighbours, in turn, that are not too many of one kind."""
    both = _in_turn(plain, neighbourly, CANDIDATES_PER_SEED * n_seeds)
    chosen = np.empty(n_seeds, np.int64)
    n_chosen = choose_patterns(
        both.patterns,
        _reversed(both, layout.complement) if layout.n_strands == 2 else both.patterns,
        n_seeds,
        MOST_ALIKE,
        max(1, int(PERIODIC_SHARE * n_seeds)),
        chosen,
    )
    return both.take(chosen[:n_chosen])


def _in_turn(first: Seeds, second: Seeds, most: int) -> Seeds:
    turn = np.argsort(np.concatenate([2 * np.arange(len(first)), 2 * np.arange(len(second)) + 1]), kind="stable")
    return first.joined(second).take(turn[:most])


def _reversed(seeds: Seeds, complement: Integers) -> Integers:
    """The patterns on the other strand."""
    result = np.full_like(seeds.patterns, UNDETERMINED)
    for pattern, span, target in zip(seeds.patterns, seeds.span, result, strict=True):
        turned = pattern[:span][::-1]
        target[:span] = np.where(turned == UNDETERMINED, UNDETERMINED, complement[turned])
    return result


def _with_similar(values: Floats, words: Integers, alphabet: Alphabet, n_places: int) -> Floats:
    sums = np.empty(len(words))
    sum_over_similar(values, words, _similar(alphabet), n_places, sums)
    return sums


def _runs(places: tuple[int, ...]) -> list[int]:
    """Lengths of the stretches of places without a gap."""
    lengths = [1]
    for before, after in pairwise(places):
        if after == before + 1:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


@cache
def _similar(alphabet: Alphabet) -> NDArray[np.bool_]:
    """bool (letter, letter): nucleotides are all alike, amino acids where BLOSUM62 scores above 0."""
    if alphabet.has_strands:
        return np.ones((len(alphabet), len(alphabet)), np.bool_)
    return _blosum62(alphabet) > 0.0


@cache
def _blosum62(alphabet: Alphabet) -> Floats:
    """Scores of amino acids aligned with each other (Henikoff & Henikoff 1992, doi:10.1073/pnas.89.22.10915)."""
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")
    return np.array([[matrix[first, second] for second in alphabet.letters] for first in alphabet.letters])


def _letter_columns(alphabet: Alphabet, background: Floats, consensus: float) -> Floats:
    """float64 (letter, letter): the column that one letter of a word stands for."""
    if alphabet.has_strands:
        columns = np.outer(np.ones(len(alphabet)), (1.0 - consensus) * background)
        np.fill_diagonal(columns, columns.diagonal() + consensus)
    else:
        columns = background * np.exp(BLOSUM62_SCALE * _blosum62(alphabet))
    columns /= columns.sum(axis=1, keepdims=True)
    return columns
