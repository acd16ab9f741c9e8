"""Nesting of models, and the values of one carried over to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from genem.phylo.models.parameters import LARGEST_ALPHA, SMALLEST_FREE_RATE
from genem.phylo.models.specifications import ModelSpecification
from genem.phylo.models.substitution import DNA_PAIRS, START_ALPHA, Model

__all__ = ["is_nested", "opened", "transferred"]

Vector = NDArray[np.float64]

SMALLEST_RATE = 1e-5  # exchangeabilities are kept above it where their logarithms are taken
OPENED_SHAPES = (START_ALPHA, 2.0)
"""Shapes to try where a model had no gamma distribution."""
OPENED_SHARES = (0.2, 0.6)
"""Proportions of invariant sites to try where a model had none, of the sites that may be constant."""
SLOW_RATES = (0.02, 0.2)
"""Rates to try for sites that did not change, relative to the mean."""
SPREADS = (0.3, 0.8)
"""How far the halves of a divided category of free rates are pulled apart, relative to its rate."""


def is_nested(inner: ModelSpecification, outer: ModelSpecification) -> bool:
    """Whether every likelihood that ``inner`` can reach, ``outer`` can reach too, or come as near to as one likes.

    Exchangeabilities: classes of ``outer`` refine those of ``inner``; published matrices are nested in themselves only.
    Frequencies: the same rule, or estimated in ``outer``. Frequencies that are counted are not estimates of greatest
    likelihood, so models with equal ones are not nested in models with counted ones. Rates over sites: one rate is in
    all; k gamma categories are in k or more free ones; invariant sites are a free category of rate 0.

    Parameters
    ----------
    inner, outer
        What two model strings say.

    Examples
    --------
    >>> from genem.phylo.models.specifications import parse_model
    >>> def holds(inner, outer):
    ...     return is_nested(parse_model(inner), parse_model(outer))
    >>> holds("HKY+G4", "TIM2+I+G4"), holds("JC", "SYM+R2"), holds("LG+G4", "LG+R4"), holds("JC", "F81+FO")
    (True, True, True, True)
    >>> holds("JC", "F81"), holds("TPM2", "TPM3"), holds("GTR+G4", "GTR+R2"), holds("LG", "WAG")
    (False, False, False, False)
    """
    if (inner.datatype, inner.ascertainment) != (outer.datatype, outer.ascertainment):
        return False
    return _matrix_is_nested(inner, outer) and _frequencies_are_nested(inner, outer) and _rates_are_nested(inner, outer)


def _matrix_is_nested(inner: ModelSpecification, outer: ModelSpecification) -> bool:
    if not inner.rate_classes:
        return inner.name == outer.name
    if outer.rate_values or (inner.rate_values and outer.rate_values is not None):
        return (inner.rate_classes, inner.rate_values) == (outer.rate_classes, outer.rate_values)
    pairs = set(zip(outer.rate_classes, inner.rate_classes, strict=True))
    return len(pairs) == len(set(outer.rate_classes))


def _frequencies_are_nested(inner: ModelSpecification, outer: ModelSpecification) -> bool:
    same = (inner.frequency_rule, inner.frequencies) == (outer.frequency_rule, outer.frequencies)
    return same or outer.frequency_rule == "optimised"


def _rates_are_nested(inner: ModelSpecification, outer: ModelSpecification) -> bool:
    absorbed = inner.has_invariant and not outer.has_invariant
    if absorbed and outer.heterogeneity != "free":
        return False
    if outer.invariant is not None or outer.alpha is not None or outer.free_rates is not None:
        return _rates_of(inner) == _rates_of(outer)
    if inner.heterogeneity == "none":
        return not absorbed or outer.n_categories > 1
    if outer.heterogeneity == "gamma":
        same_rule = (inner.n_categories, inner.gamma_rule) == (outer.n_categories, outer.gamma_rule)
        return inner.heterogeneity == "gamma" and same_rule
    return outer.heterogeneity == "free" and inner.n_categories + int(absorbed) <= outer.n_categories


def _rates_of(specification: ModelSpecification) -> tuple[object, ...]:
    rates = (specification.heterogeneity, specification.n_categories, specification.alpha, specification.free_rates)
    return (
        *rates,
        specification.gamma_rule if specification.heterogeneity == "gamma" else "",
        specification.has_invariant,
        specification.invariant,
    )


def transferred(model: Model, target: Model) -> Model:
    """``target`` with its free parameters as near to ``model`` as they can be.

    Where ``model`` is nested in ``target`` the likelihood stays what it was: one rate is a gamma distribution of the
    largest shape, or free categories of one rate; no invariant sites are a proportion of 0. Else exchangeabilities of
    one class are averaged, and the variance of the rates is kept.

    Parameters
    ----------
    model
        With estimated values.
    target
        A model of the same datatype at its starting values, which say what is fixed.

    Examples
    --------
    >>> from genem.phylo.models.specifications import parse_model
    >>> here = Model(parse_model("HKY+I+FQ"), np.array([4.0]), np.full(4, 0.25), invariant=0.5)
    >>> there = Model(parse_model("SYM+R2"), np.ones(5), np.full(4, 0.25), free_weight=np.ones(2), free_rate=np.ones(2))
    >>> moved = transferred(here, there)
    >>> moved.rate_values.round(9), moved.free_weight, moved.free_rate.round(6)
    (array([1., 4., 1., 1., 4.]), array([0.5, 0.5]), array([0., 2.]))
    """
    specification = target.specification
    moved = replace(
        target, rate_values=_class_rates(model, target) if specification.rate_values is None else target.rate_values
    )
    if specification.frequency_rule == "optimised":
        moved = replace(moved, frequency=model.frequency)
    if specification.has_invariant and specification.invariant is None:
        moved = replace(moved, invariant=model.invariant)
    if specification.heterogeneity == "gamma" and specification.alpha is None:
        return replace(moved, alpha=_shape(model))
    if specification.heterogeneity == "free" and specification.free_rates is None:
        weight, rate = _free_categories(model, specification)
        return replace(moved, free_weight=weight, free_rate=rate)
    return moved


def opened(model: Model, target: Model, constant_share: float) -> Iterator[Model]:
    """Yield what :func:`transferred` gives, with the parameters for rates over sites that are new at values of some
    effect: where they have none, the likelihood may be flat in them.

    Parameters
    ----------
    model, target
        As for :func:`transferred`.
    constant_share
        Proportion of the sites that may be constant.
    """
    moved, specification = transferred(model, target), target.specification
    source = model.specification
    if specification.heterogeneity == "free" and specification.free_rates is None:
        for weight, rate in _opened_categories(model, specification):
            yield replace(moved, free_weight=weight, free_rate=rate)
        return
    gains_shape = (
        specification.heterogeneity == "gamma" and specification.alpha is None and source.heterogeneity == "none"
    )
    gains_invariant = specification.has_invariant and specification.invariant is None and not source.has_invariant
    shapes = OPENED_SHAPES if gains_shape else (moved.alpha,)
    invariants = [share * constant_share for share in OPENED_SHARES] if gains_invariant else [moved.invariant]
    if gains_shape or gains_invariant:
        for shape in shapes:
            for invariant in invariants:
                yield replace(moved, alpha=shape, invariant=invariant)


def _class_rates(model: Model, target: Model) -> Vector:
    """Geometric means over the pairs of a class, relative to the class of GT."""
    matrix = np.maximum(model.exchangeabilities(), SMALLEST_RATE)
    logs: dict[str, list[float]] = {}
    for (x, y), digit in zip(DNA_PAIRS, target.specification.rate_classes, strict=False):
        logs.setdefault(digit, []).append(float(np.log(matrix[x, y])))
    means = {digit: sum(values) / len(values) for digit, values in logs.items()}
    unit = means.get(target.specification.rate_classes[-1:], 0.0)
    return np.array([np.exp(means[digit] - unit) for digit in target.specification.free_classes])


def _shape(model: Model) -> float:
    """Shape of the gamma distribution of the rates of variable sites, or of one with the same variance."""
    if model.specification.heterogeneity == "gamma":
        return model.alpha
    rate, weight = model.categories()
    variable = 1.0 - model.invariant
    variance = float(weight @ (rate * variable - 1.0) ** 2) / variable
    return min(1.0 / max(variance, 1.0 / LARGEST_ALPHA), LARGEST_ALPHA)


def _free_categories(model: Model, specification: ModelSpecification) -> tuple[Vector, Vector]:
    """Weights and rates of as many categories as asked for: the heaviest are divided, or the nearest united."""
    rate, weight = _listed_categories(model, specification)
    while len(rate) > specification.n_categories:
        place = int(np.argmin(np.diff(rate)))
        both = weight[place] + weight[place + 1]
        mean = (weight[place] * rate[place] + weight[place + 1] * rate[place + 1]) / both
        rate[place : place + 2], weight[place : place + 2] = [mean], [both]
    while len(rate) < specification.n_categories:
        _divide(rate, weight, _heaviest(rate, weight), 0.0)
    return np.array(weight), np.maximum(rate, max(rate) * SMALLEST_FREE_RATE)


def _opened_categories(model: Model, specification: ModelSpecification) -> Iterator[tuple[Vector, Vector]]:
    """The same with categories that differ: each in turn is divided first, and those of rate 0 begin to change."""
    listed, _ = _listed_categories(model, specification)
    n_new = specification.n_categories - len(listed)
    is_still = min(listed) <= max(listed) * SMALLEST_FREE_RATE
    if n_new < 0 or (n_new == 0 and not is_still):
        return
    for slowest in SLOW_RATES if is_still else (0.0,):
        for first, spread in product(range(len(listed)), SPREADS) if n_new else [(0, 0.0)]:
            rate, weight = _listed_categories(model, specification)
            rate[0] = max(rate[0], slowest)
            for number in range(n_new):
                _divide(rate, weight, first if number == 0 else _heaviest(rate, weight), spread)
            yield np.array(weight), np.maximum(rate, max(rate) * SMALLEST_FREE_RATE)


def _listed_categories(model: Model, specification: ModelSpecification) -> tuple[list[float], list[float]]:
    """Rates in ascending order, and weights; invariant sites are among them unless ``specification`` has them apart."""
    rates, weights = model.categories()
    variable = 1.0 - model.invariant
    order = np.argsort(rates, kind="stable")
    if model.invariant > 0.0 and not specification.has_invariant:
        return [0.0, *rates[order].tolist()], [model.invariant, *weights[order].tolist()]
    return (rates * variable)[order].tolist(), (weights / variable)[order].tolist()


def _heaviest(rate: list[float], weight: list[float]) -> int:
    return int(np.argmax(np.array(weight) * (np.array(rate) > 0.0)))


def _divide(rate: list[float], weight: list[float], place: int, spread: float) -> None:
    """One category into two halves, slower and faster by a share of its rate."""
    middle, half = rate[place], weight[place] / 2.0
    rate[place : place + 1] = [middle * (1.0 - spread), middle * (1.0 + spread)]
    weight[place : place + 1] = [half, half]
