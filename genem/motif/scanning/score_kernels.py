"""Distribution of the score of a random word under a Markov background, by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel


@kernel
def score_probabilities(
    scores: NDArray[np.int64], contexts: NDArray[np.float64], transitions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability of every score, lowest first.

    Staden (1989), CABIOS 5:89, doi:10.1093/bioinformatics/5.2.89: column by column; here the last letters are a state.

    Parameters
    ----------
    scores
        (width, letter): whole numbers, at least 0.
    contexts
        (context,): probability of the letters before the word.
    transitions
        (context, letter): probability of a letter after them. A context has as many letters as make up their number;
        its first letter is the leading digit.

    Returns
    -------
    ndarray
        (largest score + 1,)
    """
    width, n_letters = scores.shape
    n_contexts = contexts.size
    largest = 0
    for column in range(width):
        largest += scores[column].max()
    current = np.zeros((n_contexts, largest + 1))
    current[:, 0] = contexts
    reached = 0
    for column in range(width):
        following = np.zeros((n_contexts, largest + 1))
        for context in range(n_contexts):
            source = current[context]
            for letter in range(n_letters):
                probability = transitions[context, letter]
                if probability > 0.0:
                    target = following[(context * n_letters + letter) % n_contexts]
                    shift = scores[column, letter]
                    target[shift : shift + reached + 1] += probability * source[: reached + 1]
        current = following
        reached += scores[column].max()
    total = np.zeros(largest + 1)
    for context in range(n_contexts):
        total += current[context]
    return total
