"""Scores of a motif at one place, and the probability that a random word scores as high."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif
from genem.errors import UsageError
from genem.motif.alphabet import ALPHABETS, Alphabet
from genem.motif.background import Background
from genem.motif.scanning.score_kernels import score_probabilities

__all__ = ["STEP", "ScoreDistribution", "alphabet_of", "log_odds", "score_distribution"]

Floats = NDArray[np.float64]

STEP = 0.01
"""Scores are whole multiples of this many bits."""
PSEUDOCOUNT = 0.1
"""Weight of the background in every column, in sites."""
MAX_STEPS, CHANGE = 10_000, 1e-15
"""When the letters before a word are taken to be in stationary proportions."""
MOST_CELLS = 1 << 24
"""Scores times contexts that are tabulated at most (128 MB, twice)."""
SITES_WHERE_UNKNOWN = 20.0
"""Weight of the matrix of a motif that does not say how many sites it rests on."""


@dataclass(frozen=True, slots=True)
class ScoreDistribution:
    """The scores of a motif's letters on a grid, and how a random word scores.

    Attributes
    ----------
    letter_scores
        int64 (width, letter): in units of ``step``.
    step
        In bits.
    lowest
        The lowest score of a word, in units of ``step``.
    tail
        float64 (score,): probability of a score of ``lowest``, ``lowest + 1``, ... or more.
    """

    letter_scores: NDArray[np.int64]
    step: float
    lowest: int
    tail: Floats

    @property
    def highest(self) -> int:
        return self.lowest + len(self.tail) - 1

    def p_values(self, scores: NDArray[np.integer]) -> Floats:
        """Probability that a random word scores as high.

        Parameters
        ----------
        scores
            In units of ``step``.

        Returns
        -------
        ndarray
            float64, of the shape of ``scores``.
        """
        place = np.clip(np.asarray(scores, np.int64) - self.lowest, 0, len(self.tail))
        padded = np.append(self.tail, 0.0)
        p_values: Floats = padded[place]
        return p_values

    def code_scores(self, alphabet: Alphabet, frequencies: Floats) -> NDArray[np.int64]:
        """Scores of letters and ambiguity codes, which score the ratio of the sums over their letters.

        Parameters
        ----------
        alphabet
            Of the motif.
        frequencies
            (letter,): of the background.

        Returns
        -------
        ndarray
            int64 (width, code), in units of ``step``; 0 for the wildcard.
        """
        membership = alphabet.membership
        motif_letters = frequencies * np.exp2(self.letter_scores * self.step)
        expected = np.log2((motif_letters @ membership.T) / (frequencies @ membership.T))
        scores: NDArray[np.int64] = np.rint(expected / self.step).astype(np.int64)
        scores[:, alphabet.wildcard] = 0
        return scores

    def threshold(self, p_value: float) -> int:
        """The lowest score, in units of ``step``, that a random word reaches with at most this probability.

        One more than ``highest`` where even the best word is likelier.
        """
        return self.lowest + int(np.count_nonzero(self.tail > p_value))


def alphabet_of(motif: Motif) -> Alphabet:
    """The alphabet whose letters are the columns of the motif's matrix.

    Raises
    ------
    UsageError
        There is none.
    """
    for alphabet in ALPHABETS.values():
        if alphabet.letters == motif.alphabet:
            return alphabet
    raise UsageError(f"motif {motif.name} is written in {motif.alphabet!r}: neither DNA, RNA nor protein")


def log_odds(motif: Motif, background: Floats, *, pseudocount: float = PSEUDOCOUNT) -> Floats:
    r"""Log2 likelihood ratios of motif to background, with pseudocounts.

    .. math:: s_{ka} = \log_2 \frac{N \theta_{ka} + \beta b_a}{(N + \beta) b_a}

    Parameters
    ----------
    motif
        Its number of sites N is taken as 20 where unknown.
    background
        (letter,): b.
    pseudocount
        beta, above 0: a letter that no site has must not rule a window out.

    Returns
    -------
    ndarray
        float64 (width, letter), in bits.

    Raises
    ------
    UsageError
        The pseudocount or a background frequency is not positive.
    """
    if not pseudocount > 0.0:
        raise UsageError(f"pseudocount {pseudocount}: a positive number expected")
    if not (background > 0.0).all():
        raise UsageError("a letter has background frequency 0: no score can be given to it")
    n_sites = motif.n_sites if motif.n_sites > 0.0 else SITES_WHERE_UNKNOWN
    smoothed = (n_sites * motif.probabilities + pseudocount * background) / (n_sites + pseudocount)
    bits: Floats = np.log2(smoothed / background)
    return bits


def score_distribution(bits: Floats, background: Background, *, step: float = STEP) -> ScoreDistribution:
    """The distribution of the score of a random word, exact for scores rounded to a grid.

    Letters' scores are rounded to multiples of ``step``; a word's score is their sum, so that it differs from the
    unrounded one by at most half a step for each column. For the rounded scores the probabilities are exact.

    Parameters
    ----------
    bits
        (width, letter): scores of letters, as of :func:`log_odds`.
    background
        A Markov model of any order: words come with the letters before them in stationary proportions. Where the
        table of scores by context would have more than 2^24 cells (DNA: from order 6 on, widths about 12), its
        model of the highest order that fits in is used.
    step
        Of the grid.

    Returns
    -------
    ScoreDistribution

    References
    ----------
    Staden (1989), doi:10.1093/bioinformatics/5.2.89; Grant, Bailey & Noble (2011), Bioinformatics 27:1017,
    doi:10.1093/bioinformatics/btr064.

    Examples
    --------
    >>> from genem.motif.alphabet import DNA
    >>> from genem.motif.background import background_from_probabilities
    >>> bits = np.log2(np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1]]) / 0.25)
    >>> distribution = score_distribution(bits, background_from_probabilities(DNA, [0.25] * 4))
    >>> round(float(distribution.p_values(np.array([distribution.highest]))[0]) * 16, 9)
    1.0
    """
    letter_scores = np.rint(bits / step).astype(np.int64)
    lowest = letter_scores.min(axis=1)
    above = letter_scores - lowest[:, None]
    transitions = _tractable(background, n_scores=int(above.max(axis=1).sum()) + 1)
    probabilities = score_probabilities(above, _stationary(transitions), transitions)
    tail = np.minimum(np.cumsum(probabilities[::-1])[::-1], 1.0)
    return ScoreDistribution(letter_scores, step, int(lowest.sum()), tail)


def _tractable(background: Background, n_scores: int) -> Floats:
    """Float64 (context, letter): the transitions of the highest order whose table of scores has room in memory."""
    fitting = [each for each in background.conditionals if len(each) * n_scores <= MOST_CELLS]
    return fitting[-1] if fitting else background.conditionals[0]


def _stationary(transitions: Floats) -> Floats:
    """Frequency of each context in a long sequence."""
    n_contexts, n_letters = transitions.shape
    contexts = np.full(n_contexts, 1.0 / n_contexts)
    following = (np.arange(n_contexts)[:, None] * n_letters + np.arange(n_letters)) % n_contexts
    for _ in range(MAX_STEPS):
        before = contexts
        contexts = np.bincount(following.ravel(), (before[:, None] * transitions).ravel(), n_contexts)
        if np.abs(contexts - before).max() < CHANGE:
            break
    stationary: Floats = contexts / contexts.sum()
    return stationary
