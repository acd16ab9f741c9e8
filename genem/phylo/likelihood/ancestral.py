"""Ancestral states: what the inner nodes of a tree looked like."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.alphabet import Alphabet
from genem.phylo.likelihood.posterior_kernels import node_posteriors
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood

__all__ = ["AncestralStates", "ancestral_states"]

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class AncestralStates:
    """Marginal posterior probabilities of the states of inner nodes.

    Attributes
    ----------
    tree
        The tree, its taxa in the order of the patterns.
    nodes
        Numbers of the nodes.
    alphabet
        Letters of the states; with partitions of DNA and of protein those of protein, among which A, C, G and T are.
    posterior
        For every partition float64 (node, site, state).
    """

    tree: Tree
    nodes: tuple[int, ...]
    alphabet: Alphabet
    posterior: tuple[Vector, ...]

    def sequences(self, partition: int = 0) -> tuple[str, ...]:
        """The most probable state of every site, one sequence per node; of equal ones the first in the alphabet."""
        states = np.frombuffer(self.alphabet.states.encode(), np.uint8)
        return tuple(states[rows.argmax(axis=1)].tobytes().decode() for rows in self.posterior[partition])


def ancestral_states(likelihood: TreeLikelihood, tree: Tree) -> AncestralStates:
    """Marginal ancestral reconstruction: for each inner node on its own, the states given all data.

    P(state x at v | data) is proportional to the sum over categories of w pi(x) up(v)[x] (P outer(v))[x], plus, where
    some sites never change, their proportion times the constant state. Yang, Kumar & Nei (1995),
    doi:10.1093/genetics/141.4.1641.

    Parameters
    ----------
    likelihood
        The alignment and its models.
    tree
        With all branch lengths, rooted where an ancestor at the root is wanted.

    Returns
    -------
    AncestralStates
        For all nodes that are not taxa, in ascending order.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo.models.partition import Partition
    >>> from genem.phylo.models.substitution import starting_model
    >>> from genem.phylo.patterns import site_patterns
    >>> from genem.phylo.trees.topology import star_tree
    >>> letters = np.array([list(b"AC"), list(b"AC"), list(b"AG")], np.uint8)
    >>> patterns = site_patterns(Alignment(("a", "b", "c"), letters, "dna"))
    >>> likelihood = TreeLikelihood([Partition(patterns, starting_model("JC", patterns))])
    >>> found = ancestral_states(likelihood, star_tree(("a", "b", "c"), 0.1))
    >>> found.sequences(), found.posterior[0][0, 1].round(3)
    (('AC',), array([0.001, 0.965, 0.033, 0.001]))
    """
    evaluation = likelihood.evaluate(tree, down=True)
    nodes = np.arange(len(likelihood.taxa), len(tree))
    chunked = np.empty((len(nodes), len(likelihood.sites.model), likelihood.n_states, likelihood.sites.weight.shape[1]))
    node_posteriors(likelihood.sites, likelihood.process, evaluation.transitions, evaluation.partials, nodes, chunked)
    by_state = np.moveaxis(chunked, 2, 0).reshape(likelihood.n_states, len(nodes), *likelihood.sites.weight.shape)
    posterior = []
    for number, partition in enumerate(likelihood.partitions):
        patterns = np.array([[likelihood.patterns_of_chunks(values)[number] for values in rows] for rows in by_state])
        by_site = np.moveaxis(patterns[:, :, partition.patterns.pattern_of], 0, 2)
        posterior.append(_by_letter(by_site, partition.patterns.alphabet, likelihood.alphabet))
    return AncestralStates(evaluation.tree, tuple(nodes.tolist()), likelihood.alphabet, tuple(posterior))


def _by_letter(by_site: Vector, alphabet: Alphabet, common: Alphabet) -> Vector:
    """States of a partition at the places of their letters in the common alphabet."""
    place = [common.states.index(letter) for letter in alphabet.states]
    posterior = np.zeros_like(by_site)
    posterior[:, :, place] = by_site[:, :, : alphabet.n_states]
    return posterior
