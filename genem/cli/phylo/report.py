"""The JSON report of ``genem phylo``."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genem.cli.phylo.fitting import Found
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Tree
    from genem.phylo import Search, StandardErrors, TreeFit

__all__ = ["report", "report_bytes"]


def report_bytes(
    data: PhyloInput, found: Found, args: argparse.Namespace, further: dict[str, object], threads: int
) -> bytes:
    """The report as bytes; ``further`` are entries of other parts of the command, as of model selection."""
    from genem.provenance import to_json

    errors = None if args.skip_errors else _standard_errors(found.best_fit, args.fix_branches, threads)
    return to_json({**report(data, found, errors, args), **further})


def report(
    data: PhyloInput, found: Found, errors: StandardErrors | None, args: argparse.Namespace
) -> dict[str, object]:
    """Everything that is known of the best tree, and the likelihoods of the others."""
    from genem import __version__
    from genem.io.trees.newick import format_newick

    best = found.best_fit
    criteria = best.criteria
    listed: dict[str, object] = {
        "genem_version": __version__,
        "log_likelihood": best.log_likelihood,
        "status": best.status.label,
        "model": "; ".join(str(partition.model) for partition in best.partitions),
        "tree": format_newick(found.best_tree),
        "tree_length": float(best.tree.length.sum()),
        "n_free_parameters": best.n_free,
        "n_sites": best.n_sites,
        "aic": criteria.aic,
        "aicc": criteria.aicc,
        "bic": criteria.bic,
        "n_iter": 0 if best.fit is None else best.fit.best.n_maps,
        "gamma_rule": args.gamma_rule,
        "parameters": _parameters(best, errors),
        "partitions": [_partition(best, number, data) for number in range(len(best.partitions))],
        "branches": _branches(best, errors),
        "input": {**data.summary.as_record(), "multifurcations_resolved": best.n_multifurcations},
    }
    if found.search is None:
        listed["trees"] = [_evaluated(fit, tree) for fit, tree in zip(found.fits, found.trees, strict=True)]
    else:
        listed |= _searched(found.search)
    return listed


def _standard_errors(fit: TreeFit, fix_branches: bool, threads: int) -> StandardErrors:
    from genem.phylo import TreeLikelihood, canonical, standard_errors

    likelihood = TreeLikelihood(fit.partitions, threads=threads)
    return standard_errors(likelihood, canonical(fit.tree), fix_branches=fix_branches)


def _parameters(fit: TreeFit, errors: StandardErrors | None) -> list[dict[str, object]]:
    from genem.phylo import model_parameters

    listed = model_parameters(fit.partitions) if errors is None else errors.parameters
    return [asdict(each) for each in listed]


def _partition(fit: TreeFit, number: int, data: PhyloInput) -> dict[str, object]:
    partition = fit.partitions[number]
    sites = fit.site_log_likelihoods[data.columns()[number]]
    return {
        "name": partition.name,
        "model": str(partition.model),
        "rate": partition.rate,
        "n_sites": partition.patterns.n_sites,
        "n_patterns": partition.patterns.n_patterns,
        "log_likelihood": float(sites.sum()),
        "n_free_parameters": partition.model.n_free,
    }


def _branches(fit: TreeFit, errors: StandardErrors | None) -> list[dict[str, object]]:
    """Every branch by the taxa on its side without the first one."""
    import numpy as np

    from genem.phylo import canonical
    from genem.phylo.trees.topology import subtree_taxa

    tree = canonical(fit.tree)
    below = subtree_taxa(tree)
    no_errors = np.full(len(tree), np.nan)
    length_errors = no_errors if errors is None else errors.lengths
    return [
        {
            "taxa": [name for name, is_below in zip(tree.taxa, below[node], strict=True) if is_below],
            "length": float(tree.length[node]),
            "standard_error": float(length_errors[node]),
        }
        for node in range(len(tree) - 1)
    ]


def _evaluated(fit: TreeFit, tree: Tree) -> dict[str, object]:
    from genem.io.trees.newick import format_newick

    return {
        "log_likelihood": fit.log_likelihood,
        "status": fit.status.label,
        "model": "; ".join(str(partition.model) for partition in fit.partitions),
        "tree": format_newick(tree),
    }


def _searched(search: Search) -> dict[str, object]:
    return {
        "seed": search.seed,
        "n_hits": search.n_hits,
        "runs": [{"number": run.number, "kind": run.kind, "log_likelihood": run.log_likelihood} for run in search.runs],
        "optima": _optima(search),
        "trace": [asdict(step) for step in search.trace],
    }


def _optima(search: Search) -> Sequence[dict[str, object]]:
    from genem.io.trees.newick import format_newick

    return [
        {"log_likelihood": each.log_likelihood, "n_runs": each.n_runs, "tree": format_newick(each.tree)}
        for each in search.optima
    ]
