"""Fit a motif from a start, and what the fit says about sites."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem import em
from genem.data import Motif, MotifSites
from genem.em import EMFit, StandardErrors, Status
from genem.errors import UsageError
from genem.jit import set_threads
from genem.motif.alphabet import Alphabet, EncodedSequences
from genem.motif.background import Background, estimate_background
from genem.motif.model.em_model import MotifModel, MotifParams
from genem.motif.model.matrices import checked_start, column_information, off_symmetry, without_zeros
from genem.motif.model.placements import Placements, SiteModel, column_prior, find_placements, site_rate_prior
from genem.motif.priors import ColumnPrior, DirichletMixture, Pseudocounts

Vector = NDArray[np.float64]

DEFAULT_TOLERANCE = 1e-5
DEFAULT_MAX_ITER = 1000
MEME_MAX_ITER = 50
LOCK_TOLERANCE = 1e-6
"""A zero off which the objective rises by more, relative to 1 + its size, is named as locked."""


@dataclass(frozen=True, slots=True)
class MotifFit:
    """A fitted motif.

    Attributes
    ----------
    matrix
        float64 (width, letter): probabilities.
    site_rate
        "zoops": share of the usable sequences that have a site; "anr": probability that one begins wherever it fits;
        1 for "oops".
    n_sites
        Expected, or effective, number of sites: their posterior probabilities added up.
    log_likelihood_ratio
        Natural logarithm: log-likelihood of the data less that of the background alone.
    counts
        float64 (width, letter): expected letters at the sites, without pseudocounts.
    locked_cells
        Column (from 1) and letter of every probability that is 0 only because it started there.
    fit
        The EM run; its objective is ``log_likelihood_ratio`` plus the log prior.
    model
        The model, for whoever wants to step on.
    """

    matrix: Vector
    site_rate: float
    n_sites: float
    log_likelihood_ratio: float
    counts: Vector
    locked_cells: tuple[tuple[int, str], ...]
    fit: EMFit[MotifParams]
    model: MotifModel

    @property
    def params(self) -> MotifParams:
        """Matrix and rate."""
        return self.fit.params

    @property
    def status(self) -> Status:
        """End of the run."""
        return self.fit.status

    @property
    def reason(self) -> str:
        """Reason for a status other than ``converged``; empty if it is that."""
        if self.locked_cells:
            cells = ", ".join(f"{letter} in column {column}" for column, letter in self.locked_cells)
            return f"a letter that starts with probability 0 stays there: {cells}; use a pseudocount"
        return self.fit.best.reason

    @property
    def background(self) -> Background:
        """Model of the letters that the motif was told apart from."""
        return self.model.placements.background

    @property
    def alphabet(self) -> Alphabet:
        """The letters of the columns."""
        return self.model.placements.sequences.alphabet

    @property
    def log_likelihood(self) -> float:
        """Natural logarithm of the probability of all sequences."""
        alone = float(np.sum(self.background.log_probabilities(self.model.placements.sequences)))
        return alone + self.log_likelihood_ratio

    @property
    def information_content(self) -> float:
        """Relative entropy of the motif to the background's letters, in bits."""
        return float(np.sum(column_information(self.matrix, self.background.probabilities)))

    def motif(self, name: str) -> Motif:
        """The matrix as what flows to writers and scanners."""
        return Motif(name, self.alphabet.letters, self.matrix, self.background.probabilities, self.n_sites)

    def window_posteriors(self) -> Vector:
        """float64 (strand, position): posterior probability of a site whose first letter stands there."""
        return self.model.posteriors(self.params)

    def standard_errors(self) -> StandardErrors[MotifParams]:
        """Standard errors of matrix and rate, from the curvature of the objective.

        They are refused, with the reason, where there are none. A fit with MEME's steps has
        none: it ends at no maximum. See :func:`genem.em.standard_errors`.
        """
        if self.model.meme_compatible:
            raise UsageError("steps compatible with MEME maximise no likelihood: there are no standard errors")
        return em.standard_errors(self.model, self.fit)


def fit_motif(
    sequences: EncodedSequences,
    start: ArrayLike,
    *,
    model: SiteModel = "zoops",
    n_sites: float | None = None,
    both_strands: bool = False,
    palindrome: bool = False,
    background: Background | None = None,
    pseudocount: float | None = None,
    prior: DirichletMixture | None = None,
    site_count_prior: float = 0.8,
    weights: ArrayLike | None = None,
    tolerance: float | None = None,
    max_iter: int | None = None,
    accelerate: bool = True,
    trace: bool = False,
    meme_compatible: bool = False,
    threads: int = 1,
) -> MotifFit:
    r"""Fit one motif by EM from a start.

    With :math:`x_{ij}` the likelihood ratio of motif to background of window j of sequence i (both strands counted),
    m placements per sequence and the share :math:`\gamma` of sequences with a site ("oops": 1),

    .. math:: z_{ij} = \frac{\gamma\, x_{ij} / m_i}{1 - \gamma + \gamma \sum_j x_{ij} / m_i}, \qquad
              \theta_k(a) \propto \sum_{ij} z_{ij}\, [\text{letter } k \text{ is } a] + \beta\, b(a)

    (Lawrence & Reilly 1990, doi:10.1002/prot.340070105; Bailey & Elkan 1994, ISMB 2:28). "anr" allows any number of
    sites that do not overlap. Letters that are not known are missing data: they score by the probability of what they
    may be, and are counted as the motif expects them.

    Parameters
    ----------
    sequences
        The data, from :func:`genem.motif.encode`.
    start
        float (width, letter): the matrix to start from; each row is scaled to add up to 1.
    model
        Sites per sequence: "oops" exactly one, "zoops" none or one, "anr" any number.
    n_sites
        How many sites to start from, the mean of the prior of their number. Default: all usable sequences for "oops"
        and "anr", half of them for "zoops".
    both_strands
        Sites may lie on either strand; the background is averaged over both.
    palindrome
        The motif equals its reverse complement.
    background
        Default: letter frequencies of the sequences, with add-one smoothing.
    pseudocount
        Letters added to every column, shared out as in the background. Default: 0.01 for nucleotides. 0 is maximum
        likelihood; a letter that starts with probability 0 then stays there and the status says ``locked``.
    prior
        A Dirichlet mixture instead of pseudocounts. Default for protein: ``genem.motif.BLOCKS9``.
    site_count_prior
        From 0 to below 1: weight of ``n_sites`` against the data in the number of sites,
        (1 - weight) sum z + weight n_sites. This is the mode under a Beta prior with mean n_sites / N that is worth
        N weight / (1 - weight) observations, N being sequences ("zoops") or windows ("anr").
    weights
        float (total length,), 0 to 1: how far each letter is free; erasing sets it to 1 - P(in an earlier motif).
    tolerance
        On the Euclidean length of an EM step, in probabilities; a tenth of it on the scaled gradient and a
        ten-thousandth on the relative change of the objective. Default 1e-5.
    max_iter
        Most EM steps. Default 1000.
    accelerate
        Use SQUAREM where no probability can be 0.
    trace
        Record every step.
    meme_compatible
        Step as MEME does, even where that is not EM: windows of "anr" are taken one by one and overlaps rescaled, a
        Dirichlet mixture gives the posterior mean, unknown letters are counted as in the background, and the run
        stops at an EM step of 1e-5 or after 50. The objective may fall.
    threads
        Threads to use; they do not change the result.

    Returns
    -------
    MotifFit

    Raises
    ------
    UsageError
        Arguments that make no sense.
    InputError
        No sequence can hold a site.

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> from genem.motif import DNA, encode, start_matrix
    >>> promoters = encode(read_fasta("data/promoters.fa"), DNA)
    >>> result = fit_motif(promoters, start_matrix("TGTGANNNNNNTCACA", DNA), model="oops", both_strands=True)
    >>> result.status.label, round(result.n_sites, 6), round(result.information_content, 1)
    ('converged', 18.0, 14.1)
    """
    alphabet = sequences.alphabet
    matrix = checked_start(start, alphabet)
    chosen = estimate_background(sequences, both_strands=both_strands) if background is None else background
    free = None if weights is None else np.asarray(weights, np.float64)
    placements = find_placements(sequences, len(matrix), chosen, both_strands=both_strands, weights=free)
    set_threads(threads)
    return fit_placements(
        placements,
        matrix,
        model=model,
        n_sites=n_sites,
        palindrome=palindrome,
        prior=column_prior(placements, pseudocount, prior),
        site_count_prior=site_count_prior,
        tolerance=tolerance,
        max_iter=max_iter,
        accelerate=accelerate,
        trace=trace,
        meme_compatible=meme_compatible,
    )


def fit_placements(
    placements: Placements,
    start: Vector,
    *,
    model: SiteModel,
    n_sites: float | None = None,
    palindrome: bool = False,
    prior: ColumnPrior | None = None,
    site_count_prior: float = 0.8,
    tolerance: float | None = None,
    max_iter: int | None = None,
    accelerate: bool = True,
    trace: bool = False,
    meme_compatible: bool = False,
) -> MotifFit:
    """Fit as :func:`fit_motif` does in windows that are laid out already: a search fits many motifs of one width."""
    columns = column_prior(placements, None, None) if prior is None else prior
    rate, chances = site_rate_prior(placements, model, n_sites, site_count_prior)
    _check_palindrome(placements, palindrome)
    motif_model = MotifModel(placements, model, columns, rate, chances, palindrome, meme_compatible)
    smooth = not isinstance(columns, Pseudocounts) or columns.weight > 0.0
    first = MotifParams(without_zeros(start, columns) if smooth else start, _start_rate(motif_model, rate))
    if palindrome:
        first = MotifParams(motif_model.pooled(first.matrix), first.site_rate)
    elif placements.both_strands and not meme_compatible:
        first = MotifParams(off_symmetry(first.matrix, placements.windows.complement), first.site_rate)
    step = DEFAULT_TOLERANCE if tolerance is None else tolerance
    most = MEME_MAX_ITER if meme_compatible else DEFAULT_MAX_ITER
    if not step > 0.0 or (max_iter is not None and max_iter < 1):
        raise UsageError(f"tolerance {step}, max_iter {max_iter}: each must be above 0")
    options: dict[str, Any] = {"objective_tolerance": 1e-4 * step, "gradient_tolerance": 0.1 * step}
    if meme_compatible:  # only the length of the step counts, and the objective may fall
        options = dict.fromkeys(("objective_tolerance", "gradient_tolerance", "decrease_tolerance"), math.inf)
    run = em.fit(
        motif_model,
        start=first,
        parameter_norm="absolute",
        parameter_tolerance=step,
        max_iter=most if max_iter is None else max_iter,
        accelerate=accelerate and smooth and not meme_compatible,
        trace=trace,
        **options,
    )
    return _result(motif_model, first, run)


def _start_rate(model: MotifModel, mean: float) -> float:
    """The prior's mean, off the bounds that EM cannot leave."""
    if not model.has_rate or model.meme_compatible:
        return mean
    chances = model.placements.usable.size if model.site_model == "zoops" else model.placements.n_windows
    return min(mean, 1.0 - 0.5 / (chances + 1.0))


def _check_palindrome(placements: Placements, palindrome: bool) -> None:
    if palindrome and not placements.sequences.alphabet.has_strands:
        raise UsageError(f"{placements.sequences.alphabet.name} has no complement: no palindromes")


def _result(model: MotifModel, first: MotifParams, run: EMFit[MotifParams]) -> MotifFit:
    expected = model.expect(run.params)
    return MotifFit(
        matrix=run.params.matrix,
        site_rate=run.params.site_rate,
        n_sites=expected.n_sites,
        log_likelihood_ratio=run.log_likelihood,
        counts=expected.counts,
        locked_cells=_locked_cells(model, first, run) if run.status is Status.LOCKED else (),
        fit=run,
        model=model,
    )


def _locked_cells(model: MotifModel, first: MotifParams, run: EMFit[MotifParams]) -> tuple[tuple[int, str], ...]:
    """The cells that are 0 and off which the likelihood rises, at the end or at the start."""
    threshold = LOCK_TOLERANCE * (1.0 + abs(run.objective))
    pulls = model.stationarity(run.params).pulls_off(threshold) | model.stationarity(first).pulls_off(threshold)
    cells = pulls[: run.params.matrix.size].reshape(run.params.matrix.shape) & (run.params.matrix <= 0.0)
    letters = model.placements.sequences.alphabet.letters
    return tuple((int(column) + 1, letters[letter]) for column, letter in np.argwhere(cells))


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
