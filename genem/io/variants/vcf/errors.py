"""Messages for malformed VCF records: what a kernel reported, in the user's words."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError
from genem.io.variants.messages import COUNT_REMEDY, RECORD_REMEDY, VALUE_REMEDY, allele_beyond_alt, negative_value
from genem.io.variants.vcf import kernels as codes

__all__ = ["malformed_record", "shown"]

COLUMN_NAMES = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
SHOWN_BYTES = 40


def malformed_record(
    error: NDArray[np.int64],
    text: NDArray[np.uint8],
    *,
    path: str,
    place: str,
    samples: tuple[str, ...],
    n_alleles: int,
    field: str,
) -> InputError:
    """The error for a kernel's report; ``field`` is the FORMAT field it was reading."""
    sample = int(error[codes.ERROR_SAMPLE])
    if sample >= 0:
        place = f"{place}, sample {samples[sample]}"
    value = text[error[codes.ERROR_START] : error[codes.ERROR_END]].tobytes()
    found, remedy = _finding(error, value, samples, n_alleles, field)
    return InputError(found, path=path, place=place, remedy=remedy)


def shown(value: bytes) -> str:
    """A value as it is shown in a message: quoted, cut where it is long."""
    text = value[:SHOWN_BYTES].decode(errors="replace")
    return repr(text + "..." if len(value) > SHOWN_BYTES else text)


def _finding(
    error: NDArray[np.int64], value: bytes, samples: tuple[str, ...], n_alleles: int, field: str
) -> tuple[str, str]:
    count, ploidy = int(error[codes.ERROR_COUNT]), int(error[codes.ERROR_PLOIDY])
    n_columns = len(COLUMN_NAMES) + len(samples)
    match int(error[codes.ERROR_CODE]):
        case codes.HEADER_LINE:
            return f"the header line {shown(value)} among the records", "join files with bcftools concat"
        case codes.TOO_FEW_COLUMNS if samples:
            return f"{count} columns, {n_columns} expected", RECORD_REMEDY
        case codes.TOO_FEW_COLUMNS:
            return f"{count} columns, {ploidy} expected", RECORD_REMEDY
        case codes.TOO_MANY_COLUMNS:
            return f"more columns than the {count} of the #CHROM line", RECORD_REMEDY
        case codes.TOO_FEW_SAMPLES | codes.TOO_MANY_SAMPLES:
            return f"{len(COLUMN_NAMES) + count} columns, {n_columns} expected", RECORD_REMEDY
        case codes.EMPTY_COLUMN:
            return f"the column {COLUMN_NAMES[count]} is empty", "write . for a missing value"
        case codes.BAD_POSITION:
            return f"POS is {shown(value)}, a whole number expected", RECORD_REMEDY
        case codes.EMPTY_ALLELE:
            return f"ALT is {shown(value)}, with an empty allele", RECORD_REMEDY
        case codes.BAD_CALL:
            return f"FORMAT/GT is {shown(value)}, allele numbers separated by / or | expected", RECORD_REMEDY
        case codes.ALLELE_BEYOND_ALT:
            return allele_beyond_alt(f"is {shown(value)}", n_alleles)
        case codes.BAD_PHRED:
            return f"FORMAT/{field} has the value {shown(value)}, a whole number or . expected", VALUE_REMEDY
        case codes.NEGATIVE_PHRED:
            return negative_value(field, shown(value))
        case codes.HUGE_PHRED:
            return f"FORMAT/{field} has the value {shown(value)}, larger than {2**31 - 1}", VALUE_REMEDY
        case _:
            expected = _expected_counts(n_alleles, ploidy)
            return f"FORMAT/{field} has {count} value{'s' * (count != 1)}, {expected} expected", COUNT_REMEDY


def _expected_counts(n_alleles: int, ploidy: int) -> str:
    """The number of possible genotypes: of the sample's ploidy, or haploid and diploid where GT does not tell it."""
    counts = [comb(n_alleles + copies - 1, copies) for copies in ([ploidy] if ploidy else [1, 2])]
    return " or ".join(str(count) for count in dict.fromkeys(counts))
