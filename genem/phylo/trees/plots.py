"""Pictures of trees: a rectangular phylogram with its scale, the names of taxa and supports."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genem.data import Tree
from genem.phylo.trees.layout import Boxes, TreeLayout, lay_out, place_labels
from genem.picture import Target, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_tree"]

FONT = "DejaVu Sans"  # comes with matplotlib: the same picture on every machine
INK, FAINT = "#222222", "#555555"
PAGE_WIDTH = 518.0
"""Points (7.2 inches): the text width of a journal."""
LEAST_TREE_WIDTH = 250.0
MOST_HEIGHT = 28_000.0
"""Points. A picture of more pixels cannot be made; the rows of thousands of taxa become lower instead."""
MOST_NAME_WIDTH = 300.0
"""Longer names lose their middle."""
MARGIN = 8.0
NAME_GAP = 3.5
"""Between a taxon and its name."""
ROOT_EDGE = 7.0
FOOT_SIZE = 7.5
FOOT_LINE = 12.0
SIZES = ((40, 9.5, 1.6), (100, 8.0, 1.5), (250, 7.0, 1.4))
"""Most taxa, size of their names in points, height of a row in names; for more taxa than the last: the next."""
SMALL_SIZE = (6.0, 1.3)
SUPPORT_SIZE = 0.76
"""Size of a support, as a share of that of a name."""
FEW_LABELS = 0.75
"""With room for a smaller share of the supports than this, all are shown as dots."""
DIGIT_HEIGHT = 0.73
"""Height of a digit, as a share of the size of its font."""
SCALE_SHARE = 0.22
"""The scale bar is at most this share of the width of the tree."""
LEGEND = "support, where its number has no room:"
CLASSES = ((95.0, "95 % or more", INK), (70.0, "70 to 95 %", "#9A9A9A"), (-np.inf, "below 70 %", "#FFFFFF"))
"""Classes of supports, the best first: the least value, words, and the colour of the dot."""


def plot_tree(
    tree: Tree,
    path: Target,
    *,
    midpoint: bool = True,
    scale: str = "substitutions per site",
    file_format: str | None = None,
) -> None:
    """Draw a tree: its top at the left, taxa below each other, lengths to scale.

    Larger clades come first, so that the same tree gives the same picture in whatever order its nodes are. Labels of
    inner nodes stand beside the edge that they are about, where they cover nothing; those of numbers (``95``, ``0.95``,
    ``87.3/99``) for which there is no room become dots, whose shade tells the least of the numbers. Where most have no
    room all become dots. Edges that are missing a length, or have a negative one, are drawn at 0, and a line below the
    tree says so. Without lengths the splits alone are drawn.

    Parameters
    ----------
    tree
        Any tree, a single taxon as well.
    path
        A file, or a binary stream. The same tree gives the same bytes.
    midpoint
        Draw an unrooted tree from its midpoint, and say so; otherwise its top is drawn as it is.
    scale
        What a length is, for the scale bar.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed.

    Examples
    --------
    >>> import io
    >>> from genem.phylo import star_tree
    >>> drawn = io.BytesIO()
    >>> plot_tree(star_tree(("Homo", "Pan", "Gorilla")), drawn, file_format="svg")
    >>> drawn.getvalue()[:5]
    b'<?xml'
    """
    with warnings.catch_warnings(), picture(path, file_format) as new_figure:
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # no font has all letters of all names
        page = _Page.of(lay_out(tree, midpoint=midpoint))
        supports = _Supports.of(page)
        lines = [*page.layout.notes, *([LEGEND] if supports.dots else [])]
        height = page.foot + FOOT_LINE * (page.layout.is_phylogram + len(lines)) + MARGIN
        figure = new_figure(page.width / 72.0, height / 72.0)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set(xlim=(0.0, page.width), ylim=(height, 0.0))
        axes.set_axis_off()
        _draw_edges(axes, page)
        _draw_names(axes, page)
        _draw_supports(axes, page, supports)
        _draw_foot(axes, page, scale, lines)


@dataclass(frozen=True)
class _Page:
    """A layout in points, from the upper left corner.

    Attributes
    ----------
    layout
        What is drawn.
    names, name_widths
        Of taxa, as they are written.
    size
        Of names.
    x, y
        float64 (node,).
    per_length
        Points per unit of length.
    width
        Of the page.
    foot
        Where the lines below the tree begin.
    """

    layout: TreeLayout
    names: tuple[str, ...]
    name_widths: NDArray[np.float64]
    size: float
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    per_length: float
    width: float
    foot: float

    @classmethod
    def of(cls, layout: TreeLayout) -> _Page:
        n_taxa = len(layout.tree.taxa)
        size, spacing = next(((size, gap) for most, size, gap in SIZES if n_taxa <= most), SMALL_SIZE)
        row = min(size * spacing, MOST_HEIGHT / max(n_taxa, 1))
        size = min(size, row / SMALL_SIZE[1])
        measured = [_shortened(_printable(name), size) for name in layout.tree.taxa]
        widths = np.array([_width(name, size) for name in measured])
        left = MARGIN + ROOT_EDGE
        across = layout.x[:n_taxa]
        room = PAGE_WIDTH - left - MARGIN - NAME_GAP - widths
        far = across > 0.0
        deepest = float(across.max(initial=0.0)) or 1.0
        per_length = max(float((room[far] / across[far]).min(initial=np.inf)), LEAST_TREE_WIDTH / deepest)
        per_length = per_length if np.isfinite(per_length) else LEAST_TREE_WIDTH
        right = float((left + across * per_length + NAME_GAP + widths).max(initial=left + LEAST_TREE_WIDTH))
        return cls(
            layout,
            tuple(measured),
            widths,
            size,
            left + layout.x * per_length,
            MARGIN + (layout.y + 0.5) * row,
            per_length,
            right + MARGIN,
            MARGIN + max(n_taxa, 1) * row + 0.5 * FOOT_LINE,
        )

    @property
    def line_width(self) -> float:
        return min(1.2, 0.13 * self.size)


@dataclass(frozen=True)
class _Supports:
    """The labels of inner nodes as they are shown.

    Attributes
    ----------
    texts
        The label, its left end, and the middle of its height.
    size
        Of the labels.
    dots
        Shades, by node.
    """

    texts: tuple[tuple[str, float, float], ...]
    size: float
    dots: dict[int, str]

    @classmethod
    def of(cls, page: _Page) -> _Supports:
        labels = {node: _printable(label) for node, label in _edge_labels(page.layout.tree).items()}
        numbers = _percentages(labels)
        size = SUPPORT_SIZE * page.size
        widths = [_width(label, size) for label in labels.values()]
        places = place_labels(list(labels), widths, DIGIT_HEIGHT * size, page.x, page.y, _taken(page))
        if len(places) < FEW_LABELS * len(labels) and len(numbers) == len(labels):
            places = {}
        shades = {
            node: next(shade for least, _, shade in CLASSES if value >= least)
            for node, value in numbers.items()
            if node not in places
        }
        return cls(tuple((labels[node], *place) for node, place in places.items()), size, shades)


def _draw_edges(axes: Axes, page: _Page) -> None:
    """Every node with a line to the left and one to the height of its parent."""
    from matplotlib.collections import LineCollection

    tree = page.layout.tree
    x, y, above = page.x, page.y, tree.parent[:-1]
    corners = [(x[:-1], y[:-1]), (x[above], y[:-1]), (x[above], y[above])]
    lines = list(np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1))
    if len(tree.children()[tree.top]) == 2:
        lines.append(np.array([(x[-1] - ROOT_EDGE, y[-1]), (x[-1], y[-1])]))
    edges = LineCollection(lines, colors=INK, linewidths=page.line_width, joinstyle="miter", capstyle="projecting")
    axes.add_collection(edges, autolim=False)


def _draw_names(axes: Axes, page: _Page) -> None:
    for name, x, y in zip(page.names, page.x, page.y, strict=False):
        _write(axes, x + NAME_GAP, y, name, page.size)
    if not page.names:
        _write(axes, page.x[-1] + NAME_GAP, page.y[-1], "no taxa", page.size, color=FAINT)


def _draw_supports(axes: Axes, page: _Page, supports: _Supports) -> None:
    for text, left, middle in supports.texts:
        _write(axes, left, middle + 0.5 * DIGIT_HEIGHT * supports.size, text, supports.size, va="baseline", color=FAINT)
    nodes = list(supports.dots)
    if nodes:
        _draw_dots(axes, page.x[nodes], page.y[nodes], list(supports.dots.values()), page)


def _draw_foot(axes: Axes, page: _Page, scale: str, lines: Sequence[str]) -> None:
    y = page.foot + 0.5 * FOOT_LINE
    if page.layout.is_phylogram:
        left, length = float(page.x[-1]), _round_length(SCALE_SHARE * float(page.layout.x.max()))
        right = left + length * page.per_length
        bar = [left, left, left, right, right, right], [y - 2.5, y + 2.5, y, y, y - 2.5, y + 2.5]
        axes.plot(*bar, color=INK, lw=1.1, solid_capstyle="butt")
        _write(axes, right + 5.0, y, f"{length:g} {scale}", FOOT_SIZE)
        y += 1.2 * FOOT_LINE
    for line in lines:
        _write(axes, MARGIN, y, line, FOOT_SIZE, color=FAINT)
        if line == LEGEND:
            _draw_legend(axes, page, MARGIN + _width(line, FOOT_SIZE) + 9.0, y)
        y += FOOT_LINE


def _draw_legend(axes: Axes, page: _Page, x: float, y: float) -> None:
    for _, words, shade in CLASSES:
        _draw_dots(axes, np.array([x]), np.array([y]), [shade], page)
        _write(axes, x + 5.0, y, words, FOOT_SIZE, color=FAINT)
        x += 5.0 + _width(words, FOOT_SIZE) + 12.0


def _write(
    axes: Axes, x: float, y: float, text: str, size: float, *, va: str = "center_baseline", color: str = INK
) -> None:
    """Plain text: ``$`` and ``_`` are letters."""
    axes.text(x, y, text, fontsize=size, va=va, color=color, family=FONT, parse_math=False)


def _draw_dots(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], shades: Sequence[str], page: _Page) -> None:
    area = (0.5 * page.size) ** 2
    axes.scatter(x, y, s=area, c=list(shades), edgecolors=INK, linewidths=0.6, zorder=3)


def _edge_labels(tree: Tree) -> dict[int, str]:
    """By node. One on both sides of the root is about one edge and is shown once, a number at the top is about none."""
    labels = {node: tree.name(node) for node in range(len(tree.taxa), len(tree)) if tree.name(node)}
    if tree.top in labels and _numbers(labels[tree.top]):
        del labels[tree.top]
    at_top = [node for node in tree.children()[tree.top] if node in labels]
    if len(at_top) == 2 and len(tree.children()[tree.top]) == 2 and labels[at_top[0]] == labels[at_top[1]]:
        shorter = min(at_top, key=lambda node: float(tree.length[node]))
        del labels[shorter]
    return labels


def _percentages(labels: Mapping[int, str]) -> dict[int, float]:
    """By node, the least of the numbers of a label; shares become percentages where no number exceeds 1."""
    numbers = {node: found for node, label in labels.items() if (found := _numbers(label))}
    factor = 100.0 if max((max(found) for found in numbers.values()), default=0.0) <= 1.0 else 1.0
    return {node: factor * min(found) for node, found in numbers.items()}


def _numbers(label: str) -> list[float]:
    """The numbers of a label such as ``95`` or ``87.3/99``; none if any part of it is something else."""
    try:
        return [float(part) for part in label.split("/")]
    except ValueError:
        return []


def _taken(page: _Page) -> Boxes:
    """The lines of the tree and the names of its taxa."""
    above, half = page.layout.tree.parent[:-1], 0.5 * page.line_width
    x, y, n_taxa = page.x, page.y, len(page.names)
    name_left, name_height = x[:n_taxa] + NAME_GAP, 0.5 * page.size
    return Boxes(
        np.concatenate([x[above], x[above] - half, name_left]),
        np.concatenate([x[:-1], x[above] + half, name_left + page.name_widths]),
        np.concatenate([y[:-1] - half, np.minimum(y[:-1], y[above]), y[:n_taxa] - name_height]),
        np.concatenate([y[:-1] + half, np.maximum(y[:-1], y[above]), y[:n_taxa] + name_height]),
    )


def _printable(name: str) -> str:
    """In one line, without letters that pictures cannot hold."""
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )


def _shortened(name: str, size: float) -> str:
    """Without as much of its middle as is too long."""
    if _width(name, size) <= MOST_NAME_WIDTH:
        return name
    least, most = 0, len(name)
    while least < most:
        kept = (least + most + 1) // 2
        fits = _width(_without_middle(name, kept), size) <= MOST_NAME_WIDTH
        least, most = (kept, most) if fits else (least, kept - 1)
    return _without_middle(name, least)


def _without_middle(name: str, kept: int) -> str:
    return name[: kept - kept // 2] + "\N{HORIZONTAL ELLIPSIS}" + name[len(name) - kept // 2 :]


def _width(text: str, size: float) -> float:
    """Points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return float(text_to_path.get_text_width_height_descent(text, FontProperties(family=FONT, size=size), False)[0])


def _round_length(most: float) -> float:
    """The greatest of 1, 2 and 5 times a power of ten that is not greater."""
    power = 10.0 ** floor(log10(most))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= most * (1.0 + 1e-9))
