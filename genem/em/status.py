"""How a fit ended. Plain integers, so that compiled kernels can store them in arrays."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """The end of a fit; never a bare number in a result.

    ``CONVERGED``: the stop rule was met (a maximum on a boundary too, with its standard error NA).
    ``MAX_ITER``: the iterations ran out. ``DECREASED``: the penalised objective fell. ``DEGENERATE``: nothing to
    estimate from, or the likelihood is unbounded there. ``LOCKED``: a parameter sits on a bound only because it
    started there, and the likelihood would rise if it left.
    """

    CONVERGED = 0
    MAX_ITER = 1
    DECREASED = 2
    DEGENERATE = 3
    LOCKED = 4

    @property
    def label(self) -> str:
        """The word used in tables: ``converged``, ``max_iter``, ``decreased``, ``degenerate``, ``locked``."""
        return self.name.lower()


# The same codes under plain names, for kernels (Numba freezes module-level integers, not enum members).
CONVERGED = int(Status.CONVERGED)
MAX_ITER = int(Status.MAX_ITER)
DECREASED = int(Status.DECREASED)
DEGENERATE = int(Status.DEGENERATE)
LOCKED = int(Status.LOCKED)
