"""The distinct optima at which climbs ended, and how many of them reached each."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic

from genem.em.parameters import Params

OPTIMUM_TOLERANCE = 1e-7
"""Climbs whose objectives differ by at most this, relative to 1 + |objective|, reached the same optimum."""


@dataclass(frozen=True, slots=True)
class Optimum(Generic[Params]):
    """A point at which climbs ended.

    Attributes
    ----------
    objective
        What was climbed: a log-likelihood, with its penalty where there is one.
    params
        The point, in the form of its model.
    n_starts
        How many climbs ended here.
    """

    objective: float
    params: Params
    n_starts: int = 1


def distinct_optima(
    ends: Iterable[Optimum[Params]],
    *,
    key: Callable[[Params], Hashable] | None = None,
    tolerance: float = OPTIMUM_TOLERANCE,
) -> tuple[Optimum[Params], ...]:
    """Take together the ends that are the same optimum, best first.

    Two ends are the same optimum where their keys are equal and their objectives differ by no more than the tolerance
    from that of the best of them. Their climbs are counted together.

    Parameters
    ----------
    ends
        Where climbs ended, in any order; those whose objective is not finite are left out.
    key
        What must be equal beside the objective, such as the topology of a tree or the width of a motif. None: nothing,
        so that components with other labels are the same optimum.
    tolerance
        Relative to 1 + the size of the objective. With ``math.inf`` the key decides alone.

    Returns
    -------
    tuple of Optimum
        Of several ends with the same highest objective the first stands for all.

    Examples
    --------
    >>> from genem.em import Optimum, distinct_optima
    >>> ends = [Optimum(-7.0, "a"), Optimum(-5.0, "b"), Optimum(-5.0, "c"), Optimum(-7.0, "d", 2)]
    >>> [(optimum.params, optimum.n_starts) for optimum in distinct_optima(ends)]
    [('b', 2), ('a', 3)]
    """
    found: list[Optimum[Params]] = []
    groups: dict[Hashable, list[int]] = {}
    finite = (end for end in ends if math.isfinite(end.objective))
    for end in sorted(finite, key=lambda end: -end.objective):
        group = groups.setdefault(key(end.params) if key is not None else None, [])
        if group and is_same_optimum(found[group[-1]].objective, end.objective, tolerance):
            best = found[group[-1]]
            found[group[-1]] = Optimum(best.objective, best.params, best.n_starts + end.n_starts)
        else:
            group.append(len(found))
            found.append(Optimum(end.objective, end.params, end.n_starts))
    return tuple(found)


def is_same_optimum(best: float, other: float, tolerance: float = OPTIMUM_TOLERANCE) -> bool:
    """Say whether an objective belongs to the optimum whose objective is ``best``."""
    return abs(other - best) <= tolerance * (1.0 + abs(best))
