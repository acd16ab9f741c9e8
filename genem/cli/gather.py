"""``genem gather``: the pieces of a scattered run, joined into what a single run would have written."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from genem.cli.options import MESSAGES, RUN, Command, Option, output_group, plot_option, without

if TYPE_CHECKING:
    from genem.cli.context import RunContext

POOLED = "ALL"
"""The rows of genem freq that pool the groups."""

COMMAND = Command(
    description=(
        "Join the tables (or annotated VCFs) that runs on parts of a file wrote, in the order given.\n"
        "Pieces must come from runs with the same options and version; the result is that of a single\n"
        "run, byte by byte. Empty files are skipped."
    ),
    arguments=(
        Option(
            ("pieces",), "tables or VCFs to join, in the order of their regions", nargs="+", metavar="PIECE", file=True
        ),
    ),
    groups=(
        output_group(plot_option("the allele-frequency spectrum of the joined tables of genem freq")),
        without(RUN, "threads", "seed", "strict"),
        MESSAGES,
    ),
    examples=(
        "genem freq data/population.vcf.gz -r 22:1-15999999 --regions-overlap pos -o first.tsv",
        "genem freq data/population.vcf.gz -r 22:16000000- --regions-overlap pos -o second.tsv",
        "genem gather first.tsv second.tsv -o freq.tsv.gz",
    ),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Join the pieces and draw what was asked for."""
    from genem.io.pieces import join_pieces, kind_of_pieces

    for piece in args.pieces:
        context.add_input(piece)
    with context.open_output(args.output, index=kind_of_pieces(args.pieces)) as output:
        context.count(pieces=join_pieces(args.pieces, output))
    if args.plot is not None:
        _draw_spectrum(args, context)


def _draw_spectrum(args: argparse.Namespace, context: RunContext) -> None:
    """The spectrum of every group, or of all samples where there are no groups, from the joined table."""
    import numpy as np

    from genem.io.pieces import read_columns
    from genem.popgen.plots import plot_frequency_spectrum

    frequencies: dict[str, list[float]] = {}
    for piece in args.pieces:
        cells = read_columns(piece, ("GROUP", "AF"))
        for group, text in zip(cells["GROUP"], cells["AF"], strict=True):
            values = (float(value) for value in text.split(",") if value != "NA")
            frequencies.setdefault(group, []).extend(values)
    if len(frequencies) > 1:
        frequencies.pop(POOLED, None)
    with context.replace_on_success(args.plot) as picture:
        arrays = {group: np.array(values) for group, values in frequencies.items()}
        plot_frequency_spectrum(arrays, picture, file_format=Path(args.plot).suffix.lstrip("."))
