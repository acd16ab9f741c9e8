"""A made-up EM map that does exactly what it is told: for testing what the driver makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from genem.em import EMStep


@dataclass
class Scripted:
    """An EM map that walks 0, 1, 2, ... past a list of log-likelihoods and stays at the last."""

    log_likelihoods: list[float]
    n_free: int = 1
    calls: list[float] = field(default_factory=list)

    def start(self, rng: np.random.Generator) -> float:
        return float(rng.integers(0, len(self.log_likelihoods)))

    def em_step(self, x: float) -> EMStep[float]:
        self.calls.append(x)
        return EMStep(min(x + 1.0, len(self.log_likelihoods) - 1.0), self.log_likelihoods[int(x)])
