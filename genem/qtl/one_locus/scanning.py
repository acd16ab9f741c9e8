"""Scans of the genome for quantitative trait loci, one at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genem.data import Cross
from genem.errors import InputError, UsageError
from genem.qtl.genotypes.probabilities import ChromosomeDraws, ChromosomeGenotypes, called_genotypes
from genem.qtl.one_locus.design import Sample, numbers, sample_of, standardised
from genem.qtl.one_locus.methods import (
    Fits,
    Task,
    check_null,
    expectation_maximisation,
    extended_haley_knott,
    haley_knott,
    imputation,
    logistic_haley_knott,
    marker_regression,
    rank_based,
    two_part,
)
from genem.qtl.one_locus.trait_kernels import BINARY, NORMAL
from genem.qtl.one_locus.traits import default_rule

__all__ = [
    "Method",
    "Model",
    "Scan",
    "SpikeWarning",
    "check_request",
    "fit_task",
    "missing_information",
    "response_of",
    "scan",
]

Floats = NDArray[np.float64]
Method = Literal["em", "hk", "ehk", "mr", "imp"]
Model = Literal["normal", "binary", "np", "2part"]

PARTS = {"2part": ("binary", "normal")}
AT_ONCE = 128
"""Traits that are scanned together: bounds what is needed beside the result."""
SPIKE_LOD = 2.0
"""How far EM may exceed Haley-Knott where much information is missing."""
SPIKE_ENTROPY = 0.25


class SpikeWarning(UserWarning):
    """A LOD score of EM that is probably an artefact of the mixture, not a locus."""


@dataclass(frozen=True, slots=True)
class Scan:
    """LOD scores along the genome.

    Attributes
    ----------
    traits
        Names of the traits, in array order.
    method, model
        As asked for.
    chromosomes
        Names; ``chromosome`` indexes them.
    chromosome
        int32 (position,)
    position
        float64 (position,), in cM.
    names
        Names of the positions.
    is_marker
        bool (position,)
    lod
        float64 (position, trait)
    parts
        Of a two-part model: ``binary`` and ``normal``, each part tested given the other; float64 (position, trait).
    entropy
        float64 (position,): missing information, 0 where all genotypes are known, 1 where nothing is.
    n_iter
        int64 (position, trait): EM steps.
    status
        int8 (position, trait): how each fit ended, a :class:`~genem.em.Status`.
    spike
        bool (position, trait): LOD of EM suspiciously above that of Haley-Knott where little is known.
    n_individuals
        int64 (trait,): with the trait, its covariates and weight known.
    """

    traits: tuple[str, ...]
    method: Method
    model: Model
    chromosomes: tuple[str, ...]
    chromosome: NDArray[np.int32]
    position: Floats
    names: tuple[str, ...]
    is_marker: NDArray[np.bool_]
    lod: Floats
    parts: dict[str, Floats]
    entropy: Floats
    n_iter: NDArray[np.int64]
    status: NDArray[np.int8]
    spike: NDArray[np.bool_]
    n_individuals: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def on(self, chromosome: str) -> NDArray[np.intp]:
        """The positions on a chromosome."""
        if chromosome not in self.chromosomes:
            raise UsageError(f"no chromosome {chromosome} among {', '.join(self.chromosomes)}")
        return np.flatnonzero(self.chromosome == self.chromosomes.index(chromosome))


def scan(
    cross: Cross,
    genotypes: Sequence[ChromosomeGenotypes],
    traits: str | Sequence[str],
    *,
    method: Method = "em",
    model: Model = "normal",
    addcovar: Sequence[str] = (),
    intcovar: Sequence[str] = (),
    weights: str | None = None,
    draws: Sequence[ChromosomeDraws] | None = None,
    max_iter: int = 10_000,
) -> Scan:
    r"""Test every position for one quantitative trait locus.

    Given genotype j, the trait of individual i is :math:`y_i \sim N(\mu_j + x_i' b + z_i' c_j, \sigma^2 / w_i)`, with
    additive covariates x, covariates z that interact with the genotype, and weights w; the genotype is j with the
    probability :math:`p_{ij}` that the markers give. ``em`` maximises the likelihood of this mixture by EM (started
    from the weights :math:`p_{ij}`, accelerated by SQUAREM); ``hk`` regresses on the probabilities, ``ehk`` heeds the
    variance they imply, too; ``mr`` takes at each marker the individuals typed there; ``imp`` averages the likelihood
    ratios of regressions on imputed genotypes. The LOD score is log10 of the likelihood ratio to the model without
    the locus, which keeps the additive covariates and, on the X chromosome, gains indicators of sex and of direction.

    Parameters
    ----------
    cross
        The cross.
    genotypes
        Its genotype probabilities (``mr`` looks at the calls of the cross instead).
    traits
        Names of one or several traits. Individuals that lack a trait (or a covariate) are left out for it; those
        without genotypes keep their prior probabilities.
    method
        ``em``, ``hk``, ``mr``, or, of normal traits, ``ehk`` or ``imp``; no matter for ``np``, always ``em`` for
        ``2part``.
    model
        ``normal``; ``binary`` for 0/1 traits (logistic in the covariates); ``np`` for ranks (Kruskal-Wallis);
        ``2part`` for a trait with many individuals at its largest value (the spike) and normal below it.
    addcovar
        Names of additive covariates.
    intcovar
        Names of covariates that interact with the genotype; they are additive covariates, too.
    weights
        The column of weights, above 0. For ``normal``.
    draws
        Imputed genotypes at the positions of ``genotypes``, for ``imp``: :func:`~genem.qtl.genotype_draws`.
    max_iter
        Most EM steps per position.

    Returns
    -------
    Scan

    Raises
    ------
    InputError
        A trait is not numeric, constant or all missing (or not 0/1 where ``binary``); a covariate is constant or
        collinear; there are no more individuals than parameters.
    UsageError
        An unknown column, method or model, or covariates where the model has none.

    Warns
    -----
    SpikeWarning
        EM found a peak that Haley-Knott regression does not see, where genotypes are badly known: usually the mixture
        fits the shape of the trait's distribution, not a locus.

    References
    ----------
    Lander & Botstein (1989), Genetics 121:185, doi:10.1093/genetics/121.1.185. Haley & Knott (1992), Heredity 69:315,
    doi:10.1038/hdy.1992.131. Feenstra et al. (2006), doi:10.1534/genetics.106.058537. Broman et al. (2006), Genetics
    174:2151, doi:10.1534/genetics.106.061176. Sen & Churchill (2001), doi:10.1093/genetics/159.1.371. Kruglyak &
    Lander (1995), doi:10.1093/genetics/139.3.1421. Broman (2003), doi:10.1093/genetics/163.3.1169.

    Examples
    --------
    >>> from genem.data import GeneticMap
    >>> from genem.qtl import genotype_probabilities
    >>> genetic_map = GeneticMap(("1",), ("M1", "M2"), np.zeros(2, np.int32), np.array([0.0, 10.0]))
    >>> calls = np.array([[1, 1], [1, 2], [2, 2], [2, 2], [1, 1], [2, 1]], np.int8)
    >>> trait = {"y": np.array([1.0, 1.2, 2.1, 1.8, 0.9, 2.2])}
    >>> cross = Cross("bc", ("A", "B"), tuple("abcdef"), genetic_map, calls, trait, {})
    >>> found = scan(cross, genotype_probabilities(cross, step=5), "y", method="hk")
    >>> found.names, found.lod[:, 0].round(2).tolist()
    (('M1', 'c1.loc5', 'M2'), [3.26, 1.23, 0.14])
    """
    names = (traits,) if isinstance(traits, str) else tuple(dict.fromkeys(traits))
    check_request(names, method, model, (*addcovar, *intcovar), weights)
    imputed = {genotyped.chromosome: genotyped for genotyped in draws or ()}
    if method == "imp" and not all(_match(genotyped, imputed.get(genotyped.chromosome)) for genotyped in genotypes):
        raise UsageError("method imp needs imputed genotypes at the positions of the genotype probabilities")
    values = {name: numbers(cross, name, "trait") for name in names}
    rule = default_rule(max_iter)
    if method == "mr":
        genotypes = called_genotypes(cross)
    found = _empty_scan(genotypes, names, method, model)
    ends = np.cumsum([len(genotyped.grid) for genotyped in genotypes])
    column_of = {name: column for column, name in enumerate(names)}
    for group, sample in _samples(cross, values, addcovar, intcovar, weights):
        for start in range(0, len(group), AT_ONCE):
            some = group[start : start + AT_ONCE]
            columns = [column_of[name] for name in some]
            responses = np.column_stack([response_of(values[name][sample.keep], name, model) for name in some])
            check_null(sample, responses, some, with_x=any(genotyped.is_x for genotyped in genotypes))
            found.n_individuals[columns] = len(responses)
            compared = np.empty((len(found), len(some)))
            for genotyped, end in zip(genotypes, ends.tolist(), strict=True):
                probabilities = np.ascontiguousarray(genotyped.probabilities[:, sample.keep])
                task = Task(probabilities, sample.design(genotyped), responses, sample.weights, rule)
                _check_size(task)
                strata = sample.strata if genotyped.is_x else np.zeros(len(responses), np.int64)
                if method == "imp":
                    fits = imputation(task, imputed[genotyped.chromosome].draws[:, sample.keep])
                else:
                    fits = fit_task(task, method, model, strata)
                place = slice(end - len(genotyped.grid), end)
                _fill_in(found, fits, place, columns)
                doubtful = method == "em" and model == "normal"
                compared[place] = haley_knott(task).lod if doubtful else fits.lod
            _mark_spikes(found, columns, compared)
    return found


def _match(genotypes: ChromosomeGenotypes, draws: ChromosomeDraws | None) -> bool:
    """Whether both are about the same positions and genotypes."""
    return draws is not None and draws.grid.names == genotypes.grid.names and draws.states == genotypes.states


def _samples(
    cross: Cross, values: dict[str, Floats], addcovar: Sequence[str], intcovar: Sequence[str], weights: str | None
) -> list[tuple[list[str], Sample]]:
    """Traits known for the same individuals together."""
    groups: dict[bytes, list[str]] = {}
    for name, trait in values.items():
        groups.setdefault(np.isfinite(trait).tobytes(), []).append(name)
    return [
        (group, sample_of(cross, values[group[0]], addcovar, intcovar, weights, name=group[0]))
        for group in groups.values()
    ]


def response_of(values: Floats, name: str, model: Model) -> Floats:
    """The trait as the model takes it: 0/1 as it is, else standardised."""
    if not (values != values[0]).any():
        raise InputError(f"trait {name} is constant")
    if model == "binary":
        if not np.isin(values, (0.0, 1.0)).all():
            found = values[~np.isin(values, (0.0, 1.0))][0]
            raise InputError(f"trait {name} holds {found:g}, 0 or 1 expected of a binary trait")
        return values
    if model == "2part":
        _check_spike(values, name)
    return standardised(values)[0]


def _check_spike(values: Floats, name: str) -> None:
    """A two-part trait has several individuals at its largest value, and various values below."""
    below = values[values < values.max()]
    if len(below) + 1 == len(values):
        raise InputError(
            f"trait {name} has no spike: one individual alone has the largest value, {values.max():g}",
            remedy="use --model normal",
        )
    if not (below != below[0]).any():
        raise InputError(
            f"trait {name} has one value alone below its largest, {below[0]:g}",
            remedy="code it 0, 1 for --model binary",
        )


def fit_task(task: Task, method: Method, model: Model, strata: NDArray[np.int64]) -> Fits:
    """The LOD scores of one chromosome by one method."""
    if model == "np":
        return rank_based(task, strata)
    if model == "2part":
        traits = [task.responses[:, [k]] for k in range(task.responses.shape[1])]
        each = [
            two_part(Task(task.probabilities, task.design, y, task.weights, task.rule), y[:, 0] == y.max())
            for y in traits
        ]
        return _side_by_side(each)
    if method == "mr":
        return marker_regression(task, binary=model == "binary")
    if method == "ehk":
        return extended_haley_knott(task)
    if method == "hk":
        return logistic_haley_knott(task) if model == "binary" else haley_knott(task)
    return expectation_maximisation(task, BINARY if model == "binary" else NORMAL)


def _side_by_side(each: list[Fits]) -> Fits:
    return Fits(
        np.hstack([fits.lod for fits in each]),
        np.hstack([fits.n_iter for fits in each]),
        np.hstack([fits.status for fits in each]),
        {part: np.hstack([fits.parts[part] for fits in each]) for part in each[0].parts},
    )


def check_request(
    names: Sequence[str], method: str, model: str, covariates: Sequence[str], weights: str | None
) -> None:
    if not names:
        raise UsageError("no trait is asked for")
    if method not in get_args(Method):
        raise UsageError(f"method {method!r} is not one of {', '.join(get_args(Method))}")
    if model not in get_args(Model):
        raise UsageError(f"model {model!r} is not one of {', '.join(get_args(Model))}")
    if model in ("np", "2part") and covariates:
        raise UsageError(f"the model {model} takes no covariates")
    if model != "normal" and weights is not None:
        raise UsageError(f"the model {model} takes no weights")
    if model == "2part" and method != "em":
        raise UsageError("a two-part model is fitted by em")
    if (method in ("ehk", "imp") and model != "normal") or (method == "mr" and model == "np"):
        raise UsageError(f"method {method} is not for the model {model}")


def _check_size(task: Task) -> None:
    n, n_states = task.probabilities.shape[1:]
    n_parameters = n_states * task.design.own.shape[1] + task.design.shared.shape[1] + 1
    if n <= n_parameters:
        covariates = task.design.own_names or task.design.shared_names
        raise InputError(
            f"{n} individuals have the trait, too few for {n_parameters} parameters",
            remedy="use fewer covariates" if covariates else None,
        )


def missing_information(genotyped: ChromosomeGenotypes) -> Floats:
    """Mean entropy of the genotypes at each position over that without any calls."""
    p = np.nan_to_num(genotyped.probabilities)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(p > 0.0, p * np.log(p), 0.0).sum(axis=2)
    prior = 1.5 * math.log(2.0) if len(genotyped.states) == 3 and not genotyped.is_x else math.log(2.0)
    return np.asarray(entropy.mean(axis=1) / prior)


def _empty_scan(genotypes: Sequence[ChromosomeGenotypes], names: tuple[str, ...], method: Method, model: Model) -> Scan:
    """A scan that is to be filled in."""
    shape = (sum(len(genotyped.grid) for genotyped in genotypes), len(names))
    return Scan(
        traits=names,
        method=method,
        model=model,
        chromosomes=tuple(genotyped.chromosome for genotyped in genotypes),
        chromosome=np.repeat(
            np.arange(len(genotypes), dtype=np.int32), [len(genotyped.grid) for genotyped in genotypes]
        ),
        position=np.concatenate([genotyped.grid.position for genotyped in genotypes]),
        names=tuple(name for genotyped in genotypes for name in genotyped.grid.names),
        is_marker=np.concatenate([genotyped.grid.marker for genotyped in genotypes]) >= 0,
        lod=np.empty(shape),
        parts={part: np.empty(shape) for part in PARTS.get(model, ())},
        entropy=np.concatenate([missing_information(genotyped) for genotyped in genotypes]),
        n_iter=np.empty(shape, np.int64),
        status=np.empty(shape, np.int8),
        spike=np.zeros(shape, np.bool_),
        n_individuals=np.empty(len(names), np.int64),
    )


def _fill_in(found: Scan, fits: Fits, rows: slice, columns: Sequence[int]) -> None:
    """One chromosome and some traits."""
    found.lod[rows, columns] = fits.lod
    found.n_iter[rows, columns] = fits.n_iter
    found.status[rows, columns] = fits.status
    for part, lod in fits.parts.items():
        found.parts[part][rows, columns] = lod


def _mark_spikes(found: Scan, columns: Sequence[int], compared: Floats) -> None:
    """Find, and warn of, LOD scores far above those ``compared`` where little is known."""
    lod = found.lod[:, columns]
    spike = (lod - compared > SPIKE_LOD) & (found.entropy > SPIKE_ENTROPY)[:, None]
    found.spike[:, columns] = spike
    for k in np.flatnonzero(spike.any(axis=0)).tolist():
        worst = int(np.where(spike[:, k], lod[:, k], -math.inf).argmax())
        warnings.warn(
            f"trait {found.traits[columns[k]]}: LOD {lod[worst, k]:.2f} at {found.names[worst]} by EM, "
            f"{compared[worst, k]:.2f} by Haley-Knott regression, where {100 * found.entropy[worst]:.0f} % of the "
            "genotype information is missing: probably the mixture fits the trait's distribution, not a locus",
            SpikeWarning,
            stacklevel=3,
        )
