"""Calls packed into bit planes, 64 samples a word, so that two-locus tables are a few population counts."""

from __future__ import annotations

import numpy as np

from genem.data import ABSENT_ALLELE
from genem.jit import kernel

# Planes of the diploid calls: at least one copy of the ALT allele, two copies, called.
CARRIER, HOMOZYGOUS, CALLED = range(3)
N_DIPLOID_PLANES = 3
# Planes of the haploid calls: the copy is the ALT allele, called.
COPY, COPY_CALLED = range(2)
N_HAPLOID_PLANES = 2
# Planes of the phase: heterozygous and phased, the first copy is the ALT allele.
PHASED_HETEROZYGOUS, FIRST_COPY = range(2)
N_PHASE_PLANES = 2

BITS = 64

PACKED, PLOIDY_TOO_HIGH = range(2)


@kernel
def pack_calls(
    alleles: np.ndarray,
    phased: np.ndarray,
    samples: np.ndarray,
    row_variant: np.ndarray,
    row_allele: np.ndarray,
    diploid: np.ndarray,
    haploid: np.ndarray,
    phase: np.ndarray,
) -> tuple[int, int, int]:
    """Set the bits of each row, an ALT allele against the rest; planes come in as zeros.

    A call with a missing copy sets no bit. ``phased`` and ``phase`` may be empty: phase is then not kept.
    Returns a code, and of the first call with more than two copies the variant and the place in ``samples``.

    ``alleles`` is int8 (variant, sample, copy), ``phased`` (variant, sample), ``samples`` (place,), ``row_variant`` and
    ``row_allele`` (row,), ``diploid``, ``haploid`` and ``phase`` bit planes uint64 (row, plane, word).
    """
    keep_phase = phase.shape[2] > 0
    for row in range(row_variant.size):
        variant, allele = row_variant[row], row_allele[row]
        for place in range(samples.size):
            sample = samples[place]
            # Copies of the call: how many, known, and of this allele.
            n_copies, n_alt, n_known = 0, 0, 0
            first_is_alt = False
            for copy in range(alleles.shape[2]):
                index = alleles[variant, sample, copy]
                if index == ABSENT_ALLELE:
                    continue
                if n_copies == 0:
                    first_is_alt = index == allele
                n_copies += 1
                if index >= 0:
                    n_known += 1
                if index == allele:
                    n_alt += 1
            if n_copies > 2:
                return PLOIDY_TOO_HIGH, variant, place
            if n_copies == 0 or n_known < n_copies:
                continue
            # Its bits in the planes of its ploidy.
            word, bit = place // BITS, np.uint64(1) << np.uint64(place % BITS)
            if n_copies == 1:
                haploid[row, COPY_CALLED, word] |= bit
                if n_alt == 1:
                    haploid[row, COPY, word] |= bit
                continue
            diploid[row, CALLED, word] |= bit
            if n_alt > 0:
                diploid[row, CARRIER, word] |= bit
            if n_alt == 2:
                diploid[row, HOMOZYGOUS, word] |= bit
            if keep_phase and n_alt == 1 and phased[variant, sample]:
                phase[row, PHASED_HETEROZYGOUS, word] |= bit
                if first_is_alt:
                    phase[row, FIRST_COPY, word] |= bit
    return PACKED, 0, 0
