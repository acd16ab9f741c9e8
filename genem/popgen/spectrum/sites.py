"""Allele-count likelihoods of sites, gathered block by block of variants."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as attribute

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from genem.data import ABSENT_ALLELE, FIELDS, MISSING_ALLELE, FieldName, GenotypeBlock
from genem.errors import InputError
from genem.popgen.spectrum.kernels import count_likelihoods_of_sites, gather_bands, projected_counts_of_sites

DENSE_BYTES = 64 * 1024 * 1024
"""Memory for the allele-count likelihoods of the sites worked on at a time."""
ORDER_SEED = 0
"""Seed of the order in which samples enter the recursion; see :mod:`genem.popgen.spectrum.kernels`."""


@dataclass(frozen=True, slots=True)
class CountLikelihoods:
    """P(data | allele count) of sites, as ragged bands.

    Attributes
    ----------
    n
        Chromosomes.
    low
        int32 (site,): the smallest count of the band; all counts outside the band have likelihood zero.
    start
        int64 (site + 1,): the band of site s is ``values[start[s]:start[s + 1]]``.
    values
        float64 (value,): likelihoods, the largest of each site 1.
    log_scale
        float64 (site,): ln of what each site was divided by, so that log-likelihoods are in units of the input.
    """

    n: int
    low: NDArray[np.int32]
    start: NDArray[np.int64]
    values: NDArray[np.float64]
    log_scale: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.low.size)

    def dense(self) -> NDArray[np.float64]:
        """float64 (site, n + 1): the likelihoods with their zeros."""
        full = np.zeros((len(self), self.n + 1))
        for site in range(len(self)):
            band = self.values[self.start[site] : self.start[site + 1]]
            full[site, self.low[site] : self.low[site] + band.size] = band
        return full

    def select(self, kept: NDArray[np.bool_]) -> CountLikelihoods:
        """Only the sites where bool (site,) is true."""
        if np.all(kept):
            return self
        widths = np.diff(self.start)
        start = np.concatenate([[0], np.cumsum(widths[kept])]).astype(np.int64)
        return CountLikelihoods(
            self.n, self.low[kept], start, self.values[np.repeat(kept, widths)], self.log_scale[kept]
        )

    def reversed(self, flipped: NDArray[np.bool_]) -> CountLikelihoods:
        """Count the other allele at the ``flipped`` sites."""
        low, values = self.low.copy(), self.values.copy()
        for site in np.flatnonzero(flipped):
            band = slice(self.start[site], self.start[site + 1])
            low[site] = self.n - (self.low[site] + (band.stop - band.start) - 1)
            values[band] = self.values[band][::-1]
        return CountLikelihoods(self.n, low, self.start, values, self.log_scale)


def _ragged(
    dense: NDArray[np.float64],
    n: int,
    low: NDArray[np.int32],
    high: NDArray[np.int32],
    log_scale: NDArray[np.float64],
) -> CountLikelihoods:
    start = np.concatenate([[0], np.cumsum(high.astype(np.int64) - low + 1)]).astype(np.int64)
    values = np.empty(start[-1])
    gather_bands(dense, low, high, start, values)
    return CountLikelihoods(n, low, start, values, log_scale)


def concatenate(parts: list[CountLikelihoods]) -> CountLikelihoods:
    """The sites of all parts, in order."""
    widths = np.concatenate([np.diff(part.start) for part in parts])
    return CountLikelihoods(
        n=parts[0].n,
        low=np.concatenate([part.low for part in parts]),
        start=np.concatenate([[0], np.cumsum(widths)]).astype(np.int64),
        values=np.concatenate([part.values for part in parts]),
        log_scale=np.concatenate([part.log_scale for part in parts]),
    )


@dataclass
class SiteCounter:
    """Turns blocks of variants into allele-count likelihoods of one group of samples.

    Every site must have the same chromosomes, or counts could not be compared: the ploidy of each sample is that of
    its first call, and a sample without any call is taken as diploid.
    """

    field: FieldName
    samples: NDArray[np.int64]
    names: tuple[str, ...]
    copies: NDArray[np.int64] | None = attribute(default=None, init=False)

    def count(self, block: GenotypeBlock, sites: NDArray[np.int64]) -> CountLikelihoods:
        """Likelihoods of the ALT allele count of biallelic ``sites`` (indices into the block).

        Raises
        ------
        InputError
            The block has no such field, a sample's ploidy changes or is above 2, or likelihoods are incomplete.
        """
        if FIELDS[self.field].is_call:
            return self._from_genotypes(block, sites)
        return self._from_likelihoods(block, sites)

    @property
    def n(self) -> int:
        """Chromosomes; known after the first block."""
        assert self.copies is not None
        return int(self.copies.sum())

    def _from_genotypes(self, block: GenotypeBlock, sites: NDArray[np.int64]) -> CountLikelihoods:
        if block.alleles is None:
            raise InputError("FORMAT/GT is not in the input", remedy="use another --field")
        alleles = block.alleles[sites][:, self.samples]
        present = (alleles != ABSENT_ALLELE).sum(axis=2)
        called = (alleles > MISSING_ALLELE).sum(axis=2)
        self._check_ploidy(block, sites, np.where((called > 0) | (present > 1), present, 0))
        derived = (alleles > 0).sum(axis=(1, 2), dtype=np.int64)
        n_called = called.sum(axis=1, dtype=np.int64)
        log_factorial = gammaln(np.arange(self.n + 1) + 1.0)
        # The kernel gives P(observed ALT copies | k), all arrangements of them over the called copies together; the
        # data are genotypes: each is one arrangement, a heterozygous one two.
        heterozygous = np.sum((called == 2) & (alleles.min(axis=2) != alleles.max(axis=2)), axis=1)
        arrangements = log_factorial[n_called] - log_factorial[derived] - log_factorial[n_called - derived]
        shift = np.log(2.0) * heterozygous - arrangements

        def fill(
            rows: slice,
            dense: NDArray[np.float64],
            low: NDArray[np.int32],
            high: NDArray[np.int32],
            scale: NDArray[np.float64],
        ) -> None:
            projected_counts_of_sites(derived[rows], n_called[rows], self.n, log_factorial, dense, low, high, scale)

        return self._in_batches(len(sites), shift, fill)

    def _from_likelihoods(self, block: GenotypeBlock, sites: NDArray[np.int64]) -> CountLikelihoods:
        if block.likelihoods is None or block.n_likelihoods is None or block.likelihood_field != self.field:
            raise InputError(f"FORMAT/{self.field} is not in the input", remedy="use another --field")
        given = block.n_likelihoods[sites][:, self.samples]
        self._check_ploidy(block, sites, np.maximum(given - 1, 0))
        assert self.copies is not None
        copies = self.copies
        values, shift = self._genotype_likelihoods(block, sites, given)
        order = np.random.default_rng(ORDER_SEED).permutation(self.samples.size)

        def fill(
            rows: slice,
            dense: NDArray[np.float64],
            low: NDArray[np.int32],
            high: NDArray[np.int32],
            scale: NDArray[np.float64],
        ) -> None:
            count_likelihoods_of_sites(values[rows], copies, order, dense, low, high, scale)

        return self._in_batches(len(sites), shift, fill)

    def _genotype_likelihoods(
        self, block: GenotypeBlock, sites: NDArray[np.int64], given: NDArray[np.int32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """float64 (site, sample, 3), the largest 1, flat where missing; and the ln of what each site was divided by."""
        assert block.likelihoods is not None
        raw = block.likelihoods[sites][:, self.samples, :3]
        used = np.arange(raw.shape[2]) < given[:, :, None]
        log = np.full((*given.shape, 3), -np.inf)
        scale = FIELDS[self.field]
        incomplete = used & scale.is_missing(raw)
        log[:, :, : raw.shape[2]] = np.where(used, scale.natural_logarithms(raw), -np.inf)
        if np.any(incomplete):
            site, sample = np.argwhere(np.any(incomplete, axis=2))[0]
            found = f"FORMAT/{self.field} has missing values among others"
            raise InputError(
                found, place=self._place(block, sites[site], sample), remedy="use --field GT, or mask the call"
            )
        log[given == 0] = 0.0
        best = log.max(axis=2, keepdims=True)
        return np.exp(log - best), best[:, :, 0].sum(axis=1)

    def _check_ploidy(self, block: GenotypeBlock, sites: NDArray[np.int64], ploidy: NDArray[np.integer]) -> None:
        """Compare the ploidy of every call, int (site, sample) with 0 where there is none, with what is known."""
        if self.copies is None:
            first = np.take_along_axis(ploidy, np.argmax(ploidy > 0, axis=0)[None], axis=0)[0] if len(sites) else 0
            self.copies = np.where(np.broadcast_to(first, self.samples.shape) > 0, first, 2).astype(np.int64)
        wrong = (ploidy > 2) | ((ploidy > 0) & (ploidy != self.copies))
        if np.any(wrong):
            site, sample = np.argwhere(wrong)[0]
            found, known = int(ploidy[site, sample]), int(self.copies[sample])
            place = self._place(block, sites[site], sample)
            if found > 2:
                raise InputError(
                    f"ploidy {found}; 1 or 2 expected", place=place, remedy="leave the sample out (-s ^NAME)"
                )
            raise InputError(
                f"ploidy {found}, but {known} before: every site must have the same chromosomes",
                place=place,
                remedy="use regions of one ploidy (-r), or leave the sample out (-s ^NAME)",
            )

    def _place(self, block: GenotypeBlock, site: int, sample: int) -> str:
        where = f"{block.sites.chrom(int(site))}:{block.sites.position[site]}"
        return f"record {block.sites.record[site]} ({where}), sample {self.names[sample]}"

    def _in_batches(self, n_sites: int, shift: NDArray[np.float64], fill) -> CountLikelihoods:  # type: ignore[no-untyped-def]
        batch = max(1, DENSE_BYTES // (8 * (self.n + 1)))
        parts = []
        for first in range(0, max(1, n_sites), batch):
            rows = slice(first, min(n_sites, first + batch))
            size = rows.stop - rows.start
            dense = np.zeros((size, self.n + 1))
            low, high = np.zeros(size, np.int32), np.zeros(size, np.int32)
            scale = shift[rows].copy()
            fill(rows, dense, low, high, scale)
            parts.append(_ragged(dense, self.n, low, high, scale))
        return concatenate(parts)
