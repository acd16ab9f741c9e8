"""Standard errors of branch lengths and model parameters, from the observed information of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.em import identify
from genem.phylo.fitting.optimisation import Estimate, TreeModel
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.parameters import pack_partitions, unpack_partitions
from genem.phylo.models.partition import Partition
from genem.phylo.models.substitution import DNA_PAIRS, Model

__all__ = ["ModelParameter", "StandardErrors", "model_parameters", "standard_errors"]

Vector = NDArray[np.float64]

NEAR_BOUND = 1e-3  # distance to its bound below which a packed coordinate has no standard error
LEAST_INFORMATION = 1e-3
"""Information about a packed coordinate below which it is held where it is and has no standard error."""
LARGEST_SHARE = 1e-4
"""Share of square length along directions that are not identified above which a coordinate has no standard error."""
DEPENDS = 0.1
"""A value that changes by this share of itself per unit of a coordinate without an error has none either."""
STEP = 1e-5  # of the differences that make the derivatives of values by packed coordinates


@dataclass(frozen=True)
class ModelParameter:
    """One value of a model, in its usual unit.

    Attributes
    ----------
    name
        ``rate_AC``, ``kappa``, ``frequency_A``, ``alpha``, ``invariant``, ``weight_1``, ``rate_1``, ``partition_rate``.
    partition
        Number of the partition.
    value
        The estimate, or what was given.
    is_free
        Whether the likelihood decided on it; frequencies that were counted are not free in this sense.
    standard_error
        NaN where it is not free, on its bound, or not identified.
    """

    name: str
    partition: int
    value: float
    is_free: bool
    standard_error: float = float("nan")


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors of a fit.

    Attributes
    ----------
    lengths
        float64 (node,): of the branch lengths; NaN for lengths that were fixed, are on their bound or not identified.
    parameters
        Of the models, partition by partition.
    """

    lengths: Vector
    parameters: tuple[ModelParameter, ...]


def standard_errors(likelihood: TreeLikelihood, tree: Tree, *, fix_branches: bool = False) -> StandardErrors:
    """Standard errors at a maximum of the likelihood.

    The inverse of minus the second derivatives in packed coordinates, without those on a bound, carried to the usual
    units by the delta method. Efron & Hinkley (1978), doi:10.1093/biomet/65.3.457.

    Parameters
    ----------
    likelihood
        The alignment, and models at their estimates.
    tree
        With its taxa numbered as in ``likelihood`` and its lengths at their estimates.
    fix_branches
        The lengths were not estimated.

    Returns
    -------
    StandardErrors

    Examples
    --------
    Frequencies of a single sequence have the errors of a multinomial, sqrt(p (1 - p) / n):

    >>> from genem.data import Alignment
    >>> from genem.phylo import evaluate, star_tree
    >>> letters = np.frombuffer(b"A" * 30 + b"C" * 20 + b"G" * 40 + b"T" * 10, np.uint8)[None, :]
    >>> fit = evaluate(Alignment(("a",), letters, "dna"), star_tree(("a",)), "F81+FO")
    >>> for each in standard_errors(TreeLikelihood(fit.partitions), fit.tree).parameters:
    ...     print(each.name, round(each.value, 3), round(each.standard_error, 4))
    frequency_A 0.3 0.0458
    frequency_C 0.2 0.04
    frequency_G 0.4 0.049
    frequency_T 0.1 0.03
    """
    free = np.full(len(tree), not fix_branches)
    model = TreeModel(likelihood, tree, free)
    centre = Estimate(tree.length, pack_partitions(likelihood.partitions))
    covariance, known = _covariance(model, centre)
    n_edges = int(model.free.sum())
    lengths = np.full(len(tree), np.nan)
    of_lengths = np.sqrt(np.maximum(np.diag(covariance)[:n_edges], 0.0)) * tree.length[model.free]
    lengths[model.free] = np.where(known[:n_edges], of_lengths, np.nan)
    errors = _natural_errors(likelihood.partitions, centre.coordinates, covariance[n_edges:, n_edges:], known[n_edges:])
    parameters = tuple(
        ModelParameter(each.name, each.partition, each.value, each.is_free, float(error) if each.is_free else np.nan)
        for each, error in zip(model_parameters(likelihood.partitions), errors, strict=True)
    )
    return StandardErrors(lengths, parameters)


def model_parameters(partitions: Sequence[Partition]) -> tuple[ModelParameter, ...]:
    """All values of the models, without standard errors.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo import make_partitions
    >>> letters = np.array([list(b"AACCT"), list(b"AACGT")], np.uint8)
    >>> for each in model_parameters(make_partitions(Alignment(("a", "b"), letters, "dna"), "K80{2}+G4")):
    ...     print(each.name, each.value, each.is_free)
    kappa 2.0 False
    frequency_A 0.25 False
    frequency_C 0.25 False
    frequency_G 0.25 False
    frequency_T 0.25 False
    alpha 0.5 True
    """
    found = []
    for number, partition in enumerate(partitions):
        names = _names(partition)
        found += [ModelParameter(name, number, value, is_free) for name, value, is_free in names]
        if len(partitions) > 1:
            found.append(ModelParameter("partition_rate", number, partition.rate, True))
    return tuple(found)


def _names(partition: Partition) -> list[tuple[str, float, bool]]:
    """Name, value, and whether it is free, of everything in one model."""
    model, specification = partition.model, partition.model.specification
    listed = [
        (name, float(value), specification.rate_values is None)
        for name, value in zip(_rate_names(model), model.rate_values, strict=True)
    ]
    states = partition.patterns.alphabet.states
    is_free = specification.frequency_rule == "optimised"
    listed += [(f"frequency_{state}", float(f), is_free) for state, f in zip(states, model.frequency, strict=True)]
    if specification.heterogeneity == "gamma":
        listed.append(("alpha", float(model.alpha), specification.alpha is None))
    if specification.has_invariant:
        listed.append(("invariant", float(model.invariant), specification.invariant is None))
    for kind, values in (("weight", model.free_weight), ("rate", model.free_rate)):
        listed += [(f"{kind}_{k}", float(value), specification.free_rates is None) for k, value in enumerate(values, 1)]
    return listed


def _rate_names(model: Model) -> list[str]:
    specification = model.specification
    if specification.name in ("K80", "HKY"):
        return ["kappa"]
    pairs: dict[str, list[str]] = {digit: [] for digit in specification.free_classes}
    for (x, y), digit in zip(DNA_PAIRS, specification.rate_classes, strict=False):
        if digit in pairs:
            pairs[digit].append("ACGT"[x] + "ACGT"[y])
    return ["rate_" + "_".join(members) for members in pairs.values()]


def _covariance(model: TreeModel, centre: Estimate) -> tuple[Vector, NDArray[np.bool_]]:
    """Covariance of the packed coordinates, 0 for those without an error, and which have one."""
    packed = model.pack(centre)
    lower, upper = model.bounds()
    covariance = np.zeros((len(packed), len(packed)))
    known = np.zeros(len(packed), np.bool_)
    if len(packed) == 0:
        return covariance, known
    inside = np.flatnonzero((packed > lower + NEAR_BOUND) & (packed < upper - NEAR_BOUND))
    information = -model.hessian(centre, inside)
    found = identify(information, least_information=LEAST_INFORMATION, largest_share=LARGEST_SHARE)
    known[inside] = found.is_identified
    covariance[np.ix_(inside, inside)] = (found.directions / found.curvatures) @ found.directions.T
    return covariance, known


def _natural_errors(
    partitions: Sequence[Partition], centre: Vector, covariance: Vector, known: NDArray[np.bool_]
) -> Vector:
    """float64 (parameter,): standard errors of :func:`model_parameters`."""

    def natural(coordinates: Vector) -> Vector:
        return np.array([each.value for each in model_parameters(unpack_partitions(partitions, coordinates))])

    values = natural(centre)
    jacobian = np.empty((len(values), len(centre)))
    for coordinate in range(len(centre)):
        ahead, behind = centre.copy(), centre.copy()
        ahead[coordinate] += STEP
        behind[coordinate] -= STEP
        jacobian[:, coordinate] = (natural(ahead) - natural(behind)) / (ahead[coordinate] - behind[coordinate])
    errors = np.sqrt(np.maximum(np.einsum("pi,ij,pj->p", jacobian, covariance, jacobian), 0.0))
    is_lost = np.any(np.abs(jacobian[:, ~known]) > DEPENDS * np.abs(values)[:, None], axis=1)
    return np.where(is_lost, np.nan, errors)
