"""``genem consensus``: what trees have in common, how far they are from each other, and how many support a tree."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, integers, labels
from genem.cli.options import MESSAGES, RUN, Command, Option, OptionGroup, output_group, plot_option, without
from genem.cli.phylo.options import ROOTING
from genem.cli.values import fraction, non_negative_number
from genem.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Tree
    from genem.phylo.trees.distances import TreeDistances
    from genem.phylo.trees.splits import SplitTable

MAJORITY, HALF = "majority", 0.5
MOST_PAIRS = 1_000_000
"""Distances that are computed at a time."""

COMMAND = Command(
    description=(
        "The consensus of trees: the branches that most of them have, or all of them, or as many as go together, with\n"
        "the share of the trees that have each. With --tree these shares become the supports of a given tree."
    ),
    arguments=(
        Option(
            ("trees",),
            "Newick files of trees of the same taxa, such as bootstrap replicates; - for standard input",
            metavar="TREES",
            nargs="+",
            file=True,
        ),
    ),
    groups=(
        output_group(
            Option(("--splits",), "write the share and mean length of every split to this table", None, file=True),
            Option(
                ("--distances",),
                "write the distances of all pairs of trees to this table; with --tree: of each tree to that one",
                metavar="PATH",
                file=True,
            ),
            plot_option("the tree"),
        ),
        OptionGroup(
            "consensus",
            (
                Option(
                    ("--rule",),
                    "branches of more than --min-share of the trees, of all trees, or all that contradict no "
                    "more frequent one",
                    default=MAJORITY,
                    choices=(MAJORITY, "strict", "greedy"),
                    mirrors=True,
                ),
                Option(
                    ("--min-share",),
                    "a branch is in the majority if more than this share of the trees have it",
                    default=HALF,
                    parse=fraction,
                    metavar="F",
                    mirrors=True,
                ),
                Option(
                    ("--tree",),
                    "write this tree, with the shares of the trees that have its branches, and no consensus",
                    metavar="FILE",
                    file=True,
                ),
                Option(
                    ("--shortest",),
                    "inner branches below this length do not count: what they separate is not resolved",
                    default=1e-6,
                    parse=non_negative_number,
                    metavar="LENGTH",
                    mirrors=True,
                ),
            ),
        ),
        ROOTING,
        without(RUN, "threads", "seed", "strict"),
        MESSAGES,
    ),
    examples=(
        "genem consensus data/alignment.bootstrap.nwk -o consensus.nwk --plot consensus.svg",
        "genem consensus data/alignment.bootstrap.nwk --tree consensus.nwk --distances distances.tsv",
    ),
)


class SplitRows(NamedTuple):
    """Splits of trees, a row each, with the number of trees that have them and the mean length of their branches."""

    table: SplitTable
    splits: Sequence[int]
    n_trees: NDArray[np.int64]  # (row,)
    length: NDArray[np.float64]  # (row,)
    in_result: NDArray[np.int64]  # (row,): 1 where the tree that is written has the split, else 0


SPLIT_COLUMNS: Columns[SplitRows] = Columns(
    ("SHARE", "share of the trees that have the split", lambda rows: rows.n_trees / rows.table.n_trees),
    ("N_TREES", "number of these trees", lambda rows: rows.n_trees),
    ("LENGTH", "mean length of the branch in these trees", lambda rows: rows.length),
    ("IN_RESULT", "yes if the tree that is written has it", lambda rows: labels(("no", "yes"), rows.in_result)),
    (
        "N_TAXA",
        "taxa on the side of the split without the first taxon by name",
        lambda rows: integers(split.bit_count() for split in rows.splits),
    ),
    (
        "TAXA",
        "these taxa, as a group in Newick format",
        lambda rows: [newick_group(split, rows.table.taxa) for split in rows.splits],
    ),
)


class DistanceRows(NamedTuple):
    """Distances of pairs of trees, a row each."""

    first: NDArray[np.int64]  # (row,)
    second: NDArray[np.int64]  # (row,)
    distances: TreeDistances


DISTANCE_COLUMNS: Columns[DistanceRows] = Columns(
    ("TREE_A", "number of the tree in the input, from 1", lambda rows: rows.first),
    ("TREE_B", "number of the other one; 0 is that of --tree", lambda rows: rows.second),
    (
        "RF",
        "Robinson-Foulds distance: splits that one of the two has and the other has not",
        lambda rows: rows.distances.robinson_foulds,
    ),
    ("RF_NORMALISED", "the same over the splits of both, from 0 to 1", lambda rows: rows.distances.normalised),
    (
        "RF_WEIGHTED",
        "differences of the lengths of all branches added up; a branch that is not there has length 0",
        lambda rows: rows.distances.weighted,
    ),
    ("BRANCH_SCORE", "root of the sum of the squares of these differences", lambda rows: rows.distances.branch_score),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read the trees, agree, root, write."""
    from genem import phylo
    from genem.io.trees.newick import format_newick

    if args.tree is not None and (args.rule != MAJORITY or args.min_share != HALF):
        raise UsageError("--rule and --min-share are about a consensus, --tree asks for none")
    if args.outgroup is not None and args.midpoint:
        raise UsageError("--outgroup and --midpoint exclude each other")
    trees = list(read_trees(args.trees, context))
    table = phylo.split_table(trees, args.shortest)
    context.count(trees=len(trees), taxa=len(table.taxa), splits=int(table.inner.sum()))
    if args.tree is None:
        if len(trees) == 1:
            context.warn("1 tree: every share is 0 or 1")
        result = phylo.consensus(table, rule=args.rule, min_share=args.min_share).tree
    else:
        result = supported(args.tree, table, args.shortest, context)
    if args.splits is not None:
        write_splits(table, result, args, context)
    if args.distances is not None:
        write_distances(trees, result if args.tree is not None else None, args, context)
    result = rooted(result, args, context)
    if args.plot is not None:
        from genem.phylo.trees.plots import plot_tree

        with context.replace_on_success(args.plot) as picture:
            plot_tree(result, picture, file_format=args.plot.rpartition(".")[2].lower())
    with context.open_output(args.output) as stream:
        stream.write(f"{format_newick(result)}\n".encode())


def read_trees(paths: Sequence[str], context: RunContext) -> Iterator[Tree]:
    """All trees of all files, in order.

    Raises
    ------
    InputError
        A file cannot be read or holds no tree, or a tree has no taxa, or others than the first.
    """
    from genem.io.trees.newick import read_newick
    from genem.phylo.trees.splits import require_taxa

    taxa: tuple[str, ...] = ()
    for path in paths:
        context.add_input(path)
        trees = read_newick(path)
        if not trees:
            raise InputError("holds no tree", path=path, remedy="give trees in Newick format, each ended by ';'")
        for number, tree in enumerate(trees, 1):
            taxa = taxa or tree.taxa
            try:
                require_taxa(tree, taxa, f"tree {number}")
            except InputError as error:
                raise InputError(error.found, path=path, place=error.place, remedy=error.remedy) from None
            yield tree


def supported(path: str, table: SplitTable, shortest: float, context: RunContext) -> Tree:
    """The tree of a file, labelled with the shares of trees."""
    from genem import phylo
    from genem.io.trees.newick import read_newick

    context.add_input(path)
    trees = read_newick(path)
    if len(trees) != 1:
        raise InputError(f"holds {len(trees)} trees", path=path, remedy="give one")
    try:
        shares = phylo.mapped_shares(trees[0], table, shortest)
    except InputError as error:
        raise InputError(error.found, path=path, place=error.place, remedy=error.remedy) from None
    return phylo.with_labels(trees[0], map(phylo.percent, shares))


def rooted(tree: Tree, args: argparse.Namespace, context: RunContext) -> Tree:
    """The tree with the root that was asked for; as it is without one, or where the outgroup is no group."""
    from genem.phylo.trees.rooting import NoGroupError, root_at_midpoint, root_at_outgroup

    if args.midpoint:
        return root_at_midpoint(tree)
    if args.outgroup is None:
        return tree
    try:
        return root_at_outgroup(tree, args.outgroup)
    except NoGroupError as error:
        context.warn(f"the tree is written without a new root: {error}")
        return tree


def write_splits(table: SplitTable, result: Tree, args: argparse.Namespace, context: RunContext) -> None:
    """Write a row for each inner split, the most frequent first."""
    import numpy as np

    from genem.phylo.trees.splits import edge_splits

    counts, lengths = table.counts(), table.mean_lengths()
    places = np.flatnonzero(table.inner)
    order = np.array(sorted(places.tolist(), key=lambda place: (-counts[place], table.splits[place])), dtype=np.int64)
    splits = [table.splits[place] for place in order]
    of_result = set(edge_splits(result, table.taxa))
    in_result = integers(split in of_result for split in splits)
    with context.open_output(args.splits) as stream:
        SPLIT_COLUMNS.open(stream).write(SplitRows(table, splits, counts[order], lengths[order], in_result))


def newick_group(split: int, taxa: Sequence[str]) -> str:
    """The taxa of a split as a Newick tree without its semicolon: names are quoted where they have to be."""
    from genem.io.trees.newick import format_newick
    from genem.phylo import star_tree

    names = [name for number, name in enumerate(taxa) if split >> number & 1]
    return format_newick(star_tree(names, float("nan"))).removesuffix(";")


def write_distances(
    trees: Sequence[Tree], reference: Tree | None, args: argparse.Namespace, context: RunContext
) -> None:
    """A row for each pair of trees, or for each tree and the given one."""
    from genem import phylo

    numbered = [] if reference is None else [reference]
    table = phylo.split_table([*numbered, *trees], args.shortest)
    with context.open_output(args.distances) as stream:
        writer = DISTANCE_COLUMNS.open(stream)
        for first, second in pairs(len(trees), to_given=reference is not None):
            distances = phylo.compare_trees(table, first - (reference is None), second - (reference is None))
            writer.write(DistanceRows(first, second, distances))


def pairs(n_trees: int, *, to_given: bool) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Numbers of the trees to compare, block by block: every tree with the given one, or with all after it."""
    import numpy as np

    if to_given:
        yield np.arange(1, n_trees + 1), np.zeros(n_trees, np.int64)
        return
    rows = max(1, MOST_PAIRS // max(1, n_trees))
    for start in range(1, n_trees, rows):
        first = np.arange(start, min(start + rows, n_trees))
        number_of_first = np.repeat(first, n_trees - first)
        yield number_of_first, np.concatenate([np.arange(number + 1, n_trees + 1) for number in first.tolist()])


def warm() -> None:
    """Compile the kernel of distances: two trees of four taxa."""
    import numpy as np

    from genem import phylo
    from genem.io.trees.newick import parse_newick

    trees = [parse_newick(text) for text in ("((a:1,b:1):1,c:1,d:1);", "((a:1,c:1):1,b:1,d:1);")]
    phylo.compare_trees(phylo.split_table(trees), np.array([0]), np.array([1]))
