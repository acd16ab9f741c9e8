"""``genem motif``: motif discovery."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from genem.cli.motif.input import SEQUENCES
from genem.cli.options import MESSAGES, RUN, Command, Option, OptionGroup, output_group
from genem.cli.values import (
    fraction_below_one,
    integer_or_auto,
    non_negative_integer,
    non_negative_number,
    picture,
    positive_integer,
)
from genem.errors import UsageError

if TYPE_CHECKING:
    from genem.cli.context import RunContext

COMMAND = Command(
    description=(
        "Find motifs, short patterns that sequences share, by the EM algorithm: DNA, RNA or protein, one site per\n"
        "sequence, none or one, or any number, on one or both strands, palindromes too. Each motif comes with its\n"
        "sites, its E-value as MEME defines it and, from the same search of controls, an empirical p-value."
    ),
    arguments=(Option(("fasta",), "FASTA, plain or compressed; - for standard input", metavar="FASTA", file=True),),
    groups=(
        output_group(
            Option(("--sites",), "write the sites with their flanks to this table", metavar="PATH", file=True),
            Option(("--bed",), "write the sites to this BED file", metavar="PATH", file=True),
            Option(
                ("--genome-coordinates",),
                "sequences are named CHROM:START-END: the BED file holds places in the genome",
                default=False,
                kind="switch",
            ),
            Option(
                ("--logo",),
                "draw the logos, with their reverse complements, to a .svg, .png or .pdf file",
                parse=picture,
                metavar="PATH",
                file=True,
            ),
            Option(
                ("--site-map",),
                "draw where in each sequence the sites are",
                parse=picture,
                metavar="PATH",
                file=True,
            ),
            Option(("--html",), "write a report on one page that stands alone", metavar="PATH", file=True),
            Option(("--json",), "write motifs and sites as JSON", metavar="PATH", file=True),
            Option(("--xml",), "write motifs and sites in the XML form of MEME", metavar="PATH", file=True),
            Option(("--jaspar",), "write the motifs in JASPAR format", metavar="PATH", file=True),
            Option(("--transfac",), "write the motifs in TRANSFAC format", metavar="PATH", file=True),
        ),
        OptionGroup(
            "motif",
            (
                Option(
                    ("--model",),
                    "sites per sequence: exactly one (oops), none or one (zoops), any number (anr)",
                    default="zoops",
                    choices=("oops", "zoops", "anr"),
                    mirrors=True,
                ),
                Option(
                    ("--min-width",), "smallest width", default=6, parse=positive_integer, metavar="W", mirrors=True
                ),
                Option(
                    ("--max-width",),
                    "largest width, at most 300",
                    default=20,
                    parse=positive_integer,
                    metavar="W",
                    mirrors=True,
                ),
                Option(
                    ("--n-motifs",),
                    "how many motifs to look for",
                    default=1,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--both-strands",),
                    "sites may lie on either strand",
                    default=False,
                    kind="switch",
                    mirrors=True,
                ),
                Option(
                    ("--palindrome",),
                    "motifs equal their reverse complement",
                    default=False,
                    kind="switch",
                    mirrors=True,
                ),
                Option(
                    ("--background",),
                    "background: words and their probabilities, or FASTA",
                    default_text="the sequences",
                    metavar="FILE",
                    file=True,
                    mirrors=True,
                ),
                Option(
                    ("--background-order",),
                    "letters of context of the background's Markov model",
                    default=0,
                    parse=non_negative_integer,
                    metavar="K",
                    mirrors=True,
                ),
                Option(
                    ("--pseudocount",),
                    "letters added to every column, shared out as in the background",
                    default_text="0.01 for DNA and RNA; for protein a Dirichlet mixture instead",
                    parse=non_negative_number,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--prior",),
                    "Dirichlet mixture of the columns instead of pseudocounts, as a .plib file",
                    default_text="for protein a built-in one",
                    metavar="FILE",
                    file=True,
                    mirrors=True,
                ),
                Option(
                    ("--site-count-prior",),
                    "weight of the number of sites searched for against that of the data",
                    default=0.8,
                    parse=fraction_below_one,
                    metavar="F",
                    mirrors=True,
                ),
            ),
        ),
        OptionGroup(
            "significance",
            (
                Option(
                    ("--controls",),
                    "searches of control sequences for the empirical p-value; auto: 39, where the sequences are few "
                    "enough or --control is given; 0 for none",
                    default="auto",
                    parse=integer_or_auto,
                    metavar="N",
                ),
                Option(
                    ("--control",),
                    "sequences without the motif to draw controls from",
                    default_text="the sequences, shuffled",
                    metavar="FASTA",
                    file=True,
                ),
                Option(
                    ("--shuffle-order",),
                    "shuffles keep the counts of words of so many letters and one more",
                    default_text="2 for DNA and RNA, 0 for protein",
                    parse=non_negative_integer,
                    metavar="K",
                ),
                Option(
                    ("--first-control",),
                    "number of the first control, for controls searched in pieces",
                    default=0,
                    parse=non_negative_integer,
                    metavar="N",
                ),
                Option(
                    ("--write-controls",),
                    "search controls only, and write how strong their best motifs are",
                    metavar="PATH",
                    file=True,
                ),
                Option(
                    ("--with-controls",),
                    "take the controls from this table, written by --write-controls",
                    metavar="FILE",
                    file=True,
                ),
            ),
        ),
        SEQUENCES,
        RUN,
        MESSAGES,
    ),
    examples=(
        "genem motif data/promoters.fa --both-strands --max-width 22 --controls 19 --sites sites.tsv -o crp.meme",
        "genem motif data/peaks.fa --both-strands --mask ignore --controls 0 --html report.html -o peaks.meme",
    ),
    library_only=("trace",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read, search, search controls, write."""
    from genem.cli.motif.controls import significance, write_controls
    from genem.cli.motif.outputs import announce_outputs, check_formats, record, write_outputs
    from genem.cli.motif.search import MotifSearch

    check_options(args)
    announce_outputs(args, context)
    context.one_standard_input(args.fasta, args.control, args.background, args.prior, args.with_controls)
    search = MotifSearch(args, context)
    check_formats(search.encoded.alphabet, args)
    if args.write_controls is not None:
        write_controls(search, args, context)
        return
    with context.timed("search"):
        found = search.run()
    if not found.motifs:
        context.warn("no motif was found")
    elif len(found.motifs) < args.n_motifs:
        context.warn(f"found {len(found.motifs)} of {args.n_motifs} motifs: nothing else is left to be one")
    compared = significance(search, found, args, context)
    record(found, compared, context)
    write_outputs(found, compared, search, args, context)


def check_options(args: argparse.Namespace) -> None:
    """Refuse options that exclude each other.

    Raises
    ------
    UsageError
        They do.
    """
    from genem.cli.motif.outputs import OUTPUTS

    if args.min_width > args.max_width:
        raise UsageError(f"--min-width {args.min_width} is above --max-width {args.max_width}")
    explicit = args.controls not in (0, "auto")
    if args.with_controls is not None and (explicit or args.write_controls is not None):
        raise UsageError("--with-controls excludes --controls and --write-controls")
    if args.write_controls is not None and not explicit:
        raise UsageError("--write-controls needs the number of controls: --controls N")
    unwritten = [name for name in OUTPUTS if getattr(args, name) not in (None, "-")]
    if args.write_controls is not None and unwritten:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in unwritten)
        raise UsageError(f"--write-controls searches controls only; nothing would be written to {flags}")
    if args.first_control and args.write_controls is None:
        raise UsageError("--first-control needs --write-controls: a p-value needs the controls from the first")
    if args.control is not None and args.shuffle_order is not None:
        raise UsageError("--control and --shuffle-order exclude each other: controls are drawn or shuffled")
    if args.control is not None and args.controls == 0 and args.with_controls is None:
        raise UsageError("--control is of no use with --controls 0")
    if args.prior is not None and args.pseudocount is not None:
        raise UsageError("--prior and --pseudocount exclude each other: a mixture has its own pseudocounts")
    if args.genome_coordinates and args.bed is None:
        raise UsageError("--genome-coordinates needs --bed")


def warm() -> None:
    """Compile the kernels of every model and alphabet, on a few sequences."""
    from genem.cli.warming import run_on_tiny_sequences

    run_on_tiny_sequences(
        "motif",
        [
            ["--both-strands", "--controls", "1", "--sites", os.devnull],
            ["--alphabet", "protein", "--controls", "0"],
            ["--model", "oops", "--alphabet", "dna", "--palindrome", "--n-motifs", "2", "--controls", "0"],
            ["--model", "anr", "--background-order", "1", "--controls", "0"],
        ],
    )
