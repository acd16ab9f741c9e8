"""Significance of a motif: p-values of its columns, of their product, and the E-value of the alignment."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy

from genem.errors import UsageError
from genem.motif.model.placements import SiteModel
from genem.motif.significance.e_value_kernels import tails_of_four_letters, tilted_distribution
from genem.numerics.tails import log_chi_square_tail, log_product_tail

__all__ = [
    "column_log_likelihood_ratios",
    "column_log_p_values",
    "log10_alignments",
    "log10_e_value",
]

Floats = NDArray[np.float64]

LN10 = math.log(10.0)
RESOLUTION = 200
"""Steps of column ratios in MEME's tables of p-values."""
MAX_SITES_EXACT = 1000
"""Columns of four letters are summed exactly up to so many sites; larger ones are extrapolated from this size."""
MAX_SITES_ON_GRID = 150
"""The same for other alphabets, where the sum runs on a grid."""
GRID_CELLS = 4000
"""Cells between the ratio 0 and the largest."""
MIN_STEP = 0.005
"""No finer grid than this, in nats."""


def log10_e_value(
    counts: ArrayLike,
    background: ArrayLike,
    lengths: ArrayLike,
    *,
    model: SiteModel = "zoops",
    both_strands: bool = False,
    palindrome: bool = False,
    resolution: int | None = RESOLUTION,
) -> float:
    """The E-value of a motif as MEME defines it, as log10: E-values underflow doubles.

    It is the expected number of alignments as good in random sequences of the same lengths: the p-value of the
    product of the columns' p-values, times the number of ways to choose the sites.

    Parameters
    ----------
    counts
        (width, letter): how often each letter stands in each column of the aligned sites; every column has the same
        number of sites. Fractions arise where a site covers an unknown letter.
    background
        (letter,): letter frequencies.
    lengths
        (sequence,): lengths of the sequences the sites were chosen from, in letters.
    model
        ``oops``, ``zoops`` or ``anr``.
    both_strands
        The sites could lie on either strand.
    palindrome
        The motif was taken to equal its reverse complement: the counts are averaged with those of the reverse
        complement, and the strand of a site is no choice. All columns count, as in MEME, which errs on the safe side.
    resolution
        In how many steps, from 0 to the largest possible, column ratios are told apart. A ratio stands for all in its
        step, so that its p-value is that of a ratio half a step lower: never too small. MEME reads p-values from a
        table of 200 steps, which for motifs of many sites makes a few powers of ten. None: exact p-values.

    Returns
    -------
    float
        log10 E.

    Raises
    ------
    UsageError
        The columns differ in their number of sites, there are more sites than the sequences have room for, or a
        frequency is not positive.

    Notes
    -----
    With column ratios :math:`x_k = N \\sum_a f_{ka} \\log(f_{ka}/b_a)` and their p-values :math:`p_k`,

    .. math:: E = Q_w\\Bigl(\\sum_k \\log p_k\\Bigr) A(N), \\qquad Q_w(s) = e^s \\sum_{i<w} (-s)^i / i!

    where :math:`A(N)` counts the alignments (:func:`log10_alignments`). Neither the choice of width nor that of the
    number of sites is allowed for, nor a background of higher order: see :func:`genem.motif.search_significance`.

    References
    ----------
    Bailey & Gribskov (1998), Bioinformatics 14:48, doi:10.1093/bioinformatics/14.1.48 (product of p-values); Hertz &
    Stormo (1999), Bioinformatics 15:563, doi:10.1093/bioinformatics/15.7.563 (column p-values, alignments).

    Examples
    --------
    >>> counts = [[10, 0, 0, 0], [0, 10, 0, 0], [0, 0, 0, 10], [8, 0, 2, 0], [0, 0, 10, 0], [0, 9, 0, 1]]
    >>> round(log10_e_value(counts, [0.25] * 4, [50] * 12), 2)
    -3.39
    >>> many = 20 * np.array(counts)
    >>> round(log10_e_value(many, [0.25] * 4, [50] * 240), 1)
    -256.3
    >>> round(log10_e_value(many, [0.25] * 4, [50] * 240, resolution=None), 1)
    -256.8
    """
    matrix = np.array(counts, np.float64)
    frequencies = _checked_background(background)
    if palindrome:
        matrix = 0.5 * (matrix + matrix[::-1, ::-1])
    n_sites = _number_of_sites(matrix)
    ratios = column_log_likelihood_ratios(matrix, frequencies)
    if resolution is not None:
        ratios = np.maximum(ratios + 0.5 * n_sites * math.log(frequencies.min()) / resolution, 0.0)
    log_p = column_log_p_values(ratios, n_sites, frequencies)
    strands = 2 if both_strands and not palindrome else 1
    alignments = log10_alignments(lengths, len(matrix), n_sites, model=model, strands=strands)
    return log_product_tail(float(log_p.sum()), len(matrix)) / LN10 + alignments


def column_log_likelihood_ratios(counts: ArrayLike, background: ArrayLike) -> Floats:
    """``N sum_a f log(f / b)`` of every column, in nats.

    Parameters
    ----------
    counts
        (width, letter)
    background
        (letter,)

    Returns
    -------
    ndarray
        float64 (width,)

    Examples
    --------
    >>> column_log_likelihood_ratios([[4, 0, 0, 0], [1, 1, 1, 1]], [0.25] * 4).round(3).tolist()
    [5.545, 0.0]
    """
    matrix = np.asarray(counts, np.float64)
    expected = matrix.sum(axis=1, keepdims=True) * np.asarray(background, np.float64)
    ratios: Floats = (xlogy(matrix, matrix) - xlogy(matrix, expected)).sum(axis=1)
    return ratios


def column_log_p_values(ratios: ArrayLike, n_sites: int, background: ArrayLike, *, n_bins: int | None = None) -> Floats:
    """The probability of a column ratio as large by chance: multinomial letters, in logarithms.

    Four letters and up to 1000 sites: exact to rounding, a sum over all columns. Other alphabets, up to 150 sites: a
    convolution on a grid; each term is off by at most half a step (at most 1/4000 of the largest ratio, or 0.005
    nats), so that the value lies between the exact ones half an alphabet of steps above and below. More sites: the
    deviation from the chi-square tail, which at the same ratio per site hardly depends on the number of sites, is
    taken from the largest size that is summed. At 3000 sites that is off by less than 0.1 nats, but for columns of
    almost one letter by up to 0.6 (of some 4000).

    Parameters
    ----------
    ratios
        (column,): log-likelihood ratios in nats, of :func:`column_log_likelihood_ratios`.
    n_sites
        Letters of a column.
    background
        (letter,): their frequencies.
    n_bins
        From a table of so many bins, between which the logarithm is interpolated. None: no bins.

    Returns
    -------
    ndarray
        float64 (column,): natural logarithms of the p-values.

    References
    ----------
    Hertz & Stormo (1999), doi:10.1093/bioinformatics/15.7.563; Nagarajan, Jones & Keich (2005), Bioinformatics
    21:i311, doi:10.1093/bioinformatics/bti1044.

    Examples
    --------
    >>> all_alike = column_log_likelihood_ratios([[4, 0, 0, 0]], [0.25] * 4)
    >>> round(float(np.exp(column_log_p_values(all_alike, 4, [0.25] * 4))[0]) * 256, 9)  # of the 256 columns
    4.0
    """
    values = np.atleast_1d(np.asarray(ratios, np.float64))
    frequencies = _checked_background(background)
    if n_sites < 1:
        raise UsageError(f"a motif of {n_sites} sites; 1 is the least")
    if n_bins is not None:
        return np.minimum(_binned(values, n_sites, frequencies, n_bins), 0.0)
    return np.minimum(_log_tails(values, n_sites, frequencies), 0.0)


def log10_alignments(
    lengths: ArrayLike, width: int, n_sites: int, *, model: SiteModel = "zoops", strands: int = 1
) -> float:
    """The number of ways to choose the sites, as log10.

    Parameters
    ----------
    lengths
        (sequence,): lengths of the sequences; those shorter than the width have no room.
    width
        Of the motif.
    n_sites
        How many sites.
    model
        ``oops``, ``zoops``: a start in each of the ``n_sites`` longest sequences, times the choices of the sequences;
        ``anr``: any of the starts.
    strands
        1, or 2 where a site may lie on either.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        The sequences have no room for so many sites, or there is no such model.

    Examples
    --------
    >>> round(10 ** log10_alignments([10, 10, 10], 8, 2, model="zoops"))  # 3 starts each, 3 pairs of sequences
    27
    """
    if model not in ("oops", "zoops", "anr"):
        raise UsageError(f"model {model!r}; oops, zoops or anr expected")
    starts = np.sort(np.asarray(lengths, np.int64) - width + 1)[::-1]
    starts = starts[starts > 0]
    room = int(starts.sum()) if model == "anr" else len(starts)
    if n_sites > room:
        raise UsageError(f"{n_sites} sites of {width} letters; the sequences have room for {room} ({model})")
    if model == "anr":
        i = np.arange(0.0, n_sites)
        logs = np.log((room - i) * float(strands) / (i + 1.0)).sum()
    else:
        logs = np.log(strands * starts[:n_sites].astype(np.float64)).sum()
        logs += gammaln(room + 1.0) - gammaln(n_sites + 1.0) - gammaln(room - n_sites + 1.0)
    return float(logs) / LN10


def _log_tails(ratios: Floats, n_sites: int, background: Floats) -> Floats:
    largest = MAX_SITES_EXACT if len(background) == 4 else MAX_SITES_ON_GRID
    if n_sites <= largest:
        return _summed(ratios, n_sites, background)
    degrees_of_freedom = len(background) - 1
    scaled = ratios * (largest / n_sites)
    excess = _summed(scaled, largest, background) - log_chi_square_tail(scaled, degrees_of_freedom)
    return log_chi_square_tail(ratios, degrees_of_freedom) + excess


def _summed(ratios: Floats, n_sites: int, background: Floats) -> Floats:
    """log P(ratio at least as large), summed over all columns."""
    if len(background) != 4:
        step = max(MIN_STEP, n_sites * -math.log(background.min()) / GRID_CELLS)
        log_tail, origin = _grid_tail(n_sites, tuple(background.tolist()), step)
        cells = np.rint(ratios / step).astype(np.int64) + origin
        return log_tail[np.minimum(cells, len(log_tail) - 1)]
    terms, weights, log_scale = _column_terms(n_sites, background)
    tails = np.empty_like(ratios)
    tails_of_four_letters(terms, weights, ratios, tails)
    return np.log(tails) + log_scale - ratios


def _binned(ratios: Floats, n_sites: int, background: Floats, n_bins: int) -> Floats:
    """The same from a coarse table, its logarithm interpolated."""
    step = n_sites * -math.log(background.min()) / n_bins
    log_tail, origin = _grid_tail(n_sites, tuple(background.tolist()), step)
    finite = int(np.isfinite(log_tail).sum())
    place = np.minimum(ratios / step + origin, finite - 1)
    return np.interp(place, np.arange(finite), log_tail[:finite])


@lru_cache(maxsize=256)
def _grid_tail(n_sites: int, letters: tuple[float, ...], step: float) -> tuple[Floats, int]:
    """log P(ratio >= cell) for the cells of a grid, and the cell of ratio 0."""
    background = np.array(letters)
    terms, weights, log_scale = _column_terms(n_sites, background)
    slack = len(letters)  # terms round up or down
    origin = int(n_sites / (math.e * step)) + slack  # sum_a k log(k / (n b)) is above -n / e, however far it is summed
    distribution = np.empty(origin + int(n_sites * -math.log(background.min()) / step) + slack)
    tilted_distribution(terms, weights, step, origin, distribution)
    with np.errstate(divide="ignore"):
        log_probability = np.log(distribution) + log_scale - step * (np.arange(len(distribution)) - origin)
    return np.logaddexp.accumulate(log_probability[::-1])[::-1], origin


def _column_terms(n_sites: int, background: Floats) -> tuple[Floats, Floats, float]:
    """Summands of the kernels: terms of the ratio, tilted weights, and the logarithm of ``n! e^n / n^n``."""
    k = np.arange(n_sites + 1.0)
    terms = xlogy(k, k) - k * np.log(n_sites * background)[:, None]
    weights = np.exp(xlogy(k, k) - k - gammaln(k + 1.0))
    return terms, weights, float(gammaln(n_sites + 1.0) + n_sites - xlogy(n_sites, n_sites))


def _number_of_sites(counts: Floats) -> int:
    totals = counts.sum(axis=1)
    n_sites = int(np.rint(totals[0])) if len(totals) else 0
    if n_sites < 1 or np.abs(totals - n_sites).max() > 1e-6 * n_sites:
        raise UsageError("the columns of the motif do not have the same whole number of sites")
    return n_sites


def _checked_background(background: ArrayLike) -> Floats:
    frequencies = np.asarray(background, np.float64)
    if frequencies.ndim != 1 or not (frequencies > 0.0).all() or abs(frequencies.sum() - 1.0) > 1e-3:
        raise UsageError("letter frequencies must be positive and sum to 1")
    normalised: Floats = frequencies / frequencies.sum()
    return normalised
