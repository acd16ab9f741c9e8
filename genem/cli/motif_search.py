"""The search behind ``genem motif``, on the sequences and on controls."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genem.cli.motif_input import encode_sequences, given_background, given_prior, read_control, read_sequences
from genem.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.cli.context import RunContext
    from genem.motif import Discovery, EncodedSequences

CONTROL_MEANINGS = {
    "CONTROL": "number of the control",
    "STRENGTH": "-log10 of the E-value of its best motif, NA where none was found",
}


@dataclass(frozen=True, slots=True)
class Significance:
    """What controls say.

    Attributes
    ----------
    p_value
        float64 (motif,)
    n_controls
        Controls searched; fewer than asked for where every motif had met enough as strong.
    floor
        The smallest p-value that the controls asked for can give.
    """

    p_value: NDArray[np.float64]
    n_controls: int
    floor: float


class MotifSearch:
    """What is searched, and how; the same search serves sequences and controls.

    Attributes
    ----------
    sequences
        As read, without empty records.
    encoded
        The same as codes.
    control
        The control set, or None.
    background
        Given by the user, or None: each search takes that of its own sequences.
    prior
        A Dirichlet mixture given by the user, or None.
    """

    def __init__(self, args: argparse.Namespace, context: RunContext) -> None:
        self._args = args
        self._threads = context.threads or 1
        self.sequences, self.oddities = read_sequences(args, context, shortest=args.min_width)
        self.encoded = encode_sequences(self.sequences, args, context)
        if args.model != "anr" and len(self.sequences) - self.oddities.short == 1:
            raise InputError(
                "one sequence cannot show a motif that occurs once in each",
                path=args.fasta,
                remedy="use --model anr, which looks for repeats within it",
            )
        self.control = None if args.control is None else read_control(self.encoded.alphabet, args, context)
        self.background = None
        if args.background is not None:
            alphabet, strands = self.encoded.alphabet, args.both_strands
            self.background = given_background(alphabet, args, context, both_strands=strands)
        self.prior = None if args.prior is None else given_prior(self.encoded.alphabet, args.prior, context)

    @property
    def word_length(self) -> int | None:
        """Letters of the words that shuffles keep; None for the usual ones."""
        order: int | None = self._args.shuffle_order
        return None if order is None else order + 1

    def run(self) -> Discovery:
        """Search the sequences."""
        return self._search(self.encoded, trace=True)

    def strengths(self, sequences: EncodedSequences) -> list[float]:
        """How strong the motifs are that the same search finds in other sequences: -log10 of their E-values."""
        return [-each.log10_e_value for each in self._search(sequences, trace=False).motifs]

    def _search(self, sequences: EncodedSequences, *, trace: bool) -> Discovery:
        from genem import motif

        args = self._args
        return motif.find_motifs(
            sequences,
            model=args.model,
            min_width=args.min_width,
            max_width=args.max_width,
            n_motifs=args.n_motifs,
            both_strands=args.both_strands,
            palindrome=args.palindrome,
            background=self.background,
            background_order=args.background_order,
            pseudocount=args.pseudocount,
            prior=self.prior,
            site_count_prior=args.site_count_prior,
            seed=args.seed,
            trace=trace,
            threads=self._threads,
        )


def significance(
    search: MotifSearch, found: Discovery, args: argparse.Namespace, context: RunContext
) -> Significance | None:
    """Compare the motifs with controls, searched here or taken from a table; None where no controls are wanted."""
    import numpy as np

    from genem.motif import empirical_p_value, search_significance

    strengths = [-each.log10_e_value for each in found.motifs]
    if args.with_controls is not None:
        controls = read_controls(args.with_controls, context)
        p_values = np.array([empirical_p_value(each, controls) for each in strengths])
        return Significance(p_values, len(controls), 1.0 / (1 + len(controls)))
    if not args.controls:
        return None
    with context.progress("controls", args.controls) as progress:
        result = search_significance(
            search.strengths,
            search.encoded,
            statistics=strengths,
            control=search.control,
            n_controls=args.controls,
            word_length=search.word_length,
            seed=args.seed,
            threads=context.threads or 1,
            progress=lambda done, _: progress.update(done),
        )
    return Significance(result.p_value, len(result.control_statistic), result.floor)


def write_controls(search: MotifSearch, args: argparse.Namespace, context: RunContext) -> None:
    """Search some controls and write how strong the best motif of each is."""
    import numpy as np

    from genem.io.tables import Column, FullFloats, TableWriter
    from genem.motif.controls import control_sets

    numbers = range(args.first_control, args.first_control + args.controls)
    sets = control_sets(search.encoded, numbers, control=search.control, word_length=search.word_length, seed=args.seed)
    strongest = []
    with context.progress("controls", args.controls) as progress:
        for drawn in sets:
            strongest.append(max(search.strengths(drawn), default=np.nan))
            progress.update(len(strongest))
    context.count(controls=len(strongest))
    with context.open_output(args.write_controls) as stream:
        table = TableWriter(stream, [Column(name, text) for name, text in CONTROL_MEANINGS.items()])
        table.write({"CONTROL": np.array(numbers), "STRENGTH": FullFloats(np.array(strongest))})


def read_controls(path: str, context: RunContext) -> NDArray[np.float64]:
    """The strengths of a table of :func:`write_controls`, or of several gathered; -inf where nothing was found.

    Raises
    ------
    InputError
        The table is not one of controls 0, 1, 2, ... without gaps.
    """
    import numpy as np

    from genem.io.bgzf import InflatedInput

    context.add_input(path)
    with InflatedInput(path) as stream:
        text = b"".join(stream.pieces()).decode(errors="replace")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("##")]
    remedy = "give the table that --write-controls wrote, all pieces gathered"
    if not rows or rows[0] != list(CONTROL_MEANINGS) or len(rows) < 2:
        raise InputError(f"is no table of {' and '.join(CONTROL_MEANINGS)}", path=path, remedy=remedy)
    if [row[0] for row in rows[1:]] != [str(number) for number in range(len(rows) - 1)]:
        raise InputError("controls are missing or not in order", path=path, remedy=remedy)
    try:
        return np.array([-np.inf if row[1] == "NA" else float(row[1]) for row in rows[1:]])
    except (ValueError, IndexError):
        raise InputError("a strength is not a number", path=path, remedy=remedy) from None
