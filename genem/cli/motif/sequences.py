"""``genem sequences``: the sequences of intervals, for ``genem motif``."""

from __future__ import annotations

import argparse

from genem.cli.context import RunContext
from genem.cli.options import MESSAGES, Command, Option, OptionGroup, output_group
from genem.cli.values import positive_integer

COMMAND = Command(
    description=(
        "Cut the intervals of a BED file out of an indexed genome and write them as FASTA, named CHROM:START-END.\n"
        "genem motif --genome-coordinates turns the sites found in them into places of the genome again."
    ),
    arguments=(
        Option(("genome",), "FASTA with its index (.fai) beside it", metavar="GENOME", file=True),
        Option(("bed",), "intervals: BED, plain or compressed", metavar="BED", file=True),
    ),
    groups=(
        output_group(),
        OptionGroup(
            "intervals",
            (
                Option(
                    ("--width",),
                    "take so many bases around the middle of every interval",
                    default_text="the interval",
                    parse=positive_integer,
                    metavar="BP",
                ),
                Option(
                    ("--use-strand",),
                    "intervals of the strand - (column 6) become their reverse complement",
                    default=False,
                    kind="switch",
                ),
            ),
        ),
        MESSAGES,
    ),
    examples=("genem sequences data/genome.fa data/genome.windows.bed --width 100 -o windows.fa",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    from genem.io.sequences.fasta import write_fasta
    from genem.io.sequences.genome import genome_sequences

    for path in (args.genome, args.bed):
        context.add_input(path)
    sequences, left_out = genome_sequences(args.genome, args.bed, width=args.width, use_strand=args.use_strand)
    with context.open_output(args.output) as stream:
        write_fasta(stream, sequences)
    context.count(sequences=len(sequences), intervals_left_out=sum(left_out.values()))
    if left_out:
        listed = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
        context.warn(f"left out {sum(left_out.values())} intervals: {listed}")
