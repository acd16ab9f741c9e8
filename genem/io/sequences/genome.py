"""Sequences of the intervals of a BED file, cut out of an indexed genome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from genem.data import SequenceSet
from genem.errors import InputError
from genem.io.files.bgzf import InflatedInput
from genem.io.files.htslib import htslib_quiet

__all__ = ["genome_sequences"]

OUTSIDE, REPEATED = "reaching over the end of a sequence", "given before"


@dataclass(frozen=True, slots=True)
class _Interval:
    """0-based, half-open; the strand is that of column 6, ``.`` where there is none."""

    contig: str
    start: int
    end: int
    strand: str
    line: int


def genome_sequences(
    genome: str | Path, bed: str | Path, *, width: int | None = None, use_strand: bool = False
) -> tuple[SequenceSet, Mapping[str, int]]:
    """Read the sequences of intervals.

    Parameters
    ----------
    genome
        FASTA with its index beside it, plain or BGZF.
    bed
        Intervals: sequence, start (0-based), end; with ``use_strand`` the strand in column 6.
    width
        Take so many bases around the middle of every interval instead of the interval.
    use_strand
        Intervals of the strand ``-`` become their reverse complement, and names end with the strand.

    Returns
    -------
    sequences
        Named ``CHROM:START-END`` as by bedtools, in the order of the intervals.
    left_out
        How many intervals were left out, by reason.

    Raises
    ------
    InputError
        A file cannot be read, a line of ``bed`` is not an interval, a sequence is not in the genome, or no interval is
        left.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".bed") as bed:
    ...     _ = bed.write("U01317.1\\t100\\t110\\nU01317.1\\t100\\t110\\n")
    ...     bed.flush()
    ...     sequences, left_out = genome_sequences("data/genome.fa", bed.name)
    >>> sequences.names, len(sequences.sequence(0)), left_out
    (('U01317.1:100-110',), 10, {'given before': 1})
    """
    left_out: Counter[str] = Counter()
    first_outside = ""
    sequences: dict[str, str] = {}
    with _open(genome) as fasta:
        lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
        for interval in _intervals(bed):
            start, end = interval.start, interval.end
            if width is not None:
                start = (start + end) // 2 - width // 2
                end = start + width
            if interval.contig not in lengths:
                found = f"{interval.contig} is not a sequence of {genome}"
                raise InputError(
                    found, path=bed, place=f"line {interval.line}", remedy="are both of the same assembly?"
                )
            if start < 0 or end > lengths[interval.contig]:
                first_outside = first_outside or f"line {interval.line} ({interval.contig}:{start}-{end})"
                left_out[OUTSIDE] += 1
                continue
            name = f"{interval.contig}:{start}-{end}" + (f"({interval.strand})" if use_strand else "")
            if name in sequences:
                left_out[REPEATED] += 1
                continue
            sequence = fasta.fetch(interval.contig, start, end)
            sequences[name] = _reverse(sequence) if use_strand and interval.strand == "-" else sequence
    if not sequences:
        raise InputError(
            f"no interval can be used: {left_out[OUTSIDE]} {OUTSIDE}",
            path=bed,
            place=f"from {first_outside}",
            remedy="is it of the same assembly? are starts counted from 0?",
        )
    letters = np.frombuffer("".join(sequences.values()).encode(), np.uint8)
    offsets = np.cumsum([0, *(len(sequence) for sequence in sequences.values())])
    names = tuple(sequences)
    return SequenceSet(names, names, letters, offsets.astype(np.int64)), dict(left_out)


def _open(genome: str | Path) -> pysam.FastaFile:
    if not Path(genome).exists():
        raise InputError("no such file", path=genome)
    if not Path(f"{genome}.fai").exists():  # pysam would make one, beside the genome
        raise InputError("has no index", path=genome, remedy="make one with samtools faidx")
    try:
        with htslib_quiet():
            return pysam.FastaFile(str(genome))
    except (OSError, ValueError):
        raise InputError("cannot be read as FASTA", path=genome, remedy="is the index older than the file?") from None


def _intervals(bed: str | Path) -> list[_Interval]:
    with InflatedInput(bed) as stream:
        lines = b"".join(stream.pieces()).decode(errors="replace").splitlines()
        name = stream.name
    intervals = []
    for number, line in enumerate(lines, 1):
        cells = line.split("\t") if "\t" in line else line.split()
        if not cells or line.startswith(("#", "track", "browser")):
            continue
        positions = [cell for cell in cells[1:3] if cell.isdecimal()]
        if len(positions) < 2 or int(positions[0]) >= int(positions[1]):
            remedy = "an interval is a sequence, a start counted from 0 and a larger end"
            raise InputError(f"{line[:40]!r} is not an interval", path=name, place=f"line {number}", remedy=remedy)
        strand = cells[5] if len(cells) > 5 and cells[5] in ("+", "-") else "."
        intervals.append(_Interval(cells[0], int(positions[0]), int(positions[1]), strand, number))
    if not intervals:
        raise InputError("holds no intervals", path=name)
    return intervals


def _reverse(sequence: str) -> str:
    from Bio.Seq import reverse_complement

    return str(reverse_complement(sequence))
