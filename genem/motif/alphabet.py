"""Letters as numbers: DNA, RNA and protein, with their ambiguity codes as sets of letters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from genem.data import SequenceSet
from genem.errors import InputError

Mask = Literal["keep", "ignore"]

NUCLEOTIDE_SHARE = 0.9
"""Sequences with at least this share of A, C, G, T, U and N are nucleotides."""
NUCLEOTIDE_SHARE_OF_CODES = 0.5
"""The same where all other letters are ambiguity codes of nucleotides."""
NUCLEOTIDE_PSEUDOCOUNT, PROTEIN_PSEUDOCOUNT = 0.01, 1.0
"""Pseudocounts per column; fits of protein motifs have their Dirichlet mixture, searches these."""
STRANGER = 255
"""Code of a byte that is no letter of the alphabet."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters of one kind of sequence.

    Codes 0, 1, ... are the letters in order; the ambiguity codes follow, the one that may be any letter last.

    Attributes
    ----------
    name
        ``DNA``, ``RNA`` or ``protein``.
    letters
        In the order of the columns of a motif matrix.
    complements
        The complement of each letter, in the same order; empty where there are no strands.
    ambiguities
        Pairs of an ambiguity code and the letters that it may stand for; the last is the wildcard.
    aliases
        Pairs of a symbol and the letter or code that it is read as.

    Examples
    --------
    >>> DNA.symbols, DNA.complement_codes[:4].tolist()
    ('ACGTRYSWKMBDHVN', [3, 2, 1, 0])
    >>> DNA.membership[DNA.symbols.index("R")].tolist()
    [True, False, True, False]
    """

    name: str
    letters: str
    complements: str
    ambiguities: tuple[tuple[str, str], ...]
    aliases: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def symbols(self) -> str:
        """Letters and ambiguity codes, in the order of their codes."""
        return self.letters + "".join(code for code, _ in self.ambiguities)

    @property
    def wildcard(self) -> int:
        """The code that may be any letter."""
        return len(self.symbols) - 1

    @property
    def has_strands(self) -> bool:
        """Whether sequences have a reverse complement."""
        return bool(self.complements)

    @property
    def is_protein(self) -> bool:
        """Whether the letters are amino acids."""
        return self.name == "protein"

    @property
    def pseudocount(self) -> float:
        """Pseudocounts per column where nothing else is said."""
        return PROTEIN_PSEUDOCOUNT if self.is_protein else NUCLEOTIDE_PSEUDOCOUNT

    @property
    def membership(self) -> NDArray[np.bool_]:
        """bool (code, letter): which letters each code may stand for."""
        sets = [*self.letters, *(letters for _, letters in self.ambiguities)]
        return np.array([[letter in chosen for letter in self.letters] for chosen in sets])

    @property
    def complement_codes(self) -> NDArray[np.uint8]:
        """uint8 (code,): the code of the complement; each code itself where there are no strands."""
        if not self.has_strands:
            return np.arange(len(self.symbols), dtype=np.uint8)
        sets = [frozenset(np.flatnonzero(row).tolist()) for row in self.membership]
        partner = [self.letters.index(letter) for letter in self.complements]
        return np.array([sets.index(frozenset(partner[a] for a in chosen)) for chosen in sets], np.uint8)

    @property
    def code_table(self) -> NDArray[np.uint8]:
        """uint8 (256,): the code of every byte, ``STRANGER`` where it has none; lower case as upper case."""
        table = np.full(256, STRANGER, np.uint8)
        named = [(symbol, symbol) for symbol in self.symbols] + list(self.aliases)
        for symbol, meant in named:
            table[ord(symbol)] = table[ord(symbol.lower())] = self.symbols.index(meant)
        return table


def _nucleotides(name: str, last: str, other: str) -> Alphabet:
    """DNA and RNA differ in one letter; each reads the other's as its own."""
    sets = "R:AG Y:CT S:CG W:AT K:GT M:AC B:CGT D:AGT H:ACT V:ACG N:ACGT".replace("T", last)
    ambiguities = tuple((entry[0], entry[2:]) for entry in sets.split())
    return Alphabet(name, f"ACG{last}", f"{last}GCA", ambiguities, ((other, last), ("X", "N"), ("?", "N")))


DNA = _nucleotides("DNA", "T", "U")
RNA = _nucleotides("RNA", "U", "T")
PROTEIN = Alphabet(
    "protein",
    "ACDEFGHIKLMNPQRSTVWY",
    "",
    (("B", "DN"), ("Z", "EQ"), ("J", "IL"), ("X", "ACDEFGHIKLMNPQRSTVWY")),
    # selenocysteine and pyrrolysine are read as the amino acids they derive from; a stop codon says nothing
    (("U", "C"), ("O", "K"), ("*", "X"), ("?", "X")),
)
ALPHABETS = {alphabet.name: alphabet for alphabet in (DNA, RNA, PROTEIN)}
"""By name."""


@dataclass(frozen=True, slots=True)
class EncodedSequences:
    """Sequences as codes of an alphabet, laid end to end.

    Attributes
    ----------
    alphabet
        What the codes mean.
    names
        Of the sequences.
    codes
        uint8 (total length,): masked letters are wildcards where masks are not to be kept.
    offsets
        int64 (sequence + 1,): sequence ``i`` is ``codes[offsets[i]:offsets[i + 1]]``. A sequence may be empty.
    """

    alphabet: Alphabet
    names: tuple[str, ...]
    codes: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Letters of each sequence, int64 (sequence,)."""
        return np.diff(self.offsets)

    @property
    def n_known(self) -> int:
        """Positions whose letter is known."""
        return int(np.count_nonzero(self.codes < len(self.alphabet)))

    def sequence(self, index: int) -> str:
        """One sequence as text."""
        symbols = np.frombuffer(self.alphabet.symbols.encode(), np.uint8)
        return str(symbols[self.codes[self.offsets[index] : self.offsets[index + 1]]].tobytes(), "ascii")


def detect_alphabet(sequences: SequenceSet) -> Alphabet:
    """The alphabet that sequences are written in, judged by their letters.

    Nucleotides where at least nine letters of ten are A, C, G, T, U or N, or half of them and the others are ambiguity
    codes: RNA where there is a U and no T. Anything else is protein.

    Raises
    ------
    InputError
        There is no letter at all, or nearly all are nucleotides and another one cannot be.

    Examples
    --------
    >>> from genem.io.sequences.fasta import read_fasta
    >>> detect_alphabet(read_fasta("data/promoters.fa")).name
    'DNA'
    """
    counts = _letter_counts(sequences)
    total = sum(counts.values())
    if not total:
        raise InputError("the sequences hold no letters", remedy="check the file")
    alphabet = RNA if "U" in counts and "T" not in counts else DNA
    all_fit = all(alphabet.code_table[ord(letter)] != STRANGER for letter in counts)
    share = sum(counts.get(letter, 0) for letter in "ACGTUN") / total
    if share < (NUCLEOTIDE_SHARE_OF_CODES if all_fit else NUCLEOTIDE_SHARE):
        return PROTEIN
    if not all_fit:
        _refuse(sequences, alphabet)
    return alphabet


def encode(sequences: SequenceSet, alphabet: Alphabet, *, mask: Mask = "keep") -> EncodedSequences:
    """Turn letters into codes.

    Parameters
    ----------
    sequences
        Records of any length, 0 included.
    alphabet
        What they are written in; see :func:`detect_alphabet`.
    mask
        What lower case means: "keep" it as the letter it is, or "ignore" the letter (a wildcard: missing data).

    Raises
    ------
    InputError
        A letter is not of the alphabet; the message names the record, the place and, where the letters tell it,
        the alphabet that they are of.

    Examples
    --------
    >>> letters = np.frombuffer(b"ACgtNRT", np.uint8)
    >>> pair = SequenceSet(("a", "b"), ("a", "b"), letters, np.array([0, 4, 7]))
    >>> encode(pair, DNA).codes.tolist()
    [0, 1, 2, 3, 14, 4, 3]
    >>> encode(pair, DNA, mask="ignore").sequence(0)
    'ACNN'
    """
    codes = alphabet.code_table[sequences.letters]
    if np.any(codes == STRANGER):
        _refuse(sequences, alphabet)
    if mask == "ignore":
        codes[(sequences.letters >= ord("a")) & (sequences.letters <= ord("z"))] = alphabet.wildcard
    return EncodedSequences(alphabet, sequences.names, codes, sequences.offsets)


def _letter_counts(sequences: SequenceSet) -> dict[str, int]:
    """Count each letter, in upper case."""
    counts: dict[str, int] = {}
    for byte, count in enumerate(np.bincount(sequences.letters, minlength=256).tolist()):
        if count and chr(byte).isalpha():
            counts[chr(byte).upper()] = counts.get(chr(byte).upper(), 0) + count
    return counts


def _refuse(sequences: SequenceSet, alphabet: Alphabet) -> NoReturn:
    """Name the first symbol that is not of the alphabet."""
    position = int(np.flatnonzero(alphabet.code_table[sequences.letters] == STRANGER)[0])
    record = int(np.searchsorted(sequences.offsets, position, side="right")) - 1
    symbol = chr(int(sequences.letters[position]))
    within = position - int(sequences.offsets[record]) + 1
    raise InputError(
        f"{symbol!r} at position {within} is not a letter of {alphabet.name}",
        place=f"record {record + 1} ({sequences.names[record]})",
        remedy="; ".join(_remedies(sequences, alphabet, symbol)),
    )


def _remedies(sequences: SequenceSet, alphabet: Alphabet, symbol: str) -> Iterator[str]:
    if symbol in "-.~":
        yield "gaps are for alignments: give the sequences without them"
        return
    counts = _letter_counts(sequences)
    nucleotides = sum(counts.get(letter, 0) for letter in "ACGTUN")
    if alphabet.has_strands and nucleotides < NUCLEOTIDE_SHARE * sum(counts.values()):
        yield "these look like protein sequences: use the protein alphabet"
    else:
        wildcard = alphabet.symbols[alphabet.wildcard]
        yield f"replace it by {wildcard} if the letter is not known"
