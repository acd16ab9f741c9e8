"""Linkage disequilibrium of all pairs of nearby loci: the library behind ``genem ld``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from numpy.typing import ArrayLike

from genem.data import FieldName, GenotypeBlock
from genem.jit import set_threads
from genem.popgen.linkage.copies import PloidyMismatches
from genem.popgen.linkage.decay import LinkageDecay
from genem.popgen.linkage.loci import LocusReader, as_blocks
from genem.popgen.linkage.pairs import LinkagePairs
from genem.popgen.linkage.window import LinkageWindow, Span
from genem.popgen.sex_chromosomes import Build

__all__ = ["ld"]


def ld(
    blocks: GenotypeBlock | Iterable[GenotypeBlock],
    *,
    field: FieldName = "GT",
    groups: ArrayLike | None = None,
    group_names: Sequence[str] | None = None,
    sex: ArrayLike | None = None,
    build: Build | None = None,
    phased: bool = False,
    window_bp: int | None = 1_000_000,
    window_variants: int | None = None,
    min_r2: float = 0.2,
    first_in: Sequence[Span] | None = None,
    decay: LinkageDecay | None = None,
    mismatches: PloidyMismatches | None = None,
    threads: int = 1,
) -> Iterator[LinkagePairs]:
    r"""Haplotype frequencies and linkage disequilibrium of pairs of loci on one chromosome.

    From calls, the samples called at both loci give a 3 x 3 table of genotypes. Only double heterozygotes hide their
    phase; the likelihood in the frequency :math:`p_{11}` of the ALT-ALT haplotype has its maxima among the roots of
    a cubic and the ends of its range, all of which are examined. From likelihoods, EM maximises

    .. math:: \sum_i \ln \sum_{g, h} L^A_{ig} L^B_{ih} P(g, h; p)

    over every sample with a likelihood at either locus (flat at the other, where it is missing), from five
    deterministic starts (ten where fewer than 64 samples are known), to the Karush-Kuhn-Tucker conditions. With
    :math:`D = p_{11} - p_A p_B`,

    .. math:: D' = D / D_{max}, \qquad r^2 = D^2 / (p_A (1 - p_A) p_B (1 - p_B)).

    At a site with several ALT alleles each of them is compared, against the rest.

    Parameters
    ----------
    blocks
        Variants in file order, with ``alleles`` (GT) or ``likelihoods`` (PL, GL).
    field
        What to estimate from.
    groups
        int (sample,): group of each sample, -1 for none; a pair is estimated in each group and in all samples.
    group_names
        Names of the groups; default their numbers.
    sex
        int (sample,): 1 male, 2 female, 0 unknown. Copies on X, Y and mitochondria count as in
        :func:`genem.popgen.freq`: a male has one X, that is one haplotype.
    build
        Reference whose pseudo-autosomal regions apply with ``sex``: ``b37`` or ``b38``.
    phased
        Double heterozygotes whose calls are both phased count as the haplotypes they show.
    window_bp
        Most base pairs between two loci; None: no limit.
    window_variants
        Most variants from one locus to the other (1: neighbours); None: no limit.
    min_r2
        Smallest r2 that is reported; 0: every pair, those without an r2 too.
    first_in
        Only pairs whose first locus lies in one of these spans (contig, first, last position): a scattered run
        that owns the pairs of a region and reads a window further finds each pair once.
    decay
        Takes the r2 of every pair in the window, reported or not.
    mismatches
        Counts the pairs in the window that share no sample because ploidies differ.
    threads
        Threads to use; the results are the same bits for any number.

    Yields
    ------
    LinkagePairs
        In the order of the first locus, the second one and the group. Memory depends on the window only.

    Raises
    ------
    UsageError
        Contradicting or impossible arguments.
    InputError
        The field is not there, records are not sorted, or a sample has more than two copies.

    References
    ----------
    Hill (1974), Heredity 33:229, doi:10.1038/hdy.1974.89.
    Gaunt, Rodriguez & Day (2007), BMC Bioinformatics 8:428, doi:10.1186/1471-2105-8-428.
    Lewontin (1964), Genetics 49:49, doi:10.1093/genetics/49.1.49 (D').
    Gabriel et al. (2002), Science 296:2225, doi:10.1126/science.1069424 (interval of D').

    Examples
    --------
    >>> import numpy as np
    >>> from genem.data import GenotypeBlock, VariantSites
    >>> text = np.frombuffer(b"1snp1ACsnp2GT", np.uint8)
    >>> spans = np.array([[[0, 1], [1, 5], [5, 6], [6, 7], [0, 0], [0, 0]],
    ...                   [[0, 1], [7, 11], [11, 12], [12, 13], [0, 0], [0, 0]]])
    >>> sites = VariantSites(("1",), np.zeros(2, np.int32), np.array([100, 250]), np.full(2, 2, np.int32),
    ...     np.array([1, 2]), text, spans)
    >>> calls = np.array([[[0, 0], [0, 1], [0, 1], [1, 1]], [[0, 0], [0, 1], [0, 0], [1, 1]]], np.int8)
    >>> for pairs in ld(GenotypeBlock(sites, ("a", "b", "c", "d"), alleles=calls)):
    ...     print(pairs.loci.identifier, pairs.r2.round(4), pairs.d_prime, pairs.haplotype_frequencies.round(4))
    ('snp1', 'snp2') [0.6] [1.] [[0.5   0.    0.125 0.375]]
    """
    reader = LocusReader(field=field, phased=phased, groups=groups, group_names=group_names, sex=sex, build=build)
    window = LinkageWindow(
        reader,
        window_bp=window_bp,
        window_variants=window_variants,
        min_r2=min_r2,
        first_in=first_in,
        decay=decay,
        mismatches=mismatches,
    )
    return _pairs(blocks, reader, window, first_in, threads)


def _pairs(
    blocks: GenotypeBlock | Iterable[GenotypeBlock],
    reader: LocusReader,
    window: LinkageWindow,
    first_in: Sequence[Span] | None,
    threads: int,
) -> Iterator[LinkagePairs]:
    set_threads(threads)
    for block in as_blocks(blocks):
        yield from window.feed(*reader.read(block))
        if first_in and window.window.beyond(first_in):
            return
    yield from window.finish()
