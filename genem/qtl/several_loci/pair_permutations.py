"""LOD scores of two-locus models under chance: permutations, thresholds, penalties of model selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import UsageError
from genem.qtl.genotypes.joint import LinkedGenotypes
from genem.qtl.one_locus.design import Sample, numbers, sample_of
from genem.qtl.one_locus.methods import null_basis
from genem.qtl.one_locus.permutations import exchangeable_groups, shuffled_orders
from genem.qtl.one_locus.regression_kernels import position_bases
from genem.qtl.one_locus.scanning import response_of
from genem.qtl.several_loci.pair_kernels import largest_explained
from genem.qtl.several_loci.pair_methods import bases_of_pairs, lod_of_share, one_locus_design, pair_blocks, pair_model
from genem.qtl.several_loci.pairs import check_pairs

__all__ = [
    "PAIR_REGIONS",
    "Penalties",
    "TwoQTLLods",
    "TwoQTLPermutations",
    "derive_penalties",
    "permute_two",
    "two_qtl_threshold",
]

Floats = NDArray[np.float64]
LANES = 32
"""Permutations side by side."""
PAIR_REGIONS = ("autosomes", "beside_x", "x")
"""Pairs of autosomes, of an autosome and the X chromosome, and on the X chromosome."""


@dataclass(frozen=True, slots=True)
class TwoQTLLods:
    """A value for each LOD score of a two-locus scan.

    Attributes
    ----------
    full
        Two interacting loci against none.
    full_vs_one
        Against the best single locus on the same chromosomes.
    interaction
        Best full model against best additive one on the same chromosomes.
    additive
        Two additive loci against none.
    additive_vs_one
        Against the best single locus on the same chromosomes.
    one_locus
        A single locus against none.
    """

    full: float
    full_vs_one: float
    interaction: float
    additive: float
    additive_vs_one: float
    one_locus: float


class Penalties(NamedTuple):
    """The cost of a locus and of an interaction in a penalised LOD score.

    Of the interactions that hang together through common loci one costs ``light``, the others ``heavy``.
    """

    main: float
    heavy: float
    light: float


@dataclass(frozen=True, slots=True)
class TwoQTLPermutations:
    """The highest LOD scores of every permutation.

    Attributes
    ----------
    trait
        Its name.
    highest
        float64 (permutation, region, LOD score): ``autosomes``, ``beside_x``, ``x``, by the fields of
        :class:`TwoQTLLods` in their order; -inf where a region has no pairs. A single locus is on the autosomes or
        the X.
    area
        float64 (region,): pairs of positions, in squared cM.
    first, seed
        Permutation ``k`` is number ``first + k`` of the seed: ranges of numbers can be computed apart and joined.
    """

    trait: str
    highest: Floats
    area: Floats
    first: int
    seed: int

    def __len__(self) -> int:
        return len(self.highest)


def permute_two(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    trait: str,
    *,
    n_permutations: int = 1000,
    first: int = 0,
    seed: int = 1,
    addcovar: Sequence[str] = (),
    intcovar: Sequence[str] = (),
    weights: str | None = None,
    strata: str | None = None,
) -> TwoQTLPermutations:
    """Scan permuted traits for two loci, by Haley-Knott regression.

    Every permutation is summarised like the scan: per pair of chromosomes the best full, additive and single-locus
    model and the differences of these, of which the highest anywhere is kept. Without covariates and weights all
    permutations go side by side through every block of pairs. The bits depend neither on threads nor on ranges.

    Parameters
    ----------
    cross, linked, trait, addcovar, intcovar, weights
        As in :func:`~genem.qtl.scan_two`.
    n_permutations, first, seed, strata
        As in :func:`~genem.qtl.permute`.

    Returns
    -------
    TwoQTLPermutations

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan_two`.
    UsageError
        As in :func:`~genem.qtl.scan_two`, or fewer than one permutation is asked for.

    References
    ----------
    Churchill & Doerge (1994), Genetics 138:963, doi:10.1093/genetics/138.3.963. Manichaikul et al. (2009), Genetics
    181:1077, doi:10.1534/genetics.108.094565.
    """
    if n_permutations < 1:
        raise UsageError(f"{n_permutations} permutations; 1 is the least")
    values = numbers(cross, trait, "trait")
    sample = sample_of(cross, values, addcovar, intcovar, weights, name=trait)
    response = response_of(values[sample.keep], trait, "normal")
    kept = tuple(each.select(sample.keep) for each in linked)
    check_pairs(kept, sample)
    groups = exchangeable_groups(cross, sample, [each.genotypes for each in linked], strata)
    orders = shuffled_orders(groups, n_permutations, first, seed)
    plain = not (addcovar or intcovar) and weights is None
    if plain:
        highest = _highest(kept, sample, response, orders)
    else:
        # Genotypes shuffled instead of trait, covariates and weights: the same, and the null model stays.
        unshuffled = np.arange(len(response))[None]
        shuffled = (np.argsort(order).astype(np.int64) for order in orders)
        pieces = (tuple(each.select(order) for each in kept) for order in shuffled)
        highest = np.concatenate([_highest(piece, sample, response, unshuffled) for piece in pieces])
    return TwoQTLPermutations(trait, highest, _areas(kept), first, seed)


def two_qtl_threshold(permutations: TwoQTLPermutations, alpha: float = 0.05, *, pairs: str = "all") -> TwoQTLLods:
    """The LOD scores that chance reaches anywhere with probability ``alpha``, each of them by itself.

    Parameters
    ----------
    permutations
        From :func:`permute_two`.
    alpha
        Between 0 and 1.
    pairs
        ``all``: the same thresholds everywhere. ``autosomes``, ``beside_x`` or ``x``: thresholds of their own, at the
        level 1 - (1 - alpha)^(A / total), where A is their share of all pairs of positions, so that all together keep
        to ``alpha``. No single locus lies ``beside_x``: NaN.

    Returns
    -------
    TwoQTLLods

    Raises
    ------
    UsageError
        ``alpha`` is out of range, or there are no such pairs.
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha of {alpha}; between 0 and 1 expected")
    if pairs == "all":
        return _quantiles(permutations.highest.max(axis=1), 1.0 - alpha)
    index = PAIR_REGIONS.index(pairs) if pairs in PAIR_REGIONS else -1
    if index < 0 or not np.isfinite(permutations.highest[:, index, 0]).all():
        raise UsageError(f"no permutations of pairs {pairs!r}: all, or {', '.join(PAIR_REGIONS)}, where there are any")
    share = permutations.area[index] / permutations.area.sum()
    return _quantiles(permutations.highest[:, index], 1.0 + math.expm1(math.log1p(-alpha) * share))


def derive_penalties(permutations: TwoQTLPermutations, alpha: float = 0.05) -> Penalties:
    """The penalties under which chance adds a locus, or an interaction, with probability ``alpha``.

    A locus costs the threshold of a single locus; an interaction heavily that of the interaction LOD, lightly what is
    left of the threshold of ``full_vs_one`` once the second locus has been paid for.

    References
    ----------
    Manichaikul et al. (2009), Genetics 181:1077, doi:10.1534/genetics.108.094565.
    """
    at = two_qtl_threshold(permutations, alpha)
    return Penalties(at.one_locus, at.interaction, at.full_vs_one - at.one_locus)


def _quantiles(highest: Floats, level: float) -> TwoQTLLods:
    known = np.asarray(np.isfinite(highest).all(axis=0))
    columns = range(len(fields(TwoQTLLods)))
    return TwoQTLLods(*(float(np.quantile(highest[:, k], level)) if known[k] else math.nan for k in columns))


def _region(linked: Sequence[LinkedGenotypes], a: int, b: int) -> int:
    return int(linked[a].is_x) + int(linked[b].is_x)


def _areas(linked: Sequence[LinkedGenotypes]) -> Floats:
    length = {False: 0.0, True: 0.0}
    for each in linked:
        length[each.is_x] += float(np.ptp(each.grid.position))
    return np.array([length[False] ** 2 / 2.0, length[False] * length[True], length[True] ** 2 / 2.0])


def _highest(linked: Sequence[LinkedGenotypes], sample: Sample, response: Floats, orders: NDArray[np.int64]) -> Floats:
    """The highest LOD scores (permutation, region, LOD score) of shuffled residuals."""
    n, n_chromosomes = len(response), len(linked)
    designs = {False: sample.autosomes, True: sample.x}
    models = {x: pair_model(design, sample.weights, response[:, None]) for x, design in designs.items()}
    tiles = {x: _tiles(model.left[:, 0], orders) for x, model in models.items()}
    total = {x: float((model.left**2).sum()) for x, model in models.items()}
    shape = (n_chromosomes, n_chromosomes, *tiles[False].shape[::2])
    full, additive = np.full(shape, -np.inf), np.full(shape, -np.inf)
    for block in pair_blocks(linked):
        a, b = block.a, block.b
        with_x = linked[a].is_x or linked[b].is_x
        bases, n_additive, _ = bases_of_pairs(models[with_x], linked, block)
        largest_explained(bases, tiles[with_x], n_additive, additive[a, b], full[a, b])
    highest = np.full((len(orders), len(PAIR_REGIONS), len(fields(TwoQTLLods))), -np.inf)
    single_locus = {
        x: _one_by_chromosome(linked, sample, tiles, total, null_of_x=x)[:, : len(orders)] for x in (False, True)
    }
    for a in range(n_chromosomes):
        for b in range(a, n_chromosomes):
            if not np.isfinite(full[a, b]).all():
                continue
            region = _region(linked, a, b)
            of_full, of_additive = (
                lod_of_share(most[a, b].ravel()[: len(orders)] / total[region > 0], n) for most in (full, additive)
            )
            single = np.maximum(single_locus[region > 0][a], single_locus[region > 0][b])
            lods = (of_full, of_full - single, of_full - of_additive, of_additive, of_additive - single)
            for k, lod in enumerate(lods):
                highest[:, region, k] = np.maximum(highest[:, region, k], lod)
    for a, each in enumerate(linked):
        region = 2 * int(each.is_x)
        highest[:, region, -1] = np.maximum(highest[:, region, -1], single_locus[each.is_x][a])
    return highest


def _tiles(left: Floats, orders: NDArray[np.int64]) -> Floats:
    """Shuffled residuals side by side, (tile, individual, lane); the last tile is filled up with the first shuffle."""
    n_tiles = -(-len(orders) // LANES)
    filled = np.concatenate([orders, np.repeat(orders[:1], n_tiles * LANES - len(orders), axis=0)])
    return np.ascontiguousarray(left[filled].reshape(n_tiles, LANES, -1).transpose(0, 2, 1))


def _one_by_chromosome(
    linked: Sequence[LinkedGenotypes],
    sample: Sample,
    tiles: dict[bool, Floats],
    total: dict[bool, float],
    *,
    null_of_x: bool,
) -> Floats:
    """The highest LOD score of a single locus, (chromosome, permutation); on the X always against its own null."""
    found = []
    root = np.sqrt(sample.weights)
    for each in linked:
        with_x = null_of_x or each.is_x
        design = one_locus_design(sample, locus_on_x=each.is_x, null_of_x=with_x)
        n_positions, n, n_states = each.genotypes.probabilities.shape
        bases = np.empty((n_positions, n_states * design.own.shape[1], n))
        own = root[:, None] * design.own
        ranks = np.empty(n_positions, np.int64)
        position_bases(null_basis(design, sample.weights), each.genotypes.probabilities, own, bases, ranks)
        most = np.full(tiles[with_x].shape[::2], -np.inf)
        largest_explained(bases, tiles[with_x], bases.shape[1], most.copy(), most)
        found.append(lod_of_share(most.ravel() / total[with_x], n))
    return np.stack(found)
