"""Phasing a region: windows of neighbouring loci, each by haplotype-frequency EM, joined by their overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import ABSENT_ALLELE, MISSING_ALLELE, LocusTable
from genem.em import Status
from genem.errors import InputError, UsageError
from genem.numerics.threads import map_on_threads
from genem.popgen.haplotypes.estimation import Diplotypes, diplotypes
from genem.popgen.haplotypes.explanations import check_alleles, distinct_genotypes
from genem.popgen.haplotypes.joining_kernels import join_windows
from genem.popgen.haplotypes.search import HaplotypeSearch, Support

UNINFORMATIVE_LINK = 0.5 + 1e-6
"""Two windows whose right way round is no more probable than this are not joined: a new phase set begins."""


@dataclass(frozen=True, slots=True)
class Window:
    """Loci ``first`` to ``last`` (excluded) of those with calls, the haplotypes found there, and how EM ended."""

    first: int
    last: int
    loci: tuple[str, ...]
    support: Support
    status: Status
    diplotypes: Diplotypes


@dataclass(frozen=True, slots=True)
class PhasedRegion:
    """Phased genotypes of a region.

    Attributes
    ----------
    table
        The unphased genotypes.
    alleles
        int16 (sample, locus, 2): the allele of each copy, missing calls filled in; a locus without any call stays
        missing, the second copy of a haploid sample absent.
    phase_set
        int64 (sample, locus): the first locus of the stretch within which copies belong together.
    posterior
        float64 (sample, locus): probability of the pair of haplotypes that the window gives here, or that its
        window is joined the right way round to the one before, whichever is smaller.
    windows
        What was fitted.
    """

    table: LocusTable
    alleles: NDArray[np.int16]
    phase_set: NDArray[np.int64]
    posterior: NDArray[np.float64]
    windows: tuple[Window, ...]


def phase_region(
    table: LocusTable,
    *,
    window: int = 16,
    min_posterior: float = 0.01,
    max_pairs: int = 5_000_000,
    threads: int = 1,
) -> PhasedRegion:
    """Phase a row of neighbouring loci, as they lie on one chromosome.

    Windows of ``window`` loci, each sharing three quarters of its loci with the next, are fitted one by one by
    progressive insertion and EM. The windows of a sample are then joined by the likeliest chain of haplotype pairs
    (Viterbi), where a chain pays for every allele at which overlapping windows disagree. There is one start per
    window and no search for better optima, unlike in :func:`genem.popgen.phase`: on phased data the most likely of
    many maxima was no better at phasing than the one that insertion reaches. This is haplotype-frequency EM for
    small regions: a method that models whole chromosomes (Beagle, SHAPEIT) makes fewer switch errors on long ones.

    Parameters
    ----------
    table
        Genotypes, loci in the order of their positions.
    window
        Loci per window, at least 2.
    min_posterior
        Smallest posterior of a pair of haplotypes considered in a chain.
    max_pairs
        Most ways to explain the genotypes of one window held in memory.
    threads
        Windows fitted at the same time; it does not change the result.

    Returns
    -------
    PhasedRegion

    Raises
    ------
    InputError
        Fewer than two loci with calls, repeated names, mixed ploidy, or too many haplotypes in a window.
    UsageError
        A window of fewer than two loci.

    Examples
    --------
    >>> import numpy as np
    >>> from genem.data import LocusTable
    >>> from genem.popgen import phase_region
    >>> genotypes = [[(0, 0)] * 4] * 4 + [[(1, 1)] * 4] * 4 + [[(0, 1)] * 4] * 2
    >>> table = LocusTable(tuple("abcdefghij"), tuple("wxyz"), (("A", "G"),) * 4, np.array(genotypes, np.int16))
    >>> phased = phase_region(table, window=3)
    >>> phased.alleles[9].T.tolist(), len(phased.windows)
    ([[0, 0, 0, 0], [1, 1, 1, 1]], 2)
    """
    if window < 2:
        raise UsageError(f"window is {window}; at least 2 loci expected")
    called = np.flatnonzero(np.any(table.alleles > MISSING_ALLELE, axis=(0, 2)))
    names = tuple(table.loci[locus] for locus in called)
    check_alleles(table.alleles[:, called], names, table.samples)
    bounds = window_bounds(called.size, window)

    def fit_window(index: int) -> Window:
        first, last = bounds[index]
        try:
            return _fit_window(table, called[first:last], first, min_posterior, max_pairs)
        except InputError as error:
            place = f"loci {names[first]} to {names[last - 1]}"
            raise InputError(
                error.found, place=place, remedy="use a smaller --window or a larger --max-pairs"
            ) from None

    return _join(table, called, tuple(map_on_threads(threads, fit_window, range(len(bounds)))))


def window_bounds(n_loci: int, window: int) -> list[tuple[int, int]]:
    """First and last (excluded) locus of every window; neighbours share three quarters, the last ones more."""
    step = max(1, window // 4)
    if n_loci <= window:
        return [(0, n_loci)]
    firsts = list(range(0, n_loci - window, step))
    return [(first, first + window) for first in (*firsts, n_loci - window)]


def _fit_window(table: LocusTable, loci: NDArray[np.int64], first: int, min_posterior: float, max_pairs: int) -> Window:
    names = tuple(table.loci[locus] for locus in loci)
    genotypes = distinct_genotypes(table.alleles[:, loci])
    n_alleles = np.array([len(table.allele_names[locus]) for locus in loci], np.int64)
    search = HaplotypeSearch(genotypes, n_alleles, max_pairs)
    support, status = search.settle(search.insert_loci(None))
    pairs = diplotypes(support, genotypes, max_pairs, min_posterior)
    return Window(first, first + loci.size, names, support, Status(status), pairs)


def _join(table: LocusTable, called: NDArray[np.int64], windows: tuple[Window, ...]) -> PhasedRegion:
    n_samples, n_loci = table.alleles.shape[:2]
    alleles = np.full((n_samples, n_loci, 2), MISSING_ALLELE, np.int16)
    phase_set = np.tile(np.arange(n_loci), (n_samples, 1))
    posterior = np.full((n_samples, n_loci), np.nan)
    first_locus = np.array([window.first for window in windows])
    last_locus = np.array([window.last for window in windows])
    # The middle of each overlap parts the loci that are taken from either window.
    cuts = [0, *((first_locus[1:] + last_locus[:-1]) // 2), called.size]
    longest = int((last_locus - first_locus).max())
    for sample in range(n_samples):
        pairs, log_posterior, first_pair = _pairs_of(sample, windows, longest)
        chosen, swapped, link = join_windows(pairs, log_posterior, first_pair, first_locus, last_locus)
        set_start = called[0]
        for index, window in enumerate(windows):
            between_cuts = slice(cuts[index], cuts[index + 1])
            loci = called[between_cuts]
            phased = pairs[chosen[index], between_cuts.start - window.first : between_cuts.stop - window.first]
            if index and link[index] <= UNINFORMATIVE_LINK:
                set_start = loci[0]
            alleles[sample, loci] = phased[:, ::-1] if swapped[index] else phased
            phase_set[sample, loci] = set_start
            posterior[sample, loci] = min(np.exp(log_posterior[chosen[index]]), max(link[index], 0.5))
    haploid = table.alleles[:, 0, 1] == ABSENT_ALLELE
    alleles[haploid, :, 1] = ABSENT_ALLELE
    return PhasedRegion(table, alleles, phase_set, posterior, windows)


def _pairs_of(
    sample: int, windows: tuple[Window, ...], longest: int
) -> tuple[NDArray[np.int16], NDArray[np.float64], NDArray[np.int64]]:
    """The pairs of one sample in all windows: alleles (pair, longest, 2), log posterior, first pair of each window."""
    slices = [slice(*window.diplotypes.start[sample : sample + 2]) for window in windows]
    counts = [part.stop - part.start for part in slices]
    first_pair = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pairs = np.zeros((first_pair[-1], longest, 2), np.int16)
    posterior = np.empty(first_pair[-1])
    for index, (window, part) in enumerate(zip(windows, slices, strict=True)):
        rows = slice(first_pair[index], first_pair[index + 1])
        pair = window.diplotypes.pair[part]
        # A haploid sample has one copy: it stands in both places.
        both = np.where(pair < 0, pair[:, :1], pair)
        pairs[rows, : window.last - window.first] = np.swapaxes(window.support.haplotypes[both], 1, 2)
        posterior[rows] = window.diplotypes.posterior[part]
    return pairs, np.log(posterior), first_pair
