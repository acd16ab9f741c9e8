"""Calls that cannot arise in a cross, by its type and, on the X chromosome, by sex and direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genem.data import AA, AB, BB, UNKNOWN_GENOTYPE, Cross

__all__ = ["impossible_calls", "without_impossible_calls"]


def impossible_calls(cross: Cross) -> NDArray[np.bool_]:
    """Which calls cannot arise, (individual, marker).

    Heterozygous inbred lines; homozygotes of the second parent in a backcross to the first; on the X chromosome
    heterozygous males, and females of an intercross that lack the allele all of them have from their father: BB, or
    AA in the reciprocal cross.
    """
    calls = cross.genotypes
    if cross.cross_type in ("dh", "riself", "risib"):
        return np.asarray(calls == AB)
    sex_linked = [k for k, name in enumerate(cross.genetic_map.chromosomes) if name in cross.x_chromosomes]
    on_x = np.isin(cross.genetic_map.chromosome, sex_linked)
    nobody = np.zeros(len(cross), np.bool_)
    males = (nobody if cross.is_male is None else cross.is_male)[:, None]
    hemizygous_calls = males & on_x & (calls == AB)
    if cross.cross_type == "bc":
        return np.asarray(hemizygous_calls | (~(males & on_x) & (calls == BB)))
    reverse = (nobody if cross.is_reverse is None else cross.is_reverse)[:, None]
    return np.asarray(hemizygous_calls | (~males & on_x & (calls == np.where(reverse, AA, BB))))


def without_impossible_calls(cross: Cross) -> tuple[Cross, int]:
    """The cross with such calls set to missing, and how many there were."""
    impossible = impossible_calls(cross)
    n = int(impossible.sum())
    if n == 0:
        return cross, 0
    return replace(cross, genotypes=np.where(impossible, np.int8(UNKNOWN_GENOTYPE), cross.genotypes)), n
