"""Significance of LOD scores across the genome: permuted traits, thresholds, genome-wide p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import InputError, UsageError
from genem.qtl.genotypes.probabilities import ChromosomeGenotypes, called_genotypes
from genem.qtl.one_locus.design import Sample, numbers, sample_of
from genem.qtl.one_locus.methods import Task
from genem.qtl.one_locus.permuted_scans import highest_lods
from genem.qtl.one_locus.scanning import Method, Model, check_request, response_of
from genem.qtl.one_locus.traits import default_rule

__all__ = ["Permutations", "genome_wide_p", "permute", "threshold"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Permutations:
    """The highest LOD score of every permutation.

    Attributes
    ----------
    trait, method, model
        Of what.
    autosomes
        float64 (permutation,): highest on the autosomes; -inf where there are none.
    x
        float64 (permutation,): highest on the X chromosome; -inf where there is none.
    autosome_length, x_length
        Total lengths in cM.
    first, seed
        Permutation ``k`` is number ``first + k`` of the seed: ranges of numbers can be computed apart and joined.
    """

    trait: str
    method: Method
    model: Model
    autosomes: Floats
    x: Floats
    autosome_length: float
    x_length: float
    first: int
    seed: int

    def __len__(self) -> int:
        return len(self.autosomes)

    @property
    def genome(self) -> Floats:
        """float64 (permutation,): highest anywhere."""
        return np.maximum(self.autosomes, self.x)


def permute(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    trait: str,
    *,
    n_permutations: int = 1000,
    first: int = 0,
    seed: int = 1,
    method: Method = "em",
    model: Model = "normal",
    addcovar: Sequence[str] = (),
    intcovar: Sequence[str] = (),
    weights: str | None = None,
    strata: str | None = None,
    orders: NDArray[np.int64] | None = None,
) -> Permutations:
    """Scan permuted traits, to learn which LOD scores chance gives.

    The trait, with its covariates and weights, is shuffled among the individuals against their genotypes. With an
    X chromosome it is shuffled within groups of the same sex and direction, so that the X is treated as in the scan;
    ``strata`` splits further. Permutation k of a seed is the same whichever others are asked for. The fits are those of
    the scan, but a normal trait is left at a position as soon as it is proven that EM ends below the highest LOD score
    so far; Haley-Knott regression without covariates and weights, and rank tests, are matrix products over all
    permutations.

    Parameters
    ----------
    cross, genotypes, method, model, addcovar, intcovar, weights
        As in :func:`~genem.qtl.scan`.
    trait
        Its name.
    n_permutations
        How many.
    first
        The number of the first one.
    seed
        With the number of a permutation it determines the shuffle.
    strata
        A column; individuals are exchanged only with those of the same value.
    orders
        int64 (permutation, individual), in the place of random shuffles: each individual that has the trait takes the
        values of the one named, both numbered among these.

    Returns
    -------
    Permutations

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan`.
    UsageError
        As in :func:`~genem.qtl.scan`, fewer than one permutation is asked for, or method is ``imp``.

    References
    ----------
    Churchill & Doerge (1994), Genetics 138:963, doi:10.1093/genetics/138.3.963. Broman et al. (2006), Genetics
    174:2151, doi:10.1534/genetics.106.061176.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import genotype_probabilities
    >>> genetic_map = GeneticMap(("1",), ("M1",), np.zeros(1, np.int32), np.zeros(1))
    >>> calls = np.array([[1], [1], [1], [1], [2], [2], [2], [2]], np.int8)
    >>> trait = {"y": np.array([1.0, 1.2, 0.8, 1.1, 2.0, 2.2, 1.9, 2.1])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefgh"), genetic_map, calls, trait, {})
    >>> found = permute(cross, genotype_probabilities(cross), "y", method="hk", n_permutations=99)
    >>> len(found), bool(threshold(found, 0.05) > threshold(found, 0.5))
    (99, True)
    """
    if n_permutations < 1:
        raise UsageError(f"{n_permutations} permutations; 1 is the least")
    if method == "imp":
        raise UsageError("method imp is not permuted: use hk or em")
    check_request((trait,), method, model, (*addcovar, *intcovar), weights)
    if method == "mr":
        genotypes = called_genotypes(cross)
    values = numbers(cross, trait, "trait")
    sample = sample_of(cross, values, addcovar, intcovar, weights, name=trait)
    response = response_of(values[sample.keep], trait, model)
    if orders is None:
        orders = shuffled_orders(exchangeable_groups(cross, sample, genotypes, strata), n_permutations, first, seed)
    n_permutations = _checked(orders, len(response))
    largest = {False: np.full(n_permutations, -np.inf), True: np.full(n_permutations, -np.inf)}
    length = {False: 0.0, True: 0.0}
    for genotyped in genotypes:
        task = Task(
            np.ascontiguousarray(genotyped.probabilities[:, sample.keep]),
            sample.design(genotyped),
            response[:, None],
            sample.weights,
            default_rule(),
        )
        stratum = sample.strata if genotyped.is_x else np.zeros(len(response), np.int64)
        found = highest_lods(task, orders, first, method, model, stratum, largest[genotyped.is_x])
        largest[genotyped.is_x] = np.maximum(largest[genotyped.is_x], found)
        length[genotyped.is_x] += float(np.ptp(genotyped.grid.position))
    return Permutations(trait, method, model, largest[False], largest[True], length[False], length[True], first, seed)


def _checked(orders: NDArray[np.int64], n: int) -> int:
    """The number of orders, each of which must name every individual once."""
    if orders.ndim != 2 or orders.shape[1] != n or not (np.sort(orders, axis=1) == np.arange(n)).all():
        raise UsageError(f"orders: every row is expected to name each of the {n} individuals with the trait once")
    return len(orders)


def threshold(permutations: Permutations, alpha: float = 0.05, *, chromosomes: str = "all") -> float:
    """The LOD score that chance reaches anywhere in the genome with probability ``alpha``.

    Parameters
    ----------
    permutations
        From :func:`permute`.
    alpha
        Between 0 and 1.
    chromosomes
        ``all``: the same threshold everywhere. ``autosomes`` or ``x``: a threshold of their own, at the level
        1 - (1 - alpha)^(L / total), where L is their length, so that both together keep to ``alpha``.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        ``alpha`` is out of range, or there are no such chromosomes.

    References
    ----------
    Churchill & Doerge (1994), doi:10.1093/genetics/138.3.963. Broman et al. (2006), doi:10.1534/genetics.106.061176.
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha of {alpha}; between 0 and 1 expected")
    highest, level = _of(permutations, chromosomes), alpha
    if chromosomes != "all":
        level = -math.expm1(math.log1p(-alpha) * _share(permutations, chromosomes))
    return float(np.quantile(highest, 1.0 - level))


def genome_wide_p(permutations: Permutations, lod: float, *, chromosomes: str = "all") -> float:
    """The probability of a LOD score this high anywhere by chance: (1 + number as high) / (1 + permutations).

    Parameters
    ----------
    permutations
        From :func:`permute`.
    lod
        The score of a peak.
    chromosomes
        ``all``; or ``autosomes`` or ``x``, where the peak lies: the p-value p there, over their length L, becomes
        1 - (1 - p)^(total / L) for the genome.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        There are no such chromosomes.

    References
    ----------
    Phipson & Smyth (2010), Stat. Appl. Genet. Mol. Biol. 9:39, doi:10.2202/1544-6115.1585.
    """
    highest = _of(permutations, chromosomes)
    p = (1.0 + np.count_nonzero(highest >= lod)) / (1.0 + len(highest))
    if chromosomes == "all" or p == 1.0:
        return float(p)
    share = _share(permutations, chromosomes)
    return -math.expm1(math.log1p(-p) / share) if share > 0.0 else 1.0


def _share(permutations: Permutations, chromosomes: str) -> float:
    """The share of the genome's length; half of it where every chromosome has but one position."""
    total = permutations.autosome_length + permutations.x_length
    if total == 0.0:
        return 0.5
    return (permutations.x_length if chromosomes == "x" else permutations.autosome_length) / total


def _of(permutations: Permutations, chromosomes: str) -> Floats:
    """The highest LOD scores on some chromosomes."""
    known = {"all": permutations.genome, "autosomes": permutations.autosomes, "x": permutations.x}
    if chromosomes not in known or not np.isfinite(known[chromosomes]).all():
        raise UsageError(f"no permutations of chromosomes {chromosomes!r}: all, autosomes or x, where there are any")
    return known[chromosomes]


def exchangeable_groups(
    cross: Cross, sample: Sample, genotypes: Sequence[ChromosomeGenotypes], column: str | None
) -> NDArray[np.int64]:
    """Groups of individuals that may be exchanged."""
    groups = [np.zeros(int(sample.keep.sum()))]
    if any(genotyped.is_x for genotyped in genotypes):
        groups.append(sample.strata.astype(np.float64))
    if column is not None:
        named = cross.labels.get(column)
        values = numbers(cross, column, "stratum") if named is None else np.unique(named, return_inverse=True)[1]
        missing = np.isnan(values) if named is None else np.array([not text for text in named])
        if missing[sample.keep].any():
            individual = cross.individuals[int(np.flatnonzero(missing & sample.keep)[0])]
            raise InputError(f"stratum {column} is missing for individual {individual}, who has the trait")
        groups.append(values[sample.keep].astype(np.float64))
    return np.unique(np.column_stack(groups), axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def shuffled_orders(strata: NDArray[np.int64], n_permutations: int, first: int, seed: int) -> NDArray[np.int64]:
    """Shuffled individuals, (permutation, individual): each takes the trait of the one named."""
    members = [np.flatnonzero(strata == stratum) for stratum in range(int(strata.max()) + 1)]
    orders = np.empty((n_permutations, len(strata)), np.int64)
    for k in range(n_permutations):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(first + k,)))
        for group in members:
            orders[k, group] = rng.permutation(group)
    return orders
