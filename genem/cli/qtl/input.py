"""From the options of ``genem qtl`` to a cross: a VCF with its tables, or R/qtl's csv."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from genem.cross_types import CROSS_TYPES
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Cross
    from genem.io.crosses.variants import CrossFromVariants

__all__ = ["CrossInput", "choose_traits", "read_input"]

EXCLUDES = "^"
X_CHROMOSOMES = ("X", "x", "chrX")
LISTED = 20
"""How many names a warning lists."""
NOT_TRAITS = ("sex", "pgm", "direction")
FOR_VCF = ("parents", "pheno", "map", "cm_per_mb", "regions", "regions_file", "samples", "samples_file")
FOR_VCF_TOO = ("apply_filters", "ids", "snps_only")
REASONS = {
    "multi_allelic": "with more than two alleles",
    "parent_missing": "with a parent missing",
    "parent_heterozygous": "with a parent heterozygous",
    "monomorphic": "with parents alike",
    "not_in_map": "not in the map",
    "repeated": "of a marker seen before",
}


@dataclass(frozen=True, slots=True)
class CrossInput:
    """A cross with what its files say beside it.

    Attributes
    ----------
    cross
        The cross.
    base_position
        Places of markers on the reference, by name, where the map gives them.
    """

    cross: Cross
    base_position: Mapping[str, int] = field(default_factory=dict)


def read_input(args: argparse.Namespace, context: RunContext) -> CrossInput:
    """Read the cross, say what was left out of it, and keep the chromosomes asked for."""
    if args.cross is None:
        raise UsageError(f"--cross is needed: {', '.join(CROSS_TYPES)}")
    alleles = ("A", "B") if args.alleles is None else args.alleles
    if len(alleles) != 2 or len(set(alleles)) != 2:
        raise UsageError(f"--alleles {','.join(alleles)}: two different names expected")
    if args.cross_file == "-" or _is_variant_file(args.cross_file):
        found = _from_variants(args, context, alleles)
    else:
        found = CrossInput(_from_csv(args, context, alleles))
    if not _known_calls(found.cross).any():
        raise InputError("nobody has a call at any marker", path=args.cross_file)
    cross = _of_chromosomes(found.cross, args.chromosomes)
    cross = _of_called_markers(cross, args.max_missing_rate)
    _account(cross, context)
    return replace(found, cross=cross)


def choose_traits(cross: Cross, args: argparse.Namespace) -> tuple[str, ...]:
    """The traits asked for; a pattern means every column of numbers that has no other role."""
    roles = {*(args.addcovar or ()), *(args.intcovar or ()), args.weights, args.strata, args.sex, args.direction}
    free = [name for name in cross.phenotypes if name not in roles and name.lower() not in NOT_TRAITS]
    if args.trait is None:
        if not free:
            raise InputError("no column of numbers that could be a trait", remedy="name one with --trait")
        return (free[0],)
    chosen: dict[str, None] = {}
    for name in args.trait:
        if name in cross.phenotypes or name in cross.labels or not set(name) & set("*?["):
            chosen[name] = None
            continue
        matching = [column for column in free if fnmatchcase(column, name)]
        if not matching:
            raise UsageError(f"no column of numbers is called like {name}: there are {', '.join(free) or 'none'}")
        chosen.update(dict.fromkeys(matching))
    return tuple(chosen)


def _is_variant_file(path: str) -> bool:
    """By content: VCF and BCF say what they are in their first bytes."""
    from genem.io.files.bgzf import InflatedInput

    with InflatedInput(path) as stream:
        start = bytes(next(iter(stream.pieces(ahead=False)), b""))
    return start.startswith((b"##fileformat=VCF", b"BCF\2"))


def _from_csv(args: argparse.Namespace, context: RunContext, alleles: tuple[str, str]) -> Cross:
    from genem.data import CALLS
    from genem.io.crosses.calls import without_impossible_calls
    from genem.io.crosses.reading import read_cross

    for name in (*FOR_VCF, *FOR_VCF_TOO):
        if getattr(args, name):
            raise UsageError(
                f"--{name.replace('_', '-')} is for a VCF: {args.cross_file} is a table with everything in it"
            )
    if args.field != CALLS.name:
        raise UsageError(f"--field {args.field} is for a VCF: {args.cross_file} is a table of calls")
    context.add_input(args.cross_file)
    cross = read_cross(
        args.cross_file,
        cross_type=args.cross,
        genotypes=args.genotypes,
        alleles=alleles,
        x_chromosomes=args.x_chrom or X_CHROMOSOMES,
        sex=args.sex,
        direction=args.direction,
    )
    cross, n_impossible = without_impossible_calls(cross)
    _say_what_is_impossible(cross, n_impossible, context)
    return cross


def _say_what_is_impossible(cross: Cross, n_calls: int, context: RunContext) -> None:
    context.count(impossible_calls=n_calls)
    if n_calls:
        where = " (on the X chromosome sex and direction count)" if cross.x_chromosomes else ""
        context.warn(f"{n_calls} calls cannot arise in a cross of type {cross.cross_type}{where}: taken as missing")


def _from_variants(args: argparse.Namespace, context: RunContext, alleles: tuple[str, str]) -> CrossInput:
    from genem.cli.variant_input import open_selected
    from genem.io.crosses.tables import read_genetic_map, read_phenotypes
    from genem.io.crosses.variants import cross_from_variants

    if args.genotypes is not None:
        raise UsageError("--genotypes is for a csv: the parents tell the alleles of a VCF")
    if args.parents is None or len(args.parents) != 2:
        raise UsageError("a VCF needs --parents P1,P2: the samples that carry the first and the second allele")
    if args.pheno is None:
        raise UsageError("a VCF needs --pheno: a table of individuals and their traits")
    if (args.map is None) == (args.cm_per_mb is None):
        raise UsageError("a VCF needs either --map or --cm-per-mb")
    context.add_input(args.pheno)
    phenotypes = read_phenotypes(args.pheno)
    table = None
    if args.map is not None:
        context.add_input(args.map)
        table = read_genetic_map(args.map)
    with open_selected(args, context, _fields(args), path=args.cross_file) as reader:
        if args.field not in reader.header.formats:
            raise InputError(
                f"no FORMAT/{args.field} in the header", path=args.cross_file, remedy="give another --field"
            )
        found = cross_from_variants(
            reader,
            parents=args.parents,
            cross_type=args.cross,
            phenotypes=phenotypes,
            genetic_map=table,
            cm_per_mb=args.cm_per_mb,
            alleles=alleles,
            x_chromosomes=args.x_chrom or X_CHROMOSOMES,
            sex=args.sex,
            direction=args.direction,
        )
    _say_what_is_left_out(found, args, context)
    if table is None:
        return CrossInput(found.cross)
    known = zip(table.genetic_map.markers, table.base_position.tolist(), strict=True)
    return CrossInput(found.cross, {name: base for name, base in known if base > 0})


def _fields(args: argparse.Namespace) -> tuple[str, ...]:
    """Fields to read of a record: beside likelihoods the calls, which tell the parents apart, where there are any."""
    from genem.data import CALLS
    from genem.io.variants.reading import open_variants

    if args.field == CALLS.name:
        return (CALLS.name,)
    if args.cross_file != "-":
        with open_variants(args.cross_file, fields=()) as reader:
            if CALLS.name not in reader.header.formats:
                return (args.field,)
    return (CALLS.name, args.field)


def _say_what_is_left_out(found: CrossFromVariants, args: argparse.Namespace, context: RunContext) -> None:
    context.count(**{f"records_{reason}": number for reason, number in found.skipped.items()})
    context.count(
        map_markers_without_record=len(found.not_in_variants),
        individuals_without_phenotype=len(found.without_phenotype),
        individuals_without_genotype=len(found.without_genotype),
    )
    total = sum(found.skipped.values())
    if total:
        listed = ", ".join(
            f"{found.skipped[reason]} {text}" for reason, text in REASONS.items() if reason in found.skipped
        )
        context.warn(f"left out {total} of {total + len(found.cross.genetic_map)} records: {listed}")
    if found.not_in_variants:
        n, names = len(found.not_in_variants), _listed(found.not_in_variants, context)
        context.warn(f"{n} markers of {args.map} are no markers of the VCF: {names}")
    _say_what_is_impossible(found.cross, found.impossible_calls, context)
    if found.without_phenotype:
        n, names = len(found.without_phenotype), _listed(found.without_phenotype, context)
        context.warn(f"left out {n} samples of the VCF that are not in {args.pheno}: {names}")
    if found.without_genotype:
        n, names = len(found.without_genotype), _listed(found.without_genotype, context)
        context.warn(f"left out {n} individuals of {args.pheno} that are not in the VCF: {names}")


def _listed(names: Sequence[str], context: RunContext) -> str:
    """Some names for a warning; with ``-v`` all are printed."""
    if len(names) <= LISTED:
        return ", ".join(names)
    context.log.info("%s", ", ".join(names))
    return f"{', '.join(names[:LISTED])} and {len(names) - LISTED} more (-v lists them)"


def _of_chromosomes(cross: Cross, request: str | None) -> Cross:
    """The cross on the chromosomes asked for."""
    import numpy as np

    if request is None:
        return cross
    known = cross.genetic_map.chromosomes
    names = [name.strip() for name in request.removeprefix(EXCLUDES).split(",")]
    for name in names:
        if name not in known:
            raise UsageError(f"--chromosomes: no chromosome {name} among {', '.join(known)}")
    kept = [k for k, name in enumerate(known) if (name in names) != request.startswith(EXCLUDES)]
    if not kept:
        raise UsageError(f"--chromosomes {request} leaves no chromosome")
    return _of_markers(cross, np.isin(cross.genetic_map.chromosome, kept))


def _of_called_markers(cross: Cross, max_missing_rate: float) -> Cross:
    """The cross without the markers at which more individuals are missing."""
    if max_missing_rate == 1.0:
        return cross
    kept = (~_known_calls(cross)).mean(axis=0) <= max_missing_rate
    if not kept.any():
        raise InputError(f"no marker has at most {max_missing_rate:g} of the individuals missing")
    return _of_markers(cross, kept)


def _known_calls(cross: Cross) -> NDArray[np.bool_]:
    """Mark the calls (individual, marker) where something is known of the genotype."""
    import numpy as np

    if cross.likelihoods is not None:
        return np.asarray((cross.likelihoods != 1.0).any(axis=2))
    return np.asarray(cross.genotypes != 0)


def _of_markers(cross: Cross, kept: NDArray[np.bool_]) -> Cross:
    import numpy as np

    from genem.data import GeneticMap

    old = cross.genetic_map
    numbers, chromosome = np.unique(old.chromosome[kept], return_inverse=True)
    chromosomes = tuple(old.chromosomes[k] for k in numbers.tolist())
    markers = tuple(old.markers[k] for k in np.flatnonzero(kept).tolist())
    return replace(
        cross,
        genetic_map=GeneticMap(chromosomes, markers, chromosome.astype(np.int32), old.position[kept]),
        genotypes=np.ascontiguousarray(cross.genotypes[:, kept]),
        likelihoods=None if cross.likelihoods is None else np.ascontiguousarray(cross.likelihoods[:, kept]),
        x_chromosomes=cross.x_chromosomes & frozenset(chromosomes),
    )


def _account(cross: Cross, context: RunContext) -> None:
    """Count what the run record says of the cross, and log how many markers lie at the place of the one before."""
    import numpy as np

    genetic_map = cross.genetic_map
    shared = (np.diff(genetic_map.position) == 0.0) & (np.diff(genetic_map.chromosome) == 0)
    context.count(
        individuals=len(cross),
        individuals_without_calls=int((~_known_calls(cross).any(axis=1)).sum()),
        markers=len(genetic_map),
        markers_at_the_place_of_another=int(shared.sum()),
    )
    if shared.any():
        at = int(np.flatnonzero(shared)[0])
        context.log.info(
            "%d markers lie at the place of the one before, the first is %s",
            int(shared.sum()),
            genetic_map.markers[at + 1],
        )
