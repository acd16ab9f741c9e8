"""Kernels for the FORMAT fields of BCF2 records: genotypes and their likelihoods.

Records must have passed ``site_kernels.parse_sites``; the lengths of their FORMAT fields are checked here.
VCF specification version 4.3, section 6.3.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.io.variants.bcf.site_kernels import DAMAGED, INDIVIDUAL_START, N_FORMAT, OK, RECORD_END
from genem.io.variants.bcf.value_kernels import (
    TYPE_FLOAT,
    TYPE_MISSING,
    byte,
    descriptor,
    integer_width,
    missing_integer,
    signed,
    typed_vector,
    unsigned32,
    value_width,
)
from genem.io.variants.genotype_count_kernels import count_fits, genotype_count
from genem.jit import kernel

# How a kernel ended, beside OK and DAMAGED; with the row, the sample and the value it stumbled on
BAD_FORMAT_KEY = 6
BAD_GENOTYPE_TYPE = 7
BAD_LIKELIHOOD_TYPE = 8
BAD_GENOTYPE = 9
ALLELE_BEYOND_ALT = 10
NEGATIVE_LIKELIHOOD = 11
BAD_LIKELIHOOD_COUNT = 12
NOT_FINITE = 13

# Columns of the located FORMAT fields; where the record does not have the field all are 0
GENOTYPE_START, GENOTYPE_WIDTH, GENOTYPE_COUNT, LIKELIHOOD_START, LIKELIHOOD_WIDTH, LIKELIHOOD_COUNT = range(6)
N_LOCATED = 6

# Bit patterns of 32-bit floats: two sentinels, what NaN and the infinities share, and values of their own
FLOAT_MISSING, FLOAT_END, FLOAT_SPECIAL = 0x7F800001, 0x7F800002, 0x7F800000
FLOAT_NAN, FLOAT_MINUS_INFINITY = 0x7FC00000, 0xFF800000
MISSING, ABSENT = -1, -2


@kernel
def locate_fields(
    data: NDArray[np.uint8],
    layout: NDArray[np.int64],
    n_samples: int,
    string_sizes: NDArray[np.int64],
    genotype_key: int,
    likelihood_key: int,
    likelihood_is_float: bool,
    located: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Find GT and the likelihood field of every record; return the end code, the row and the offending value.

    ``data`` is (byte,); ``layout`` (record, N_LAYOUT); ``string_sizes`` (name,); ``located`` (record, N_LOCATED).
    """
    for row in range(layout.shape[0]):
        located[row, :] = 0
        cursor, end = layout[row, INDIVIDUAL_START], layout[row, RECORD_END]
        for _ in range(layout[row, N_FORMAT]):
            # The key
            kind, count, start, cursor = typed_vector(data, cursor, end)
            if cursor < 0 or count != 1 or integer_width(kind) < 1:
                return DAMAGED, row, 0
            key = signed(data, start, integer_width(kind))
            if key < 0 or key >= string_sizes.size or string_sizes[key] == 0:
                return BAD_FORMAT_KEY, row, key
            # The size of the values, all of them within the record
            kind, count, start = descriptor(data, cursor, end)
            width = value_width(kind)
            if start < 0 or width < 0 or start + n_samples * count * width > end:
                return DAMAGED, row, 0
            cursor = start + n_samples * count * width
            if key == genotype_key:
                if integer_width(kind) < 0:
                    return BAD_GENOTYPE_TYPE, row, kind
                located[row, GENOTYPE_START] = start
                located[row, GENOTYPE_WIDTH] = width
                located[row, GENOTYPE_COUNT] = count if width > 0 else 0
            if key == likelihood_key:
                expected = kind == TYPE_FLOAT if likelihood_is_float else integer_width(kind) > 0
                if kind != TYPE_MISSING and not expected:
                    return BAD_LIKELIHOOD_TYPE, row, kind
                located[row, LIKELIHOOD_START] = start
                located[row, LIKELIHOOD_WIDTH] = width
                located[row, LIKELIHOOD_COUNT] = count if width > 0 else 0
        if cursor != end:
            return DAMAGED, row, 0
    return OK, 0, 0


@kernel
def decode_genotypes(
    data: NDArray[np.uint8],
    located: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    n_samples: int,
    selection: NDArray[np.int64],
    all_selected: bool,
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
) -> tuple[int, int, int, int, int]:
    """Decode GT; return the end code, row, sample (index in ``selection``), value, and the largest ploidy found.

    A code is 2 (allele + 1) + (separator before it is ``|``), allele -1 for a missing copy. A record without GT
    has one missing copy per sample.

    ``data`` is (byte,); ``located`` (record, N_LOCATED); ``n_alleles`` (record,); ``selection`` (sample,);
    ``alleles`` (record, sample, ploidy); ``phased`` (record, sample).
    """
    largest = 1
    for row in range(located.shape[0]):
        start, width, count = located[row, GENOTYPE_START], located[row, GENOTYPE_WIDTH], located[row, GENOTYPE_COUNT]
        # Diploid calls in a byte a copy, none missing in part
        if width == 1 and count == 2 and alleles.shape[2] == 2 and selection.size > 0:
            codes = data[start : start + 2 * n_samples]
            if largest_code(codes) < min(128, 2 * n_alleles[row] + 2):
                if all_selected:
                    decode_diploid(codes, alleles[row], phased[row])
                else:
                    decode_selected_diploid(codes, selection, alleles[row], phased[row])
                largest = max(largest, 2)
                continue
        # Any other width, ploidy or selection, with sentinels
        missing = missing_integer(width)
        for sample in range(selection.size):
            at = start + selection[sample] * count * width
            copies = 0
            all_phased = True
            for _ in range(count):
                code = signed(data, at + copies * width, width)
                if code == missing + 1:
                    break
                allele = MISSING if code == missing else (code >> 1) - 1
                if allele < MISSING:
                    return BAD_GENOTYPE, row, sample, code, largest
                if allele >= n_alleles[row]:
                    return ALLELE_BEYOND_ALT, row, sample, allele, largest
                all_phased = all_phased and (copies == 0 or code & 1 == 1)
                alleles[row, sample, copies] = allele
                copies += 1
            # Nothing but the end of the vector after it
            for copy in range(copies, count):
                if signed(data, at + copy * width, width) != missing + 1:
                    return DAMAGED, row, sample, 0, largest
            phased[row, sample] = all_phased and copies > 1
            if copies == 0:
                alleles[row, sample, 0] = MISSING
                copies = 1
            alleles[row, sample, copies:] = ABSENT
            largest = max(largest, copies)
    return OK, 0, 0, 0, largest


@kernel
def largest_code(codes: NDArray[np.uint8]) -> int:
    """The largest code.

    ``codes`` is (copy of a sample of the file,).
    """
    largest = np.uint8(0)
    for code in codes:
        largest = max(largest, code)
    return int(np.int64(largest))


@kernel
def decode_diploid(codes: NDArray[np.uint8], alleles: NDArray[np.int8], phased: NDArray[np.bool_]) -> None:
    """Both copies of every sample, when all codes are below 128: no sentinel among them.

    ``codes`` is (copy of a sample of the file,); ``alleles`` (sample, 2); ``phased`` (sample,).
    """
    for sample in range(phased.size):
        first, second = byte(codes, 2 * sample), byte(codes, 2 * sample + 1)
        alleles[sample, 0] = (first >> 1) - 1
        alleles[sample, 1] = (second >> 1) - 1
        phased[sample] = second & 1 == 1


@kernel
def decode_selected_diploid(
    codes: NDArray[np.uint8],
    selection: NDArray[np.int64],
    alleles: NDArray[np.int8],
    phased: NDArray[np.bool_],
) -> None:
    """Like ``decode_diploid``, for some of the samples.

    ``codes`` is (copy of a sample of the file,); ``selection`` and ``phased`` (sample,); ``alleles`` (sample, 2).
    """
    for sample in range(selection.size):
        first, second = byte(codes, 2 * selection[sample]), byte(codes, 2 * selection[sample] + 1)
        alleles[sample, 0] = (first >> 1) - 1
        alleles[sample, 1] = (second >> 1) - 1
        phased[sample] = second & 1 == 1


@kernel
def decode_phred(
    data: NDArray[np.uint8],
    located: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    n_samples: int,
    selection: NDArray[np.int64],
    likelihoods: NDArray[np.int32],
    n_likelihoods: NDArray[np.int32],
) -> tuple[int, int, int, int]:
    """Decode integer likelihoods (row, sample, genotype), -1 where there is none; return code, row, sample, value.

    ``data`` is (byte,); ``located`` (record, N_LOCATED); ``n_alleles`` (record,); ``selection`` (sample,);
    ``likelihoods`` (record, sample, genotype); ``n_likelihoods`` (record, sample).
    """
    for row in range(located.shape[0]):
        width, count = located[row, LIKELIHOOD_WIDTH], located[row, LIKELIHOOD_COUNT]
        end_of_vector = missing_integer(width) + 1
        usual_count = diploid_count(data, located[row], n_samples, n_alleles[row])
        for sample in range(selection.size):
            at = located[row, LIKELIHOOD_START] + selection[sample] * count * width
            n_values = 0
            lowest = 0
            for genotype in range(count):
                value = signed(data, at + genotype * width, width)
                is_value = value > end_of_vector
                n_values += value != end_of_vector
                likelihoods[row, sample, genotype] = value if is_value else MISSING
                lowest = min(lowest, value if is_value else 0)
            if lowest < 0:
                return NEGATIVE_LIKELIHOOD, row, sample, lowest
            for genotype in range(n_values, count):
                if signed(data, at + genotype * width, width) != end_of_vector:
                    return DAMAGED, row, sample, 0
            if n_values == 1 and likelihoods[row, sample, 0] == MISSING:
                n_values = 0
            n_likelihoods[row, sample] = n_values
            if n_values not in (0, usual_count):
                ploidy = called_ploidy(data, located[row], selection[sample])
                if not count_fits(n_values, n_alleles[row], ploidy):
                    return BAD_LIKELIHOOD_COUNT, row, sample, n_values
        likelihoods[row, :, count:] = MISSING
    return OK, 0, 0, 0


@kernel
def decode_float(
    data: NDArray[np.uint8],
    located: NDArray[np.int64],
    n_alleles: NDArray[np.int32],
    n_samples: int,
    selection: NDArray[np.int64],
    likelihood_bits: NDArray[np.uint32],
    n_likelihoods: NDArray[np.int32],
) -> tuple[int, int, int, int]:
    """Like ``decode_phred`` for floats, as bit patterns; that of NaN where there is none.

    ``data`` is (byte,); ``located`` (record, N_LOCATED); ``n_alleles`` (record,); ``selection`` (sample,);
    ``likelihood_bits`` (record, sample, genotype); ``n_likelihoods`` (record, sample).
    """
    for row in range(located.shape[0]):
        count = located[row, LIKELIHOOD_COUNT]
        usual_count = diploid_count(data, located[row], n_samples, n_alleles[row])
        for sample in range(selection.size):
            at = located[row, LIKELIHOOD_START] + selection[sample] * count * 4
            n_values = 0
            is_finite = True
            for genotype in range(count):
                bits = unsigned32(data, at + genotype * 4)
                is_value = bits not in (FLOAT_MISSING, FLOAT_END)
                n_values += bits != FLOAT_END
                likelihood_bits[row, sample, genotype] = bits if is_value else FLOAT_NAN
                is_special = bits & FLOAT_SPECIAL == FLOAT_SPECIAL and bits != FLOAT_MINUS_INFINITY
                is_finite = is_finite and not (is_value and is_special)
            if not is_finite:
                return NOT_FINITE, row, sample, 0
            for genotype in range(n_values, count):
                if unsigned32(data, at + genotype * 4) != FLOAT_END:
                    return DAMAGED, row, sample, 0
            if n_values == 1 and likelihood_bits[row, sample, 0] == FLOAT_NAN:
                n_values = 0
            n_likelihoods[row, sample] = n_values
            if n_values not in (0, usual_count):
                ploidy = called_ploidy(data, located[row], selection[sample])
                if not count_fits(n_values, n_alleles[row], ploidy):
                    return BAD_LIKELIHOOD_COUNT, row, sample, n_values
        likelihood_bits[row, :, count:] = FLOAT_NAN
    return OK, 0, 0, 0


@kernel
def diploid_count(data: NDArray[np.uint8], located: NDArray[np.int64], n_samples: int, n_alleles: int) -> int:
    """The number of diploid genotypes where it is right for every sample: no GT, or all are diploid; else -1.

    ``data`` is (byte,); ``located`` (N_LOCATED,).
    """
    start, width, count = located[GENOTYPE_START], located[GENOTYPE_WIDTH], located[GENOTYPE_COUNT]
    if count > 0 and (count != 2 or width != 1 or largest_code(data[start : start + 2 * n_samples]) >= 128):
        return -1
    return genotype_count(n_alleles, 2, 0)


@kernel
def called_ploidy(data: NDArray[np.uint8], located: NDArray[np.int64], sample: int) -> int:
    """The number of copies that the GT of a sample has; 0 where it does not tell: no GT, or a single missing copy.

    ``data`` is (byte,); ``located`` (N_LOCATED,).
    """
    width, count = located[GENOTYPE_WIDTH], located[GENOTYPE_COUNT]
    at = located[GENOTYPE_START] + sample * count * width
    end_of_vector = missing_integer(width) + 1
    copies = 0
    while copies < count and signed(data, at + copies * width, width) != end_of_vector:
        copies += 1
    return 0 if copies == 1 and signed(data, at, width) <= 1 else copies
