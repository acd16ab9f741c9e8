"""Control sequences: the same words of a few letters in another order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.motif.alphabet import EncodedSequences
from genem.motif.shuffling.kernels import STATE_WORDS, shuffle_sequences

__all__ = ["shuffle"]

MAX_VERTICES = 1 << 16
"""Different words of one letter less than those that are kept."""
LETTERS_PER_CHUNK = 1 << 15
"""One task of the kernel; the result does not depend on it."""


def shuffle(
    sequences: EncodedSequences,
    *,
    word_length: int = 2,
    seed: int = 1,
    number: int = 0,
    fixed: NDArray[np.bool_] | None = None,
) -> EncodedSequences:
    """Shuffle every sequence so that the counts of its words of ``word_length`` letters stay.

    Every arrangement with these counts is equally likely. The first and last ``word_length - 1`` letters stay, as they
    must. Ambiguity codes and masked letters keep their places; the stretches between them are shuffled one by one, so
    that no word across them is made or lost.

    Parameters
    ----------
    sequences
        Coded sequences, of any lengths.
    word_length
        1 keeps the letters, 2 the pairs of neighbours, and so on. Also the shorter words keep their counts.
    seed, number
        Shuffle ``number`` of the seed; each sequence draws from a stream of its own, so that the result depends on
        neither threads nor the order in which the shuffles are made.
    fixed
        bool (total length,): further letters that keep their places.

    Returns
    -------
    EncodedSequences
        With the same names and lengths.

    Raises
    ------
    UsageError
        ``word_length`` is below 1, or there are more than 65536 different words one letter shorter.

    References
    ----------
    Altschul & Erickson (1985), doi:10.1093/oxfordjournals.molbev.a040370; Propp & Wilson (1998), J. Algorithms 27:170,
    doi:10.1006/jagm.1997.0917.

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> from genem.motif.alphabet import DNA, encode
    >>> promoters = encode(read_fasta("data/promoters.fa"), DNA)
    >>> control = shuffle(promoters, word_length=2)
    >>> [one.sequence(0).count("CG") for one in (promoters, control)]
    [5, 5]
    """
    n_letters = len(sequences.alphabet)
    if word_length < 1 or n_letters ** (word_length - 1) > MAX_VERTICES:
        most = 1 + int(np.log(MAX_VERTICES) / np.log(n_letters) + 1e-9)
        raise UsageError(f"words of {word_length} letters; from 1 to {most} can be kept ({sequences.alphabet.name})")
    codes = sequences.codes.copy()
    if fixed is not None:
        codes[fixed] = sequences.alphabet.wildcard
    stream = np.random.SeedSequence(seed, spawn_key=(number,))
    states = stream.generate_state(STATE_WORDS * max(1, len(sequences)), np.uint32).astype(np.int64)
    states = states.reshape(-1, STATE_WORDS)
    states[:, 0] |= states.sum(axis=1) == 0  # the one state from which the generator does not move
    n_chunks = max(1, min(len(sequences), len(codes) // LETTERS_PER_CHUNK))
    shuffle_sequences(codes, sequences.offsets, n_letters, word_length, n_chunks, states)
    if fixed is not None:
        codes[fixed] = sequences.codes[fixed]
    return replace(sequences, codes=codes)
