"""``genem phylo``: trees of greatest likelihood, by structural EM."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from genem.cli.options import MESSAGES, RUN, VARIANT_SELECTION, Command, Option
from genem.cli.phylo.options import INPUT, MODEL, OUTPUTS, ROOTING, SEARCH, SUPPORT, TREES
from genem.errors import UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.phylo.fitting import Found

COMMAND = Command(
    description=(
        "Find the tree of greatest likelihood of an alignment, or of the SNPs of a VCF, by structural EM,\n"
        "interchanges and regrafts from several starts; or evaluate given trees. Lengths and parameters come with\n"
        "standard errors, branches with supports, and ancestral sequences with their probabilities."
    ),
    arguments=(
        Option(
            ("alignment",),
            "alignment in FASTA, PHYLIP, Nexus or Clustal format, or VCF or BCF; - for standard input",
            metavar="ALIGNMENT",
            file=True,
        ),
    ),
    groups=(OUTPUTS, INPUT, MODEL, TREES, SEARCH, SUPPORT, ROOTING, VARIANT_SELECTION, RUN, MESSAGES),
    examples=(
        "genem phylo data/alignment.fa --model HKY+G4 --report report.json -o tree.nwk",
        "genem phylo data/alignment.fa --model HKY+G4 --tree tree.nwk --evaluate --ancestral ancestors.tsv.gz",
    ),
    library_only=(
        *("partitions", "n_starts", "lead", "strategy", "max_perturbations"),
        *("trees", "resume", "checkpoint", "progress", "trace"),
    ),
)

NOT_OF_REPLICATES = (
    *("evaluate", "report", "site_loglik", "ancestral", "ancestral_fasta"),
    *("plot", "support", "checkpoint", "ufboot", "alrt"),
)
"""What is about one tree, and not about those of bootstrap replicates."""


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read, choose a model, search or evaluate, find supports, root, write."""
    from genem.cli.phylo.fitting import evaluated, searched
    from genem.cli.phylo.input import AUTO, read_input, read_trees
    from genem.cli.phylo.outputs import check_outputs, write_outputs
    from genem.phylo.trees.rooting import check_outgroup

    check_options(args)
    check_outputs(args)
    data = read_input(args, context)
    trees = read_trees(data, args, context)
    if args.outgroup is not None:
        check_outgroup(data.alignment.names, args.outgroup)
    further: dict[str, object] = {}
    if args.model == AUTO:
        from genem.cli.phylo.models import choose_model

        data, further["model_selection"] = choose_model(data, trees, args, context)
    if args.bootstrap_only:
        from genem.cli.phylo.support import search_replicates

        search_replicates(data, args, context)
        return
    found = evaluated(data, trees, args, context) if args.evaluate else searched(data, trees, args, context)
    if args.bootstrap is not None or args.ufboot is not None or args.alrt is not None:
        from genem.cli.phylo.support import add_supports

        found, further["support"] = add_supports(data, found, args, context)
    write_outputs(data, rooted(found, args, context), args, context, further)


def check_options(args: argparse.Namespace) -> None:
    """Refuse options that exclude each other or have no meaning, and model strings that cannot be read.

    Raises
    ------
    UsageError
        They do.
    """
    from genem.cli.phylo.input import AUTO
    from genem.phylo import parse_model

    if args.model != AUTO:
        parse_model(args.model, args.gamma_rule)
        for name in ("models", "model_table"):
            if getattr(args, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} needs --model auto")
    if args.evaluate and not args.tree:
        raise UsageError("--evaluate needs --tree")
    for name in ("fix_branches", "best"):
        if getattr(args, name) and not args.evaluate:
            raise UsageError(f"--{name.replace('_', '-')} needs --evaluate")
    for name in ("constraint", "checkpoint"):
        if getattr(args, name) is not None and args.evaluate:
            raise UsageError(f"--{name} is for a search, --evaluate searches no tree")
    if args.bootstrap is None and (args.bootstrap_only or args.bootstrap_trees is not None):
        raise UsageError(f"--{'bootstrap-only' if args.bootstrap_only else 'bootstrap-trees'} needs --bootstrap")
    if args.bootstrap_only:
        for name in NOT_OF_REPLICATES:
            if getattr(args, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} is about a tree, --bootstrap-only searches replicates only"
                )
    if args.support is not None and args.bootstrap is None and args.ufboot is None and args.alrt is None:
        raise UsageError("--support needs --bootstrap, --ufboot or --alrt")
    if args.outgroup is not None and args.midpoint:
        raise UsageError("--outgroup and --midpoint exclude each other")


def rooted(found: Found, args: argparse.Namespace, context: RunContext) -> Found:
    """The trees with the root that was asked for; as they are without one, or where the outgroup is no group."""
    from genem.phylo.trees.rooting import NoGroupError, root_at_midpoint, root_at_outgroup

    if args.midpoint:
        return found.with_trees(tuple(root_at_midpoint(tree) for tree in found.trees))
    if args.outgroup is None:
        return found
    trees = []
    for number, tree in enumerate(found.trees, 1):
        try:
            trees.append(root_at_outgroup(tree, args.outgroup))
        except NoGroupError as error:
            context.warn(f"tree {number} is written without a new root: {error}")
            trees.append(tree)
    return found.with_trees(tuple(trees))


def warm() -> None:
    """Compile the kernels of searches, evaluations and ancestral states, for DNA and protein."""
    from genem.cli.phylo.warming import run_on_tiny_alignments

    run_on_tiny_alignments()
