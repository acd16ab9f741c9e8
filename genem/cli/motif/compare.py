"""``genem compare``: which known motifs motifs resemble."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from genem.cli.columns import Columns, repeated, strands
from genem.cli.motif.scan import CHOSEN_MOTIFS, MOTIFS, ONE_STRAND, read_chosen_motifs
from genem.cli.options import MESSAGES, RUN, Command, Option, OptionGroup, output_group, plot_option, without
from genem.cli.values import positive_integer, positive_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.data import Motif
    from genem.motif import Comparison

FEW_TARGETS = 10

COMMAND = Command(
    description=(
        "Compare motifs with a database of known ones: align columns over all offsets and both orientations, and\n"
        "say how likely an alignment as good is with columns drawn from the database."
    ),
    arguments=(
        MOTIFS,
        Option(("database",), "motifs to compare with, in any of the same formats", metavar="DB", file=True),
    ),
    groups=(
        output_group(plot_option("the logos of each motif and its best match, aligned,")),
        OptionGroup(
            "comparison",
            (
                Option(
                    ("--similarity",),
                    "of two columns: correlation, distance, or Sandelin and Wasserman's",
                    default="pearson",
                    choices=("pearson", "euclidean", "sandelin"),
                    mirrors=True,
                ),
                Option(
                    ("--min-overlap",),
                    "fewest columns that must be aligned, or all of a narrower motif",
                    default=5,
                    parse=positive_integer,
                    metavar="N",
                    mirrors=True,
                ),
                Option(
                    ("--max-e-value",),
                    "report targets with at most this E-value",
                    default=10.0,
                    parse=positive_number,
                    metavar="E",
                ),
                CHOSEN_MOTIFS,
                ONE_STRAND,
            ),
        ),
        without(RUN, "seed", "strict"),
        MESSAGES,
    ),
    examples=(
        "genem compare data/motifs.jaspar.tsv data/jaspar.meme -o matches.tsv",
        "genem compare data/jaspar.meme data/jaspar.meme --motif GCN4 --similarity sandelin --plot matches.svg",
    ),
    library_only=("both_strands",),
)


class MatchRows(NamedTuple):
    """Targets that a motif resembles, a row each."""

    found: Comparison
    rows: NDArray[np.intp]  # (row,): numbers of the targets
    targets: Sequence[Motif]

    def matched(self) -> list[Motif]:
        """The target of each row, as given."""
        return [self.targets[row] for row in self.rows]

    def oriented(self) -> list[Motif]:
        """The target of each row, in the orientation that matches."""
        from genem.motif import reverse_complemented

        forward = (self.found.orientation[self.rows] > 0).tolist()
        return [
            target if as_given else reverse_complemented(target)
            for as_given, target in zip(forward, self.matched(), strict=True)
        ]


COLUMNS: Columns[MatchRows] = Columns(
    ("QUERY", "name of the motif", lambda match: repeated(match.found.query.name, len(match.rows))),
    ("TARGET", "name of the motif of the database", lambda match: [target.name for target in match.matched()]),
    (
        "OFFSET",
        "column of the target, as oriented, at the first column of the query, 0-based; negative: before it",
        lambda match: match.found.offset[match.rows],
    ),
    ("OVERLAP", "number of aligned columns", lambda match: match.found.overlap[match.rows]),
    (
        "ORIENTATION",
        "+ target as given, - its reverse complement",
        lambda match: strands(match.found.orientation[match.rows]),
    ),
    ("SCORE", "mean similarity of the aligned columns", lambda match: match.found.score[match.rows]),
    (
        "P_VALUE",
        "probability of an alignment as good with random columns of the database",
        lambda match: match.found.p_value[match.rows],
    ),
    (
        "E_VALUE",
        "expected number of targets that align as well by chance",
        lambda match: match.found.e_value[match.rows],
    ),
    (
        "Q_VALUE",
        "false discovery rate (Benjamini-Hochberg) over the targets of the query",
        lambda match: match.found.q_value[match.rows],
    ),
    (
        "QUERY_ALT_NAME",
        "second name of the motif",
        lambda match: repeated(match.found.query.alternative_name, len(match.rows)),
    ),
    (
        "TARGET_ALT_NAME",
        "second name of the target",
        lambda match: [target.alternative_name for target in match.matched()],
    ),
    (
        "QUERY_CONSENSUS",
        "likeliest letters of the query, lower case below one half",
        lambda match: repeated(consensus(match.found.query), len(match.rows)),
    ),
    (
        "TARGET_CONSENSUS",
        "likeliest letters of the target, as oriented",
        lambda match: [consensus(target) for target in match.oriented()],
    ),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    """Read both files, compare, write the targets of each motif, best first."""
    from genem import motif
    from genem.io.motifs.files import read_motifs

    context.one_standard_input(args.motifs, args.database)
    queries = read_chosen_motifs(args, args.motifs, context)
    context.add_input(args.database)
    targets = read_motifs(args.database)
    if len(targets) < FEW_TARGETS:
        context.warn(f"{len(targets)} targets: p-values come from their columns and are rough for so few")
    comparisons = motif.compare(
        queries,
        targets,
        similarity=args.similarity,
        min_overlap=args.min_overlap,
        both_strands=not args.one_strand,
        threads=context.threads or 1,
    )
    context.count(motifs=len(queries), targets=len(targets))
    chosen = [reported(found, args.max_e_value) for found in comparisons]
    with context.open_output(args.output) as stream:
        table = COLUMNS.open(stream)
        for found, rows in zip(comparisons, chosen, strict=True):
            context.count(matches=len(rows))
            if not len(rows):
                context.log.info("motif %s: no target has an E-value up to %g", found.query.name, args.max_e_value)
            table.write(MatchRows(found, rows, targets))
    if args.plot is not None:
        _plot(args, context, comparisons, chosen, targets)


def reported(found: Comparison, max_e_value: float) -> NDArray[np.intp]:
    """The targets to report, best first; of equals in the order of the database."""
    import numpy as np

    order = np.argsort(found.e_value, kind="stable")
    return order[found.e_value[order] <= max_e_value]


def consensus(motif: Motif) -> str:
    """The likeliest letter of every column, in lower case where its probability is below one half."""
    best = motif.probabilities.argmax(axis=1)
    certain = motif.probabilities.max(axis=1) >= 0.5
    letters = [motif.alphabet[letter] for letter in best]
    return "".join(letter if sure else letter.lower() for letter, sure in zip(letters, certain.tolist(), strict=True))


def _plot(
    args: argparse.Namespace,
    context: RunContext,
    comparisons: Sequence[Comparison],
    chosen: Sequence[NDArray[np.intp]],
    targets: Sequence[Motif],
) -> None:
    """The best match of every motif that has one."""
    from genem.motif import plot_aligned_logos

    pairs = [
        (found.query, targets[rows[0]], int(found.offset[rows[0]]), int(found.orientation[rows[0]]))
        for found, rows in zip(comparisons, chosen, strict=True)
        if len(rows)
    ]
    if not pairs:
        context.warn(f"no motif has a match: {args.plot} is not drawn")
        return
    with context.replace_on_success(args.plot) as temporary:
        plot_aligned_logos(pairs, temporary, file_format=args.plot.rpartition(".")[2].lower())


def warm() -> None:
    """Compile the kernels: a motif against itself."""
    from genem.cli.warming import run_on_tiny_motifs

    run_on_tiny_motifs("compare", "motifs", [[]])
