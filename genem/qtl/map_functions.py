"""Map functions: from distance in centimorgan to recombination fraction, and back."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genem.errors import UsageError

__all__ = ["MapFunction", "map_distance", "recombination_fraction"]

MapFunction = Literal["haldane", "kosambi", "carter-falconer", "morgan"]

BISECTIONS = 60


def recombination_fraction(distance: ArrayLike, map_function: MapFunction = "haldane") -> NDArray[np.float64]:
    """The recombination fraction r across a distance of d cM.

    Haldane (no interference): r = (1 - exp(-d/50)) / 2. Kosambi: r = tanh(d/50) / 2. Carter-Falconer: the inverse of
    d = 12.5 log((1 + 2r) / (1 - 2r)) + 25 arctan(2r). Morgan (complete interference): r = d/100, at most 1/2.

    Parameters
    ----------
    distance
        float64, any shape, in cM, not negative.
    map_function
        ``haldane``, ``kosambi``, ``carter-falconer`` or ``morgan``.

    Returns
    -------
    float64 of the same shape, from 0 to 1/2.

    Raises
    ------
    UsageError
        The map function is not one of the four.

    References
    ----------
    Haldane (1919), J. Genet. 8:299. Kosambi (1943), Ann. Eugen. 12:172, doi:10.1111/j.1469-1809.1943.tb02321.x.
    Carter & Falconer (1951), J. Genet. 50:307, doi:10.1007/BF02996226.

    Examples
    --------
    >>> [round(float(recombination_fraction(20.0, name)), 6) for name in ("haldane", "kosambi", "morgan")]
    [0.16484, 0.189974, 0.2]
    """
    d = np.asarray(distance, np.float64)
    _check(map_function)
    if map_function == "haldane":
        return -0.5 * np.expm1(-d / 50.0)
    if map_function == "kosambi":
        return 0.5 * np.tanh(d / 50.0)
    if map_function == "morgan":
        return np.minimum(d / 100.0, 0.5)
    return _carter_falconer(d)


def map_distance(fraction: ArrayLike, map_function: MapFunction = "haldane") -> NDArray[np.float64]:
    """The distance in cM across which a fraction r recombines: the inverse of :func:`recombination_fraction`.

    Parameters
    ----------
    fraction
        float64, any shape, from 0 to 1/2 (infinitely far, except for ``morgan``).
    map_function
        As in :func:`recombination_fraction`.

    Returns
    -------
    float64 of the same shape, in cM.

    Raises
    ------
    UsageError
        The map function is not one of the four.

    Examples
    --------
    >>> round(float(map_distance(0.1, "kosambi")), 6)
    10.136628
    """
    r = np.asarray(fraction, np.float64)
    _check(map_function)
    with np.errstate(divide="ignore"):
        if map_function == "haldane":
            return -50.0 * np.log1p(-2.0 * r)
        if map_function == "kosambi":
            return 50.0 * np.arctanh(2.0 * r)
        if map_function == "morgan":
            return 100.0 * r
        return _carter_falconer_distance(r)


def _carter_falconer_distance(r: NDArray[np.float64]) -> NDArray[np.float64]:
    return 25.0 * (np.arctanh(2.0 * r) + np.arctan(2.0 * r))


def _carter_falconer(d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bisection: the distance rises with r, without bound at 1/2."""
    low, high = np.zeros_like(d), np.full_like(d, 0.5)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        with np.errstate(divide="ignore"):
            beyond = _carter_falconer_distance(middle) > d
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.where(d == 0.0, 0.0, 0.5 * (low + high))


def _check(map_function: str) -> None:
    if map_function not in get_args(MapFunction):
        raise UsageError(f"map function {map_function!r} is not one of {', '.join(get_args(MapFunction))}")
