"""Copies that count by chromosome: the X and Y chromosomes outside the pseudo-autosomal regions, and mitochondria."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genem.data import VariantSites
from genem.errors import UsageError
from genem.popgen.samples_kernels import AS_CALLED, ONE_COPY, X_REGION, Y_REGION

Build = Literal["b37", "b38"]

X_NAMES = frozenset({"X", "chrX", "23", "chr23"})
Y_NAMES = frozenset({"Y", "chrY", "24", "chr24"})
MITOCHONDRIAL_NAMES = frozenset({"MT", "M", "chrM", "chrMT", "26", "chr26"})

# Last base of the first and first base of the second pseudo-autosomal region (Genome Reference Consortium).
PSEUDO_AUTOSOMAL: dict[str, dict[int, tuple[int, int]]] = {
    "b37": {X_REGION: (2_699_520, 154_931_044), Y_REGION: (2_649_520, 59_034_050)},
    "b38": {X_REGION: (2_781_479, 155_701_383), Y_REGION: (2_781_479, 56_887_903)},
}


def ploidy_regions(sites: VariantSites, *, sexed: bool, build: Build | None) -> NDArray[np.int8]:
    """Numbers of copies that count at each variant, as codes for the kernels.

    Without sexes every call counts as it is written. With them X and Y outside the pseudo-autosomal regions of
    ``build`` follow the sample's sex, and mitochondria count one copy of everybody.

    Parameters
    ----------
    sites
        The variants.
    sexed
        Whether the sex of the samples is known.
    build
        The reference, ``b37`` or ``b38``.

    Returns
    -------
    int8 (variant,)

    Raises
    ------
    UsageError
        A variant on X or Y with ``sexed`` and no ``build``, or an unknown build.
    """
    regions = np.full(len(sites), AS_CALLED, np.int8)
    if not sexed:
        return regions
    if build is not None and build not in PSEUDO_AUTOSOMAL:
        raise UsageError(f"build {build!r} is not known; give one of {', '.join(PSEUDO_AUTOSOMAL)}")
    for number, name in enumerate(sites.contigs):
        of_contig = sites.contig == number
        if not of_contig.any():
            continue
        if name in MITOCHONDRIAL_NAMES:
            regions[of_contig] = ONE_COPY
            continue
        code = X_REGION if name in X_NAMES else Y_REGION if name in Y_NAMES else AS_CALLED
        if code == AS_CALLED:
            continue
        if build is None:
            raise UsageError(
                f"chromosome {name} with sexes given needs --build b37 or b38 for its pseudo-autosomal regions"
            )
        first_end, second_start = PSEUDO_AUTOSOMAL[build][code]
        regions[of_contig & (sites.position > first_end) & (sites.position < second_start)] = code
    return regions
