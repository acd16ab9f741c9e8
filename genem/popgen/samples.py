"""Checks that every question about a block begins with: fields, samples in groups and ploidy rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.data import ABSENT_ALLELE, FIELDS
from genem.errors import UsageError
from genem.popgen.samples_kernels import Design

Calls = NDArray[np.int8] | NDArray[np.int16]
Cells = NDArray[np.int32] | NDArray[np.float32] | NDArray[np.float64]
HalfCalls = Literal["em", "missing"]

POOLED = "ALL"
"""Name of the row, or of the curve, of all samples together; no group may have it."""
LN_PER_UNIT = {name: 1.0 / field.per_log10 * float(np.log(10.0)) for name, field in FIELDS.items() if field.per_log10}
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
    """Describe variants and samples for the kernels, after checks."""
    numbers = np.asarray(n_alleles)
    if numbers.shape != regions.shape:
        raise UsageError(f"n_alleles has shape {numbers.shape}, one value for each of {len(regions)} variants expected")
    _require_integers("n_alleles", numbers, 1, np.iinfo(np.int16).max)
    return Design(
        np.ascontiguousarray(numbers, np.int64), regions, samples.sex, samples.group, len(samples.group_names)
    )


def check_calls(alleles: ArrayLike, n_variants: int, n_samples: int) -> Calls:
    """Called genotypes as the kernels read them; the codes themselves are checked where they are counted."""
    calls = np.asarray(alleles)
    if calls.ndim != 3 or calls.shape[:2] != (n_variants, n_samples):
        raise UsageError(f"alleles has shape {calls.shape}, ({n_variants}, {n_samples}, ploidy) expected")
    if calls.dtype not in (np.int8, np.int16):
        _require_integers("alleles", calls, ABSENT_ALLELE, np.iinfo(np.int16).max)
        calls = calls.astype(np.int16)
    return np.ascontiguousarray(calls)


def check_likelihoods(
    likelihoods: ArrayLike, n_likelihoods: ArrayLike, field: str, n_variants: int, n_samples: int
) -> tuple[Cells, NDArray[np.int64]]:
    """Likelihoods and their numbers as the kernels read them."""
    if field not in LN_PER_UNIT:
        raise UsageError(f"field is {field!r}, {' or '.join(LN_PER_UNIT)} expected")
    cells, numbers = np.asarray(likelihoods), np.asarray(n_likelihoods)
    if cells.ndim != 3 or cells.shape[:2] != (n_variants, n_samples):
        raise UsageError(f"likelihoods has shape {cells.shape}, ({n_variants}, {n_samples}, genotype) expected")
    if numbers.shape != cells.shape[:2]:
        raise UsageError(f"n_likelihoods has shape {numbers.shape}, {cells.shape[:2]} expected")
    _require_integers("n_likelihoods", numbers, 0, cells.shape[2])
    if FIELDS[field].is_integer:
        if cells.dtype != np.int32:
            _require_integers(field, cells, np.iinfo(np.int32).min, np.iinfo(np.int32).max)
            cells = cells.astype(np.int32)
    elif cells.dtype not in (np.float32, np.float64):
        raise UsageError(f"{field} of type {cells.dtype}, float32 expected")
    elif np.fmax.reduce(cells, axis=None, initial=-np.inf) == np.inf:
        raise UsageError(f"{field} holds an infinite likelihood")
    return np.ascontiguousarray(cells), np.ascontiguousarray(numbers, np.int64)


def _require_integers(what: str, array: NDArray[Any], low: int, high: int) -> None:
    if array.dtype.kind not in "iu":
        raise UsageError(f"{what} of type {array.dtype}, integers expected")
    if array.size and not low <= array.min() <= array.max() <= high:
        raise UsageError(f"{what} from {array.min()} to {array.max()}, values from {low} to {high} expected")
