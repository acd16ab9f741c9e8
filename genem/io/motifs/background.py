"""Background models from files: words and their probabilities, as the MEME Suite writes them."""

from __future__ import annotations

import math
from pathlib import Path

from genem.data import SequenceSet
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput
from genem.io.sequences.any_format import format_of

__all__ = ["read_background"]

REMEDY = "each line is a word and its probability, '#' starts a comment; or give a FASTA file"


def read_background(path: str | Path) -> SequenceSet | dict[str, float]:
    """Read what a background model is to be made from: sequences, or probabilities of words.

    Parameters
    ----------
    path
        FASTA, or lines ``WORD PROBABILITY`` for all words up to a length, as ``fasta-get-markov`` writes them;
        recognised by content.

    Returns
    -------
    SequenceSet or dict
        The sequences of a FASTA file; else the probability of every word, words in upper case.

    Raises
    ------
    InputError
        The file cannot be read, or a line is neither a comment nor a word and a probability.

    Examples
    --------
    >>> len(read_background("data/promoters.fa"))
    18
    """
    with InflatedInput(path) as stream:
        content = b"".join(stream.pieces())
        name = stream.name
    if (known := format_of(content)) is not None:
        return known.parse(content, name, empty_records="keep", duplicate_names="number")
    probabilities: dict[str, float] = {}
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        word = words[0].upper()
        value = _probability(words[1]) if len(words) == 2 else math.nan
        if math.isnan(value) or not word.isalpha():
            raise InputError(f"{line.strip()[:40]!r}", path=name, place=f"line {number}", remedy=REMEDY)
        if word in probabilities:
            raise InputError(f"the word {word} was there before", path=name, place=f"line {number}", remedy=REMEDY)
        probabilities[word] = value
    if not probabilities:
        raise InputError("holds no probabilities", path=name, remedy=REMEDY)
    return probabilities


def _probability(text: str) -> float:
    """NaN for what is not a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if 0.0 <= value <= 1.0 else math.nan
