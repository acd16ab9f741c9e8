"""The site frequency spectrum of one or two groups of samples: the library behind ``genem sfs``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import FieldName, GenotypeBlock, VariantSites
from genem.em import EMFit, Status, fit
from genem.errors import InputError, UsageError
from genem.jit import set_threads
from genem.popgen.spectrum.model import SpectrumModel
from genem.popgen.spectrum.sites import CountLikelihoods, SiteCounter, concatenate
from genem.popgen.spectrum.summary_statistics import Diversity, diversity

Vector = NDArray[np.float64]
Ancestral = Callable[[VariantSites], NDArray[np.int64]]

BOOTSTRAP_TOLERANCE = 1e-2
"""Certified distance of a replicate's log-likelihood from its maximum: far below what resampling changes."""
BOOTSTRAP_FLAT_SHARE = 0.1
"""Share of the flat spectrum mixed into the estimate to start a replicate off its zeros."""


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites used, with what the bootstrap needs to know, and the sites left out.

    Attributes
    ----------
    groups
        Allele-count likelihoods, one or two groups.
    contig, position
        int32 and int64 (site,)
    not_biallelic, not_polarised, not_called
        Sites left out: other than two alleles; ancestral allele unknown or neither REF nor ALT; no data.
    """

    groups: tuple[CountLikelihoods, ...]
    contig: NDArray[np.int32]
    position: NDArray[np.int64]
    not_biallelic: int
    not_polarised: int
    not_called: int

    def __len__(self) -> int:
        return int(self.position.size)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Spectra of resampled blocks.

    Attributes
    ----------
    numbers
        int64 (replicate,): replicate i draws from the i-th child of the seed, whichever others are computed.
    expected_sites
        float64 (replicate, count) or (replicate, count 1, count 2).
    status
        int64 (replicate,): how each fit ended.
    """

    numbers: NDArray[np.int64]
    expected_sites: Vector
    status: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpectrumFit:
    """An estimated spectrum.

    Attributes
    ----------
    expected_sites
        float64 (count,) or (count 1, count 2): expected sites with each count of the derived allele, counts from 0 to
        the number of chromosomes. Folded: of the minor allele; mirror images are added up in the cell with the
        smaller total count, and the other half is zero.
    proportion
        The same, divided by the number of sites.
    standard_error
        Of ``expected_sites``, from the block bootstrap; None without it.
    log_likelihood
        Natural logarithm of the probability of the data, in units of the input likelihoods; a call of GT counts as
        likelihood 1 of its genotype and 0 of the others.
    gap
        The log-likelihood is within this of its global maximum (the surface is concave).
    fold
        Whether the spectrum is folded.
    sites
        What was used and what was left out.
    fit
        The EM run.
    diversity, diversity_error
        Of each group, and their bootstrap standard errors (None without bootstrap; NaN where a replicate has NaN).
    bootstrap
        The replicates; None without them.
    """

    expected_sites: Vector
    proportion: Vector
    standard_error: Vector | None
    log_likelihood: float
    gap: float
    fold: bool
    sites: Sites
    fit: EMFit[Vector]
    diversity: tuple[Diversity, ...]
    diversity_error: tuple[Diversity, ...] | None
    bootstrap: Bootstrap | None

    @property
    def status(self) -> Status:
        """End of the EM run."""
        return self.fit.status


def sfs(
    blocks: Iterable[GenotypeBlock],
    *,
    field: FieldName = "GT",
    groups: ArrayLike | None = None,
    ancestral: Ancestral | None = None,
    fold: bool = False,
    callable_length: float | None = None,
    bootstrap: int = 0,
    bootstrap_first: int = 0,
    block_size: int = 1_000_000,
    max_iter: int = 20_000,
    tolerance: float = 1e-3,
    seed: int = 1,
    threads: int = 1,
) -> SpectrumFit:
    r"""Site frequency spectrum by maximum likelihood, from calls or genotype likelihoods.

    With :math:`h_s(k)` the likelihood of k derived alleles at site s and
    :math:`\phi_k` the proportion of sites with count k, EM maximises :math:`\sum_s \ln \sum_k \phi_k h_s(k)` by

    .. math:: \phi_k \leftarrow \frac{1}{S} \sum_s \frac{\phi_k h_s(k)}{\sum_j \phi_j h_s(j)}

    (Li 2011, doi:10.1093/bioinformatics/btr509; Nielsen et al. 2012, doi:10.1371/journal.pone.0037558), accelerated
    by SQUAREM. The surface is concave but nearly flat: the run ends when the log-likelihood is certified to be within
    ``tolerance`` of its maximum, and spectra should be compared by log-likelihood, never bin by bin.

    Every site counts all chromosomes: a sample without data there enters with a flat likelihood, which spreads the
    site over the counts it is compatible with (no projection to fewer chromosomes). From complete calls the
    result is counting.

    Parameters
    ----------
    blocks
        Variants, block by block; sites without exactly two alleles are left out, sites where nobody was seen too.
    field
        ``GT``, ``PL`` or ``GL``. A half-call counts the allele seen.
    groups
        int (sample,): 0 or 1 for the two groups of a joint spectrum, -1 for none; default all samples in one.
    ancestral
        Maps the sites of a block to the index of the ancestral allele, int64 (variant,), -1 where unknown.
        Default: the reference allele.
    fold
        Count the minor allele instead of the derived one; ``ancestral`` is then not used.
    callable_length
        Bases in which a variant would have been found: thetas are per base.
    bootstrap
        Replicates of the block bootstrap.
    bootstrap_first
        Number of the first one: replicates 0 to 99 may be computed in pieces, each the same as in one run.
    block_size
        Base pairs of one block.
    max_iter
        Most EM maps.
    tolerance
        Certified distance from the maximal log-likelihood at which to stop.
    seed
        Seed of the bootstrap.
    threads
        Threads to use; they do not change the result.

    Returns
    -------
    SpectrumFit

    Raises
    ------
    InputError
        No usable site, the field is absent or incomplete, or a sample's ploidy changes.
    UsageError
        Arguments that make no sense.
    """
    set_threads(threads)
    sites = gather_sites(blocks, field=field, groups=groups, ancestral=None if fold else ancestral)
    return fit_spectrum(
        sites,
        fold=fold,
        callable_length=callable_length,
        bootstrap=range(bootstrap_first, bootstrap_first + bootstrap),
        block_size=block_size,
        max_iter=max_iter,
        tolerance=tolerance,
        seed=seed,
    )


def gather_sites(
    blocks: Iterable[GenotypeBlock],
    *,
    field: FieldName = "GT",
    groups: ArrayLike | None = None,
    ancestral: Ancestral | None = None,
) -> Sites:
    """The allele-count likelihoods of all usable sites; see :func:`sfs`."""
    counters: list[SiteCounter] = []
    parts: list[list[CountLikelihoods]] = []
    contigs: list[NDArray[np.int32]] = []
    positions: list[NDArray[np.int64]] = []
    not_biallelic = not_polarised = not_called = 0
    for block in blocks:
        if not counters:
            counters = [SiteCounter(field, chosen, block.samples) for chosen in _members(groups, block.samples)]
            parts = [[] for _ in counters]
        biallelic = block.sites.n_alleles == 2
        used = np.flatnonzero(biallelic)
        not_biallelic += len(block) - used.size
        flipped = np.zeros(used.size, np.bool_)
        if ancestral is not None:
            allele = np.asarray(ancestral(block.sites))[used]
            known = (allele == 0) | (allele == 1)
            not_polarised += int(np.sum(~known))
            used, flipped = used[known], allele[known] == 1
        counted = [counter.count(block, used) for counter in counters]
        informative = ~np.all([_is_flat(part) for part in counted], axis=0)
        not_called += int(np.sum(~informative))
        for part, kept in zip(parts, counted, strict=True):
            part.append(kept.reversed(flipped).select(informative))
        contigs.append(block.sites.contig[used][informative])
        positions.append(block.sites.position[used][informative])
    if not positions or not any(part.size for part in positions):
        left_out = f"{not_biallelic} not biallelic, {not_polarised} not polarised, {not_called} without data"
        raise InputError(f"no site to estimate a spectrum from ({left_out})", remedy="check --field and --ancestral")
    return Sites(
        groups=tuple(concatenate(part) for part in parts),
        contig=np.concatenate(contigs),
        position=np.concatenate(positions),
        not_biallelic=not_biallelic,
        not_polarised=not_polarised,
        not_called=not_called,
    )


def fit_spectrum(
    sites: Sites,
    *,
    fold: bool = False,
    callable_length: float | None = None,
    bootstrap: Sequence[int] = (),
    block_size: int = 1_000_000,
    max_iter: int = 20_000,
    tolerance: float = 1e-3,
    seed: int = 1,
) -> SpectrumFit:
    """Estimate the spectrum of gathered sites, and the replicates ``bootstrap`` numbers; see :func:`sfs`."""
    if not tolerance > 0.0 or max_iter < 1 or block_size < 1:
        raise UsageError(f"tolerance {tolerance}, max_iter {max_iter}, block_size {block_size}: each must be above 0")
    if callable_length is not None and callable_length < len(sites):
        raise UsageError(f"a callable length of {callable_length:g} bases is less than the {len(sites)} sites used")
    model = SpectrumModel(sites.groups, np.ones(len(sites)), fold)
    best = _climb(model, model.flat(), max_iter, tolerance)
    expected = _presented(best.params, model) * len(sites)
    result = SpectrumFit(
        expected_sites=expected,
        proportion=expected / len(sites),
        standard_error=None,
        log_likelihood=best.log_likelihood,
        gap=model.gap(best.params),
        fold=fold,
        sites=sites,
        fit=best,
        diversity=diversities(expected, callable_length),
        diversity_error=None,
        bootstrap=None,
    )
    if not bootstrap:
        return result
    replicates = _bootstrap(sites, model, best.params, bootstrap, block_size, max_iter, seed)
    return with_bootstrap(result, replicates, callable_length)


def with_bootstrap(result: SpectrumFit, replicates: Bootstrap, callable_length: float | None = None) -> SpectrumFit:
    """The estimate with the standard errors that its replicates give; one replicate gives none."""
    if len(replicates.numbers) < 2:
        return replace(result, bootstrap=replicates)
    each = [diversities(spectrum, callable_length) for spectrum in replicates.expected_sites]
    errors = [np.std([astuple(group) for group in groups], axis=0, ddof=1) for groups in zip(*each, strict=True)]
    return replace(
        result,
        standard_error=replicates.expected_sites.std(axis=0, ddof=1),
        diversity_error=tuple(Diversity(*map(float, error)) for error in errors),
        bootstrap=replicates,
    )


def diversities(expected_sites: Vector, callable_length: float | None = None) -> tuple[Diversity, ...]:
    """Diversity of each group: from the spectrum, or from the margins of a joint one."""
    axes = range(expected_sites.ndim)
    margins = (expected_sites.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes)
    return tuple(diversity(margin, callable_length) for margin in margins)


def _climb(model: SpectrumModel, start: Vector, max_iter: int, tolerance: float) -> EMFit[Vector]:
    """EM until the gap is within ``tolerance``: the other stop rules are looser, for the surface is flat."""
    scale = 1.0 + abs(model.log_likelihood(start))
    return fit(
        model,
        start=start,
        max_iter=max_iter,
        objective_tolerance=1e-8,
        parameter_tolerance=1e-3,
        gradient_tolerance=tolerance / scale,
        on_decrease="revert",
    )


def _presented(params: Vector, model: SpectrumModel) -> Vector:
    """The proportions as an array; folded, each mirror pair added up in the cell with the smaller total count."""
    table = params.reshape(model.shape)
    if not model.fold:
        return table.copy()
    mirrored = np.flip(table)
    total = sum(np.ogrid[tuple(slice(size) for size in model.shape)])
    half = sum(size - 1 for size in model.shape) / 2.0
    centre = np.ravel_multi_index(tuple(np.indices(model.shape)), model.shape)
    first = (total < half) | ((total == half) & (centre <= np.flip(centre)))
    folded: Vector = np.where(first, table + np.where(centre == np.flip(centre), 0.0, mirrored), 0.0)
    return folded


def _bootstrap(
    sites: Sites,
    model: SpectrumModel,
    estimate: Vector,
    numbers: Sequence[int],
    block_size: int,
    max_iter: int,
    seed: int,
) -> Bootstrap:
    """Resample whole blocks, because neighbouring sites are not independent."""
    blocks = np.stack([sites.contig.astype(np.int64), sites.position // block_size], axis=1)
    distinct, block_of = np.unique(blocks, axis=0, return_inverse=True)
    n_blocks = len(distinct)
    if n_blocks < 2:
        raise InputError(
            f"the sites lie in {n_blocks} block of {block_size:,} bp, at least 2 needed for a bootstrap",
            remedy="use a smaller --block-size",
        )
    start = (1.0 - BOOTSTRAP_FLAT_SHARE) * estimate + BOOTSTRAP_FLAT_SHARE * model.flat()
    children = np.random.SeedSequence(seed).spawn(max(numbers) + 1)
    spectra, ends = [], []
    for number in numbers:
        drawn = np.random.default_rng(children[number]).multinomial(n_blocks, np.full(n_blocks, 1.0 / n_blocks))
        weight = drawn[block_of.reshape(-1)].astype(np.float64)
        resampled = SpectrumModel(model.groups, weight, model.fold)
        run = _climb(resampled, start, max_iter, BOOTSTRAP_TOLERANCE)
        spectra.append(_presented(run.params, model) * weight.sum())
        ends.append(int(run.status))
    return Bootstrap(np.array(numbers, np.int64), np.array(spectra), np.array(ends, np.int64))


def _members(groups: ArrayLike | None, samples: tuple[str, ...]) -> list[NDArray[np.int64]]:
    """The samples of each group."""
    if not samples:
        raise InputError("no samples")
    if groups is None:
        return [np.arange(len(samples))]
    group = np.asarray(groups)
    if group.shape != (len(samples),):
        raise UsageError(f"groups has shape {group.shape}; ({len(samples)},) expected, one per sample")
    n_groups = int(group.max(initial=-1)) + 1
    if n_groups not in (1, 2):
        raise UsageError(f"{n_groups} groups; a spectrum has one or two")
    members = [np.flatnonzero(group == index) for index in range(n_groups)]
    for index, chosen in enumerate(members):
        if not chosen.size:
            raise UsageError(f"group {index} has no sample")
    return members


def _is_flat(part: CountLikelihoods) -> NDArray[np.bool_]:
    """Sites whose likelihood is the same for every count: nothing was seen there."""
    full = np.diff(part.start) == part.n + 1
    smallest = np.minimum.reduceat(part.values, part.start[:-1]) if len(part) else np.empty(0)
    flat: NDArray[np.bool_] = full & (smallest >= 1.0 - 1e-12)
    return flat
