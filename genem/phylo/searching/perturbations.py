"""Perturbations of a tree at a local optimum, from which a search climbs again.

``kick`` makes random interchanges, which a climb undoes where the tree was right (Nguyen et al. 2015,
doi:10.1093/molbev/msu300); ``reweight`` climbs for a while with some sites counted more often, and then with the true
weights (the ratchet: Nixon 1999, doi:10.1111/j.1096-0031.1999.tb00277.x; Vos 2003, doi:10.1080/10635150390235449);
``anneal`` takes steps of structural EM with weights that are disturbed less and less (Friedman et al. 2002,
doi:10.1089/10665270252935494).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from genem.data import Tree
from genem.phylo.fitting.branches import fit_branches
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.searching.hill_climbing import Climb, single_rate
from genem.phylo.searching.structural_em import propose_structure
from genem.phylo.trees.constraints import Constraint
from genem.phylo.trees.editing import EditableTree, Swap

__all__ = ["PerturbationKind", "anneal", "interchange_at_random", "perturb", "perturbation_kind", "reweight"]

PerturbationKind = Literal["kick", "reweight", "anneal"]

INTERCHANGED_PART = 0.3  # share of the inner edges at which subtrees are interchanged
FAVOURED_PART, FAVOUR = 0.5, 4.0  # share of the sites that count more in a reweighted climb, and by how much more
NOISE = (16.0, 4.0, 1.0)  # standard deviations of the disturbance of annealed weights, in units of log-likelihood
MAX_PAIR_WORK = 5e9  # multiplications in one step of structural EM above which a problem is not annealed


def perturbation_kind(number: int, likelihood: TreeLikelihood, stages: Sequence[str]) -> PerturbationKind:
    """The kind of the perturbation with this number: those that can be afforded in turn, the most successful most."""
    n_nodes = 2 * len(likelihood.taxa) - 2
    work = n_nodes**2 * np.count_nonzero(likelihood.sites.weight) * likelihood.n_categories * likelihood.n_states**3
    can_anneal = "sem" in stages and work <= MAX_PAIR_WORK
    kinds: tuple[PerturbationKind, ...] = ("reweight", "reweight", "reweight", "kick")
    if can_anneal:
        kinds += (*kinds, "reweight", "reweight", "reweight", "anneal")
    return kinds[number % len(kinds)]


def interchange_at_random(
    tree: Tree, rng: np.random.Generator, part: float = INTERCHANGED_PART, constraint: Constraint | None = None
) -> Tree:
    """Random interchanges at some inner edges that do not touch one another.

    Parameters
    ----------
    tree
        Bifurcating, in standard form.
    rng
        Which edges and which subtrees.
    part
        Of the inner edges, at least one.
    constraint
        Interchanges that break one of its groups are not made.
    """
    changed = EditableTree(tree)
    edges = changed.inner_edges()
    wanted = max(1, round(part * len(edges)))
    taken: set[int] = set()
    for place in rng.permutation(len(edges)).tolist():
        near, far = edges[place]
        if wanted == 0:
            break
        if near in taken or far in taken:
            continue
        at_near = sorted(other for other in changed.neighbours[near] if other != far)
        at_far = sorted(other for other in changed.neighbours[far] if other != near)
        proposed = changed.copy()
        proposed.apply(Swap(near, far, at_near[0], at_far[int(rng.integers(2))], (), float("nan")))
        if constraint is None or constraint.allows(proposed.to_tree()):
            changed = proposed
            wanted -= 1
            taken |= {near, far}
    return changed.to_tree()


def reweight(likelihood: TreeLikelihood, rng: np.random.Generator) -> TreeLikelihood:
    """The same likelihood with a random part of the sites counted several times."""
    weights = []
    for partition in likelihood.partitions:
        weight = partition.patterns.weight
        weights.append(weight + FAVOUR * rng.binomial(np.round(weight).astype(np.int64), FAVOURED_PART))
    return likelihood.with_weights(weights)


def anneal(likelihood: TreeLikelihood, tree: Tree, rng: np.random.Generator) -> Tree:
    """Some steps of structural EM, with less and less noise on the weights."""
    for noise in NOISE:
        proposal = propose_structure(likelihood, tree, noise=noise, rng=rng)
        tree = fit_branches(likelihood, proposal.tree, max_sweeps=2).tree
    return tree


def perturb(
    kind: PerturbationKind,
    likelihood: TreeLikelihood,
    tree: Tree,
    rng: np.random.Generator,
    *,
    stages: Sequence[str],
    radius: int,
    constraint: Constraint | None,
) -> Tree:
    """A tree from which to climb again; the given one where the constraint forbids what was found."""
    if kind == "kick":
        changed = interchange_at_random(tree, rng, constraint=constraint)
    elif kind == "anneal":
        changed = anneal(likelihood, tree, rng)
    else:
        rough = reweight(single_rate(likelihood), rng)
        climb = Climb(rough, tree, stages=stages, radius=radius, constraint=constraint)
        climb.run()
        changed = climb.tree
    return changed if constraint is None or constraint.allows(changed) else tree
