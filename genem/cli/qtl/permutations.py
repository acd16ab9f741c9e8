"""The permutations of ``genem qtl``: computed, or read back from the tables of earlier runs; thresholds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, integers, labels, numbers
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Cross
    from genem.io.tables.writing import Labels
    from genem.qtl import ChromosomeGenotypes, Permutations, Threshold

__all__ = ["Permuted", "compute", "read", "write_maxima", "write_thresholds"]

Permuted = Mapping[str, Mapping[str, "Permutations"]]
"""By method, then by trait."""

AT_ONCE = 128
"""Permutations between two moves of the progress bar."""
AT_ONCE_BY_REGRESSION = 4096
"""The same for Haley-Knott regression, whose work before the first permutation takes longest."""

REGIONS = ("A", "X")
REMEDY = "give the tables that --permutation-maxima wrote for the same cross and options"


class MaximumRows(NamedTuple):
    """The highest LOD scores of permutations: for each in turn, a row per trait, method and region."""

    first: int
    traits: Sequence[str]
    methods: Sequence[str]
    regions: Sequence[str]
    highest: NDArray[np.float64]
    """float64 (permutation, kind): of every trait, method and region."""

    def permutations(self) -> NDArray[np.int64]:
        """The number of the permutation of each row."""
        n_permutations, n_kinds = self.highest.shape
        return integers(number for number in range(self.first, self.first + n_permutations) for _ in range(n_kinds))

    def kinds(self, names: Sequence[str]) -> Labels:
        """A name of each row, given for every kind."""
        return labels(names, integers([*range(len(names))] * len(self.highest)))


MAXIMA_COLUMNS: Columns[MaximumRows] = Columns(
    ("PERMUTATION", "number of the permutation", lambda rows: rows.permutations()),
    ("TRAIT", "trait that was permuted", lambda rows: rows.kinds(rows.traits)),
    ("METHOD", "method of the scan", lambda rows: rows.kinds(rows.methods)),
    ("REGION", "A: autosomes, X: X chromosome", lambda rows: rows.kinds(rows.regions)),
    ("MAX_LOD", "highest LOD score in the region", lambda rows: rows.highest.ravel()),
)
THRESHOLD_COLUMNS: Columns[Sequence[Threshold]] = Columns(
    ("TRAIT", "trait", lambda rows: [row.trait for row in rows]),
    ("METHOD", "method of the scan", lambda rows: [row.method for row in rows]),
    ("REGION", "A: autosomes, X: X chromosome", lambda rows: [row.region for row in rows]),
    ("ALPHA", "genome-wide significance level", lambda rows: numbers(row.alpha for row in rows)),
    ("THRESHOLD", "LOD score that chance reaches with this probability", lambda rows: numbers(row.lod for row in rows)),
    ("PERMUTATIONS", "number of permutations", lambda rows: integers(row.n_permutations for row in rows)),
)


def compute(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    traits: Sequence[str],
    methods: Sequence[str],
    args: argparse.Namespace,
    context: RunContext,
) -> Permuted:
    """Permute every trait, by every method."""
    import numpy as np

    from genem import qtl

    total = len(traits) * len(methods) * args.permutations
    found: dict[str, dict[str, Permutations]] = {}
    done = 0
    with context.progress("permutations", total) as progress:
        for method in methods:
            found[method] = {}
            at_once = AT_ONCE_BY_REGRESSION if method == "hk" else AT_ONCE
            for trait in traits:
                pieces = []
                for start in range(0, args.permutations, at_once):
                    n = min(at_once, args.permutations - start)
                    piece = qtl.permute(
                        cross,
                        genotypes,
                        trait,
                        n_permutations=n,
                        first=args.permutation_first + start,
                        seed=args.seed,
                        method="em" if method == args.model else method,  # type: ignore[arg-type]
                        model=args.model,
                        addcovar=args.addcovar or (),
                        intcovar=args.intcovar or (),
                        weights=args.weights,
                        strata=args.strata,
                    )
                    pieces.append(piece)
                    done += n
                    progress.update(done)
                found[method][trait] = qtl.Permutations(
                    trait=trait,
                    method=method,  # type: ignore[arg-type]
                    model=args.model,
                    autosomes=np.concatenate([piece.autosomes for piece in pieces]),
                    x=np.concatenate([piece.x for piece in pieces]),
                    autosome_length=pieces[0].autosome_length,
                    x_length=pieces[0].x_length,
                    first=args.permutation_first,
                    seed=args.seed,
                )
    context.count(permutations=args.permutations)
    return found


def notes(args: argparse.Namespace) -> dict[str, str]:
    """Notes on the scans in the headers: tables of permutations that differ in them do not belong together."""
    return {
        "cross": args.cross,
        "model": args.model,
        "addcovar": ",".join(args.addcovar or ()) or "none",
        "intcovar": ",".join(args.intcovar or ()) or "none",
        "weights": args.weights or "none",
        "strata": args.strata or "none",
        "step": f"{args.step:g}",
        "error_prob": f"{args.error_prob:g}",
        "map_function": args.map_function,
    }


def write_maxima(permuted: Permuted, path: str, args: argparse.Namespace, context: RunContext) -> None:
    """Write a row per permutation, trait, method and region, in this order: pieces can be gathered."""
    import numpy as np

    kinds = [
        (trait, method, region, highest)
        for trait in next(iter(permuted.values()))
        for method, of_traits in permuted.items()
        for region, highest in (("A", of_traits[trait].autosomes), ("X", of_traits[trait].x))
        if np.isfinite(highest).all()
    ]
    traits, methods, regions, highest = zip(*kinds, strict=True)
    first = next(iter(next(iter(permuted.values())).values()))
    lengths = {"autosome_length": repr(first.autosome_length), "x_length": repr(first.x_length)}
    rows = MaximumRows(args.permutation_first, traits, methods, regions, np.stack(highest, axis=1))
    with context.open_output(path) as stream:
        MAXIMA_COLUMNS.open(stream, {**notes(args), "seed": str(args.seed), **lengths}).write(rows)


def read(
    genotypes: Sequence[ChromosomeGenotypes],
    traits: Sequence[str],
    methods: Sequence[str],
    args: argparse.Namespace,
    context: RunContext,
) -> Permuted:
    """The permutations of earlier runs, checked to be of these traits, methods and regions."""
    values: dict[tuple[str, str, str], dict[int, float]] = {}
    lengths = [_collect(path, args, context, values) for path in args.with_permutations]
    if len(set(lengths)) > 1:
        raise InputError("permutations along other chromosomes", path=args.with_permutations[-1], remedy=REMEDY)
    needed = ["X" if is_x else "A" for is_x in sorted({chromosome.is_x for chromosome in genotypes})]
    found: dict[str, dict[str, Permutations]] = {method: {} for method in methods}
    for method in methods:
        for trait in traits:
            of_regions = {region: values.get((trait, method, region), {}) for region in REGIONS}
            found[method][trait] = _joined(trait, method, of_regions, needed, lengths[0], args)
    context.count(permutations=len(next(iter(found[methods[0]].values()))))
    return found


def _joined(
    trait: str,
    method: str,
    of_regions: Mapping[str, Mapping[int, float]],
    needed: Sequence[str],
    lengths: tuple[float, float],
    args: argparse.Namespace,
) -> Permutations:
    """The permutations of a trait, in the order of their numbers, on every region that was permuted."""
    import numpy as np

    from genem import qtl

    path = args.with_permutations[0]
    for region in needed:
        if not of_regions[region]:
            chromosomes = "the X chromosome" if region == "X" else "autosomes"
            raise InputError(f"no permutations of trait {trait} by {method} on {chromosomes}", path=path, remedy=REMEDY)
    numbers = [sorted(of_region) for of_region in of_regions.values() if of_region]
    if numbers[0] != numbers[-1]:
        raise InputError(
            f"other permutations of trait {trait} by {method} on X than on autosomes", path=path, remedy=REMEDY
        )
    highest = {
        region: np.array([of_region.get(number, -np.inf) for number in numbers[0]])
        for region, of_region in of_regions.items()
    }
    return qtl.Permutations(
        trait,
        method,  # type: ignore[arg-type]
        args.model,
        highest["A"],
        highest["X"],
        *lengths,
        first=numbers[0][0],
        seed=args.seed,
    )


def _collect(
    path: str, args: argparse.Namespace, context: RunContext, values: dict[tuple[str, str, str], dict[int, float]]
) -> tuple[float, float]:
    """Add the rows of one table; return the lengths of the autosomes and of the X chromosome in it."""
    from genem.io.tables.gathering import read_columns, read_notes

    context.add_input(path)
    stated = read_notes(path)
    for name, value in notes(args).items():
        if stated.get(name) != value:
            raise InputError(f"permutations with {name} {stated.get(name)}, {value} expected", path=path, remedy=REMEDY)
    n_rows = 0
    for columns in read_columns(path, tuple(MAXIMA_COLUMNS.meanings), written_by="genem qtl --permutation-maxima"):
        for number, trait, method, region, text in zip(*columns, strict=True):
            n_rows += 1
            try:
                key, lod = int(number), float(text)
            except ValueError:
                raise InputError(
                    f"permutation '{number}' with MAX_LOD '{text}', numbers expected", path=path, place=f"row {n_rows}"
                ) from None
            of_kind = values.setdefault((trait, method, region), {})
            if key in of_kind:
                raise InputError(
                    f"permutation {key} of trait {trait} by {method} a second time",
                    path=path,
                    remedy="give pieces with different --permutation-first",
                )
            of_kind[key] = lod
    try:
        return float(stated["autosome_length"]), float(stated["x_length"])
    except (KeyError, ValueError):
        raise InputError("the header does not say how long the chromosomes are", path=path, remedy=REMEDY) from None


def write_thresholds(found: Sequence[Threshold], path: str, args: argparse.Namespace, context: RunContext) -> None:
    """Write a row per trait, method, level and region."""
    with context.open_output(path) as stream:
        THRESHOLD_COLUMNS.open(stream, notes(args)).write(found)


def check_request(args: argparse.Namespace, methods: Sequence[str]) -> None:
    """Refuse options that do not go together."""
    if args.with_permutations and args.permutations:
        raise UsageError("--with-permutations excludes --permutations")
    if args.permutation_maxima is not None and not args.permutations:
        raise UsageError("--permutation-maxima needs --permutations")
    if not (args.permutations or args.with_permutations):
        for name in ("alpha", "strata", "thresholds"):
            if getattr(args, name) is not None:
                raise UsageError(f"--{name} needs --permutations or --with-permutations")
    if "imp" in methods and (args.permutations or args.with_permutations):
        raise UsageError("the method imp is not permuted: use hk or em, or leave the permutations out")
