"""Small tables about samples: groups, sexes, lists of names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from genem.errors import InputError

SAMPLE_HEADERS = ("sample", "iid", "sample_id", "id", "individual")
GROUP_HEADERS = ("group", "population", "pop")
SEX_HEADERS = ("sex", "gender")


class Sex(IntEnum):
    """Sex codes as PLINK writes them."""

    UNKNOWN = 0
    MALE = 1
    FEMALE = 2


SEX_BY_TEXT = {
    "1": Sex.MALE,
    "m": Sex.MALE,
    "male": Sex.MALE,
    "2": Sex.FEMALE,
    "f": Sex.FEMALE,
    "female": Sex.FEMALE,
    "0": Sex.UNKNOWN,
    "na": Sex.UNKNOWN,
    "nan": Sex.UNKNOWN,
    "u": Sex.UNKNOWN,
    "unknown": Sex.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    fields: list[str]


def read_groups(path: str | Path) -> dict[str, str]:
    """The group of each sample, in the order of the file.

    A table with a header row has columns ``sample`` (or ``iid``, ``id``) and ``group`` (or ``population``, ``pop``)
    anywhere; otherwise the first two columns are sample and group. Columns are separated by tabs, or by blanks in a
    line without tabs. Samples whose group is NA are left out.

    Raises
    ------
    InputError
        The file cannot be read, has no samples, a blank line or a line without a group, or names a sample twice.
    """
    groups = dict(_two_columns(path, GROUP_HEADERS, "group"))
    return {sample: group for sample, (_, group) in groups.items() if group != "NA"}


def read_sexes(path: str | Path) -> dict[str, Sex]:
    """The sex of each sample: 1, M or male; 2, F or female; 0, U, unknown or NA.

    Columns are found as in :func:`read_groups`, the second by the name ``sex``: ``#IID SEX`` of PLINK will do.

    Raises
    ------
    InputError
        As in :func:`read_groups`, or a sex is none of the above.
    """
    sexes = {}
    for sample, (line, text) in _two_columns(path, SEX_HEADERS, "sex"):
        sex = SEX_BY_TEXT.get(text.lower())
        if sex is None:
            raise InputError(
                f"sex of sample {sample} is '{text}'",
                path=path,
                place=f"line {line}",
                remedy="write 1, M or male; 2, F or female; 0 or NA where unknown",
            )
        sexes[sample] = sex
    return sexes


def read_names(path: str | Path, what: str = "sample") -> tuple[str, ...]:
    """Names, one a line (further columns are ignored), in the order of the file.

    Raises
    ------
    InputError
        The file cannot be read, is empty, has a blank line, or holds a name twice.
    """
    seen: dict[str, int] = {}
    for row in _rows(path):
        _note_first(seen, row.fields[0], row.line, path, what)
    if not seen:
        raise InputError(f"holds no {what}", path=path, remedy=f"write one {what} a line")
    return tuple(seen)


def _two_columns(path: str | Path, headers: Sequence[str], what: str) -> Iterator[tuple[str, tuple[int, str]]]:
    """Sample, and the line and text of the value that belongs to it."""
    sample_column, value_column = 0, 1
    seen: dict[str, int] = {}
    for number, row in enumerate(_rows(path)):
        if number == 0 and _is_header(row.fields):
            sample_column, value_column = _header_columns(row.fields, headers)
            continue
        if len(row.fields) <= max(sample_column, value_column):
            raise InputError(
                f"{len(row.fields)} column{'s' * (len(row.fields) > 1)}, at least "
                f"{max(sample_column, value_column) + 1} expected",
                path=path,
                place=f"line {row.line}",
                remedy=f"write sample and {what}, separated by a tab",
            )
        sample, value = row.fields[sample_column], row.fields[value_column]
        if not sample or not value:
            raise InputError(f"the {'sample' if not sample else what} is empty", path=path, place=f"line {row.line}")
        _note_first(seen, sample, row.line, path, "sample")
        yield sample, (row.line, value)
    if not seen:
        raise InputError("holds no samples", path=path, remedy=f"write one sample and its {what} a line")


def _is_header(fields: Sequence[str]) -> bool:
    return fields[0].startswith("#") or any(field.lower() in SAMPLE_HEADERS for field in fields)


def _header_columns(fields: Sequence[str], headers: Sequence[str]) -> tuple[int, int]:
    """The columns of sample and value: by name, in the order of the names; else the first and the second."""
    names = [field.lower().lstrip("#") for field in fields]
    sample = next((names.index(header) for header in SAMPLE_HEADERS if header in names), 0)
    value = next((names.index(header) for header in headers if header in names), None)
    return sample, (1 if sample == 0 else 0) if value is None else value


def _note_first(seen: dict[str, int], name: str, line: int, path: str | Path, what: str) -> None:
    if name in seen:
        raise InputError(f"{what} {name} again, first in line {seen[name]}", path=path, place=f"line {line}")
    seen[name] = line


def _rows(path: str | Path) -> Iterator[_Row]:
    """The lines split into fields; ``##`` lines and blank lines at the end are skipped."""
    blank = None
    for line, text in enumerate(_read_text(path).splitlines(), start=1):
        if text.startswith("##"):
            continue
        if not text.strip():
            blank = blank or line
            continue
        if blank is not None:
            raise InputError("a blank line", path=path, place=f"line {blank}", remedy="remove it")
        fields = text.split("\t") if "\t" in text else text.split()
        yield _Row(line, [field.strip() for field in fields])


def _read_text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start} is not text in UTF-8", path=path) from None
    except OSError as error:
        raise InputError(error.strerror or str(error), path=path) from error
