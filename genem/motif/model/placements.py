"""Windows in which a motif of a given width may lie, laid out for the kernels; the priors of its sites and columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError, UsageError
from genem.motif.alphabet import EncodedSequences
from genem.motif.background import Background
from genem.motif.model.kernels import Windows
from genem.motif.model.layout_kernels import sum_in_single_precision
from genem.motif.priors import BLOCKS9, ColumnPrior, DirichletMixture, Pseudocounts

Vector = NDArray[np.float64]
SiteModel = Literal["oops", "zoops", "anr"]

MOST_WORDS = 2**16
"""Words are numbered in 16 bits."""
WORD_LENGTHS = {4: 4, 20: 2}
"""Columns that are looked up together, by the number of letters: 256 and 400 words of plain letters."""


@dataclass(frozen=True, slots=True)
class Placements:
    """All windows of one width.

    Attributes
    ----------
    sequences
        The data.
    width
        Letters of a window.
    background
        The model of the letters outside of sites; symmetric where both strands are searched.
    windows
        The view of the kernels; it lists only the sequences that can hold a site.
    usable
        int64 (usable sequence,): their indices in ``sequences``.
    """

    sequences: EncodedSequences
    width: int
    background: Background
    windows: Windows
    usable: NDArray[np.int64]

    @property
    def both_strands(self) -> bool:
        """Whether sites may lie on either strand."""
        return self.windows.n_strands == 2

    @property
    def n_windows(self) -> int:
        """Windows in all, strands not counted apart."""
        return int(self.windows.n_windows.sum())


def find_placements(
    sequences: EncodedSequences,
    width: int,
    background: Background,
    *,
    both_strands: bool = False,
    weights: Vector | None = None,
) -> Placements:
    """List the windows of a width.

    Parameters
    ----------
    sequences
        The data; a sequence shorter than ``width`` has no window.
    width
        Letters of a window.
    background
        Averaged with the other strand here where both strands are searched.
    both_strands
        Whether sites may lie on either strand.
    weights
        float (total length,), 0 to 1: how far each letter is free, as erasing earlier motifs leaves it. A window
        counts with the smallest weight of its letters.

    Raises
    ------
    UsageError
        The width is below 1, the alphabet has no strands, or the weights do not fit.
    InputError
        No sequence can hold a site.
    """
    alphabet = sequences.alphabet
    if width < 1:
        raise UsageError(f"a motif of width {width}; at least 1 expected")
    if both_strands and not alphabet.has_strands:
        raise UsageError(f"{alphabet.name} has no reverse complement: search the strand as given")
    if background.alphabet != alphabet:
        raise UsageError(f"a background of {background.alphabet.name} for sequences of {alphabet.name}")
    if both_strands:
        background = background.symmetric()
    window_weights = _window_weights(sequences, width, background, weights)
    n_windows = np.maximum(sequences.lengths - width + 1, 0)
    usable = np.flatnonzero(n_windows)
    if weights is not None:
        usable = usable[[bool(np.any(row > 0.0)) for row in _rows(window_weights, sequences, n_windows, usable)]]
    if usable.size == 0:
        longest = int(sequences.lengths.max(initial=0))
        raise InputError(
            f"no sequence can hold a site of width {width} (the longest has {longest} letters)",
            remedy="choose a smaller width",
        )
    word_length = WORD_LENGTHS.get(len(alphabet), 1)
    words, word_codes = _words(sequences, word_length)
    padding = -(-width // word_length) * word_length
    with np.errstate(divide="ignore"):
        log_weights = np.log(window_weights)
    windows = Windows(
        words=np.append(words, np.zeros(padding, np.uint16)),
        word_codes=word_codes,
        complement=alphabet.complement_codes,
        starts=np.ascontiguousarray(sequences.offsets[:-1][usable]),
        n_windows=np.ascontiguousarray(n_windows[usable]),
        weights=window_weights,
        log_weights=log_weights,
        free=np.empty(0) if weights is None else _smallest_of_windows(weights, width),
        width=width,
        n_strands=2 if both_strands else 1,
    )
    return Placements(sequences, width, background, windows, usable)


def rounded_as_in_meme(placements: Placements) -> Placements:
    """The same windows, with background probabilities as MEME has them.

    Its log probability of a window is a difference of running sums over the sequence that are kept in 32 bits: about
    1e-5 off, which the number of sites under "anr" shows. (Inferred from what it prints: with sums rounded like this
    ll0 of its traces is met to some 1e-5, else to some 1e-3.)
    """
    sequences, windows = placements.sequences, placements.windows
    exact = placements.background.log_probabilities(sequences)
    rounded = np.empty(exact.size + 1)
    sum_in_single_precision(sequences.offsets, exact, rounded)
    running = np.append(0.0, np.cumsum(exact)) - rounded
    log_weights = np.zeros(exact.size)
    reach = max(exact.size - placements.width + 1, 0)
    log_weights[:reach] = running[placements.width :] - running[: -placements.width]
    if windows.weights.size:
        log_weights += windows.log_weights
    return replace(placements, windows=windows._replace(weights=np.exp(log_weights), log_weights=log_weights))


def column_prior(placements: Placements, pseudocount: float | None, prior: DirichletMixture | None) -> ColumnPrior:
    """The prior of the columns that ``pseudocount`` and ``prior`` of :func:`fit_motif` ask for."""
    if prior is not None and pseudocount is not None:
        raise UsageError("pseudocount and prior exclude each other: a mixture has its own pseudocounts")
    alphabet = placements.sequences.alphabet
    if prior is None and pseudocount is None and alphabet.is_protein:
        prior = BLOCKS9
    if prior is not None:
        if prior.concentrations.shape[1] != len(alphabet):
            raise UsageError(f"a prior of {prior.concentrations.shape[1]} letters for an alphabet of {len(alphabet)}")
        return prior
    weight = alphabet.pseudocount if pseudocount is None else pseudocount
    if not 0.0 <= weight < math.inf:
        raise UsageError(f"a pseudocount of {weight}; 0 or more expected")
    return Pseudocounts(weight, placements.background.probabilities)


def site_rate_prior(
    placements: Placements, model: SiteModel, n_sites: float | None, site_count_prior: float
) -> tuple[float, float]:
    """Mean of the Beta prior of the site rate, and the number of chances that it is worth."""
    if model not in ("oops", "zoops", "anr"):
        raise UsageError(f"model {model!r}; oops, zoops or anr expected")
    if not 0.0 <= site_count_prior < 1.0:
        raise UsageError(f"a site_count_prior of {site_count_prior}; from 0 to below 1 expected")
    usable = int(placements.usable.size)
    if model == "oops":
        return 1.0, 0.0
    chances = usable if model == "zoops" else placements.n_windows
    wanted = n_sites if n_sites is not None else usable / 2 if model == "zoops" else min(usable, chances / 2)
    if not 0.0 < wanted <= chances:
        raise UsageError(f"{wanted:g} sites; more than 0 and at most {chances} can be in these sequences")
    return wanted / chances, chances * site_count_prior / (1.0 - site_count_prior)


def _rows(
    values: Vector, sequences: EncodedSequences, n_windows: NDArray[np.int64], which: NDArray[np.int64]
) -> list[Vector]:
    return [values[sequences.offsets[i] : sequences.offsets[i] + n_windows[i]] for i in which]


def _words(sequences: EncodedSequences, length: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """The word of ``length`` codes that begins at each position, numbered among those that occur, and their codes."""
    n_codes = len(sequences.alphabet.symbols)
    padded = np.append(sequences.codes, np.full(length, sequences.alphabet.wildcard, np.uint8))
    index = np.zeros(sequences.codes.size, np.int32)
    for letter in range(length):
        index = index * n_codes + padded[letter : letter + sequences.codes.size]
    present = np.zeros(n_codes**length, np.bool_)
    present[index] = True
    spelled = np.flatnonzero(present)
    assert spelled.size <= MOST_WORDS
    numbers = np.zeros(present.size, np.uint16)
    numbers[spelled] = np.arange(spelled.size)
    places = n_codes ** np.arange(length - 1, -1, -1)
    return numbers[index], (spelled[:, None] // places % n_codes).astype(np.uint8)


def _window_weights(sequences: EncodedSequences, width: int, background: Background, weights: Vector | None) -> Vector:
    """Factor of the ratio of each window, float64 (position,); empty where all are 1.

    The smallest letter weight, and what a background of higher order makes of the window: tables divide by the
    probabilities of single letters, the ratio is to be against P(letter | letters before).
    """
    size = sequences.codes.size
    if weights is None and background.order == 0:
        return np.empty(0)
    result = np.ones(size)
    if weights is not None:
        free = np.asarray(weights, np.float64)
        if free.shape != (size,) or not (np.all(free >= 0.0) and np.all(free <= 1.0)):
            raise UsageError(f"weights must be {size} numbers from 0 to 1, one per letter")
        result = _smallest_of_windows(free, width)
    if background.order > 0:
        plain = Background(background.alphabet, background.conditionals[:1])
        excess = plain.log_probabilities(sequences) - background.log_probabilities(sequences)
        running = np.append(0.0, np.cumsum(excess))
        reach = max(size - width + 1, 0)
        result[:reach] *= np.exp(running[width:] - running[:-width])[:reach] if reach else 1.0
        result[reach:] = 0.0
    return result


def _smallest_of_windows(free: Vector, width: int) -> Vector:
    """float64 (position,): the smallest value of the window that begins there, 0 where none does."""
    reach = max(free.size - width + 1, 0)
    result = np.zeros(free.size)
    result[:reach] = free[:reach]
    for shift in range(1, width):
        np.minimum(result[:reach], free[shift : shift + reach], out=result[:reach])
    return result
