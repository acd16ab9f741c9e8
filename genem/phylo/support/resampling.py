"""Bootstrap samples of the sites of an alignment, and what trees are worth on them.

A replicate draws as many sites from every partition as it has, with replacement: its patterns get multinomial weights
(Felsenstein 1985, doi:10.1111/j.1558-5646.1985.tb00420.x). Every replicate has random numbers of its own, from the seed
and its number: which others are drawn with it makes no difference, and all methods see the same replicates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from genem.numerics.threads import spread
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.partition import Partition
from genem.phylo.support.quartet_kernels import resample

__all__ = ["draw_weights", "pattern_log_likelihoods", "replicate_generator", "resampled_totals", "sampled_partitions"]

Vector = NDArray[np.float64]

REPLICATES = 1
"""Random numbers of replicates are apart from those of the runs of a search with the same seed."""


def replicate_generator(seed: int, number: int) -> np.random.Generator:
    """Random numbers of one replicate, whatever the others used."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(REPLICATES, number)))


def draw_weights(partitions: Sequence[Partition], rng: np.random.Generator) -> list[Vector]:
    """float64 (pattern,) per partition: how often each pattern was drawn.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo.fitting.evaluation import make_partitions
    >>> letters = np.array([list(b"AACGA"), list(b"AACTA")], np.uint8)
    >>> partitions = make_partitions(Alignment(("a", "b"), letters, "dna"), "JC")
    >>> (weight,) = draw_weights(partitions, replicate_generator(1, 1))
    >>> len(weight), weight.sum()
    (3, np.float64(5.0))
    """
    return [_draw(partition.patterns.weight, rng) for partition in partitions]


def _draw(weight: Vector, rng: np.random.Generator) -> Vector:
    n_sites = round(float(weight.sum()))
    if n_sites == 0:
        return weight.copy()
    return rng.multinomial(n_sites, weight / weight.sum()).astype(np.float64)


def sampled_partitions(partitions: Sequence[Partition], weights: Sequence[Vector]) -> list[Partition]:
    """The partitions with the patterns that were drawn, and no others."""
    made = []
    for partition, weight in zip(partitions, weights, strict=True):
        kept = np.flatnonzero(weight > 0.0)
        patterns = replace(
            partition.patterns,
            codes=np.ascontiguousarray(partition.patterns.codes[:, kept]),
            weight=weight[kept],
            pattern_of=np.repeat(np.arange(len(kept)), weight[kept].astype(np.int64)),
        )
        made.append(replace(partition, patterns=patterns))
    return made


def weight_table(partitions: Sequence[Partition], seed: int, numbers: Iterable[int]) -> Vector:
    """float64 (replicate, pattern): weights of the replicates with these numbers, the partitions side by side."""
    return np.stack([np.concatenate(draw_weights(partitions, replicate_generator(seed, number))) for number in numbers])


def pattern_log_likelihoods(likelihood: TreeLikelihood, log_site: Vector) -> Vector:
    """Values of chunks as values of patterns.

    Parameters
    ----------
    likelihood
        Sites and models.
    log_site
        float64 (tree, chunk, lane), before the correction for ascertainment.

    Returns
    -------
    ndarray
        float64 (tree, pattern): corrected, the partitions side by side.
    """
    corrected = log_site
    if np.any(likelihood.ascertained > 0.0):
        seen = np.array([likelihood.log_seen(values) for values in log_site])
        corrected = log_site - seen[:, likelihood.sites.model, None]
    return np.stack([np.concatenate(likelihood.patterns_of_chunks(values)) for values in corrected])


def resampled_totals(log_pattern: Vector, weights: Vector, threads: int = 1) -> Vector:
    """float64 (tree, replicate): log-likelihoods of trees on replicates (RELL).

    Parameters
    ----------
    log_pattern
        float64 (tree, pattern).
    weights
        float64 (replicate, pattern).
    threads
        The bits do not depend on it.

    Examples
    --------
    >>> resampled_totals(np.array([[-1.0, -2.0], [-3.0, -0.5]]), np.array([[1.0, 1.0], [0.0, 2.0]]))
    array([[-3. , -4. ],
           [-3.5, -1. ]])
    """
    totals = np.empty((len(log_pattern), len(weights)))
    spread(threads, len(weights), lambda _, *part: resample(log_pattern, weights, totals, *part))
    return totals
