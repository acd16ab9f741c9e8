"""Gene counting under dominance: allele frequencies where several genotypes look alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.em import Degenerate, EMFit, EMStep, StandardErrors, Stationarity, fit, standard_errors
from genem.errors import UsageError

__all__ = ["GeneCounting", "GeneCounts", "gene_counting"]


@dataclass(frozen=True, slots=True)
class GeneCounts:
    """Allele frequencies counted through phenotypes.

    Attributes
    ----------
    alleles
        Names of the alleles, in the order of ``frequencies``.
    frequencies, standard_errors
        float64 (allele,); standard errors from the observed information, NaN on the boundary.
    expected_phenotypes
        float64 (phenotype,): expected counts at the estimate, in the order of the phenotypes given.
    fit, errors
        The account of the EM fit and of the standard errors.
    """

    alleles: tuple[str, ...]
    frequencies: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    expected_phenotypes: NDArray[np.float64]
    fit: EMFit[NDArray[np.float64]]
    errors: StandardErrors[NDArray[np.float64]]


class GeneCounting:
    """The EM model: Hardy-Weinberg genotypes of which only a phenotype is seen.

    Parameters
    ----------
    counts
        float64 (phenotype,): individuals seen with each phenotype.
    shows
        bool (phenotype, genotype): which genotypes have which phenotype.
    copies
        int64 (genotype, allele): copies of each allele, two per genotype.
    """

    def __init__(self, counts: NDArray[np.float64], shows: NDArray[np.bool_], copies: NDArray[np.int64]) -> None:
        self.counts = counts
        self.shows = shows
        self.copies = copies
        self.arrangements = np.where(copies.max(axis=1) == 2, 1.0, 2.0)

    @property
    def n_free(self) -> int:
        return int(self.copies.shape[1]) - 1

    @property
    def n_observations(self) -> int:
        return int(self.counts.sum())

    def start(self, rng: np.random.Generator) -> NDArray[np.float64]:
        return rng.dirichlet(np.ones(self.copies.shape[1]))

    def genotype_probabilities(self, params: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 (genotype,): p_a^2 and 2 p_a p_b."""
        return np.asarray(self.arrangements * np.prod(params**self.copies, axis=1))

    def phenotype_probabilities(self, params: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each phenotype, float64 (phenotype,)."""
        return np.asarray(self.shows @ self.genotype_probabilities(params))

    def em_step(self, params: NDArray[np.float64]) -> EMStep[NDArray[np.float64]]:
        """Split every phenotype over its genotypes in proportion to their probability, then count alleles."""
        joint = self.shows * self.genotype_probabilities(params)
        total = joint.sum(axis=1)
        seen = self.counts > 0.0
        if not np.all(total[seen] > 0.0):
            raise Degenerate("a phenotype that was seen has probability 0")
        share = np.divide(joint, total[:, None], out=np.zeros_like(joint), where=total[:, None] > 0.0)
        alleles = (self.counts @ share) @ self.copies
        log_likelihood = float(self.counts[seen] @ np.log(total[seen]))
        logs = np.log(share, out=np.zeros_like(share), where=share > 0.0)
        entropy = -float(self.counts @ (share * logs).sum(axis=1))
        return EMStep(alleles / alleles.sum(), log_likelihood, entropy=entropy)

    def stationarity(self, params: NDArray[np.float64]) -> Stationarity:
        """First-order conditions on the simplex."""
        genotypes = self.genotype_probabilities(params)
        total = self.shows @ genotypes
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(self.counts > 0.0, self.counts / total, 0.0)
        gradient = np.empty_like(params)
        for allele in range(len(params)):
            fewer = self.copies.copy()
            fewer[:, allele] -= self.copies[:, allele] > 0
            slope = self.arrangements * self.copies[:, allele] * np.prod(params**fewer, axis=1)
            gradient[allele] = weight @ (self.shows @ slope)
        return Stationarity.simplex(params, gradient)

    def pack(self, params: NDArray[np.float64]) -> NDArray[np.float64]:
        """All frequencies but the last."""
        return np.asarray(params[:-1], np.float64)

    def unpack(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        params = np.append(vector, 1.0 - vector.sum())
        if np.any(params < 0.0):
            raise Degenerate("an allele frequency is negative")
        return params


def gene_counting(
    phenotype_counts: Mapping[str, float],
    genotypes: Mapping[str, Iterable[Sequence[str]]],
    *,
    n_starts: int = 5,
    seed: int = 1,
    max_iter: int = 10_000,
) -> GeneCounts:
    r"""Allele frequencies from phenotypes under dominance, by the gene-counting EM.

    Individuals of phenotype f have one of its genotypes g, with Hardy-Weinberg probabilities P(g; p): the E-step
    divides them,

    .. math:: n_{g} = \sum_f n_f \frac{[g \in f] P(g; p)}{\sum_{h \in f} P(h; p)},

    and the M-step counts the alleles, :math:`p_a = \sum_g c_{ga} n_g / 2n`. This is the oldest EM of genetics
    (Ceppellini, Siniscalco & Smith 1955), fitted by :func:`genem.em.fit`.

    Parameters
    ----------
    phenotype_counts
        Individuals of each phenotype.
    genotypes
        The genotypes of each phenotype, each a pair of allele names in any order.
    n_starts, seed, max_iter
        As in :func:`genem.em.fit`: random starts, their seed, most EM maps per start.

    Returns
    -------
    GeneCounts

    Raises
    ------
    UsageError
        A phenotype without genotypes, a genotype that is not a pair, or has two phenotypes or none, a negative count,
        nobody counted, or fewer than two alleles.

    References
    ----------
    Ceppellini, Siniscalco & Smith (1955), Ann. Hum. Genet. 20:97, doi:10.1111/j.1469-1809.1955.tb01348.x.

    Examples
    --------
    The ABO blood groups: A and B are each dominant over O.

    >>> counts = {"A": 186, "B": 38, "AB": 13, "O": 284}
    >>> abo = {"A": ["AA", "AO"], "B": ["BB", "BO"], "AB": ["AB"], "O": ["OO"]}
    >>> result = gene_counting(counts, abo)
    >>> for allele, p, error in zip(result.alleles, result.frequencies, result.standard_errors):
    ...     print(f"{allele} {p:.4f} +- {error:.4f}")
    A 0.2136 +- 0.0135
    B 0.0501 +- 0.0068
    O 0.7363 +- 0.0145
    >>> result.fit.status.label, result.fit.n_starts_best
    ('converged', 5)
    """
    counts, shows, copies, alleles = _design(phenotype_counts, genotypes)
    model = GeneCounting(counts, shows, copies)
    estimate = fit(model, n_starts=n_starts, seed=seed, max_iter=max_iter)
    errors = standard_errors(model, estimate)
    expected = counts.sum() * model.phenotype_probabilities(estimate.params)
    return GeneCounts(alleles, estimate.params, errors.params, expected, estimate, errors)


def _design(
    phenotype_counts: Mapping[str, float], genotypes: Mapping[str, Iterable[Sequence[str]]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], tuple[str, ...]]:
    """Counts (phenotype,), which genotype shows which phenotype, copies (genotype, allele), allele names."""
    phenotype_of: dict[tuple[str, str], str] = {}
    for phenotype, pairs in genotypes.items():
        for pair in pairs:
            if len(pair) != 2:
                raise UsageError(f"genotype {pair!r} of phenotype {phenotype} is not a pair of alleles")
            first, second = sorted(pair)
            if phenotype_of.setdefault((first, second), phenotype) != phenotype:
                raise UsageError(f"genotype {first}/{second} has two phenotypes")
    alleles = tuple(sorted({allele for pair in phenotype_of for allele in pair}))
    if len(alleles) < 2:
        raise UsageError("gene counting needs two alleles or more")
    for number, first in enumerate(alleles):
        for second in alleles[number:]:
            if (first, second) not in phenotype_of:
                raise UsageError(f"genotype {first}/{second} has no phenotype")
    for phenotype, count in phenotype_counts.items():
        if phenotype not in phenotype_of.values():
            raise UsageError(f"phenotype {phenotype} has no genotype")
        if not (math.isfinite(count) and count >= 0.0):
            raise UsageError(f"phenotype {phenotype} has count {count}, a number of individuals expected")
    counts = np.array(list(phenotype_counts.values()), np.float64)
    if not counts.sum() > 0.0:
        raise UsageError("nobody was counted")
    shows = np.array([[shown == phenotype for shown in phenotype_of.values()] for phenotype in phenotype_counts])
    copies = np.array([[pair.count(allele) for allele in alleles] for pair in phenotype_of], np.int64)
    return counts, shows, copies, alleles
