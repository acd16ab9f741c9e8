"""The likelihood of a tree: data and models laid out for the kernels, and the passes over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.errors import UsageError
from genem.numerics.arrays import aligned_array
from genem.numerics.threads import spread
from genem.phylo.alphabet import Alphabet, common_alphabet, recoding
from genem.phylo.likelihood.partial_kernels import (
    FEW_STATES,
    LANE_STEP,
    Partials,
    Sites,
    Topology,
    fill_chunks,
)
from genem.phylo.likelihood.transition_kernels import Process, Transitions, fill_all_edges
from genem.phylo.models.partition import Partition
from genem.phylo.models.substitution import Model
from genem.phylo.trees.topology import relabelled

__all__ = ["TreeLikelihood"]

Vector = NDArray[np.float64]

MOST_VALUES = 2048
"""States times lanes of a chunk, at most; searches in DNA were slower with half as many, and no faster with twice."""
LANES_OF_CALL = 64
"""Roughly what another chunk costs besides its lanes: a guess that only chooses between layouts nearly as good."""


class TreeLikelihood:
    """Log-likelihoods of trees over one alignment under given models.

    Parameters
    ----------
    partitions
        One or more, of the same taxa; a model with fewer categories than another is filled up with categories of weight
        0, one of DNA beside one of protein with states that never occur.
    threads
        Chunks of patterns are worked off on so many threads; the bits do not depend on it. Any number of objects may be
        used from Python threads at the same time.

    Attributes
    ----------
    taxa
        Names of the taxa, in the node order of the trees that the kernels see.
    sites, process
        Data and models as the kernels take them.

    Examples
    --------
    The likelihood of two letters at a distance: log(pi(x) P(t)[x, y]).

    >>> from genem.data import Alignment
    >>> from genem.phylo.models.substitution import starting_model
    >>> from genem.phylo.patterns import site_patterns
    >>> from genem.phylo.trees.topology import star_tree
    >>> patterns = site_patterns(Alignment(("a", "b"), np.array([[65], [71]], np.uint8), "dna"))
    >>> likelihood = TreeLikelihood([Partition(patterns, starting_model("JC", patterns))])
    >>> likelihood.evaluate(star_tree(("a", "b"), 0.15)).log_likelihood
    -3.88...
    >>> np.log(0.25 * 0.25 * (1 - np.exp(-4 / 3 * 0.3)))
    np.float64(-3.88...)
    """

    def __init__(self, partitions: Sequence[Partition], *, threads: int = 1) -> None:
        self.partitions = tuple(partitions)
        self.threads = threads
        self.alphabet = _common_alphabet(self.partitions)
        self.taxa = self.partitions[0].patterns.taxa
        self.n_lanes = _best_n_lanes(self.partitions, self.alphabet)
        self._first_chunk = _first_chunks(self.partitions, self.n_lanes)
        self.sites = _lay_out_sites(self.partitions, self.alphabet, self.n_lanes)
        self.process = build_process(self.partitions)

    def with_partitions(self, partitions: Sequence[Partition]) -> TreeLikelihood:
        """The same sites under other models or partition rates."""
        other = object.__new__(TreeLikelihood)
        other.__dict__.update(self.__dict__)
        other.partitions = tuple(partitions)
        other.process = build_process(other.partitions)
        return other

    def with_models(self, models: Sequence[Model]) -> TreeLikelihood:
        """The same sites under other models, one per partition."""
        pairs = zip(self.partitions, models, strict=True)
        return self.with_partitions([replace(partition, model=model) for partition, model in pairs])

    def with_weights(self, weights: Sequence[Vector]) -> TreeLikelihood:
        """The same patterns counted otherwise: float64 (pattern,) per partition, as by a bootstrap."""
        pairs = zip(self.partitions, weights, strict=True)
        other = self.with_partitions([replace(p, patterns=p.patterns.reweighted(weight)) for p, weight in pairs])
        chunked = np.zeros_like(self.sites.weight)
        for partition, first in zip(other.partitions, self._first_chunk, strict=True):
            start = first * self.n_lanes
            chunked.reshape(-1)[start : start + partition.patterns.n_patterns] = partition.patterns.weight
        other.sites = self.sites._replace(weight=chunked)
        return other

    def codes(self) -> tuple[NDArray[np.uint8], ...]:
        """uint8 (taxon, pattern) of every partition: codes of ``alphabet``."""
        return tuple(recoded(partition, self.alphabet) for partition in self.partitions)

    @property
    def n_categories(self) -> int:
        return int(self.process.rate.shape[1])

    @property
    def n_states(self) -> int:
        return self.alphabet.n_states

    @property
    def ascertained(self) -> Vector:
        """float64 (model,): number of sites of the partitions with +ASC, 0 for the others."""
        return np.array(
            [
                partition.patterns.weight.sum() if partition.model.specification.ascertainment else 0.0
                for partition in self.partitions
            ]
        )

    @property
    def n_sites_with_letters(self) -> float:
        """Sites at which some sequence has a known letter, by weight; all others say nothing."""
        return sum(
            float(each.patterns.weight @ np.any(each.patterns.codes != each.patterns.alphabet.unknown, axis=0))
            for each in self.partitions
        )

    def evaluate(self, tree: Tree, *, down: bool = False) -> Evaluation:
        """Log-likelihood of a tree.

        Parameters
        ----------
        tree
            Of the same taxa, rooted or not, with branch lengths.
        down
            Also compute the partials of the edges seen from below, which derivatives, expected counts and ancestral
            states need.

        Raises
        ------
        InputError
            The taxa of the tree are others.
        UsageError
            The tree has edges without a length.
        """
        numbered = relabelled(tree, self.taxa)
        if np.any(np.isnan(numbered.length)):
            raise UsageError("the tree has edges without a length; give lengths, or have them estimated")
        topology = build_topology(numbered)
        partials = self.storage(len(numbered), keep=down, down=down)
        transitions = self.transitions(numbered.length)
        return self.run(numbered, topology, transitions, partials, down=down)

    def run(
        self, tree: Tree, topology: Topology, transitions: Transitions, partials: Partials, *, down: bool
    ) -> Evaluation:
        """Evaluate a tree with arrays that exist already; ``partials`` are overwritten."""
        log_site = np.empty_like(self.sites.weight)
        arguments = (self.sites, self.process, topology, transitions, partials, down, log_site)
        spread(self.threads, len(log_site), lambda *part: fill_chunks(*arguments, *part))
        return Evaluation(self, tree, topology, transitions, partials, log_site)

    def transitions(self, lengths: Vector) -> Transitions:
        """P of every edge of a tree."""
        shape = (len(self.partitions), len(lengths), self.n_categories, self.n_states)
        n_tips = len(self.taxa) if self.n_states > FEW_STATES else 0
        transitions = Transitions(
            np.zeros((*shape, self.n_states)),
            np.zeros((shape[0], n_tips, *shape[2:], len(self.alphabet.sets))),
        )
        fill_all_edges(self.process, lengths, transitions)
        return transitions

    def storage(self, n_nodes: int, *, keep: bool, down: bool = True) -> Partials:
        """Room for the partials of a tree of so many nodes: of all chunks, or of those being worked on."""
        n_slots = len(self.sites.model) if keep else min(self.threads, len(self.sites.model))
        n_edges = n_nodes if down else 0
        slab = (self.n_categories, self.n_states, self.n_lanes)
        return Partials(
            aligned_array((n_slots, n_nodes, *slab)),
            np.zeros((n_slots, n_nodes, self.n_lanes), np.int32),
            aligned_array((n_slots, n_edges, *slab)),
            np.zeros((n_slots, n_edges, self.n_lanes), np.int32),
        )

    def patterns_of_chunks(self, chunked: Vector) -> tuple[Vector, ...]:
        """Values float64 (chunk, lane) as float64 (pattern,) per partition."""
        flat = chunked.reshape(-1)
        return tuple(
            flat[first * self.n_lanes : first * self.n_lanes + partition.patterns.n_patterns]
            for partition, first in zip(self.partitions, self._first_chunk, strict=True)
        )

    def log_seen(self, log_site: Vector) -> Vector:
        """float64 (model,): ln of the probability that a site is variable, where +ASC asks for it, else 0."""
        seen = np.zeros(len(self.partitions))
        for model, partition in enumerate(self.partitions):
            if partition.model.specification.ascertainment:
                chunks = self.sites.model == model
                unseen = self.sites.unseen[chunks] > 0.0
                seen[model] = np.log1p(-np.exp(log_site[chunks][unseen]).sum())
        return seen


@dataclass(frozen=True)
class Evaluation:
    """One tree under one model: what the passes left behind.

    Attributes
    ----------
    likelihood
        Sites and models.
    tree
        With its taxa in the order of the patterns.
    topology, transitions, partials
        As the kernels take them.
    log_site
        float64 (chunk, lane): ln of the likelihood of every pattern, before the correction for ascertainment.
    """

    likelihood: TreeLikelihood
    tree: Tree
    topology: Topology
    transitions: Transitions
    partials: Partials
    log_site: Vector

    @property
    def log_likelihood(self) -> float:
        """Natural logarithm; -inf where a pattern is impossible, as two letters on edges of length 0."""
        weight = self.likelihood.sites.weight
        by_chunk = (weight * np.where(weight > 0.0, self.log_site, 0.0)).sum(axis=1)
        return float(by_chunk.sum() - self.likelihood.ascertained @ self.likelihood.log_seen(self.log_site))

    def site_log_likelihoods(self) -> tuple[Vector, ...]:
        """float64 (site,) per partition; they add up to the log-likelihood."""
        seen = self.likelihood.log_seen(self.log_site)
        patterns = self.likelihood.patterns_of_chunks(self.log_site)
        return tuple(
            values[partition.patterns.pattern_of] - log_seen
            for partition, values, log_seen in zip(self.likelihood.partitions, patterns, seen, strict=True)
        )


def build_topology(tree: Tree) -> Topology:
    """The arrays that the kernels walk along."""
    children = tree.children()
    counts = np.array([0, *map(len, children)], dtype=np.int64)
    child = np.array([node for nodes in children for node in nodes], dtype=np.int64)
    return Topology(len(tree.taxa), tree.parent, np.cumsum(counts), child)


def build_process(partitions: Sequence[Partition]) -> Process:
    """Rate matrices in their eigenvectors: Q = D^-1/2 U diag(eigenvalue) U^T D^1/2 with D = diag(frequency)."""
    alphabet = common_alphabet(partition.patterns.alphabet for partition in partitions)
    n_states = alphabet.n_states
    n_categories = max(len(partition.model.categories()[0]) for partition in partitions)
    n_models = len(partitions)
    weight, rate = np.zeros((n_models, n_categories)), np.zeros((n_models, n_categories))
    frequency = np.ones((n_models, n_states))
    eigenvalue, left = np.zeros((n_models, n_states)), np.zeros((n_models, n_categories, n_states, n_states))
    right = np.zeros((n_models, n_states, n_states))
    for number, partition in enumerate(partitions):
        rates, weights = partition.model.categories()
        rate[number, : len(rates)], weight[number, : len(rates)] = rates * partition.rate, weights
        root = np.sqrt(partition.model.frequency)
        symmetric = root[:, None] * partition.model.rate_matrix() / root
        used = slice(len(root))
        frequency[number, used] = partition.model.frequency
        eigenvalue[number, used], vectors = np.linalg.eigh((symmetric + symmetric.T) / 2.0)
        left[number, :, used, used], right[number, used, used] = vectors.T * root, vectors / root[:, None]
    return Process(
        frequency,
        weight,
        rate,
        np.array([partition.model.invariant for partition in partitions]),
        np.minimum(eigenvalue, 0.0),
        left,
        right,
        alphabet.sets,
    )


def recoded(partition: Partition, common: Alphabet) -> NDArray[np.uint8]:
    """uint8 (taxon, pattern): the codes of a partition in the alphabet of all."""
    codes: NDArray[np.uint8] = recoding(partition.patterns.alphabet, common)[partition.patterns.codes]
    return codes


def _common_alphabet(partitions: tuple[Partition, ...]) -> Alphabet:
    if not partitions:
        raise UsageError("no partition has any site; name at least one column")
    first = partitions[0].patterns
    for partition in partitions[1:]:
        if partition.patterns.taxa != first.taxa:
            raise UsageError("partitions have different taxa; fill in what is missing with gaps")
    return common_alphabet(partition.patterns.alphabet for partition in partitions)


def _n_chunks(partition: Partition, n_lanes: int) -> int:
    unseen = partition.model.n_states if partition.model.specification.ascertainment else 0
    return max(1, -(-(partition.patterns.n_patterns + unseen) // n_lanes))


def _best_n_lanes(partitions: tuple[Partition, ...], alphabet: Alphabet) -> int:
    """Lanes of a chunk: so many that few are unused, and that calls, which cost like lanes, are few."""
    most = max(LANE_STEP, MOST_VALUES // alphabet.n_states)

    def cost(n_lanes: int) -> int:
        return sum(_n_chunks(partition, n_lanes) for partition in partitions) * (n_lanes + LANES_OF_CALL)

    return min(range(LANE_STEP, most + 1, LANE_STEP), key=cost)


def _first_chunks(partitions: tuple[Partition, ...], n_lanes: int) -> tuple[int, ...]:
    counts = [_n_chunks(partition, n_lanes) for partition in partitions]
    return tuple(int(first) for first in np.cumsum([0, *counts])[:-1])


def _lay_out_sites(partitions: tuple[Partition, ...], alphabet: Alphabet, n_lanes: int) -> Sites:
    counts = [_n_chunks(partition, n_lanes) for partition in partitions]
    n_taxa, n_places = len(partitions[0].patterns.taxa), sum(counts) * n_lanes
    code = np.full((n_taxa, n_places), alphabet.unknown, np.uint8)
    weight, unseen = np.zeros(n_places), np.zeros(n_places)
    for partition, first in zip(partitions, _first_chunks(partitions, n_lanes), strict=True):
        start, end = first * n_lanes, first * n_lanes + partition.patterns.n_patterns
        n_states = partition.model.n_states
        code[:, start:end] = recoded(partition, alphabet)
        weight[start:end] = partition.patterns.weight
        if partition.model.specification.ascertainment:
            code[:, end : end + n_states] = np.arange(n_states)
            unseen[end : end + n_states] = 1.0
    chunked = np.ascontiguousarray(code.reshape(n_taxa, sum(counts), n_lanes).transpose(1, 0, 2))
    tip = np.ascontiguousarray(np.moveaxis(alphabet.sets[chunked], 3, 2))
    return Sites(
        code=chunked,
        tip=tip.astype(np.uint8),
        constant=tip.prod(axis=1),
        weight=weight.reshape(-1, n_lanes),
        unseen=unseen.reshape(-1, n_lanes),
        model=np.repeat(np.arange(len(partitions)), counts),
    )
