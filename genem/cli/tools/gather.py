"""``genem gather``: the tables of pieces as one table."""

from __future__ import annotations

import argparse

from genem.cli.context import RunContext
from genem.cli.options import MESSAGES, Command, Option, output_group

COMMAND = Command(
    description=(
        "Join tables of genem, in the order given: the rows of all below one header, byte for byte as a run on the\n"
        "whole file would have written them. The headers must be equal; empty files are passed over. Annotated VCFs\n"
        "are joined in the same way, Newick files tree by tree. A compressed output of rows sorted by CHROM and POS\n"
        "gets a tabix index."
    ),
    arguments=(Option(("tables",), "tables, plain or compressed", metavar="TABLE", nargs="+", file=True),),
    groups=(output_group(), MESSAGES),
    examples=(
        "genem freq data/population.vcf.gz -r 22:1-16000000 -o first.tsv",
        "genem freq data/population.vcf.gz -r 22:16000001- -o second.tsv",
        "genem gather first.tsv second.tsv -o freq.tsv.gz",
    ),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    from genem.io.tables.gathering import gather_tables, gather_trees, kind_of_tables

    for table in args.tables:
        context.add_input(table)
    kind = kind_of_tables(args.tables)
    if kind == "trees":
        with context.open_output(args.output) as stream:
            n_gathered = gather_trees(args.tables, stream)
    else:
        with context.open_output(args.output, index=kind) as stream:
            n_gathered = gather_tables(args.tables, stream)
    context.log.info("%d of %d pieces had anything in them", n_gathered, len(args.tables))
