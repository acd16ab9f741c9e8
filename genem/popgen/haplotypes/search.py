"""Starts and local search: the best optimum of the haplotype likelihood that a seeded search finds repeatedly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.em.driver import OPTIMUM_TOLERANCE
from genem.errors import InputError
from genem.popgen.haplotypes.em_kernels import Explanations, climb, log_likelihood_and_gradient
from genem.popgen.haplotypes.explanations import DistinctGenotypes, check_explosion, explain
from genem.popgen.haplotypes.search_kernels import candidate_haplotypes, earliest_pairs, rephase, restrict, shake

Haplotypes = NDArray[np.int16]
Vector = NDArray[np.float64]

RARE_COUNT = 1e-6
"""A haplotype with a smaller expected count is trimmed."""
MAX_CANDIDATES = 20_000
"""Most haplotypes outside the support that a local search looks at."""
MAX_ALTERNATIVES = 16
"""Most other pairs that a sweep tries for one genotype."""
SHAKEN_SHARE = 0.1
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
    """How long to search: at least ``n_starts`` independent starts, until ``n_hits`` of them reached the best optimum,
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
    """One data set to search; :meth:`run` does it."""

    def __init__(self, genotypes: DistinctGenotypes, n_alleles: NDArray[np.int64], max_pairs: int) -> None:
        self.genotypes = genotypes
        self.n_alleles = n_alleles
        self.max_pairs = max_pairs

    def run(self, effort: Effort, seed: int) -> SearchReport:
        """Search until the best optimum repeats; start ``i`` draws from the ``i``-th child of the seed."""
        independent: list[Support] = []
        perturbed: list[Support] = []
        for number, child in enumerate(np.random.SeedSequence(seed).spawn(effort.max_starts)):
            rng = np.random.default_rng(child)
            independent.append(self.deepen(self.insert_loci(rng if number else None), rng))
            best = _best(independent + perturbed)
            if number >= effort.n_starts - 1 and _hits(independent, best) >= effort.n_hits:
                break
            perturbed.append(self.deepen(best, rng, perturbed=True))
        best = _best(independent + perturbed)
        return SearchReport(
            best=best,
            n_starts=len(independent),
            n_perturbed=len(perturbed),
            n_starts_best=_hits(independent, best),
            tied=self.tied(independent + perturbed, best),
            optima=_distinct(independent + perturbed),
        )

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

    def deepen(self, support: Support, rng: np.random.Generator, *, perturbed: bool = False) -> Support:
        """Sweep over other explanations of each genotype, from ``support`` or a point near it, until none is better."""
        haplotypes, frequency, explanations = self.widen(support)
        ambiguous = np.flatnonzero((np.diff(explanations.start) > 2) & (explanations.copies == 2.0))
        if perturbed and ambiguous.size:
            n_shaken = min(ambiguous.size, max(3, round(SHAKEN_SHARE * ambiguous.size)))
            chosen = rng.choice(ambiguous, n_shaken, replace=False)
            frequency = shake(frequency, chosen, rng.random(n_shaken), explanations)
        frequency, reached = _climb_within(frequency, explanations, 100, 1e-7)
        while True:
            order = rng.permutation(ambiguous)
            frequency, raised = rephase(frequency, reached, order, explanations, MAX_ALTERNATIVES, 10, 1e-7, 1e-4)
            if not raised > reached + 1e-3:
                break
            reached = raised
        frequency, reached = _climb_within(frequency, explanations, 2000, 1e-10)
        haplotypes, frequency = self._trim(haplotypes, frequency)
        return Support(haplotypes, frequency, reached)

    def settle(self, support: Support) -> tuple[Support, int]:
        """Climb from ``support`` to a maximum, without looking for others; and the status of that climb."""
        explanations = explain(self.genotypes, support.haplotypes, self.max_pairs)
        frequency, reached, _, status = climb(support.frequency, explanations, 2000, 1e-8)
        haplotypes, frequency = self._trim(support.haplotypes, frequency)
        return Support(haplotypes, frequency, reached), status

    def widen(self, support: Support) -> tuple[Haplotypes, Vector, Explanations]:
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
        """Of equally likely answers that differ in how single genotypes are explained, the same one for every start."""
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
            if _same(best.log_likelihood, end.log_likelihood) and all(
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


def _best(ends: list[Support]) -> Support:
    return max(ends, key=lambda end: end.log_likelihood)


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= OPTIMUM_TOLERANCE * (1.0 + abs(first))


def _hits(ends: list[Support], best: Support) -> int:
    return sum(_same(best.log_likelihood, end.log_likelihood) for end in ends)


def _distinct(ends: list[Support]) -> tuple[tuple[float, int], ...]:
    optima: list[tuple[float, int]] = []
    for end in sorted((end.log_likelihood for end in ends), reverse=True):
        if optima and _same(optima[-1][0], end):
            optima[-1] = (optima[-1][0], optima[-1][1] + 1)
        else:
            optima.append((end, 1))
    return tuple(optima)


def frequency_differences(first: Support, second: Support) -> dict[bytes, float]:
    """How far two sets of frequencies are apart, for each haplotype (its bytes)."""
    one, other = (
        dict(zip((row.tobytes() for row in support.haplotypes), support.frequency.tolist(), strict=True))
        for support in (first, second)
    )
    return {name: abs(one.get(name, 0.0) - other.get(name, 0.0)) for name in one.keys() | other.keys()}
