"""Supports of branches for ``genem phylo``: bootstraps and likelihood-ratio tests, as labels and as a table."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, full_numbers, integers, numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.cli.phylo.fitting import Found
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Tree
    from genem.phylo.support.likelihood_ratio_tests import BranchTests
    from genem.phylo.support.replicates import Replicate
    from genem.phylo.support.ultrafast import UltrafastBootstrap

__all__ = ["add_supports", "search_replicates"]

STARTS_OF_A_REPLICATE = 2
"""At most: so many of ``--starts`` are enough to find the tree of a resampled alignment."""
OF_TESTS = ("SH_ALRT", "ALRT", "ABAYES", "LR_STATISTIC", "LOGLIK_OTHER_1", "LOGLIK_OTHER_2")
OF_BOOTSTRAPS = ("UFBOOT", "BOOTSTRAP")


class BranchRows(NamedTuple):
    """Inner branches, a row each, with the supports that were computed, by the name of their column."""

    taxa: Sequence[str]
    splits: Sequence[int]
    length: NDArray[np.float64]  # (row,)
    support: Mapping[str, NDArray[np.float64]]  # (row,) of each column


COLUMNS: Columns[BranchRows] = Columns(
    ("BRANCH", "number of the inner branch", lambda rows: integers(range(1, len(rows.splits) + 1))),
    ("LENGTH", "substitutions per site; branches below 1e-6 have no support", lambda rows: rows.length),
    (
        "SH_ALRT",
        "SH-aLRT: share of resampled alignments in which the tree leads by less than in the data",
        lambda rows: rows.support["SH_ALRT"],
    ),
    ("ALRT", "1 - p of the likelihood-ratio test of length 0", lambda rows: rows.support["ALRT"]),
    (
        "ABAYES",
        "posterior probability among the three ways to join the subtrees around the branch",
        lambda rows: rows.support["ABAYES"],
    ),
    (
        "LR_STATISTIC",
        "twice the difference of log-likelihoods to the better of the two others",
        lambda rows: rows.support["LR_STATISTIC"],
    ),
    (
        "LOGLIK_OTHER_1",
        "log-likelihood of the better other way",
        lambda rows: full_numbers(rows.support["LOGLIK_OTHER_1"]),
    ),
    (
        "LOGLIK_OTHER_2",
        "log-likelihood of the worse other way",
        lambda rows: full_numbers(rows.support["LOGLIK_OTHER_2"]),
    ),
    (
        "UFBOOT",
        "share of the replicates of the ultrafast bootstrap that have the branch",
        lambda rows: rows.support["UFBOOT"],
    ),
    ("BOOTSTRAP", "share of the bootstrap trees that have the branch", lambda rows: rows.support["BOOTSTRAP"]),
    (
        "N_TAXA",
        "taxa on the side of the branch without the first taxon by name",
        lambda rows: integers(split.bit_count() for split in rows.splits),
    ),
    ("TAXA", "these taxa, as a group in Newick format", lambda rows: _groups(rows)),
)


def _groups(rows: BranchRows) -> list[str]:
    from genem.cli.phylo.consensus import newick_group

    return [newick_group(split, rows.taxa) for split in rows.splits]


def add_supports(
    data: PhyloInput, found: Found, args: argparse.Namespace, context: RunContext
) -> tuple[Found, dict[str, object]]:
    """The best tree with labels ``SH-aLRT/ultrafast/standard`` of what was asked for, and what the report says of it.

    The table of ``--support`` and the trees of ``--bootstrap-trees`` are written on the way.
    """
    from genem.phylo.trees.consensus_trees import mapped_shares, percent, with_labels
    from genem.phylo.trees.splits import split_table

    fit = found.best_fit
    columns: dict[str, NDArray[np.float64]] = {}
    labels: list[list[str]] = []
    record: dict[str, object] = {}
    if args.alrt is not None:
        tests = _test_branches(found, args, context)
        columns |= _columns_of_tests(tests)
        labels.append([f"{100.0 * share:.3g}" for share in tests.sh_alrt])
        record["alrt"] = {"n_replicates": tests.n_replicates, "seed": tests.seed}
    if args.ufboot is not None:
        ultrafast = _resample(found, args, context)
        columns["UFBOOT"] = ultrafast.share
        labels.append([percent(share) for share in ultrafast.share])
        record["ufboot"] = _account(ultrafast)
    if args.bootstrap is not None:
        replicates = _search_replicates(data, args, context)
        if args.bootstrap_trees is not None:
            _write_trees([replicate.tree for replicate in replicates], args.bootstrap_trees, context)
        shares = mapped_shares(fit.tree, split_table([replicate.tree for replicate in replicates]))
        columns["BOOTSTRAP"] = shares
        labels.append([percent(share) for share in shares])
        record["bootstrap"] = _numbers(args, context)
    has_value = ~_first(columns.values(), len(fit.tree))
    joined = [
        "/".join(texts) if known else "" for texts, known in zip(zip(*labels, strict=True), has_value, strict=True)
    ]
    if args.support is not None:
        _write_table(fit.tree, columns, args.support, context)
    return found.with_best_tree(with_labels(fit.tree, joined)), record


def search_replicates(data: PhyloInput, args: argparse.Namespace, context: RunContext) -> None:
    """Search the replicates of ``--bootstrap`` and write nothing but their trees."""
    trees = [replicate.tree for replicate in _search_replicates(data, args, context)]
    _write_trees(trees, args.output, context)
    if args.bootstrap_trees is not None:
        _write_trees(trees, args.bootstrap_trees, context)


def _search_replicates(data: PhyloInput, args: argparse.Namespace, context: RunContext) -> list[Replicate]:
    from genem.cli.phylo.input import read_constraint_tree
    from genem.phylo.support.replicates import bootstrap

    first, last = args.bootstrap
    done: list[int] = []
    with context.progress("bootstrap", last - first + 1) as progress:

        def tell(replicate: Replicate) -> None:
            done.append(replicate.number)
            progress.update(len(done))
            context.log.info("replicate %d: log-likelihood %.4f", replicate.number, replicate.log_likelihood)

        found = bootstrap(
            data.alignment,
            data.model,
            partitions=data.partitions,
            replicates=range(first, last + 1),
            seed=context.seed or 0,
            n_starts=min(args.starts, STARTS_OF_A_REPLICATE),
            radius=args.radius,
            constraint=read_constraint_tree(data, args, context),
            progress=tell,
            gamma_rule=args.gamma_rule,
            threads=context.threads or 1,
        )
    context.count(bootstrap_replicates=len(found))
    return found


def _test_branches(found: Found, args: argparse.Namespace, context: RunContext) -> BranchTests:
    from genem.phylo.support.likelihood_ratio_tests import branch_tests

    return branch_tests(found.best_fit, n_replicates=args.alrt, seed=context.seed or 0, threads=context.threads or 1)


def _resample(found: Found, args: argparse.Namespace, context: RunContext) -> UltrafastBootstrap:
    """The ultrafast bootstrap, from the trees where the search ended or that were given."""
    from genem.phylo.support.ultrafast import ultrafast_bootstrap

    others = [fit.tree for fit in found.fits] if found.search is None else [run.tree for run in found.search.runs]

    def tell(n_candidates: int, correlation: float) -> None:
        context.log.info("ultrafast bootstrap: %d trees, shares correlate by %.6f", n_candidates, correlation)

    ultrafast = ultrafast_bootstrap(
        found.best_fit,
        others,
        n_replicates=args.ufboot,
        seed=context.seed or 0,
        threads=context.threads or 1,
        progress=tell,
    )
    context.add_fit(ultrafast.status.label, name="ultrafast bootstrap", **_account(ultrafast))
    context.count(ufboot_candidates=ultrafast.n_candidates)
    return ultrafast


def _account(ultrafast: UltrafastBootstrap) -> dict[str, object]:
    return {
        "n_replicates": ultrafast.n_replicates,
        "seed": ultrafast.seed,
        "n_candidates": ultrafast.n_candidates,
        "n_expanded": ultrafast.n_expanded,
        "correlation": ultrafast.correlation,
    }


def _numbers(args: argparse.Namespace, context: RunContext) -> dict[str, object]:
    first, last = args.bootstrap
    return {"first": first, "last": last, "n_replicates": last - first + 1, "seed": context.seed}


def _columns_of_tests(tests: BranchTests) -> dict[str, NDArray[np.float64]]:
    values = (tests.sh_alrt, tests.alrt, tests.abayes, tests.statistic, *tests.alternative.T)
    return dict(zip(OF_TESTS, values, strict=True))


def _first(columns: Iterable[NDArray[np.float64]], n_nodes: int) -> NDArray[np.bool_]:
    """bool (node,): the first column has no value there; all have theirs at the same branches."""
    import numpy as np

    return np.isnan(next(iter(columns), np.full(n_nodes, np.nan)))


def _write_trees(trees: Sequence[Tree], path: str, context: RunContext) -> None:
    from genem.io.trees.newick import format_newick

    with context.open_output(path) as stream:
        stream.write("".join(f"{format_newick(tree)}\n" for tree in trees).encode())


def _write_table(tree: Tree, columns: dict[str, NDArray[np.float64]], path: str, context: RunContext) -> None:
    """Write a row for each inner branch, in the order of the nodes; a branch at a root comes once."""
    from genem.phylo.trees.splits import edge_splits, is_inner, split_lengths

    taxa = sorted(tree.taxa)
    splits = edge_splits(tree, taxa)
    lengths = split_lengths(tree, taxa)
    nodes = {split: node for node, split in enumerate(splits) if is_inner(split, len(taxa)) and node >= len(taxa)}
    support = {name: values[list(nodes.values())] for name, values in columns.items()}
    not_computed = {*OF_TESTS, *OF_BOOTSTRAPS} - set(columns)
    rows = BranchRows(taxa, [*nodes], numbers(lengths[split] for split in nodes), support)
    with context.open_output(path) as stream:
        COLUMNS.without(not_computed).open(stream).write(rows)
