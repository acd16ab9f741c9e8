"""The standard bootstrap: the sites are resampled, and the tree of every resampled alignment is searched anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Alignment, Tree
from genem.errors import UsageError
from genem.numerics.threads import spread
from genem.phylo.fitting.branches import fit_branches
from genem.phylo.fitting.evaluation import SitePartition, make_partitions
from genem.phylo.fitting.optimisation import fit_models
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.parameters import pack_partitions, unpack_partitions
from genem.phylo.models.partition import Partition
from genem.phylo.models.rates import GammaRule
from genem.phylo.models.specifications import ModelSpecification
from genem.phylo.models.substitution import starting_model
from genem.phylo.searching.hill_climbing import Climb, single_rate
from genem.phylo.searching.starts import bionj_tree, parsimony_tree, random_resolution
from genem.phylo.support.resampling import draw_weights, replicate_generator, sampled_partitions
from genem.phylo.trees.constraints import Constraint, read_constraint
from genem.phylo.trees.topology import star_tree

__all__ = ["Replicate", "bootstrap"]

FAR = 4
"""The rough part of a climb tries this many times the radius where nothing is found within it."""
LAST_SWEEP = 1e-3


@dataclass(frozen=True)
class Replicate:
    """The tree of one resampled alignment.

    Attributes
    ----------
    number
        Of the replicate.
    tree
        The best found, with lengths.
    log_likelihood
        Of the resampled alignment.
    """

    number: int
    tree: Tree
    log_likelihood: float


def bootstrap(
    alignment: Alignment,
    model: str | ModelSpecification = "GTR+G4",
    *,
    partitions: Sequence[SitePartition] = (),
    replicates: Sequence[int] = range(1, 101),
    seed: int = 1,
    n_starts: int = 2,
    radius: int = 6,
    constraint: Tree | None = None,
    progress: Callable[[Replicate], None] | None = None,
    gamma_rule: GammaRule = "mean",
    threads: int = 1,
) -> list[Replicate]:
    """Trees of resampled alignments (Felsenstein 1985, doi:10.1111/j.1558-5646.1985.tb00420.x).

    As many sites as there are, within each partition, are drawn with replacement. The search on such an alignment knows
    nothing of the tree of the original one: it starts from neighbour joining and from parsimony trees of its own,
    climbs by interchanges and regrafts, roughly with one rate for all sites and then under the model, and keeps the
    best. Model parameters are fitted to every replicate, beginning at their values for the original alignment on its
    neighbour joining tree; counted frequencies are counted anew.

    Parameters
    ----------
    alignment, model, partitions, constraint, gamma_rule
        As in :func:`genem.phylo.search`.
    replicates
        Their numbers. Each has random numbers of its own, so that the tree of a number is the same, bit for bit,
        whichever others are asked for with it.
    seed
        Of the random numbers.
    n_starts
        Trees to start from in every replicate; the first by neighbour joining, the others by parsimony.
    radius
        Most nodes between the old and the new place of a subtree.
    progress
        Called with every replicate when it is done; with several threads the order varies.
    threads
        Replicates are worked off on so many threads; the bits do not depend on it.

    Returns
    -------
    list of Replicate
        In the order of ``replicates``.

    Raises
    ------
    UsageError
        The model cannot be read, or an argument has no meaning.
    InputError
        The constraint has unknown taxa; a letter stands for nothing.

    Examples
    --------
    >>> rows = [b"AACCGGTTAACC", b"AACCGGTTACCC", b"CCCCGGAAAAGC", b"CCCCGTAAAAGC"]
    >>> alignment = Alignment(("a", "b", "c", "d"), np.array(list(map(list, rows)), np.uint8), "dna")
    >>> from genem.phylo import consensus
    >>> found = bootstrap(alignment, "JC", replicates=range(1, 5), n_starts=1)
    >>> consensus([replicate.tree for replicate in found]).tree.labels
    ('100', '')
    """
    if n_starts < 1 or radius < 1:
        raise UsageError(f"{n_starts} starts and a radius of {radius} were asked for; both must be at least 1")
    if any(number < 0 for number in replicates):
        raise UsageError("replicates have numbers from 0 on")
    base = TreeLikelihood(make_partitions(alignment, model, partitions, gamma_rule))
    bound = None if constraint is None else read_constraint(constraint, base.taxa)
    centre = _centre(base, bound, radius) if len(base.taxa) > 3 and len(replicates) else np.empty(0)
    found: dict[int, Replicate] = {}

    def work(_: int, first: int, last: int) -> None:
        for number in replicates[first:last]:
            found[number] = _search_replicate(base, centre, number, seed, n_starts, radius, bound)
            if progress is not None:
                progress(found[number])

    spread(threads, len(replicates), work)
    return [found[number] for number in replicates]


def _centre(base: TreeLikelihood, constraint: Constraint | None, radius: int) -> NDArray[np.float64]:
    """Model coordinates of the original alignment on its first tree: where those of replicates start."""
    first = bionj_tree(base) if constraint is None else _constrained_start(base, constraint, np.random.default_rng(0))
    climb = Climb(base, first, radius=radius, constraint=constraint)
    climb.fit_models()
    return pack_partitions(climb.likelihood.partitions)


def _constrained_start(likelihood: TreeLikelihood, constraint: Constraint, rng: np.random.Generator) -> Tree:
    backbone = random_resolution(constraint.tree, rng) if len(constraint.tree.taxa) > 3 else None
    return parsimony_tree(likelihood, rng, backbone=backbone)


def _search_replicate(
    base: TreeLikelihood,
    centre: NDArray[np.float64],
    number: int,
    seed: int,
    n_starts: int,
    radius: int,
    constraint: Constraint | None,
) -> Replicate:
    rng = replicate_generator(seed, number)
    sampled = [_recounted(part) for part in sampled_partitions(base.partitions, draw_weights(base.partitions, rng))]
    likelihood = TreeLikelihood(sampled)
    if len(likelihood.taxa) < 4:
        fitted = fit_branches(likelihood, star_tree(likelihood.taxa))
        return Replicate(number, fitted.tree, fitted.log_likelihood)
    likelihood = likelihood.with_partitions(unpack_partitions(sampled, centre))
    best: Climb | None = None
    for start in range(n_starts):
        if constraint is not None:
            tree = _constrained_start(likelihood, constraint, rng)
        else:
            tree = bionj_tree(likelihood) if start == 0 else parsimony_tree(likelihood, rng)
        climb = _climb(likelihood, tree, radius, constraint, refit=start == 0)
        likelihood = climb.likelihood
        if best is None or climb.log_likelihood > best.log_likelihood:
            best = climb
    assert best is not None
    best.sweep(LAST_SWEEP)
    return Replicate(number, best.tree, best.log_likelihood)


def _climb(likelihood: TreeLikelihood, tree: Tree, radius: int, constraint: Constraint | None, *, refit: bool) -> Climb:
    """Roughly up with one rate for all sites and far regrafts, then under the model, fitted to the tree reached."""
    stages, far = ("nni", "spr"), FAR * radius
    if likelihood.n_categories > 1:
        alike = single_rate(likelihood)
        rough = Climb(alike, tree, stages=stages, radius=radius, far_radius=far, constraint=constraint)
        rough.run()
        tree, far = rough.tree, 0
    climb = Climb(likelihood, tree, stages=stages, radius=radius, far_radius=far, constraint=constraint)
    if refit:
        climb.likelihood = fit_models(climb.likelihood, climb.tree, lengths=False).likelihood
        climb.sweep()
    climb.run()
    return climb


def _recounted(partition: Partition) -> Partition:
    """With the frequencies that are counted in it."""
    return Partition(
        partition.patterns,
        starting_model(partition.model.specification, partition.patterns),
        partition.rate,
        partition.name,
    )
