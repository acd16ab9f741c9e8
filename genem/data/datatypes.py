"""Kinds of letters in an alignment: their states, and what everything that depends on the kind needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["Datatype"]

NO_SETS: Mapping[str, str] = MappingProxyType({})


class Datatype(StrEnum):
    """The kind of the letters of an alignment; equal to its name, which is the word that options take.

    Attributes
    ----------
    states
        One letter per state, in the order of all matrices.
    sets
        The states that an ambiguous letter may stand for.
    unknown
        Letters that may stand for any state, gaps among them.
    default_model, rough_model
        Substitution models: one to suggest, and one for a quick tree.
    other_models
        Further ones to suggest.
    labels
        Words of partition files and Nexus that mean the kind, in upper case.
    adjective, letter
        The kind, and one of its letters, in messages.
    """

    states: str
    sets: Mapping[str, str]
    unknown: str
    default_model: str
    other_models: tuple[str, ...]
    rough_model: str
    labels: tuple[str, ...]
    adjective: str
    letter: str

    def __new__(
        cls,
        name: str,
        states: str = "",
        sets: Mapping[str, str] = NO_SETS,
        unknown: str = "",
        models: tuple[str, ...] = ("",),
        rough_model: str = "",
        labels: tuple[str, ...] = (),
        adjective: str = "",
        letter: str = "",
    ) -> Datatype:
        member = str.__new__(cls, name)
        member._value_ = name
        member.states, member.sets, member.unknown = states, sets, unknown
        member.default_model, member.other_models, member.rough_model = models[0], models[1:], rough_model
        member.labels, member.adjective, member.letter = labels, adjective, letter
        return member

    DNA = (
        "dna",
        "ACGT",
        # U is read as T. Cornish-Bowden (1985), Nucleic Acids Res. 13:3021, doi:10.1093/nar/13.9.3021.
        {
            "R": "AG",
            "Y": "CT",
            "S": "CG",
            "W": "AT",
            "K": "GT",
            "M": "AC",
            "B": "CGT",
            "D": "AGT",
            "H": "ACT",
            "V": "ACG",
            "U": "T",
        },
        "NX?-.~O",
        ("GTR+G4", "HKY", "JC"),
        "HKY",
        ("DNA", "NT", "RNA", "NUCLEOTIDE"),
        "DNA",
        "nucleotide",
    )
    PROTEIN = (
        "protein",
        "ARNDCQEGHILKMFPSTWYV",
        {"B": "DN", "Z": "EQ", "J": "IL"},
        "X?-.~*UO",  # stops, selenocysteine and pyrrolysine are no states of the models: they tell nothing
        ("LG+G4", "WAG", "JTT"),
        "LG",
        ("PROT", "PROTEIN", "AA"),
        "protein",
        "amino acid",
    )

    def is_part_of(self, other: Datatype) -> bool:
        """Whether every state of this kind is one of the other, too: DNA may stand in an alignment of protein.

        Examples
        --------
        >>> Datatype.DNA.is_part_of(Datatype.PROTEIN), Datatype.PROTEIN.is_part_of(Datatype.DNA)
        (True, False)
        """
        return set(self.states) <= set(other.states)

    @classmethod
    def of_label(cls, label: str) -> Datatype | None:
        """The kind that a word of a partition file or of Nexus means; None for any other word.

        Examples
        --------
        >>> Datatype.of_label("aa").name, Datatype.of_label("GTR")
        ('PROTEIN', None)
        """
        return next((datatype for datatype in cls if label.upper() in datatype.labels), None)
