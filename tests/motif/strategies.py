"""Random motifs and sites, for the tests of what is written and read."""

from __future__ import annotations

import string

import numpy as np
from hypothesis import strategies as st

from genem.data import Motif, MotifSites, SequenceSet

ALPHABETS = ("ACGT", "ACGU", "ACDEFGHIKLMNPQRSTVWY")
names = st.text(string.ascii_letters + string.digits + "=-_.:+|", min_size=1, max_size=12)


def probability_rows(seed: int, width: int, n_letters: int) -> np.ndarray:
    """Rows of which some cells are 0 and some tiny."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(n_letters, 0.3), width)
    rows[rng.random(rows.shape) < 0.2] = 0.0
    rows[rows.sum(axis=1) == 0.0, 0] = 1.0
    return rows / rows.sum(axis=1, keepdims=True)


@st.composite
def motif_lists(draw: st.DrawFn, alphabets: tuple[str, ...] = ALPHABETS) -> list[Motif]:
    """Motifs of one alphabet and one background."""
    alphabet = draw(st.sampled_from(alphabets))
    seeds = st.integers(0, 2**32)
    background = probability_rows(draw(seeds), 1, len(alphabet))[0]
    return [
        Motif(
            name=draw(names),
            alternative_name=draw(st.one_of(st.just(""), names)),
            alphabet=alphabet,
            probabilities=probability_rows(draw(seeds), draw(st.integers(1, 12)), len(alphabet)),
            background=background,
            n_sites=float(draw(st.one_of(st.just(float("nan")), st.integers(1, 10**6)))),
            log10_e_value=draw(st.one_of(st.just(float("nan")), st.floats(-5000.0, 300.0))),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]


def sequence_set(sequences: dict[str, str]) -> SequenceSet:
    letters = np.frombuffer("".join(sequences.values()).encode(), np.uint8)
    offsets = np.cumsum([0, *(len(sequence) for sequence in sequences.values())])
    return SequenceSet(tuple(sequences), tuple(sequences), letters, offsets.astype(np.int64))


def motif_sites(rows: list[tuple[int, int, int]], p_values: list[float] | None = None) -> MotifSites:
    """Sites from (sequence, start, strand); posteriors 1."""
    sequence, start, strand = np.array(rows, np.int64).reshape(-1, 3).T
    p_value = np.full(len(rows), 1e-3) if p_values is None else np.array(p_values)
    return MotifSites(sequence, start, strand.astype(np.int8), -np.log2(p_value), p_value, np.ones(len(rows)))
