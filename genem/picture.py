"""The making and writing of pictures: one look, and the same bytes each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from genem.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Target = str | Path | IO[bytes]
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which readers with any colour vision can tell apart."""
BLUE, VERMILION, GREEN, PURPLE, ORANGE = COLOURS[:5]


@contextmanager
def picture(
    path: Target, file_format: str | None = None, *, font_size: float = 10.0
) -> Iterator[Callable[[float, float], Figure]]:
    """A function that makes a figure of a width and height in inches; it is written when the context ends.

    Parameters
    ----------
    path
        A file, or a binary stream.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.
    font_size
        Points.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError("pictures need matplotlib; pip install 'genem[plots]'") from None

    shown = file_format or Path(str(path)).suffix.lstrip(".").lower()
    figures: list[Figure] = []

    def new_figure(width: float, height: float) -> Figure:
        figures.append(Figure(figsize=(width, height), layout="constrained"))
        return figures[-1]

    with matplotlib.rc_context({"svg.hashsalt": "genem", "svg.fonttype": "none", "font.size": font_size}):
        yield new_figure
        dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(shown)
        figures[-1].savefig(path, format=shown, dpi=150, metadata=dateless)
