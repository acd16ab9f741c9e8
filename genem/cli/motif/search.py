"""The search behind ``genem motif``, the same for the sequences and for controls."""

from __future__ import annotations

import argparse
import copy
from typing import TYPE_CHECKING

from genem.cli.motif.input import (
    check_genome_places,
    encode_sequences,
    given_background,
    given_prior,
    read_control,
    read_sequences,
)
from genem.errors import InputError

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.motif import Discovery, EncodedSequences


class MotifSearch:
    """A search for motifs: what is searched, and how; the same search serves sequences and controls.

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
        if args.genome_coordinates:
            check_genome_places(self.sequences, args.fasta)
        self.encoded = encode_sequences(self.sequences, args, context)
        if args.model != "anr" and len(self.sequences) - self.oddities.short == 1:
            raise InputError(
                "one sequence cannot show a motif that occurs once in each",
                path=args.fasta,
                remedy="use --model anr, which looks for repeats within it",
            )
        self.control = None if args.control is None else read_control(self.encoded, args, context)
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

    @property
    def cost(self) -> int:
        """Letters to go through: those of the sequences, once for every motif."""
        return int(self.encoded.codes.size) * int(self._args.n_motifs)

    def on_one_thread(self) -> MotifSearch:
        """The same, for a process among several."""
        alone = copy.copy(self)
        alone._threads = 1
        return alone

    def run(self) -> Discovery:
        """Search the sequences."""
        return self._search(self.encoded, trace=True)

    def strengths(self, sequences: EncodedSequences) -> list[float]:
        """Strengths of the motifs that the same search finds in other sequences: -log10 of their E-values."""
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
