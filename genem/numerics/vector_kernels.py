"""Natural logarithms of all lanes of a chunk at once, by operations that a compiler puts on vector units.

A number is taken apart into m 2^k with m between the roots of 1/2 and 2, through the bits of its floating-point form;
then

    ln(m 2^k) = k ln 2 + 2 atanh(s),   s = (m - 1) / (m + 1),   |s| < 0.172,

with the series of atanh up to s^21, whose next term is below a thousandth of the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel, summing_kernel

LOG_2 = math.log(2.0)
BITS_OF_ROOT_HALF = 0x3FE6A09E667F3BCD
MANTISSA_BITS = 52
SMALLEST, GREATEST = 2.0**-1022, 2.0**1023
LOG2_E = 1.4426950408889634
LN2_HIGH = 6.93145751953125e-1
LN2_LOW = 1.42860682030941723212e-6
ROUND = 6755399441055744.0
"""1.5 x 2^52: adding it leaves the nearest integer in the low bits."""
EXPONENT_BIAS = 1023 << 52
BITS_OF_MANTISSA = np.uint64((1 << 52) - 1)
EXPONENT_OF_ONE = np.uint64(1023 << 52)
MANTISSA_LENGTH = np.uint64(52)
AT_ONCE = 512
"""So many mantissas from 1 to 2 are multiplied without overflow."""


@kernel
def log_lanes(value: np.ndarray, target: np.ndarray) -> None:
    """target = ln(value), within two units of the last place; -inf for 0. Both are float64 (lane,) and contiguous."""
    n_lanes = len(value)
    bits, mantissa = value.view(np.int64), target.view(np.int64)
    n_odd = 0
    for l in range(n_lanes):
        n_odd += not SMALLEST <= value[l] <= GREATEST
        exponent = (bits[l] - BITS_OF_ROOT_HALF) >> MANTISSA_BITS
        mantissa[l] = bits[l] - (exponent << MANTISSA_BITS)
    for l in range(n_lanes):
        exponent = (bits[l] - BITS_OF_ROOT_HALF) >> MANTISSA_BITS
        s = (target[l] - 1.0) / (target[l] + 1.0)
        z = s * s
        low = 1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0))))
        high = 1.0 / 13.0 + z * (1.0 / 15.0 + z * (1.0 / 17.0 + z * (1.0 / 19.0 + z * (1.0 / 21.0))))
        target[l] = exponent * LOG_2 + 2.0 * (s + s * z * (low + z * z * z * z * z * high))
    if n_odd > 0:
        for l in range(n_lanes):
            if not SMALLEST <= value[l] <= GREATEST:
                target[l] = math.log(value[l]) if value[l] > 0.0 else (-math.inf if value[l] == 0.0 else math.nan)


@kernel
def exponentials(values: np.ndarray, powers: np.ndarray) -> None:
    """Replace values from -700 to 700 by their exponentials, to a relative 1e-15; ``powers`` is scratch space.

    x = k log 2 + r with |r| <= log(2) / 2, exp(x) = 2^k exp(r); a Taylor polynomial of degree 13 gives exp(r), and k
    moves from the low bits of x / log(2) + 1.5 x 2^52 to the exponent of a double.
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
        bits[i] = (bits[i] << 52) + EXPONENT_BIAS
    for i in range(len(values)):
        values[i] *= powers[i]


@summing_kernel
def sum_of_logarithms(values: np.ndarray, mantissas: np.ndarray) -> float:
    """Sum of log(x) of normal positive doubles: exponents are added, mantissas multiplied; ``mantissas`` is scratch."""
    mantissas[:] = values
    bits = mantissas.view(np.uint64)
    exponents = np.uint64(0)
    for i in range(len(values)):
        exponents += bits[i] >> MANTISSA_LENGTH
    for i in range(len(values)):
        bits[i] = (bits[i] & BITS_OF_MANTISSA) | EXPONENT_OF_ONE
    total = (float(exponents) - 1023.0 * len(values)) * math.log(2.0)
    for start in range(0, len(values), AT_ONCE):
        product = 1.0
        for i in range(start, min(start + AT_ONCE, len(values))):
            product *= mantissas[i]
        total += math.log(product)
    return total
