"""Calls that cannot arise in a cross, by its type and, on the X chromosome, by sex and direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genem.data import AA, AB, BB, UNKNOWN_GENOTYPE, Cross

__all__ = ["impossible_calls", "without_impossible_calls"]


def impossible_calls(cross: Cross) -> NDArray[np.bool_]:
    """Whether each call is impossible, (individual, marker).

    Impossible are genotypes that the cross type does not have: heterozygous inbred lines, homozygotes of the second
    parent in a backcross to the first. On the X chromosome so are heterozygous males, and females that lack the allele
    all of them have from their father: BB, or AA in the reciprocal cross.
    """
    calls, breeding = cross.genotypes, cross.breeding
    absent = np.isin(calls, [genotype for genotype in (AA, AB, BB) if genotype not in breeding.genotypes])
    if not breeding.x_by_sex:
        return absent
    sex_linked = [k for k, name in enumerate(cross.genetic_map.chromosomes) if name in cross.x_chromosomes]
    on_x = np.isin(cross.genetic_map.chromosome, sex_linked)
    nobody = np.zeros(len(cross), np.bool_)
    males = (nobody if cross.is_male is None else cross.is_male)[:, None]
    reverse = (nobody if cross.is_reverse is None or not breeding.reciprocal else cross.is_reverse)[:, None]
    females = ~males & (calls == np.where(reverse, AA, BB))
    return np.asarray(np.where(on_x, females | (males & (calls == AB)), absent))


def without_impossible_calls(cross: Cross) -> tuple[Cross, int]:
    """The cross with such calls set to missing, and how many there were."""
    impossible = impossible_calls(cross)
    n = int(impossible.sum())
    if n == 0:
        return cross, 0
    return replace(cross, genotypes=np.where(impossible, np.int8(UNKNOWN_GENOTYPE), cross.genotypes)), n
