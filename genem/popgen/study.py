"""What every question about a block needs first: fields, samples in groups, ploidy rules, and pieces for threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import UsageError
from genem.popgen.count_kernels import Design
from genem.popgen.table import POOLED

Field = Literal["GT", "PL", "GL"]
HalfCalls = Literal["em", "missing"]

LN_PER_UNIT = {"PL": -0.1 * float(np.log(10.0)), "GL": float(np.log(10.0))}
"""Natural logarithm of the likelihood per unit of the field."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Sexes and groups of the samples, checked."""

    sex: NDArray[np.int8]
    group: NDArray[np.int64]
    group_names: tuple[str, ...]


def check_samples(
    n_samples: int, sex: ArrayLike | None, groups: ArrayLike | None, group_names: Sequence[str] | None
) -> Samples:
    """Sexes and groups as arrays; samples in no group get the number after the last."""
    sexes = np.zeros(n_samples, np.int8) if sex is None else np.ascontiguousarray(sex, np.int8)
    numbers = np.full(n_samples, -1, np.int64) if groups is None else np.array(groups, np.int64)
    for what, array in (("sex", sexes), ("groups", numbers)):
        if array.shape != (n_samples,):
            raise UsageError(f"{what} has shape {array.shape}, one value for each of {n_samples} samples expected")
    if groups is None:
        names: tuple[str, ...] = ()
    elif group_names is None:
        names = tuple(str(number) for number in range(int(numbers.max(initial=-1)) + 1))
    else:
        names = tuple(group_names)
    if sexes.size and not 0 <= sexes.min() <= sexes.max() <= 2:
        raise UsageError("sex must be 1 (male), 2 (female) or 0 (unknown)")
    if numbers.size and not -1 <= numbers.min() <= numbers.max() < max(1, len(names)):
        raise UsageError(f"group numbers from {numbers.min()} to {numbers.max()} do not fit {len(names)} group names")
    if POOLED in names:
        raise UsageError(f"a group cannot be named {POOLED}: that is the pooled row")
    numbers[numbers < 0] = len(names)
    return Samples(sexes, numbers, names)


def study_design(n_alleles: ArrayLike, regions: NDArray[np.int8], samples: Samples) -> Design:
    """What the kernels need to know of variants and samples."""
    numbers = np.ascontiguousarray(n_alleles, np.int64)
    return Design(numbers, regions, samples.sex, samples.group, len(samples.group_names))


def in_pieces(kernel: Callable[..., None], n_variants: int, threads: int, *arguments: object) -> None:
    """Run a kernel over all variants, in contiguous pieces on threads: kernels release the interpreter lock."""
    n_pieces = max(1, min(threads, n_variants))
    if n_pieces == 1:
        kernel(0, n_variants, *arguments)
        return
    edges = [n_variants * piece // n_pieces for piece in range(n_pieces + 1)]
    with ThreadPoolExecutor(n_pieces) as pool:
        list(pool.map(lambda piece: kernel(edges[piece], edges[piece + 1], *arguments), range(n_pieces)))
