"""Write VCF records again with phased genotypes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genem.data import ABSENT_ALLELE, MISSING_ALLELE
from genem.io.files.output import ByteSink

__all__ = ["PhasedVcfWriter"]

FORMAT_LINES = (
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Phased genotype; missing calls are filled in">',
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set: position of its first variant">',
    '##FORMAT=<ID=HPP,Number=1,Type=Float,Description="Posterior probability of the pair of haplotypes">',
)
FIXED_COLUMNS = 9
FORMAT_COLUMN = 8
STALE_INFO = (b"AC", b"AN", b"AF", b"NS")


class PhasedVcfWriter:
    """Copies the site columns of VCF records and writes GT, PS and HPP of each sample behind them.

    Parameters
    ----------
    stream
        Binary stream the VCF text is written to.
    header
        Header of the input, ``##`` lines and the ``#CHROM`` line.
    samples
        The samples to write.
    """

    def __init__(self, stream: ByteSink, header: str, samples: Sequence[str]) -> None:
        self._stream = stream
        lines = header.splitlines()
        kept = [line for line in lines[:-1] if not line.startswith("##FORMAT=")]
        columns = "\t".join([*lines[-1].split("\t")[: FIXED_COLUMNS - 1], "FORMAT", *samples])
        stream.write(("\n".join([*kept, *FORMAT_LINES, columns]) + "\n").encode())

    def write(
        self, line: bytes, alleles: NDArray[np.int16], phase_set: NDArray[np.int64], posterior: NDArray[np.float64]
    ) -> None:
        """Write one record.

        Parameters
        ----------
        line
            The record as in the file, without its line end.
        alleles
            int16 (sample, 2): allele of each copy; a missing or absent copy as in :mod:`genem.data`.
        phase_set
            int64 (sample,): position of the first variant of the phase set.
        posterior
            float64 (sample,)
        """
        fixed = line.split(b"\t", FIXED_COLUMNS)[: FIXED_COLUMNS - 1]
        fixed[7] = _without_counts(fixed[7])
        cells = [_cell(*row) for row in zip(alleles.tolist(), phase_set.tolist(), posterior.tolist(), strict=True)]
        self._stream.write(b"\t".join([*fixed, b"GT:PS:HPP", *cells]) + b"\n")


def _cell(alleles: list[int], phase_set: int, posterior: float) -> bytes:
    copies = [allele for allele in alleles if allele != ABSENT_ALLELE]
    if MISSING_ALLELE in copies:
        return b"/".join([b"."] * len(copies)) + b":.:."
    return f"{'|'.join(map(str, copies))}:{phase_set}:{posterior:.4g}".encode()


def _without_counts(info: bytes) -> bytes:
    """INFO without the allele counts of the calls before they were completed."""
    kept = [entry for entry in info.split(b";") if entry.split(b"=", 1)[0] not in STALE_INFO]
    return b";".join(kept) or b"."
