"""Sites of motifs as tables: TSV with words and flanks, and BED."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif, MotifSites, SequenceSet
from genem.errors import InputError
from genem.io.files.output import ByteSink
from genem.io.tables.writing import Cells, Labels, TableWriter, TextSpans

__all__ = [
    "SITE_MEANINGS",
    "DescribedSite",
    "GenomePlaces",
    "SiteWords",
    "described_sites",
    "genome_places",
    "genome_sites",
    "site_letters",
    "site_words",
    "write_site_bed",
    "write_site_table",
]

SITE_MEANINGS = {
    "MOTIF": "name of the motif",
    "SEQUENCE": "name of the sequence",
    "START": "first letter of the site on the strand as given, 1-based",
    "END": "last letter of the site on the strand as given, 1-based",
    "STRAND": "+ as given, - for the reverse complement",
    "SCORE": "log2 likelihood ratio of motif to background, bits",
    "P_VALUE": "probability of a score as high at one random window",
    "POSTERIOR": "posterior probability of the site under the fitted model",
    "SITE": "the word, on its strand",
    "LEFT_FLANK": "what stands before the word, on its strand; - where nothing does",
    "RIGHT_FLANK": "what stands after the word, on its strand; - where nothing does",
}

FLANK = 10
NO_FLANK = "-"
"""Not NA, which might be letters."""
BED_TOP_SCORE = 1000
GENOMIC_NAME = re.compile(r"(?:.*::)?(?P<chromosome>[^:]+):(?P<start>\d+)-(?P<end>\d+)(?:\((?P<strand>[+.-])\))?$")
"""``chr1:100-200``, also as bedtools writes it behind a name and before a strand: ``peak7::chr1:100-200(-)``."""


@dataclass(frozen=True, slots=True)
class SiteWords:
    """The words of sites with their flanks, each read along the strand of its site.

    Attributes
    ----------
    words, left, right
        One per site; flanks are shorter where the sequence ends.
    """

    words: tuple[str, ...]
    left: tuple[str, ...]
    right: tuple[str, ...]


class DescribedSite(NamedTuple):
    """A site for formats that list sites one by one; flanks are read along the strand of the site."""

    sequence: str
    start: int
    strand: int
    score: float
    p_value: float
    posterior: float
    site: str
    left_flank: str
    right_flank: str


@dataclass(frozen=True, slots=True)
class GenomePlaces:
    """Places in a genome that sequences were cut out of.

    Attributes
    ----------
    chromosomes
        One per sequence.
    start, end
        int64 (sequence,): 0-based, half-open.
    reverse
        bool (sequence,): the sequence is the reverse complement.
    """

    chromosomes: tuple[str, ...]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    reverse: NDArray[np.bool_]


def site_words(sequences: SequenceSet, sites: MotifSites, motif: Motif, *, flank: int = FLANK) -> SiteWords:
    """Cut the sites of a motif out of the sequences.

    Parameters
    ----------
    sequences
        What was searched.
    sites
        Where the motif occurs.
    motif
        The motif: its width, and whether the complement is of DNA or RNA.
    flank
        Letters on either side.
    """
    from Bio.Seq import reverse_complement, reverse_complement_rna

    complement = reverse_complement_rna if motif.alphabet == "ACGU" else reverse_complement
    words, lefts, rights = [], [], []
    for index, start, strand in zip(sites.sequence, sites.start, sites.strand, strict=True):
        first, last = sequences.offsets[index : index + 2]
        begin = first + start
        end = begin + motif.width
        stretches = (max(first, begin - flank), begin), (begin, end), (end, min(last, end + flank))
        left, word, right = (sequences.letters[a:b].tobytes().decode("ascii") for a, b in stretches)
        if strand < 0:
            left, word, right = complement(right), complement(word), complement(left)
        words.append(word)
        lefts.append(left)
        rights.append(right)
    return SiteWords(tuple(words), tuple(lefts), tuple(rights))


def described_sites(sequences: SequenceSet, sites: MotifSites, motif: Motif) -> Iterator[DescribedSite]:
    """Everything that is known of the sites of a motif, site by site."""
    words = site_words(sequences, sites, motif)
    names = [sequences.names[index] for index in sites.sequence.tolist()]
    columns = (sites.start, sites.strand, sites.score, sites.p_value, sites.posterior)
    numbers = (column.tolist() for column in columns)
    yield from map(DescribedSite, names, *numbers, words.words, words.left, words.right)


def write_site_table(
    stream: ByteSink,
    motifs: Sequence[Motif],
    sites: Sequence[MotifSites],
    sequences: SequenceSet,
    *,
    flank: int = FLANK,
    notes: dict[str, str] | None = None,
) -> None:
    """Write the sites of all motifs as one table, motif by motif in the order given.

    Parameters
    ----------
    stream
        Takes bytes.
    motifs, sites
        Equally many; the sites of each motif.
    sequences
        What was searched.
    flank
        Letters of the flanks.
    notes
        Further ``##name=value`` lines.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> sequences = SequenceSet(("a",), ("a",), np.frombuffer(b"TTGCATT", np.uint8), np.array([0, 7]))
    >>> motif = Motif("TGC", "ACGT", np.full((3, 4), 0.25), np.full(4, 0.25))
    >>> value = np.ones(1)
    >>> sites = MotifSites(np.array([0]), np.array([2]), np.array([-1], np.int8), value, value / 8, value)
    >>> stream = io.BytesIO()
    >>> write_site_table(stream, [motif], [sites], sequences)
    >>> print(stream.getvalue().decode().splitlines()[-1])
    TGC	a	3	5	-	1	0.125	1	TGC	AA	AA
    """
    table = TableWriter(stream, SITE_MEANINGS, notes=notes)
    for motif, found in zip(motifs, sites, strict=True):
        words = site_words(sequences, found, motif, flank=flank)
        cells: dict[str, Cells] = {
            "MOTIF": [motif.name] * len(found),
            "SEQUENCE": Labels(sequences.names, found.sequence),
            "START": found.start + 1,
            "END": found.start + motif.width,
            "STRAND": _strands(found.strand),
            "SCORE": found.score,
            "P_VALUE": found.p_value,
            "POSTERIOR": found.posterior,
            "SITE": words.words,
            "LEFT_FLANK": [flank or NO_FLANK for flank in words.left],
            "RIGHT_FLANK": [flank or NO_FLANK for flank in words.right],
        }
        table.write(cells)


def write_site_bed(
    stream: ByteSink,
    motifs: Sequence[Motif],
    sites: Sequence[MotifSites],
    sequences: SequenceSet,
    *,
    genomic: bool = False,
) -> None:
    """Write the sites of all motifs as BED: name of the sequence, start, end, motif, score, strand.

    The score is -100 log10 of the p-value, at most 1000, as an integer.

    Parameters
    ----------
    stream
        Takes bytes.
    motifs, sites
        Equally many; the sites of each motif.
    sequences
        What was searched.
    genomic
        The names of the sequences are regions of a genome (:func:`genome_places`): write coordinates of the genome.

    Raises
    ------
    InputError
        ``genomic``, and a name is not a region of the sequence's length.
    """
    places = genome_places(sequences) if genomic else None
    names = sequences.names if places is None else places.chromosomes
    table = TableWriter(stream, dict.fromkeys(("c", "s", "e", "m", "v", "t"), ""), header=False)
    for motif, found in zip(motifs, sites, strict=True):
        start, strand = (found.start, found.strand) if places is None else genome_sites(found, motif.width, places)
        with np.errstate(divide="ignore"):
            score = np.fmin(BED_TOP_SCORE, -100.0 * np.log10(found.p_value))
        table.write(
            {
                "c": Labels(names, found.sequence),
                "s": start,
                "e": start + motif.width,
                "m": ["_".join(motif.name.split())] * len(found),
                "v": np.nan_to_num(score).astype(np.int64),
                "t": _strands(strand),
            }
        )


def genome_places(sequences: SequenceSet) -> GenomePlaces:
    """The places in a genome that sequences are from, by names such as ``chr1:100-200`` or ``chr1:100-200(-)``.

    Whether the first number is 0-based (bedtools) or 1-based (samtools) follows from the length of the sequence.

    Raises
    ------
    InputError
        A name is not of that form, or disagrees with the length of its sequence.

    Examples
    --------
    >>> letters = np.frombuffer(b"ACGTA", np.uint8)
    >>> genome_places(SequenceSet(("c1:7-9", "c2:7-9"), ("", ""), letters, np.array([0, 2, 5]))).start.tolist()
    [7, 6]
    """
    chromosomes, starts, ends, reverse = [], [], [], []
    for name, length in zip(sequences.names, np.diff(sequences.offsets).tolist(), strict=True):
        match = GENOMIC_NAME.match(name)
        remedy = "name sequences CHROM:START-END, as bedtools getfasta and samtools faidx do"
        if match is None:
            raise InputError(f"the name {name!r} of a sequence is not a region of a genome", remedy=remedy)
        start, end = int(match["start"]), int(match["end"])
        if length not in (end - start, end - start + 1):
            raise InputError(f"sequence {name!r} has {length} letters, its name says {end - start}", remedy=remedy)
        chromosomes.append(match["chromosome"])
        starts.append(end - length)
        ends.append(end)
        reverse.append(match["strand"] == "-")
    return GenomePlaces(tuple(chromosomes), np.array(starts, np.int64), np.array(ends, np.int64), np.array(reverse))


def genome_sites(sites: MotifSites, width: int, places: GenomePlaces) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Start in the genome, 0-based, and strand of each site."""
    turned = places.reverse[sites.sequence]
    from_end = places.end[sites.sequence] - sites.start - width
    start = np.where(turned, from_end, places.start[sites.sequence] + sites.start)
    return start, np.where(turned, -sites.strand, sites.strand).astype(np.int8)


def site_letters(sequences: SequenceSet, sites: MotifSites, motif: Motif) -> TextSpans:
    """The words of any number of sites, each read along its strand, as cells of a table; case is kept."""
    first = sequences.offsets[sites.sequence] + sites.start
    letters = sequences.letters[first[:, None] + np.arange(motif.width)]
    turned = sites.strand < 0
    letters[turned] = _complements(motif.alphabet)[letters[turned, ::-1]]
    ends = np.arange(1, len(sites) + 1) * motif.width
    return TextSpans(letters.ravel(), np.column_stack([ends - motif.width, ends]))


def _complements(alphabet: str) -> NDArray[np.uint8]:
    """uint8 (128,): the complement of every letter, case kept, ambiguity codes included."""
    from Bio.Seq import complement, complement_rna

    letters = bytes(range(128)).decode("ascii")
    turned = complement_rna(letters) if alphabet == "ACGU" else complement(letters)
    return np.frombuffer(turned.encode("ascii"), np.uint8)


def _strands(strand: NDArray[np.int8]) -> Labels:
    return Labels(("+", "-"), (strand < 0).astype(np.int64))
