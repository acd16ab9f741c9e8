"""Exponentials and logarithms of many numbers at once, in loops that compilers turn into vector instructions."""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, summing_kernel

LN_2 = math.log(2.0)
LOG2_E = 1.4426950408889634
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
ROUND = 6755399441055744.0
"""1.5 x 2^52: adding it leaves the nearest integer in the low bits."""
MANTISSA_LENGTH = 52
EXPONENT_BIAS = 1023 << MANTISSA_LENGTH
MANTISSA_BITS = np.uint64((1 << MANTISSA_LENGTH) - 1)
EXPONENT_OF_ONE = np.uint64(EXPONENT_BIAS)
BITS_OF_ROOT_HALF = 0x3FE6A09E667F3BCD
SMALLEST, GREATEST = 2.0**-1022, 2.0**1023
"""Between them a double is normal, and the shift of its exponent is exact."""
AT_ONCE = 512
"""So many mantissas from 1 to 2 are multiplied without overflow."""


@kernel
def exponentials(values: np.ndarray, powers: np.ndarray) -> None:
    """Replace ``values`` (element,) from -700 to 700 by their exponentials, to a relative 1e-15.

    ``powers`` (element,) is scratch space. The number is taken apart into k and r,

        x = k ln 2 + r,   |r| <= (ln 2) / 2,   exp(x) = 2^k exp(r);

    a Taylor polynomial of degree 13 gives exp(r), and k moves from the low bits of x / ln 2 + 1.5 x 2^52 to the
    exponent of a double.
    """
    bits = powers.view(np.int64)
    for i in range(len(values)):
        powers[i] = values[i] * LOG2_E + ROUND
    for i in range(len(values)):
        k = powers[i] - ROUND
        r = (values[i] - k * LN2_HIGH) - k * LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        values[i] = p * r + 1.0
    for i in range(len(values)):
        bits[i] = (bits[i] << MANTISSA_LENGTH) + EXPONENT_BIAS
    for i in range(len(values)):
        values[i] *= powers[i]


@kernel
def logarithms(values: np.ndarray, target: np.ndarray) -> None:
    """Fill ``target`` (element,) with the logarithms of ``values`` (element,), within two units of the last place.

    The logarithm of 0 is -inf. Both arrays are contiguous float64. A number is taken apart into m 2^k with m between
    the roots of 1/2 and 2, through the bits of its floating-point form; then

        ln(m 2^k) = k ln 2 + 2 atanh(s),   s = (m - 1) / (m + 1),   |s| < 0.172,

    with the series of atanh up to s^21, whose next term is below a thousandth of the last bit.
    """
    bits, mantissa = values.view(np.int64), target.view(np.int64)
    n_odd = 0
    for i in range(len(values)):
        n_odd += not SMALLEST <= values[i] <= GREATEST
        exponent = (bits[i] - BITS_OF_ROOT_HALF) >> MANTISSA_LENGTH
        mantissa[i] = bits[i] - (exponent << MANTISSA_LENGTH)
    for i in range(len(values)):
        exponent = (bits[i] - BITS_OF_ROOT_HALF) >> MANTISSA_LENGTH
        s = (target[i] - 1.0) / (target[i] + 1.0)
        z = s * s
        low = 1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0))))
        high = 1.0 / 13.0 + z * (1.0 / 15.0 + z * (1.0 / 17.0 + z * (1.0 / 19.0 + z * (1.0 / 21.0))))
        target[i] = exponent * LN_2 + 2.0 * (s + s * z * (low + z * z * z * z * z * high))
    if n_odd > 0:
        for i in range(len(values)):
            if not SMALLEST <= values[i] <= GREATEST:
                target[i] = math.log(values[i]) if values[i] > 0.0 else (-math.inf if values[i] == 0.0 else math.nan)


@summing_kernel
def sum_of_logarithms(values: np.ndarray, mantissas: np.ndarray) -> float:
    """Sum of the logarithms of ``values`` (element,), normal positive doubles; ``mantissas`` (element,) is scratch.

    Exponents are added and mantissas multiplied, so that a logarithm is taken once in 512 values.
    """
    mantissas[:] = values
    bits = mantissas.view(np.uint64)
    exponents = np.uint64(0)
    for i in range(len(values)):
        exponents += bits[i] >> np.uint64(MANTISSA_LENGTH)
    for i in range(len(values)):
        bits[i] = (bits[i] & MANTISSA_BITS) | EXPONENT_OF_ONE
    total = (float(exponents) - 1023.0 * len(values)) * LN_2
    for start in range(0, len(values), AT_ONCE):
        product = 1.0
        for i in range(start, min(start + AT_ONCE, len(values))):
            product *= mantissas[i]
        total += math.log(product)
    return total
