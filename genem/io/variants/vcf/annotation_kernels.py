"""Jitted rewriting of VCF sample columns: keep the cells, append GP and DS."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel

TAB = 9
COLON = 58
COMMA = 44
DOT = 46
ZERO = 48

DECIMALS = 6
SCALE = 10**DECIMALS


@kernel
def find_cells(text: NDArray[np.uint8], start: int, end: int, cell_starts: NDArray[np.int64]) -> int:
    """Store where each tab-separated cell of ``text[start:end]`` starts; return the number of cells found.

    ``text`` is (byte,); ``cell_starts`` (cell,).
    """
    count = 0
    at_start = True
    for position in range(start, end):
        if at_start:
            if count < cell_starts.shape[0]:
                cell_starts[count] = position
            count += 1
            at_start = False
        if text[position] == TAB:
            at_start = True
    if at_start:
        if count < cell_starts.shape[0]:
            cell_starts[count] = end
        count += 1
    return count


@kernel
def write_fixed(value: float, out: NDArray[np.uint8], at: int) -> int:
    """Write ``value`` >= 0 rounded to six decimals, trailing zeros trimmed; NaN is written as ``.``.

    ``out`` is (byte,).
    """
    if not (value >= 0.0):
        out[at] = DOT
        return at + 1
    scaled = int(value * SCALE + 0.5)
    integer = scaled // SCALE
    fraction = scaled - integer * SCALE
    digits = 1
    bound = 10
    while integer >= bound:
        digits += 1
        bound *= 10
    for place in range(digits - 1, -1, -1):
        out[at + place] = ZERO + integer % 10
        integer //= 10
    at += digits
    if fraction == 0:
        return at
    out[at] = DOT
    at += 1
    divisor = SCALE // 10
    while fraction > 0:
        out[at] = ZERO + fraction // divisor
        fraction %= divisor
        divisor //= 10
        at += 1
    return at


@kernel
def write_values(values: NDArray[np.floating], count: int, out: NDArray[np.uint8], at: int) -> int:
    """Write the first ``count`` values joined by commas, or ``.`` for none or an undefined first one.

    ``values`` is (value,); ``out`` (byte,).
    """
    if count == 0 or not (values[0] >= 0.0):
        out[at] = DOT
        return at + 1
    for index in range(count):
        if index > 0:
            out[at] = COMMA
            at += 1
        at = write_fixed(values[index], out, at)
    return at


@kernel
def append_posteriors(
    text: NDArray[np.uint8],
    cell_starts: NDArray[np.int64],
    line_end: int,
    columns: NDArray[np.int64],
    keep: NDArray[np.bool_],
    posteriors: NDArray[np.floating],
    n_posteriors: NDArray[np.int32],
    dosages: NDArray[np.floating],
    n_alts: int,
    out: NDArray[np.uint8],
    at: int,
) -> int:
    """Write the sample columns of one record, each with its kept subfields, then GP, then DS.

    ``keep[i]`` says whether subfield ``i`` of FORMAT stays; a cell that dropped trailing subfields gets ``.`` for
    them, since GP and DS follow. ``cell_starts`` holds one start per sample of the file, ``columns`` the samples to
    write. Returns the position behind the last byte written.

    ``text`` and ``out`` are (byte,); ``cell_starts`` (cell,); ``columns`` and ``n_posteriors`` (sample,); ``keep``
    (subfield,); ``posteriors`` (sample, genotype); ``dosages`` (sample, ALT allele).
    """
    n_cells = cell_starts.shape[0]
    for row in range(columns.shape[0]):
        cell = columns[row]
        end = cell_starts[cell + 1] - 1 if cell + 1 < n_cells else line_end
        out[at] = TAB
        at += 1
        position = cell_starts[cell]
        for subfield in range(keep.shape[0]):
            if keep[subfield] and position >= end:
                out[at] = DOT
                at += 1
            while position < end and text[position] != COLON:
                if keep[subfield]:
                    out[at] = text[position]
                    at += 1
                position += 1
            position += 1
            if keep[subfield]:
                out[at] = COLON
                at += 1
        at = write_values(posteriors[row], n_posteriors[row], out, at)
        out[at] = COLON
        at += 1
        at = write_values(dosages[row], n_alts, out, at)
    return at
