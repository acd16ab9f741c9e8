"""Numbers to decimal text, and columns of text to rows.

A double is printed exactly as C's ``%.10g`` would: the decimal correctly rounded to ten significant digits, ties to
even, judged on the exact binary value. With |x| in [10^e, 10^(e+1)) the digits are N = round(|x| 10^k), k = 9 - e.
Write the scaled value as h + l, h a double in [10^9, 10^10] and |l| at most half a unit in the last place of h.
Then d = h - floor(h) - 1/2 is exact and a multiple of that unit, so the sign of d, or where d = 0 the sign of l,
decides the rounding:

* 0 <= k <= 22: 10^k is a double, h + l = x 10^k exactly (Dekker's product, doi:10.1007/BF01397083);
* -22 <= k < 0: h = x / 10^-k rounded, and the sign of l is that of the exact remainder x - h 10^-k;
* elsewhere 10^k is the sum of two doubles with relative error below 2^-105, so l is known to within 2^-69; where
  d = 0 and |l| < ``AMBIGUOUS`` the value is left to the caller, as are exponents near the ends of the range.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel

DIGITS = 10
FLOAT_WIDTH = 18  # "-1.234567891e-100" and one to spare
INTEGER_WIDTH = 20  # "-9223372036854775807"
MISSING_INTEGER = -(2**63)
POWER_OFFSET = 300  # powers[k + POWER_OFFSET] is 10^k
LARGEST_EXACT_POWER = 22
SMALLEST, LARGEST = 1e-280, 1e280  # beyond, the products could overflow or lose bits
AMBIGUOUS = 1e-18
SPLITTER = 134217729.0  # 2^27 + 1

ZERO, MINUS, POINT, EXPONENT, COMMA, TAB, NEWLINE, PLUS = 48, 45, 46, 101, 44, 9, 10, 43
LETTER_N, LETTER_A = 78, 65


@kernel
def product_error(a: float, b: float, product: float) -> float:
    """a b - product without rounding, where product is a b rounded."""
    scaled = SPLITTER * a
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = SPLITTER * b
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


@kernel
def ten_digits(x: float, powers: NDArray[np.float64]) -> tuple[int, int]:
    """The ten digits of x in [SMALLEST, LARGEST] as an integer, and its decimal exponent; (-1, 0) if ambiguous.

    ``powers`` is (exponent, 2).
    """
    binary_exponent = math.frexp(x)[1] - 1
    exponent = (binary_exponent * 78913) >> 18  # floor(binary_exponent log10(2)), or one less than wanted
    if x >= powers[exponent + 1 + POWER_OFFSET, 0]:
        exponent += 1
    k = DIGITS - 1 - exponent
    exact = k <= LARGEST_EXACT_POWER and k >= -LARGEST_EXACT_POWER
    if exact and k < 0:
        power = powers[POWER_OFFSET - k, 0]
        high = x / power
        product = high * power
        low = (x - product) - product_error(high, power, product)
    else:
        power = powers[k + POWER_OFFSET, 0]
        product = x * power
        error = product_error(x, power, product) + x * powers[k + POWER_OFFSET, 1]
        high = product + error
        low = error - (high - product)
    rounded = int(high)
    beyond_half = high - rounded - 0.5
    if beyond_half == 0.0:
        if not exact and abs(low) < AMBIGUOUS:
            return -1, 0
        if low > 0.0 or (low == 0.0 and rounded % 2 == 1):
            rounded += 1
    elif beyond_half > 0.0:
        rounded += 1
    if rounded >= 10**DIGITS:
        return rounded // 10, exponent + 1
    return rounded, exponent


@kernel
def write_digits(value: int, n_digits: int, text: NDArray[np.uint8], at: int) -> None:
    """Write the last ``n_digits`` decimal digits of a value that is not negative.

    ``text`` is (byte,).
    """
    for place in range(at + n_digits - 1, at - 1, -1):
        rest = value // 10
        text[place] = ZERO + (value - 10 * rest)
        value = rest


@kernel
def write_decimal(digits: int, exponent: int, text: NDArray[np.uint8], at: int) -> int:
    """Write ten digits as ``%g`` lays them out, trailing zeros dropped; return where the text ends.

    ``text`` is (byte,).
    """
    n_digits = DIGITS
    while n_digits > 1 and digits % 10 == 0:
        digits //= 10
        n_digits -= 1
    if exponent < -4 or exponent >= DIGITS:
        write_digits(digits, n_digits, text, at + 1)
        text[at] = text[at + 1]
        text[at + 1] = POINT
        end = at + 1 if n_digits == 1 else at + n_digits + 1
        text[end] = EXPONENT
        text[end + 1] = MINUS if exponent < 0 else PLUS
        size = abs(exponent)
        width = 3 if size >= 100 else 2
        write_digits(size, width, text, end + 2)
        return end + 2 + width
    if exponent < 0:
        text[at] = ZERO
        text[at + 1] = POINT
        for place in range(at + 2, at + 1 - exponent):
            text[place] = ZERO
        write_digits(digits, n_digits, text, at + 1 - exponent)
        return at + 1 - exponent + n_digits
    if exponent >= n_digits - 1:
        write_digits(digits, n_digits, text, at)
        for place in range(at + n_digits, at + exponent + 1):
            text[place] = ZERO
        return at + exponent + 1
    write_digits(digits, n_digits, text, at + 1)
    for place in range(at, at + exponent + 1):
        text[place] = text[place + 1]
    text[at + exponent + 1] = POINT
    return at + n_digits + 1


@kernel
def format_floats(
    values: NDArray[np.float64], powers: NDArray[np.float64], text: NDArray[np.uint8], lengths: NDArray[np.int64]
) -> int:
    """Write each value into its own ``FLOAT_WIDTH`` bytes of ``text``; NaN is NA, both zeros are 0.

    A value left to the caller (ambiguous, infinite or near the ends of the range) has length 0; the number of such
    values is returned.

    ``values`` and ``lengths`` are (value,); ``powers`` (exponent, 2); ``text`` (byte,).
    """
    n_left = 0
    for i in range(values.shape[0]):
        x = values[i]
        start = at = i * FLOAT_WIDTH
        size = abs(x)
        if x != x:
            text[at] = LETTER_N
            text[at + 1] = LETTER_A
            at += 2
        elif size == 0.0:
            text[at] = ZERO
            at += 1
        elif size >= SMALLEST and size <= LARGEST:
            digits, exponent = ten_digits(size, powers)
            if digits >= 0:
                if x < 0.0:
                    text[at] = MINUS
                    at += 1
                at = write_decimal(digits, exponent, text, at)
        lengths[i] = at - start
        n_left += at == start
    return n_left


@kernel
def format_integers(values: NDArray[np.int64], text: NDArray[np.uint8], lengths: NDArray[np.int64]) -> None:
    """Write each value into its own ``INTEGER_WIDTH`` bytes of ``text``; ``MISSING_INTEGER`` is NA.

    ``values`` and ``lengths`` are (value,); ``text`` (byte,).
    """
    for i in range(values.shape[0]):
        value = values[i]
        start = at = i * INTEGER_WIDTH
        if value == MISSING_INTEGER:
            text[at] = LETTER_N
            text[at + 1] = LETTER_A
            lengths[i] = 2
            continue
        if value < 0:
            text[at] = MINUS
            at += 1
            value = -value
        n_digits = 1
        rest = value // 10
        while rest > 0:
            rest //= 10
            n_digits += 1
        write_digits(value, n_digits, text, at)
        lengths[i] = at + n_digits - start


@kernel
def join_lists(
    text: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    offsets: NDArray[np.int64],
    joined: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> None:
    """Join the formatted values ``offsets[row]`` to ``offsets[row + 1]`` by commas; no value gives NA.

    ``text`` and ``joined`` are (byte,); ``lengths`` (value,); ``offsets`` (row + 1,); ``ends`` (row,).
    """
    at = 0
    for row in range(offsets.shape[0] - 1):
        if offsets[row] == offsets[row + 1]:
            joined[at] = LETTER_N
            joined[at + 1] = LETTER_A
            at += 2
        for i in range(offsets[row], offsets[row + 1]):
            if i > offsets[row]:
                joined[at] = COMMA
                at += 1
            for source in range(i * FLOAT_WIDTH, i * FLOAT_WIDTH + lengths[i]):
                joined[at] = text[source]
                at += 1
        ends[row] = at


@kernel
def join_rows(
    text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.uint8]
) -> int:
    """Lay the cells (column, row) of ``text`` out as lines with tabs; return how many bytes were written.

    ``text`` and ``rows`` are (byte,); ``starts`` and ``ends`` (column, row).
    """
    n_columns, n_rows = starts.shape
    at = 0
    for row in range(n_rows):
        for column in range(n_columns):
            for source in range(starts[column, row], ends[column, row]):
                rows[at] = text[source]
                at += 1
            rows[at] = TAB
            at += 1
        rows[at - 1] = NEWLINE
    return at
