"""From a candidate to a motif: EM to convergence, sites and their number, the window once more, the statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import MotifSites
from genem.motif.alphabet import EncodedSequences
from genem.motif.background import Background
from genem.motif.discovery.alignment_kernels import Limits, choose_number, choose_window
from genem.motif.discovery.candidate_kernels import (
    Schedule,
    count_places,
    make_bench,
    share_of,
    sorted_sites,
    take_columns,
)
from genem.motif.discovery.candidates import Candidate, SearchSettings
from genem.motif.model.em_model import PLACEMENT_CODES, MotifModel, MotifParams
from genem.motif.model.fitting import MotifFit, fit_placements
from genem.motif.model.layout_kernels import Layout, windows_of
from genem.motif.model.placements import column_prior, find_placements
from genem.motif.priors import DirichletMixture
from genem.motif.scanning.score_distributions import log_odds, score_distribution
from genem.motif.significance.e_values import column_log_likelihood_ratios, log10_e_value

__all__ = ["Refined", "Refiner"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_POSTERIOR = 0.45
"""A window is reported as a site where one is more likely than not, there or within half a width."""
FINEST_NUMBER = 5_000
"""Numbers of sites up to here are all tried."""
MOST_WINDOWS = 3
"""Windows that are fitted to convergence at most."""
SAME_SITES = 0.5
"""Share of sites on those of another motif above which two motifs are one."""


@dataclass(frozen=True, slots=True)
class Refined:
    """A fitted motif with its sites and statistics; attributes as in :class:`genem.motif.FoundMotif`, but for these.

    Attributes
    ----------
    log10_e_value
        Exact, without MEME's resolution: candidates are compared by it.
    ranked
        int64 (site, 4), best first, as the kernels hold them.
    """

    fit: MotifFit
    sites: MotifSites
    counts: Floats
    log10_e_value: float
    log_likelihood_ratio: float
    ranked: Integers


class Refiner:
    """Fits candidates of one search."""

    def __init__(
        self,
        sequences: EncodedSequences,
        background: Background,
        settings: SearchSettings,
        pseudocount: float | None,
        prior: DirichletMixture | None,
        site_count_prior: float,
        trace: bool,
    ) -> None:
        self.sequences = sequences
        self.background = background
        self.settings = settings
        self.pseudocount = pseudocount
        self.prior = prior
        self.site_count_prior = site_count_prior
        self.trace = trace

    def refine(self, candidate: Candidate, layout: Layout, limits: Limits, weights: Floats | None) -> Refined | None:
        """Fit a candidate, move its window while that makes the alignment more surprising; None where it has no site.

        Parameters
        ----------
        candidate
            From the search.
        layout
            Less the letters that earlier motifs have taken.
        limits
            Of alignments.
        weights
            float64 (total length,): how far each letter is free; None: all are.
        """
        matrix, n_sites = candidate.matrix, candidate.n_sites
        best: Refined | None = None
        for _ in range(MOST_WINDOWS):
            refined = self._fitted(matrix, n_sites, layout, limits, weights)
            if refined is None or (best is not None and refined.log10_e_value >= best.log10_e_value):
                break
            best = refined
            width, number = len(matrix), len(refined.sites)
            first, new_width, _ = choose_window(layout, limits, refined.ranked, number, width)
            if (first, new_width) == (0, width):
                break
            matrix = np.empty((new_width, matrix.shape[1]))
            take_columns(
                layout, self._schedule(layout, weights), refined.ranked, number, width, first, new_width, matrix
            )
            n_sites = float(number)
        return best

    def occupied(self, refined: Refined) -> Floats:
        """float64 (total length,): probability that a letter lies in an occurrence of the motif.

        All occurrences count, however many the model allows: what stays would be found again.
        """
        model = refined.fit.model
        anywhere = MotifModel(model.placements, "anr", model.prior)
        rate = min(0.3, max(refined.fit.n_sites, 1.0) / max(model.placements.n_windows, 1))
        posterior = np.maximum(
            anywhere.posteriors(MotifParams(refined.fit.matrix, rate)), refined.fit.window_posteriors()
        ).max(axis=0)
        covered = np.zeros_like(posterior)
        for shift in range(min(len(refined.fit.matrix), posterior.size)):
            np.maximum(covered[shift:], posterior[: posterior.size - shift], out=covered[shift:])
        occupied: Floats = np.minimum(covered, 1.0)
        return occupied

    def is_same(self, refined: Refined, matrix: Floats, sites: MotifSites, intact: Layout) -> bool:
        """Whether the best sites of a motif, before anything was erased, are those of an earlier one."""
        width = len(refined.fit.matrix)
        ranked = self._ranked(refined.fit.matrix, float(len(refined.sites)), intact, None)[: len(refined.sites)]
        places = self.sequences.offsets[sites.sequence] + sites.start
        order = np.sort(places)
        nearest = np.searchsorted(order, ranked[:, 2])
        needed = min(width, len(matrix)) / 2.0
        on_earlier = np.zeros(len(ranked), np.bool_)
        for neighbour in (nearest - 1, nearest):
            neighbours = order[np.clip(neighbour, 0, len(order) - 1)]
            overlap = np.minimum(ranked[:, 2] + width, neighbours + len(matrix)) - np.maximum(ranked[:, 2], neighbours)
            on_earlier |= overlap >= needed
        return bool(on_earlier.mean() > SAME_SITES) if len(ranked) else False

    def _fitted(
        self, matrix: Floats, n_sites: float, layout: Layout, limits: Limits, weights: Floats | None
    ) -> Refined | None:
        settings = self.settings
        placements = find_placements(
            self.sequences, len(matrix), self.background, both_strands=settings.both_strands, weights=weights
        )
        chances = placements.n_windows if settings.repeats else placements.usable.size
        fit = fit_placements(
            placements,
            matrix,
            model=settings.model,
            n_sites=None if settings.model == "oops" else min(n_sites, float(chances)),
            palindrome=settings.palindrome,
            prior=column_prior(placements, self.pseudocount, self.prior),
            site_count_prior=self.site_count_prior,
            trace=self.trace,
        )
        ranked = self._ranked(fit.matrix, fit.n_sites, layout, weights)
        if len(ranked) == 0:
            return None
        posteriors = fit.window_posteriors()
        if settings.model != "oops":
            likely = np.flatnonzero(self._nearby(posteriors, ranked, len(matrix)) >= LEAST_POSTERIOR)
            ranked = ranked[likely if len(likely) >= limits.min_sites else slice(limits.min_sites)]
        number, _ = choose_number(layout, limits, ranked, len(ranked), len(matrix), FINEST_NUMBER)
        ranked = ranked[:number]
        posterior = posteriors[(ranked[:, 3] < 0).astype(np.int64), ranked[:, 2]]
        return self._described(fit, ranked, posterior)

    @staticmethod
    def _nearby(posteriors: Floats, ranked: Integers, width: int) -> Floats:
        """float64 (site,): probability that a site begins within half a width of each, on either strand.

        The windows of a palindrome share theirs with those of the other strand, which may be moved by a letter.
        """
        running = np.append(0.0, np.cumsum(posteriors.sum(axis=0)))
        first = np.maximum(ranked[:, 2] - width // 2, ranked[:, 0])
        last = np.minimum(ranked[:, 2] + width // 2, ranked[:, 1] - 1)
        near: Floats = running[last + 1] - running[first]
        return near

    def _described(self, fit: MotifFit, ranked: Integers, posterior: Floats) -> Refined:
        counts = self._site_counts(ranked, len(fit.matrix))
        frequencies = self.background.probabilities
        settings = self.settings
        return Refined(
            fit=fit,
            sites=self._sites(fit, ranked, posterior),
            counts=counts,
            log10_e_value=log10_e_value(
                counts,
                frequencies,
                self.sequences.lengths,
                model=settings.model,
                both_strands=settings.both_strands,
                palindrome=settings.palindrome,
                resolution=None,
            ),
            log_likelihood_ratio=float(column_log_likelihood_ratios(counts, frequencies).sum()),
            ranked=ranked,
        )

    def _schedule(self, layout: Layout, weights: Floats | None) -> Schedule:
        settings = self.settings
        return Schedule(
            PLACEMENT_CODES[settings.model],
            0,
            0,
            settings.palindrome,
            weights is not None,
            settings.pseudocount * layout.background,
        )

    def _ranked(self, matrix: Floats, n_sites: float, layout: Layout, weights: Floats | None) -> Integers:
        """The windows that may be sites, best first."""
        model = PLACEMENT_CODES[self.settings.model]
        windows = windows_of(layout, len(matrix), weights is not None)
        share = share_of(model, n_sites, count_places(windows, model))
        ranked, _ = sorted_sites(layout, windows, model, matrix.copy(), share, make_bench(layout, windows))
        return ranked

    def _letters(self, ranked: Integers, width: int) -> NDArray[np.uint8]:
        """uint8 (site, width): the codes of the sites, read on their strands."""
        codes = self.sequences.codes[ranked[:, 2][:, None] + np.arange(width)]
        turned = self.sequences.alphabet.complement_codes[codes[:, ::-1]]
        read: NDArray[np.uint8] = np.where((ranked[:, 3] > 0)[:, None], codes, turned)
        return read

    def _site_counts(self, ranked: Integers, width: int) -> Floats:
        """float64 (width, letter): letters of the sites, unknown ones shared out by the background."""
        shares = self.sequences.alphabet.membership * self.background.probabilities
        shares /= shares.sum(axis=1, keepdims=True)
        read = self._letters(ranked, width)
        n_codes = len(shares)
        tally = np.stack([np.bincount(column, minlength=n_codes) for column in read.T])
        counts: Floats = tally @ shares
        return counts

    def _sites(self, fit: MotifFit, ranked: Integers, posterior: Floats) -> MotifSites:
        """In order of sequence and place; an unknown letter scores 0, an ambiguous one by its letters."""
        bits = log_odds(fit.motif(""), self.background.probabilities)
        distribution = score_distribution(bits, self.background)
        table = distribution.code_scores(self.sequences.alphabet, self.background.probabilities)
        read = self._letters(ranked, len(bits))
        score = table[np.arange(len(bits)), read].sum(axis=1)
        order = np.lexsort((ranked[:, 3], ranked[:, 2]))
        sequence = np.searchsorted(self.sequences.offsets, ranked[order, 2], side="right") - 1
        return MotifSites(
            sequence=sequence.astype(np.int64),
            start=ranked[order, 2] - self.sequences.offsets[sequence],
            strand=ranked[order, 3].astype(np.int8),
            score=score[order] * distribution.step,
            p_value=distribution.p_values(score[order]),
            posterior=posterior[order],
        )
