"""Motif models of the EM engine: one site per sequence, none or one, any number."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genem.em import EMStep, Stationarity
from genem.em.model import Degenerate
from genem.motif.model import kernels
from genem.motif.model import step_kernels as steps
from genem.motif.model.placements import Placements, SiteModel, rounded_as_in_meme
from genem.motif.priors import ColumnPrior, DirichletMixture

Vector = NDArray[np.float64]

PLACEMENT_CODES = {"oops": kernels.OOPS, "zoops": kernels.ZOOPS, "anr": kernels.ANR}
N_CHUNKS = 16
"""Sequences are counted in this many fixed parts, whatever the number of threads."""
NEGLIGIBLE = 1e-12
"""Posterior probability below which a window gets no share of the letters."""
NUDGE = 1e-30
"""What a zero probability is replaced by to find out how the likelihood would rise off it."""
FLOOR = 1e-300
"""Smallest probability that is given a logarithm."""
SHARPEST = 650.0
"""Most nats of one site under "anr", whose likelihood ratios are not kept as logarithms."""


@dataclass(frozen=True, slots=True)
class MotifParams:
    """Parameters of a motif.

    Attributes
    ----------
    matrix
        float64 (width, letter): every row sums to 1.
    site_rate
        "zoops": share of sequences with a site; "anr": probability that one begins wherever it fits. 1 for "oops".
    """

    matrix: Vector
    site_rate: float


@dataclass(frozen=True, slots=True)
class Expectation:
    """Results of the E step.

    Attributes
    ----------
    log_likelihood_ratio
        Log-likelihood of the data less that of the background alone.
    counts
        float64 (width, letter): expected letters of the sites, ambiguity codes divided by the motif.
    codes
        float64 (width, code): the same, before they are divided.
    n_sites, n_chances
        Expected sites, and places where one could have begun (sequences for "oops" and "zoops").
    log_evidence
        float64 (usable sequence,)
    expected_complete_log_likelihood
        On the scale of ``log_likelihood_ratio``, from the expected counts.
    """

    log_likelihood_ratio: float
    counts: Vector
    codes: Vector
    n_sites: float
    n_chances: float
    log_evidence: Vector
    expected_complete_log_likelihood: float


@dataclass(frozen=True)
class MotifModel:
    r"""A motif in a background, as a model of the EM engine.

    The log-likelihood is relative to that of the background alone. With :math:`x_{ij} = \prod_k \theta_k / b` the ratio
    of window j of sequence i, S strands and m windows per sequence,

    .. math:: \ell = \sum_i \log\Big(1 - \gamma + \frac{\gamma}{S m_i} \sum_j x_{ij}\Big)

    for "zoops"; "oops" has :math:`\gamma = 1`. "anr" reads each sequence from the left: wherever a site still fits, one
    begins with probability :math:`\lambda`, else a background letter follows, so that sites do not overlap.

    Attributes
    ----------
    placements
        The windows.
    site_model
        How many sites a sequence has.
    prior
        Of the columns.
    prior_rate, prior_chances
        Beta prior of the rate: its mean and how many chances it is worth.
    palindrome
        Whether the motif equals its reverse complement.
    meme_compatible
        Step as MEME does where that is not EM: "anr" takes every window for itself and rescales overlaps, a
        Dirichlet mixture gives the posterior mean, and wildcards are divided by the background. Background
        probabilities of windows are rounded as MEME rounds them.
    """

    placements: Placements
    site_model: SiteModel
    prior: ColumnPrior
    prior_rate: float = 0.5
    prior_chances: float = 0.0
    palindrome: bool = False
    meme_compatible: bool = False
    _last: dict[tuple[bytes, float], Expectation] = field(default_factory=dict, compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and letters."""
        return self.placements.width, len(self.placements.sequences.alphabet)

    @property
    def has_rate(self) -> bool:
        """Whether the rate of sites is estimated."""
        return self.site_model != "oops"

    @property
    def placement_code(self) -> int:
        """Code of the kernels for the way sites are placed."""
        if self.meme_compatible and self.site_model == "anr":
            return kernels.MIXTURE
        return PLACEMENT_CODES[self.site_model]

    @cached_property
    def _windows(self) -> kernels.Windows:
        return (rounded_as_in_meme(self.placements) if self.meme_compatible else self.placements).windows

    @property
    def n_free(self) -> int:
        return int(self.coordinates.max(initial=-1)) + 1 + self.has_rate

    @property
    def n_observations(self) -> int:
        return int(self.placements.usable.size)

    @property
    def coordinates(self) -> NDArray[np.int64]:
        """int64 (width, letter): the log-ratio coordinate of each cell, -1 for those the others refer to.

        The last letter is the reference of its column. In a palindrome mirror images share their coordinates, and in a
        middle column complements do.
        """
        width, size = self.shape
        if not self.palindrome:
            cells = np.arange(width * (size - 1)).reshape(width, size - 1)
            return np.hstack([cells, np.full((width, 1), -1)])
        partner = self.placements.windows.complement[:size]
        result = np.full((width, size), -1)
        number = 0
        for column in range((width + 1) // 2):
            mirror = width - 1 - column
            for letter in range(size):
                is_reference = letter in (size - 1, partner[size - 1]) if column == mirror else letter == size - 1
                if not is_reference and result[column, letter] < 0:
                    result[column, letter] = result[mirror, partner[letter]] = number
                    number += 1
        return result

    def start(self, rng: np.random.Generator) -> MotifParams:
        matrix = rng.dirichlet(np.ones(self.shape[1]), size=self.shape[0])
        rate = self.prior_rate if self.has_rate else 1.0
        return MotifParams(self.pooled(matrix), rate)

    def em_step(self, params: MotifParams) -> EMStep[MotifParams]:
        expected = self.expect(params)
        return EMStep(
            params=self._maximise(params, expected),
            log_likelihood=expected.log_likelihood_ratio,
            penalty=self.penalty(params),
            expected_complete_log_likelihood=expected.expected_complete_log_likelihood,
        )

    def penalty(self, params: MotifParams) -> float:
        """Log prior density, but for a constant."""
        penalty = self.prior.log_density(params.matrix)
        if self.has_rate:
            penalty += float(steps.log_rate_prior(params.site_rate, self.prior_rate, self.prior_chances))
        return penalty

    def expect(self, params: MotifParams) -> Expectation:
        """The E step; the last one is kept, for the stop rule asks for it again."""
        key = (params.matrix.tobytes(), params.site_rate)
        if key not in self._last:
            self._last.clear()
            self._last[key] = self._evaluate(params, NEGLIGIBLE)
        return self._last[key]

    def posteriors(self, params: MotifParams) -> Vector:
        """float64 (strand, position): posterior probability of a site whose first letter stands there."""
        posterior = np.zeros((self.placements.windows.n_strands, self.placements.sequences.codes.size))
        self._evaluate(params, 0.0, posterior)
        return posterior

    def pack(self, params: MotifParams) -> Vector:
        """Log-ratios of each column to its last letter, and the logit of the rate."""
        logs = np.log(np.maximum(params.matrix, FLOOR))
        cells = self.coordinates
        reference = logs[:, -1:]
        vector = np.zeros(self.n_free)
        chosen = cells >= 0
        if self.palindrome:  # the middle column and the right half refer to complements
            references = np.where(cells < 0, logs, -np.inf).max(axis=1, keepdims=True)
            reference = references
        vector[cells[chosen]] = (logs - reference)[chosen]
        if self.has_rate:
            rate = min(max(params.site_rate, FLOOR), 1.0 - 1e-16)
            vector[-1] = np.log(rate) - np.log1p(-rate)
        return vector

    def unpack(self, vector: Vector) -> MotifParams:
        if not np.all(np.isfinite(vector)):
            raise Degenerate("a coordinate of the motif is not finite")
        cells = self.coordinates
        logs = np.where(cells >= 0, vector[cells], 0.0)
        matrix = np.exp(logs - logs.max(axis=1, keepdims=True))
        matrix /= matrix.sum(axis=1, keepdims=True)
        rate = 1.0 / (1.0 + np.exp(-np.clip(vector[-1], -700.0, 700.0))) if self.has_rate else 1.0
        return MotifParams(matrix, float(rate))

    def gradient(self, params: MotifParams) -> Vector:
        """Gradient of the objective, in packed coordinates."""
        cells = self.coordinates
        slope = self._column_slopes(params)
        vector = np.bincount(cells[cells >= 0], weights=slope[cells >= 0], minlength=self.n_free)
        if self.has_rate:
            vector[-1] = self._rate_slope(params) * params.site_rate * (1.0 - params.site_rate)
        return vector.astype(np.float64)

    def stationarity(self, params: MotifParams) -> Stationarity:
        """Columns: the gradient by log-probability; where a probability is 0, by the probability itself.

        Mirror images of a palindrome are one parameter: its gradient is the sum of both.
        """
        slope = self._column_slopes(params)
        zero = params.matrix <= 0.0
        if np.any(zero):
            multiplier = self.expect(params).counts.sum(axis=1, keepdims=True)
            slope = np.where(zero, self._slopes_off_zero(params) - multiplier, slope)
        if self.palindrome:
            slope = slope + slope[::-1, self.placements.windows.complement[: slope.shape[1]]]
        columns = Stationarity(slope.ravel(), params.matrix.ravel().copy())
        if not self.has_rate:
            return Stationarity.join(columns, Stationarity.unconstrained([0.0]))
        rate = params.site_rate
        return Stationarity.join(columns, Stationarity.box([rate], [self._rate_slope(params)], [0.0], [1.0]))

    def _maximise(self, params: MotifParams, expected: Expectation) -> MotifParams:
        if self.meme_compatible and isinstance(self.prior, DirichletMixture):
            counts = self.prior.posterior_mean(expected.counts)
        else:
            counts = expected.counts + self.prior.pseudocounts(params.matrix)
        rate = 1.0
        if self.has_rate:
            rate = float(steps.next_rate(expected.n_sites, expected.n_chances, self.prior_rate, self.prior_chances))
        return MotifParams(self.pooled(counts), rate)

    def pooled(self, counts: Vector) -> Vector:
        """Counts, or probabilities, as columns that add up to 1; mirror images pooled in a palindrome."""
        matrix = np.empty(self.shape)
        steps.normalise_columns(
            np.ascontiguousarray(counts), self.placements.windows.complement, self.palindrome, matrix
        )
        return matrix

    def _column_slopes(self, params: MotifParams) -> Vector:
        """float64 (width, letter): derivative of the objective by each log-probability along the simplex."""
        counts = self.expect(params).counts + self.prior.pseudocounts(params.matrix)
        slope: Vector = counts - params.matrix * counts.sum(axis=1, keepdims=True)
        return slope

    def _slopes_off_zero(self, params: MotifParams) -> Vector:
        """float64 (width, letter): derivative of the log-likelihood by each probability that is 0, else 0.

        A nudge of 1e-30 gives such a letter the share 1e-30 times the derivative.
        """
        zero = params.matrix <= 0.0
        nudged = MotifParams(np.where(zero, NUDGE, params.matrix), params.site_rate)
        return np.where(zero, self._evaluate(nudged, 0.0).counts / NUDGE, 0.0)

    def _rate_slope(self, params: MotifParams) -> float:
        """Derivative of the objective by the rate."""
        rate = params.site_rate
        expected = self.expect(params)
        if self.site_model == "zoops":
            evidence = expected.log_evidence
            # (x - 1) / (1 - rate + rate x), with x = exp(evidence) of any size
            slope = float(np.sum(np.tanh(0.5 * evidence) / _mean_weight(evidence, rate)))
        elif 0.0 < rate < 1.0:
            slope = expected.n_sites / rate - (expected.n_chances - expected.n_sites) / (1.0 - rate)
        else:
            slope = 0.0
        successes = self.prior_rate * self.prior_chances
        failures = self.prior_chances - successes
        if successes > 0.0:
            slope += successes / rate if rate > 0.0 else np.inf
        if failures > 0.0:
            slope -= failures / (1.0 - rate) if rate < 1.0 else np.inf
        return slope

    def _evaluate(self, params: MotifParams, negligible: float, posterior: Vector | None = None) -> Expectation:
        windows = self._windows
        alphabet = self.placements.sequences.alphabet
        membership = alphabet.membership
        background = self.placements.background.probabilities
        width, size = self.shape
        ratios = np.empty((width, membership.shape[0]))
        log_scale = float(steps.code_ratios(params.matrix, background, membership, ratios))
        if self.site_model == "anr" and log_scale > SHARPEST:
            raise Degenerate(f"a site is worth {log_scale:.0f} nats, more than {SHARPEST:g}: choose a smaller width")
        word_length = windows.word_codes.shape[1]
        tables = np.empty((windows.n_strands, -(-width // word_length), windows.word_codes.shape[0]))
        kernels.fill_tables(ratios, windows, tables)
        tallies = np.zeros((N_CHUNKS, *tables.shape))
        learnt = np.empty((windows.starts.size, kernels.N_LEARNT))
        kernels.expect_chunks(
            windows,
            tables,
            log_scale,
            self.placement_code,
            params.site_rate,
            negligible,
            np.linspace(0, windows.starts.size, N_CHUNKS + 1).astype(np.int64),
            tallies,
            learnt,
            np.empty((windows.n_strands, 0)) if posterior is None else posterior,
        )
        codes = np.empty_like(ratios)
        kernels.collect_counts(tallies.sum(axis=0), windows, codes)
        counts = np.empty((width, size))
        shares = np.tile(background, (width, 1)) if self.meme_compatible else params.matrix
        steps.letter_counts(codes, shares, membership, counts)
        with np.errstate(divide="ignore"):
            log_ratios = np.log(ratios)
        complete = float(np.sum(codes[codes > 0.0] * log_ratios[codes > 0.0])) + float(
            np.sum(learnt[:, kernels.LOG_WEIGHT])
        )
        n_sites = float(np.sum(learnt[:, kernels.N_SITES]))
        n_chances = float(np.sum(learnt[:, kernels.N_CHANCES]))
        return Expectation(
            log_likelihood_ratio=float(steps.log_evidence(learnt, self.placement_code, params.site_rate)),
            counts=counts,
            codes=codes,
            n_sites=n_sites,
            n_chances=n_chances,
            log_evidence=learnt[:, kernels.LOG_EVIDENCE],
            expected_complete_log_likelihood=complete
            + n_sites * log_scale
            + self._placement_term(learnt, params.site_rate),
        )

    def _placement_term(self, learnt: Vector, rate: float) -> float:
        """Expected log prior probability of the placements."""
        windows = self.placements.windows
        n_sites = learnt[:, kernels.N_SITES]
        without = float(np.sum(learnt[:, kernels.N_CHANCES] - n_sites))
        term = -float(np.sum(n_sites * np.log(windows.n_strands)))
        if self.site_model != "anr":
            term -= float(np.sum(n_sites * np.log(windows.n_windows)))
        if self.has_rate and rate > 0.0:
            term += float(np.sum(n_sites)) * np.log(rate)
        if self.has_rate and rate < 1.0:
            term += without * np.log1p(-rate)
        return float(term)


def _mean_weight(evidence: Vector, rate: float) -> Vector:
    """(1 - rate + rate x) / (x + 1) for x = exp(evidence): the weights of 1 and x as logistic functions."""
    high = 0.5 * (1.0 + np.tanh(0.5 * evidence))
    weight: Vector = (1.0 - rate) * (1.0 - high) + rate * high
    return weight
