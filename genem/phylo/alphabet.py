"""The states of DNA and protein, and what an ambiguous letter may stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from genem.data import Datatype

__all__ = ["Alphabet", "alphabet_of"]

NO_CODE = 255  # code of a letter that has no meaning


@dataclass(frozen=True)
class Alphabet:
    """Letters, codes and states.

    Codes below ``n_states`` are the states themselves; those above are sets of states, the last of them all states.

    Attributes
    ----------
    states
        One letter per state, in the order of all matrices: ``ACGT`` or ``ARNDCQEGHILKMFPSTWYV``.
    sets
        float64 (code, state): 1 where the code may stand for the state.
    code_of
        uint8 (256,): code of every letter, upper or lower case; ``NO_CODE`` for what has no meaning.
    """

    datatype: Datatype
    states: str
    sets: NDArray[np.float64]
    code_of: NDArray[np.uint8]

    @property
    def n_states(self) -> int:
        return len(self.states)

    @property
    def unknown(self) -> int:
        """The code of a gap or an unknown letter."""
        return len(self.sets) - 1


def alphabet_of(datatype: Datatype) -> Alphabet:
    """The alphabet of a kind of letters, which may be given by its name.

    Examples
    --------
    >>> dna = alphabet_of("dna")
    >>> dna.sets[dna.code_of[ord("r")]]
    array([1., 0., 1., 0.])
    """
    return _alphabet(Datatype(datatype))


@cache
def _alphabet(kind: Datatype) -> Alphabet:
    code_of = np.full(256, NO_CODE, np.uint8)
    rows = {state: number for number, state in enumerate(kind.states)}
    clear, unknown = dict(zip(kind.states, kind.states, strict=True)), dict.fromkeys(kind.unknown, kind.states)
    for letter, members in {**clear, **kind.sets, **unknown}.items():
        code = rows.setdefault(members, len(rows))
        code_of[ord(letter)] = code_of[ord(letter.lower())] = code
    sets = np.array([[float(state in members) for state in kind.states] for members in rows])
    return Alphabet(kind, kind.states, sets, code_of)


def common_alphabet(alphabets: Iterable[Alphabet]) -> Alphabet:
    """The alphabet of all partitions: that of each, or one in which DNA takes the first 4 of 20 states.

    Codes of states stay what they are; those of ambiguous letters change (see :func:`recoding`). A gap in DNA is any of
    4 states, so that no other ever has a likelihood.

    Examples
    --------
    >>> both = common_alphabet([alphabet_of("dna"), alphabet_of("protein")])
    >>> both.n_states, both.sets[recoding(alphabet_of("dna"), both)][-1].sum()
    (20, np.float64(4.0))
    """
    datatypes = sorted({alphabet.datatype for alphabet in alphabets})
    return alphabet_of(datatypes[0]) if len(datatypes) == 1 else _mixed_alphabet()


@cache
def _mixed_alphabet() -> Alphabet:
    protein, dna = alphabet_of(Datatype.PROTEIN), alphabet_of(Datatype.DNA)
    sets = [*protein.sets[:-1], *_widened(dna, protein.n_states)[dna.n_states :], protein.sets[-1]]
    return Alphabet(protein.datatype, protein.states, np.array(sets), protein.code_of)


def recoding(alphabet: Alphabet, common: Alphabet) -> NDArray[np.uint8]:
    """uint8 (code,): the codes of one alphabet in a common one."""
    if alphabet is common:
        return np.arange(len(common.sets), dtype=np.uint8)
    rows = {tuple(row): code for code, row in enumerate(common.sets.tolist())}
    return np.array([rows[tuple(row)] for row in _widened(alphabet, common.n_states).tolist()], np.uint8)


def _widened(alphabet: Alphabet, n_states: int) -> NDArray[np.float64]:
    """The sets of an alphabet, with states added that no letter may stand for."""
    return np.pad(alphabet.sets, ((0, 0), (0, n_states - alphabet.n_states)))
