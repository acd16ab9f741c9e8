"""SQUAREM: squared extrapolation of the EM map, with no derivatives and no tuning.

Two EM steps from x give r = F(x) - x and v = F(F(x)) - F(x) - r. The extrapolation x - 2 alpha r + alpha^2 v with
alpha = -|r|/|v| (scheme S3) cancels most of the slowest linear mode; one plain EM step from there restores the
monotone behaviour. Varadhan & Roland (2008), Scand. J. Stat. 35:335, doi:10.1111/j.1467-9469.2007.00585.x.
"""

from __future__ import annotations

from dataclasses import dataclass

from genem.em.ascent_kernels import longest_step, squarem_step_length
from genem.em.parameters import Vector


@dataclass
class Extrapolation:
    """The step length control of one run."""

    step_max: float = 1.0
    alpha: float = -1.0

    def propose(self, x0: Vector, x1: Vector, x2: Vector) -> Vector | None:
        """The extrapolation from x0, x1 = F(x0), x2 = F(x1), or None where it would be x2 itself."""
        r = x1 - x0
        v = (x2 - x1) - r
        self.alpha = float(squarem_step_length(float(r @ r), float(v @ v), self.step_max))
        if self.alpha == -1.0:
            self.accepted()
            return None
        return x0 - 2.0 * self.alpha * r + self.alpha**2 * v

    def accepted(self) -> None:
        """The proposal was kept: allow longer steps if it was as long as allowed."""
        self.step_max = longest_step(self.step_max, self.alpha, True)

    def rejected(self) -> None:
        """The proposal lowered the objective or left the parameter space: shorten what is allowed."""
        self.step_max = longest_step(self.step_max, self.alpha, False)
