"""``genem regions``: one line per piece, ready for ``-r``."""

from __future__ import annotations

import argparse

from genem.cli.context import RunContext
from genem.cli.options import MESSAGES, Command, Option, OptionGroup, output_group
from genem.cli.values import positive_integer

COMMAND = Command(
    description=(
        "Cut an indexed VCF or BCF into pieces of about equal compressed size, to run them side by side.\n"
        "Each line of the output is one piece: comma-separated regions, as -r takes them. Use them with\n"
        "--regions-overlap pos, so that every record is counted once. Small files give fewer pieces."
    ),
    arguments=(Option(("vcf",), "BGZF-compressed VCF or BCF with its index beside it", metavar="VCF", file=True),),
    groups=(
        OptionGroup(
            "pieces", (Option(("-n", "--pieces"), "how many", default=8, parse=positive_integer, metavar="N"),)
        ),
        output_group(),
        MESSAGES,
    ),
    examples=("genem regions data/population.vcf.gz --pieces 4",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    from genem.io.variants.regions import balanced_regions, format_regions

    context.add_input(args.vcf)
    pieces = balanced_regions(args.vcf, args.pieces)
    with context.open_output(args.output) as stream:
        for piece in pieces:
            stream.write(f"{format_regions(piece)}\n".encode())
    context.log.info("%d pieces", len(pieces))
