"""Haplotype blocks by the intervals of D': the library behind ``genem blocks``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import FieldName, GenotypeBlock
from genem.errors import UsageError
from genem.jit import set_threads
from genem.popgen.linkage.loci import Loci, LocusReader, Rows, as_blocks
from genem.popgen.linkage.measure_kernels import D_PRIME_HIGH, D_PRIME_LOW
from genem.popgen.sex_chromosomes import Build

__all__ = ["HaplotypeBlock", "blocks"]

# Blocks of two, three and four variants count a pair as strong from another lower bound, and the smallest ones may
# not be longer than this (Haploview's reading of Gabriel et al.).
SMALL_STRONG_LOW = {2: 0.80, 3: 0.50, 4: 0.50}
SMALL_MAX_BP = {2: 20_000, 3: 30_000}
FEWEST_INFORMATIVE = {2: 1, 3: 3}
FEWEST_INFORMATIVE_ELSE = 6

# The bounds are multiples of 0.01: compared half a step away from these, rounding does not matter.
HALF_STEP = 0.005


@dataclass(frozen=True, slots=True)
class HaplotypeBlock:
    """A run of variants without much sign of historical recombination.

    Attributes
    ----------
    chrom, start, end
        Chromosome, positions of the first and the last variant.
    identifiers
        IDs of its variants.
    n_strong, n_recombinant
        Pairs of its variants in strong linkage disequilibrium, and pairs with evidence of recombination.
    """

    chrom: str
    start: int
    end: int
    identifiers: tuple[str, ...]
    n_strong: int
    n_recombinant: int


@dataclass(frozen=True, slots=True)
class Definition:
    """Definition of strong and recombinant pairs, and of a block of pairs."""

    max_bp: int
    strong_low: float
    strong_high: float
    recombinant_high: float
    informative_fraction: float
    any_small_span: bool

    def __post_init__(self) -> None:
        for name in ("strong_low", "strong_high", "recombinant_high", "informative_fraction"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name} is {getattr(self, name)}, a number between 0 and 1 expected")
        if self.max_bp < 1:
            raise UsageError(f"max_bp is {self.max_bp}, at least 1 expected")

    def strong_lows(self) -> tuple[float, ...]:
        """The lower bounds above which pairs are strong: of ordinary blocks, then of those of 2, 3 and 4 variants."""
        return (self.strong_low, *SMALL_STRONG_LOW.values())

    def accepts(self, n_variants: int, span: int, n_strong: int, n_recombinant: int) -> bool:
        """Whether enough pairs are informative and enough of these strong."""
        if not self.any_small_span and span > SMALL_MAX_BP.get(n_variants, span):
            return False
        informative = n_strong + n_recombinant
        if informative < FEWEST_INFORMATIVE.get(n_variants, FEWEST_INFORMATIVE_ELSE):
            return False
        return n_strong > self.informative_fraction * informative


@dataclass(frozen=True, slots=True, order=True)
class _Candidate:
    """A stretch that would be a block by itself; the order is that of preference."""

    minus_span: int
    first: int
    last: int
    n_strong: int
    n_recombinant: int

    def overlaps(self, other: _Candidate) -> bool:
        return self.first <= other.last and other.first <= self.last


def blocks(
    blocks: GenotypeBlock | Iterable[GenotypeBlock],
    *,
    field: FieldName = "GT",
    sex: ArrayLike | None = None,
    build: Build | None = None,
    phased: bool = False,
    max_bp: int = 200_000,
    min_maf: float = 0.05,
    strong_low: float = 0.70,
    strong_high: float = 0.98,
    recombinant_high: float = 0.90,
    informative_fraction: float = 0.95,
    any_small_span: bool = False,
    threads: int = 1,
) -> Iterator[HaplotypeBlock]:
    """Haplotype blocks by the definition of Gabriel et al. (2002), as Haploview and PLINK read it.

    The 5 % and 95 % bounds of the absolute D' (see :func:`genem.popgen.ld`) class each pair of variants: *strong* where
    they lie above ``strong_low`` and at least at ``strong_high``, *recombinant* where the upper one lies below
    ``recombinant_high``. A stretch whose outermost pair is strong is a block if more than ``informative_fraction`` of
    its strong and recombinant pairs are strong. Longer stretches are taken first; blocks do not overlap. Blocks of 2,
    3 and 4 variants use lower bounds of 0.80, 0.50 and 0.50 and need 1, 3 and 6 informative pairs; those of 2 and 3
    span at most 20 and 30 kb.

    Parameters
    ----------
    blocks
        Variants in file order. Those with several ALT alleles are left out.
    field, sex, build, phased
        As in :func:`genem.popgen.ld`.
    max_bp
        Longest block in base pairs.
    min_maf
        Variants with a smaller minor allele frequency are left out.
    strong_low, strong_high
        Bounds of a strong pair.
    recombinant_high
        Upper bound of a recombinant pair.
    informative_fraction
        Share of strong pairs that a block exceeds.
    any_small_span
        Do not limit the length of blocks of two and three variants.
    threads
        Threads to use.

    Yields
    ------
    HaplotypeBlock
        In file order. Memory depends on ``max_bp``, not on the number of variants.

    Raises
    ------
    UsageError, InputError
        As :func:`genem.popgen.ld`.

    References
    ----------
    Gabriel et al. (2002), Science 296:2225, doi:10.1126/science.1069424.
    Barrett et al. (2005), Bioinformatics 21:263, doi:10.1093/bioinformatics/bth457 (Haploview).
    """
    definition = Definition(max_bp, strong_low, strong_high, recombinant_high, informative_fraction, any_small_span)
    if not 0.0 <= min_maf <= 0.5:
        raise UsageError(f"min_maf is {min_maf}, a number between 0 and 0.5 expected")
    reader = LocusReader(field=field, sex=sex, build=build, phased=phased)
    return _find(blocks, reader, _BlockFinder(definition), min_maf, threads)


def _find(
    genotype_blocks: GenotypeBlock | Iterable[GenotypeBlock],
    reader: LocusReader,
    finder: _BlockFinder,
    min_maf: float,
    threads: int,
) -> Iterator[HaplotypeBlock]:
    set_threads(threads)
    for block in as_blocks(genotype_blocks):
        loci, (rows,) = reader.read(block)
        chosen = _common(loci, rows, min_maf)
        if len(chosen):
            yield from finder.feed(loci.rows(chosen), rows.rows(chosen))
    yield from finder.finish()


def _common(loci: Loci, rows: Rows, min_maf: float) -> NDArray[np.int64]:
    """Rows of biallelic variants that are common enough."""
    frequency = rows.alt_frequencies()
    with np.errstate(invalid="ignore"):
        common = np.minimum(frequency, 1.0 - frequency) >= min_maf
    _, inverse, counts = np.unique(loci.variant, return_inverse=True, return_counts=True)
    return np.flatnonzero(common & (counts[inverse] == 1)).astype(np.int64)


class _BlockFinder:
    """Compares each new variant with those before it; counts of every stretch grow by its column of pairs.

    ``_counts[k, a]`` are the pairs of class k among the variants from ``a`` to the last one: the classes are strong
    by each lower bound of the definition, and recombinant.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._loci: Loci | None = None
        self._rows: Rows | None = None
        self._n_dropped = 0
        self._counts = np.zeros((len(definition.strong_lows()) + 1, 0), np.int64)
        self._candidates: list[_Candidate] = []
        self._accepted: list[_Candidate] = []

    def feed(self, loci: Loci, rows: Rows) -> Iterator[HaplotypeBlock]:
        n_old = 0 if self._loci is None else len(self._loci)
        if self._loci is None or self._rows is None:
            self._loci, self._rows = loci, rows
        else:
            self._loci = self._loci.join(loci)
            self._rows = self._rows.join(rows)  # type: ignore[arg-type]
        held = self._loci
        start = np.searchsorted(held.key, held.key - self._definition.max_bp, side="left").astype(np.int64)
        self._counts = np.pad(self._counts, ((0, 0), (0, len(loci))))
        sizes = np.arange(len(held)) - start
        sizes[:n_old] = 0
        last = np.repeat(np.arange(len(held)), sizes)
        first = start[last] + np.arange(len(last)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        statistics, _ = self._rows.measure(first, last)
        low, high = np.abs(statistics[:, D_PRIME_LOW]), np.abs(statistics[:, D_PRIME_HIGH])
        low, high = np.minimum(low, high), np.maximum(low, high)
        offset = np.cumsum(sizes) - sizes
        for b in range(n_old, len(held)):
            pairs = slice(offset[b], offset[b] + sizes[b])
            self._add_column(held, b, int(start[b]), low[pairs], high[pairs])
        yield from self._settle(int(start[-1]))

    def finish(self) -> Iterator[HaplotypeBlock]:
        if self._loci is not None:
            yield from self._settle(len(self._loci))

    def _add_column(self, loci: Loci, b: int, start: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        definition = self._definition
        may_be_strong = high > definition.strong_high - HALF_STEP
        classes = [may_be_strong & (low > bound + HALF_STEP) for bound in definition.strong_lows()]
        classes.append(high < definition.recombinant_high - HALF_STEP)
        for counts, members in zip(self._counts, classes, strict=True):
            counts[start:b] += np.cumsum(members[::-1])[::-1]
        for a in start + np.flatnonzero(may_be_strong & (low > definition.strong_low - HALF_STEP)):
            n_variants, span = int(b - a + 1), int(loci.position[b] - loci.position[a])
            n_strong = int(self._counts[n_variants - 1 if n_variants in SMALL_STRONG_LOW else 0, a])
            n_recombinant = int(self._counts[-1, a])
            if definition.accepts(n_variants, span, n_strong, n_recombinant):
                dropped = self._n_dropped
                self._candidates.append(_Candidate(-span, int(a) + dropped, b + dropped, n_strong, n_recombinant))

    def _settle(self, start: int) -> Iterator[HaplotypeBlock]:
        """Decide on candidates that no later one can overlap, and let go of the variants before ``start``.

        A candidate is decided when all longer ones that overlap it are; one that reaches ``start`` may still meet a
        longer one to come.
        """
        assert self._loci is not None
        assert self._rows is not None
        first_open = start + self._n_dropped
        undecided: list[_Candidate] = []
        taken: list[_Candidate] = []
        for candidate in sorted(self._candidates):
            if any(candidate.overlaps(block) for block in taken):
                continue
            if candidate.last >= first_open or any(candidate.overlaps(longer) for longer in undecided):
                undecided.append(candidate)
            else:
                taken.append(candidate)
        self._candidates = undecided
        self._accepted = sorted(self._accepted + taken, key=lambda block: block.first)
        first_undecided = min((candidate.first for candidate in undecided), default=first_open)
        ready = [block for block in self._accepted if block.last < min(first_open, first_undecided)]
        self._accepted = self._accepted[len(ready) :]
        for block in ready:
            yield self._block(block)
        needed = min([first_open, *(block.first for block in self._accepted + undecided)]) - self._n_dropped
        if needed > 0:
            self._loci, self._rows = self._loci.after(needed), self._rows.rows(slice(needed, None))
            self._counts = self._counts[:, needed:].copy()
            self._n_dropped += needed

    def _block(self, block: _Candidate) -> HaplotypeBlock:
        assert self._loci is not None
        first, last = block.first - self._n_dropped, block.last - self._n_dropped
        return HaplotypeBlock(
            self._loci.chrom[first],
            int(self._loci.position[first]),
            int(self._loci.position[last]),
            self._loci.identifier[first : last + 1],
            block.n_strong,
            block.n_recombinant,
        )
