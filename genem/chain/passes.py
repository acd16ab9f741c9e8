"""Passes over a hidden Markov chain: log-likelihood, posterior probabilities, expected counts, the likeliest path.

Sequences lie in lanes (:class:`genem.chain.lanes.Lanes`) that are passed side by side, a block of places at a time.
Where a lane starts inside a sequence, what its first place needs of the lane before is computed beforehand: the chain
is started from every state some places before the cut, and once all starts have led to the same distribution that
distribution is exact to rounding, whatever came before; where they do not, the whole lane becomes one transfer matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.chain.emissions.emission import Emission
from genem.chain.kinds import Chain
from genem.chain.lane_kernels import trace_back
from genem.chain.lanes import Lanes
from genem.chain.transfer import BestTransfer, Transfer
from genem.numerics.vector_kernels import sum_of_logarithms

__all__ = ["Expectations", "Passes"]

Floats = NDArray[np.float64]

BLOCK_ELEMENTS = 98304
"""Places times states times lanes of a block: its arrays stay in the second-level cache."""
WINDOWS = (64, 512)
"""Places before a cut that are tried first, before the whole lane is."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """The answer of the E-step for one set of parameters.

    Attributes
    ----------
    log_likelihood
        Of all sequences together; -inf where the parameters rule the observations out.
    starts
        float64 (state,): expected number of sequences that start in each state.
    chain_sums, emission_sums
        Sums of the chain and of the emission, as their own methods read them; NaN where the log-likelihood is -inf.
    """

    log_likelihood: float
    starts: Floats
    chain_sums: Floats
    emission_sums: Floats


class Passes:
    """Room for passes over given lanes, used again at every iteration.

    Parameters
    ----------
    lanes
        How the sequences lie.
    n_states
        Number of states.

    Examples
    --------
    >>> from genem.chain.emissions.gaussian import Gaussian
    >>> from genem.chain.kinds import Homogeneous
    >>> lanes = Lanes([4])
    >>> emission = Gaussian(np.array([[0.0], [3.0]]), np.ones((2, 1)))
    >>> chain = Homogeneous(np.full(2, 0.5), np.array([[0.9, 0.1], [0.1, 0.9]]))
    >>> observed = emission.spread(lanes, np.array([0.1, -0.2, 3.1, np.nan]))
    >>> passes = Passes(lanes, 2)
    >>> passes.posteriors(chain, emission, observed)[:, 1].round(3).tolist()
    [0.002, 0.006, 0.931, 0.845]
    """

    def __init__(self, lanes: Lanes, n_states: int) -> None:
        self.lanes = lanes
        self._size = max(1, min(lanes.n_places, BLOCK_ELEMENTS // (n_states * lanes.n_lanes)))
        shape, block_shape = ((n, n_states, lanes.n_lanes) for n in (lanes.n_places, self._size))
        self._alpha, self._density = np.empty(shape), np.empty(shape)
        self._inverse = np.empty((lanes.n_places, lanes.n_lanes))
        self._block_alpha, self._block_density, self._posterior = (np.empty(block_shape) for _ in range(3))
        self._tops, self._block_inverse = (np.empty((self._size, lanes.n_lanes)) for _ in range(2))

    def log_likelihood(self, chain: Chain, emission: Emission, observed: NDArray[Any]) -> float:
        """Log-likelihood of all sequences; -inf where the parameters rule the observations out."""
        return self._forward(chain, emission, observed)[0]

    def expect(self, chain: Chain, emission: Emission, observed: NDArray[Any]) -> Expectations:
        """The E-step: log-likelihood and all expected counts, summed over places.

        Parameters
        ----------
        chain, emission
            The parameters.
        observed
            What ``emission.spread`` made of the observations.

        References
        ----------
        Baum et al. (1970), Ann. Math. Stat. 41:164, doi:10.1214/aoms/1177697196. Rabiner (1989), Proc. IEEE 77:257,
        doi:10.1109/5.18626.
        """
        chain_sums, emission_sums = chain.sums(self.lanes.n_lanes), emission.sums(self.lanes.n_lanes)
        starts = np.zeros(emission.n_states)
        log_likelihood, following = self._forward(chain, emission, observed)
        if not np.isfinite(log_likelihood):
            return Expectations(log_likelihood, starts * np.nan, chain_sums * np.nan, emission_sums * np.nan)
        for block in reversed(self._blocks()):
            posterior = self._backward(chain, block, following, chain_sums)
            emission.add(observed[block], posterior, emission_sums)
            first = self.lanes.starts_within(block.start, block.stop)
            if len(first) > 0:
                starts += posterior[first[:, 0], :, first[:, 1]].sum(axis=0)
        return Expectations(log_likelihood, starts, chain_sums, emission_sums)

    def posteriors(self, chain: Chain, emission: Emission, observed: NDArray[Any]) -> Floats:
        """float64 (place, state): P(state | all observations), in the order of the sequences; NaN if impossible."""
        log_likelihood, following = self._forward(chain, emission, observed)
        if not np.isfinite(log_likelihood):
            return np.full((self.lanes.n_observed, emission.n_states), np.nan)
        chain_sums = chain.sums(self.lanes.n_lanes)
        for block in reversed(self._blocks()):
            self._alpha[block] = self._backward(chain, block, following, chain_sums)
        return self.lanes.gather(self._alpha)

    def likeliest_path(
        self, chain: Chain, emission: Emission, observed: NDArray[Any]
    ) -> tuple[NDArray[np.int64], float]:
        """The jointly likeliest states (Viterbi), and their log-probability together with the observations.

        Parameters
        ----------
        chain, emission, observed
            As in :meth:`expect`.

        Returns
        -------
        path
            int64 (place,), in the order of the sequences.
        log_probability
            Natural logarithm; -inf where no path is possible.

        References
        ----------
        Viterbi (1967), IEEE Trans. Inf. Theory 13:260, doi:10.1109/TIT.1967.1054010.
        """
        lanes = self.lanes
        origins = np.empty((lanes.n_places, emission.n_states, lanes.n_lanes), np.uint8)
        score = self._best_before(chain, emission, observed, origins)
        # Padding adds the likeliest start each time; it is taken off.
        log_probability = -(origins[:, 0].size - lanes.n_observed) * float(np.log(chain.initial.max()))
        for block in self._blocks():
            self._best(chain, emission, observed, block, score, origins)
            # What is added to all states alike is kept apart, so that scores stay precise.
            tops = score.max(axis=0)
            log_probability += float(tops.sum())
            if not np.isfinite(log_probability):
                break
            score -= tops
        path = np.empty((lanes.n_lanes, lanes.n_places), np.int64)
        trace_back(origins, score.argmax(axis=0), lanes.is_cut, path)
        return path.ravel()[: lanes.n_observed], log_probability

    def _blocks(self, start: int = 0, stop: int | None = None) -> list[slice]:
        """Places from ``start`` to ``stop``, in blocks."""
        stop = self.lanes.n_places if stop is None else stop
        return [slice(first, min(first + self._size, stop)) for first in range(start, stop, self._size)]

    def _forward(self, chain: Chain, emission: Emission, observed: NDArray[Any]) -> tuple[float, Floats]:
        """Fill densities and forward probabilities; return the log-likelihood, and what follows each lane."""
        previous, following = self._boundaries(chain, emission, observed)
        log_likelihood = 0.0
        for block in self._blocks():
            n = block.stop - block.start
            inverse, tops, scratch = self._inverse[block], self._tops[:n], self._block_inverse[:n]
            emission.density(observed[block], self._density[block], tops)
            restarts, initial = self._restarts(block, chain.initial)
            chain.forward(block, initial, restarts, self._density[block], previous, self._alpha[block], inverse)
            if not (inverse > 0.0).all():
                return -np.inf, following
            log_likelihood += float(tops.sum()) - sum_of_logarithms(inverse.reshape(-1), scratch.reshape(-1))
        return log_likelihood, following

    def _backward(self, chain: Chain, block: slice, following: Floats, chain_sums: Floats) -> Floats:
        """Posterior probabilities of a block, (place, state, lane), in room that the next call uses again."""
        n = block.stop - block.start
        # Copied in ascending order, which memory delivers faster than the descending order of the pass.
        alpha, density, inverse = self._block_alpha[:n], self._block_density[:n], self._block_inverse[:n]
        alpha[:], density[:], inverse[:] = self._alpha[block], self._density[block], self._inverse[block]
        restarts = self.lanes.restarts_within(block.start, block.stop)
        posterior = self._posterior[:n]
        chain.backward(block, restarts, density, alpha, inverse, following, posterior, chain_sums)
        return posterior

    def _restarts(self, block: slice, distribution: Floats) -> tuple[NDArray[np.int64], Floats]:
        """The restarts of a block, and what each starts with, (restart, state)."""
        restarts = self.lanes.restarts_within(block.start, block.stop - 1)
        return restarts, distribution[None].repeat(len(restarts), axis=0)

    def _boundaries(self, chain: Chain, emission: Emission, observed: NDArray[Any]) -> tuple[Floats, Floats]:
        """Distribution before the first place of each lane, and likelihood after its last one: (state, lane) each."""
        shape = emission.n_states, self.lanes.n_lanes
        previous, following = np.zeros(shape), np.zeros(shape)
        cut = np.flatnonzero(self.lanes.is_cut)
        n_places = self.lanes.n_places
        if len(cut) == 0:
            return previous, following
        for width in (*(width for width in WINDOWS if width < n_places), n_places):
            tail = self._transfer(chain, emission, observed, n_places - width, n_places)
            if width == n_places:
                ends, begins = tail.chained(chain.initial, partial(chain.matrix, 0), self.lanes.is_cut)
            elif tail.forgets[cut - 1].all():
                head = self._transfer(chain, emission, observed, 0, width)
                if not head.forgets[cut].all():
                    continue
                ends = tail.ends
                begins = head.likelihood(self._reached(chain, ends, cut))
            else:
                continue
            previous[:, cut] = ends[:, cut - 1]
            following[:, cut - 1] = begins[:, cut]
            break
        return previous, following

    def _reached(self, chain: Chain, ends: Floats, cut: NDArray[np.int64]) -> Floats:
        """Distribution (state, lane) of the first place of cut lanes, before what is observed there."""
        reached = np.ones_like(ends)
        for lane in cut.tolist():
            reached[:, lane] = ends[:, lane - 1] @ chain.matrix(0, lane)
        return reached

    def _transfer(self, chain: Chain, emission: Emission, observed: NDArray[Any], start: int, stop: int) -> Transfer:
        """Go forward from every state at place ``start`` of all lanes to the place before ``stop``."""
        blocks = self._blocks(start, stop)
        for block in blocks:
            n = block.stop - block.start
            emission.density(observed[block], self._density[block], self._tops[:n])
        n_states, n_lanes = emission.n_states, self.lanes.n_lanes
        rows, inverse = np.zeros((n_states, n_states, n_lanes)), np.empty((n_states, stop - start, n_lanes))
        for state, distribution in enumerate(np.eye(n_states)):
            for block in blocks:
                restarts, initial = self._restarts(block, chain.initial)
                if block.start == start:
                    restarts, initial = _in_all_lanes(restarts, initial, distribution, n_lanes)
                scales = inverse[state, block.start - start : block.stop - start]
                alpha = self._block_alpha[: block.stop - block.start]
                chain.forward(block, initial, restarts, self._density[block], rows[state], alpha, scales)
        return Transfer.of(rows, inverse)

    def _best_before(
        self, chain: Chain, emission: Emission, observed: NDArray[Any], origins: NDArray[np.uint8]
    ) -> Floats:
        """Scores (state, lane) before the first place of each lane, up to a constant of the lane."""
        lanes = self.lanes
        score = np.zeros((emission.n_states, lanes.n_lanes))
        cut = np.flatnonzero(lanes.is_cut)
        for width in (*(width for width in WINDOWS if width < lanes.n_places), lanes.n_places):
            if len(cut) == 0:
                break
            scores = np.zeros((emission.n_states, *score.shape))
            start = lanes.n_places - width
            for state, distribution in enumerate(np.eye(emission.n_states)):
                for block in self._blocks(start):
                    first = distribution if block.start == start else None
                    self._best(chain, emission, observed, block, scores[state], origins, first)
            transfer = BestTransfer(scores)
            if width == lanes.n_places:
                score[:, cut] = transfer.chained(chain.initial, partial(chain.matrix, 0), lanes.is_cut)[:, cut - 1]
            elif transfer.forgets[cut - 1].all():
                score[:, cut] = transfer.ends[:, cut - 1]
                break
        relative: Floats = score - score.max(axis=0)
        return relative

    def _best(
        self,
        chain: Chain,
        emission: Emission,
        observed: NDArray[Any],
        block: slice,
        score: Floats,
        origins: NDArray[np.uint8],
        first: Floats | None = None,
    ) -> None:
        """Go along the likeliest paths of a block; ``first`` is what all lanes start from, if they start there."""
        n = block.stop - block.start
        log_density = self._block_density[:n]
        emission.log_density(observed[block], log_density)
        restarts, initial = self._restarts(block, chain.initial)
        if first is not None:
            restarts, initial = _in_all_lanes(restarts, initial, first, self.lanes.n_lanes)
        with np.errstate(divide="ignore"):
            log_initial = np.log(initial)
        reached = np.empty((len(score) + 1, self.lanes.n_lanes))
        chain.best_origins(block, log_initial, restarts, log_density, score, reached, origins[block])


def _in_all_lanes(
    restarts: NDArray[np.int64], initial: Floats, distribution: Floats, n_lanes: int
) -> tuple[NDArray[np.int64], Floats]:
    """Restarts of a block with all lanes started from one distribution at its first place."""
    later = restarts[:, 0] > 0
    at_first = np.column_stack([np.zeros(n_lanes, np.int64), np.arange(n_lanes)])
    return np.concatenate([at_first, restarts[later]]), np.concatenate(
        [distribution[None].repeat(n_lanes, axis=0), initial[later]]
    )
