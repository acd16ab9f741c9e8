"""Sequences without a motif, of kinds that have misled motif searches."""

from __future__ import annotations

import numpy as np

from genem.motif import DNA, EncodedSequences

KINDS = ("independent letters", "Markov chain of order 3", "GC-rich", "tandem repeats", "unequal lengths")
ORDER = 3
RICH = np.array([0.175, 0.325, 0.325, 0.175])
LONGEST_UNIT = 6
SHARE_WITH_REPEAT = 0.3


def null_set(kind: str, seed: int, *, n_sequences: int = 20, length: int = 60) -> EncodedSequences:
    """One set of a kind; letters are A and T at 0.3 each but where the kind says otherwise.

    Markov chain: the transitions from every three letters are drawn from a Dirichlet distribution, once for the set.
    Tandem repeats: three sequences in ten hold a run of 12 to 30 letters of a unit of their own, of 1 to 6 letters.
    Unequal lengths: geometric steps from a third of ``length`` to its threefold.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(KINDS.index(kind),)))
    lengths = np.full(n_sequences, length)
    if kind == "unequal lengths":
        lengths = np.rint(np.geomspace(length / 3, 3 * length, n_sequences)).astype(int)
    letters = RICH if kind == "GC-rich" else np.array([0.3, 0.2, 0.2, 0.3])
    texts = [rng.choice(4, n, p=letters).astype(np.uint8) for n in lengths]
    if kind == "Markov chain of order 3":
        transitions = np.cumsum(rng.dirichlet(20.0 * letters, 4**ORDER), axis=1)
        texts = [_chain(rng, transitions, n) for n in lengths]
    if kind == "tandem repeats":
        for text in texts:
            if rng.random() < SHARE_WITH_REPEAT:
                unit = rng.integers(0, 4, rng.integers(1, LONGEST_UNIT + 1))
                run = int(rng.integers(12, 31))
                start = int(rng.integers(0, len(text) - run + 1))
                text[start : start + run] = np.resize(unit, run)
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int64)
    return EncodedSequences(DNA, tuple(f"s{i}" for i in range(n_sequences)), np.concatenate(texts), offsets)


def _chain(rng: np.random.Generator, cumulative: np.ndarray, length: int) -> np.ndarray:
    """A Markov chain, begun long before its first letter that counts."""
    context = int(rng.integers(0, len(cumulative)))
    text = np.empty(length + 50, np.uint8)
    for i, value in enumerate(rng.random(len(text))):
        text[i] = min(int(np.searchsorted(cumulative[context], value)), 3)
        context = (context * 4 + int(text[i])) % len(cumulative)
    return text[50:]
