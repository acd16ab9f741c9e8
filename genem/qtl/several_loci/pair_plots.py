"""Pictures of two-locus scans."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.picture import Target, picture
from genem.qtl.several_loci.pairs import TwoQTLScan

__all__ = ["UpperTriangle", "plot_two_qtl"]

Floats = NDArray[np.float64]
UpperTriangle = Literal["interaction", "full_vs_one"]
TITLES = {"interaction": "interaction", "full_vs_one": "second locus (full vs one)"}
GAP = 0.012
"""Between chromosomes, as a share of the genome."""
SMALLEST_SCALE = 1e-6


def plot_two_qtl(
    found: TwoQTLScan,
    path: Target,
    *,
    upper: UpperTriangle = "interaction",
    file_format: str | None = None,
) -> None:
    """Draw the LOD scores of all pairs of positions: full model below the diagonal, another comparison above it.

    Parameters
    ----------
    found
        From :func:`~genem.qtl.scan_two`.
    path
        A file, or a binary stream. The same scan gives the same bytes.
    upper
        Above the diagonal: ``interaction`` (full - additive), or ``full_vs_one``, the evidence for a second locus
        (values below 0, where one locus fits better than this pair, are drawn as 0).
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        matplotlib is not installed, or ``upper`` is neither of the two.
    """
    if upper not in get_args(UpperTriangle):
        raise UsageError(f"upper triangle {upper!r} is not one of {', '.join(get_args(UpperTriangle))}")
    full = _triangle(found, found.full, lower=True)
    above = _triangle(found, found.interaction if upper == "interaction" else found.full_vs_one, lower=False)
    edges, bounds = _places(found)
    with picture(path, file_format, font_size=9) as new_figure:
        figure = new_figure(7.6, 6.4)
        axes = figure.add_subplot()
        starts = np.flatnonzero(np.diff(found.chromosome, prepend=-1))
        blocks = list(zip(starts, [*starts[1:], len(found.position)], edges, strict=True))
        for values, colours, title in ((full, "viridis", "LOD, full model"), (above, "magma", f"LOD, {TITLES[upper]}")):
            top = max(float(np.nanmax(values, initial=0.0)), SMALLEST_SCALE)
            for first, last, x in blocks:
                for below, beyond, y in blocks:
                    part = np.ma.masked_invalid(values[below:beyond, first:last])
                    mesh = axes.pcolormesh(x, y, part, cmap=colours, vmin=0.0, vmax=top, rasterized=True)
            side = "right" if values is full else "left"
            bar = figure.colorbar(mesh, ax=axes, location=side, shrink=0.8, pad=0.02, aspect=30)
            bar.set_label(f"{title} ({'below' if values is full else 'above'} the diagonal)")
        middles = [(low + high) / 2.0 for low, high in bounds]
        for low, high in bounds:
            axes.axhspan(low, high, facecolor="none", edgecolor="0.75", linewidth=0.4)
            axes.axvspan(low, high, facecolor="none", edgecolor="0.75", linewidth=0.4)
        axes.set(xlim=(bounds[0][0], bounds[-1][1]), ylim=(bounds[0][0], bounds[-1][1]), aspect="equal")
        axes.set_xticks(middles, found.chromosomes)
        axes.set_yticks(middles, found.chromosomes)
        axes.tick_params(length=0)
        axes.set(xlabel="chromosome", ylabel="chromosome", title=f"{found.trait}: two loci ({found.method})")


def _triangle(found: TwoQTLScan, values: Floats, *, lower: bool) -> Floats:
    """A matrix (row, column) with values on one side of the diagonal; NaN elsewhere."""
    size = len(found.position)
    matrix = np.full((size, size), np.nan)
    # Rows run upwards: below the diagonal the column is the later position.
    rows, columns = (found.first, found.second) if lower else (found.second, found.first)
    matrix[rows, columns] = np.maximum(values, 0.0)
    return matrix


def _places(found: TwoQTLScan) -> tuple[list[Floats], list[tuple[float, float]]]:
    """Cell edges of each chromosome, laid end to end, and where each begins and ends."""
    cells = []
    for index in range(len(found.chromosomes)):
        position = found.position[found.chromosome == index]
        half = np.diff(position) / 2.0
        margin = float(half.mean()) if len(half) else 2.5
        cells.append(np.concatenate([[position[0] - margin], position[:-1] + half, [position[-1] + margin]]))
    gap = GAP * sum(float(np.ptp(edge)) for edge in cells)
    edges, bounds, start = [], [], 0.0
    for edge in cells:
        edges.append(edge - edge[0] + start)
        bounds.append((start, float(edges[-1][-1])))
        start = bounds[-1][1] + gap
    return edges, bounds
