"""``genem shuffle``: control sequences with the same words in another order."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from genem.cli.motif.input import SEQUENCES
from genem.cli.options import MESSAGES, SEED, THREADS, Command, Option, OptionGroup, output_group
from genem.cli.values import non_negative_integer

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.data import SequenceSet
    from genem.motif import EncodedSequences

COMMAND = Command(
    description=(
        "Shuffle every sequence so that the counts of its words stay: a set without the motif, but with the same\n"
        "composition. Every arrangement is equally likely. Unknown and ambiguous letters keep their places."
    ),
    arguments=(Option(("fasta",), "FASTA, plain or compressed; - for standard input", metavar="FASTA", file=True),),
    groups=(
        output_group(),
        OptionGroup(
            "shuffle",
            (
                Option(
                    ("--order",),
                    "keep the counts of words of so many letters and one more: 0 keeps the letters, 1 the pairs",
                    default_text="2 for DNA and RNA, 0 for protein",
                    parse=non_negative_integer,
                    metavar="K",
                ),
                Option(
                    ("--number",),
                    "which shuffle of the seed; every number gives another one",
                    default=0,
                    parse=non_negative_integer,
                    metavar="N",
                ),
            ),
        ),
        SEQUENCES,
        OptionGroup("run", (THREADS, SEED)),
        MESSAGES,
    ),
    examples=("genem shuffle data/promoters.fa -o control.fa",),
)


def run(args: argparse.Namespace, context: RunContext) -> None:
    from genem.cli.motif.input import encode_sequences, read_sequences
    from genem.io.sequences.fasta import write_fasta
    from genem.motif.shuffling.words import shuffle
    from genem.motif.significance.controls import WORD_LENGTH_WITH_STRANDS, WORD_LENGTH_WITHOUT

    sequences, _ = read_sequences(args, context, discovery=False)
    encoded = encode_sequences(sequences, args, context)
    usual = WORD_LENGTH_WITH_STRANDS if encoded.alphabet.has_strands else WORD_LENGTH_WITHOUT
    word_length = usual if args.order is None else args.order + 1
    shuffled = shuffle(encoded, word_length=word_length, seed=args.seed, number=args.number)
    with context.open_output(args.output) as stream:
        write_fasta(stream, as_text(shuffled, sequences))


def as_text(shuffled: EncodedSequences, sequences: SequenceSet) -> SequenceSet:
    """Codes as letters, under the headers of the sequences."""
    from dataclasses import replace

    import numpy as np

    symbols = np.frombuffer(shuffled.alphabet.symbols.encode(), np.uint8)
    return replace(sequences, letters=symbols[shuffled.codes])


def warm() -> None:
    """Compile the kernels: shuffle a few letters."""
    import numpy as np

    from genem.data import SequenceSet
    from genem.motif import DNA, encode
    from genem.motif.shuffling.words import shuffle

    sequences = SequenceSet(("a",), ("a",), np.frombuffer(b"ACGTTGCA", np.uint8), np.array([0, 8]))
    shuffle(encode(sequences, DNA))
