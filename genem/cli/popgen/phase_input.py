"""Input of ``genem phase``: a VCF or BCF, or a table of loci, told apart by content."""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.cli.context import RunContext
from genem.cli.variant_input import open_selected
from genem.data import MISSING_ALLELE, SPAN_ID, SPAN_REF, GenotypeBlock, LocusTable, VariantSites
from genem.errors import InputError
from genem.io.tables.loci import read_locus_table
from genem.popgen.haplotypes.estimation import no_locus

MOST_NAMES = 100_000
"""Names of a file that are kept, to suggest one where a locus is not found."""
GZIP_MAGIC = b"\x1f\x8b"
VARIANT_MAGIC = (b"##fileformat=VCF", b"BCF")


@dataclass(frozen=True, slots=True)
class Region:
    """Loci of one chromosome, or of a table (without chromosome, positions and records).

    Attributes
    ----------
    table
        The genotypes.
    contig
        Name of the chromosome; None for a table.
    position
        int64 (locus,)
    lines
        The records as VCF text; empty unless asked for.
    """

    table: LocusTable
    contig: str | None
    position: NDArray[np.int64]
    lines: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PhaseInput:
    """The regions of an input, and the VCF header where it has one."""

    regions: tuple[Region, ...]
    header: str | None


def is_variant_file(path: str) -> bool:
    """Whether the file is VCF or BCF; standard input is taken to be."""
    if path == "-":
        return True
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(32)
        if head.startswith(GZIP_MAGIC):
            with gzip.open(path) as stream:
                head = stream.read(32)
    except OSError as error:
        raise InputError(error.strerror or "cannot be inflated", path=path) from None
    return head.startswith(VARIANT_MAGIC)


def read_input(args: argparse.Namespace, context: RunContext) -> PhaseInput:
    """All loci that the options select, chromosome by chromosome."""
    if not is_variant_file(args.input):
        context.add_input(args.input)
        table = read_locus_table(args.input)
        context.count(samples=len(table.samples), loci=len(table.loci))
        return PhaseInput((Region(table, None, np.empty(0, np.int64), ()),), None)
    selection = argparse.Namespace(**{**vars(args), "vcf": args.input})
    with open_selected(selection, context, ("GT",), keep_lines=args.vcf is not None) as reader:
        if not reader.samples:
            raise InputError("no samples to phase", path=args.input)
        parts: dict[str, list[_Loci]] = {}
        names = _Names(frozenset(args.loci or ()))
        with context.progress("phase", reader.total_bytes) as progress:
            for block in reader:
                for contig, loci in _by_contig(block, names, args, context):
                    parts.setdefault(contig, []).append(loci)
                progress.update(reader.bytes_read)
        names.check(args)
        if not parts:
            raise InputError("no variant with the given loci, regions and filters", path=args.input)
        regions = tuple(_joined(contig, loci, reader.samples, args.input) for contig, loci in parts.items())
        return PhaseInput(regions, reader.header.text)


@dataclass(slots=True)
class _Names:
    """The loci asked for, and what is known of the names in the file.

    A variant is found by its ID, by CHROM:POS or by CHROM:POS:REF:ALT.
    """

    wanted: frozenset[str]
    found: set[str] = attribute(default_factory=set)
    known: list[str] = attribute(default_factory=list)

    def of(self, sites: VariantSites) -> tuple[list[str], NDArray[np.bool_]]:
        """The name of every variant, the one asked for where one is; and whether it is wanted."""
        names = []
        for variant, position in enumerate(sites.position.tolist()):
            place = f"{sites.chrom(variant)}:{position}"
            identifier = sites.field(variant, SPAN_ID)
            usual = place if identifier in (".", "") else identifier
            if not self.wanted:
                names.append(usual)
                continue
            full = f"{place}:{sites.field(variant, SPAN_REF)}:{','.join(sites.alts(variant))}"
            names.append(next((name for name in (full, place) if name in self.wanted), usual))
        if not self.wanted:
            return names, np.ones(len(names), np.bool_)
        self.found.update(self.wanted.intersection(names))
        self.known.extend(names[: MOST_NAMES - len(self.known)])
        return names, np.array([name in self.wanted for name in names], dtype=np.bool_)

    def check(self, args: argparse.Namespace) -> None:
        """Refuse a locus that no variant read is named after."""
        missing = [name for name in args.loci or () if name not in self.found]
        if missing:
            raise no_locus(missing[0], self.known, args.input)


@dataclass(frozen=True, slots=True)
class _Loci:
    """Loci of one chromosome in one block."""

    names: list[str]
    record: NDArray[np.int64]
    allele_names: list[tuple[str, ...]]
    alleles: NDArray[np.int16]
    position: NDArray[np.int64]
    lines: tuple[bytes, ...]


def _by_contig(
    block: GenotypeBlock, loci_names: _Names, args: argparse.Namespace, context: RunContext
) -> list[tuple[str, _Loci]]:
    """The selected loci of a block; a variant without ID is called CHROM:POS."""
    sites = block.sites
    names, kept = loci_names.of(sites)
    assert block.alleles is not None
    kept &= _passing(block.alleles, sites.n_alleles, args.min_maf, args.max_missing_rate)
    context.count(variants_selected=int(kept.sum()))
    found = []
    for contig in np.unique(sites.contig[kept]):
        rows = np.flatnonzero(kept & (sites.contig == contig))
        loci = _Loci(
            [names[row] for row in rows],
            sites.record[rows],
            [(sites.field(int(row), SPAN_REF), *sites.alts(int(row))) for row in rows],
            block.alleles[rows].astype(np.int16),
            sites.position[rows],
            () if block.lines is None else tuple(block.lines[row] for row in rows),
        )
        found.append((sites.contigs[contig], loci))
    return found


def _passing(
    alleles: NDArray[np.integer], n_alleles: NDArray[np.int32], min_maf: float, max_missing_rate: float
) -> NDArray[np.bool_]:
    """Variants whose rarest-but-one side is frequent enough, called in enough samples."""
    called = (alleles > MISSING_ALLELE).sum(axis=(1, 2))
    most = np.max([(alleles == allele).sum(axis=(1, 2)) for allele in range(int(n_alleles.max(initial=1)))], axis=0)
    minor = 1.0 - most / np.maximum(called, 1)
    missing = np.mean(np.all(alleles <= MISSING_ALLELE, axis=2), axis=1) if alleles.shape[1] else np.zeros(len(alleles))
    passing: NDArray[np.bool_] = (minor >= min_maf) & (missing <= max_missing_rate)
    return passing


def _joined(contig: str, parts: Sequence[_Loci], samples: tuple[str, ...], path: str) -> Region:
    names = [name for part in parts for name in part.names]
    position = np.concatenate([part.position for part in parts])
    record = np.concatenate([part.record for part in parts])
    _check_loci(names, contig, position, record, path)
    for part in parts:
        _check_ploidy(part, contig, samples, path)
    alleles = np.concatenate([_diploid(part.alleles) for part in parts])
    return Region(
        LocusTable(
            samples=samples,
            loci=tuple(names),
            allele_names=tuple(alleles_of for part in parts for alleles_of in part.allele_names),
            alleles=np.ascontiguousarray(np.swapaxes(_mend_missing_ploidy(alleles), 0, 1)),
        ),
        contig,
        position,
        tuple(line for part in parts for line in part.lines),
    )


def _check_loci(
    names: list[str], contig: str, position: NDArray[np.int64], record: NDArray[np.int64], path: str
) -> None:
    """Refuse positions that run backwards, and names that two variants have."""
    places = [f"record {number} ({contig}:{at})" for number, at in zip(record, position, strict=True)]
    backwards = np.flatnonzero(np.diff(position) < 0)
    if backwards.size:
        row = int(backwards[0])
        raise InputError(
            f"position {position[row + 1]} after {position[row]}: the file is not sorted",
            path=path,
            place=places[row + 1],
            remedy="run bcftools sort",
        )
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        if first.setdefault(name, row) != row:
            raise InputError(
                f"locus {name} is there twice, before in {places[first[name]]}",
                path=path,
                place=places[row],
                remedy="name it CHROM:POS:REF:ALT in --loci, or run bcftools annotate --set-id",
            )


def _check_ploidy(part: _Loci, contig: str, samples: tuple[str, ...], path: str) -> None:
    """Refuse a call of more than two copies."""
    present = (part.alleles >= MISSING_ALLELE).sum(axis=2)
    many = np.argwhere(present > 2)
    if many.size:
        row, sample = many[0]
        raise InputError(
            f"ploidy {present[row, sample]}; 1 or 2 expected",
            path=path,
            place=f"record {part.record[row]} ({contig}:{part.position[row]}), sample {samples[sample]}",
            remedy="leave the sample or the variant out (-s, -r)",
        )


def _diploid(alleles: NDArray[np.int16]) -> NDArray[np.int16]:
    """The array with two copies per sample, the second absent where the block has haploid calls only."""
    if alleles.shape[2] >= 2:
        return alleles[:, :, :2]
    absent = np.full((*alleles.shape[:2], 1), MISSING_ALLELE - 1, np.int16)
    return np.concatenate([alleles, absent], axis=2)


def _mend_missing_ploidy(alleles: NDArray[np.int16]) -> NDArray[np.int16]:
    """A lone ``.`` says nothing about ploidy: it is as many missing copies as the sample has elsewhere."""
    lone = (alleles[:, :, 0] == MISSING_ALLELE) & (alleles[:, :, 1] < MISSING_ALLELE)
    diploid = np.any(alleles[:, :, 1] >= MISSING_ALLELE, axis=0)
    alleles[lone & diploid, 1] = MISSING_ALLELE
    haploid = ~diploid & np.any(alleles[:, :, 0] > MISSING_ALLELE, axis=0)
    alleles[:, ~diploid & ~haploid, 1] = MISSING_ALLELE
    return alleles
