"""Motifs and their sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Motif:
    """A position probability matrix: what one motif looks like, whoever found it.

    Attributes
    ----------
    name, alternative_name
        Its identifier and, where it has one, a second name (``MA0496.3`` and ``MAFK``).
    alphabet
        The letters of the columns in order: ``ACGT``, ``ACGU``, or the 20 amino acids.
    probabilities
        float64 (width, letter): every row sums to 1.
    background
        float64 (letter,): what the motif stands out from.
    n_sites
        Number of sites the matrix rests on; NaN where the source does not say.
    log10_e_value
        NaN where unknown. A logarithm, because E-values underflow doubles.
    """

    name: str
    alphabet: str
    probabilities: NDArray[np.float64]
    background: NDArray[np.float64]
    n_sites: float = float("nan")
    log10_e_value: float = float("nan")
    alternative_name: str = ""

    @property
    def width(self) -> int:
        return len(self.probabilities)


@dataclass(frozen=True, slots=True)
class MotifSites:
    """Places where a motif occurs in a ``SequenceSet``: parallel arrays, one element per site.

    Attributes
    ----------
    sequence
        int64: index of the sequence.
    start
        int64: first letter of the site on the strand as given, 0-based.
    strand
        int8: 1 as given, -1 for the reverse complement.
    score
        float64: log2 likelihood ratio of motif to background, bits.
    p_value
        float64: probability of a score as high at one random window.
    posterior
        float64: posterior probability of the site under the fitted model; NaN for sites of a plain scan.
    """

    sequence: NDArray[np.int64]
    start: NDArray[np.int64]
    strand: NDArray[np.int8]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    posterior: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sequence)

    def select(self, rows: slice | NDArray[np.bool_] | NDArray[np.integer]) -> MotifSites:
        """Some of the sites: a slice, a mask, or their numbers."""
        return MotifSites(
            self.sequence[rows],
            self.start[rows],
            self.strand[rows],
            self.score[rows],
            self.p_value[rows],
            self.posterior[rows],
        )
