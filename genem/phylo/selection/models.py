"""Selection of a substitution model: all candidates fitted to one tree, each from the ends of those nested in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Alignment, Datatype, Tree
from genem.em import criterion_weights
from genem.phylo.fitting.evaluation import TreeFit
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.models.partition import Partition
from genem.phylo.models.rates import GammaRule
from genem.phylo.models.substitution import starting_model
from genem.phylo.patterns import SitePatterns, site_patterns
from genem.phylo.searching.hill_climbing import Climb
from genem.phylo.searching.starts import bionj_tree
from genem.phylo.selection.candidates import candidate_models
from genem.phylo.selection.lattice import CandidateFit, Criterion, ModelLattice
from genem.phylo.trees.topology import star_tree

__all__ = ["ModelSelection", "quick_tree", "select_model"]

Vector = NDArray[np.float64]

"""Under which the tree for all candidates is looked for."""


@dataclass(frozen=True)
class ModelSelection:
    """All candidates and the best of them.

    Attributes
    ----------
    candidates
        Best first by the criterion; those skipped come last, in the order of the list.
    criterion
        By which they are ranked; the sample size is the number of sites.
    best
        The best one, refined.
    """

    candidates: tuple[CandidateFit, ...]
    criterion: Criterion
    best: TreeFit

    @property
    def model(self) -> str:
        """Model string of the best."""
        return self.candidates[0].name

    def weights(self, criterion: Criterion) -> Vector:
        """float64 (candidate,): Akaike weights and their like; NaN for those skipped."""
        return criterion_weights([candidate.criterion(criterion) for candidate in self.candidates])


def select_model(
    alignment: Alignment,
    tree: Tree | None = None,
    *,
    models: Sequence[str] = (),
    criterion: Criterion = "bic",
    sites: NDArray[np.integer] | slice = slice(None),
    datatype: Datatype | None = None,
    fit_all: bool = False,
    ascertainment: bool = False,
    gamma_rule: GammaRule = "mean",
    progress: Callable[[CandidateFit], None] | None = None,
    threads: int = 1,
) -> ModelSelection:
    """The substitution model that an information criterion prefers.

    All candidates are fitted to one tree, lengths included. A fit starts from the ends of models nested in it and
    of models around it, with the parameters that are new to it at values that have no effect and at customary ones;
    where it ends below a model nested in it, it is repeated from the very end of that. No log-likelihood is below that
    of a nested model.

    Parameters
    ----------
    alignment
        The data.
    tree
        Its topology is used; unless given, one is made by neighbour joining and improved by interchanges.
    models
        Restricts the candidates (see :func:`candidate_models`).
    criterion
        AIC, AICc or BIC with the number of sites as sample size.
    sites
        Columns of a partition; all unless given.
    datatype
        What their letters stand for; unless given what those of the alignment do.
    fit_all
        Fit every candidate. Unless asked for, one is skipped where the likelihood of a model that contains it would
        still leave it less than 1e-6 of the weight of the best under every criterion, and where free rates of one
        category less were no better than those of two less.
    ascertainment
        Put +ASC onto all candidates.
    gamma_rule
        What represents a gamma category: its mean or its median.
    progress
        Called with every candidate that was fitted.
    threads
        The bits do not depend on it.

    Returns
    -------
    ModelSelection

    Raises
    ------
    UsageError
        A candidate cannot be read or is for another datatype; +ASC meets constant sites.
    InputError
        The taxa of the tree are others; a letter stands for nothing.

    Notes
    -----
    Posada & Crandall (1998), doi:10.1093/bioinformatics/14.9.817; Kalyaanamoorthy et al. (2017),
    doi:10.1038/nmeth.4285.

    Examples
    --------
    >>> rows = [b"AACCGGTTAAGA", b"AACCGGTTACGA", b"CCCCGGAAAAGG", b"CCCCGTAAAAGG"]
    >>> alignment = Alignment(("a", "b", "c", "d"), np.array(list(map(list, rows)), np.uint8), "dna")
    >>> found = select_model(alignment, models=["JC", "K80", "+E", "+G4"])
    >>> found.model, [candidate.name for candidate in found.candidates]
    ('JC', ['JC', 'K80', 'JC+G4', 'K80+G4'])
    """
    patterns = site_patterns(alignment, sites, datatype)
    named = patterns.alphabet.datatype
    candidates = candidate_models(named, models, ascertainment=ascertainment, gamma_rule=gamma_rule)
    topology = quick_tree([patterns], threads=threads) if tree is None else tree
    partition = Partition(patterns, starting_model(candidates[0], patterns))
    lattice = ModelLattice(
        TreeLikelihood([partition], threads=threads), topology, criterion=criterion, fit_all=fit_all, progress=progress
    )
    lattice.run(candidates)
    best = lattice.refine_best(candidates)
    return ModelSelection(lattice.ranked(candidates), criterion, best)


def quick_tree(parts: Sequence[SitePatterns], *, threads: int = 1) -> Tree:
    """A good tree of one or more partitions in little time: neighbour joining, then interchanges under one rate."""
    if len(parts[0].taxa) < 4:
        return star_tree(parts[0].taxa)
    models = [starting_model(patterns.alphabet.datatype.rough_model, patterns) for patterns in parts]
    partitions = [Partition(patterns, model) for patterns, model in zip(parts, models, strict=True)]
    likelihood = TreeLikelihood(partitions, threads=threads)
    climb = Climb(likelihood, bionj_tree(likelihood), stages=("nni",))
    climb.fit_models()
    climb.run()
    return climb.tree
