"""Small sequence sets for the tests of motifs, written as text."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from genem.data import SequenceSet
from genem.motif import DNA, Alphabet, EncodedSequences, MotifFit, encode


def sequence_set(*texts: str) -> SequenceSet:
    """Records named s1, s2, ..."""
    names = tuple(f"s{i}" for i in range(1, len(texts) + 1))
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    return SequenceSet(names, names, np.frombuffer("".join(texts).encode(), np.uint8), offsets)


def encoded(*texts: str, alphabet: Alphabet = DNA) -> EncodedSequences:
    return encode(sequence_set(*texts), alphabet)


def expected_sites(result: MotifFit) -> np.ndarray:
    """Expected sites of each sequence, float64 (sequence,)."""
    posterior = result.window_posteriors().sum(axis=0)
    return np.diff(np.append(0.0, np.cumsum(posterior))[result.model.placements.sequences.offsets])


def matrices(width: int, seed: int) -> np.ndarray:
    """A matrix of a width, all its probabilities above 0."""
    return np.random.default_rng(seed).dirichlet(np.ones(4), size=width) * 0.96 + 0.01


DNA_LETTERS = "ACGTACGTACGTACGTACGTNRY"  # mostly plain letters
DNA_SETS = st.lists(st.text(DNA_LETTERS, min_size=0, max_size=12), min_size=1, max_size=5)
