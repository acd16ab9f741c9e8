"""What flows between the rooms: frozen dataclasses of arrays. No behaviour beyond looking things up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# Codes in GenotypeBlock.alleles beside the allele indices 0, 1, 2, ...
MISSING_ALLELE = -1
"""A copy that exists but was not called (``.``)."""
ABSENT_ALLELE = -2
"""A copy that does not exist: the sample's ploidy is smaller than the array's last axis."""

MISSING_PHRED = -1
"""A missing or absent value in integer (PL) likelihood arrays; float arrays (GL, GP) use NaN."""

# Columns of VariantSites.spans
SPAN_CHROM, SPAN_ID, SPAN_REF, SPAN_ALT, SPAN_FILTER, SPAN_INFO = range(6)
N_SPANS = 6

LikelihoodField = Literal["PL", "GL", "GP"]

Datatype = Literal["dna", "protein"]

CrossType = Literal["f2", "bc", "dh", "riself", "risib"]
"""Intercross, backcross to the first parent, doubled haploids, recombinant inbred lines by selfing, by sib mating."""

# Codes in Cross.genotypes; A is the allele of the first parent, B that of the second.
UNKNOWN_GENOTYPE, AA, AB, BB, NOT_BB, NOT_AA = range(6)


@dataclass(frozen=True, slots=True)
class VariantSites:
    """Where the variants are and which alleles they have; one row per variant.

    Attributes
    ----------
    contigs
        Contig names; ``contig`` indexes them.
    contig
        int32 (variant,)
    position
        int64 (variant,), 1-based as in VCF.
    n_alleles
        int32 (variant,), REF included.
    record
        int64 (variant,), 1-based number of the record in the file.
    text
        uint8 (bytes,): the text that ``spans`` points into.
    spans
        int64 (variant, N_SPANS, 2): start and end in ``text`` of each ``SPAN_*`` field; ALT keeps its commas.
    """

    contigs: tuple[str, ...]
    contig: NDArray[np.int32]
    position: NDArray[np.int64]
    n_alleles: NDArray[np.int32]
    record: NDArray[np.int64]
    text: NDArray[np.uint8]
    spans: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.position.shape[0])

    def chrom(self, variant: int) -> str:
        return self.contigs[int(self.contig[variant])]

    def field(self, variant: int, span: int) -> str:
        """The text of one ``SPAN_*`` field of one variant."""
        start, end = self.spans[variant, span]
        return str(self.text[start:end].tobytes(), "utf-8")

    def alts(self, variant: int) -> tuple[str, ...]:
        """The ALT alleles; empty for a site without any (``.``)."""
        alt = self.field(variant, SPAN_ALT)
        return () if alt in (".", "") else tuple(alt.split(","))

    def select(self, rows: NDArray[np.bool_]) -> VariantSites:
        """The variants where ``rows`` (variant,) is True, on the same text."""
        return replace(
            self,
            contig=self.contig[rows],
            position=self.position[rows],
            n_alleles=self.n_alleles[rows],
            record=self.record[rows],
            spans=self.spans[rows],
        )


@dataclass(frozen=True, slots=True)
class GenotypeBlock:
    """A run of variants with what was read of their samples.

    Attributes
    ----------
    sites
        The variants.
    samples
        Names of the samples, in array order.
    alleles
        int8 (int16 where a record has more than 126 alleles) (variant, sample, ploidy): allele index, or
        ``MISSING_ALLELE``, or ``ABSENT_ALLELE``. None when GT was not asked for. The last axis is the largest
        ploidy of the block, at least 1; a sample whose GT is ``.`` is one missing copy, the rest absent.
    phased
        bool (variant, sample): every separator of the call is ``|`` (False for haploid calls). None without GT.
    likelihood_field
        Which FORMAT field ``likelihoods`` holds, or None.
    likelihoods
        int32 (PL) or float32 (GL, GP) (variant, sample, genotype), in the units of the file (PL: phred,
        GL: log10, GP: probability) and in VCF order; unused or missing cells hold ``MISSING_PHRED`` or NaN.
    n_likelihoods
        int32 (variant, sample): how many values the sample has; 0 where the field is missing. The sample's
        ploidy follows from it and the number of alleles.
    lines
        The records as VCF text without line ends, for commands that write them again. None unless asked for.
    """

    sites: VariantSites
    samples: tuple[str, ...]
    alleles: NDArray[np.int8] | NDArray[np.int16] | None = None
    phased: NDArray[np.bool_] | None = None
    likelihood_field: LikelihoodField | None = None
    likelihoods: NDArray[np.int32] | NDArray[np.float32] | None = None
    n_likelihoods: NDArray[np.int32] | None = None
    lines: tuple[bytes, ...] | None = None

    def __len__(self) -> int:
        return len(self.sites)

    def select(self, rows: NDArray[np.bool_]) -> GenotypeBlock:
        """The variants where ``rows`` (variant,) is True."""
        return replace(
            self,
            sites=self.sites.select(rows),
            alleles=None if self.alleles is None else self.alleles[rows],
            phased=None if self.phased is None else self.phased[rows],
            likelihoods=None if self.likelihoods is None else self.likelihoods[rows],
            n_likelihoods=None if self.n_likelihoods is None else self.n_likelihoods[rows],
            lines=None if self.lines is None else tuple(compress(self.lines, rows)),
        )


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Named sequences laid end to end.

    Attributes
    ----------
    names
        The first word of each header.
    descriptions
        The whole header line of each record, without ``>``.
    letters
        uint8 (total length,): the letters as in the file, case kept (lower case = soft-masked).
    offsets
        int64 (sequence + 1,): sequence ``i`` is ``letters[offsets[i]:offsets[i + 1]]``.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    letters: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def sequence(self, index: int) -> str:
        return str(self.letters[self.offsets[index] : self.offsets[index + 1]].tobytes(), "ascii")

    def select(self, rows: NDArray[np.bool_]) -> SequenceSet:
        """The sequences where ``rows`` (sequence,) is True."""
        lengths = np.diff(self.offsets)
        return SequenceSet(
            tuple(compress(self.names, rows)),
            tuple(compress(self.descriptions, rows)),
            self.letters[np.repeat(rows, lengths)],
            np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int64),
        )


@dataclass(frozen=True, slots=True)
class Alignment:
    """Sequences of one length, letter below letter.

    Attributes
    ----------
    names
        One per taxon, exactly as in the file but for the quotes around them; no two alike.
    letters
        uint8 (taxon, site): the letters as in the file, case kept; gaps are ``-`` (a ``.`` of the file included).
    datatype
        What the letters stand for: nucleotides or amino acids.
    """

    names: tuple[str, ...]
    letters: NDArray[np.uint8]
    datatype: Datatype

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_sites(self) -> int:
        return int(self.letters.shape[1])

    def sequence(self, taxon: int) -> str:
        return str(self.letters[taxon].tobytes(), "ascii")


@dataclass(frozen=True, slots=True)
class Tree:
    """A phylogeny: nodes in arrays, an edge belongs to the node below it.

    The taxa are the nodes 0 to ``len(taxa) - 1``, the other nodes follow, and every parent has a larger number than
    its children: ascending numbers visit children before parents. The last node is the top. A top with three or more
    children is only the place where an unrooted tree was picked up; with two children the tree is rooted there. Any
    number of children is allowed. A tree of one taxon is a top with a single child, the tree of none a lone top.

    Attributes
    ----------
    taxa
        Names of the taxa, in node order.
    parent
        int64 (node,): -1 for the top.
    length
        float64 (node,): length of the edge to the parent, in expected substitutions per site; NaN where the tree
        has none, 0 for the top.
    labels
        One per node that is not a taxon, in node order: its name or its support, "" where it has none.
    """

    taxa: tuple[str, ...]
    parent: NDArray[np.int64]
    length: NDArray[np.float64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.parent)

    @property
    def top(self) -> int:
        return len(self.parent) - 1

    def children(self) -> tuple[tuple[int, ...], ...]:
        """The children of every node, in ascending order."""
        below: list[list[int]] = [[] for _ in range(len(self.parent))]
        for node, parent in enumerate(self.parent[:-1].tolist()):
            below[parent].append(node)
        return tuple(map(tuple, below))

    def name(self, node: int) -> str:
        """Name of a taxon or label of another node."""
        return self.taxa[node] if node < len(self.taxa) else self.labels[node - len(self.taxa)]


@dataclass(frozen=True, slots=True)
class Motif:
    """A position probability matrix: what one motif looks like, whoever found it.

    Attributes
    ----------
    name, alternative_name
        Its identifier and, where it has one, a second name (``MA0496.3`` and ``MAFK``).
    alphabet
        The letters of the columns in order: ``ACGT``, ``ACGU``, or the 20 amino acids.
    probabilities
        float64 (width, letter): every row sums to 1.
    background
        float64 (letter,): what the motif stands out from.
    n_sites
        Number of sites the matrix rests on; NaN where the source does not say.
    log10_e_value
        NaN where unknown. A logarithm, because E-values underflow doubles.
    """

    name: str
    alphabet: str
    probabilities: NDArray[np.float64]
    background: NDArray[np.float64]
    n_sites: float = float("nan")
    log10_e_value: float = float("nan")
    alternative_name: str = ""

    @property
    def width(self) -> int:
        return len(self.probabilities)


@dataclass(frozen=True, slots=True)
class MotifSites:
    """Where a motif occurs in a ``SequenceSet``: parallel arrays, one element per site.

    Attributes
    ----------
    sequence
        int64: index of the sequence.
    start
        int64: first letter of the site on the strand as given, 0-based.
    strand
        int8: 1 as given, -1 for the reverse complement.
    score
        float64: log2 likelihood ratio of motif to background, bits.
    p_value
        float64: probability of a score as high at one random window.
    posterior
        float64: posterior probability of the site under the fitted model; NaN for sites of a plain scan.
    """

    sequence: NDArray[np.int64]
    start: NDArray[np.int64]
    strand: NDArray[np.int8]
    score: NDArray[np.float64]
    p_value: NDArray[np.float64]
    posterior: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sequence)

    def select(self, rows: slice | NDArray[np.bool_] | NDArray[np.integer]) -> MotifSites:
        """Some of the sites: a slice, a mask, or their numbers."""
        return MotifSites(
            self.sequence[rows],
            self.start[rows],
            self.strand[rows],
            self.score[rows],
            self.p_value[rows],
            self.posterior[rows],
        )


@dataclass(frozen=True, slots=True)
class LocusTable:
    """Unphased genotypes of samples at a few named loci, with any number of alleles.

    Attributes
    ----------
    samples, loci
        Names, in array order.
    allele_names
        For each locus the names of its alleles; ``alleles`` indexes them.
    alleles
        int16 (sample, locus, 2): allele index, or ``MISSING_ALLELE``; the second copy of a haploid sample is
        ``ABSENT_ALLELE`` at every locus.
    """

    samples: tuple[str, ...]
    loci: tuple[str, ...]
    allele_names: tuple[tuple[str, ...], ...]
    alleles: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class GeneticMap:
    """Markers along chromosomes.

    Attributes
    ----------
    chromosomes
        Names of the chromosomes; ``chromosome`` indexes them.
    markers
        Names of the markers, chromosome by chromosome and in ascending order along each.
    chromosome
        int32 (marker,)
    position
        float64 (marker,), in centimorgan.
    """

    chromosomes: tuple[str, ...]
    markers: tuple[str, ...]
    chromosome: NDArray[np.int32]
    position: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.markers)

    def on(self, chromosome: int) -> NDArray[np.intp]:
        """The markers of a chromosome, in order."""
        return np.flatnonzero(self.chromosome == chromosome)


@dataclass(frozen=True, slots=True)
class Cross:
    """An experimental cross of two inbred parents.

    Attributes
    ----------
    cross_type
        How the individuals were bred.
    alleles
        One-letter (or longer) names of the first and the second parent's allele.
    individuals
        Names of the individuals, in array order.
    genetic_map
        The markers.
    genotypes
        int8 (individual, marker): ``AA``, ``AB``, ``BB``, the partial calls ``NOT_BB`` and ``NOT_AA``, or
        ``UNKNOWN_GENOTYPE``. Males are ``AA`` or ``BB`` on the X chromosome.
    phenotypes
        Columns of numbers by name, float64 (individual,) with NaN where missing: traits, covariates, weights.
    labels
        Columns that are not numbers, by name.
    x_chromosomes
        Which of the map's chromosomes are the X chromosome.
    is_male
        bool (individual,), or None where sex was not given.
    is_reverse
        bool (individual,): bred from the reciprocal cross (the second parent's on the mother's side). None: nobody.
    likelihoods
        float32 (individual, marker, 3): likelihood of ``AA``, ``AB`` and ``BB`` relative to the best of them, in the
        place of ``genotypes``; all 1 where nothing is known. None where genotypes were called.
    """

    cross_type: CrossType
    alleles: tuple[str, str]
    individuals: tuple[str, ...]
    genetic_map: GeneticMap
    genotypes: NDArray[np.int8]
    phenotypes: Mapping[str, NDArray[np.float64]]
    labels: Mapping[str, tuple[str, ...]]
    x_chromosomes: frozenset[str] = frozenset()
    is_male: NDArray[np.bool_] | None = None
    is_reverse: NDArray[np.bool_] | None = None
    likelihoods: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.individuals)
