"""Kernels that read FORMAT/GT from VCF text: one vectorised path for plain diploid calls, one for everything else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.data import ABSENT_ALLELE, MISSING_ALLELE
from genem.io.variants.vcf.kernels import (
    ALLELE_BEYOND_ALT,
    BAD_CALL,
    COLON,
    DOT,
    ERROR_CODE,
    FINE,
    PIPE,
    SLASH,
    TAB,
    TOO_FEW_SAMPLES,
    TOO_MANY_SAMPLES,
    ZERO,
    report,
)
from genem.jit import kernel

REGULAR_STRIDE = 4
"""Bytes of one plain diploid call: allele, separator, allele, tab."""
MAX_DIGIT_ALLELES = 10


@kernel
def scan_genotypes(
    text: NDArray[np.uint8],
    format_spans: NDArray[np.int64],
    line_ends: NDArray[np.int64],
    gt_index: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    column_target: NDArray[np.int64],
    in_file_order: bool,
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
    error: NDArray[np.int64],
) -> int:
    """Read the calls of every record; return the largest ploidy met.

    ``column_target`` gives, for each sample column of the file, its place in ``alleles`` (record, sample, ploidy),
    or -1; ``in_file_order`` says that this is 0, 1, 2, ... The array has room for two copies at least.
    Where the ploidy returned is larger than its room, the copies that did not fit are left out and the caller must
    scan again with more.

    ``text`` is (byte,); ``format_spans`` (record, 2); ``line_ends``, ``gt_index`` and ``n_alleles`` (record,);
    ``column_target`` (column,); ``phased`` (record, sample); ``error`` (N_ERROR,).
    """
    n_columns = column_target.shape[0]
    direct = in_file_order and alleles.shape[2] == 2
    file_calls = np.empty(2 * n_columns, alleles.dtype)
    file_phased = np.empty(n_columns, np.bool_)
    largest = 1
    for row in range(format_spans.shape[0]):
        start, end = format_spans[row, 1] + 1, line_ends[row]
        # A record without GT
        if gt_index[row] < 0:
            fill_missing(alleles[row], phased[row])
            continue
        # Plain diploid calls and nothing else: all of the same width
        is_gt_alone = format_spans[row, 1] - format_spans[row, 0] == 2
        regular = False
        if n_columns > 0 and is_gt_alone and end - start == REGULAR_STRIDE * n_columns - 1:
            if direct:
                calls = alleles[row].reshape(2 * n_columns)
                regular = scan_regular(text, start, n_columns, n_alleles[row], calls, phased[row])
            else:
                regular = scan_regular(text, start, n_columns, n_alleles[row], file_calls, file_phased)
                if regular:
                    place_regular(file_calls, file_phased, column_target, alleles[row], phased[row])
        if regular:
            largest = max(largest, 2)
        else:
            # Any other calls
            ploidy = scan_calls(
                text, start, end, row, gt_index[row], n_alleles[row], column_target, alleles[row], phased[row], error
            )
            if error[ERROR_CODE] != FINE:
                return largest
            largest = max(largest, ploidy)
    return largest


@kernel
def fill_missing(alleles: NDArray[np.int8], phased: NDArray[np.bool_]) -> None:
    """One missing copy per sample: what a GT of ``.`` means.

    ``alleles`` is (sample, ploidy); ``phased`` (sample,).
    """
    alleles[:] = ABSENT_ALLELE
    alleles[:, 0] = MISSING_ALLELE
    phased[:] = False


@kernel
def scan_regular(
    text: NDArray[np.uint8],
    start: int,
    n_samples: int,
    n_alleles: int,
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
) -> bool:
    """Read samples that are nothing but diploid calls of one-digit alleles: ``a/b`` or ``a|b``, a tab between.

    Returns whether they are; where not, what was written means nothing. The loops hold no branch and keep to single
    bytes (Numba would widen ``wrong |= ...`` to 64 bits), so that they vectorise in full width.

    ``text`` is (byte,); ``alleles`` (column x 2,); ``phased`` (column,).
    """
    calls = text[start : start + REGULAR_STRIDE * n_samples]
    top = np.uint8(ZERO + min(n_alleles, MAX_DIGIT_ALLELES))
    wrong = np.uint8(0)
    for i in range(2 * n_samples):
        letter = calls[2 * i]
        is_allele = (letter >= ZERO) & (letter < top)
        alleles[i] = int(letter) - ZERO if is_allele else MISSING_ALLELE
        wrong = np.uint8(wrong | np.uint8((letter != DOT) & (not is_allele)))
    for i in range(n_samples):
        separator = calls[REGULAR_STRIDE * i + 1]
        phased[i] = separator == PIPE
        wrong = np.uint8(wrong | np.uint8((separator != SLASH) & (separator != PIPE)))
    for i in range(n_samples - 1):
        wrong = np.uint8(wrong | np.uint8(calls[REGULAR_STRIDE * i + 3] != TAB))
    return bool(wrong == np.uint8(0))


@kernel
def place_regular(
    file_calls: NDArray[np.int8],
    file_phased: NDArray[np.bool_],
    column_target: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
) -> None:
    """Move diploid calls to where the chosen samples stand.

    ``file_calls`` is (column x 2,); ``file_phased`` and ``column_target`` (column,); ``alleles`` (sample, ploidy);
    ``phased`` (sample,).
    """
    for column in range(column_target.shape[0]):
        target = column_target[column]
        if target >= 0:
            alleles[target, 0] = file_calls[2 * column]
            alleles[target, 1] = file_calls[2 * column + 1]
            alleles[target, 2:] = ABSENT_ALLELE
            phased[target] = file_phased[column]


@kernel
def scan_calls(
    text: NDArray[np.uint8],
    start: int,
    end: int,
    row: int,
    gt_index: int,
    n_alleles: int,
    column_target: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
    error: NDArray[np.int64],
) -> int:
    """Read the calls of one record of any shape; return the largest ploidy.

    ``text`` is (byte,); ``column_target`` (column,); ``alleles`` (sample, ploidy); ``phased`` (sample,); ``error``
    (N_ERROR,).
    """
    largest = 1
    at = start
    for column in range(column_target.shape[0]):
        if at > end:
            report(error, TOO_FEW_SAMPLES, row, -1, start, end, column, 0)
            return largest
        target = column_target[column]
        if target >= 0:
            field = skip_fields(text, at, end, gt_index)
            if field < 0:
                alleles[target, :] = ABSENT_ALLELE
                alleles[target, 0] = MISSING_ALLELE
                phased[target] = False
            else:
                ploidy, phase, code = scan_call(text, field, end, n_alleles, alleles[target])
                if code != FINE:
                    report(error, code, row, column, field, end_of_field(text, field, end), 0, 0)
                    return largest
                phased[target] = phase
                largest = max(largest, ploidy)
                at = field
        while at < end and text[at] != TAB:
            at += 1
        at += 1
    if at <= end:
        report(error, TOO_MANY_SAMPLES, row, -1, start, end, count_columns(text, start, end), 0)
    return largest


@kernel
def scan_call(
    text: NDArray[np.uint8], at: int, end: int, n_alleles: int, copies: NDArray[np.int8]
) -> tuple[int, bool, int]:
    """Read one GT into ``copies``; return its ploidy, whether it is phased, and an error code.

    A leading ``/`` or ``|`` (VCF 4.4: the phase of the first allele) is passed over.

    ``text`` is (byte,); ``copies`` (ploidy,).
    """
    ploidy = 0
    phased = True
    if at < end and (text[at] == SLASH or text[at] == PIPE):
        at += 1
    while True:
        value = 0
        first = at
        if at < end and text[at] == DOT:
            value = MISSING_ALLELE
            at += 1
        else:
            while at < end and ZERO <= text[at] < ZERO + 10:
                value = 10 * value + int(text[at]) - ZERO
                if value >= n_alleles:
                    return ploidy, False, ALLELE_BEYOND_ALT
                at += 1
        if at == first:
            return ploidy, False, BAD_CALL
        if ploidy < copies.shape[0]:
            copies[ploidy] = value
        ploidy += 1
        if at >= end or text[at] == TAB or text[at] == COLON:
            break
        if text[at] == SLASH:
            phased = False
        elif text[at] != PIPE:
            return ploidy, False, BAD_CALL
        at += 1
    for copy in range(ploidy, copies.shape[0]):
        copies[copy] = ABSENT_ALLELE
    return ploidy, phased and ploidy > 1, FINE


@kernel
def skip_fields(text: NDArray[np.uint8], at: int, end: int, n_fields: int) -> int:
    """The start of the field ``n_fields`` places further in the same column; -1 where the column ends before it.

    ``text`` is (byte,).
    """
    while n_fields > 0:
        while at < end and text[at] != COLON and text[at] != TAB:
            at += 1
        if at >= end or text[at] == TAB:
            return -1
        at += 1
        n_fields -= 1
    return at


@kernel
def end_of_field(text: NDArray[np.uint8], at: int, end: int) -> int:
    """The end of a field.

    ``text`` is (byte,).
    """
    while at < end and text[at] != COLON and text[at] != TAB:
        at += 1
    return at


@kernel
def count_columns(text: NDArray[np.uint8], start: int, end: int) -> int:
    """The number of columns between two places.

    ``text`` is (byte,).
    """
    n_columns = 1
    for k in range(start, end):
        if text[k] == TAB:
            n_columns += 1
    return n_columns
