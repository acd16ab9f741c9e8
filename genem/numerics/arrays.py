"""Large arrays that begin where a cache line begins."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from genem.numerics.array_kernels import aligned

__all__ = ["aligned_array"]

aligned_array: Callable[[tuple[int, ...]], NDArray[np.float64]] = getattr(aligned, "py_func", aligned)
"""As :func:`aligned`, not compiled: NumPy asks for huge pages where an array is large, and kernels do not."""
