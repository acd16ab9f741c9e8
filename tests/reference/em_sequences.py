"""A readable mixture of position-specific letter models: the smallest model in which EM can be locked by a zero."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from genem.em import Degenerate, EMStep, Stationarity

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SequenceMixtureParams:
    """Weights (component,) and letter probabilities (component, position, letter)."""

    weights: Vector
    letters: Vector


@dataclass
class SequenceMixture:
    """Words of one length from k position-specific letter models; ``pseudocount`` is added to every letter count."""

    words: list[str]
    alphabet: str
    k: int
    pseudocount: float = 0.0
    one_hot: Vector = field(init=False)

    def __post_init__(self) -> None:
        codes = np.array([[self.alphabet.index(letter) for letter in word] for word in self.words])
        self.one_hot = np.eye(len(self.alphabet))[codes]

    @property
    def n_free(self) -> int:
        return self.k - 1 + self.k * self.one_hot.shape[1] * (len(self.alphabet) - 1)

    @property
    def n_observations(self) -> int:
        return len(self.words)

    def start(self, rng: np.random.Generator) -> SequenceMixtureParams:
        shape = (self.k, self.one_hot.shape[1])
        return SequenceMixtureParams(
            rng.dirichlet(np.full(self.k, 5.0)), rng.dirichlet(np.ones(len(self.alphabet)), size=shape)
        )

    def _word_probability(self, letters: Vector) -> Vector:
        """float64 (word, component)"""
        return np.einsum("wpl,kpl->wkp", self.one_hot, letters).prod(axis=2)

    def em_step(self, params: SequenceMixtureParams) -> EMStep[SequenceMixtureParams]:
        joint = params.weights * self._word_probability(params.letters)
        density = joint.sum(axis=1)
        if np.any(density <= 0.0):
            raise Degenerate("a word is impossible under every component")
        responsibility = joint / density[:, None]
        expected = responsibility.sum(axis=0)
        counts = np.einsum("wk,wpl->kpl", responsibility, self.one_hot) + self.pseudocount
        penalty = self.pseudocount * float(np.sum(np.log(params.letters))) if self.pseudocount > 0.0 else 0.0
        updated = SequenceMixtureParams(expected / len(self.words), counts / counts.sum(axis=2, keepdims=True))
        entropy = -float(np.sum(responsibility * np.log(np.where(responsibility > 0.0, responsibility, 1.0))))
        return EMStep(updated, float(np.sum(np.log(density))), penalty, entropy)

    def pack(self, params: SequenceMixtureParams) -> Vector:
        return np.concatenate([params.weights, params.letters.ravel()])

    def unpack(self, vector: Vector) -> SequenceMixtureParams:
        if np.any(vector < 0.0) or (self.pseudocount > 0.0 and np.any(vector == 0.0)):
            raise Degenerate("a probability is negative")
        weights = vector[: self.k]
        letters = vector[self.k :].reshape(self.k, self.one_hot.shape[1], len(self.alphabet))
        return SequenceMixtureParams(weights / weights.sum(), letters / letters.sum(axis=2, keepdims=True))

    def stationarity(self, params: SequenceMixtureParams) -> Stationarity:
        probability = self._word_probability(params.letters)
        density = probability @ params.weights
        by_letter = np.zeros_like(params.letters)
        for position in range(self.one_hot.shape[1]):
            others = params.letters.copy()
            others[:, position, :] = 1.0
            share = params.weights * self._word_probability(others) / density[:, None]
            by_letter[:, position, :] = share.T @ self.one_hot[:, position, :]
        if self.pseudocount > 0.0:
            by_letter += self.pseudocount / params.letters
        return Stationarity.join(
            Stationarity.simplex(params.weights, (probability / density[:, None]).sum(axis=0)),
            Stationarity.simplex(params.letters, by_letter),
        )
