"""Called genotypes packed two bits a call: the rows that ``genem ld`` compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError
from genem.popgen.linkage.count_kernels import TILE_FIRST, r_squared_of_pairs, screen_pairs, sum_r_squared_by_distance
from genem.popgen.linkage.measure_kernels import N_INTEGERS, N_STATISTICS, measure_pairs
from genem.popgen.linkage.packed_kernels import (
    BITS,
    CALLED,
    CARRIER,
    COPY,
    COPY_CALLED,
    HOMOZYGOUS,
    N_DIPLOID_PLANES,
    N_HAPLOID_PLANES,
    N_PHASE_PLANES,
    PACKED,
    pack_calls,
)

__all__ = ["CallError", "PackedCalls", "pack"]


class CallError(InputError):
    """A call that cannot be used, with its variant and sample; both are numbers within the arrays given."""

    def __init__(self, found: str, variant: int, sample: int) -> None:
        self.variant, self.sample = variant, sample
        super().__init__(
            found,
            place=f"variant {variant + 1}, sample {sample + 1} of the arrays",
            remedy="linkage is estimated from diploid and haploid samples; exclude the sample",
        )


@dataclass(frozen=True, slots=True)
class PackedCalls:
    """Bit planes of biallelic rows (an ALT allele against the rest); sample i is bit i % 64 of word i // 64.

    Diploid and haploid calls have planes of their own, so that a sample whose ploidy differs between two rows counts
    in no table of the two. Samples with a missing copy are not called.

    Attributes
    ----------
    n_samples
        Number of samples.
    diploid
        uint64 (row, plane, word): at least one ALT copy, two, called.
    haploid
        uint64 (row, plane, word): ALT, called; no words where nobody is haploid.
    phase
        uint64 (row, plane, word): phased heterozygote, ALT on its first copy; no words where phase is not used.
    """

    n_samples: int
    diploid: NDArray[np.uint64]
    haploid: NDArray[np.uint64]
    phase: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.diploid)

    def rows(self, rows: slice | NDArray[np.int64]) -> PackedCalls:
        """Some of the rows."""
        return PackedCalls(self.n_samples, self.diploid[rows], self.haploid[rows], self.phase[rows])

    def join(self, other: PackedCalls) -> PackedCalls:
        """Append the other's rows."""
        words = max(self.haploid.shape[2], other.haploid.shape[2])
        return PackedCalls(
            self.n_samples,
            np.concatenate([self.diploid, other.diploid]),
            np.concatenate([_widen(self.haploid, words), _widen(other.haploid, words)]),
            np.concatenate([self.phase, other.phase]),
        )

    def alt_counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Copies of the ALT allele and copies in all, int64 (row,) each."""
        diploid, haploid = _set_bits(self.diploid), _set_bits(self.haploid)
        alt = diploid[:, CARRIER] + diploid[:, HOMOZYGOUS] + haploid[:, COPY]
        return alt, 2 * diploid[:, CALLED] + haploid[:, COPY_CALLED]

    def candidates(
        self, begin: NDArray[np.int64], end: NDArray[np.int64], min_r2: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (a, b), begin[a] <= b < end[a], in order, without those whose r2 is surely below ``min_r2``."""
        sizes = end - begin
        if min_r2 <= 0.0:
            return all_pairs(begin, sizes)
        offset = np.concatenate([[0], np.cumsum(sizes)])
        found, n_found = np.empty(offset[-1], np.int32), np.zeros(len(begin), np.int64)
        alt, copies = self.alt_counts()
        is_complete = (copies == 2 * self.n_samples) & (self.phase.shape[2] == 0)
        complete = np.where(is_complete, copies, 0)
        screen_pairs(self.diploid, self.haploid, self.phase, complete, alt, begin, end, offset, min_r2, found, n_found)
        first = np.repeat(np.arange(len(begin)), n_found)
        within = np.arange(len(first)) - np.repeat(np.cumsum(n_found) - n_found, n_found)
        return first, found[offset[first] + within].astype(np.int64)

    def measure(
        self, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Statistics [pair, N_STATISTICS] and integers [pair, N_INTEGERS] of pairs of rows."""
        statistics = np.empty((len(first), N_STATISTICS))
        integers = np.empty((len(first), N_INTEGERS), np.int64)
        measure_pairs(self.diploid, self.haploid, self.phase, first, second, statistics, integers)
        return statistics, integers

    def measure_r2(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """r2 alone, float64 (pair,)."""
        r2 = np.empty(len(first))
        r_squared_of_pairs(self.diploid, self.haploid, self.phase, first, second, r2)
        return r2

    def alt_frequencies(self) -> NDArray[np.float64]:
        """ALT frequency of each row, NaN where nobody is called."""
        alt, copies = self.alt_counts()
        return np.where(copies > 0, alt / np.maximum(copies, 1), np.nan)

    def r_squared_by_distance(
        self,
        position: NDArray[np.int64],
        begin: NDArray[np.int64],
        end: NDArray[np.int64],
        bin_bp: int,
        n_bins: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sums of r2 in units of 1 / ``FIXED_POINT``, and numbers of pairs: int64 (distance bin,)."""
        shape = -(-len(begin) // TILE_FIRST), n_bins
        sums, counts = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        sum_r_squared_by_distance(self.diploid, self.haploid, self.phase, position, begin, end, bin_bp, sums, counts)
        return sums.sum(axis=0), counts.sum(axis=0)


def all_pairs(begin: NDArray[np.int64], sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair (a, begin[a] + k), k < sizes[a], in order."""
    first = np.repeat(np.arange(len(begin)), sizes)
    within = np.arange(len(first)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return first, begin[first] + within


def pack(
    alleles: NDArray[np.integer[Any]],
    row_variant: NDArray[np.int64],
    row_allele: NDArray[np.int64],
    *,
    samples: NDArray[np.int64] | None = None,
    phased: NDArray[np.bool_] | None = None,
) -> PackedCalls:
    """Pack calls into bit planes.

    Parameters
    ----------
    alleles
        int8 or int16 (variant, sample, ploidy), as in :class:`genem.data.GenotypeBlock`.
    row_variant, row_allele
        int64 (row,): which variant a row is of, and which of its alleles is ALT there.
    samples
        int64: the samples to pack, in this order; None: all.
    phased
        bool (variant, sample): the phase of these calls is used; None: of none.

    Returns
    -------
    PackedCalls

    Raises
    ------
    CallError
        A call has more than two copies.

    Examples
    --------
    >>> import numpy as np
    >>> calls = np.array([[[0, 0], [0, 1], [1, 1], [1, -1]]], np.int8)
    >>> packed = pack(calls, np.array([0]), np.array([1]))
    >>> [format(int(plane[0]), "04b") for plane in packed.diploid[0]]
    ['0110', '0100', '0111']
    """
    chosen = np.arange(alleles.shape[1], dtype=np.int64) if samples is None else samples
    n_rows, n_words = len(row_variant), -(-len(chosen) // BITS)
    diploid = np.zeros((n_rows, N_DIPLOID_PLANES, n_words), np.uint64)
    haploid = np.zeros((n_rows, N_HAPLOID_PLANES, n_words), np.uint64)
    phase = np.zeros((n_rows, N_PHASE_PLANES, 0 if phased is None else n_words), np.uint64)
    flags = np.zeros((0, 0), np.bool_) if phased is None else phased
    code, variant, sample = pack_calls(alleles, flags, chosen, row_variant, row_allele, diploid, haploid, phase)
    if code != PACKED:
        raise CallError("a call with more than two copies", variant, sample)
    if not haploid.any():
        haploid = np.zeros((n_rows, N_HAPLOID_PLANES, 0), np.uint64)
    return PackedCalls(len(chosen), diploid, haploid, phase)


def _widen(planes: NDArray[np.uint64], n_words: int) -> NDArray[np.uint64]:
    missing = n_words - planes.shape[2]
    return np.pad(planes, ((0, 0), (0, 0), (0, missing))) if missing else planes


def _set_bits(planes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Set bits of each plane, int64 (row, plane)."""
    counts: NDArray[np.int64] = np.bitwise_count(planes).sum(axis=2, dtype=np.int64)
    return counts
