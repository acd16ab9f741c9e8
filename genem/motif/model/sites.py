"""The sites that a fitted motif points to."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from genem.data import MotifSites
from genem.motif.model.fitting import MotifFit

Vector = NDArray[np.float64]


def site_posteriors(fit: MotifFit, *, least: float = 0.5) -> MotifSites:
    """The windows whose posterior probability is at least ``least``, with their scores.

    Returns
    -------
    MotifSites
        In order of sequence, start and strand. The score is the log2 likelihood ratio of motif to background, erased
        letters not counted off; p-values are NaN here.
    """
    posterior = fit.window_posteriors()
    sequences, windows = fit.model.placements.sequences, fit.model.placements.windows
    borders = np.zeros(posterior.shape[1] + 1, np.int64)
    borders[windows.starts] += 1
    borders[windows.starts + windows.n_windows] -= 1
    is_window = np.cumsum(borders[:-1]) > 0
    position, strand = np.nonzero((least <= posterior.T) & is_window[:, None])
    sequence = np.searchsorted(sequences.offsets, position, side="right") - 1
    return MotifSites(
        sequence=sequence.astype(np.int64),
        start=position - sequences.offsets[sequence],
        strand=np.where(strand == 0, 1, -1).astype(np.int8),
        score=_window_scores(fit, position, strand),
        p_value=np.full(position.size, np.nan),
        posterior=posterior[strand, position],
    )


def _window_scores(fit: MotifFit, position: NDArray[np.int64], strand: NDArray[np.int64]) -> Vector:
    """float64 (window,): log2 likelihood ratios."""
    sequences, alphabet = fit.model.placements.sequences, fit.alphabet
    width = len(fit.matrix)
    if position.size == 0:
        return np.empty(0)
    codes = sequences.codes[position[:, None] + np.arange(width)]
    turned = alphabet.complement_codes[codes[:, ::-1]]
    read = np.where((strand == 1)[:, None], turned, codes)
    with np.errstate(divide="ignore"):
        log_motif = np.log(fit.matrix @ alphabet.membership.T)
    inside = log_motif[np.arange(width), read].sum(axis=1)
    running = np.append(0.0, np.cumsum(fit.background.log_probabilities(sequences)))
    score: Vector = (inside - (running[position + width] - running[position])) / math.log(2.0)
    return score
