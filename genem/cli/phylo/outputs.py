"""The files that ``genem phylo`` writes."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from genem.cli.phylo.options import OUTPUT_NAMES
from genem.errors import UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.phylo.fitting import Found
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Alignment, Tree
    from genem.phylo import AncestralStates

__all__ = ["check_outputs", "named_nodes", "write_outputs"]


def check_outputs(args: argparse.Namespace) -> None:
    """Refuse at the start what would fail at the end: a place that cannot be written to, a name given twice.

    Raises
    ------
    OutputError
        A file cannot be written.
    UsageError
        Two outputs have the same name.
    """
    from genem.io.files.output import check_output

    seen: dict[str, str] = {}
    for name in (*OUTPUT_NAMES, "run_record"):
        path = getattr(args, name)
        if path is None:
            continue
        check_output(path)
        target = path if path == "-" else os.path.realpath(path)
        if target in seen and (path == "-" or not Path(path).exists() or Path(path).is_file()):
            flags = " and ".join(f"--{each.replace('_', '-')}" for each in (seen[target], name))
            raise UsageError(f"two outputs have the same name: {flags} {path}")
        seen[target] = name


def write_outputs(
    data: PhyloInput,
    found: Found,
    args: argparse.Namespace,
    context: RunContext,
    further: Mapping[str, object],
) -> None:
    """Write the trees and every other file that was asked for; ``further`` goes into the report."""
    from genem.cli.phylo.report import report_bytes
    from genem.io.trees.newick import format_newick

    if args.ancestral is not None or args.ancestral_fasta is not None:
        named = named_nodes(found.best_tree)
        if args.ancestral is not None:
            write_ancestral(data, found, named, args.ancestral, context)
        if args.ancestral_fasta is not None:
            write_ancestral_fasta(data, found, named, args.ancestral_fasta, context)
        if not _has_supports(args):
            found = found.with_best_tree(named)
    if args.site_loglik is not None:
        _write_site_log_likelihoods(data, found, args.site_loglik, context)
    if args.report is not None:
        with context.open_output(args.report) as stream:
            stream.write(report_bytes(data, found, args, dict(further), context.threads or 1))
    if args.plot is not None:
        _draw(found.best_tree, args, context)
    if args.alignment_out is not None:
        write_alignment(data.alignment, args.alignment_out, context)
    with context.open_output(args.output) as stream:
        stream.write("".join(f"{format_newick(tree)}\n" for tree in found.trees).encode())


def _has_supports(args: argparse.Namespace) -> bool:
    return args.bootstrap is not None or args.ufboot is not None or args.alrt is not None


def write_alignment(alignment: Alignment, path: str, context: RunContext) -> None:
    """Write sequences as FASTA, under their whole names."""
    import numpy as np

    from genem.data import SequenceSet
    from genem.io.sequences.fasta import write_fasta

    offsets = np.arange(len(alignment) + 1, dtype=np.int64) * alignment.n_sites
    with context.open_output(path) as stream:
        write_fasta(stream, SequenceSet(alignment.names, alignment.names, alignment.letters.ravel(), offsets))


def _draw(tree: Tree, args: argparse.Namespace, context: RunContext) -> None:
    from genem.phylo.trees.plots import plot_tree

    with context.replace_on_success(args.plot) as picture:
        plot_tree(tree, picture, file_format=args.plot.rpartition(".")[2].lower())


SITE_MEANINGS = {
    "TREE": "number of the tree in the output",
    "SITE": "column of the alignment",
    "CHROM": "chromosome of the SNP",
    "POS": "position of the SNP, 1-based",
    "PARTITION": "name of the partition; NA where all sites share a model",
    "LOG_LIKELIHOOD": "natural logarithm of the likelihood of the site; NA for columns in no partition",
}


def _write_site_log_likelihoods(data: PhyloInput, found: Found, path: str, context: RunContext) -> None:
    import numpy as np

    from genem.io.tables.writing import Cells, FullFloats, TableWriter

    n_sites = data.alignment.n_sites
    partition = np.full(n_sites, -1)
    for number, part in enumerate(data.partitions):
        partition[part.sites] = number
    names = [part.name for part in data.partitions]
    meanings = dict(SITE_MEANINGS)
    place: dict[str, Cells] = {}
    if data.chrom is None or data.position is None:
        del meanings["CHROM"], meanings["POS"]
    else:
        place = {"CHROM": data.chrom, "POS": data.position}
    with context.open_output(path) as stream:
        table = TableWriter(stream, meanings)
        for number, fit in enumerate(found.fits, 1):
            cells: dict[str, Cells] = {
                "TREE": np.full(n_sites, number),
                "SITE": np.arange(1, n_sites + 1),
                **place,
                "PARTITION": [names[each] if each >= 0 else "" for each in partition.tolist()],
                "LOG_LIKELIHOOD": FullFloats(fit.site_log_likelihoods),
            }
            table.write(cells)


def named_nodes(tree: Tree) -> Tree:
    """The tree with a name for every inner node: labels that are names stay, other nodes become Node1, Node2, ...

    Numbers are not taken for names: they are supports.
    """
    counts = Counter([*tree.labels, *tree.taxa])
    kept = [label if label and counts[label] == 1 and not _is_number(label) else "" for label in tree.labels]
    taken = {*kept, *tree.taxa}
    free = (name for number in range(1, 2 * len(tree) + 2) if (name := f"Node{number}") not in taken)
    return replace(tree, labels=tuple(label or next(free) for label in kept))


def _is_number(label: str) -> bool:
    try:
        return all(float(part) >= 0.0 for part in label.split("/"))
    except ValueError:
        return False


def write_ancestral(data: PhyloInput, found: Found, named: Tree, path: str, context: RunContext) -> None:
    """The posterior of every state, a row for each node and site."""
    import numpy as np

    from genem.io.tables.writing import Cells, Labels, TableWriter
    from genem.io.trees.newick import format_newick

    states = _reconstruct(found, named, context.threads or 1)
    letters = states.alphabet.states
    meanings = {
        "NODE": "name of the node in the tree above",
        "SITE": "column of the alignment",
        "STATE": "the most probable state",
        **{f"P_{letter}": f"posterior probability of {letter}" for letter in letters},
    }
    sites = np.concatenate(data.columns())
    order = np.argsort(sites)
    with context.open_output(path) as stream:
        notes = {"tree": format_newick(named)}
        table = TableWriter(stream, meanings, notes=notes)
        for row, node in enumerate(states.nodes):
            probabilities = np.concatenate([each[row] for each in states.posterior])[order]
            cells: dict[str, Cells] = {
                "NODE": Labels([states.tree.name(node)], np.zeros(len(sites), np.int64)),
                "SITE": sites[order] + 1,
                "STATE": Labels(list(letters), probabilities.argmax(axis=1)),
                **{f"P_{letter}": probabilities[:, state].copy() for state, letter in enumerate(letters)},
            }
            table.write(cells)


def write_ancestral_fasta(data: PhyloInput, found: Found, named: Tree, path: str, context: RunContext) -> None:
    """The most probable state of every site, a sequence for each node; ``-`` for columns in no partition."""
    import numpy as np

    from genem.data import Alignment

    states = _reconstruct(found, named, context.threads or 1)
    letters = np.full((len(states.nodes), data.alignment.n_sites), ord("-"), np.uint8)
    for number, sites in enumerate(data.columns()):
        for row, sequence in enumerate(states.sequences(number)):
            letters[row, sites] = np.frombuffer(sequence.encode(), np.uint8)
    names = tuple(states.tree.name(node) for node in states.nodes)
    write_alignment(Alignment(names, letters, data.alignment.datatype), path, context)


def _reconstruct(found: Found, named: Tree, threads: int) -> AncestralStates:
    from genem.phylo import TreeLikelihood, ancestral_states

    return ancestral_states(TreeLikelihood(found.best_fit.partitions, threads=threads), named)
