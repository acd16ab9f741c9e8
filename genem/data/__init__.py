"""Frozen dataclasses of arrays that flow between the rooms. No behaviour beyond looking things up."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from genem.data.datatypes import Datatype

if TYPE_CHECKING:
    from genem.data.alignments import Alignment
    from genem.data.crosses import AA, AB, BB, NOT_AA, NOT_BB, UNKNOWN_GENOTYPE, Cross, CrossType, GeneticMap
    from genem.data.fields import (
        CALLS,
        ESTIMATED_FROM,
        FIELDS,
        LIKELIHOODS,
        MISSING_PHRED,
        PHRED,
        Field,
        FieldName,
        LikelihoodField,
    )
    from genem.data.motifs import Motif, MotifSites
    from genem.data.sequences import SequenceSet
    from genem.data.trees import Tree
    from genem.data.variants import (
        ABSENT_ALLELE,
        MISSING_ALLELE,
        N_SPANS,
        SPAN_ALT,
        SPAN_CHROM,
        SPAN_FILTER,
        SPAN_ID,
        SPAN_INFO,
        SPAN_REF,
        GenotypeBlock,
        LocusTable,
        VariantSites,
    )

__all__ = [
    "AA",
    "AB",
    "ABSENT_ALLELE",
    "BB",
    "CALLS",
    "ESTIMATED_FROM",
    "FIELDS",
    "LIKELIHOODS",
    "MISSING_ALLELE",
    "MISSING_PHRED",
    "NOT_AA",
    "NOT_BB",
    "N_SPANS",
    "PHRED",
    "SPAN_ALT",
    "SPAN_CHROM",
    "SPAN_FILTER",
    "SPAN_ID",
    "SPAN_INFO",
    "SPAN_REF",
    "UNKNOWN_GENOTYPE",
    "Alignment",
    "Cross",
    "CrossType",
    "Datatype",
    "Field",
    "FieldName",
    "GeneticMap",
    "GenotypeBlock",
    "LikelihoodField",
    "LocusTable",
    "Motif",
    "MotifSites",
    "SequenceSet",
    "Tree",
    "VariantSites",
]

MODULES = ("alignments", "crosses", "fields", "motifs", "sequences", "trees", "variants")


def __getattr__(name: str) -> object:
    """The name of a module once it is asked for: the command line lists kinds of letters without importing numpy."""
    if name in __all__:
        for module in MODULES:
            if hasattr(found := import_module(f"{__name__}.{module}"), name):
                return globals().setdefault(name, getattr(found, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
