"""Tables of output columns: header, meanings and cells from one line each, and the tables of the documentation."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from genem.cli.columns import Columns, full_numbers, integers, labels, numbers, repeated, statuses, strands
from genem.cli.table import COMMANDS
from genem.em.status import Status

ROOT = Path(__file__).resolve().parents[2]
TABLE: Columns[list[float]] = Columns(
    ("N", "number", lambda values: integers(int(value) for value in values)),
    ("HALF", "half of it", lambda values: numbers(value / 2 for value in values)),
)


def written(table: Columns[list[float]], values: list[float], notes: dict[str, str] | None = None) -> list[str]:
    stream = io.BytesIO()
    table.open(stream, notes).write(values)
    return stream.getvalue().decode().splitlines()[1:]


def test_header_and_rows() -> None:
    assert written(TABLE, [3.0], {"of": "a test"}) == [
        "##of=a test",
        '##column=<ID=N,Description="number">',
        '##column=<ID=HALF,Description="half of it">',
        "N\tHALF",
        "3\t1.5",
    ]


def test_without() -> None:
    assert written(TABLE.without({"N"}), [3.0]) == ['##column=<ID=HALF,Description="half of it">', "HALF", "1.5"]
    assert list(TABLE.meanings) == ["N", "HALF"]


def test_cells() -> None:
    codes = np.array([1, -1, 0])
    table: Columns[None] = Columns(
        ("LABEL", "", lambda _: labels(("a", "b"), codes)),
        ("SAME", "", lambda _: repeated("x", 3)),
        ("STRAND", "", lambda _: strands(codes)),
        ("STATUS", "", lambda _: statuses(np.zeros(3, np.int8))),
        ("FULL", "", lambda _: full_numbers(np.array([1 / 3, np.nan, 1.0]))),
        ("NUMBER", "", lambda _: numbers(value for value in (1 / 3, float("nan"), 0.0))),
        ("INTEGER", "", lambda _: integers(range(3))),
    )
    stream = io.BytesIO()
    table.open(stream).write(None)
    status = Status(0).label
    assert stream.getvalue().decode().splitlines()[-3:] == [
        f"b\tx\t+\t{status}\t0.3333333333333333\t0.3333333333\t0",
        f"NA\tx\t-\t{status}\tNA\tNA\t1",
        f"a\tx\t+\t{status}\t1.0\t0\t2",
    ]


def tables() -> Iterator[tuple[str, str]]:
    """Command and column, of the main tables that the pages of the commands describe."""
    for row in COMMANDS:
        columns = getattr(importlib.import_module(row.module), "COLUMNS", None)
        if isinstance(columns, Columns):
            yield from ((row.name, name) for name in columns.meanings)


@pytest.mark.parametrize(("command", "column"), [*tables()])
def test_every_column_is_on_the_page_of_its_command(command: str, column: str) -> None:
    page = (ROOT / "docs" / f"{command}.md").read_text()
    assert re.search(rf"(?<![A-Z_0-9]){column}(?![A-Z_0-9])", page)
