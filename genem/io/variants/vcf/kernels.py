"""Kernels that find the lines and the site columns of VCF text.

All work on a ``uint8`` array of text. A kernel that meets a malformed record writes what and where into an
``error`` array of ``N_ERROR`` numbers and stops; the message is made in Python.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.data import SPAN_ALT, SPAN_CHROM, SPAN_FILTER, SPAN_ID, SPAN_INFO, SPAN_REF
from genem.jit import kernel

TAB, NEWLINE, RETURN = 9, 10, 13
HASH, PLUS, COMMA, MINUS, DOT, SLASH, ZERO, COLON, SEMICOLON, EQUALS, PIPE = 35, 43, 44, 45, 46, 47, 48, 58, 59, 61, 124
LETTER_D, LETTER_E, LETTER_N, LETTER_SMALL_E = 68, 69, 78, 101

# Cells of an error report.
ERROR_CODE, ERROR_ROW, ERROR_SAMPLE, ERROR_START, ERROR_END, ERROR_COUNT, ERROR_PLOIDY = range(7)
N_ERROR = 7

# Values of ERROR_CODE.
FINE = 0
HEADER_LINE, TOO_FEW_COLUMNS, TOO_MANY_COLUMNS, EMPTY_COLUMN, BAD_POSITION, EMPTY_ALLELE = range(1, 7)
TOO_FEW_SAMPLES, TOO_MANY_SAMPLES, BAD_CALL, ALLELE_BEYOND_ALT = range(7, 11)
BAD_PHRED, NEGATIVE_PHRED, HUGE_PHRED, WRONG_COUNT = range(11, 15)

COLUMN_POS, COLUMN_ALT = 1, 4
N_SITE_COLUMNS = 8
STEP = 64
MAX_POSITION_DIGITS = 18


@kernel
def find_lines(text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[int, int]:
    """Note where each complete line starts and ends; empty lines are passed over.

    Returns the number of lines (more than ``starts`` can hold: only counted) and the byte after the last newline.
    Whole steps without a newline are recognised by one vectorised test.

    ``text`` is (byte,); ``starts`` and ``ends`` (line,).
    """
    n_lines = 0
    start = 0
    at = 0
    while at < text.shape[0]:
        if at + STEP <= text.shape[0] and not has_newline(text, at):
            at += STEP
            continue
        for k in range(at, min(at + STEP, text.shape[0])):
            if text[k] == NEWLINE:
                end = k - 1 if k > start and text[k - 1] == RETURN else k
                if end > start:
                    if n_lines < starts.shape[0]:
                        starts[n_lines] = start
                        ends[n_lines] = end
                    n_lines += 1
                start = k + 1
        at += STEP
    return n_lines, start


@kernel
def has_newline(text: NDArray[np.uint8], at: int) -> bool:
    """Whether the next ``STEP`` bytes hold a newline; no branch in the loop, so that it is one vector operation.

    ``text`` is (byte,).
    """
    found = np.uint8(0)
    step = text[at : at + STEP]
    for k in range(STEP):
        found = np.uint8(found | np.uint8(step[k] == NEWLINE))
    return bool(found != np.uint8(0))


@kernel
def report(
    error: NDArray[np.int64], code: int, row: int, sample: int, start: int, end: int, count: int, ploidy: int
) -> None:
    """Fill in an error report.

    ``error`` is (N_ERROR,).
    """
    error[ERROR_CODE] = code
    error[ERROR_ROW] = row
    error[ERROR_SAMPLE] = sample
    error[ERROR_START] = start
    error[ERROR_END] = end
    error[ERROR_COUNT] = count
    error[ERROR_PLOIDY] = ploidy


@kernel
def same_bytes(text: NDArray[np.uint8], start: int, end: int, other_start: int, other_end: int) -> bool:
    """Whether two stretches of a text are equal.

    ``text`` is (byte,).
    """
    if end - start != other_end - other_start:
        return False
    for k in range(end - start):  # noqa: SIM110 (a generator would not compile)
        if text[start + k] != text[other_start + k]:
            return False
    return True


@kernel
def scan_sites(
    text: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    has_format: bool,
    has_samples: bool,
    spans: NDArray[np.int64],
    format_spans: NDArray[np.int64],
    position: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    same_contig: NDArray[np.bool_],
    error: NDArray[np.int64],
) -> int:
    """Read the site columns of every line; return how many lines were read before the first malformed one.

    ``format_spans`` ends where the FORMAT column ends: the first sample starts one byte later.
    ``same_contig`` says whether CHROM equals that of the line before.

    ``text`` is (byte,); ``starts``, ``ends``, ``position``, ``n_alleles`` and ``same_contig`` (line,);
    ``spans`` (line, N_SPANS, 2) and ``format_spans`` (line, 2): start and end; ``error`` (N_ERROR,).
    """
    n_columns = N_SITE_COLUMNS + (1 if has_format else 0)
    column_start = np.empty(n_columns, np.int64)
    column_end = np.empty(n_columns, np.int64)
    for row in range(starts.shape[0]):
        start, end = starts[row], ends[row]
        if text[start] == HASH:
            report(error, HEADER_LINE, row, -1, start, end, 0, 0)
            return row
        # The columns before those of the samples
        found, at = find_columns(text, start, end, column_start, column_end)
        if found < 0:
            report(error, EMPTY_COLUMN, row, -1, start, end, -1 - found, 0)
            return row
        if found < n_columns:
            report(error, TOO_FEW_COLUMNS, row, -1, start, end, found, n_columns)
            return row
        if not has_samples and at <= end:
            report(error, TOO_MANY_COLUMNS, row, -1, start, end, found, n_columns)
            return row
        # What they say
        value = read_position(text, column_start[COLUMN_POS], column_end[COLUMN_POS])
        if value < 0:
            report(error, BAD_POSITION, row, -1, column_start[COLUMN_POS], column_end[COLUMN_POS], 0, 0)
            return row
        position[row] = value
        n_alts = count_alts(text, column_start[COLUMN_ALT], column_end[COLUMN_ALT])
        if n_alts < 0:
            report(error, EMPTY_ALLELE, row, -1, column_start[COLUMN_ALT], column_end[COLUMN_ALT], 0, 0)
            return row
        n_alleles[row] = 1 + n_alts
        # Where they are
        for span, column in (
            (SPAN_CHROM, 0),
            (SPAN_ID, 2),
            (SPAN_REF, 3),
            (SPAN_ALT, 4),
            (SPAN_FILTER, 6),
            (SPAN_INFO, 7),
        ):
            spans[row, span, 0] = column_start[column]
            spans[row, span, 1] = column_end[column]
        format_spans[row, 0] = column_start[n_columns - 1]
        format_spans[row, 1] = column_end[n_columns - 1]
        same_contig[row] = row > 0 and same_bytes(
            text, column_start[0], column_end[0], spans[row - 1, SPAN_CHROM, 0], spans[row - 1, SPAN_CHROM, 1]
        )
    return int(starts.shape[0])


@kernel
def find_columns(
    text: NDArray[np.uint8], start: int, end: int, column_start: NDArray[np.int64], column_end: NDArray[np.int64]
) -> tuple[int, int]:
    """Find the first columns of a line, as many as ``column_start`` and ``column_end`` hold.

    Returns how many there are, or -1 less the number of the first empty one, and the byte after the tab behind them.

    ``text`` is (byte,); ``column_start`` and ``column_end`` (column,).
    """
    found = 0
    at = start
    while found < column_start.shape[0] and at <= end:
        stop = at
        while stop < end and text[stop] != TAB:
            stop += 1
        if stop == at:
            return -1 - found, at
        column_start[found] = at
        column_end[found] = stop
        found += 1
        at = stop + 1
    return found, at


@kernel
def read_position(text: NDArray[np.uint8], start: int, end: int) -> int:
    """The digits of POS as a number; -1 where they are none.

    ``text`` is (byte,).
    """
    if end - start > MAX_POSITION_DIGITS:
        return -1
    value = 0
    for k in range(start, end):
        digit = int(text[k]) - ZERO
        if digit < 0 or digit > 9:
            return -1
        value = 10 * value + digit
    return value


@kernel
def count_alts(text: NDArray[np.uint8], start: int, end: int) -> int:
    """The number of alleles that a not empty ALT column lists (``.``: none); -1 where one of them is empty.

    ``text`` is (byte,).
    """
    if end - start == 1 and text[start] == DOT:
        return 0
    n_alts = 1
    last = COMMA
    for k in range(start, end):
        this = int(text[k])
        if this == COMMA:
            if last == COMMA:
                return -1
            n_alts += 1
        last = this
    return -1 if last == COMMA else n_alts


@kernel
def find_format_key(
    text: NDArray[np.uint8], format_spans: NDArray[np.int64], first: int, second: int, index: NDArray[np.int64]
) -> None:
    """For every record, the place of a two-letter key in its FORMAT column, or -1.

    ``text`` is (byte,); ``format_spans`` (record, 2); ``index`` (record,).
    """
    for row in range(format_spans.shape[0]):
        index[row] = -1
        at, end = format_spans[row, 0], format_spans[row, 1]
        place = 0
        while at < end:
            stop = at
            while stop < end and text[stop] != COLON:
                stop += 1
            if stop - at == 2 and text[at] == first and text[at + 1] == second:
                index[row] = place
                break
            place += 1
            at = stop + 1


@kernel
def pack_sites(text: NDArray[np.uint8], spans: NDArray[np.int64], packed: NDArray[np.uint8]) -> None:
    """Copy the columns CHROM to INFO of every record end to end, and let ``spans`` point into the copy.

    ``text`` and ``packed`` are (byte,); ``spans`` (record, N_SPANS, 2).
    """
    at = 0
    for row in range(spans.shape[0]):
        start, end = spans[row, SPAN_CHROM, 0], spans[row, SPAN_INFO, 1]
        for k in range(end - start):
            packed[at + k] = text[start + k]
        for span in range(spans.shape[1]):
            spans[row, span, 0] += at - start
            spans[row, span, 1] += at - start
        at += end - start


@kernel
def find_changes(text: NDArray[np.uint8], field_spans: NDArray[np.int64], changes: NDArray[np.bool_]) -> None:
    """Whether a field differs from that of the record before.

    ``text`` is (byte,); ``field_spans`` (record, 2); ``changes`` (record,).
    """
    for row in range(field_spans.shape[0]):
        changes[row] = row == 0 or not same_bytes(
            text, field_spans[row, 0], field_spans[row, 1], field_spans[row - 1, 0], field_spans[row - 1, 1]
        )


@kernel
def find_record_ends(
    text: NDArray[np.uint8], spans: NDArray[np.int64], position: NDArray[np.int64], last: NDArray[np.int64]
) -> None:
    """The last reference base of every record: INFO/END where it lies at or after POS, else POS + len(REF) - 1.

    ``text`` is (byte,); ``spans`` (record, N_SPANS, 2); ``position`` and ``last`` (record,).
    """
    for row in range(spans.shape[0]):
        last[row] = position[row] + spans[row, SPAN_REF, 1] - spans[row, SPAN_REF, 0] - 1
        at, end = spans[row, SPAN_INFO, 0], spans[row, SPAN_INFO, 1]
        while at < end:
            stop = at
            while stop < end and text[stop] != SEMICOLON:
                stop += 1
            if (
                stop - at > 4
                and text[at] == LETTER_E
                and text[at + 1] == LETTER_N
                and text[at + 2] == LETTER_D
                and text[at + 3] == EQUALS
            ):
                value = read_position(text, at + 4, stop)
                if value >= position[row]:
                    last[row] = value
                break
            at = stop + 1


@kernel
def find_unchanged_prefix(text: NDArray[np.uint8], spans: NDArray[np.int64], prefix: NDArray[np.int64]) -> None:
    """Count the leading bases of REF that no ALT allele of the record changes; 0 for a record without ALT.

    ``text`` is (byte,); ``spans`` (record, N_SPANS, 2); ``prefix`` (record,).
    """
    for row in range(spans.shape[0]):
        ref, ref_end = spans[row, SPAN_REF, 0], spans[row, SPAN_REF, 1]
        at, end = spans[row, SPAN_ALT, 0], spans[row, SPAN_ALT, 1]
        prefix[row] = ref_end - ref
        while at < end:
            shared = 0
            while at < end and ref + shared < ref_end and text[at] == text[ref + shared]:
                shared += 1
                at += 1
            prefix[row] = min(prefix[row], shared)
            while at < end and text[at] != COMMA:
                at += 1
            at += 1


@kernel
def find_snps(text: NDArray[np.uint8], spans: NDArray[np.int64], is_snp: NDArray[np.bool_]) -> None:
    """Whether REF and every ALT allele of a record are one of the letters ACGTN (any case).

    ``text`` is (byte,); ``spans`` (record, N_SPANS, 2); ``is_snp`` (record,).
    """
    for row in range(spans.shape[0]):
        ref = spans[row, SPAN_REF, 0]
        at, end = spans[row, SPAN_ALT, 0], spans[row, SPAN_ALT, 1]
        is_snp[row] = spans[row, SPAN_REF, 1] - ref == 1 and is_base(text[ref])
        while is_snp[row] and at < end:
            is_snp[row] = is_base(text[at]) and (at + 1 == end or text[at + 1] == COMMA)
            at += 2


@kernel
def is_base(letter: int) -> bool:
    upper = int(letter) & ~32
    return upper == 65 or upper == 67 or upper == 71 or upper == 84 or upper == LETTER_N
