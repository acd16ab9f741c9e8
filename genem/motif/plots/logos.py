"""Sequence logos: how much each position of a motif says, and with which letters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genem.data import Motif
from genem.picture import Target, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["information", "plot_logos"]

# Colours that colour-blind readers tell apart (Okabe and Ito 2008, https://jfly.uni-koeln.de/color/).
GREEN, BLUE, ORANGE, VERMILION, PURPLE, SKY, BLACK = (
    "#009E73", "#0072B2", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#222222",
)  # fmt: skip
NUCLEOTIDE_COLOURS = {"A": GREEN, "C": BLUE, "G": ORANGE, "T": VERMILION, "U": VERMILION}
AMINO_ACID_COLOURS = {
    **dict.fromkeys("AVLIMFW", BLACK),  # hydrophobic
    **dict.fromkeys("STNQ", GREEN),  # polar
    **dict.fromkeys("KRH", BLUE),  # basic
    **dict.fromkeys("DE", VERMILION),  # acidic
    **dict.fromkeys("GP", ORANGE),  # bend the chain
    **dict.fromkeys("CY", PURPLE),
}
FONT = "DejaVu Sans"  # comes with matplotlib: the same picture on every machine
INCHES_PER_POSITION = 0.28
LOGO_HEIGHT = 1.5
MOST_BESIDE, MOST_PER_LINE = 30, 45
"""Where a logo is wider, reverse complements stand below instead of beside; a line has at most so many positions."""
LONGEST_NAME = 60
SMALLEST_LETTER = 0.002
"""Letters lower than this share of the axis are left out."""


def information(motif: Motif, *, small_sample: bool = True) -> NDArray[np.float64]:
    r"""Information content of every position, in bits.

    .. math:: R_k = \log_2 A + \sum_a \theta_{ka} \log_2 \theta_{ka} - e(n), \qquad e(n) = \frac{A - 1}{2 n \ln 2}

    for A letters and n sites. The correction e(n) is what n letters drawn at random would show on average; it is left
    out where the number of sites is unknown. Negative values become 0.

    Parameters
    ----------
    motif
        The motif.
    small_sample
        Subtract e(n).

    Returns
    -------
    float64 (width,)

    References
    ----------
    Schneider, Stormo, Gold and Ehrenfeucht (1986), doi:10.1016/0022-2836(86)90165-8

    Examples
    --------
    >>> certain = Motif("A", "ACGT", np.eye(4)[:1], np.full(4, 0.25), n_sites=10)
    >>> information(certain).round(4), information(certain, small_sample=False)
    (array([1.7836]), array([2.]))
    """
    theta = motif.probabilities
    n_letters = len(motif.alphabet)
    logarithms = np.log2(theta, where=theta > 0.0, out=np.zeros_like(theta))
    content = np.log2(n_letters) + (theta * logarithms).sum(axis=1)
    if small_sample and motif.n_sites > 0.0:
        content = content - (n_letters - 1) / (2.0 * np.log(2.0) * motif.n_sites)
    bits: NDArray[np.float64] = np.maximum(content, 0.0)
    return bits


def plot_logos(
    motifs: Sequence[Motif],
    path: Target,
    *,
    reverse_complement: bool = True,
    small_sample: bool = True,
    file_format: str | None = None,
) -> None:
    """Draw the logos of motifs below each other, those of DNA and RNA with their reverse complements.

    A stack is as high as its position has information (:func:`information`), a letter as its share of that; the
    likeliest letter is on top. The axis says whether the correction for few sites was made.

    Parameters
    ----------
    motifs
        Where there are none the picture says so.
    path
        A file, or a binary stream. The same motifs give the same bytes.
    reverse_complement
        Draw it, too.
    small_sample
        Correct for the number of sites, where it is known.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.

    Examples
    --------
    >>> import io
    >>> picture = io.BytesIO()
    >>> plot_logos([Motif("A", "ACGT", np.eye(4), np.full(4, 0.25))], picture, file_format="svg")
    >>> picture.getvalue()[:5]
    b'<?xml'
    """
    if not motifs:
        with picture(path, file_format, font_size=9) as new_figure:
            new_figure(3.0, 1.0).text(0.5, 0.5, "no motif", ha="center", va="center")
        return
    beside = max(motif.width for motif in motifs) <= MOST_BESIDE
    rows = [
        row
        for motif in motifs
        for row in _rows(motif, with_reverse=reverse_complement and len(motif.alphabet) == 4, beside=beside)
    ]
    columns = max(len(row) for row in rows)
    widest = max(line.motif.width for row in rows for line in row)
    with picture(path, file_format, font_size=9) as new_figure:
        figure = new_figure(columns * (1.0 + INCHES_PER_POSITION * max(widest, 6)), 0.2 + LOGO_HEIGHT * len(rows))
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for axes, row in zip(grid, rows, strict=True):
            for place, line in zip(axes, row, strict=False):
                draw_logo(place, line.motif, title=line.title, small_sample=small_sample, first=line.first)
                if len(rows) > len(motifs):  # lines of one logo have letters of one width
                    place.set_xlim(line.first + 0.5, line.first + widest + 0.5)
            for place in axes[len(row) :]:
                place.set_axis_off()


@dataclass(frozen=True, slots=True)
class _Line:
    """A stretch of a logo: its positions as a motif, those before it, and what stands above it."""

    motif: Motif
    first: int
    title: str


def _rows(motif: Motif, *, with_reverse: bool, beside: bool) -> list[list[_Line]]:
    """Both strands beside each other, or in lines below each other."""
    forward = _lines(motif, _title(motif))
    backward = _lines(reverse_complemented(motif), "reverse complement") if with_reverse else []
    return [[*forward, *backward]] if beside else [[line] for line in (*forward, *backward)]


def _lines(motif: Motif, title: str) -> list[_Line]:
    """Cut a motif into stretches as equal as can be."""
    n_lines = -(-motif.width // MOST_PER_LINE)
    bounds = [motif.width * number // n_lines for number in range(n_lines + 1)]
    parts = [(replace(motif, probabilities=motif.probabilities[a:b]), a) for a, b in itertools.pairwise(bounds)]
    return [_Line(part, first, title if first == 0 else "") for part, first in parts]


def draw_logo(axes: Axes, motif: Motif, *, title: str, small_sample: bool = True, first: int = 0) -> None:
    """Draw one logo into axes; positions are counted from the one after ``first``."""
    from matplotlib.patches import PathPatch

    content = information(motif, small_sample=small_sample)
    top = float(np.log2(len(motif.alphabet)))
    colours = NUCLEOTIDE_COLOURS if len(motif.alphabet) == 4 else AMINO_ACID_COLOURS
    for position, shares in enumerate(motif.probabilities):
        bottom = 0.0
        for letter in np.argsort(shares, kind="stable").tolist():
            height = float(shares[letter] * content[position])
            if height > SMALLEST_LETTER * top:
                outline = _stretched(motif.alphabet[letter], first + position + 0.52, bottom, 0.96, height)
                axes.add_patch(PathPatch(outline, facecolor=colours[motif.alphabet[letter]], linewidth=0))
            bottom += height
    corrected = small_sample and motif.n_sites > 0.0
    ticks = first + np.arange(1, motif.width + 1)
    step = 1 if motif.width <= 25 else 5
    axes.set(
        xlim=(first + 0.5, first + motif.width + 0.5),
        ylim=(0.0, top),
        xticks=ticks[(ticks % step == 0) | (ticks == first + 1)],
        ylabel="bits, corrected\nfor few sites" if corrected else "bits",
    )
    axes.set_title(title, fontsize=9, loc="left", parse_math=False)  # a $ in a name is a $
    axes.tick_params(axis="x", length=0)
    axes.tick_params(labelsize=7)
    axes.yaxis.label.set_fontsize(7)
    axes.spines[["top", "right"]].set_visible(False)


def reverse_complemented(motif: Motif) -> Motif:
    """A DNA or RNA motif read along the other strand: letters in alphabetical order complement each other."""
    return replace(motif, probabilities=motif.probabilities[::-1, ::-1], background=motif.background[::-1])


def _title(motif: Motif) -> str:
    names = f"{motif.name} {motif.alternative_name}".strip()
    names = names if len(names) <= LONGEST_NAME else f"{names[: LONGEST_NAME - 1]}…"
    return names if np.isnan(motif.n_sites) else f"{names}, {motif.n_sites:.0f} sites"


def _stretched(letter: str, left: float, bottom: float, width: float, height: float) -> Any:
    """The outline of a letter, filling a box. The I keeps to the middle: a bar as wide as a W is no letter."""
    from matplotlib.transforms import Affine2D

    outline, (x, y, glyph_width, glyph_height) = _outline(letter)
    if letter == "I":
        left, width = left + 0.3 * width, 0.4 * width
    moved = Affine2D().translate(-x, -y).scale(width / glyph_width, height / glyph_height).translate(left, bottom)
    return moved.transform_path(outline)


@cache
def _outline(letter: str) -> tuple[Any, tuple[float, float, float, float]]:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    outline = TextPath((0.0, 0.0), letter, size=1.0, prop=FontProperties(family=FONT, weight="bold"))
    box = outline.get_extents()
    return outline, (box.x0, box.y0, box.width, box.height)
