"""Findings of a scan: the peak of each chromosome, how surprising it is, and where the locus may lie."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from genem.errors import UsageError
from genem.qtl.one_locus.permutations import Permutations, genome_wide_p, threshold
from genem.qtl.one_locus.scanning import Scan
from genem.qtl.one_locus.support_intervals import SupportInterval, bayes_interval, lod_interval

__all__ = ["Peak", "Threshold", "find_peaks", "thresholds"]

MIN_LOD = 3.0
"""The lowest LOD score of a peak where there are no permutations: Morton's."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A LOD score that chance reaches with a given probability.

    Attributes
    ----------
    trait, method, model
        Of what.
    region
        ``A``: the autosomes, ``X``: the X chromosome. With both among the permutations each has its own threshold.
    alpha
        The probability, for the whole genome.
    lod
        The threshold.
    n_permutations
        How many it rests on.
    """

    trait: str
    method: str
    model: str
    region: str
    alpha: float
    lod: float
    n_permutations: int


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest LOD score of a chromosome.

    Attributes
    ----------
    method, model
        Of the scan.
    threshold
        What the LOD score had to reach.
    genome_wide_p
        The probability of such a score anywhere by chance; NaN without permutations.
    interval
        Where the locus may lie; it holds the trait, the chromosome, the position and the LOD score, too.
    percent_variance
        100 (1 - 10^(-2 LOD / n)), for normal traits; NaN where n differs along the genome (``mr``).
    spike
        The LOD score of EM is suspiciously far above that of Haley-Knott regression.
    """

    method: str
    model: str
    threshold: float
    genome_wide_p: float
    interval: SupportInterval
    percent_variance: float
    spike: bool


def thresholds(permutations: Permutations, alphas: Sequence[float]) -> tuple[Threshold, ...]:
    """The thresholds at some levels, for each region that was permuted.

    Parameters
    ----------
    permutations
        From :func:`~genem.qtl.permute`.
    alphas
        Genome-wide levels, between 0 and 1.

    Returns
    -------
    One :class:`Threshold` per level and region.

    Raises
    ------
    UsageError
        A level is out of range.

    References
    ----------
    Churchill & Doerge (1994), doi:10.1093/genetics/138.3.963. Broman et al. (2006), doi:10.1534/genetics.106.061176.

    Examples
    --------
    >>> highest = np.arange(1.0, 100.0) / 20.0
    >>> permuted = Permutations("y", "hk", "normal", highest, np.full(99, -np.inf), 1000.0, 0.0, 1, 1)
    >>> [(one.region, one.alpha, round(one.lod, 3)) for one in thresholds(permuted, (0.05, 0.1))]
    [('A', 0.05, 4.705), ('A', 0.1, 4.46)]
    """
    return tuple(
        Threshold(
            permutations.trait,
            permutations.method,
            permutations.model,
            region,
            alpha,
            threshold(permutations, alpha, chromosomes=_chromosomes(permutations, is_x=region == "X")),
            len(permutations),
        )
        for alpha in alphas
        for region, highest in (("A", permutations.autosomes), ("X", permutations.x))
        if np.isfinite(highest).all()
    )


def find_peaks(
    scan: Scan,
    *,
    permutations: Mapping[str, Permutations] | None = None,
    x_chromosomes: Collection[str] = (),
    alpha: float = 0.05,
    min_lod: float | None = None,
    interval: Literal["lod", "bayes"] = "lod",
    drop: float = 1.5,
    coverage: float = 0.95,
    expand_to_markers: bool = False,
) -> tuple[Peak, ...]:
    """The highest LOD score of every chromosome, where it is high enough.

    Parameters
    ----------
    scan
        LOD scores.
    permutations
        By trait. With them a peak must reach the threshold of its region, and gets a genome-wide p-value.
    x_chromosomes
        Which of the chromosomes are the X chromosome.
    alpha
        Genome-wide level of the threshold.
    min_lod
        What a peak must reach, in the place of the threshold. None: the threshold, or 3 without permutations.
    interval, drop, coverage, expand_to_markers
        Which interval of support: :func:`~genem.qtl.lod_interval` with ``drop``, or
        :func:`~genem.qtl.bayes_interval` with the probability ``coverage``.

    Returns
    -------
    The peaks, by trait and chromosome.

    Raises
    ------
    UsageError
        A trait was not permuted, or a level is out of range.

    Examples
    --------
    >>> from genem.data import Cross, GeneticMap
    >>> from genem.qtl import genotype_probabilities
    >>> from genem.qtl.one_locus.scanning import scan
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 10.0]))
    >>> calls = np.array([[1, 1], [1, 2], [2, 2], [2, 2], [1, 1], [2, 1]], np.int8)
    >>> trait = {"y": np.array([1.0, 1.2, 2.1, 1.8, 0.9, 2.2])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdef"), genetic_map, calls, trait, {})
    >>> (peak,) = find_peaks(scan(cross, genotype_probabilities(cross), "y", method="hk"))
    >>> peak.interval.peak_name, round(peak.interval.lod, 2), round(peak.percent_variance, 1)
    ('M1', 3.26, 91.8)
    """
    found = []
    for k, trait in enumerate(scan.traits):
        permuted = _of_trait(permutations, trait)
        for chromosome in scan.chromosomes:
            on = scan.on(chromosome)
            on = on[~np.isnan(scan.lod[on, k])]
            if len(on) == 0:
                continue
            best = int(on[int(scan.lod[on, k].argmax())])
            lod = float(scan.lod[best, k])
            kind = "all" if permuted is None else _chromosomes(permuted, is_x=chromosome in x_chromosomes)
            wanted = min_lod if min_lod is not None else MIN_LOD
            if permuted is not None and min_lod is None:
                wanted = threshold(permuted, alpha, chromosomes=kind)
            if lod < wanted:
                continue
            if interval == "lod":
                support = lod_interval(scan, chromosome, trait, drop=drop, expand_to_markers=expand_to_markers)
            else:
                support = bayes_interval(
                    scan, chromosome, trait, probability=coverage, expand_to_markers=expand_to_markers
                )
            p = math.nan if permuted is None else genome_wide_p(permuted, lod, chromosomes=kind)
            explained = _percent_variance(scan, lod, int(scan.n_individuals[k]))
            found.append(Peak(scan.method, scan.model, wanted, p, support, explained, bool(scan.spike[best, k])))
    return tuple(found)


def _of_trait(permutations: Mapping[str, Permutations] | None, trait: str) -> Permutations | None:
    if permutations is None:
        return None
    if trait not in permutations:
        raise UsageError(f"trait {trait} was not permuted, only {', '.join(permutations)}")
    return permutations[trait]


def _chromosomes(permutations: Permutations, *, is_x: bool) -> str:
    """The threshold that counts: that of the region, where autosomes and X were both permuted."""
    both = bool(np.isfinite(permutations.autosomes).all() and np.isfinite(permutations.x).all())
    return ("x" if is_x else "autosomes") if both else "all"


def _percent_variance(scan: Scan, lod: float, n: int) -> float:
    if scan.model != "normal" or scan.method == "mr":
        return math.nan
    return -100.0 * math.expm1(-2.0 * math.log(10.0) * lod / n)
