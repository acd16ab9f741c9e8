"""Background of sequences without a motif: Markov models of any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import InputError, UsageError
from genem.motif.alphabet import Alphabet, EncodedSequences

Vector = NDArray[np.float64]

MOST_PARAMETERS = 2**22
"""Probabilities of a background model: about order 10 for nucleotides, order 4 for protein."""
ROUNDING = 0.01
"""How far from 1 given probabilities may add up to."""


@dataclass(frozen=True, slots=True)
class Background:
    """A Markov model of letters.

    Attributes
    ----------
    alphabet
        The letters.
    conditionals
        One float64 (context, letter) array per order from 0 to that of the model: probability of a letter after each
        word of ``order`` letters, words numbered with their first letter as the leading digit.
    """

    alphabet: Alphabet
    conditionals: tuple[Vector, ...]

    @property
    def order(self) -> int:
        """Letters of context."""
        return len(self.conditionals) - 1

    @property
    def probabilities(self) -> Vector:
        """float64 (letter,): without context."""
        marginal: Vector = self.conditionals[0][0]
        return marginal

    def log_probabilities(self, sequences: EncodedSequences) -> Vector:
        """Natural logarithm of the probability of every letter, given the letters before it.

        At the start of a sequence, and after an ambiguity code, the context is as long as there are known letters.
        An ambiguity code has the probability of its set of letters: a wildcard has 1.

        Returns
        -------
        float64 (total length,)
        """
        membership = self.alphabet.membership.T.astype(np.float64)
        known = _known_run(sequences, self.order)
        codes = sequences.codes
        result: Vector = np.log(self.conditionals[0] @ membership)[0][codes]
        context = np.zeros(codes.size, np.int32)
        for order in range(1, self.order + 1):
            context[order:] += codes[:-order].astype(np.int32) * len(self.alphabet) ** (order - 1)
            preceded = np.flatnonzero(known >= order)
            table = np.log(np.minimum(self.conditionals[order] @ membership, 1.0))
            result[preceded] = table[context[preceded], codes[preceded]]
        return result

    def symmetric(self) -> Background:
        """The average of this model and that of the other strand.

        Words are given their stationary probabilities, averaged with those of their reverse complements.
        """
        if not self.alphabet.has_strands:
            return self
        joint = self._word_probabilities()
        return _from_word_probabilities(self.alphabet, [_strand_average(words, self.alphabet) for words in joint])

    def _word_probabilities(self) -> list[Vector]:
        """float64 (letter, ..., letter) for words of 1 to order + 1 letters; the first context is taken at order 0."""
        words: list[Vector] = [self.probabilities]
        for order in range(1, self.order + 1):
            shape = (len(self.alphabet),) * (order + 1)
            words.append((words[-1].reshape(-1, 1) * self.conditionals[order]).reshape(shape))
        return words


def estimate_background(sequences: EncodedSequences, *, order: int = 0, both_strands: bool = False) -> Background:
    r"""A Markov background from the letters of sequences.

    With :math:`n(s a)` the count of word s followed by letter a and A letters in the alphabet,

    .. math:: P(a \mid s) = \frac{n(s a) + A\, P(a \mid s')}{\sum_c n(s c) + A}

    where s' is s without its first letter and :math:`P = 1/A` below order 0: add-one smoothing of single letters, and
    for longer words as many pseudocounts, shared out as the shorter context says. Words with an ambiguity code are not
    counted.

    Parameters
    ----------
    sequences
        The sequences searched, or others of their kind.
    order
        Letters of context.
    both_strands
        Count every word together with its reverse complement.

    Returns
    -------
    Background

    Raises
    ------
    UsageError
        The order is negative or so high that there would be more than four million probabilities.
    InputError
        There is no known letter.

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> from genem.motif import DNA, encode
    >>> promoters = encode(read_fasta("data/promoters.fa"), DNA)
    >>> estimate_background(promoters, both_strands=True).probabilities.round(3).tolist()
    [0.304, 0.196, 0.196, 0.304]
    """
    alphabet = sequences.alphabet
    size = len(alphabet)
    _check_order(order, size)
    if sequences.n_known == 0:
        raise InputError("no letter of the sequences is known", remedy="give the background probabilities")
    conditionals: list[Vector] = []
    for length in range(1, order + 2):
        counts = _word_counts(sequences, length)
        if both_strands and alphabet.has_strands:
            counts = _strand_average(counts, alphabet)
        shorter = np.full((1, size), 1.0 / size) if not conditionals else np.tile(conditionals[-1], (size, 1))
        table = counts.reshape(-1, size) + size * shorter
        conditionals.append(table / table.sum(axis=1, keepdims=True))
    return Background(alphabet, tuple(conditionals))


def background_from_probabilities(
    alphabet: Alphabet, probabilities: ArrayLike | Mapping[str, float], *, both_strands: bool = False
) -> Background:
    """A background from probabilities of letters, or of words of all lengths up to order + 1.

    Parameters
    ----------
    alphabet
        The letters.
    probabilities
        float (letter,), or probabilities by word: all letters, and if there are longer words all words of each
        length. Every length must add up to 1 within a hundredth, and is scaled to do so.
    both_strands
        Average with the other strand.

    Raises
    ------
    InputError
        A probability is missing, not a number, or not above 0, or those of a length do not add up to 1.

    Examples
    --------
    >>> from genem.motif import DNA
    >>> background_from_probabilities(DNA, [0.3, 0.2, 0.2, 0.3]).order
    0
    """
    words = _by_word(alphabet, probabilities) if isinstance(probabilities, Mapping) else [np.asarray(probabilities)]
    if words[0].shape != (len(alphabet),):
        raise InputError(f"{words[0].size} background probabilities, {len(alphabet)} letters of {alphabet.name}")
    for table in words:
        if not (np.all(np.isfinite(table)) and np.all(table > 0.0)):
            raise InputError("a background probability is not above 0", remedy="add a pseudocount to it")
        total = float(np.sum(table))
        if abs(total - 1.0) > ROUNDING:
            found = f"background probabilities of words of length {np.ndim(table)} add up to {total:.4g}, not 1"
            raise InputError(found, remedy="correct them")
    if both_strands and alphabet.has_strands:
        words = [_strand_average(table, alphabet) for table in words]
    return _from_word_probabilities(alphabet, [np.asarray(table, np.float64) for table in words])


def _by_word(alphabet: Alphabet, probabilities: Mapping[str, float]) -> list[Vector]:
    size = len(alphabet)
    order = max((len(word) for word in probabilities), default=1) - 1
    _check_order(order, size)
    words = [np.full((size,) * length, np.nan) for length in range(1, order + 2)]
    for word, value in probabilities.items():
        place = tuple(alphabet.letters.find(letter) for letter in word.upper())
        if not place or min(place) < 0:
            raise InputError(f"background word {word!r} is not made of the letters {alphabet.letters}")
        words[len(place) - 1][place] = value
    for table in words:
        if np.any(np.isnan(table)):
            missing = "".join(alphabet.letters[index] for index in np.argwhere(np.isnan(table))[0])
            raise InputError(f"the background has no probability for {missing!r}", remedy="give all words of a length")
    return words


def _from_word_probabilities(alphabet: Alphabet, words: list[Vector]) -> Background:
    tables = [table.reshape(-1, len(alphabet)) for table in words]
    return Background(alphabet, tuple(table / table.sum(axis=1, keepdims=True) for table in tables))


def _check_order(order: int, size: int) -> None:
    if order < 0 or size ** (order + 1) > MOST_PARAMETERS:
        raise UsageError(f"a background of order {order} is not possible; from 0 to {_highest_order(size)}")


def _highest_order(size: int) -> int:
    order = 0
    while size ** (order + 2) <= MOST_PARAMETERS:
        order += 1
    return order


def _known_run(sequences: EncodedSequences, most: int) -> NDArray[np.int8]:
    """Count the known letters of the same sequence right before each position, up to ``most``."""
    known = sequences.codes < len(sequences.alphabet)
    unbroken = np.ones(known.size, np.bool_)
    run = np.zeros(known.size, np.int8)
    for back in range(1, most + 1):
        unbroken[:back] = False
        unbroken[back:] &= known[:-back]
        unbroken[sequences.offsets[:-1][sequences.lengths >= back] + back - 1] = False
        run += unbroken
    return run


def _word_counts(sequences: EncodedSequences, length: int) -> Vector:
    """float64 (letter, ..., letter): how often each word occurs."""
    size = len(sequences.alphabet)
    codes = sequences.codes
    if length == 1:
        return np.bincount(codes, minlength=size)[:size].astype(np.float64)
    ends = np.flatnonzero((_known_run(sequences, length - 1) == length - 1) & (codes < size))
    index = np.zeros(ends.size, np.int32)
    for back in range(length):
        index += codes[ends - back].astype(np.int32) * size**back
    return np.bincount(index, minlength=size**length).astype(np.float64).reshape((size,) * length)


def _strand_average(words: Vector, alphabet: Alphabet) -> Vector:
    """Words averaged with their reverse complements: axes reversed, every axis complemented."""
    partner = alphabet.complement_codes[: len(alphabet)]
    other: Vector = words.transpose()[np.ix_(*[partner] * words.ndim)]
    average: Vector = 0.5 * (words + other)
    return average
