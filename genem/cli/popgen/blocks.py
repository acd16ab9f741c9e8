"""``genem blocks``: haplotype blocks by the intervals of D'."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

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
    from genem.cli.context import RunContext
    from genem.io.tables.writing import Cells
    from genem.popgen import HaplotypeBlock

ROWS_AT_ONCE = 1 << 12


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

COLUMN_MEANINGS = {
    "CHROM": "chromosome",
    "POS": "position of the first variant, 1-based",
    "END": "position of the last variant",
    "KB": "length in kilobases, both ends included",
    "N_VARIANTS": "variants in the block",
    "N_STRONG": "pairs in strong linkage disequilibrium",
    "N_RECOMBINANT": "pairs with evidence of recombination",
    "IDS": "identifiers of the variants",
}


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read blocks of variants, write a row per haplotype block."""
    from genem import popgen
    from genem.cli.popgen.linkage import model_arguments, passing_blocks
    from genem.cli.variant_input import open_selected
    from genem.io.tables.writing import Column, TableWriter

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
        table = TableWriter(stream, [Column(name, meaning) for name, meaning in COLUMN_MEANINGS.items()])
        for blocks in _portions(found):
            table.write(cells(blocks))
            context.count(blocks=len(blocks), variants_in_blocks=sum(len(block.identifiers) for block in blocks))


def _portions(blocks: Iterator[HaplotypeBlock]) -> Iterator[list[HaplotypeBlock]]:
    while portion := list(islice(blocks, ROWS_AT_ONCE)):
        yield portion


def cells(blocks: Sequence[HaplotypeBlock]) -> dict[str, Cells]:
    """The rows of some blocks, by column."""
    import numpy as np

    start, end = (np.array([getattr(block, name) for block in blocks], np.int64) for name in ("start", "end"))
    return {
        "CHROM": [block.chrom for block in blocks],
        "POS": start,
        "END": end,
        "KB": (end - start + 1) / 1000.0,
        "N_VARIANTS": np.array([len(block.identifiers) for block in blocks], np.int64),
        "N_STRONG": np.array([block.n_strong for block in blocks], np.int64),
        "N_RECOMBINANT": np.array([block.n_recombinant for block in blocks], np.int64),
        "IDS": [",".join(block.identifiers) for block in blocks],
    }


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    run_on_tiny_files("blocks", [[], ["--field", "PL"], ["--field", "GL"]])
