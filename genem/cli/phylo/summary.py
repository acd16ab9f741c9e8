"""Size and oddities of an alignment, told before it is analysed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genem.cli.context import RunContext
    from genem.data import Alignment

__all__ = ["InputSummary", "summarise", "warn_of_oddities"]

LISTED = 5


@dataclass(frozen=True, slots=True)
class InputSummary:
    """The size of an alignment and what is odd in it.

    Attributes
    ----------
    n_taxa, n_sites, n_patterns
        Sequences, columns, distinct columns.
    datatype
        ``dna`` or ``protein``.
    unknown_share
        Of gaps and unknown letters among all.
    ambiguous_share
        Of letters that stand for several states, but not for all.
    n_perhaps_constant
        Columns in which every sequence may have the same letter.
    n_empty_columns
        Columns of gaps and unknown letters only.
    empty
        Names of sequences of gaps and unknown letters only.
    identical
        Groups of names with the same sequence.
    """

    n_taxa: int
    n_sites: int
    n_patterns: int
    datatype: str
    unknown_share: float
    ambiguous_share: float
    n_perhaps_constant: int
    n_empty_columns: int
    empty: tuple[str, ...]
    identical: tuple[tuple[str, ...], ...]

    def as_record(self) -> Mapping[str, object]:
        """The same by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def summarise(alignment: Alignment) -> InputSummary:
    """Count what :class:`InputSummary` holds.

    Raises
    ------
    InputError
        A letter stands for nothing.
    """
    import numpy as np

    from genem.phylo import site_patterns

    patterns = site_patterns(alignment)
    alphabet = patterns.alphabet
    unknown = patterns.codes == alphabet.unknown
    ambiguous = (patterns.codes >= alphabet.n_states) & ~unknown
    n_letters = max(1.0, float(len(alignment) * patterns.weight.sum()))
    groups: dict[bytes, list[str]] = {}
    for name, row in zip(patterns.taxa, patterns.codes, strict=True):
        groups.setdefault(row.tobytes(), []).append(name)
    return InputSummary(
        n_taxa=len(alignment),
        n_sites=alignment.n_sites,
        n_patterns=patterns.n_patterns,
        datatype=str(alignment.datatype),
        unknown_share=float((unknown @ patterns.weight).sum()) / n_letters,
        ambiguous_share=float((ambiguous @ patterns.weight).sum()) / n_letters,
        n_perhaps_constant=int(patterns.weight @ np.any(patterns.constant_states() > 0.0, axis=0)),
        n_empty_columns=int(patterns.weight @ unknown.all(axis=0)),
        empty=tuple(name for name, row in zip(patterns.taxa, unknown, strict=True) if row.all()),
        identical=tuple(tuple(names) for names in groups.values() if len(names) > 1),
    )


def warn_of_oddities(summary: InputSummary, context: RunContext) -> None:
    """Say what the reader of the tree should know; nothing is left out for it."""
    if summary.n_empty_columns == summary.n_sites:
        context.warn("all columns are gaps only: every tree is as likely as any other")
    elif summary.empty:
        context.warn(
            f"{len(summary.empty)} of {summary.n_taxa} sequences are gaps only: {_some(summary.empty)}; "
            "where they stand in the tree means nothing"
        )
    if summary.n_empty_columns:
        context.log.info("%d of %d columns are gaps only", summary.n_empty_columns, summary.n_sites)
    n_identical = sum(len(names) - 1 for names in summary.identical)
    if n_identical:
        context.log.info(
            "%d sequences repeat another one and are kept, as %s", n_identical, _some(summary.identical[0])
        )
    context.count(
        identical_sequences=n_identical, sequences_of_gaps=len(summary.empty), columns_of_gaps=summary.n_empty_columns
    )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names[:LISTED])) + (" ..." if len(names) > LISTED else "")
