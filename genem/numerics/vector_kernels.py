"""Natural logarithms of all lanes of a chunk at once, by operations that a compiler puts on vector units.

A number is taken apart into m 2^k with m between the roots of 1/2 and 2, through the bits of its floating-point form;
then

    ln(m 2^k) = k ln 2 + 2 atanh(s),   s = (m - 1) / (m + 1),   |s| < 0.172,

with the series of atanh up to s^21, whose next term is below a thousandth of the last bit.
"""

from __future__ import annotations

import math

import numpy as np

from genem.jit import kernel

LOG_2 = math.log(2.0)
BITS_OF_ROOT_HALF = 0x3FE6A09E667F3BCD
MANTISSA_BITS = 52
SMALLEST, GREATEST = 2.0**-1022, 2.0**1023


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
