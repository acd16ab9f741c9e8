"""What fits and batches of fits are told in the same words: how many sites, which pseudocounts."""

from __future__ import annotations

import math
from typing import Literal

from genem.errors import UsageError
from genem.motif.model.placements import Placements
from genem.motif.priors import BLOCKS9, ColumnPrior, DirichletMixture, Pseudocounts

SiteModel = Literal["oops", "zoops", "anr"]

NUCLEOTIDE_PSEUDOCOUNT = 0.01
"""Pseudocounts per column of DNA and RNA."""


def column_prior(placements: Placements, pseudocount: float | None, prior: DirichletMixture | None) -> ColumnPrior:
    """The prior of the columns that ``pseudocount`` and ``prior`` of :func:`fit_motif` ask for."""
    if prior is not None and pseudocount is not None:
        raise UsageError("pseudocount and prior exclude each other: a mixture has its own pseudocounts")
    size = len(placements.sequences.alphabet)
    if prior is None and pseudocount is None and placements.sequences.alphabet.name == "protein":
        prior = BLOCKS9
    if prior is not None:
        if prior.concentrations.shape[1] != size:
            raise UsageError(f"a prior of {prior.concentrations.shape[1]} letters for an alphabet of {size}")
        return prior
    weight = NUCLEOTIDE_PSEUDOCOUNT if pseudocount is None else pseudocount
    if not 0.0 <= weight < math.inf:
        raise UsageError(f"a pseudocount of {weight}; 0 or more expected")
    return Pseudocounts(weight, placements.background.probabilities)


def site_rate_prior(
    placements: Placements, model: SiteModel, n_sites: float | None, site_count_prior: float
) -> tuple[float, float]:
    """Mean of the Beta prior of the site rate, and the number of chances that it is worth."""
    if model not in ("oops", "zoops", "anr"):
        raise UsageError(f"model {model!r}; oops, zoops or anr expected")
    if not 0.0 <= site_count_prior < 1.0:
        raise UsageError(f"a site_count_prior of {site_count_prior}; from 0 to below 1 expected")
    usable = int(placements.usable.size)
    if model == "oops":
        return 1.0, 0.0
    chances = usable if model == "zoops" else placements.n_windows
    wanted = n_sites if n_sites is not None else usable / 2 if model == "zoops" else min(usable, chances / 2)
    if not 0.0 < wanted <= chances:
        raise UsageError(f"{wanted:g} sites; more than 0 and at most {chances} can be in these sequences")
    return wanted / chances, chances * site_count_prior / (1.0 - site_count_prior)
