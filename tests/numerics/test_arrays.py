"""Arrays that begin with a cache line, compiled and not."""

from __future__ import annotations

import numpy as np
import pytest

from genem.numerics.array_kernels import LINE, aligned
from genem.numerics.arrays import aligned_array


@pytest.mark.kernel
@pytest.mark.parametrize("make", [aligned_array, aligned])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 4, 4, 32), (0, 4)])
def test_arrays_begin_with_a_cache_line(make, shape: tuple[int, ...]) -> None:
    arrays = [make(shape) for _ in range(20)]
    for array in arrays:
        assert array.shape == shape
        assert array.dtype == np.float64
        assert array.flags.c_contiguous
        assert array.ctypes.data % LINE == 0 or array.size == 0
        array[...] = 1.0
    assert all(np.all(array == 1.0) for array in arrays)
