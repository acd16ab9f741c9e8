"""The ultrafast bootstrap: for every resampled alignment the best of many trees, by the log-likelihoods of their sites.

No tree is searched anew. The log-likelihood of a tree on a resampled alignment is the sum of its site log-likelihoods,
each as often as the site was drawn (RELL: Kishino, Miyata & Hasegawa 1990, doi:10.1007/BF02109483); the support of a
split is the share of replicates whose best tree has it (Minh, Nguyen & von Haeseler 2013, doi:10.1093/molbev/mst024).

Where the original takes the trees that a search happens to visit, here the replicates ask for theirs: all interchanges
of every tree that is the best for some replicate become candidates, until no replicate finds a better tree next to its
own. So each of them has climbed to an optimum of its own, and all share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.em import Status
from genem.errors import UsageError
from genem.phylo.fitting.evaluation import TreeFit
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.support.candidate_trees import CandidateTree, fitted_candidate, neighbours
from genem.phylo.support.likelihood_ratio_tests import resolved
from genem.phylo.support.resampling import resampled_totals, weight_table
from genem.phylo.trees.consensus_trees import node_supports
from genem.phylo.trees.splits import resolved_splits
from genem.phylo.trees.topology import relabelled

__all__ = ["UltrafastBootstrap", "ultrafast_bootstrap"]

Vector = NDArray[np.float64]

TIE = 0.5
"""Trees so near the best of a replicate share it evenly, in the place of a choice at random."""
MIN_LOG_LIKELIHOOD_GAIN = 0.01  # smallest gain for which a replicate takes another tree
SCREEN_MARGIN = 10.0
"""Interchanges that stay so far behind on every replicate with only the edge in the middle improved are left out."""
FIRST_ROUND, ROUND_PART = 20, 0.25
"""Trees whose neighbours are looked at between two looks at the shares: so many, or a part of those so far."""
AT_REST, FEW = 0.9999, 0.1
"""Nothing more is looked at once the shares before and after a round correlate by so much, and no larger part of the
replicates stands at a tree whose neighbours are unknown."""


@dataclass(frozen=True)
class UltrafastBootstrap:
    """Shares of replicates, and what they rest on.

    Attributes
    ----------
    tree
        To which the shares belong.
    share
        float64 (node,): the share of the replicates whose best tree has the split above the node; NaN for the top, the
        tips, and inner edges shorter than 1e-6.
    shares
        The same for every split that a best tree has (see :class:`SplitTable`).
    n_candidates
        Topologies whose site log-likelihoods were resampled.
    n_expanded
        Of these, how many had their neighbours looked at.
    correlation
        Of the shares before and after the last round, over all splits that had one.
    status
        ``converged``: no replicate finds a better tree next to its own; ``left``: the shares have come to rest before;
        ``max_iter``.
    n_replicates, seed
        As given.
    """

    tree: Tree
    share: Vector
    shares: dict[int, float]
    n_candidates: int
    n_expanded: int
    correlation: float
    status: Status
    n_replicates: int
    seed: int


def ultrafast_bootstrap(
    fit: TreeFit,
    trees: Sequence[Tree] = (),
    *,
    n_replicates: int = 1000,
    seed: int = 1,
    most_expanded: int = 2000,
    threads: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> UltrafastBootstrap:
    """Supports of splits by resampled site log-likelihoods of many trees.

    Parameters
    ----------
    fit
        The best tree with its models and lengths.
    trees
        Others to begin with, such as those where the runs of a search ended.
    n_replicates
        Resampled alignments.
    seed
        Of their random numbers. They are those of the standard bootstrap with the same seed.
    most_expanded
        Trees whose neighbours are looked at, at most.
    threads
        The bits do not depend on it.
    progress
        Called after every round with the number of candidates and the correlation of the shares.

    Returns
    -------
    UltrafastBootstrap

    Raises
    ------
    UsageError
        There is to be no replicate.
    InputError
        A tree has other taxa.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo import search
    >>> rows = [b"AACCGGTTAACC", b"AACCGGTTACCC", b"CCCCGGAAAAGC", b"CCCCGTAAAAGC"]
    >>> alignment = Alignment(("a", "b", "c", "d"), np.array(list(map(list, rows)), np.uint8), "dna")
    >>> found = ultrafast_bootstrap(search(alignment, "JC", n_starts=1).best)
    >>> found.share.round(1), found.n_candidates, found.status.label
    (array([nan, nan, nan, nan,  1., nan]), 3, 'left')
    """
    if n_replicates < 1:
        raise UsageError(f"{n_replicates} replicates were asked for; give at least 1")
    likelihood = TreeLikelihood(fit.partitions, threads=threads)
    climbs = _Climbs(likelihood, weight_table(fit.partitions, seed, range(1, n_replicates + 1)))
    for tree in (fit.tree, *trees) if len(likelihood.taxa) > 3 else ():
        climbs.begin(relabelled(resolved(tree), likelihood.taxa))
    shares, correlation = climbs.shares(), 1.0
    is_at_rest = False
    while (waiting := climbs.waiting()) and climbs.n_expanded < most_expanded and not is_at_rest:
        size = max(FIRST_ROUND, int(ROUND_PART * climbs.n_expanded))
        for place in waiting[: min(size, most_expanded - climbs.n_expanded)]:
            climbs.expand(place)
        before, shares = shares, climbs.shares()
        correlation = _correlation(before, shares)
        is_at_rest = correlation >= AT_REST and climbs.part_on_the_way() <= FEW
        if progress is not None:
            progress(len(climbs.known), correlation)
    return UltrafastBootstrap(
        tree=fit.tree,
        share=node_supports(fit.tree, shares),
        shares=shares,
        n_candidates=len(climbs.known),
        n_expanded=climbs.n_expanded,
        correlation=correlation,
        status=Status.LEFT if is_at_rest and waiting else Status.MAX_ITER if waiting else Status.SOLVED,
        n_replicates=n_replicates,
        seed=seed,
    )


class _Climbs:
    """All replicates on their way uphill, each at the best tree it has seen.

    Attributes
    ----------
    known
        Topologies that were looked at.
    near
        Candidates that came near the best of some replicate, with their log-likelihoods on all of them.
    leader
        int64 (replicate,): which of ``near`` it stands at.
    """

    def __init__(self, likelihood: TreeLikelihood, weights: Vector) -> None:
        self.likelihood = likelihood
        self.weights = weights
        self.known: set[frozenset[int]] = set()
        self.near: list[CandidateTree] = []
        self.totals: list[Vector] = []
        self.expanded: set[int] = set()
        self.leader = np.zeros(len(weights), np.int64)
        self.reached = np.full(len(weights), -np.inf)

    @property
    def n_expanded(self) -> int:
        return len(self.expanded)

    def begin(self, tree: Tree) -> None:
        """One more tree to start from."""
        candidate, log_pattern = fitted_candidate(self.likelihood, tree)
        self.known.add(candidate.topology)
        self._consider([candidate], log_pattern)

    def waiting(self) -> list[int]:
        """Leaders whose neighbours are unknown, those of the most replicates first."""
        if not self.near:
            return []
        followers = self._followers()
        order = np.argsort(-followers, kind="stable")
        return [place for place in order.tolist() if followers[place] > 0 and place not in self.expanded]

    def part_on_the_way(self) -> float:
        """The part of the replicates whose leader's neighbours are unknown."""
        return float(self._followers()[self.waiting()].sum()) / len(self.weights)

    def _followers(self) -> NDArray[np.int64]:
        """int64 (near,): replicates that stand there."""
        return np.bincount(self.leader, minlength=len(self.near))

    def expand(self, place: int) -> None:
        """Look at all interchanges of a candidate, at its best lengths."""
        self.expanded.add(place)
        fitted, log_pattern = fitted_candidate(self.likelihood, self.near[place].tree())
        self.near[place] = fitted
        self.totals[place] = resampled_totals(log_pattern, self.weights, self.likelihood.threads)[0]
        led = self.leader == place
        self.reached[led] = self.totals[place][led]
        self._consider(*neighbours(self.likelihood, fitted.origin, self.known, self._come_near))

    def _come_near(self, log_pattern: Vector) -> NDArray[np.bool_]:
        """Whether each of some trees may lead a replicate once all lengths around the change are improved."""
        totals = resampled_totals(log_pattern, self.weights, self.likelihood.threads)
        near: NDArray[np.bool_] = np.any(totals > self.reached - SCREEN_MARGIN, axis=1)
        return near

    def _consider(self, candidates: list[CandidateTree], log_pattern: Vector) -> None:
        """Keep those that come near the best of a replicate; replicates move to the better ones."""
        if not candidates:
            return
        totals = resampled_totals(log_pattern, self.weights, self.likelihood.threads)
        for candidate, total in zip(candidates, totals, strict=True):
            if not np.any(total > self.reached - TIE):
                continue
            better = total > self.reached + MIN_LOG_LIKELIHOOD_GAIN
            self.leader[better] = len(self.near)
            self.reached[better] = total[better]
            self.near.append(candidate)
            self.totals.append(total.copy())

    def shares(self) -> dict[int, float]:
        """The share of replicates whose best tree has each split; trees that tie share a replicate."""
        trees: dict[frozenset[int], Vector] = {}
        n_taxa = len(self.likelihood.taxa)
        for candidate, total in zip(self.near, self.totals, strict=True):
            splits = resolved_splits(candidate.lengths, n_taxa)
            trees[splits] = np.maximum(trees[splits], total) if splits in trees else total
        if not trees:
            return {}
        totals = np.stack(list(trees.values()))
        ties = totals >= totals.max(axis=0) - TIE
        weight = (ties / ties.sum(axis=0)).sum(axis=1) / len(self.weights)
        found: dict[int, float] = {}
        for splits, share in zip(trees, weight.tolist(), strict=True):
            for split in splits if share > 0.0 else ():
                found[split] = found.get(split, 0.0) + share
        return found


def _correlation(before: dict[int, float], after: dict[int, float]) -> float:
    """The correlation of the shares in two rounds, over the splits of either; 1 where they are the same."""
    splits = [*before, *(split for split in after if split not in before)]
    earlier = np.array([before.get(split, 0.0) for split in splits])
    later = np.array([after.get(split, 0.0) for split in splits])
    if np.array_equal(earlier, later):
        return 1.0
    earlier, later = earlier - earlier.mean(), later - later.mean()
    size = np.sqrt((earlier @ earlier) * (later @ later))
    return float(earlier @ later / size) if size > 0.0 else 0.0
