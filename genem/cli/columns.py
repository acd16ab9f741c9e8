"""Tables of output columns: the name, the meaning and the cells of each column, said in one line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genem.io.files.output import ByteSink
    from genem.io.tables.writing import Cells, FullFloats, Labels

Result = TypeVar("Result")


class Columns(Generic[Result]):
    r"""The columns of a table, in order.

    Parameters
    ----------
    columns
        Each as its name in the header row, its meaning in the ``##column`` line, and the function that takes its cells
        from a result (a block of rows).

    Examples
    --------
    >>> import io
    >>> table = Columns[range](("N", "number", integers), ("N_2", "its square", lambda r: numbers(n * n for n in r)))
    >>> stream = io.BytesIO()
    >>> table.open(stream).write(range(2, 4))
    >>> stream.getvalue().decode().splitlines()[-2:]
    ['2\t4', '3\t9']
    """

    def __init__(self, *columns: tuple[str, str, Callable[[Result], Cells]]) -> None:
        self.meanings: Mapping[str, str] = {name: meaning for name, meaning, _ in columns}
        self._cells = {name: cells for name, _, cells in columns}

    def without(self, names: Collection[str]) -> Columns[Result]:
        """The table less some columns."""
        return Columns(*((name, self.meanings[name], of) for name, of in self._cells.items() if name not in names))

    def cells(self, result: Result) -> dict[str, Cells]:
        """The cells of a result, by column."""
        return {name: cells(result) for name, cells in self._cells.items()}

    def open(self, stream: ByteSink, notes: Mapping[str, str] | None = None) -> OpenTable[Result]:
        """Write the header; ``notes`` are its further ``##name=value`` lines."""
        return OpenTable(self, stream, notes)


class OpenTable(Generic[Result]):
    """A table whose header is written and that takes results."""

    def __init__(self, columns: Columns[Result], stream: ByteSink, notes: Mapping[str, str] | None) -> None:
        from genem.io.tables.writing import TableWriter

        self._columns = columns
        self._writer = TableWriter(stream, columns.meanings, notes=notes)

    def write(self, result: Result) -> None:
        """Write the rows of a result."""
        self._writer.write(self._columns.cells(result))


def integers(values: Iterable[int]) -> NDArray[np.int64]:
    """Cells of integers."""
    import numpy as np

    return np.array([*values], np.int64)


def numbers(values: Iterable[float]) -> NDArray[np.float64]:
    """Cells of numbers; NaN is NA."""
    import numpy as np

    return np.array([*values], np.float64)


def full_numbers(values: NDArray[np.float64]) -> FullFloats:
    """Cells of numbers with all their digits."""
    from genem.io.tables.writing import FullFloats

    return FullFloats(values)


def labels(names: Sequence[str], codes: NDArray[np.integer]) -> Labels:
    """Cells ``names[codes]``; a negative code is NA."""
    from genem.io.tables.writing import Labels

    return Labels(names, codes)


def repeated(name: str, n_rows: int) -> Labels:
    """Cells that are all the same."""
    import numpy as np

    return labels((name,), np.zeros(n_rows, np.int64))


def strands(orientation: NDArray[np.integer]) -> Labels:
    """Cells ``-`` where the orientation is negative, else ``+``."""
    return labels(("+", "-"), (orientation < 0).astype(int))


def statuses(codes: NDArray[np.integer]) -> Labels:
    """Cells that say how fits ended, from the codes of :class:`genem.em.status.Status`."""
    from genem.em.status import Status

    return labels([status.label for status in Status], codes)
