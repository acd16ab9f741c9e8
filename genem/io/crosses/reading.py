"""Experimental crosses in R/qtl's "csv" format: names, chromosomes and positions in three rows, then individuals."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.cross_types import cross_type_of
from genem.data import BB, UNKNOWN_GENOTYPE, Cross, GeneticMap
from genem.errors import InputError, UsageError
from genem.io.crosses.calls import impossible_calls
from genem.io.crosses.tables import (
    ID_HEADERS,
    PhenotypeTable,
    check_distinct,
    columns_of_text,
    directions_of,
    read_lines,
    sex_linked_chromosomes,
    sexes_of,
)

__all__ = ["default_genotypes", "read_cross"]

HEADER_ROWS = 3


def default_genotypes(cross_type: str) -> tuple[str, ...]:
    """The texts for AA, AB, BB, not BB, not AA; for inbred lines those for AA and BB."""
    return tuple(cross_type_of(cross_type).csv_codes)


def read_cross(
    path: str | Path,
    *,
    cross_type: str,
    genotypes: Sequence[str] | None = None,
    alleles: tuple[str, str] = ("A", "B"),
    missing: Collection[str] = ("-", "NA"),
    x_chromosomes: Collection[str] = ("X", "x"),
    sex: str | None = None,
    direction: str | None = None,
) -> Cross:
    r"""Read a cross from R/qtl's "csv" format.

    Row 1 holds names, row 2 chromosomes, row 3 positions in cM; the last two are blank above traits and covariates,
    which come first. Individuals are named by a column ``id``, or numbered.

    Parameters
    ----------
    path
        The file.
    cross_type
        ``f2``, ``bc``, ``dh``, ``riself`` or ``risib``.
    genotypes
        The codes used for AA, AB, BB, not BB and not AA, in this order (the later ones may be left out); for
        inbred lines those for AA and BB. None: A, H, B, D, C, or A, B.
    alleles
        Names of the first and the second parent's allele.
    missing
        What stands for a missing value, beside an empty cell.
    x_chromosomes
        Which chromosome names mean the X chromosome. Doubled haploids and lines by selfing have none.
    sex, direction
        The columns that tell sex and direction of the cross. None: ``sex``, and ``pgm`` or ``direction``, if present.

    Returns
    -------
    Cross

    Raises
    ------
    InputError
        The file cannot be read or breaks the format; a genotype is not in the list or cannot arise in this cross;
        markers are out of order; there is an X chromosome but a sex is missing.
    UsageError
        The list of codes is too long, or a column asked for is not there.

    Examples
    --------
    >>> from pathlib import Path; from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "cross.csv"
    ...     _ = path.write_text("y,M1,M2\n,1,1\n,0,12.5\n3.1,A,H\n2.7,-,B\n")
    ...     cross = read_cross(path, cross_type="f2")
    >>> cross.genotypes.tolist(), cross.genetic_map.position.tolist()
    ([[1, 2], [0, 3]], [0.0, 12.5])
    """
    rows = _rows(path)
    names, chromosomes, positions = rows[:HEADER_ROWS]
    n_columns = next((k for k, name in enumerate(chromosomes) if name), len(names))
    if n_columns == len(names):
        raise InputError("no marker: row 2 is blank", path=path, place="line 2", remedy="write chromosomes in row 2")
    check_distinct(names[:n_columns], "column", path)
    genetic_map = _genetic_map(names[n_columns:], chromosomes[n_columns:], positions[n_columns:], path)
    body = rows[HEADER_ROWS:]
    gone = tuple(missing)
    table = _phenotypes(names[:n_columns], [row[:n_columns] for row in body], gone, path)
    calls = _genotypes(
        [row[n_columns:] for row in body],
        _codes(cross_type, genotypes, gone),
        table.individuals,
        genetic_map.markers,
        path,
    )
    sex_linked = sex_linked_chromosomes(genetic_map, x_chromosomes, cross_type)
    cross = Cross(
        cross_type=cross_type,
        alleles=alleles,
        individuals=table.individuals,
        genetic_map=genetic_map,
        genotypes=calls,
        phenotypes=table.numbers,
        labels=table.labels,
        x_chromosomes=sex_linked,
        is_male=sexes_of(table, sex, path, needed=bool(sex_linked) and cross_type_of(cross_type).x_by_sex),
        is_reverse=directions_of(table, direction, path),
    )
    _check_homozygotes(cross, path)
    return cross


def _rows(path: str | Path) -> list[list[str]]:
    lines = csv.reader(read_lines(path))
    numbered = [(lines.line_num, [field.strip() for field in row]) for row in lines]
    numbered = [(line, row) for line, row in numbered if row not in ([], [""])]
    rows = [row for _, row in numbered]
    if len(rows) < HEADER_ROWS:
        raise InputError(
            f"{len(rows)} rows, at least {HEADER_ROWS + 1} expected",
            path=path,
            remedy="write names, chromosomes and positions in three rows, then the individuals",
        )
    if len(rows) == HEADER_ROWS:
        raise InputError("holds no individual", path=path)
    for line, row in numbered:
        if len(row) != len(rows[0]):
            raise InputError(f"{len(row)} columns, {len(rows[0])} expected", path=path, place=f"line {line}")
    return rows


def _genetic_map(
    markers: Sequence[str], chromosomes: Sequence[str], positions: Sequence[str], path: str | Path
) -> GeneticMap:
    check_distinct(markers, "marker", path)
    order = tuple(dict.fromkeys(chromosomes))
    index = {name: k for k, name in enumerate(order)}
    position = np.empty(len(markers))
    for k, (marker, chromosome, text) in enumerate(zip(markers, chromosomes, positions, strict=True)):
        if not chromosome:
            raise InputError("no chromosome", path=path, place=f"row 2, marker {marker}")
        try:
            position[k] = float(text)
        except ValueError:
            position[k] = math.nan
        if not math.isfinite(position[k]):
            raise InputError(
                f"the position is '{text}', a number in cM expected", path=path, place=f"row 3, marker {marker}"
            )
        if k == 0:
            continue
        if index[chromosome] < index[chromosomes[k - 1]]:
            raise InputError(
                f"chromosome {chromosome} again after {chromosomes[k - 1]}",
                path=path,
                place=f"row 2, marker {marker}",
                remedy="put the markers of a chromosome side by side",
            )
        if chromosome == chromosomes[k - 1] and position[k] < position[k - 1]:
            raise InputError(
                f"at {position[k]:g} cM, after {markers[k - 1]} at {position[k - 1]:g} cM",
                path=path,
                place=f"row 3, marker {marker}",
                remedy="sort the markers of a chromosome by position",
            )
    return GeneticMap(order, tuple(markers), np.array([index[name] for name in chromosomes], np.int32), position)


def _phenotypes(
    names: Sequence[str], rows: Sequence[Sequence[str]], missing: Collection[str], path: str | Path
) -> PhenotypeTable:
    columns = {name: ["" if row[k] in missing else row[k] for row in rows] for k, name in enumerate(names)}
    named = next((name for name in names if name.lower() in ID_HEADERS), None)
    individuals = tuple(str(k + 1) for k in range(len(rows))) if named is None else tuple(columns.pop(named))
    check_distinct(individuals, "individual", path)
    return PhenotypeTable(individuals, *columns_of_text(columns))


def _codes(cross_type: str, genotypes: Sequence[str] | None, missing: Collection[str]) -> dict[str, int]:
    """The genotype of each text."""
    order = tuple(cross_type_of(cross_type).csv_codes.values())
    texts = tuple(genotypes) if genotypes is not None else default_genotypes(cross_type)
    if not 2 <= len(texts) <= len(order) or len(set(texts)) < len(texts):
        raise UsageError(
            f"genotype codes {','.join(texts)}: 2 to {len(order)} different ones expected for {cross_type}"
        )
    codes = dict(zip(texts, order, strict=False))
    return {**codes, **{text: UNKNOWN_GENOTYPE for text in (*missing, "") if text not in codes}}


def _genotypes(
    rows: Sequence[Sequence[str]],
    codes: dict[str, int],
    individuals: Sequence[str],
    markers: Sequence[str],
    path: str | Path,
) -> NDArray[np.int8]:
    calls = np.empty((len(rows), len(markers)), np.int8)
    for individual, row in enumerate(rows):
        try:
            calls[individual] = [codes[text] for text in row]
        except KeyError:
            at = next(k for k, text in enumerate(row) if text not in codes)
            raise InputError(
                f"genotype '{row[at]}' is none of {', '.join(text for text in codes if text)}",
                path=path,
                place=f"individual {individuals[individual]}, marker {markers[at]}",
                remedy="list the codes used for AA, AB, BB, not BB, not AA",
            ) from None
    return calls


def _check_homozygotes(cross: Cross, path: str | Path) -> None:
    """Refuse homozygotes of the second parent where there are none, except males on the X chromosome."""
    if BB in cross.breeding.genotypes:
        return
    impossible = impossible_calls(cross) & (cross.genotypes == BB)
    if impossible.any():
        individual, marker = np.argwhere(impossible)[0].tolist()
        raise InputError(
            f"a homozygote of the second parent in a cross of type {cross.cross_type}: {cross.breeding.description}",
            path=path,
            place=f"individual {cross.individuals[individual]}, marker {cross.genetic_map.markers[marker]}",
            remedy="check the cross and the order of the genotype codes",
        )
