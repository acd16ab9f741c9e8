"""Scans of the genome for two quantitative trait loci at once."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import InputError, UsageError
from genem.qtl.genotypes.joint import LinkedGenotypes
from genem.qtl.one_locus.design import Sample, numbers, sample_of
from genem.qtl.one_locus.methods import LN10, Task, expectation_maximisation, haley_knott
from genem.qtl.one_locus.scanning import (
    SPIKE_ENTROPY,
    SPIKE_LOD,
    SpikeWarning,
    missing_information,
    response_of,
)
from genem.qtl.one_locus.trait_kernels import NORMAL
from genem.qtl.one_locus.traits import default_rule
from genem.qtl.several_loci.pair_methods import (
    one_locus_design,
    pair_blocks,
    pair_model,
    pairs_by_em,
    pairs_by_regression,
)

__all__ = ["PairPeak", "TwoQTLMethod", "TwoQTLScan", "check_pairs", "one_locus_lods", "scan_two"]

Floats = NDArray[np.float64]
TwoQTLMethod = Literal["em", "hk"]

MAX_ITER = 10_000
OBJECTIVE_TOLERANCE = 1e-10
RESIDUAL_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True)
class PairPeak:
    """The best pairs of positions on a pair of chromosomes.

    Attributes
    ----------
    chromosomes
        Names.
    full_at, additive_at
        Positions in cM where the full and the additive model fit best.
    full, additive
        Their LOD scores.
    one_locus
        The highest LOD score of a single locus on these chromosomes.
    interaction, full_vs_one, additive_vs_one
        ``full - additive``, ``full - one``, ``additive - one``.
    spike
        Whether the best full model is suspected to be an artefact of the mixture.
    """

    chromosomes: tuple[str, str]
    full_at: tuple[float, float]
    full: float
    additive_at: tuple[float, float]
    additive: float
    one_locus: float
    interaction: float
    full_vs_one: float
    additive_vs_one: float
    spike: bool


@dataclass(frozen=True, slots=True)
class TwoQTLScan:
    """LOD scores of pairs of positions.

    Attributes
    ----------
    trait, method
        As asked for.
    chromosomes
        Names; ``chromosome`` indexes them.
    is_x
        bool (chromosome,)
    chromosome, position, names, entropy
        (position,), as in :class:`~genem.qtl.Scan`.
    markers_before
        int64 (position,): markers of the chromosome up to and including the position.
    one_locus
        float64 (position,): LOD score of a single locus.
    one_beside_x
        float64 (position,): the same against the null model of the X chromosome, as pairs with the X need it.
    first, second
        int32 (pair,): positions.
    full, additive
        float64 (pair,): LOD scores of the model with and without interaction.
    n_iter
        int64 (pair, 2): EM steps of the additive and the full model.
    status
        int8 (pair, 2): how they ended, a :class:`~genem.em.Status`.
    spike
        bool (pair,): full LOD of EM suspiciously above that of Haley-Knott where little is known.
    n_individuals
        With the trait, its covariates and weight known.
    """

    trait: str
    method: TwoQTLMethod
    chromosomes: tuple[str, ...]
    is_x: NDArray[np.bool_]
    chromosome: NDArray[np.int32]
    position: Floats
    names: tuple[str, ...]
    entropy: Floats
    markers_before: NDArray[np.int64]
    one_locus: Floats
    one_beside_x: Floats
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    full: Floats
    additive: Floats
    n_iter: NDArray[np.int64]
    status: NDArray[np.int8]
    spike: NDArray[np.bool_]
    n_individuals: int

    def __len__(self) -> int:
        return len(self.first)

    @property
    def interaction(self) -> Floats:
        """float64 (pair,): full - additive."""
        return self.full - self.additive

    @property
    def best_one(self) -> Floats:
        """float64 (pair,): the highest LOD score of a single locus on the two chromosomes."""
        highest = self._highest_one()
        return highest[self.chromosome[self.first], self.chromosome[self.second]]

    @property
    def full_vs_one(self) -> Floats:
        """float64 (pair,): evidence for a second locus, interaction allowed for."""
        return self.full - self.best_one

    @property
    def additive_vs_one(self) -> Floats:
        """float64 (pair,): evidence for a second locus without interaction."""
        return self.additive - self.best_one

    def separated(self, min_markers: int) -> NDArray[np.bool_]:
        """bool (pair,): on different chromosomes, or with so many markers between the positions or at them."""
        apart = self.chromosome[self.first] != self.chromosome[self.second]
        between = self.markers_before[self.second] - self.markers_before[self.first]
        return np.asarray(apart | (between >= min_markers))

    def summary(self, *, min_markers: int = 0) -> tuple[PairPeak, ...]:
        """The best pair of positions for every pair of chromosomes, in map order.

        Parameters
        ----------
        min_markers
            Pairs on the same chromosome count if so many markers lie between them, or at the second position: closer
            pairs are told apart by few recombinants, and their LOD scores mean little.
        """
        highest = self._highest_one()
        usable = self.separated(min_markers)
        pair = self.chromosome[self.first].astype(np.int64) * len(self.chromosomes) + self.chromosome[self.second]
        peaks = []
        for number in np.unique(pair[usable]).tolist():
            among = np.flatnonzero((pair == number) & usable)
            a, b = divmod(number, len(self.chromosomes))
            best_full, best_additive = (among[int(lod[among].argmax())] for lod in (self.full, self.additive))
            full, additive = float(self.full[best_full]), float(self.additive[best_additive])
            single = float(highest[a, b])
            peaks.append(
                PairPeak(
                    (self.chromosomes[a], self.chromosomes[b]),
                    self._at(best_full),
                    full,
                    self._at(best_additive),
                    additive,
                    single,
                    full - additive,
                    full - single,
                    additive - single,
                    bool(self.spike[best_full]),
                )
            )
        return tuple(peaks)

    def _at(self, pair: int) -> tuple[float, float]:
        return float(self.position[self.first[pair]]), float(self.position[self.second[pair]])

    def _highest_one(self) -> Floats:
        """Highest one-locus LOD score of pairs of chromosomes, under the null model of the pair."""
        index = np.arange(len(self.chromosomes))
        best = np.array([self.one_locus[self.chromosome == k].max() for k in index])
        beside_x = np.array([self.one_beside_x[self.chromosome == k].max() for k in index])
        with_x = self.is_x[:, None] | self.is_x
        return np.asarray(np.where(with_x, np.maximum.outer(beside_x, beside_x), np.maximum.outer(best, best)))


def scan_two(
    cross: Cross,
    linked: Sequence[LinkedGenotypes],
    trait: str,
    *,
    method: TwoQTLMethod = "em",
    addcovar: Sequence[str] = (),
    intcovar: Sequence[str] = (),
    weights: str | None = None,
    max_iter: int = MAX_ITER,
) -> TwoQTLScan:
    r"""Test all pairs of positions for two quantitative trait loci.

    Given genotypes j and k at the two positions, the trait is normal around :math:`\mu_{jk} + x' b` in the full model
    and around :math:`\mu + \alpha_j + \beta_k + x' b` in the additive one. The genotypes have the joint probabilities
    :math:`p_{ijk}` that the markers give: along a chromosome by its Markov chain, between chromosomes their product.
    ``em`` maximises the likelihood of the mixture over all pairs of genotypes, started from one M-step under these
    probabilities; ``hk`` regresses on them. LOD scores are against the model without any locus. Covariates that
    interact do so with both loci and, in the full model, with their interaction. On the X chromosome the genotypes are
    split by sex and direction and the null model of every pair with the X has their indicators, as in
    :func:`~genem.qtl.scan`. Joint probabilities are made as they are needed: memory grows with the result only.

    Parameters
    ----------
    cross, addcovar, intcovar, weights
        As in :func:`~genem.qtl.scan`.
    linked
        Joint genotype probabilities: :func:`~genem.qtl.joint_genotypes`.
    trait
        Its name; normal.
    method
        ``em`` or ``hk``.
    max_iter
        Most EM steps per pair and model.

    Returns
    -------
    TwoQTLScan

    Raises
    ------
    InputError
        As in :func:`~genem.qtl.scan`, or there are fewer than two positions.
    UsageError
        An unknown column or method.

    Warns
    -----
    SpikeWarning
        EM found pairs that Haley-Knott regression does not see, where genotypes are badly known.

    References
    ----------
    Haley & Knott (1992), Heredity 69:315, doi:10.1038/hdy.1992.131. Broman & Sen (2009), A Guide to QTL Mapping with
    R/qtl, ch. 8.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import joint_genotypes
    >>> genetic_map = GeneticMap(("1", "2"), ("M1", "M2"), np.array([0, 1], np.int32), np.zeros(2))
    >>> calls = np.array([[1, 1], [1, 2], [2, 1], [2, 2]] * 3, np.int8)
    >>> trait = {"y": np.array([1.0, 2.0, 2.1, 3.0, 1.1, 2.2, 1.9, 3.1, 0.9, 1.8, 2.0, 2.9])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdefghijkl"), genetic_map, calls, trait, {})
    >>> found = scan_two(cross, joint_genotypes(cross), "y", method="hk")
    >>> found.full.round(2).tolist(), found.additive.round(2).tolist(), found.one_locus.round(2).tolist()
    ([9.85], [9.85], [1.75, 1.75])
    """
    if method not in get_args(TwoQTLMethod):
        raise UsageError(f"method {method!r} is not one of {', '.join(get_args(TwoQTLMethod))}")
    values = numbers(cross, trait, "trait")
    sample = sample_of(cross, values, addcovar, intcovar, weights, name=trait)
    response = response_of(values[sample.keep], trait, "normal")
    kept = tuple(each.select(sample.keep) for each in linked)
    check_pairs(kept, sample)
    rule = default_rule(max_iter)._replace(
        objective_tolerance=OBJECTIVE_TOLERANCE, residual_tolerance=RESIDUAL_TOLERANCE
    )
    designs = {False: sample.autosomes, True: sample.x}
    models = {x: pair_model(design, sample.weights, response[:, None]) for x, design in designs.items()}
    null = {x: _null(sample, x, response, kept) for x in models} if method == "em" else {}
    pieces: list[tuple[NDArray[Any], ...]] = []
    starts = np.cumsum([0, *(len(each.grid) for each in kept)])
    for block in pair_blocks(kept):
        first, second = kept[block.a], kept[block.b]
        with_x = first.is_x or second.is_x
        additive, full, joint = pairs_by_regression(models[with_x], kept, block)
        lods = np.hstack([additive, full])
        n_iter, status = np.zeros(lods.shape, np.int64), np.zeros(lods.shape, np.int8)
        if method == "em":
            n_states = (len(first.states), len(second.states))
            design = models[with_x].design
            reached, n_iter, status = pairs_by_em(design, response, sample.weights, n_states, joint, rule)
            lods = (reached - null[with_x]) / LN10
        pieces.append((block.pairs + starts[[block.a, block.b]], lods, full[:, 0], n_iter, status))
    pairs, *found = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    lods, compared, n_iter, status = (values[order] for values in found)
    return _assembled(kept, trait, method, sample, response, lods, compared, n_iter, status)


def check_pairs(linked: Sequence[LinkedGenotypes], sample: Sample) -> None:
    """Refuse fewer than two positions, or more parameters than individuals."""
    n_positions = sum(len(each.grid) for each in linked)
    if n_positions < 2:
        raise InputError(
            f"two loci need two positions, {n_positions} found", remedy="take a smaller step or more chromosomes"
        )
    n = int(sample.keep.sum())
    n_states = max(len(each.states) for each in linked)
    n_parameters = n_states**2 * sample.autosomes.own.shape[1] + sample.autosomes.shared.shape[1] + 1
    if n <= n_parameters:
        raise InputError(
            f"{n} individuals have the trait, too few for {n_parameters} parameters of two loci",
            remedy="use fewer covariates",
        )


def one_locus_lods(
    linked: Sequence[LinkedGenotypes], sample: Sample, responses: Floats, method: TwoQTLMethod, *, null_of_x: bool
) -> Floats:
    """LOD scores of single loci (position, trait), against the autosomal null model or that of the X chromosome.

    On the X chromosome itself both are the latter.
    """
    found = []
    for each in linked:
        design = one_locus_design(sample, locus_on_x=each.is_x, null_of_x=null_of_x or each.is_x)
        task = Task(each.genotypes.probabilities, design, responses, sample.weights, default_rule())
        fits = haley_knott(task) if method == "hk" else expectation_maximisation(task)
        found.append(fits.lod)
    return np.vstack(found)


def _null(sample: Sample, with_x: bool, response: Floats, linked: Sequence[LinkedGenotypes]) -> float:
    """Log-likelihood of the null model of a pair."""
    design = sample.x if with_x else sample.autosomes
    task = Task(linked[0].genotypes.probabilities, design, response[:, None], sample.weights, default_rule())
    return float(task.null(NORMAL)[0])


def _assembled(
    linked: Sequence[LinkedGenotypes],
    trait: str,
    method: TwoQTLMethod,
    sample: Sample,
    response: Floats,
    lods: Floats,
    compared: Floats,
    n_iter: NDArray[np.int64],
    status: NDArray[np.int8],
) -> TwoQTLScan:
    sizes = [len(each.grid) for each in linked]
    entropy = np.concatenate([missing_information(each.genotypes) for each in linked])
    first, second = np.triu_indices(sum(sizes), 1)
    doubtful = (entropy[first] + entropy[second]) / 2.0 > SPIKE_ENTROPY
    spike = (lods[:, 1] - compared > SPIKE_LOD) & doubtful
    single, beside_x = (
        one_locus_lods(linked, sample, response[:, None], method, null_of_x=with_x)[:, 0] for with_x in (False, True)
    )
    found = TwoQTLScan(
        trait=trait,
        method=method,
        chromosomes=tuple(each.chromosome for each in linked),
        is_x=np.array([each.is_x for each in linked]),
        chromosome=np.repeat(np.arange(len(linked), dtype=np.int32), sizes),
        position=np.concatenate([each.grid.position for each in linked]),
        names=tuple(name for each in linked for name in each.grid.names),
        entropy=entropy,
        markers_before=np.concatenate([each.markers_before for each in linked]),
        one_locus=single,
        one_beside_x=beside_x,
        first=first.astype(np.int32),
        second=second.astype(np.int32),
        full=np.ascontiguousarray(lods[:, 1]),
        additive=np.ascontiguousarray(lods[:, 0]),
        n_iter=n_iter,
        status=status,
        spike=np.asarray(spike),
        n_individuals=len(response),
    )
    if spike.any():
        worst = int(np.where(spike, found.full, -np.inf).argmax())
        a, b = int(first[worst]), int(second[worst])
        warnings.warn(
            f"trait {trait}: LOD {found.full[worst]:.2f} of {found.names[a]} and {found.names[b]} by EM, "
            f"{compared[worst]:.2f} by Haley-Knott regression, where "
            f"{50 * (entropy[a] + entropy[b]):.0f} % of the genotype information is missing; so for {spike.sum()} of "
            f"{len(found)} pairs: probably the mixture fits the trait's distribution, not loci",
            SpikeWarning,
            stacklevel=3,
        )
    return found
