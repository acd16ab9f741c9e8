"""Alignments of sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genem.data.datatypes import Datatype


@dataclass(frozen=True, slots=True)
class Alignment:
    """Sequences of one length, letter below letter.

    Attributes
    ----------
    names
        One per taxon, exactly as in the file but for the quotes around them; no two alike.
    letters
        uint8 (taxon, site): the letters as in the file, case kept; gaps are ``-`` (a ``.`` of the file included).
    datatype
        The kind of the letters; its name will do.
    """

    names: tuple[str, ...]
    letters: NDArray[np.uint8]
    datatype: Datatype

    def __post_init__(self) -> None:
        object.__setattr__(self, "datatype", Datatype(self.datatype))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_sites(self) -> int:
        return int(self.letters.shape[1])

    def sequence(self, taxon: int) -> str:
        return str(self.letters[taxon].tobytes(), "ascii")
