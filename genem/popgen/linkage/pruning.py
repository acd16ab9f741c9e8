"""Pruning by linkage disequilibrium: the library behind ``genem prune``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import FieldName, GenotypeBlock
from genem.errors import UsageError
from genem.jit import set_threads
from genem.popgen.linkage.loci import Loci, LocusReader, Rows, as_blocks
from genem.popgen.linkage.window import RowWindow, WindowPart, portions
from genem.popgen.sex_chromosomes import Build

__all__ = ["PrunedVariant", "prune"]

MAX_SCREENED = 1 << 20
"""Pairs screened at a time."""
TIE = 1e-12
"""Minor allele frequencies that differ less than this, relatively, are equal."""


@dataclass(frozen=True, slots=True)
class PrunedVariant:
    """Outcome of pruning for one variant.

    Attributes
    ----------
    chrom, position, identifier, ref, alt
        The variant; ``alt`` with commas between several alleles.
    minor_allele_frequency
        1 - the frequency of the commonest allele, NaN where nobody is called.
    kept
        Whether it stays.
    removed_by
        ``chrom:position:ref:alt`` of the variant it was removed for, None where kept.
    r2
        Their r2, NaN where kept.
    """

    chrom: str
    position: int
    identifier: str
    ref: str
    alt: str
    minor_allele_frequency: float
    kept: bool
    removed_by: str | None
    r2: float


def prune(
    blocks: GenotypeBlock | Iterable[GenotypeBlock],
    *,
    r2: float = 0.5,
    field: FieldName = "GT",
    sex: ArrayLike | None = None,
    build: Build | None = None,
    phased: bool = False,
    window_bp: int | None = 1_000_000,
    window_variants: int | None = None,
    threads: int = 1,
) -> Iterator[PrunedVariant]:
    """Choose variants of which no two in a window have an r2 above a threshold.

    Variants are taken in file order. Each one still in is compared with the later ones of its window that are still
    in, nearest first; where r2 exceeds the threshold, the variant with the smaller minor allele frequency is removed,
    of equals the later one. r2 is that of the haplotype frequencies at their maximum likelihood (see
    :func:`genem.popgen.ld`); at sites with several ALT alleles the largest r2 of any two alleles counts.

    Parameters
    ----------
    blocks
        Variants in file order.
    r2
        Largest r2 that two kept variants of a window may have.
    field, sex, build, phased, window_bp, window_variants
        As in :func:`genem.popgen.ld`.
    threads
        Threads to use; the result is the same for any number.

    Yields
    ------
    PrunedVariant
        Every variant, in file order. Memory depends on the window only.

    Raises
    ------
    UsageError, InputError
        As :func:`genem.popgen.ld`.

    References
    ----------
    Purcell et al. (2007), Am. J. Hum. Genet. 81:559, doi:10.1086/519795 (``--indep-pairwise``).
    """
    if not 0.0 <= r2 <= 1.0:
        raise UsageError(f"r2 is {r2}, a number between 0 and 1 expected")
    reader = LocusReader(field=field, sex=sex, build=build, phased=phased)
    window = RowWindow(window_bp=window_bp, window_variants=window_variants)
    return _decide(blocks, reader, window, r2, threads)


def _decide(
    blocks: GenotypeBlock | Iterable[GenotypeBlock], reader: LocusReader, window: RowWindow, limit: float, threads: int
) -> Iterator[PrunedVariant]:
    set_threads(threads)
    pruner = _Pruner(limit)
    for block in as_blocks(blocks):
        part = window.feed(*reader.read(block))
        if part is not None:
            yield from pruner.decide(part)
    part = window.finish()
    if part is not None:
        yield from pruner.decide(part)


class _Pruner:
    """Removes variants one window part after the other; remembers what was removed ahead of its turn."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._removed: dict[int, tuple[str, float]] = {}

    def decide(self, part: WindowPart) -> Iterator[PrunedVariant]:
        """The fate of the first rows of a part, which no later row can change."""
        loci, rows = part.loci, part.rows[0]
        n_ready = len(part.begin)
        frequency = _minor_allele_frequencies(loci, rows)
        for low, high in portions(part.end - part.begin, MAX_SCREENED):
            self._remove(loci, frequency, *self._above(part, rows, low, high))
        variants = loci.variant[:n_ready]
        for row in np.flatnonzero(np.diff(variants, prepend=variants[0] - 1)):
            yield self._fate(loci, int(row), float(frequency[row]))

    def _above(
        self, part: WindowPart, rows: Rows, low: int, high: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The pairs of first rows ``low`` to ``high`` whose r2 exceeds the limit, in order."""
        ahead = rows.rows(slice(low, None))
        first, second = ahead.candidates(part.begin[low:high] - low, part.end[low:high] - low, self._limit)
        r2 = ahead.measure_r2(first, second)
        above = r2 > self._limit
        return first[above] + low, second[above] + low, r2[above]

    def _remove(
        self,
        loci: Loci,
        frequency: NDArray[np.float64],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        r2: NDArray[np.float64],
    ) -> None:
        """Go through the pairs in the order of their variants, the largest r2 of two variants first."""
        order = np.lexsort((-r2, loci.variant[second], loci.variant[first]))
        for pair in order:
            a, b = int(first[pair]), int(second[pair])
            variant_a, variant_b = int(loci.variant[a]), int(loci.variant[b])
            if variant_a in self._removed or variant_b in self._removed:
                continue
            if frequency[a] < frequency[b] * (1.0 - TIE):
                self._removed[variant_a] = (_name(loci, b), float(r2[pair]))
            else:
                self._removed[variant_b] = (_name(loci, a), float(r2[pair]))

    def _fate(self, loci: Loci, row: int, frequency: float) -> PrunedVariant:
        removed_by, r2 = self._removed.pop(int(loci.variant[row]), (None, np.nan))
        return PrunedVariant(
            loci.chrom[row],
            int(loci.position[row]),
            loci.identifier[row],
            loci.ref[row],
            _alts(loci, row),
            frequency,
            removed_by is None,
            removed_by,
            r2,
        )


def _rows_of_variant(loci: Loci, row: int) -> range:
    """The rows of the variant whose first row is ``row``."""
    last = int(np.searchsorted(loci.variant, loci.variant[row], side="right"))
    return range(int(np.searchsorted(loci.variant, loci.variant[row], side="left")), last)


def _alts(loci: Loci, row: int) -> str:
    return ",".join(loci.alt[k] for k in _rows_of_variant(loci, row))


def _name(loci: Loci, row: int) -> str:
    return f"{loci.chrom[row]}:{loci.position[row]}:{loci.ref[row]}:{_alts(loci, row)}"


def _minor_allele_frequencies(loci: Loci, rows: Rows) -> NDArray[np.float64]:
    """1 - the frequency of the commonest allele of each row's variant, float64 (row,)."""
    frequency = rows.alt_frequencies()
    starts = np.flatnonzero(np.diff(loci.variant, prepend=loci.variant[0] - 1))
    commonest = np.maximum(np.maximum.reduceat(frequency, starts), 1.0 - np.add.reduceat(frequency, starts))
    return np.repeat(1.0 - commonest, np.diff(starts, append=len(loci)))
