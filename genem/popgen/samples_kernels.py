"""Sexes, groups and ploidy regions of the samples and variants of a block, as the kernels of all questions see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genem.jit import kernel

# How the ploidy of a chromosome follows from sex (sex_chromosomes.py assigns them).
AS_CALLED, X_REGION, Y_REGION, ONE_COPY = 0, 1, 2, 3
# How many copies of a sample count at a variant.
NO_COPY, SINGLE_COPY, CALLED_COPIES = 0, 1, 2
MALE, FEMALE = 1, 2


class Design(NamedTuple):
    """Regions of the variants, and sexes and groups of the samples, of a block."""

    n_alleles: np.ndarray  # int64 (variant,), REF included
    region: np.ndarray  # int8 (variant,): AS_CALLED, X_REGION, Y_REGION, ONE_COPY
    sex: np.ndarray  # int8 (sample,): MALE, FEMALE, 0 unknown
    group: np.ndarray  # int64 (sample,): the number of groups where in none
    n_groups: int


@kernel
def copies_role(region: int, sex: int) -> int:
    """Return which copies of a sample of this sex count in this region: NO_COPY, SINGLE_COPY or CALLED_COPIES."""
    if region == AS_CALLED:
        return CALLED_COPIES
    if region == ONE_COPY or sex == MALE:
        return SINGLE_COPY
    return CALLED_COPIES if region == X_REGION and sex == FEMALE else NO_COPY
