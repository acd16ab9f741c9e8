"""The files that ``genem phylo`` writes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from genem.cli.phylo.options import OUTPUT_NAMES
from genem.errors import UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.cli.phylo.fitting import Found
    from genem.cli.phylo.input import PhyloInput
    from genem.data import Alignment, Tree

__all__ = ["check_outputs", "write_alignment", "write_outputs"]


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
    from genem.cli.phylo.ancestral import named_nodes, write_ancestral, write_ancestral_fasta
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
