"""How a fit ended. Plain integers, so that compiled kernels can store them in arrays."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Status(IntEnum):
    """The end of a fit; never a bare number in a result.

    ``CONVERGED``: the stop rule was met, first-order conditions included (a maximum on a boundary too, with its
    standard error NA). ``MAX_ITER``: the iterations ran out. ``DECREASED``: the penalised objective fell.
    ``DEGENERATE``: nothing to estimate from, or the likelihood is unbounded there. ``LOCKED``: a parameter sits on a
    bound only because it started there, and the likelihood would rise if it left. ``CONVERGED_OBJECTIVE``: objective
    and step came to rest, and the model has no first-order conditions that could confirm it. ``LEFT``: given up
    before it converged, because it was proven, or believed, not to be worth the rest.
    ``SOLVED`` is another name of ``CONVERGED``: computed in closed form, or searched to the end.
    """

    CONVERGED = 0
    SOLVED = 0
    MAX_ITER = 1
    DECREASED = 2
    DEGENERATE = 3
    LOCKED = 4
    CONVERGED_OBJECTIVE = 5
    LEFT = 6

    @property
    def label(self) -> str:
        """The word used in tables: ``converged``, ``converged (objective)``, ``max_iter``, ``left`` and so on."""
        return "converged (objective)" if self is Status.CONVERGED_OBJECTIVE else self.name.lower()

    @property
    def is_converged(self) -> bool:
        """Whether the stop rule was met, with or without first-order conditions."""
        return self in (Status.CONVERGED, Status.CONVERGED_OBJECTIVE)


SEVERITY = (
    Status.CONVERGED,
    Status.CONVERGED_OBJECTIVE,
    Status.LEFT,
    Status.LOCKED,
    Status.MAX_ITER,
    Status.DECREASED,
    Status.DEGENERATE,
)
"""All statuses, the one that an answer is worth most with first."""


def worst_status(codes: ArrayLike, axis: int) -> NDArray[np.int8]:
    """The status, int8, that says most against a group of fits, along an axis of their codes.

    Examples
    --------
    >>> worst_status([[Status.CONVERGED, Status.MAX_ITER], [Status.CONVERGED_OBJECTIVE] * 2], axis=0).tolist()
    [5, 1]
    """
    order = np.array(SEVERITY, dtype=np.int8)
    worst: NDArray[np.int8] = order[np.argsort(order)[np.asarray(codes, dtype=np.int64)].max(axis=axis)]
    return worst


# The same codes under plain names, for kernels (Numba freezes module-level integers, not enum members).
CONVERGED = int(Status.CONVERGED)
MAX_ITER = int(Status.MAX_ITER)
DECREASED = int(Status.DECREASED)
DEGENERATE = int(Status.DEGENERATE)
LOCKED = int(Status.LOCKED)
CONVERGED_OBJECTIVE = int(Status.CONVERGED_OBJECTIVE)
LEFT = int(Status.LEFT)
CLOSED_FORM = CONVERGED
"""The maximum is known in closed form: there was nothing to climb."""
