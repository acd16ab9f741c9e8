"""Tests of the inner edges of a tree against the two other ways to join the four subtrees around each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from genem.data import Tree
from genem.errors import UsageError
from genem.numerics.threads import spread
from genem.phylo.fitting.branches import MIN_LENGTH
from genem.phylo.fitting.evaluation import TreeFit
from genem.phylo.likelihood.tree_likelihood import TreeLikelihood
from genem.phylo.searching.rearrangements import evaluated, full_tree, lengths_around, list_swaps
from genem.phylo.searching.regraft_kernels import FullTree
from genem.phylo.support.quartet_kernels import fit_quartets
from genem.phylo.support.resampling import pattern_log_likelihoods, resampled_totals, weight_table
from genem.phylo.trees.consensus_trees import node_supports
from genem.phylo.trees.splits import edge_splits
from genem.phylo.trees.topology import build_tree, canonical, relabelled, unrooted

__all__ = ["BranchTests", "branch_tests", "resolved"]

Vector = NDArray[np.float64]

MAX_SWEEPS, SWEEP_TOLERANCE, MAX_NEWTON = 50, 1e-6, 20  # when the climbs of the five edges around an interchange end
AWAY_FROM_0 = 0.05  # length from which a climb begins that may not end at 0
MARGIN = 0.05
"""By so much more must the tree lead in the data than the best does in a replicate: edges of no weight never do."""
N_REARRANGEMENTS = 3


@dataclass(frozen=True)
class BranchTests:
    """Support of each inner edge in the data, all else as in the tree.

    All arrays are float64 with one element per node of ``tree``, for the edge above it; NaN for the top, the tips, and
    inner edges shorter than 1e-6, for which the three ways to join the subtrees are the same tree.

    Attributes
    ----------
    tree
        That was tested, as given.
    log_likelihood
        Of the tree.
    alternative
        float64 (node, 2): log-likelihoods of the interchanges, the better one first, the five edges around at their
        best lengths.
    statistic
        2 (log L - alternative[:, 0]), negative where an interchange is better than the tree.
    alrt
        1 - p of the statistic.
    sh_alrt
        Share of the replicates in which the tree leads by less than in the data.
    abayes
        Posterior probability of the tree among the three.
    n_replicates, seed
        Behind ``sh_alrt``.
    """

    tree: Tree
    log_likelihood: float
    alternative: Vector
    statistic: Vector
    alrt: Vector
    sh_alrt: Vector
    abayes: Vector
    n_replicates: int
    seed: int


def branch_tests(fit: TreeFit, *, n_replicates: int = 1000, seed: int = 1, threads: int = 1) -> BranchTests:
    """Likelihood-ratio tests of all inner edges.

    The four subtrees around an edge can be joined in three ways. With l1 the log-likelihood of the tree and l2 that of
    the better other way, its five edges at their best lengths and all else as it is, the statistic is 2 (l1 - l2).

    * aLRT: if the edge had length 0, each of the three ways would beat it by half a chi-squared variable of one degree
      of freedom and half 0; p is corrected for three of them (Anisimova & Gascuel 2006,
      doi:10.1080/10635150600755453).
    * SH-aLRT: sites are resampled, their log-likelihoods kept (RELL), and each of the three sums centred at what is
      expected of it. The support is the share of replicates in which the best of the three leads the second by less
      than l1 - l2 (Guindon et al. 2010, doi:10.1093/sysbio/syq010).
    * aBayes: exp(l1) over the sum of the three likelihoods (Anisimova et al. 2011, doi:10.1093/sysbio/syr041).

    Parameters
    ----------
    fit
        A tree with models and lengths, best those of a search. Nodes of more than three neighbours are resolved by
        edges of length 0, which have no support themselves.
    n_replicates
        Resampled alignments for SH-aLRT; 0 leaves it out.
    seed
        Of their random numbers. They are those of the bootstraps with the same seed.
    threads
        The bits do not depend on it.

    Returns
    -------
    BranchTests

    Raises
    ------
    UsageError
        The number of replicates is negative.

    Examples
    --------
    >>> from genem.data import Alignment
    >>> from genem.phylo import search
    >>> rows = [b"AACCGGTTAACC", b"AACCGGTTACCC", b"CCCCGGAAAAGC", b"CCCCGTAAAAGC"]
    >>> alignment = Alignment(("a", "b", "c", "d"), np.array(list(map(list, rows)), np.uint8), "dna")
    >>> found = branch_tests(search(alignment, "JC", n_starts=1).best)
    >>> round(float(found.statistic[4]), 2), float(found.sh_alrt[4])
    (20.74, 1.0)
    """
    if n_replicates < 0:
        raise UsageError(f"{n_replicates} replicates were asked for; give 0 or more")
    likelihood = TreeLikelihood(fit.partitions, threads=threads)
    tree = relabelled(resolved(fit.tree), likelihood.taxa)
    evaluation = evaluated(likelihood, tree)
    full = full_tree(evaluation)
    rows = list_swaps(full)
    found, log_site = _fit_interchanges(full, rows, threads)
    reached = evaluation.log_likelihood
    alternative = found[:, 0].reshape(-1, 2)
    lead = reached - alternative.max(axis=1)
    shares = np.full(len(lead), np.nan)
    if n_replicates > 0 and len(lead) > 0:
        log_site = np.concatenate([evaluation.log_site[None], log_site])
        weights = weight_table(likelihood.partitions, seed, range(1, n_replicates + 1))
        totals = resampled_totals(pattern_log_likelihoods(likelihood, log_site), weights, threads)
        shares = _shares_of_smaller_leads(totals[0] - reached, totals[1:] - found[:, :1], lead)
    joined = np.exp(np.minimum(alternative - reached, 700.0)).sum(axis=1)
    splits = edge_splits(tree, likelihood.taxa)[len(likelihood.taxa) :]

    def by_node(values: Vector) -> Vector:
        return node_supports(fit.tree, dict(zip(splits, values.tolist(), strict=True)))

    return BranchTests(
        tree=fit.tree,
        log_likelihood=reached,
        alternative=np.stack([by_node(alternative.max(axis=1)), by_node(alternative.min(axis=1))], axis=1),
        statistic=by_node(2.0 * lead),
        alrt=by_node(1.0 - np.minimum(1.0, N_REARRANGEMENTS * 0.5 * chdtrc(1.0, np.maximum(2.0 * lead, 0.0)))),
        sh_alrt=by_node(shares),
        abayes=by_node(1.0 / (1.0 + joined)),
        n_replicates=n_replicates,
        seed=seed,
    )


def _fit_interchanges(full: FullTree, rows: NDArray[np.int64], threads: int) -> tuple[Vector, Vector]:
    """Log-likelihoods, lengths and logarithms by site of all interchanges, as ``fit_quartets`` gives them.

    Lengths have several optima in small data. The best of three climbs counts: from the lengths in the tree; from the
    same with none of the five near 0; and from where the other interchange at the edge ended, with nothing left of the
    edge itself, for there all ways to join the four are one.
    """
    found = np.full((len(rows), 6), -np.inf)
    log_site = np.full((len(rows), *full.sites.weight.shape), -np.inf)
    bounds = (MAX_SWEEPS, SWEEP_TOLERANCE, MAX_NEWTON)

    def climb(start: Vector) -> None:
        spread(threads, len(rows), lambda _, *part: fit_quartets(full, rows, start, *bounds, found, log_site, *part))

    start = lengths_around(full, rows)
    climb(start)
    start[:, :4] = start[:, :4].clip(AWAY_FROM_0)
    start[:, 4] = AWAY_FROM_0
    climb(start)
    partner = np.arange(len(rows)) ^ 1
    same = rows[:, :4, None] == rows[partner, None, :4]
    start[:, 4] = MIN_LENGTH
    start[:, :4] = np.take_along_axis(found[partner, 1:5], same.argmax(axis=2), axis=1)
    climb(start)
    return found, log_site


def _shares_of_smaller_leads(tree: Vector, others: Vector, lead: Vector) -> Vector:
    """Share of replicates in which the best of three centred sums leads the second by less than was observed.

    Parameters
    ----------
    tree
        float64 (replicate,): of the tree.
    others
        float64 (2 edges, replicate): of both interchanges at each edge in turn.
    lead
        float64 (edge,): observed.
    """
    shares = np.empty(len(lead))
    for edge, observed in enumerate(lead.tolist()):
        three = np.sort(np.stack([tree, others[2 * edge], others[2 * edge + 1]]), axis=0)
        shares[edge] = np.mean(observed > three[2] - three[1] + MARGIN)
    return shares


def resolved(tree: Tree) -> Tree:
    """The tree, unrooted and in standard form, nodes of more than three neighbours resolved by the shortest of edges.

    Examples
    --------
    >>> from genem.phylo.trees.topology import star_tree
    >>> resolved(star_tree(("a", "b", "c", "d"), 0.5)).length
    array([5.e-01, 5.e-01, 5.e-01, 5.e-01, 1.e-09, 0.e+00])
    """
    free = canonical(unrooted(tree))
    parent, length = free.parent.tolist(), free.length.tolist()
    for node, children in enumerate(free.children()):
        waiting = list(children)
        while len(waiting) > (3 if node == free.top else 2):
            new = len(parent)
            parent.append(node)
            length.append(MIN_LENGTH)
            parent[waiting.pop()] = parent[waiting.pop()] = new
            waiting.append(new)
    made = canonical(build_tree(free.taxa, parent, length))
    return replace(made, length=np.where(made.parent >= 0, made.length.clip(MIN_LENGTH), 0.0))
