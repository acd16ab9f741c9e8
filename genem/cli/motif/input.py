"""The sequences of the motif commands: read, and whatever is odd about them counted and said."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genem.cli.options import Option, OptionGroup
from genem.errors import InputError

if TYPE_CHECKING:
    import argparse

    from genem.cli.context import RunContext
    from genem.data import SequenceSet
    from genem.motif import Alphabet, Background, DirichletMixture, EncodedSequences

SEQUENCES = OptionGroup(
    "sequences",
    (
        Option(
            ("--alphabet",),
            "what the sequences are written in; auto: judged by their letters",
            default="auto",
            choices=("auto", "dna", "rna", "protein"),
        ),
        Option(
            ("--mask",),
            "lower-case letters: keep them as letters, or ignore them (unknown letters)",
            default="keep",
            choices=("keep", "ignore"),
        ),
        Option(
            ("--duplicate-names",),
            "a name used before: refuse the file, or number the later ones (peak, peak_2)",
            default="refuse",
            choices=("refuse", "number"),
        ),
    ),
)

UNKNOWN_NUCLEOTIDES, UNKNOWN_AMINO_ACIDS = b"NnXx?", b"Xx?"
UNKNOWN_LETTERS = {"protein": UNKNOWN_AMINO_ACIDS}
"""By the words of ``--alphabet``; under any other word those of nucleotides."""
AMINO_ACIDS_ONLY = b"EFILPQefilpq"
"""Letters that mean nothing in nucleotide sequences; in others N is asparagine."""
CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
"""No table, page or picture can hold them in a name."""


@dataclass(frozen=True, slots=True)
class Oddities:
    """Unusual things about a set of sequences, counted.

    Attributes
    ----------
    empty
        Records without a letter; they are not in the set any more.
    short
        Sequences shorter than the smallest width: they can have no site.
    identical
        Sequences that are letter for letter one that came before.
    renamed
        Sequences whose name was used before, and which got another.
    letters, unknown, masked
        Letters in all, those that are unknown (N or X, of proteins X only), and those that are lower case.
    """

    empty: int
    short: int
    identical: int
    renamed: int
    letters: int
    unknown: int
    masked: int

    @property
    def unknown_share(self) -> float:
        """The share of the letters that are unknown."""
        return self.unknown / self.letters

    @property
    def masked_share(self) -> float:
        """The share of the letters that are lower case."""
        return self.masked / self.letters


def read_sequences(
    args: argparse.Namespace, context: RunContext, *, shortest: int = 1, discovery: bool = True
) -> tuple[SequenceSet, Oddities]:
    """Read the FASTA file of a command, leave out empty records, say what is odd.

    Sequences that repeat others are worth a warning where a motif is to be discovered.

    Raises
    ------
    InputError
        Beside what :func:`genem.io.sequences.any_format.read_sequences` refuses: no sequence is as long as
        ``shortest``, no letter of any is known, or a name holds a control character.
    """
    import numpy as np

    from genem.io.sequences import any_format

    context.add_input(args.fasta)
    sequences = any_format.read_sequences(
        args.fasta, empty_records="keep", duplicate_names=args.duplicate_names, threads=context.threads or 1
    )
    _check_names(sequences.names, args.fasta)
    lengths = np.diff(sequences.offsets)
    empty = int(np.count_nonzero(lengths == 0))
    if empty:
        sequences, lengths = sequences.select(lengths > 0), lengths[lengths > 0]
    if not len(sequences):
        raise InputError(f"none of its {empty} records has a letter", path=args.fasta, remedy="check the file")
    if lengths.max() < shortest:
        raise InputError(
            f"the longest of {len(sequences)} sequences has {lengths.max()} letters, the motif at least {shortest}",
            path=args.fasta,
            remedy="ask for a smaller --min-width",
        )
    letters = sequences.letters
    unknown = _unknown(sequences, args)
    if unknown == letters.size:
        raise InputError("every letter is N or X: nothing is known", path=args.fasta, remedy="check the file")
    oddities = Oddities(
        empty=empty,
        short=int(np.count_nonzero(lengths < shortest)),
        identical=_identical(sequences),
        renamed=_renamed(sequences) if args.duplicate_names == "number" else 0,
        letters=int(letters.size),
        unknown=unknown,
        masked=int(np.count_nonzero((letters >= ord("a")) & (letters <= ord("z")))),
    )
    _say(oddities, len(sequences), shortest, args, context, discovery=discovery)
    return sequences, oddities


def check_genome_places(sequences: SequenceSet, path: str) -> None:
    """Refuse names that are no regions of a genome before anything is searched, not when sites are written.

    Raises
    ------
    InputError
        As of :func:`genem.io.motifs.sites.genome_places`; the message names the file.
    """
    from genem.io.motifs.sites import genome_places

    with errors_about(path):
        genome_places(sequences)


def encode_sequences(sequences: SequenceSet, args: argparse.Namespace, context: RunContext) -> EncodedSequences:
    """The sequences in the alphabet of ``--alphabet``, lower case as ``--mask`` says.

    Raises
    ------
    InputError
        As of :func:`encode_as`.
    """
    from genem.motif import DNA, PROTEIN, RNA, detect_alphabet

    named = {"dna": DNA, "rna": RNA, "protein": PROTEIN}
    alphabet = detect_alphabet(sequences) if args.alphabet == "auto" else named[args.alphabet]
    return encode_as(alphabet, sequences, args, context)


def encode_as(
    alphabet: Alphabet, sequences: SequenceSet, args: argparse.Namespace, context: RunContext
) -> EncodedSequences:
    """The sequences in an alphabet; a warning where they are nucleotides, all of which are amino acids, too.

    Raises
    ------
    InputError
        A letter is not of that alphabet, or all are masked; the message names the file.
    """
    from genem.motif import detect_alphabet, encode

    with errors_about(args.fasta):
        encoded = encode(sequences, alphabet, mask=args.mask)
    if encoded.n_known == 0:
        masked = "those in lower case left out as --mask ignore has it"
        why = masked if args.mask == "ignore" else "only ambiguity codes"
        raise InputError(f"no letter is known, {why}", path=args.fasta, remedy="check the file")
    looks_like = detect_alphabet(sequences)
    if looks_like.has_strands and not alphabet.has_strands:
        context.warn(f"the sequences look like {looks_like.name}; they are read as {alphabet.name}")
    return encoded


def read_control(searched: EncodedSequences, args: argparse.Namespace, context: RunContext) -> EncodedSequences:
    """The sequences of ``--control``; a warning where they are fewer than those searched, or of other lengths.

    Raises
    ------
    InputError
        They cannot be read, are of another alphabet, or one where several are searched.
    """
    from genem.io.sequences import any_format
    from genem.motif import encode

    context.add_input(args.control)
    sequences = any_format.read_sequences(args.control, empty_records="keep", duplicate_names="number")
    with errors_about(args.control):
        control = encode(sequences, searched.alphabet, mask=args.mask)
    if control.n_known == 0:
        raise InputError("no letter of the control set is known", path=args.control, remedy="check the file")
    if len(control) == 1 < len(searched):
        raise InputError(
            f"controls are drawn from the {len(searched)} sequences and the control set, which has one: they would all "
            "be the sequences again",
            path=args.control,
            remedy="give at least as many as are searched, or leave --control out",
        )
    if len(control) < len(searched):
        context.warn(
            f"{args.control} has {len(control)} sequences for the {len(searched)} searched: controls are drawn from "
            "both and share most of them, so that p-values are too large"
        )
    ratio = control.lengths.mean() / searched.lengths.mean()
    if not 0.5 <= ratio <= 2.0:
        context.warn(
            f"the sequences of {args.control} are {ratio:.2g} times as long as those searched: controls are not alike, "
            "and p-values mean little"
        )
    return control


def given_background(
    alphabet: Alphabet, args: argparse.Namespace, context: RunContext, *, both_strands: bool
) -> Background:
    """The background that ``--background`` holds: words and their probabilities, or sequences to count.

    Raises
    ------
    InputError
        The file cannot be read, or is of another alphabet.
    """
    from genem.io.motifs.background import read_background
    from genem.motif import background_from_probabilities, encode, estimate_background

    context.add_input(args.background)
    given = read_background(args.background)
    with errors_about(args.background):
        if isinstance(given, dict):
            longest = args.background_order + 1
            if all(len(word) < longest for word in given):
                found = f"holds no words of {longest} letters, as order {args.background_order} has"
                raise InputError(found, remedy="ask for a lower --background-order")
            probabilities = {word: p for word, p in given.items() if len(word) <= longest}
            return background_from_probabilities(alphabet, probabilities, both_strands=both_strands)
        coded = encode(given, alphabet, mask=args.mask)
        return estimate_background(coded, order=args.background_order, both_strands=both_strands)


def given_prior(alphabet: Alphabet, path: str, context: RunContext) -> DirichletMixture:
    """The Dirichlet mixture of a file.

    Raises
    ------
    InputError
        The file cannot be read, or is of another number of letters.
    """
    from genem.io.motifs.dirichlet import read_dirichlet_mixture
    from genem.motif import DirichletMixture

    context.add_input(path)
    weights, concentrations = read_dirichlet_mixture(path)
    if concentrations.shape[1] != len(alphabet):
        found = f"is a mixture for {concentrations.shape[1]} letters, {alphabet.name} has {len(alphabet)}"
        raise InputError(found, path=path, remedy="use a mixture for the alphabet of the sequences")
    return DirichletMixture(weights, concentrations)


@contextmanager
def errors_about(path: str) -> Iterator[None]:
    """Let errors that the library raises about arrays name the file they came from."""
    try:
        yield
    except InputError as error:
        raise InputError(error.found, path=path, place=error.place, remedy=error.remedy) from None


def _check_names(names: tuple[str, ...], path: str) -> None:
    for number, name in enumerate(names, 1):
        if CONTROL_CHARACTERS.search(name):
            raise InputError(
                f"the name {name!r} holds a control character", path=path, place=f"record {number}", remedy="remove it"
            )


def _unknown(sequences: SequenceSet, args: argparse.Namespace) -> int:
    """The number of letters that say nothing."""
    import numpy as np

    counts = np.bincount(sequences.letters, minlength=256)
    unknown = UNKNOWN_LETTERS.get(getattr(args, "alphabet", "auto"), UNKNOWN_NUCLEOTIDES)
    if counts[list(AMINO_ACIDS_ONLY)].any():
        unknown = UNKNOWN_AMINO_ACIDS
    return int(counts[list(unknown)].sum())


def _identical(sequences: SequenceSet) -> int:
    upper = sequences.letters & 0xDF
    offsets = sequences.offsets.tolist()
    return len(sequences) - len({upper[start:end].tobytes() for start, end in itertools.pairwise(offsets)})


def _renamed(sequences: SequenceSet) -> int:
    pairs = zip(sequences.names, sequences.descriptions, strict=True)
    return sum(name != description.split(None, 1)[0] for name, description in pairs)


def _say(
    found: Oddities,
    n_sequences: int,
    shortest: int,
    args: argparse.Namespace,
    context: RunContext,
    *,
    discovery: bool,
) -> None:
    """Warnings for what changes results, messages for the rest; everything is in the run record."""
    context.count(
        sequences=n_sequences,
        empty_records=found.empty,
        sequences_too_short=found.short,
        identical_sequences=found.identical,
        renamed_sequences=found.renamed,
        letters=found.letters,
        unknown_letters=found.unknown,
        lower_case_letters=found.masked,
    )
    if found.empty:
        context.warn(f"left out {found.empty} of {n_sequences + found.empty} records: no letters in them")
    if found.short:
        context.warn(f"{found.short} of {n_sequences} sequences are shorter than {shortest}: they can have no site")
    if found.identical and discovery:
        context.warn(
            f"{found.identical} of {n_sequences} sequences repeat an earlier one: what they share looks like a motif"
        )
    if found.renamed:
        context.warn(f"gave {found.renamed} of {n_sequences} sequences another name: theirs was used before")
    if found.unknown_share > 0.5:
        context.warn(f"{found.unknown_share:.0%} of the letters are unknown (N or X)")
    if found.masked_share and args.mask == "keep":
        context.log.info(
            "%.1f %% of the letters are lower case; --mask ignore leaves them out", 100 * found.masked_share
        )
