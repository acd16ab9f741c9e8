"""``genem blocks``: haplotype blocks by the intervals of D'."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from genem.cli.columns import Columns, integers, numbers
from genem.cli.options import (
    MESSAGES,
    RUN,
    VARIANT_SELECTION,
    VCF,
    Command,
    Option,
    OptionGroup,
    output_group,
    without,
)
from genem.cli.popgen.linkage import MODEL
from genem.cli.values import fraction, maf, positive_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genem.cli.context import RunContext
    from genem.popgen import HaplotypeBlock


def _share(flag: str, help_text: str, default: float) -> Option:
    return Option((flag,), help_text, default=default, parse=fraction, metavar="F", mirrors=True)


COMMAND = Command(
    description=(
        "Find haplotype blocks by the definition of Gabriel et al. (2002), as Haploview and PLINK read it: stretches\n"
        "of variants where nearly all informative pairs are in strong linkage disequilibrium. Variants with several\n"
        "ALT alleles are left out."
    ),
    arguments=(VCF,),
    groups=(
        output_group(),
        OptionGroup("model", MODEL),
        OptionGroup(
            "blocks",
            (
                Option(
                    ("--max-bp",),
                    "longest block in base pairs",
                    default=200_000,
                    parse=positive_integer,
                    metavar="BP",
                    mirrors=True,
                ),
                Option(
                    ("--min-maf",),
                    "leave out variants with a smaller minor allele frequency",
                    default=0.05,
                    parse=maf,
                    metavar="F",
                    mirrors=True,
                ),
                _share("--strong-low", "lower bound of D' that a strong pair exceeds", 0.70),
                _share("--strong-high", "upper bound of D' that a strong pair reaches", 0.98),
                _share("--recombinant-high", "upper bound of D' below which a pair has recombined", 0.90),
                _share("--informative-fraction", "share of strong among informative pairs that a block exceeds", 0.95),
                Option(
                    ("--any-small-span",),
                    "let blocks of two and three variants span more than 20 and 30 kb",
                    default=False,
                    kind="switch",
                    mirrors=True,
                ),
            ),
        ),
        without(VARIANT_SELECTION, "min_maf"),
        RUN,
        MESSAGES,
    ),
    examples=("genem blocks data/haplotypes.phased.vcf.gz",),
)

COLUMNS: Columns[Sequence[HaplotypeBlock]] = Columns(
    ("CHROM", "chromosome", lambda blocks: [block.chrom for block in blocks]),
    ("POS", "position of the first variant, 1-based", lambda blocks: integers(block.start for block in blocks)),
    ("END", "position of the last variant", lambda blocks: integers(block.end for block in blocks)),
    (
        "KB",
        "length in kilobases, both ends included",
        lambda blocks: numbers((block.end - block.start + 1) / 1000.0 for block in blocks),
    ),
    ("N_VARIANTS", "variants in the block", lambda blocks: integers(len(block.identifiers) for block in blocks)),
    (
        "N_STRONG",
        "pairs in strong linkage disequilibrium",
        lambda blocks: integers(block.n_strong for block in blocks),
    ),
    (
        "N_RECOMBINANT",
        "pairs with evidence of recombination",
        lambda blocks: integers(block.n_recombinant for block in blocks),
    ),
    ("IDS", "identifiers of the variants", lambda blocks: [",".join(block.identifiers) for block in blocks]),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read blocks of variants, write a row per haplotype block."""
    from genem import popgen
    from genem.cli.popgen.linkage import model_arguments, passing_blocks, portions
    from genem.cli.variant_input import open_selected

    with (
        open_selected(args, context, (args.field,)) as reader,
        context.open_output(args.output, index="table") as stream,
    ):
        model = model_arguments(args, reader, context)
        found = popgen.blocks(
            passing_blocks(reader, args, context, model, "blocks", min_maf=0.0, say_few=context.warn),
            **model,
            max_bp=args.max_bp,
            min_maf=args.min_maf,
            strong_low=args.strong_low,
            strong_high=args.strong_high,
            recombinant_high=args.recombinant_high,
            informative_fraction=args.informative_fraction,
            any_small_span=args.any_small_span,
            threads=context.threads or 1,
        )
        # Nothing is written before every argument has been looked at.
        table = COLUMNS.open(stream)
        for blocks in portions(found):
            table.write(blocks)
            context.count(blocks=len(blocks), variants_in_blocks=sum(len(block.identifiers) for block in blocks))


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    run_on_tiny_files("blocks", [[], ["--field", "PL"], ["--field", "GL"]])
