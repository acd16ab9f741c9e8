"""Tables as text: ``##`` lines with the version and the meaning of the columns, a header row, tab-separated rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from genem import __version__
from genem.io.files.output import ByteSink
from genem.io.tables.kernels import (
    DIGITS,
    FLOAT_WIDTH,
    INTEGER_WIDTH,
    MISSING_INTEGER,
    POWER_OFFSET,
    format_floats,
    format_integers,
    join_lists,
    join_rows,
)

__all__ = [
    "MISSING_INTEGER",
    "NA",
    "Cells",
    "FloatLists",
    "FullFloats",
    "Labels",
    "TableWriter",
    "TextSpans",
    "format_float",
]

NA = "NA"


@dataclass(frozen=True, slots=True)
class FloatLists:
    """Several numbers a cell: row ``i`` holds ``values[offsets[i]:offsets[i + 1]]``, joined by commas; none is NA."""

    values: NDArray[np.float64]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextSpans:
    """Cells that are stretches of one text: ``text[spans[i, 0]:spans[i, 1]]``; empty, or the VCF's ``.``, is NA."""

    text: NDArray[np.uint8]
    spans: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labels:
    """Cells from a small set: ``labels[codes[i]]``; a negative code is NA."""

    labels: Sequence[str]
    codes: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class FullFloats:
    """Numbers in full (``repr``), for log-likelihoods; NaN is NA."""

    values: NDArray[np.float64]


Cells = NDArray[np.integer] | NDArray[np.floating] | FloatLists | TextSpans | Labels | FullFloats | Sequence[str]
"""One column of a block: integers (``MISSING_INTEGER`` is NA), numbers (NaN is NA), or one of the classes above;
a sequence of strings is the slow way (an empty one is NA)."""


@dataclass(frozen=True, slots=True)
class _Encoded:
    """Text of cells, and where that of each cell starts and ends."""

    text: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


class TableWriter:
    r"""Writes blocks of rows, given as columns, to a binary stream.

    Parameters
    ----------
    stream
        Takes bytes.
    meanings
        The names of the columns, in order, each with the meaning that its ``##column`` line gives.
    header
        Without it only rows are written, so that pieces can be concatenated.
    notes
        Further ``##name=value`` lines; nothing that depends on paths, threads or regions belongs there.

    Notes
    -----
    Numbers have ten significant digits, as ``'%.10g'`` prints them; both zeros are ``0``. NA marks what is missing.

    Examples
    --------
    >>> import io
    >>> stream = io.BytesIO()
    >>> table = TableWriter(stream, {"POS": "position, 1-based", "AF": "allele frequency"})
    >>> table.write({"POS": np.array([7, 9]), "AF": np.array([1 / 3, np.nan])})
    >>> for line in stream.getvalue().decode().splitlines()[1:]:
    ...     print(line.split("\t"))
    ['##column=<ID=POS,Description="position, 1-based">']
    ['##column=<ID=AF,Description="allele frequency">']
    ['POS', 'AF']
    ['7', '0.3333333333']
    ['9', 'NA']
    """

    def __init__(
        self,
        stream: ByteSink,
        meanings: Mapping[str, str],
        *,
        header: bool = True,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self._stream = stream
        self._names = tuple(meanings)
        if header:
            lines = [f"##genem_version={__version__}"]
            lines += [f"##{name}={value}" for name, value in (notes or {}).items()]
            lines += [f'##column=<ID={name},Description="{meaning}">' for name, meaning in meanings.items()]
            lines.append("\t".join(self._names))
            stream.write(("\n".join(lines) + "\n").encode())

    def write(self, block: Mapping[str, Cells]) -> None:
        """Write one block of rows: for every column, by name, its cells.

        Raises
        ------
        ValueError
            The columns are not those of the table, or differ in length.
        """
        if set(block) != set(self._names):
            raise ValueError(f"columns differ from the table's: {sorted(set(block) ^ set(self._names))}")
        encoded = [_encode(block[name]) for name in self._names]
        lengths = {len(column.starts) for column in encoded}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")
        if not encoded or lengths == {0}:
            return
        text, starts, ends = _together(encoded)
        rows = np.empty(int((ends - starts).sum()) + starts.size, np.uint8)
        self._stream.write(rows[: join_rows(text, starts, ends, rows)].data)  # type: ignore[arg-type]


def format_float(value: float) -> str:
    """One number as tables print it.

    Examples
    --------
    >>> format_float(1 / 3), format_float(-0.0), format_float(float("nan"))
    ('0.3333333333', '0', 'NA')
    """
    if value != value:
        return NA
    return "%.*g" % (DIGITS, value) if value else "0"  # noqa: UP031


@cache
def powers_of_ten() -> NDArray[np.float64]:
    """(k + POWER_OFFSET, 2): 10^k as the sum of two doubles, the first the nearest to it; k from -300 to 300."""
    powers = np.empty((2 * POWER_OFFSET + 1, 2))
    for k in range(-POWER_OFFSET, POWER_OFFSET + 1):
        exact = Fraction(10) ** k
        nearest = float(exact)
        powers[k + POWER_OFFSET] = nearest, float(exact - Fraction(nearest))
    return powers


def _encode(cells: Cells) -> _Encoded:
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind in "iu":
            return _encode_integers(cells.astype(np.int64, copy=False))
        if cells.dtype.kind == "f":
            return _encode_floats(cells.astype(np.float64, copy=False))
        raise TypeError(f"a column of {cells.dtype}: integers, floats or one of the cell classes expected")
    if isinstance(cells, FloatLists):
        return _encode_lists(cells)
    if isinstance(cells, TextSpans):
        return _encode_spans(cells)
    if isinstance(cells, Labels):
        return _encode_labels(cells)
    if isinstance(cells, FullFloats):
        return _encode_strings([NA if value != value else repr(value) for value in cells.values.tolist()])
    return _encode_strings(cells)


def _encode_floats(values: NDArray[np.float64]) -> _Encoded:
    text, lengths = _float_texts(values)
    starts = np.arange(lengths.size, dtype=np.int64) * FLOAT_WIDTH
    return _Encoded(text, starts, starts + lengths)


def _encode_integers(values: NDArray[np.int64]) -> _Encoded:
    text = np.empty(values.size * INTEGER_WIDTH, np.uint8)
    lengths = np.empty(values.size, np.int64)
    format_integers(np.ascontiguousarray(values), text, lengths)
    starts = np.arange(values.size, dtype=np.int64) * INTEGER_WIDTH
    return _Encoded(text, starts, starts + lengths)


def _float_texts(values: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The texts of numbers, ``FLOAT_WIDTH`` bytes apart, and their lengths; what the kernel leaves, Python prints."""
    values = np.ascontiguousarray(values)
    text = np.empty(values.size * FLOAT_WIDTH, np.uint8)
    lengths = np.empty(values.size, np.int64)
    if format_floats(values, powers_of_ten(), text, lengths):
        for i in np.flatnonzero(lengths == 0):
            printed = np.frombuffer(format_float(float(values[i])).encode(), np.uint8)
            lengths[i] = printed.size
            text[i * FLOAT_WIDTH : i * FLOAT_WIDTH + printed.size] = printed
    return text, lengths


def _encode_lists(cells: FloatLists) -> _Encoded:
    offsets = np.ascontiguousarray(cells.offsets, np.int64)
    text, lengths = _float_texts(cells.values)
    joined = np.empty(int(lengths.sum()) + lengths.size + len(NA) * offsets.size, np.uint8)
    ends = np.empty(offsets.size - 1, np.int64)
    join_lists(text, lengths, offsets, joined, ends)
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    return _Encoded(joined, starts, ends)


def _encode_spans(cells: TextSpans) -> _Encoded:
    spans = np.ascontiguousarray(cells.spans.T, np.int64)
    missing = spans[0] == spans[1]
    if cells.text.size:
        single = spans[1] - spans[0] == 1
        missing |= single & (cells.text[np.where(single, spans[0], 0)] == ord("."))
    if not missing.any():
        return _Encoded(cells.text, spans[0], spans[1])
    text = np.append(cells.text, np.frombuffer(NA.encode(), np.uint8))
    start = cells.text.size
    return _Encoded(text, np.where(missing, start, spans[0]), np.where(missing, start + len(NA), spans[1]))


def _encode_labels(cells: Labels) -> _Encoded:
    table = _encode_strings([*cells.labels, NA])
    codes = np.where(cells.codes < 0, len(cells.labels), cells.codes)
    return _Encoded(table.text, table.starts[codes], table.ends[codes])


def _encode_strings(cells: Sequence[str]) -> _Encoded:
    texts = [(cell or NA).encode() for cell in cells]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1]
    return _Encoded(np.frombuffer(b"".join(texts), np.uint8), starts, ends)


def _together(columns: Sequence[_Encoded]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """One text for all columns (a text that several share is taken once), and the cells as (column, row)."""
    starts = np.stack([column.starts for column in columns])
    ends = np.stack([column.ends for column in columns])
    bases: dict[int, int] = {}
    texts: list[NDArray[np.uint8]] = []
    size = 0
    for number, column in enumerate(columns):
        base = bases.get(id(column.text))
        if base is None:
            base = bases[id(column.text)] = size
            texts.append(column.text)
            size += column.text.size
        starts[number] += base
        ends[number] += base
    return np.concatenate(texts), starts, ends
