"""The tables that come with a cross: genetic map, traits and covariates, sex and direction."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genem.cross_types import XRule, cross_type_of
from genem.data import GeneticMap
from genem.errors import InputError, UsageError
from genem.io.files.bgzf import InflatedInput

__all__ = [
    "MISSING_TEXT",
    "MapTable",
    "PhenotypeTable",
    "columns_of_text",
    "directions_of",
    "ordered_map",
    "read_genetic_map",
    "read_phenotypes",
    "sex_linked_chromosomes",
    "sexes_of",
]

MISSING_TEXT = frozenset(("", "-", "NA", "NaN", "nan", "na", "."))
ID_HEADERS = ("id", "individual", "sample", "iid")
SEX_HEADERS = ("sex",)
DIRECTION_HEADERS = ("pgm", "direction")
MALE_BY_TEXT = {"male": True, "m": True, "1": True, "female": False, "f": False, "0": False, "2": False}
REVERSE_BY_TEXT = {"0": False, "forward": False, "f": False, "1": True, "reverse": True, "r": True}


@dataclass(frozen=True, slots=True)
class MapTable:
    """A genetic map with the places of its markers on the reference sequence, where given.

    Attributes
    ----------
    genetic_map
        The markers in order.
    base_position
        int64 (marker,), 1-based; 0 where unknown.
    """

    genetic_map: GeneticMap
    base_position: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PhenotypeTable:
    """Columns about individuals: numbers, and what is not numbers; ``path`` is where they were read."""

    individuals: tuple[str, ...]
    numbers: Mapping[str, NDArray[np.float64]]
    labels: Mapping[str, tuple[str, ...]]
    path: str | Path | None = None


def read_genetic_map(path: str | Path) -> MapTable:
    """Read a genetic map: tab-separated columns ``marker``, ``chr``, ``cM`` and, if wanted, ``bp``, with a header row.

    Chromosomes keep the order of their first rows; the markers of each are sorted by position. Markers may share a
    position, and stay in the order of the file then.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, names a marker twice, or a position is not a number.
    """
    header, rows = _tab_separated(path)
    columns = _positions(header, ("marker", "chr", "cM"), path)
    bp = next((k for k, name in enumerate(header) if name.lower() == "bp"), None)
    names, chromosomes, positions, base_positions = [], [], [], []
    for line, fields in rows:
        marker, chromosome, text = (fields[column] for column in columns)
        base = "" if bp is None else fields[bp]
        place = f"line {line}, marker {marker}"
        names.append(marker)
        chromosomes.append(chromosome)
        positions.append(_number(text, "position in cM", path, place))
        base_positions.append(0 if base in MISSING_TEXT else int(_number(base, "position in bp", path, place)))
    check_distinct(names, "marker", path)
    genetic_map, order = ordered_map(names, chromosomes, positions)
    return MapTable(genetic_map, np.array(base_positions, np.int64)[order])


def read_phenotypes(path: str | Path) -> PhenotypeTable:
    """Read traits and covariates: tab-separated, with a header row; individuals under ``id`` (else the first column).

    Raises
    ------
    InputError
        The file cannot be read, holds no individual, or names one twice.
    """
    header, rows = _tab_separated(path)
    check_distinct(header, "column", path)
    at = next((k for k, name in enumerate(header) if name.lower() in ID_HEADERS), 0)
    individuals = tuple(fields[at] for _, fields in rows)
    check_distinct(individuals, "individual", path)
    columns = {name: [fields[k] for _, fields in rows] for k, name in enumerate(header) if k != at}
    numbers, labels = columns_of_text(columns)
    return PhenotypeTable(individuals, numbers, labels, path)


def columns_of_text(
    columns: Mapping[str, Sequence[str]],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, tuple[str, ...]]]:
    """Columns of text as numbers where every value is one (or missing), as labels where not; "" is missing there."""
    numbers, labels = {}, {}
    for name, texts in columns.items():
        try:
            numbers[name] = np.array([_as_number(text) for text in texts])
        except ValueError:
            labels[name] = tuple("" if text in MISSING_TEXT else text for text in texts)
    return numbers, labels


def sex_linked_chromosomes(genetic_map: GeneticMap, x_chromosomes: Collection[str], cross_type: str) -> frozenset[str]:
    """The chromosomes of the map that are the X; none in crosses of plants."""
    if cross_type_of(cross_type).x_rule is XRule.ABSENT:
        return frozenset()
    return frozenset(genetic_map.chromosomes) & frozenset(x_chromosomes)


def sexes_of(
    table: PhenotypeTable, column: str | None, path: str | Path | None, *, needed: bool
) -> NDArray[np.bool_] | None:
    """Whether each individual is male: ``male`` or ``m`` or 1; ``female`` or ``f`` or 0 or 2.

    Parameters
    ----------
    column
        The column to look at; None: ``sex``, if there is one.
    needed
        There is an X chromosome: the column must be there, and nobody's sex may be missing.
    """
    texts = _coded_column(table, column, SEX_HEADERS, path)
    if texts is None:
        if needed:
            raise InputError(
                "there is an X chromosome but no sex",
                path=path,
                remedy="add a column sex (male, female), or say that the chromosome is not the X",
            )
        return None
    return _decoded(texts, table, MALE_BY_TEXT, "sex", "write male or female (1 or 0)", path, needed=needed)


def directions_of(table: PhenotypeTable, column: str | None, path: str | Path | None) -> NDArray[np.bool_] | None:
    """Whether each individual comes from the reciprocal cross: 1 or ``reverse``; 0 or ``forward``.

    By default in ``pgm``, ``direction``.
    """
    texts = _coded_column(table, column, DIRECTION_HEADERS, path)
    if texts is None:
        return None
    return _decoded(texts, table, REVERSE_BY_TEXT, "direction", "write 0 (forward) or 1 (reverse)", path, needed=True)


def ordered_map(
    names: Sequence[str], chromosomes: Sequence[str], positions: Sequence[float]
) -> tuple[GeneticMap, NDArray[np.intp]]:
    """The map in order, and the order."""
    chromosome_names = tuple(dict.fromkeys(chromosomes))
    index = {name: k for k, name in enumerate(chromosome_names)}
    chromosome = np.array([index[name] for name in chromosomes], np.int32)
    position = np.asarray(positions, np.float64)
    order = np.lexsort((position, chromosome))
    genetic_map = GeneticMap(
        chromosome_names, tuple(names[k] for k in order.tolist()), chromosome[order], position[order]
    )
    return genetic_map, order


def check_distinct(names: Iterable[str], what: str, path: str | Path | None) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise InputError(f"a {what} without a name", path=path)
        if name in seen:
            raise InputError(f"{what} {name} is there twice", path=path, remedy=f"give each {what} its own name")
        seen.add(name)


def _coded_column(
    table: PhenotypeTable, column: str | None, headers: Sequence[str], path: str | Path | None
) -> tuple[str, ...] | None:
    """The texts of a column found by name; numbers are written without decimals."""
    names = {name.lower(): name for name in (*table.numbers, *table.labels)}
    if column is None:
        column = next((names[header] for header in headers if header in names), None)
        if column is None:
            return None
    if column in table.labels:
        return table.labels[column]
    if column not in table.numbers:
        raise UsageError(
            f"no column {column} among {', '.join(names.values()) or 'none'}" + (f" of {path}" if path else "")
        )
    return tuple("" if math.isnan(value) else f"{value:g}" for value in table.numbers[column].tolist())


def _decoded(
    texts: Sequence[str],
    table: PhenotypeTable,
    meanings: Mapping[str, bool],
    what: str,
    remedy: str,
    path: str | Path | None,
    *,
    needed: bool,
) -> NDArray[np.bool_] | None:
    decoded = np.zeros(len(texts), np.bool_)
    for k, text in enumerate(texts):
        meaning = meanings.get(text.lower())
        if meaning is None:
            if not text and not needed:
                return None
            found = f"is '{text}'" if text else "is missing"
            raise InputError(f"the {what} of individual {table.individuals[k]} {found}", path=path, remedy=remedy)
        decoded[k] = meaning
    return decoded


def _tab_separated(path: str | Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header row, and the other rows with their line numbers."""
    lines = [
        (k, text) for k, text in enumerate(read_lines(path), start=1) if text.strip() and not text.startswith("##")
    ]
    rows = [(k, [field.strip() for field in text.split("\t")]) for k, text in lines]
    if len(rows) < 2:
        raise InputError("holds no rows below a header row", path=path)
    header = [name.lstrip("#") for name in rows[0][1]]
    for line, fields in rows[1:]:
        if len(fields) != len(header):
            raise InputError(
                f"{len(fields)} columns, {len(header)} expected",
                path=path,
                place=f"line {line}",
                remedy="separate columns by tabs",
            )
    return header, rows[1:]


def _positions(header: Sequence[str], wanted: Sequence[str], path: str | Path) -> list[int]:
    lower = [name.lower() for name in header]
    for name in wanted:
        if name.lower() not in lower:
            raise InputError(
                f"no column {name} among {', '.join(header)}",
                path=path,
                place="line 1",
                remedy=f"write columns {', '.join(wanted)}",
            )
    return [lower.index(name.lower()) for name in wanted]


def _as_number(text: str) -> float:
    """NaN where missing; ValueError where it is no number (Python reads 1_000 as one, too)."""
    if text in MISSING_TEXT:
        return math.nan
    if "_" in text:
        raise ValueError
    return float(text)


def _number(text: str, what: str, path: str | Path, place: str) -> float:
    try:
        value = _as_number(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"the {what} is '{text}', a number expected", path=path, place=place)
    return value


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file, packed (gzip, BGZF) or not."""
    with InflatedInput(path) as stream:
        content = b"".join(stream.pieces())
    try:
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start} is not text in UTF-8", path=path) from None
