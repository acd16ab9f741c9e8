"""Haplotype frequencies and diplotype posteriors from unphased genotypes at a few loci."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import LocusTable
from genem.em import EMFit, Status, fit
from genem.errors import InputError, UsageError
from genem.popgen.haplotypes.explanations import DistinctGenotypes, check_alleles, distinct_genotypes, explain
from genem.popgen.haplotypes.model import HaplotypeModel, uncertainty
from genem.popgen.haplotypes.posterior_kernels import count_pairs, fill_pairs
from genem.popgen.haplotypes.search import (
    RARE_COUNT,
    SAME_COUNT,
    Effort,
    HaplotypeSearch,
    SearchReport,
    Support,
    frequency_differences,
)

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Diplotypes:
    """The likely pairs of haplotypes of every sample, likeliest first.

    Attributes
    ----------
    start
        int64 (sample + 1,): pairs ``start[i]`` to ``start[i + 1]`` belong to sample i.
    pair
        int32 (pair, 2): haplotypes, indices of :attr:`HaplotypeFit.haplotypes`; the second is -1 for a haploid sample.
    posterior
        float64 (pair,): probability given the genotype and the estimated frequencies.
    """

    start: NDArray[np.int64]
    pair: NDArray[np.int32]
    posterior: Vector


@dataclass(frozen=True, slots=True)
class HaplotypeFit:
    """Estimated haplotype frequencies.

    Attributes
    ----------
    table
        The genotypes at the loci used.
    haplotypes
        int16 (haplotype, locus): allele indices, most frequent haplotype first.
    frequency, standard_error
        float64 (haplotype,): NaN errors where the observed information does not determine the frequencies, and for a
        haplotype whose frequency differs between equally likely optima.
    log_likelihood
        Natural logarithm, sum over samples of log P(genotype); equals ``lnlike`` of haplo.em.
    n_chromosomes
        Copies carried by samples with at least one call.
    missing_information
        Share of information lost to unknown phase for the worst determined contrast of frequencies; 1: not resolved.
    search
        Starts, hits and distinct optima.
    fit
        The final EM run.
    diplotypes
        Pairs of every sample.
    """

    table: LocusTable
    haplotypes: NDArray[np.int16]
    frequency: Vector
    standard_error: Vector
    log_likelihood: float
    n_chromosomes: float
    missing_information: float
    search: SearchReport
    fit: EMFit[Vector]
    diplotypes: Diplotypes

    @property
    def status(self) -> Status:
        """End of the final EM run."""
        return self.fit.status

    @property
    def resolved(self) -> bool:
        """Whether the data determine every frequency; if not, the estimate is one of several equally likely ones."""
        return len(self.search.tied) == 1 and not self.missing_information >= 1.0

    def names(self, haplotype: int) -> tuple[str, ...]:
        """Allele names of one haplotype, one per locus."""
        return tuple(
            alleles[index] for alleles, index in zip(self.table.allele_names, self.haplotypes[haplotype], strict=True)
        )


def phase(
    table: LocusTable,
    *,
    loci: Sequence[str] | None = None,
    n_starts: int = 10,
    max_starts: int = 40,
    n_hits: int = 3,
    min_posterior: float = 0.01,
    max_pairs: int = 5_000_000,
    max_iter: int = 20_000,
    seed: int = 1,
) -> HaplotypeFit:
    """Haplotype frequencies by maximum likelihood, and the pair of haplotypes behind every genotype.

    Under random mating a genotype g has probability P(g) = sum over ordered pairs (h, h') that make up g of
    p(h) p(h'); a missing allele is compatible with every allele of its locus. EM (Excoffier & Slatkin 1995,
    doi:10.1093/oxfordjournals.molbev.a040269) repeats p(h) <- expected copies of h / chromosomes. Haplotypes grow
    locus by locus with trimming (Schaid et al. 2002, doi:10.1086/338688). Because the likelihood has many maxima,
    every start is followed by a search over other explanations of each ambiguous genotype, and starts go on until
    the best optimum repeats. Haplotypes that trimming lost come back where their gradient says the likelihood would
    rise, so the end is stationary among all haplotypes, not only among those kept.

    Parameters
    ----------
    table
        Genotypes of the samples; haploid samples are allowed.
    loci
        Names of the loci to use, in this order; default all.
    n_starts, max_starts
        Fewest and most independent starts; the first is the plain one, the others draw locus order and weights.
    n_hits
        Stop once this many independent starts reached the best optimum.
    min_posterior
        Smallest posterior of a pair in ``diplotypes``; the likeliest pair of a sample is always there.
    max_pairs
        Most ways to explain the genotypes held in memory (about 8 bytes each).
    max_iter
        Most EM maps of the final run.
    seed
        Seed of the starts.

    Returns
    -------
    HaplotypeFit

    Raises
    ------
    InputError
        A locus that the table does not have, fewer than two loci, a locus without calls, repeated names, mixed
        ploidy, or more haplotypes than fit.
    UsageError
        A locus named twice, or numbers of starts that make no sense.

    Examples
    --------
    Ten samples at two loci; the double heterozygotes are explained by the two haplotypes seen in the others.

    >>> import numpy as np
    >>> from genem.data import LocusTable
    >>> from genem.popgen import phase
    >>> genotypes = [[(0, 0), (0, 0)]] * 4 + [[(1, 1), (1, 1)]] * 2 + [[(0, 1), (0, 1)]] * 4
    >>> table = LocusTable(tuple("abcdefghij"), ("L1", "L2"), (("A", "G"), ("C", "T")), np.array(genotypes, np.int16))
    >>> result = phase(table)
    >>> for h in range(2):
    ...     print(result.names(h), round(result.frequency[h], 4), round(result.standard_error[h], 4))
    ('A', 'C') 0.6 0.1095
    ('G', 'T') 0.4 0.1095
    >>> round(result.log_likelihood, 6), result.status.label
    (-10.687645, 'converged')
    """
    if loci is not None:
        table = select_loci(table, loci)
    _check_effort(n_starts, max_starts, n_hits)
    check_alleles(table.alleles, table.loci, table.samples)
    genotypes = distinct_genotypes(table.alleles)
    n_alleles = np.array([len(names) for names in table.allele_names], np.int64)
    search = HaplotypeSearch(genotypes, n_alleles, max_pairs, seed)
    report = search.run(Effort(n_starts, max_starts, n_hits))
    chosen = search.choose(report.best)
    report = replace(report, tied=search.tied([chosen, *report.tied], chosen))
    support, final = _polish(search, chosen, max_iter)
    explanations = explain(genotypes, support.haplotypes, max_pairs)
    errors = uncertainty(support.frequency, explanations)
    return HaplotypeFit(
        table=table,
        haplotypes=support.haplotypes,
        frequency=support.frequency,
        standard_error=np.where(_undetermined(support, report, genotypes.n_chromosomes), np.nan, errors.standard_error),
        log_likelihood=support.log_likelihood,
        n_chromosomes=genotypes.n_chromosomes,
        missing_information=errors.missing_information,
        search=report,
        fit=final,
        diplotypes=diplotypes(support, genotypes, max_pairs, min_posterior),
    )


def select_loci(table: LocusTable, loci: Sequence[str]) -> LocusTable:
    """The table's genotypes at the named loci, in that order.

    Raises
    ------
    InputError
        The table has no locus of that name, or several.
    UsageError
        It is named twice in ``loci``.
    """
    known = {name: index for index, name in enumerate(table.loci)}
    for position, name in enumerate(loci):
        if name not in known:
            raise no_locus(name, table.loci)
        if name in loci[:position]:
            raise UsageError(f"locus {name} is named twice")
    if len(known) < len(table.loci):
        for name in loci:
            if table.loci.count(name) > 1:
                raise InputError(
                    f"locus {name} is there {table.loci.count(name)} times", remedy="give each its own name"
                )
    chosen = [known[name] for name in loci]
    names = tuple(table.allele_names[index] for index in chosen)
    return LocusTable(table.samples, tuple(loci), names, np.ascontiguousarray(table.alleles[:, chosen]))


def no_locus(name: str, known: Iterable[str], path: str | None = None) -> InputError:
    """The error that there is no locus of that name among those known, with the names nearest to it."""
    near = difflib.get_close_matches(name, known, n=3)
    return InputError(f"no locus {name}", path=path, remedy=f"did you mean {' or '.join(near)}?" if near else None)


def _check_effort(n_starts: int, max_starts: int, n_hits: int) -> None:
    if min(n_starts, max_starts, n_hits) < 1:
        raise UsageError(
            f"n_starts, max_starts and n_hits are {n_starts}, {max_starts} and {n_hits}; each must be at least 1"
        )
    if max_starts < n_starts:
        raise UsageError(f"max_starts is {max_starts}, less than n_starts, {n_starts}")


def _polish(search: HaplotypeSearch, support: Support, max_iter: int) -> tuple[Support, EMFit[Vector]]:
    """Climb to stationarity over all haplotypes: let in those that raise the likelihood, drop those that vanish."""
    entered = search.enter(support)
    while entered is not None and entered.log_likelihood > support.log_likelihood + 1e-9:
        support = entered
        entered = search.enter(support)
    while True:
        explanations = explain(search.genotypes, support.haplotypes, search.max_pairs)
        final = fit(
            HaplotypeModel(explanations, len(support.frequency)),
            start=support.frequency,
            max_iter=max_iter,
            on_decrease="revert",
        )
        kept = final.params * search.genotypes.n_chromosomes > RARE_COUNT
        if np.all(kept):
            break
        frequency = final.params[kept] / final.params[kept].sum()
        support = Support(np.ascontiguousarray(support.haplotypes[kept]), frequency, final.log_likelihood)
    order = np.lexsort((*support.haplotypes.T[::-1], -final.params))
    ordered = Support(support.haplotypes[order], final.params[order], final.log_likelihood)
    return ordered, final


def _undetermined(support: Support, report: SearchReport, n_chromosomes: float) -> NDArray[np.bool_]:
    """Haplotypes whose frequency is not the same in all equally likely optima."""
    unsure: set[bytes] = set()
    for other in report.tied[1:]:
        differences = frequency_differences(report.tied[0], other)
        unsure.update(name for name, difference in differences.items() if difference * n_chromosomes > SAME_COUNT)
    return np.array([row.tobytes() in unsure for row in support.haplotypes], dtype=np.bool_)


def diplotypes(support: Support, genotypes: DistinctGenotypes, max_pairs: int, min_posterior: float) -> Diplotypes:
    """Pairs of each sample with at least ``min_posterior``, at least one, sorted by posterior."""
    explanations = explain(genotypes, support.haplotypes, max_pairs)
    pairs_of: list[tuple[NDArray[np.int32], Vector]] = []
    start, threshold = count_pairs(support.frequency, explanations, min_posterior)
    pair, posterior = fill_pairs(support.frequency, explanations, threshold, start)
    for genotype in range(len(genotypes.weight)):
        chosen = slice(start[genotype], start[genotype + 1])
        order = np.lexsort((*pair[chosen].T[::-1], -posterior[chosen]))
        pairs_of.append((pair[chosen][order], posterior[chosen][order]))
    counts = [len(pairs_of[genotype][1]) for genotype in genotypes.of_sample]
    return Diplotypes(
        start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        pair=np.concatenate([pairs_of[genotype][0] for genotype in genotypes.of_sample]),
        posterior=np.concatenate([pairs_of[genotype][1] for genotype in genotypes.of_sample]),
    )
