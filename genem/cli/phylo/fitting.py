"""The trees of ``genem phylo``: searched for, or given and evaluated."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Tree
    from genem.phylo import Search, TreeFit

__all__ = ["Found", "evaluated", "searched"]


@dataclass(frozen=True, slots=True)
class Found:
    """The trees that are written, with their likelihoods.

    Attributes
    ----------
    fits
        In order: those given, or the one that was found.
    best
        Number of the most likely one; of equals the first.
    search
        Where they were searched for.
    trees
        The same trees as they are written: rooted, with supports or names of nodes as labels.
    """

    fits: tuple[TreeFit, ...]
    best: int
    search: Search | None
    trees: tuple[Tree, ...]

    @property
    def best_fit(self) -> TreeFit:
        return self.fits[self.best]

    @property
    def best_tree(self) -> Tree:
        """The best tree as it is written."""
        return self.trees[self.best]

    def with_trees(self, trees: tuple[Tree, ...]) -> Found:
        """The same, written otherwise."""
        return replace(self, trees=trees)

    def with_best_tree(self, tree: Tree) -> Found:
        """The same with the best tree written otherwise."""
        return replace(self, trees=(*self.trees[: self.best], tree, *self.trees[self.best + 1 :]))


def evaluated(data: PhyloInput, trees: tuple[Tree, ...], args: argparse.Namespace, context: RunContext) -> Found:
    """Lengths and model parameters of the given trees; only of the best one with ``--best``."""
    from genem.phylo import evaluate

    fits = []
    with context.progress("evaluating trees", len(trees)) as progress:
        for number, tree in enumerate(trees):
            fit = evaluate(
                data.alignment,
                tree,
                data.model,
                partitions=data.partitions,
                fix_branches=args.fix_branches,
                gamma_rule=args.gamma_rule,
                trace=args.run_record is not None,
                threads=context.threads or 1,
            )
            fits.append(fit)
            _record(fit, f"tree {number + 1}", context)
            progress.update(number + 1)
    n_multifurcations = sum(fit.n_multifurcations for fit in fits)
    if n_multifurcations:
        context.log.info("%d nodes of the given trees have more than three neighbours", n_multifurcations)
    best = max(range(len(fits)), key=lambda number: (fits[number].log_likelihood, -number))
    if args.best:
        fits, best = [fits[best]], 0
    return Found(tuple(fits), best, None, tuple(fit.tree for fit in fits))


def searched(data: PhyloInput, trees: tuple[Tree, ...], args: argparse.Namespace, context: RunContext) -> Found:
    """The best tree that a search finds, from the given trees or from those it makes itself."""
    from genem.cli.phylo.checkpoint import open_checkpoint
    from genem.cli.phylo.input import read_constraint_tree
    from genem.phylo import Run, search
    from genem.phylo.searching.hill_climbing import STRATEGY

    constraint = read_constraint_tree(data, args, context)
    checkpoint = open_checkpoint(data, trees, constraint, args, context)
    n_starts = len(trees) or args.starts
    with context.progress("searching", n_starts + args.patience) as progress:

        def tell(run: Run) -> None:
            progress.update(run.number + 1)
            context.log.info("run %d (%s): log-likelihood %.4f", run.number + 1, run.kind, run.log_likelihood)

        found = search(
            data.alignment,
            data.model,
            partitions=data.partitions,
            seed=context.seed or 0,
            n_starts=n_starts,
            strategy=args.strategy or STRATEGY,
            radius=args.radius,
            patience=args.patience,
            trees=trees,
            constraint=constraint,
            resume=checkpoint.state,
            checkpoint=checkpoint.write,
            progress=tell,
            gamma_rule=args.gamma_rule,
            trace=args.run_record is not None,
            threads=context.threads or 1,
        )
    _record(found.best, "best tree", context)
    return Found((found.best,), 0, found, (found.best.tree,))


def _record(fit: TreeFit, name: str, context: RunContext) -> None:
    """Put a fit into the run record."""
    trace = None if fit.fit is None or fit.fit.best.trace is None else fit.fit.best.trace.as_record()
    context.add_fit(
        fit.status.label,
        name=name,
        log_likelihood=fit.log_likelihood,
        n_free=fit.n_free,
        reason="" if fit.fit is None else fit.fit.best.reason,
        n_maps=0 if fit.fit is None else fit.fit.best.n_maps,
        kkt_residual=None if fit.fit is None else fit.fit.best.kkt_residual,
        trace=trace,
    )
