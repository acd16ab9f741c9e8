"""Sets of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Named sequences laid end to end.

    Attributes
    ----------
    names
        The first word of each header.
    descriptions
        The whole header line of each record, without ``>``.
    letters
        uint8 (total length,): the letters as in the file, case kept (lower case = soft-masked).
    offsets
        int64 (sequence + 1,): sequence ``i`` is ``letters[offsets[i]:offsets[i + 1]]``.
    """

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    letters: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def sequence(self, index: int) -> str:
        return str(self.letters[self.offsets[index] : self.offsets[index + 1]].tobytes(), "ascii")

    def select(self, rows: NDArray[np.bool_]) -> SequenceSet:
        """The sequences where ``rows`` (sequence,) is True."""
        lengths = np.diff(self.offsets)
        return SequenceSet(
            tuple(compress(self.names, rows)),
            tuple(compress(self.descriptions, rows)),
            self.letters[np.repeat(rows, lengths)],
            np.concatenate([[0], np.cumsum(lengths[rows])]).astype(np.int64),
        )
