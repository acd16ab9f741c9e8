"""Site patterns: columns of an alignment that are alike are computed once and counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genem.data import Alignment, Datatype
from genem.errors import InputError
from genem.phylo.alphabet import NO_CODE, Alphabet, alphabet_of

__all__ = ["SitePatterns", "site_patterns"]


@dataclass(frozen=True)
class SitePatterns:
    """The distinct columns of an alignment.

    Taxa are sorted by name and columns by their codes, so that neither the order of the sequences nor that of the
    sites changes any result by a single bit.

    Attributes
    ----------
    taxa
        Names in ascending order.
    codes
        uint8 (taxon, pattern): codes of ``alphabet``.
    weight
        float64 (pattern,): how many sites show the pattern.
    pattern_of
        int64 (site,): pattern of every site.
    """

    alphabet: Alphabet
    taxa: tuple[str, ...]
    codes: NDArray[np.uint8]
    weight: NDArray[np.float64]
    pattern_of: NDArray[np.int64]

    @property
    def n_patterns(self) -> int:
        return len(self.weight)

    @property
    def n_sites(self) -> int:
        return len(self.pattern_of)

    def frequencies(self) -> NDArray[np.float64]:
        """float64 (state,): states counted in the unambiguous letters; equal where there are none."""
        counts = np.zeros(len(self.alphabet.sets))
        for row in self.codes:
            counts += np.bincount(row, weights=self.weight, minlength=len(counts))
        states: NDArray[np.float64] = counts[: self.alphabet.n_states]
        return states / states.sum() if states.sum() > 0.0 else np.full(len(states), 1.0 / len(states))

    def constant_states(self) -> NDArray[np.float64]:
        """float64 (state, pattern): 1 where every taxon may be in the state."""
        common = np.ones((self.alphabet.n_states, self.n_patterns))
        for row in self.codes:
            common *= self.alphabet.sets[row].T
        return common

    def reweighted(self, weight: NDArray[np.float64]) -> SitePatterns:
        """The same patterns counted otherwise, as by a bootstrap."""
        return replace(self, weight=np.asarray(weight, dtype=np.float64))


def site_patterns(
    alignment: Alignment, sites: NDArray[np.integer] | slice = slice(None), datatype: Datatype | None = None
) -> SitePatterns:
    """Compress an alignment, or some sites of it.

    Parameters
    ----------
    alignment
        Any number of taxa and sites.
    sites
        int (site,) or a slice: the columns to take, all unless told.
    datatype
        The kind of the letters of these columns; that of the alignment unless given.

    Raises
    ------
    InputError
        A letter has no meaning in the datatype.

    Examples
    --------
    >>> letters = np.array([list(b"AAC-"), list(b"AACN")], np.uint8)
    >>> patterns = site_patterns(Alignment(("b", "a"), letters, "dna"))
    >>> patterns.taxa, patterns.weight, patterns.pattern_of
    (('a', 'b'), array([2., 1., 1.]), array([0, 0, 1, 2]))
    """
    alphabet = alphabet_of(datatype or alignment.datatype)
    order = sorted(range(len(alignment)), key=alignment.names.__getitem__)
    codes = alphabet.code_of[alignment.letters[:, sites][order]]
    if np.any(codes == NO_CODE):
        row, column = np.argwhere(codes == NO_CODE)[0]
        _refuse_letter(alignment, order[row], int(np.arange(alignment.n_sites)[sites][column]), alphabet.datatype)
    columns, pattern_of, counts = _distinct_columns(codes)
    return SitePatterns(
        alphabet=alphabet,
        taxa=tuple(alignment.names[taxon] for taxon in order),
        codes=columns,
        weight=counts.astype(np.float64),
        pattern_of=pattern_of.astype(np.int64),
    )


def _distinct_columns(codes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct columns in ascending order, the number of each column among them, and their counts."""
    n_taxa, n_sites = codes.shape
    if n_taxa == 0 or n_sites == 0:
        return codes[:, :0].copy(), np.zeros(0, np.int64), np.zeros(0, np.int64)
    keys = np.ascontiguousarray(codes.T).view(np.dtype((np.void, n_taxa))).ravel()
    _, first, pattern_of, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return np.ascontiguousarray(codes[:, first]), pattern_of, counts


def _refuse_letter(alignment: Alignment, taxon: int, site: int, datatype: Datatype) -> None:
    letter = chr(int(alignment.letters[taxon, site]))
    elsewhere = next((kind for kind in Datatype if alphabet_of(kind).code_of[ord(letter)] != NO_CODE), None)
    found = f"no {datatype.letter}"
    if elsewhere is not None and datatype.is_part_of(elsewhere):
        found = f"an {elsewhere.letter} under a {datatype.adjective} model"
    raise InputError(
        f"{letter!r} is {found}",
        place=f"sequence {alignment.names[taxon]!r}, column {site + 1}",
        remedy="give the datatype, or correct the sequence",
    )
