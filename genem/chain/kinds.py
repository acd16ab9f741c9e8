"""Kinds of chains, by the way the state changes from place to place: one matrix, or renewal at a distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from genem.chain import homogeneous_kernels, renewal_kernels
from genem.chain.lanes import Lanes
from genem.errors import UsageError

__all__ = ["Chain", "Homogeneous", "Renewal", "RenewalCounts"]

Floats = NDArray[np.float64]
Restarts = NDArray[np.int64]


class Chain(Protocol):
    """The interface of a kind of chain to the passes; blocks are slices of places, arrays as its kernels say."""

    @property
    def initial(self) -> Floats:
        """float64 (state,): distribution of the first state of a sequence."""
        ...

    def sums(self, n_lanes: int) -> Floats:
        """Zeros, to which :meth:`backward` adds."""
        ...

    def matrix(self, place: int, lane: int) -> Floats:
        """float64 (from, to): transition probabilities from the place before."""
        ...

    def forward(
        self,
        block: slice,
        initial: Floats,
        restarts: Restarts,
        density: Floats,
        previous: Floats,
        alpha: Floats,
        inverse: Floats,
    ) -> None:
        """Go forward over a block."""
        ...

    def backward(
        self,
        block: slice,
        restarts: Restarts,
        density: Floats,
        alpha: Floats,
        inverse: Floats,
        following: Floats,
        posterior: Floats,
        sums: Floats,
    ) -> None:
        """Go backward over a block."""
        ...

    def best_origins(
        self,
        block: slice,
        log_initial: Floats,
        restarts: Restarts,
        log_density: Floats,
        score: Floats,
        reached: Floats,
        origins: NDArray[np.uint8],
    ) -> None:
        """Go forward over a block along the likeliest paths."""
        ...


@dataclass(frozen=True, slots=True)
class Homogeneous:
    """A chain with the same transition probabilities at every step.

    Attributes
    ----------
    initial
        float64 (state,): distribution of the first state of a sequence.
    transitions
        float64 (from, to): rows sum to 1.
    """

    initial: Floats
    transitions: Floats

    def sums(self, n_lanes: int) -> Floats:
        return np.zeros((*self.transitions.shape, n_lanes))

    def expected_transitions(self, sums: Floats) -> Floats:
        """float64 (from, to): expected number of transitions, of what the passes summed up."""
        return np.asarray(self.transitions * sums.sum(axis=2))

    def matrix(self, place: int, lane: int) -> Floats:  # noqa: ARG002
        return self.transitions

    def forward(
        self,
        block: slice,  # noqa: ARG002
        initial: Floats,
        restarts: Restarts,
        density: Floats,
        previous: Floats,
        alpha: Floats,
        inverse: Floats,
    ) -> None:
        homogeneous_kernels.forward(self.transitions, initial, restarts, density, previous, alpha, inverse)

    def backward(
        self,
        block: slice,  # noqa: ARG002
        restarts: Restarts,
        density: Floats,
        alpha: Floats,
        inverse: Floats,
        following: Floats,
        posterior: Floats,
        sums: Floats,
    ) -> None:
        homogeneous_kernels.backward(self.transitions, restarts, density, alpha, inverse, following, posterior, sums)

    def best_origins(
        self,
        block: slice,  # noqa: ARG002
        log_initial: Floats,
        restarts: Restarts,
        log_density: Floats,
        score: Floats,
        reached: Floats,
        origins: NDArray[np.uint8],
    ) -> None:
        with np.errstate(divide="ignore"):
            log_transitions = np.log(self.transitions)
        homogeneous_kernels.best_origins(log_transitions, log_initial, restarts, log_density, score, reached, origins)


@dataclass(frozen=True, slots=True)
class RenewalCounts:
    """Expected renewals of all steps, and the M-step that they allow.

    Attributes
    ----------
    exits, entries
        float64 (state,): expected number of first renewals out of, and of renewals into, each state.
    exposure
        float64 (state,): expected distance covered in each state before the first renewal of every step.
    """

    exits: Floats
    entries: Floats
    exposure: Floats

    @property
    def rates(self) -> Floats:
        """float64 (state,): the rates that maximise the expected complete-data log-likelihood."""
        return np.asarray(self.exits / self.exposure)

    @property
    def mix(self) -> Floats:
        """float64 (state,): the mix that does."""
        return np.asarray(self.entries / self.entries.sum())


@dataclass(frozen=True, slots=True)
class Renewal:
    """A chain that leaves state k at rate k per unit of distance and then draws its state anew from one mix.

    The state drawn may be the one that was left. Where the distance is 0 nothing happens.

    Attributes
    ----------
    initial
        float64 (state,): distribution of the first state of a sequence.
    mix
        float64 (state,): distribution of the state after a renewal.
    rates
        float64 (state,): renewals per unit of distance.
    distances
        float64 (place + 1, lane): distance of each place from the one before, from :meth:`spread`.

    References
    ----------
    Leutenegger et al. (2003), Am. J. Hum. Genet. 73:516, doi:10.1086/378207.
    """

    initial: Floats
    mix: Floats
    rates: Floats
    distances: Floats

    @staticmethod
    def spread(lanes: Lanes, distances: Floats) -> Floats:
        """Lay out the distance (place,) of each place from the one before; those of first places do not count."""
        if not (np.isfinite(distances).all() and (distances >= 0.0).all()):
            raise UsageError("distances between places: finite numbers from 0 on expected")
        laid = lanes.spread(np.asarray(distances, np.float64), 0.0)
        after = np.append(laid[0, 1:], 0.0)
        return np.concatenate([laid, after[None]])

    def sums(self, n_lanes: int) -> Floats:
        return np.zeros((3, len(self.mix), n_lanes))

    def expected_renewals(self, sums: Floats) -> RenewalCounts:
        """Expected renewals, of what the passes summed up."""
        exits, entries, exposure = sums.sum(axis=2)
        return RenewalCounts(exits, entries, exposure)

    def matrix(self, place: int, lane: int) -> Floats:
        renewals = self.rates * self.distances[place, lane]
        return np.diag(np.exp(-renewals)) - np.outer(np.expm1(-renewals), self.mix)

    def _survival(self, distances: Floats) -> tuple[Floats, Floats]:
        """Probabilities of staying and leaving over distances (place, lane), each (place, state, lane)."""
        shape = len(distances), len(self.mix), distances.shape[1]
        stay, leave = np.empty(shape), np.empty(shape)
        renewal_kernels.survival(self.rates, distances, stay, leave, np.empty(shape))
        return stay, leave

    def forward(
        self,
        block: slice,
        initial: Floats,
        restarts: Restarts,
        density: Floats,
        previous: Floats,
        alpha: Floats,
        inverse: Floats,
    ) -> None:
        stay, leave = self._survival(self.distances[block])
        renewal_kernels.forward(self.mix, stay, leave, initial, restarts, density, previous, alpha, inverse)

    def backward(
        self,
        block: slice,
        restarts: Restarts,
        density: Floats,
        alpha: Floats,
        inverse: Floats,
        following: Floats,
        posterior: Floats,
        sums: Floats,
    ) -> None:
        distances = self.distances[block.start + 1 : block.stop + 1]
        stay, leave = self._survival(distances)
        waited = leave.copy()
        renewal_kernels.time_to_renewal(self.rates, distances, waited)
        renewal_kernels.backward(
            self.mix,
            stay,
            leave,
            waited,
            distances,
            restarts,
            density,
            alpha,
            inverse,
            following,
            posterior,
            sums,
        )

    def best_origins(
        self,
        block: slice,
        log_initial: Floats,
        restarts: Restarts,
        log_density: Floats,
        score: Floats,
        reached: Floats,
        origins: NDArray[np.uint8],
    ) -> None:
        stay, leave = self._survival(self.distances[block])
        renewal_kernels.best_origins(self.mix, stay, leave, log_initial, restarts, log_density, score, reached, origins)
