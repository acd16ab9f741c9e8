"""Kernels that read FORMAT/PL (integers) and FORMAT/GL and GP (decimals) from VCF text, at any ploidy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.data import MISSING_PHRED
from genem.io.variants.genotype_count_kernels import count_fits
from genem.io.variants.vcf.genotype_kernels import count_columns, end_of_field, skip_fields
from genem.io.variants.vcf.kernels import (
    BAD_PHRED,
    COLON,
    COMMA,
    DOT,
    ERROR_CODE,
    FINE,
    HUGE_PHRED,
    LETTER_E,
    LETTER_SMALL_E,
    MINUS,
    NEGATIVE_PHRED,
    PIPE,
    PLUS,
    SLASH,
    TAB,
    TOO_FEW_SAMPLES,
    TOO_MANY_SAMPLES,
    WRONG_COUNT,
    ZERO,
    report,
)
from genem.jit import kernel

MAX_PHRED = 2**31 - 1
# A decimal of at most 2^53 times or divided by an exact power of ten is rounded once, as strtod would round it.
# Clinger (1990), PLDI, doi:10.1145/93542.93557.
MAX_EXACT_MANTISSA = 2**53
MAX_EXACT_POWER = 22
POWERS_OF_TEN = np.array([10.0**power for power in range(MAX_EXACT_POWER + 1)])
MAX_EXPONENT_DIGITS = 3


@kernel
def scan_likelihoods(
    text: NDArray[np.uint8],
    format_spans: NDArray[np.int64],
    line_ends: NDArray[np.int64],
    field_index: NDArray[np.int64],
    gt_index: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    column_target: NDArray[np.int64],
    decimal: bool,
    phred: NDArray[np.int32],
    decimals: NDArray[np.float32],
    n_values: NDArray[np.int32],
    slow: NDArray[np.int64],
    error: NDArray[np.int64],
) -> tuple[int, int]:
    """Read one likelihood field of every record into ``phred``, or into ``decimals`` where ``decimal``.

    Cells beyond a sample's values are left alone: the caller fills the arrays with the missing value before.
    Decimals that are not exact in one step go to ``slow``: rows of record, sample, genotype, first and last byte
    of the text. Returns the largest number of values of a sample and the number of slow decimals; where either is
    larger than the arrays allow, the caller must scan again with more room.

    ``text`` is (byte,); ``format_spans`` (record, 2); ``line_ends``, ``field_index``, ``gt_index`` and
    ``n_alleles`` (record,); ``column_target`` (column,); ``phred`` and ``decimals`` (record, sample, genotype);
    ``n_values`` (record, sample); ``slow`` (slow decimal, 5); ``error`` (N_ERROR,).
    """
    widest = 1
    n_slow = 0
    for row in range(format_spans.shape[0]):
        start, end = format_spans[row, 1] + 1, line_ends[row]
        if field_index[row] < 0:
            n_values[row, :] = 0
            continue
        # The values of every sample that is wanted, their number checked
        at = start
        for column in range(column_target.shape[0]):
            if at > end:
                report(error, TOO_FEW_SAMPLES, row, -1, start, end, column, 0)
                return widest, n_slow
            target = column_target[column]
            if target >= 0:
                field = skip_fields(text, at, end, field_index[row])
                count = 0
                if field >= 0 and not is_missing(text, field, end):
                    if decimal:
                        count, n_slow = scan_decimals(
                            text, field, end, row, target, decimals[row, target], slow, n_slow
                        )
                    else:
                        count = scan_phreds(text, field, end, row, column, phred[row, target], error)
                        if error[ERROR_CODE] != FINE:
                            return widest, n_slow
                    ploidy = called_ploidy(text, at, end, gt_index[row])
                    if not count_fits(count, n_alleles[row], ploidy):
                        stop = end_of_field(text, field, end)
                        report(error, WRONG_COUNT, row, column, field, stop, count, ploidy)
                        return widest, n_slow
                    widest = max(widest, count)
                    at = field
                n_values[row, target] = count
            # The next column
            while at < end and text[at] != TAB:
                at += 1
            at += 1
        if at <= end:
            report(error, TOO_MANY_SAMPLES, row, -1, start, end, count_columns(text, start, end), 0)
            return widest, n_slow
    return widest, n_slow


@kernel
def is_missing(text: NDArray[np.uint8], at: int, end: int) -> bool:
    """Whether the whole field is ``.``.

    ``text`` is (byte,).
    """
    if at >= end or text[at] != DOT:
        return False
    return at + 1 == end or text[at + 1] == TAB or text[at + 1] == COLON


@kernel
def called_ploidy(text: NDArray[np.uint8], at: int, end: int, gt_index: int) -> int:
    """The number of copies GT names in this column; 0 where it does not tell (no GT, or ``.``).

    ``text`` is (byte,).
    """
    if gt_index < 0:
        return 0
    at = skip_fields(text, at, end, gt_index)
    if at < 0 or is_missing(text, at, end):
        return 0
    if at < end and (text[at] == SLASH or text[at] == PIPE):
        at += 1
    ploidy = 1
    while at < end and text[at] != COLON and text[at] != TAB:
        if text[at] == SLASH or text[at] == PIPE:
            ploidy += 1
        at += 1
    return ploidy


@kernel
def scan_phreds(
    text: NDArray[np.uint8],
    at: int,
    end: int,
    row: int,
    column: int,
    values: NDArray[np.int32],
    error: NDArray[np.int64],
) -> int:
    """Read whole numbers, not negative, with ``.`` for a missing one; return how many.

    ``text`` is (byte,); ``values`` (genotype,); ``error`` (N_ERROR,).
    """
    count = 0
    while True:
        first = at
        if at < end and text[at] == DOT:
            value = MISSING_PHRED
            at += 1
        else:
            negative = at < end and text[at] == MINUS
            if negative:
                at += 1
            digits = at
            value = 0
            while at < end and ZERO <= text[at] < ZERO + 10:
                value = min(10 * value + int(text[at]) - ZERO, MAX_PHRED + 1)
                at += 1
            if at == digits or (negative and value > 0) or value > MAX_PHRED:
                code = BAD_PHRED if at == digits else NEGATIVE_PHRED if negative else HUGE_PHRED
                report(error, code, row, column, first, end_of_value(text, first, end), 0, 0)
                return count
        if count < values.shape[0]:
            values[count] = value
        count += 1
        if at >= end or text[at] == TAB or text[at] == COLON:
            return count
        if text[at] != COMMA:
            report(error, BAD_PHRED, row, column, first, end_of_value(text, first, end), 0, 0)
            return count
        at += 1


@kernel
def scan_decimals(
    text: NDArray[np.uint8],
    at: int,
    end: int,
    row: int,
    target: int,
    values: NDArray[np.float32],
    slow: NDArray[np.int64],
    n_slow: int,
) -> tuple[int, int]:
    """Read decimals, with ``.`` for a missing one; return how many, and how many slow ones so far.

    ``text`` is (byte,); ``values`` (genotype,); ``slow`` (slow decimal, 5).
    """
    count = 0
    while True:
        stop = end_of_value(text, at, end)
        if not (stop - at == 1 and text[at] == DOT):
            value, exact = parse_decimal(text, at, stop)
            if exact:
                if count < values.shape[0]:
                    values[count] = value
            else:
                if n_slow < slow.shape[0]:
                    slow[n_slow, 0] = row
                    slow[n_slow, 1] = target
                    slow[n_slow, 2] = count
                    slow[n_slow, 3] = at
                    slow[n_slow, 4] = stop
                n_slow += 1
        count += 1
        if stop >= end or text[stop] != COMMA:
            return count, n_slow
        at = stop + 1


@kernel
def end_of_value(text: NDArray[np.uint8], at: int, end: int) -> int:
    """The end of a value.

    ``text`` is (byte,).
    """
    while at < end and text[at] != COMMA and text[at] != COLON and text[at] != TAB:
        at += 1
    return at


@kernel
def parse_decimal(text: NDArray[np.uint8], at: int, end: int) -> tuple[float, bool]:
    """The double nearest to a decimal, and whether it was found (False: not a plain decimal, or not exact in one step).

    ``text`` is (byte,).
    """
    negative = at < end and text[at] == MINUS
    if at < end and (text[at] == MINUS or text[at] == PLUS):
        at += 1
    # Digits before and after the point as an integer times a power of ten
    mantissa = 0
    power = 0
    n_digits = 0
    after_point = False
    while at < end:
        letter = int(text[at])
        if letter == DOT and not after_point:
            after_point = True
        elif ZERO <= letter < ZERO + 10:
            if mantissa >= MAX_EXACT_MANTISSA // 10:
                return 0.0, False
            mantissa = 10 * mantissa + letter - ZERO
            n_digits += 1
            if after_point:
                power -= 1
        else:
            break
        at += 1
    if n_digits == 0:
        return 0.0, False
    if at < end:
        exponent, plain = parse_exponent(text, at, end)
        if not plain:
            return 0.0, False
        power += exponent
    # One exact factor
    value = float(mantissa)
    if mantissa > 0:
        if abs(power) > MAX_EXACT_POWER:
            return 0.0, False
        value = value * POWERS_OF_TEN[power] if power >= 0 else value / POWERS_OF_TEN[-power]
    return -value if negative else value, True


@kernel
def parse_exponent(text: NDArray[np.uint8], at: int, end: int) -> tuple[int, bool]:
    """The exponent of a decimal, from its letter E on, and whether it is one of at most three digits.

    ``text`` is (byte,).
    """
    if text[at] != LETTER_E and text[at] != LETTER_SMALL_E:
        return 0, False
    at += 1
    negative = at < end and text[at] == MINUS
    if at < end and (text[at] == MINUS or text[at] == PLUS):
        at += 1
    if at == end or end - at > MAX_EXPONENT_DIGITS:
        return 0, False
    exponent = 0
    while at < end:
        digit = int(text[at]) - ZERO
        if digit < 0 or digit > 9:
            return 0, False
        exponent = 10 * exponent + digit
        at += 1
    return -exponent if negative else exponent, True
