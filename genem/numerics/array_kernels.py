"""Arrays that begin where a cache line begins."""

from __future__ import annotations

import numpy as np

from genem.jit import kernel

LINE = 64
"""Bytes of a cache line, and of the widest vector register: a load from anywhere else touches two lines."""


@kernel
def aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Room for float64 of a shape, from the start of a cache line."""
    n_values = 1
    for extent in shape:
        n_values *= extent
    room = np.empty(n_values + LINE // 8)
    first = -(room.ctypes.data // 8) % (LINE // 8)
    values: np.ndarray = room[first : first + n_values].reshape(shape)
    return values
