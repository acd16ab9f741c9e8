"""Intervals in which a locus may lie, by support around the highest LOD score of a chromosome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.qtl.one_locus.scanning import Scan

__all__ = ["SupportInterval", "bayes_interval", "lod_interval"]


@dataclass(frozen=True, slots=True)
class SupportInterval:
    """An interval on one chromosome.

    Attributes
    ----------
    chromosome, trait
        Of what.
    left, peak, right
        Positions in cM.
    left_name, peak_name, right_name
        Their names.
    lod
        The LOD score at the peak.
    """

    chromosome: str
    trait: str
    left: float
    peak: float
    right: float
    left_name: str
    peak_name: str
    right_name: str
    lod: float


def lod_interval(
    scan: Scan, chromosome: str, trait: str | None = None, *, drop: float = 1.5, expand_to_markers: bool = False
) -> SupportInterval:
    """The region where the LOD score is within ``drop`` of its maximum, out to the next positions beyond.

    Parameters
    ----------
    scan
        LOD scores.
    chromosome
        Which chromosome.
    trait
        Which trait; None: the first.
    drop
        In LOD units, above 0.
    expand_to_markers
        Move both ends outwards to markers.

    Returns
    -------
    SupportInterval

    Raises
    ------
    UsageError
        No such chromosome or trait, no position there was tested, or ``drop`` is not above 0.

    References
    ----------
    Lander & Botstein (1989), Genetics 121:185, doi:10.1093/genetics/121.1.185. Dupuis & Siegmund (1999), Genetics
    151:373, doi:10.1093/genetics/151.1.373.
    """
    if not drop > 0.0:
        raise UsageError(f"a drop of {drop} LOD; above 0 expected")
    on, lod, name = _scores(scan, chromosome, trait)
    inside = np.flatnonzero(lod > lod.max() - drop)
    first, last = max(int(inside[0]) - 1, 0), min(int(inside[-1]) + 1, len(lod) - 1)
    return _interval(scan, chromosome, name, on, lod, (first, last), expand_to_markers)


def bayes_interval(
    scan: Scan, chromosome: str, trait: str | None = None, *, probability: float = 0.95, expand_to_markers: bool = False
) -> SupportInterval:
    """The shortest region of given posterior probability, all positions being alike before.

    The posterior density is proportional to 10^LOD; each position stands for the stretch to half-way to its
    neighbours, the first and the last for as much beyond the end, too. Positions are taken from the highest LOD score
    downwards; the interval runs from the first to the last of them.

    Parameters
    ----------
    scan, chromosome, trait, expand_to_markers
        As in :func:`lod_interval`.
    probability
        Between 0 and 1.

    Returns
    -------
    SupportInterval

    Raises
    ------
    UsageError
        No such chromosome or trait, no position there was tested, or ``probability`` is not between 0 and 1.

    References
    ----------
    Sen & Churchill (2001), Genetics 159:371, doi:10.1093/genetics/159.1.371.
    """
    if not 0.0 < probability < 1.0:
        raise UsageError(f"a probability of {probability}; between 0 and 1 expected")
    on, lod, name = _scores(scan, chromosome, trait)
    position = scan.position[on]
    gaps = np.diff(position)
    width = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2.0 if len(gaps) else np.ones(1)
    mass = 10.0 ** (lod - lod.max()) * (width if width.any() else np.ones(len(lod)))
    order = np.argsort(-lod, kind="stable")
    reached = int(np.argmax(np.cumsum(mass[order]) >= probability * mass.sum()))
    taken = order[: reached + 1]
    return _interval(scan, chromosome, name, on, lod, (int(taken.min()), int(taken.max())), expand_to_markers)


def _scores(scan: Scan, chromosome: str, trait: str | None) -> tuple[NDArray[np.intp], NDArray[np.float64], str]:
    """The positions of a chromosome that were tested, their LOD scores, and the trait's name."""
    name = scan.traits[0] if trait is None else trait
    if name not in scan.traits:
        raise UsageError(f"no trait {name} among {', '.join(scan.traits)}")
    on = scan.on(chromosome)
    lod = scan.lod[on, scan.traits.index(name)]
    tested = ~np.isnan(lod)
    if not tested.any():
        raise UsageError(f"no position on chromosome {chromosome} was tested for trait {name}")
    return on[tested], lod[tested], name


def _interval(
    scan: Scan,
    chromosome: str,
    trait: str,
    on: NDArray[np.intp],
    lod: NDArray[np.float64],
    ends: tuple[int, int],
    expand_to_markers: bool,
) -> SupportInterval:
    first, last = ends
    if expand_to_markers:
        markers = np.flatnonzero(scan.is_marker[on])
        first = int(markers[markers <= first].max(initial=0))
        last = int(markers[markers >= last].min(initial=len(on) - 1))
    left, peak, right = (int(on[k]) for k in (first, int(lod.argmax()), last))
    return SupportInterval(
        chromosome,
        trait,
        float(scan.position[left]),
        float(scan.position[peak]),
        float(scan.position[right]),
        scan.names[left],
        scan.names[peak],
        scan.names[right],
        float(lod.max()),
    )
