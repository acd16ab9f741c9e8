"""Kernels for the part of BCF2 records that describes the site. Every length is checked before it is followed.

VCF specification version 4.3, section 6.3.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.data import SPAN_ALT, SPAN_CHROM, SPAN_FILTER, SPAN_ID, SPAN_INFO, SPAN_REF
from genem.io.variants.bcf.value_kernels import integer_width, signed, typed_text, typed_vector, unsigned32
from genem.jit import kernel

# How a kernel ended; with the row and the value it stumbled on
OK = 0
DAMAGED = 1
BAD_CONTIG = 2
BAD_N_SAMPLES = 3
NO_REF = 4
BAD_FILTER = 5

# Columns of the layout of records
(
    RECORD_START,
    INDIVIDUAL_START,
    RECORD_END,
    ID_START,
    ID_SIZE,
    ALLELES_START,
    FILTER_START,
    FILTER_COUNT,
    FILTER_WIDTH,
    N_FORMAT,
    TEXT_SIZE,
    LAST_POSITION,
) = range(12)
N_LAYOUT = 12

LENGTHS_SIZE = 8
FIXED_SIZE = 24
DOT, COMMA, SEMICOLON, EQUALS, ZERO, LETTER_D, LETTER_E, LETTER_N = 46, 44, 59, 61, 48, 68, 69, 78
END_TEXT_SIZE = len("END=") + 19


@kernel
def count_records(data: NDArray[np.uint8]) -> tuple[int, int, int]:
    """The number of complete records that ``data`` starts with, the number of bytes they take, and OK or DAMAGED.

    ``data`` is (byte,).
    """
    at = 0
    n_records = 0
    while at + LENGTHS_SIZE <= data.size:
        shared = unsigned32(data, at)
        if shared < FIXED_SIZE:
            return n_records, at, DAMAGED
        end = at + LENGTHS_SIZE + shared + unsigned32(data, at + 4)
        if end > data.size:
            break
        at = end
        n_records += 1
    return n_records, at, OK


@kernel
def parse_sites(
    data: NDArray[np.uint8],
    n_samples: int,
    contig_sizes: NDArray[np.int64],
    string_sizes: NDArray[np.int64],
    layout: NDArray[np.int64],
    contig: NDArray[np.int32],
    position: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
) -> tuple[int, int, int]:
    """Check the shared part of as many records as ``layout`` has rows, and note where its pieces are.

    ``LAST_POSITION`` is the last reference base, as the writer worked it out from REF or INFO/END. The sizes are
    those of the names in the header's dictionaries, 0 for numbers that name nothing. Returns the end code, the
    number of good records before the end, and the offending value.

    ``data`` is (byte,); ``contig_sizes`` and ``string_sizes`` (name,); ``layout`` (record, N_LAYOUT); ``contig``,
    ``position`` and ``n_alleles`` (record,).
    """
    at = 0
    for row in range(layout.shape[0]):
        # Lengths and fixed fields
        shared_end = at + LENGTHS_SIZE + unsigned32(data, at)
        end = shared_end + unsigned32(data, at + 4)
        layout[row, RECORD_START] = at
        layout[row, INDIVIDUAL_START] = shared_end
        layout[row, RECORD_END] = end
        fixed = at + LENGTHS_SIZE
        at = end
        contig[row] = signed(data, fixed, 4)
        position[row] = signed(data, fixed + 4, 4) + 1
        n_alleles[row] = unsigned32(data, fixed + 16) >> 16
        format_and_samples = unsigned32(data, fixed + 20)
        layout[row, N_FORMAT] = format_and_samples >> 24
        if contig[row] < 0 or contig[row] >= contig_sizes.size or contig_sizes[contig[row]] == 0:
            return BAD_CONTIG, row, contig[row]
        if format_and_samples & 0xFFFFFF != n_samples:
            return BAD_N_SAMPLES, row, format_and_samples & 0xFFFFFF
        if n_alleles[row] < 1:
            return NO_REF, row, 0
        reference_length = signed(data, fixed + 8, 4)
        if position[row] < 0 or reference_length < 0:
            return DAMAGED, row, 0
        layout[row, LAST_POSITION] = position[row] + max(1, reference_length) - 1
        # ID and alleles, and how much text they make
        size = contig_sizes[contig[row]]
        start, text_size, cursor = typed_text(data, fixed + FIXED_SIZE, shared_end)
        layout[row, ID_START] = start
        layout[row, ID_SIZE] = text_size
        size += max(1, text_size)
        layout[row, ALLELES_START] = cursor
        for _ in range(n_alleles[row]):
            _, text_size, cursor = typed_text(data, cursor, shared_end)
            size += max(1, text_size) + 1  # a comma, or the dot that stands for no ALT
        # Filters
        kind, count, start, cursor = typed_vector(data, cursor, shared_end)
        width = integer_width(kind)
        if cursor < 0 or width < 0:
            return DAMAGED, row, 0
        layout[row, FILTER_START] = start
        layout[row, FILTER_COUNT] = count
        layout[row, FILTER_WIDTH] = width
        for index in range(count):
            key = signed(data, start + index * width, width)
            if key < 0 or key >= string_sizes.size or string_sizes[key] == 0:
                return BAD_FILTER, row, key
            size += string_sizes[key] + 1
        layout[row, TEXT_SIZE] = size + 1 + END_TEXT_SIZE
    return OK, layout.shape[0], 0


@kernel
def render_text(
    data: NDArray[np.uint8],
    layout: NDArray[np.int64],
    contig: NDArray[np.int32],
    position: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    contig_names: NDArray[np.uint8],
    contig_offsets: NDArray[np.int64],
    string_names: NDArray[np.uint8],
    string_offsets: NDArray[np.int64],
    text: NDArray[np.uint8],
    spans: NDArray[np.int64],
) -> int:
    """Write CHROM, ID, REF, ALT, FILTER and INFO of checked records as in VCF; return how much of ``text`` is used.

    ``spans`` is (record, N_SPANS, 2) as in ``VariantSites``. Of INFO only END is written, and only where it
    is not the end of REF.

    ``data``, ``contig_names``, ``string_names`` and ``text`` are (byte,); ``layout`` (record, N_LAYOUT);
    ``contig``, ``position`` and ``n_alleles`` (record,); ``contig_offsets`` and ``string_offsets`` (name + 1,).
    """
    at = 0
    for row in range(layout.shape[0]):
        spans[row, SPAN_CHROM, 0] = at
        at = copy_bytes(contig_names, contig_offsets[contig[row]], contig_offsets[contig[row] + 1], text, at)
        spans[row, SPAN_CHROM, 1] = at
        spans[row, SPAN_ID, 0] = at
        start = layout[row, ID_START]
        at = copy_or_dot(data, start, start + layout[row, ID_SIZE], text, at)
        spans[row, SPAN_ID, 1] = at
        at = write_alleles(
            data, layout[row, ALLELES_START], layout[row, INDIVIDUAL_START], n_alleles[row], text, spans[row], at
        )
        spans[row, SPAN_FILTER, 0] = at
        at = write_filters(data, layout[row], string_names, string_offsets, text, at)
        spans[row, SPAN_FILTER, 1] = at
        spans[row, SPAN_INFO, 0] = at
        ref_size = spans[row, SPAN_REF, 1] - spans[row, SPAN_REF, 0]
        if layout[row, LAST_POSITION] == position[row] + ref_size - 1:
            at = copy_or_dot(data, 0, 0, text, at)
        else:
            at = write_end(layout[row, LAST_POSITION], text, at)
        spans[row, SPAN_INFO, 1] = at
    return at


@kernel
def write_alleles(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    n_alleles: int,
    text: NDArray[np.uint8],
    spans: NDArray[np.int64],
    at: int,
) -> int:
    """Write REF, then the ALT alleles with commas between; return the place after them.

    ``data`` and ``text`` are (byte,); ``spans`` (N_SPANS, 2).
    """
    first, size, cursor = typed_text(data, start, end)
    spans[SPAN_REF, 0] = at
    at = copy_or_dot(data, first, first + size, text, at)
    spans[SPAN_REF, 1] = at
    spans[SPAN_ALT, 0] = at
    if n_alleles == 1:
        at = copy_or_dot(data, 0, 0, text, at)
    for allele in range(1, n_alleles):
        if allele > 1:
            text[at] = COMMA
            at += 1
        first, size, cursor = typed_text(data, cursor, end)
        at = copy_or_dot(data, first, first + size, text, at)
    spans[SPAN_ALT, 1] = at
    return at


@kernel
def write_filters(
    data: NDArray[np.uint8],
    layout: NDArray[np.int64],
    string_names: NDArray[np.uint8],
    string_offsets: NDArray[np.int64],
    text: NDArray[np.uint8],
    at: int,
) -> int:
    """Write the names of the filters with semicolons between; return the place after them.

    ``data``, ``string_names`` and ``text`` are (byte,); ``layout`` (N_LAYOUT,); ``string_offsets`` (name + 1,).
    """
    count, width = layout[FILTER_COUNT], layout[FILTER_WIDTH]
    for index in range(count):
        if index > 0:
            text[at] = SEMICOLON
            at += 1
        key = signed(data, layout[FILTER_START] + index * width, width)
        at = copy_bytes(string_names, string_offsets[key], string_offsets[key + 1], text, at)
    return at if count > 0 else copy_or_dot(data, 0, 0, text, at)


@kernel
def write_end(last: int, text: NDArray[np.uint8], at: int) -> int:
    """Write ``END=last``; return the place after it.

    ``text`` is (byte,).
    """
    n_digits = 1
    while last >= 10**n_digits:
        n_digits += 1
    text[at] = LETTER_E
    text[at + 1] = LETTER_N
    text[at + 2] = LETTER_D
    text[at + 3] = EQUALS
    for digit in range(n_digits):
        text[at + 3 + n_digits - digit] = ZERO + last % 10
        last //= 10
    return at + 4 + n_digits


@kernel
def copy_bytes(source: NDArray[np.uint8], start: int, end: int, target: NDArray[np.uint8], at: int) -> int:
    """Copy; return the place after the copy.

    ``source`` and ``target`` are (byte,).
    """
    for index in range(start, end):
        target[at + index - start] = source[index]
    return at + end - start


@kernel
def copy_or_dot(source: NDArray[np.uint8], start: int, end: int, target: NDArray[np.uint8], at: int) -> int:
    """Copy, or write the dot that stands for nothing; return the place after it.

    ``source`` and ``target`` are (byte,).
    """
    if start < end:
        return copy_bytes(source, start, end, target, at)
    target[at] = DOT
    return at + 1
