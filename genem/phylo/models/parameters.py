"""The free parameters of models as coordinates in a box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genem.phylo.models.partition import Partition
from genem.phylo.models.substitution import Model

__all__ = ["model_bounds", "pack_model", "pack_partitions", "partition_bounds", "unpack_model", "unpack_partitions"]

Vector = NDArray[np.float64]

LOG_RATE_BOUNDS = (math.log(1e-5), math.log(1e4))
LOG_FREQUENCY_BOUNDS = (-math.log(1e9), math.log(1e9))
"""Wide enough for frequencies of letters that were never counted."""
LARGEST_ALPHA = 1e8
LOG_ALPHA_BOUNDS = (math.log(0.02), math.log(LARGEST_ALPHA))
"""So large a shape is no longer told from equal rates: a model never loses to one nested in it."""
INVARIANT_BOUNDS = (0.0, 0.99)
LOG_WEIGHT_BOUNDS = (-math.log(1e5), math.log(1e5))
SMALLEST_FREE_RATE = 1e-12
LOG_FREE_RATE_BOUNDS = (math.log(SMALLEST_FREE_RATE), -math.log(SMALLEST_FREE_RATE))
"""The slowest category over the fastest is no longer told from invariant sites."""


def pack_model(model: Model) -> Vector:
    """Coordinates of what is free, in this order: logarithms of rates, of frequencies over the last, of alpha; the
    proportion of invariant sites; logarithms of the weights, then of the rates, of free categories over the first.

    Examples
    --------
    >>> from genem.phylo.models.specifications import parse_model
    >>> pack_model(Model(parse_model("HKY+G4+I"), np.array([np.e]), np.full(4, 0.25), 1.0, 0.2))
    array([1. , 0. , 0.2])
    """
    specification = model.specification
    parts: list[Vector] = []
    if specification.rate_values is None:
        parts.append(np.log(np.maximum(model.rate_values, math.exp(LOG_RATE_BOUNDS[0]))))
    if specification.frequency_rule == "optimised":
        parts.append(np.log(model.frequency[:-1] / model.frequency[-1]))
    if specification.heterogeneity == "gamma" and specification.alpha is None:
        parts.append(np.array([math.log(model.alpha)]))
    if specification.has_invariant and specification.invariant is None:
        parts.append(np.array([model.invariant]))
    if specification.heterogeneity == "free" and specification.free_rates is None:
        parts.append(np.log(model.free_weight[1:] / model.free_weight[0]))
        parts.append(np.log(model.free_rate[1:] / model.free_rate[0]))
    lower, upper = model_bounds(model)
    vector: Vector = np.concatenate([*parts, np.empty(0)])
    return vector.clip(lower, upper)


def unpack_model(model: Model, vector: Vector) -> Model:
    """``model`` with the values of its free parameters replaced."""
    specification = model.specification
    values = iter(np.asarray(vector, dtype=np.float64).tolist())
    if specification.rate_values is None:
        model = replace(model, rate_values=np.array([math.exp(next(values)) for _ in model.rate_values]))
    if specification.frequency_rule == "optimised":
        ratios = np.exp(np.array([next(values) for _ in range(model.n_states - 1)] + [0.0]))
        model = replace(model, frequency=ratios / ratios.sum())
    if specification.heterogeneity == "gamma" and specification.alpha is None:
        model = replace(model, alpha=math.exp(next(values)))
    if specification.has_invariant and specification.invariant is None:
        model = replace(model, invariant=next(values))
    if specification.heterogeneity == "free" and specification.free_rates is None:
        n_others = specification.n_categories - 1
        weight = np.exp(np.array([0.0] + [next(values) for _ in range(n_others)]))
        rate = np.exp(np.array([0.0] + [next(values) for _ in range(n_others)]))
        weight /= weight.sum()
        model = replace(model, free_weight=weight, free_rate=rate / (weight @ rate))
    return model


def model_bounds(model: Model) -> tuple[Vector, Vector]:
    """Lower and upper bound of every coordinate of :func:`pack_model`."""
    specification = model.specification
    bounds: list[tuple[float, float]] = []
    if specification.rate_values is None:
        bounds += [LOG_RATE_BOUNDS] * len(model.rate_values)
    if specification.frequency_rule == "optimised":
        bounds += [LOG_FREQUENCY_BOUNDS] * (model.n_states - 1)
    if specification.heterogeneity == "gamma" and specification.alpha is None:
        bounds.append(LOG_ALPHA_BOUNDS)
    if specification.has_invariant and specification.invariant is None:
        bounds.append(INVARIANT_BOUNDS)
    if specification.heterogeneity == "free" and specification.free_rates is None:
        bounds += [LOG_WEIGHT_BOUNDS] * (specification.n_categories - 1)
        bounds += [LOG_FREE_RATE_BOUNDS] * (specification.n_categories - 1)
    table = np.array(bounds).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()


def pack_partitions(partitions: Sequence[Partition]) -> Vector:
    """Coordinates of all models, then the logarithms of the partition rates over the first."""
    rates = np.array([partition.rate for partition in partitions])
    return np.concatenate([*(pack_model(partition.model) for partition in partitions), np.log(rates[1:] / rates[0])])


def unpack_partitions(partitions: Sequence[Partition], vector: Vector) -> tuple[Partition, ...]:
    """The partitions with other values; the mean rate over all sites is 1."""
    models, position = [], 0
    for partition in partitions:
        size = len(model_bounds(partition.model)[0])
        models.append(unpack_model(partition.model, vector[position : position + size]))
        position += size
    rates = np.exp(np.append(0.0, vector[position:]))
    n_sites = np.array([partition.patterns.weight.sum() for partition in partitions])
    rates *= n_sites.sum() / (n_sites @ rates) if len(rates) > 1 and n_sites.sum() > 0.0 else partitions[0].rate
    return tuple(
        replace(partition, model=model, rate=float(rate))
        for partition, model, rate in zip(partitions, models, rates, strict=True)
    )


def partition_bounds(partitions: Sequence[Partition]) -> tuple[Vector, Vector]:
    """Bounds of :func:`pack_partitions`."""
    lower, upper = zip(*(model_bounds(partition.model) for partition in partitions), strict=True)
    rates = np.tile(LOG_RATE_BOUNDS, (len(partitions) - 1, 1))
    return np.concatenate([*lower, rates[:, 0]]), np.concatenate([*upper, rates[:, 1]])
