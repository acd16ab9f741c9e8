"""``genem scan``: where known motifs occur in sequences."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, labels, repeated, strands
from genem.cli.motif.input import SEQUENCES, encode_as, errors_about, given_background, read_sequences
from genem.cli.options import MESSAGES, RUN, Command, Option, OptionGroup, output_group, without
from genem.cli.values import fraction_above_zero, names, non_negative_integer, positive_number
from genem.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Motif, MotifSites, SequenceSet
    from genem.io.motifs.sites import GenomePlaces
    from genem.io.tables.writing import Cells
    from genem.motif import Background, EncodedSequences, Scan

SITES_AT_ONCE = 1 << 16

MOTIFS = Option(
    ("motifs",), "motifs: MEME text, JASPAR, TRANSFAC, HOMER or table, plain or compressed", metavar="MOTIFS", file=True
)
CHOSEN_MOTIFS = Option(
    ("--motif",), "motifs to use, by name or second name, separated by commas", parse=names, metavar="NAMES"
)
ONE_STRAND = Option(("--one-strand",), "leave the reverse complement out", default=False, kind="switch")

COMMAND = Command(
    description=(
        "Find the places in sequences that look like sites of known motifs: each window scores the log2 likelihood\n"
        "ratio of motif to background, with its exact p-value under a Markov background and its q-value."
    ),
    arguments=(
        MOTIFS,
        Option(("fasta",), "FASTA, plain or compressed; - for standard input", metavar="FASTA", file=True),
    ),
    groups=(
        output_group(
            Option(("--bed",), "write the sites to this BED file, too", metavar="PATH", file=True),
            Option(
                ("--genome-coordinates",),
                "sequences are named CHROM:START-END: report places in the genome",
                default=False,
                kind="switch",
            ),
        ),
        OptionGroup(
            "sites",
            (
                Option(
                    ("--p-threshold",),
                    "report windows with at most this p-value",
                    default=1e-4,
                    parse=fraction_above_zero,
                    metavar="P",
                    mirrors=True,
                ),
                Option(
                    ("--best-only",),
                    "report the best site of each sequence only",
                    default=False,
                    kind="switch",
                    mirrors=True,
                ),
                CHOSEN_MOTIFS,
                ONE_STRAND,
            ),
        ),
        OptionGroup(
            "model",
            (
                Option(
                    ("--pseudocount",),
                    "sites' worth of background in each column of a motif",
                    default=0.1,
                    parse=positive_number,
                    metavar="N",
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
                    "order of the Markov model, counted from sequences or given by the words of the file",
                    default=0,
                    parse=non_negative_integer,
                    metavar="N",
                ),
            ),
        ),
        OptionGroup(
            "sequences",
            tuple(replace(option, mirrors=False) for option in without(SEQUENCES, "alphabet").options),
        ),
        without(RUN, "seed", "strict"),
        MESSAGES,
    ),
    examples=(
        "genem scan data/motifs.jaspar.tsv data/peaks.fa -o sites.tsv",
        "genem scan data/jaspar.meme data/peaks.fa --motif MAFK --best-only --genome-coordinates -o sites.tsv",
    ),
    library_only=("both_strands",),
)


class SiteRows(NamedTuple):
    """Some sites of a motif, a row each, with their places: on the sequences, or in the genome."""

    found: Scan
    sites: MotifSites
    q_value: NDArray[np.float64]  # (row,)
    sequences: SequenceSet
    names: Sequence[str]
    start: NDArray[np.int64]  # (row,)
    strand: NDArray[np.int8]  # (row,)


COLUMNS: Columns[SiteRows] = Columns(
    ("MOTIF", "name of the motif", lambda rows: repeated(rows.found.motif.name, len(rows.sites))),
    ("ALT_NAME", "its second name", lambda rows: repeated(rows.found.motif.alternative_name, len(rows.sites))),
    (
        "SEQUENCE",
        "name of the sequence; with --genome-coordinates the chromosome",
        lambda rows: labels(rows.names, rows.sites.sequence),
    ),
    ("START", "first letter of the site on the strand as given, 1-based", lambda rows: rows.start + 1),
    (
        "END",
        "last letter of the site on the strand as given, 1-based",
        lambda rows: rows.start + rows.found.motif.width,
    ),
    ("STRAND", "+ as given, - for the reverse complement", lambda rows: strands(rows.strand)),
    ("SCORE", "log2 likelihood ratio of motif to background, bits", lambda rows: rows.sites.score),
    ("P_VALUE", "probability of a score as high at one random window", lambda rows: rows.sites.p_value),
    (
        "Q_VALUE",
        "false discovery rate (Benjamini-Hochberg) over the windows of the motif",
        lambda rows: rows.q_value,
    ),
    ("MATCH", "the word, on its strand", lambda rows: _words(rows)),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read motifs and sequences, scan motif by motif, write sites."""
    from genem import motif
    from genem.io.motifs.sites import genome_places, write_site_bed

    context.one_standard_input(args.motifs, args.fasta, args.background)
    motifs = read_chosen_motifs(args, args.motifs, context)
    sequences, _ = read_sequences(args, context, discovery=False)
    check_widths(motifs, sequences, args, context)
    with errors_about(args.fasta):
        places = genome_places(sequences) if args.genome_coordinates else None
    encoded = encode_for(motifs[0], sequences, args, context)
    scans = motif.scan(
        motifs,
        encoded,
        p_threshold=args.p_threshold,
        both_strands=not args.one_strand,
        best_only=args.best_only,
        pseudocount=args.pseudocount,
        background=background_for(encoded, args, context),
        threads=context.threads or 1,
    )
    with ExitStack() as outputs:
        stream = outputs.enter_context(context.open_output(args.output))
        bed = None if args.bed is None else outputs.enter_context(context.open_output(args.bed))
        progress = outputs.enter_context(context.progress("motifs", len(motifs)))
        table = COLUMNS.open(stream)
        for number, found in enumerate(scans, 1):
            for first in range(0, len(found.sites), SITES_AT_ONCE):
                table.write(site_rows(found, slice(first, first + SITES_AT_ONCE), sequences, places))
            if bed is not None:
                write_site_bed(bed, [found.motif], [found.sites], sequences, genomic=args.genome_coordinates)
            say(found, args, context)
            progress.update(number)


def read_chosen_motifs(args: argparse.Namespace, path: str, context: RunContext) -> tuple[Motif, ...]:
    """The motifs of a file that ``--motif`` names, or all.

    Raises
    ------
    InputError
        The file has no motif of a name asked for.
    """
    from genem.io.motifs.files import read_motifs

    context.add_input(path)
    motifs = read_motifs(path)
    if args.motif is None:
        return motifs
    known = {name for each in motifs for name in (each.name, each.alternative_name)}
    missing = [name for name in args.motif if name not in known]
    if missing:
        raise InputError(f"has no motif {missing[0]!r}", path=path, remedy="see its MOTIF lines for the names")
    return tuple(each for each in motifs if not {each.name, each.alternative_name}.isdisjoint(args.motif))


def check_widths(
    motifs: tuple[Motif, ...], sequences: SequenceSet, args: argparse.Namespace, context: RunContext
) -> None:
    """Refuse motifs none of which fits into any sequence, say which do not, and how many sequences are too short."""
    import numpy as np

    lengths = np.diff(sequences.offsets)
    longest = int(lengths.max())
    too_wide = [each for each in motifs if each.width > longest]
    if len(too_wide) == len(motifs):
        raise InputError(
            f"the longest of {len(sequences)} sequences has {longest} letters, the narrowest motif "
            f"{min(each.width for each in motifs)}",
            path=args.fasta,
            remedy="scan longer sequences",
        )
    if too_wide:
        context.warn(f"{len(too_wide)} of {len(motifs)} motifs are wider than any sequence: they can have no site")
    too_short = int(np.count_nonzero(lengths < max(each.width for each in motifs if each.width <= longest)))
    if too_short:
        context.warn(f"{too_short} of {len(sequences)} sequences are too short for a motif: it can have no site there")
    context.count(motifs_too_wide=len(too_wide), sequences_too_short=too_short)


def encode_for(motif: Motif, sequences: SequenceSet, args: argparse.Namespace, context: RunContext) -> EncodedSequences:
    """The sequences in the alphabet of a motif.

    Raises
    ------
    InputError
        A letter is not of that alphabet; the message names the file.
    """
    from genem.motif import alphabet_of

    try:
        return encode_as(alphabet_of(motif), sequences, args, context)
    except InputError as error:
        if error.place is None:
            raise
        found = f"{error.found}, the alphabet of motif {motif.name}"
        raise InputError(found, path=args.fasta, place=error.place, remedy=error.remedy) from None


def background_for(encoded: EncodedSequences, args: argparse.Namespace, context: RunContext) -> Background:
    """The background that ``--background`` says, else that of the letters of the sequences."""
    from genem.motif import estimate_background

    both_strands = not args.one_strand and encoded.alphabet.has_strands
    if args.background is not None:
        return given_background(encoded.alphabet, args, context, both_strands=both_strands)
    return estimate_background(encoded, order=args.background_order, both_strands=both_strands)


def say(found: Scan, args: argparse.Namespace, context: RunContext) -> None:
    context.count(motifs=1, windows=found.n_windows, sites=len(found.sites))
    if found.smallest_p_value > args.p_threshold:
        context.warn(
            f"motif {found.motif.name}: even its best word has a p-value of {found.smallest_p_value:.2g}, above "
            f"{args.p_threshold:g}: it can have no site"
        )


def site_rows(found: Scan, rows: slice, sequences: SequenceSet, places: GenomePlaces | None) -> SiteRows:
    """Some rows of the table of one motif."""
    from genem.io.motifs.sites import genome_sites

    sites = found.sites.select(rows)
    start, strand = genome_sites(sites, found.motif.width, places) if places else (sites.start, sites.strand)
    names = places.chromosomes if places else sequences.names
    return SiteRows(found, sites, found.q_value[rows], sequences, names, start, strand)


def _words(rows: SiteRows) -> Cells:
    from genem.io.motifs.sites import site_letters

    return site_letters(rows.sequences, rows.sites, rows.found.motif)


def warm() -> None:
    """Compile the kernels of both ways to run the command, on a few sequences."""
    from genem.cli.warming import run_on_tiny_motifs

    run_on_tiny_motifs("scan", "sequences", [[], ["--best-only"]])
