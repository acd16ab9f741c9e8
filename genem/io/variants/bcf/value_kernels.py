"""Kernels that read the typed values of BCF2, never past the end they are given.

A typed value starts with a descriptor byte: the type in its low half, the number of values in its high half (15:
a typed integer with the number follows). VCF specification version 4.3, section 6.3.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genem.jit import kernel

TYPE_MISSING, TYPE_INT8, TYPE_INT16, TYPE_INT32, TYPE_FLOAT, TYPE_CHAR = 0, 1, 2, 3, 5, 7
FIRST_PRINTABLE = 33


@kernel
def typed_vector(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int, int]:
    """Type, number of values, first byte of the values and first byte after them; -1 for that if not within end.

    ``data`` is (byte,).
    """
    kind, count, start = descriptor(data, at, end)
    width = value_width(kind)
    if start < 0 or width < 0 or start + count * width > end:
        return kind, 0, 0, -1
    return kind, count if width > 0 else 0, start, start + count * width


@kernel
def typed_text(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int]:
    """First byte, length without padding, and first byte after a string; -1 for that where it is not printable.

    ``data`` is (byte,).
    """
    kind, count, start, after = typed_vector(data, at, end)
    if kind not in (TYPE_MISSING, TYPE_CHAR):
        return 0, 0, -1
    for size in range(count):
        if data[start + size] == 0:
            return start, size, after
        if data[start + size] < FIRST_PRINTABLE:
            return 0, 0, -1
    return start, count, after


@kernel
def descriptor(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int]:
    """Type, number of values and first byte of the values; -1 for that where the descriptor makes no sense.

    ``data`` is (byte,).
    """
    if at < 0 or at >= end:
        return 0, 0, -1
    head = byte(data, at)
    kind, count = head & 15, head >> 4
    if count < 15:
        return kind, count, at + 1
    if at + 1 >= end or byte(data, at + 1) >> 4 != 1:
        return 0, 0, -1
    width = integer_width(byte(data, at + 1) & 15)
    if width < 1 or at + 2 + width > end:
        return 0, 0, -1
    count = signed(data, at + 2, width)
    if count < 0:
        return 0, 0, -1
    return kind, count, at + 2 + width


@kernel
def value_width(kind: int) -> int:
    """Bytes per value of a type, -1 for a type that does not exist."""
    if kind in (TYPE_INT8, TYPE_CHAR):
        return 1
    if kind == TYPE_INT16:
        return 2
    if kind in (TYPE_INT32, TYPE_FLOAT):
        return 4
    return 0 if kind == TYPE_MISSING else -1


@kernel
def integer_width(kind: int) -> int:
    """Bytes per value of an integer type (0 for no values), -1 for another type."""
    return value_width(kind) if kind <= TYPE_INT32 else -1


@kernel
def signed(data: NDArray[np.uint8], at: int, width: int) -> int:
    """The little-endian signed integer of 1, 2 or 4 bytes.

    ``data`` is (byte,).
    """
    if width == 1:
        value = byte(data, at)
        return value - 256 if value >= 128 else value
    if width == 2:
        value = byte(data, at) | byte(data, at + 1) << 8
        return value - 65536 if value >= 32768 else value
    value = unsigned32(data, at)
    return value - 4294967296 if value >= 2147483648 else value


@kernel
def byte(data: NDArray[np.uint8], at: int) -> int:
    """One byte as a signed number: arithmetic of unsigned with signed numbers would be done in floats.

    ``data`` is (byte,).
    """
    return int(np.int64(data[at]))


@kernel
def unsigned32(data: NDArray[np.uint8], at: int) -> int:
    """The little-endian unsigned integer of 4 bytes.

    ``data`` is (byte,).
    """
    low = byte(data, at) | byte(data, at + 1) << 8
    return low | byte(data, at + 2) << 16 | byte(data, at + 3) << 24


@kernel
def missing_integer(width: int) -> int:
    """The sentinel for a missing value, the lowest of its width; one more ends a vector that is too short."""
    return -(1 << (8 * width - 1)) if width > 0 else 0
