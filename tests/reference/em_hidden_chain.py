"""A hidden Markov model for the engine: what the sums of the passes are enough for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from genem.chain.emissions.emission import Emission
from genem.chain.kinds import Homogeneous
from genem.chain.lanes import Lanes
from genem.chain.passes import Passes
from genem.em import EMStep


@dataclass(frozen=True)
class HiddenChainParams:
    chain: Homogeneous
    emission: Emission


class HiddenChain:
    """Baum-Welch by the passes; ``fixed_start`` keeps the distribution of the first state."""

    def __init__(self, values: np.ndarray, like: Emission, lengths: list[int] | None = None) -> None:
        self._values, self._like = values, like
        lanes = Lanes([len(values)] if lengths is None else lengths)
        self._observed = like.spread(lanes, values)
        self._passes = Passes(lanes, like.n_states)
        self.n_observations = len(values)

    @property
    def n_free(self) -> int:
        k = self._like.n_states
        n_emission = sum(np.size(value) for value in _fields(self._like).values())
        return k - 1 + k * (k - 1) + n_emission

    def start(self, rng: np.random.Generator) -> HiddenChainParams:
        k = self._like.n_states
        transitions = 0.8 * np.eye(k) + 0.2 * rng.dirichlet(np.ones(k), k)
        emission = self._like.start(self._values, k, rng)
        return HiddenChainParams(Homogeneous(np.full(k, 1.0 / k), transitions), emission)

    def em_step(self, params: HiddenChainParams) -> EMStep[HiddenChainParams]:
        found = self._passes.expect(params.chain, params.emission, self._observed)
        counts = params.chain.expected_transitions(found.chain_sums)
        transitions = counts / counts.sum(axis=1, keepdims=True)
        chain = Homogeneous(found.starts / found.starts.sum(), transitions)
        return EMStep(HiddenChainParams(chain, params.emission.maximised(found.emission_sums)), found.log_likelihood)


def _fields(emission: Emission) -> dict[str, Any]:
    return {name: getattr(emission, name) for name in emission.__dataclass_fields__}
