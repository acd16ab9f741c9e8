"""``genem prune``: variants of which no two nearby ones are in strong linkage disequilibrium."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING

from genem.cli.columns import Columns, integers, numbers
from genem.cli.options import MESSAGES, RUN, VARIANT_SELECTION, VCF, Command, Option, OptionGroup, output_group
from genem.cli.popgen.linkage import MODEL, WINDOW
from genem.cli.values import fraction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genem.cli.context import RunContext
    from genem.popgen import PrunedVariant

COMMAND = Command(
    description=(
        "Choose variants of which no two in a window have an r2 above a threshold. Variants are taken in file order;\n"
        "of a correlated pair the variant with the smaller minor allele frequency is removed, of equals the later one."
    ),
    arguments=(VCF,),
    groups=(
        output_group(
            Option(("--kept",), "write the kept variants to this list, one a line", metavar="PATH", file=True),
            Option(("--removed",), "write the removed variants to this list, one a line", metavar="PATH", file=True),
        ),
        OptionGroup("model", MODEL),
        OptionGroup(
            "pairs",
            (
                Option(
                    ("--r2",),
                    "largest r2 that two kept variants of a window may have",
                    default=0.5,
                    parse=fraction,
                    metavar="R2",
                    mirrors=True,
                ),
                *WINDOW,
            ),
        ),
        VARIANT_SELECTION,
        RUN,
        MESSAGES,
    ),
    examples=(
        "genem prune data/population.vcf.gz --r2 0.5 --kept kept.txt -o pruning.tsv",
        "genem ld data/population.vcf.gz --ids kept.txt",
    ),
)

COLUMNS: Columns[Sequence[PrunedVariant]] = Columns(
    ("CHROM", "chromosome", lambda variants: [variant.chrom for variant in variants]),
    ("POS", "position, 1-based", lambda variants: integers(variant.position for variant in variants)),
    ("ID", "identifier", lambda variants: ["" if v.identifier == "." else v.identifier for v in variants]),
    ("REF", "reference allele", lambda variants: [variant.ref for variant in variants]),
    ("ALT", "alternative alleles", lambda variants: ["" if v.alt == "." else v.alt for v in variants]),
    (
        "MAF",
        "1 - the frequency of the commonest allele",
        lambda variants: numbers(variant.minor_allele_frequency for variant in variants),
    ),
    ("KEPT", "yes or no", lambda variants: ["yes" if variant.kept else "no" for variant in variants]),
    (
        "REMOVED_BY",
        "the variant it was removed for, CHROM:POS:REF:ALT",
        lambda variants: [variant.removed_by or "" for variant in variants],
    ),
    ("R2", "r2 of the two", lambda variants: numbers(variant.r2 for variant in variants)),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read blocks of variants, decide, write a row per variant and the lists."""
    from genem import popgen
    from genem.cli.popgen.linkage import model_arguments, passing_blocks, portions
    from genem.cli.variant_input import open_selected

    with open_selected(args, context, (args.field,)) as reader, ExitStack() as outputs:
        model = model_arguments(args, reader, context)
        stream = outputs.enter_context(context.open_output(args.output, index="table"))
        lists = [
            (kept, outputs.enter_context(context.open_output(path)))
            for kept, path in ((True, args.kept), (False, args.removed))
            if path is not None
        ]
        decided = popgen.prune(
            passing_blocks(reader, args, context, model, "prune", min_maf=args.min_maf, say_few=context.warn),
            r2=args.r2,
            **model,
            window_bp=args.window_bp,
            window_variants=args.window_variants,
            threads=context.threads or 1,
        )
        # Nothing is written before every argument has been looked at.
        table = COLUMNS.open(stream)
        unnamed = 0
        for variants in portions(decided):
            table.write(variants)
            for wanted, names in lists:
                chosen = [variant for variant in variants if variant.kept == wanted]
                unnamed += sum(variant.identifier == "." for variant in chosen)
                names.write("".join(f"{_name(variant)}\n" for variant in chosen).encode())
            n_kept = sum(variant.kept for variant in variants)
            context.count(kept=n_kept, removed=len(variants) - n_kept)
    if unnamed:
        context.warn(f"{unnamed} variants have no ID: they are listed as CHROM:POS:REF:ALT, which --ids does not find")


def _name(variant: PrunedVariant) -> str:
    if variant.identifier != ".":
        return variant.identifier
    return f"{variant.chrom}:{variant.position}:{variant.ref}:{variant.alt}"


def warm() -> None:
    """Compile the kernels of every way to run the command, on a VCF of a few records."""
    from genem.cli.warming import run_on_tiny_files

    run_on_tiny_files("prune", [[], ["--field", "PL"], ["--field", "GL"]])
