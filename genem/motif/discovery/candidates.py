"""From seeds to candidate motifs: what is laid out for the climbing kernels, and what they come back with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genem.em import Found, Optimum, RestartPlan, distinct_optima, iterated_local_search
from genem.motif.alphabet import EncodedSequences
from genem.motif.background import Background, estimate_background
from genem.motif.discovery.alignment_kernels import Limits
from genem.motif.discovery.candidate_kernels import SAME_OBJECTIVE, Schedule, Starts, climb_all
from genem.motif.discovery.seeding import Seeds, find_seeds, random_seeds, start_columns
from genem.motif.discovery.similarity import is_repetitive
from genem.motif.model.em_model import PLACEMENT_CODES
from genem.motif.model.layout_kernels import Layout, measure_room
from genem.motif.model.placements import SiteModel, find_placements
from genem.motif.significance.e_values import column_log_p_values

__all__ = ["Candidate", "SearchSettings", "climb_from_seeds", "column_tails", "lay_out", "search_limits"]

Floats = NDArray[np.float64]

SEEDS_OF_ONE_WINDOW = 45_000
"""Seeds of a search times the square root of the number of windows: smaller sets get more seeds."""
FEWEST_SEEDS, MOST_SEEDS = 60, 1200
RANDOM_SHARE = 0.5
"""Random words among the seeds."""
FINALIST_SHARE, FEWEST_FINALISTS = 0.1, 12
FIRST_STEPS, FIRST_ROUNDS = 3, 1
LATER_STEPS, LATER_ROUNDS = 5, 3
PERTURBED_WINDOWS = 500_000
"""Perturbed starts times windows of a round. Small sets have many optima close together and cheap climbs; where a climb
is dear, the seeds suffice."""
MOST_PERTURBED, FEWEST_PERTURBED, PERTURBED_PARENTS = 128, 16, 8
MOST_ROUNDS, PATIENCE = 12, 4
"""Rounds of perturbations at most, and those in a row that bring nothing better."""
PERTURBED_SITES = 0.5
"""Share of the sites from which a perturbed column could have been estimated."""
LETTERS_PER_WORD = 200
"""Letters for each word that the background of the seeds distinguishes."""
HIGHEST_SEED_ORDER = 3
MOST_TABLED, N_BINS = 25, 1000
"""Amino acids per column up to which p-values are tabled, and bins of a table."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of a search; see :func:`genem.motif.find_motifs`.

    Attributes
    ----------
    pseudocount
        Letters added to every column in the steps of the search.
    """

    model: SiteModel
    min_width: int
    max_width: int
    both_strands: bool
    palindrome: bool
    pseudocount: float
    seed: int

    @property
    def n_strands(self) -> int:
        return 2 if self.both_strands else 1

    @property
    def repeats(self) -> bool:
        """Whether a sequence may hold several sites."""
        return self.model == "anr"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A distinct optimum of a search.

    Attributes
    ----------
    matrix
        float64 (width, letter)
    n_sites
        Of its best alignment.
    log_e
        The alignment's E-value by the approximations of the search, natural logarithm.
    n_starts
        How many starts came here, of those that were climbed to the end.
    """

    matrix: Floats
    n_sites: float
    log_e: float
    n_starts: int


def lay_out(
    sequences: EncodedSequences, background: Background, settings: SearchSettings, erased: NDArray[np.bool_]
) -> Layout:
    """The sequences as the kernels see them, without the letters that are ``erased`` (total length,)."""
    plain = Background(background.alphabet, background.conditionals[:1])
    windows = find_placements(sequences, settings.max_width, plain, both_strands=settings.both_strands).windows
    room = np.empty(sequences.codes.size, np.int32)
    measure_room(sequences.offsets, erased, room)
    excess = np.empty(0)
    if background.order > 0:
        gains = plain.log_probabilities(sequences) - background.log_probabilities(sequences)
        excess = np.append(0.0, np.cumsum(gains))
    return Layout(
        sequences.codes,
        sequences.offsets,
        room,
        excess,
        windows.words,
        windows.word_codes,
        windows.complement,
        settings.n_strands,
        sequences.alphabet.membership,
        background.probabilities,
    )


def search_limits(sequences: EncodedSequences, background: Background, settings: SearchSettings) -> Limits:
    """Bounds of alignments; those of OOPS have a site in every sequence that can hold one."""
    lengths, multiplicity = np.unique(sequences.lengths, return_counts=True)
    n_usable = int(np.count_nonzero(sequences.lengths >= settings.min_width))
    n_places = int(np.maximum(sequences.lengths - settings.min_width + 1, 0).sum())
    most = max(1, min(n_places, int(sequences.lengths.sum()) // settings.min_width) if settings.repeats else n_usable)
    return Limits(
        settings.min_width,
        settings.max_width,
        n_usable if settings.model == "oops" else min(2, most),
        most,
        settings.repeats,
        settings.palindrome,
        lengths[::-1].astype(np.int64),
        multiplicity[::-1].astype(np.int64),
        column_tails(background.probabilities),
        -math.log(float(background.probabilities.min())),
    )


def column_tails(background: Floats) -> Floats:
    """float64 (number of letters, bin): log p-values of columns of few letters, for :class:`Limits`.

    Empty for four letters, whose chi-square is near enough for comparisons however few they are, and smoother.
    """
    if len(background) == 4:
        return np.empty((1, 0))
    tails = np.zeros((MOST_TABLED + 1, N_BINS + 1))
    for n in range(1, MOST_TABLED + 1):
        ratios = np.linspace(0.0, -n * math.log(background.min()), N_BINS + 1)
        tails[n] = column_log_p_values(ratios, n, background, n_bins=N_BINS)
    return tails


def climb_from_seeds(
    sequences: EncodedSequences, layout: Layout, limits: Limits, settings: SearchSettings, *, erased: bool, round_: int
) -> list[Candidate]:
    """Candidate motifs, best first.

    Every seed gets a few EM steps and one choice of sites and window; the best of the distinct results are climbed
    further. In a small set the best are then perturbed, and climb again. ``round_`` numbers the motifs of one search,
    for the random numbers.
    """
    n_windows = settings.n_strands * max(1, int(sequences.lengths.sum()))
    n_seeds = int(np.clip(SEEDS_OF_ONE_WINDOW / math.sqrt(n_windows), FEWEST_SEEDS, MOST_SEEDS))
    rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(round_,)))
    seeds = _seeds(sequences, layout, settings, n_seeds, rng)
    if len(seeds) == 0:
        return []
    theta = start_columns(seeds, sequences.alphabet, layout.background, settings.min_width, settings.max_width)
    width = np.maximum(seeds.span, settings.min_width)
    n_sites = np.clip(seeds.n_sites, limits.min_sites, limits.max_sites).astype(np.float64)
    starts = Starts(theta, width, n_sites, np.full(len(seeds), np.inf), np.zeros(len(seeds), np.int64))
    schedule = Schedule(
        PLACEMENT_CODES[settings.model],
        FIRST_STEPS,
        FIRST_ROUNDS,
        settings.palindrome,
        erased,
        settings.pseudocount * layout.background,
    )
    climb_all(layout, schedule, limits, starts)
    first = _distinct(_ends(starts, np.ones(len(seeds), np.int64)))
    first = _finalists(first, max(FEWEST_FINALISTS, int(FINALIST_SHARE * n_seeds)), layout.background)
    if not first:
        return []
    finalists = _starts_of(first, settings.max_width)
    schedule = schedule._replace(n_steps=LATER_STEPS, n_rounds=LATER_ROUNDS)
    climb_all(layout, schedule, limits, finalists)
    optima = _distinct(_ends(finalists, np.array([optimum.n_starts for optimum in first])))
    n_perturbed = min(MOST_PERTURBED, PERTURBED_WINDOWS // n_windows)
    if optima and n_perturbed >= FEWEST_PERTURBED:
        plan: RestartPlan[Columns] = RestartPlan(
            n_starts=0, patience=PATIENCE, max_more=MOST_ROUNDS, key=_width, tolerance=SAME_OBJECTIVE
        )
        search = ColumnSearch(layout, schedule, limits, rng, n_perturbed)
        optima = iterated_local_search(search, Found.given(plan, optima)).optima
    return [Candidate(*optimum.params, -optimum.objective, optimum.n_starts) for optimum in optima]


class Columns(NamedTuple):
    """The columns of a motif, float64 (width, letter), and the number of sites of its best alignment."""

    matrix: Floats
    n_sites: float


@dataclass(frozen=True, slots=True)
class ColumnSearch:
    """Local search by motifs whose columns are drawn anew about those of the best, for the restarts of the engine.

    A parametric bootstrap: each column comes from the Dirichlet distribution about that of the optimum.
    """

    layout: Layout
    schedule: Schedule
    limits: Limits
    rng: np.random.Generator
    n_perturbed: int

    def generator(self, _number: int) -> np.random.Generator:
        """Return the random numbers of the search, which go on from round to round."""
        return self.rng

    def start(self, found: Found[Columns], rng: np.random.Generator) -> Starts:
        """Return perturbed optima: the seeds have climbed before."""
        return self.perturb(found, rng)

    def perturb(self, found: Found[Columns], rng: np.random.Generator) -> Starts:
        """Return motifs near the best ones found."""
        parents = found.optima[:PERTURBED_PARENTS]
        starts = _starts_of(
            [parents[number % len(parents)] for number in range(self.n_perturbed)], self.limits.max_width
        )
        for theta, width, n_sites in zip(starts.theta, starts.width, starts.n_sites, strict=True):
            weights = rng.gamma(PERTURBED_SITES * n_sites * theta[:width] + self.layout.background)
            theta[:width] = weights / weights.sum(axis=1, keepdims=True)
        return starts

    def climb(self, point: Starts, _found: Found[Columns], _rng: np.random.Generator) -> list[Optimum[Columns]]:
        """Return where the climbs from all of them end."""
        climb_all(self.layout, self.schedule, self.limits, point)
        return _ends(point, np.ones(self.n_perturbed, np.int64))


def _finalists(optima: Sequence[Optimum[Columns]], most: int, background: Floats) -> tuple[Optimum[Columns], ...]:
    """The best, of which at most half repeat themselves: runs of one letter may be where most starts come to."""
    chosen: list[Optimum[Columns]] = []
    places = most // 2
    for optimum in optima:
        repetitive = is_repetitive(optimum.params.matrix, background)
        if repetitive and places == 0:
            continue
        places -= repetitive
        chosen.append(optimum)
        if len(chosen) == most:
            break
    return tuple(chosen)


def _seeds(
    sequences: EncodedSequences, layout: Layout, settings: SearchSettings, n_seeds: int, rng: np.random.Generator
) -> Seeds:
    """Counted words, and a few that are drawn at random."""
    alphabet = sequences.alphabet
    order = 0
    n_letters = settings.n_strands * sequences.n_known
    while order < HIGHEST_SEED_ORDER and LETTERS_PER_WORD * len(alphabet) ** (order + 2) <= n_letters:
        order += 1
    background = estimate_background(sequences, order=order, both_strands=settings.both_strands)
    counted = find_seeds(
        layout,
        background,
        n_seeds=n_seeds,
        max_width=settings.max_width,
        once=not settings.repeats,
        palindrome=settings.palindrome,
    )
    return counted.joined(random_seeds(layout, settings.max_width, int(RANDOM_SHARE * n_seeds), rng))


def _ends(starts: Starts, n_starts: NDArray[np.int64]) -> list[Optimum[Columns]]:
    """The ends of climbs, those of equal objective by width; ``n_starts`` (start,) came to each."""
    return [
        Optimum(
            -float(starts.log_e[index]),
            Columns(starts.theta[index, : starts.width[index]].copy(), float(starts.n_sites[index])),
            int(n_starts[index]),
        )
        for index in np.lexsort((starts.width, starts.log_e)).tolist()
    ]


def _distinct(ends: list[Optimum[Columns]]) -> tuple[Optimum[Columns], ...]:
    """The distinct ends, best first; those with the same objective and width are one."""
    return distinct_optima(ends, key=_width, tolerance=SAME_OBJECTIVE)


def _width(columns: Columns) -> int:
    return len(columns.matrix)


def _starts_of(optima: Sequence[Optimum[Columns]], widest: int) -> Starts:
    theta = np.empty((len(optima), widest, optima[0].params.matrix.shape[1]))
    for row, optimum in zip(theta, optima, strict=True):
        row[: len(optimum.params.matrix)] = optimum.params.matrix
    return Starts(
        theta,
        np.array([len(optimum.params.matrix) for optimum in optima]),
        np.array([optimum.params.n_sites for optimum in optima]),
        np.full(len(optima), np.inf),
        np.zeros(len(optima), np.int64),
    )
