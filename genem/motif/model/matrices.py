"""Motif matrices: starts, and how much they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import UsageError
from genem.motif.alphabet import Alphabet
from genem.motif.priors import ColumnPrior

Vector = NDArray[np.float64]

SYMMETRIC = 1e-6
"""Probabilities nearer than this to those of the reverse complement are the same."""
SHARPENING = 1.05
"""Exponent that breaks the symmetry."""


def start_matrix(word: str, alphabet: Alphabet, *, sharpness: float | None = None) -> Vector:
    """A matrix that resembles a word: (1 + s) / (1 + A s) for its letter, s / (1 + A s) for each of the others.

    Parameters
    ----------
    word
        Letters and ambiguity codes, each of which stands for all its letters alike.
    alphabet
        Of A letters.
    sharpness
        s; default 2 / A, which gives the letter of a nucleotide word 1/2.

    Examples
    --------
    >>> from genem.motif import DNA
    >>> start_matrix("AN", DNA).round(3).tolist()
    [[0.5, 0.167, 0.167, 0.167], [0.25, 0.25, 0.25, 0.25]]
    """
    size = len(alphabet)
    s = 2.0 / size if sharpness is None else sharpness
    codes = alphabet.code_table[np.frombuffer(word.encode(), np.uint8)]
    if np.any(codes >= len(alphabet.symbols)):
        raise UsageError(f"{word!r} is not written in the letters of {alphabet.name}")
    chosen = alphabet.membership[codes].astype(np.float64)
    share: Vector = (chosen / chosen.sum(axis=1, keepdims=True) + s) / (1.0 + size * s)
    return share


def checked_start(start: ArrayLike, alphabet: Alphabet) -> Vector:
    """The start of a fit, its rows scaled to add up to 1."""
    matrix = np.array(start, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 1 or matrix.shape[1] != len(alphabet):
        raise UsageError(f"a start of shape {matrix.shape}; (width, {len(alphabet)}) expected for {alphabet.name}")
    totals = matrix.sum(axis=1, keepdims=True)
    if not (np.all(matrix >= 0.0) and np.all(np.isfinite(matrix)) and np.all(totals > 0.0)):
        raise UsageError("each column of the start needs probabilities of 0 or more, not all 0")
    scaled: Vector = matrix / totals
    return scaled


def without_zeros(matrix: Vector, prior: ColumnPrior) -> Vector:
    """The start as one letter per column and the prior's pseudocounts make it, where it holds a zero."""
    if np.all(matrix > 0.0):
        return matrix
    positive = np.where(matrix > 0.0, matrix, np.finfo(np.float64).tiny)
    counts = matrix + prior.pseudocounts(positive)
    smoothed: Vector = counts / counts.sum(axis=1, keepdims=True)
    return smoothed


def off_symmetry(matrix: Vector, complement: NDArray[np.uint8]) -> Vector:
    """A start that equals its reverse complement, its first half sharpened a little; any other as it is.

    With both strands searched the two readings of each site of a symmetric matrix are equally likely, and EM steps from
    one symmetric matrix to the next, even where the likelihood rises off them: a saddle that it cannot leave.
    """
    mirrored = matrix[::-1][:, complement[: matrix.shape[1]]]
    if np.max(np.abs(matrix - mirrored)) > SYMMETRIC:
        return matrix
    half = len(matrix) // 2
    sharpened = matrix.copy()
    sharpened[:half] **= SHARPENING
    result: Vector = sharpened / sharpened.sum(axis=1, keepdims=True)
    return result


def column_information(matrix: ArrayLike, background: ArrayLike) -> Vector:
    """float64 (width,): relative entropy of each column to the background, in bits.

    Examples
    --------
    >>> column_information([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]], [0.25] * 4).tolist()
    [2.0, 0.0]
    """
    p = np.asarray(matrix, np.float64)
    ratio = np.where(p > 0.0, p / np.asarray(background, np.float64), 1.0)
    bits: Vector = np.sum(p * np.log2(ratio), axis=1)
    return bits
