"""Starts and local search: the best optimum of the haplotype likelihood that a seeded search finds repeatedly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.em import Found, Optimum, RestartPlan, distinct_optima, iterated_local_search
from genem.em.optima import is_same_optimum
from genem.errors import InputError
from genem.popgen.haplotypes.em_kernels import Explanations, climb, log_likelihood_and_gradient
from genem.popgen.haplotypes.explanations import DistinctGenotypes, check_explosion, explain
from genem.popgen.haplotypes.search_kernels import candidate_haplotypes, earliest_pairs, perturb, rephase, restrict

Haplotypes = NDArray[np.int16]
Vector = NDArray[np.float64]
Widened = tuple[Haplotypes, Vector, Explanations]
"""Haplotypes, their frequencies, and how they explain the genotypes."""

RARE_COUNT = 1e-6
"""A haplotype with a smaller expected count is trimmed."""
MAX_CANDIDATES = 20_000
"""Most haplotypes outside the support that a local search looks at."""
MAX_ALTERNATIVES = 16
"""Most other pairs that a sweep tries for one genotype."""
PERTURBED_SHARE = 0.1
"""Share of the ambiguous genotypes that a perturbed start explains at random."""

POSSIBLE_PER_CHROMOSOME, MIN_POSSIBLE = 20, 2000
"""With more haplotypes left after trimming than this, per chromosome and at least, the loci cannot be resolved."""
MAX_SWEEPS = 10
"""Most sweeps that choose among equally likely answers."""
TIE = 1e-5
"""Log-likelihoods this close are the same."""
SAME_COUNT = 0.1
"""Expected counts of a haplotype that differ by less are the same."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Length of a search: at least ``n_starts`` independent starts, until ``n_hits`` of them reached the best optimum,
    at most ``max_starts``; after each, one perturbed start from the best point so far.
    """

    n_starts: int
    max_starts: int
    n_hits: int


@dataclass(frozen=True, slots=True)
class Support:
    """Haplotypes with positive frequencies and the log-likelihood they give."""

    haplotypes: Haplotypes
    frequency: Vector
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class SearchReport:
    """The best support and how often it was found.

    Attributes
    ----------
    best
        The most likely end of any start.
    n_starts, n_perturbed
        Independent starts, and perturbed starts from the best point of the moment.
    n_starts_best
        Independent starts that ended at the best log-likelihood.
    tied
        Different frequencies found with the best log-likelihood, the one reported first; with more than one the data
        do not say which holds.
    optima
        Distinct log-likelihoods at which starts of either kind ended, with how many did, best first.
    """

    best: Support
    n_starts: int
    n_perturbed: int
    n_starts_best: int
    tied: tuple[Support, ...]
    optima: tuple[tuple[float, int], ...]


class HaplotypeSearch:
    """One data set to search; :meth:`run` does it.

    Start ``i`` and the perturbed start after it draw from the ``i``-th child of the seed.
    """

    def __init__(
        self, genotypes: DistinctGenotypes, n_alleles: NDArray[np.int64], max_pairs: int, seed: int = 1
    ) -> None:
        self.genotypes = genotypes
        self.n_alleles = n_alleles
        self.max_pairs = max_pairs
        self.seed = seed
        self._generators: list[np.random.Generator] = []

    def run(self, effort: Effort) -> SearchReport:
        """Search until the best optimum repeats."""
        plan: RestartPlan[Support] = RestartPlan(
            fresh=2, max_more=2 * effort.max_starts - 1, min_starts=effort.n_starts, n_hits=effort.n_hits
        )
        found = iterated_local_search(self, Found(plan))
        ends = _ends(found)
        best = _best(found)
        return SearchReport(
            best=best,
            n_starts=found.n_rounds("start"),
            n_perturbed=found.n_rounds("perturbation"),
            n_starts_best=found.n_hits("start"),
            tied=self.tied([end.params for end in ends], best),
            optima=tuple((optimum.objective, optimum.n_starts) for optimum in distinct_optima(ends)),
        )

    def generator(self, number: int) -> np.random.Generator:
        """Return the random numbers of a round, a start or the perturbed start that follows it."""
        if number // 2 == len(self._generators):
            child = np.random.SeedSequence(self.seed, spawn_key=(number // 2,))
            self._generators.append(np.random.default_rng(child))
        return self._generators[number // 2]

    def start(self, found: Found[Support], rng: np.random.Generator) -> Widened:
        """Return a start by insertion of loci: the first in their order, others in random orders."""
        return self.widen(self.insert_loci(rng if found.rounds else None))

    def perturb(self, found: Found[Support], rng: np.random.Generator) -> Widened:
        """Return the best point so far with some of the ambiguous genotypes explained at random."""
        haplotypes, frequency, explanations = self.widen(_best(found))
        ambiguous = _ambiguous(explanations)
        if ambiguous.size:
            n_perturbed = min(ambiguous.size, max(3, round(PERTURBED_SHARE * ambiguous.size)))
            chosen = rng.choice(ambiguous, n_perturbed, replace=False)
            frequency = perturb(frequency, chosen, rng.random(n_perturbed), explanations)
        return haplotypes, frequency, explanations

    def climb(self, point: Widened, _found: Found[Support], rng: np.random.Generator) -> tuple[Optimum[Support], ...]:
        """Sweep over other explanations of each genotype until none is better."""
        haplotypes, frequency, explanations = point
        ambiguous = _ambiguous(explanations)
        frequency, reached = _climb_within(frequency, explanations, 100, 1e-7)
        while True:
            order = rng.permutation(ambiguous)
            frequency, raised = rephase(frequency, reached, order, explanations, MAX_ALTERNATIVES, 10, 1e-7, 1e-4)
            if not raised > reached + 1e-3:
                break
            reached = raised
        frequency, reached = _climb_within(frequency, explanations, 2000, 1e-10)
        haplotypes, frequency = self._trim(haplotypes, frequency)
        return (Optimum(reached, Support(haplotypes, frequency, reached)),)

    def insert_loci(self, rng: np.random.Generator | None) -> Support:
        """Grow haplotypes one locus at a time, with EM and trimming after each; without ``rng`` the plain start.

        Progressive insertion: Schaid et al. (2002), doi:10.1086/338688 (as in the program haplo.em).
        """
        n_loci = self.genotypes.alleles.shape[1]
        order = np.arange(n_loci) if rng is None else rng.permutation(n_loci)
        haplotypes, frequency, reached = np.zeros((1, 0), np.int16), np.ones(1), 0.0
        for step, locus in enumerate(order, start=1):
            n_alleles = int(self.n_alleles[locus])
            check_explosion(len(haplotypes) * n_alleles, step, self.max_pairs)
            added = np.tile(np.arange(n_alleles, dtype=np.int16), len(haplotypes))
            haplotypes = np.column_stack([np.repeat(haplotypes, n_alleles, axis=0), added])
            frequency = np.repeat(frequency, n_alleles)
            if rng is not None:
                frequency *= rng.exponential(size=frequency.size)
            part = DistinctGenotypes(
                np.ascontiguousarray(self.genotypes.alleles[:, order[:step]]),
                self.genotypes.weight,
                self.genotypes.copies,
                self.genotypes.of_sample,
            )
            explanations = explain(part, haplotypes, self.max_pairs)
            frequency, reached, _, _ = climb(frequency / frequency.sum(), explanations, 100, 1e-6)
            haplotypes, frequency = self._trim(haplotypes, frequency)
            self._check_resolution(len(haplotypes), step)
        return Support(np.ascontiguousarray(haplotypes[:, np.argsort(order)]), frequency, reached)

    def settle(self, support: Support) -> tuple[Support, int]:
        """Climb from ``support`` to a maximum, without looking for others; and the status of that climb."""
        explanations = explain(self.genotypes, support.haplotypes, self.max_pairs)
        frequency, reached, _, status = climb(support.frequency, explanations, 2000, 1e-8)
        haplotypes, frequency = self._trim(support.haplotypes, frequency)
        return Support(haplotypes, frequency, reached), status

    def widen(self, support: Support) -> Widened:
        """Add, at frequency zero, every haplotype that pairs with one of the support in some genotype."""
        limit = min(MAX_CANDIDATES, self.max_pairs)
        haplotypes = candidate_haplotypes(self.genotypes.alleles, support.haplotypes, self.n_alleles, limit)
        frequency = np.zeros(len(haplotypes))
        frequency[: len(support.frequency)] = support.frequency
        return haplotypes, frequency, explain(self.genotypes, haplotypes, self.max_pairs)

    def enter(self, support: Support) -> Support | None:
        """Let in haplotypes of frequency zero whose gradient says that the likelihood would rise; None if none."""
        haplotypes, frequency, explanations = self.widen(support)
        gradient = np.empty_like(frequency)
        log_likelihood_and_gradient(frequency, explanations, gradient)
        n_chromosomes = self.genotypes.n_chromosomes
        entering = (frequency == 0.0) & (gradient > n_chromosomes * (1.0 + 1e-7))
        if not np.any(entering):
            return None
        frequency[entering] = 1e-3 / n_chromosomes
        frequency, reached = _climb_within(frequency / frequency.sum(), explanations, 2000, 1e-10)
        haplotypes, frequency = self._trim(haplotypes, frequency)
        return Support(haplotypes, frequency, reached)

    def choose(self, support: Support) -> Support:
        """Choose among equally likely explanations of single genotypes, so that every start gives the same answer."""
        haplotypes, frequency, _ = self.widen(support)
        order = np.lexsort(haplotypes.T[::-1])
        haplotypes, frequency = np.ascontiguousarray(haplotypes[order]), frequency[order]
        explanations = explain(self.genotypes, haplotypes, self.max_pairs)
        for _ in range(MAX_SWEEPS):
            frequency, changed = earliest_pairs(frequency, support.log_likelihood, explanations, TIE)
            if not changed:
                break
        frequency, reached = _climb_within(frequency, explanations, 2000, 1e-10)
        haplotypes, frequency = self._trim(haplotypes, frequency)
        return Support(haplotypes, frequency, reached)

    def _check_resolution(self, n_haplotypes: int, n_loci: int) -> None:
        """Refuse to go on where far more haplotypes remain possible than there are chromosomes to carry them."""
        most = max(MIN_POSSIBLE, POSSIBLE_PER_CHROMOSOME * self.genotypes.n_chromosomes)
        if n_haplotypes > most:
            raise InputError(
                f"after {n_loci} loci {n_haplotypes:,} haplotypes remain possible for the "
                f"{self.genotypes.n_chromosomes:,.0f} chromosomes: the samples cannot resolve that many loci together",
                remedy="use fewer loci, or windows (--window)",
            )

    def tied(self, ends: list[Support], best: Support) -> tuple[Support, ...]:
        """The sets of frequencies, different by a tenth of a chromosome or more, that are as likely as the best."""
        different = [best]
        for end in ends:
            if is_same_optimum(best.log_likelihood, end.log_likelihood) and all(
                max(frequency_differences(end, other).values()) * self.genotypes.n_chromosomes > SAME_COUNT
                for other in different
            ):
                different.append(end)
        return tuple(different)

    def _trim(self, haplotypes: Haplotypes, frequency: Vector) -> tuple[Haplotypes, Vector]:
        kept = frequency * self.genotypes.n_chromosomes > RARE_COUNT
        return np.ascontiguousarray(haplotypes[kept]), frequency[kept] / frequency[kept].sum()


def _climb_within(
    frequency: Vector, explanations: Explanations, max_iter: int, tolerance: float
) -> tuple[Vector, float]:
    """Climb with the positive frequencies only; the zeros cost nothing."""
    few, narrowed, kept = restrict(frequency, explanations)
    few, reached, _, _ = climb(few, narrowed, max_iter, tolerance)
    full = np.zeros_like(frequency)
    full[kept] = few
    return full, reached


def _ends(found: Found[Support]) -> tuple[Optimum[Support], ...]:
    """Ends of climbs, those of independent starts first."""
    return (*found.ends("start"), *found.ends("perturbation"))


def _best(found: Found[Support]) -> Support:
    """The most likely end; of equally likely ones the first of an independent start."""
    return max(_ends(found), key=lambda end: end.objective).params


def _ambiguous(explanations: Explanations) -> NDArray[np.int64]:
    """The diploid genotypes that more than one pair of haplotypes explains."""
    return np.flatnonzero((np.diff(explanations.start) > 2) & (explanations.copies == 2.0))


def frequency_differences(first: Support, second: Support) -> dict[bytes, float]:
    """Absolute difference of two sets of frequencies, for each haplotype (its bytes)."""
    earlier, later = (
        dict(zip((row.tobytes() for row in support.haplotypes), support.frequency.tolist(), strict=True))
        for support in (first, second)
    )
    return {name: abs(earlier.get(name, 0.0) - later.get(name, 0.0)) for name in earlier.keys() | later.keys()}
