"""Pictures of linkage disequilibrium: the triangle of r2 between all pairs, and its decay with distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.errors import InputError
from genem.picture import COLOURS, Target, picture
from genem.popgen.linkage.decay import DecayCurve
from genem.popgen.linkage.pairs import LinkagePairs
from genem.popgen.samples import POOLED

__all__ = ["LinkageMap", "plot_linkage_decay", "plot_linkage_map"]

MAX_LOCI = 2000
MARKS = 12
"""Loci up to this number are named below the triangle."""


class LinkageMap:
    """Collects the r2 of all pairs of a region, of one group of samples, for :func:`plot_linkage_map`."""

    def __init__(self, group: str = POOLED) -> None:
        self.group = group
        self.identifiers: dict[int, str] = {}
        self.places: dict[int, tuple[str, int]] = {}
        self._pairs: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []

    def add(self, pairs: LinkagePairs) -> None:
        """Take pairs; at a site with several ALT alleles the largest r2 counts.

        Raises
        ------
        InputError
            There are more loci than a picture can show.
        """
        if self.group not in pairs.group_names:
            return
        chosen = pairs.rows(pairs.group == pairs.group_names.index(self.group))
        loci = chosen.loci
        for row in np.unique(np.concatenate([chosen.first, chosen.second])):
            variant = int(loci.variant[row])
            self.places[variant] = loci.chrom[row], int(loci.position[row])
            self.identifiers[variant] = loci.identifier[row]
        if len(self.places) > MAX_LOCI:
            raise InputError(f"more than {MAX_LOCI} loci: too many for a picture", remedy="give a smaller --regions")
        self._pairs.append((loci.variant[chosen.first], loci.variant[chosen.second], chosen.r2))

    def matrix(self) -> tuple[list[int], NDArray[np.float64]]:
        """The variants in order, and r2 between them above the diagonal; NaN where there is none."""
        variants = sorted(self.places)
        r2 = np.full((len(variants), len(variants)), np.nan)
        for first, second, values in self._pairs:
            places = np.searchsorted(variants, first), np.searchsorted(variants, second)
            r2[places] = np.fmax(r2[places], values)
        return variants, r2


def plot_linkage_map(linkage: LinkageMap, path: Target, *, file_format: str | None = None) -> None:
    """Draw r2 of all pairs as a triangle: a locus each step along the top, a pair where their diagonals meet.

    Lines lead from the steps to the places of the loci on the chromosome.

    Parameters
    ----------
    linkage
        The pairs.
    path
        A file, or a binary stream. The same pairs give the same bytes.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    InputError
        There are fewer than two loci.
    UsageError
        matplotlib is not installed.
    """
    variants, r2 = linkage.matrix()
    n = len(variants)
    if n < 2:
        raise InputError("fewer than two loci: there is no pair to draw")
    with picture(path, file_format) as new_figure:
        figure = new_figure(7.2, 5.0)
        axes = figure.add_subplot()
        # the corner (i, j) of the matrix turned by 45 degrees: x along the chromosome, y the distance in loci
        i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
        mesh = axes.pcolormesh(
            (i + j) / 2.0, (i - j) / 2.0, np.ma.masked_invalid(r2), cmap="YlOrRd", vmin=0.0, vmax=1.0, rasterized=n > 60
        )
        first, second = np.nonzero(~np.isnan(r2))
        depth = (float((second - first).max(initial=1)) + 1.0) / 2.0
        named = n <= MARKS
        _draw_chromosome(axes, linkage, variants, height=0.3 * depth, named=named)
        axes.set(xlim=(0, n), ylim=(-depth, depth * (0.9 if named else 0.45)))
        axes.set_aspect("equal" if depth > 0.3 * n else "auto")
        axes.axis("off")
        figure.colorbar(mesh, ax=axes, label="$r^2$", shrink=0.55, pad=0.02)


def plot_linkage_decay(curves: Sequence[DecayCurve], path: Target, *, file_format: str | None = None) -> None:
    """Draw mean r2 against distance: a line per group, or all samples where there is no group.

    Parameters
    ----------
    curves
        The means.
    path, file_format
        As in :func:`plot_linkage_map`.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    shown = [curve for curve in curves if curve.group != POOLED] or list(curves)
    with picture(path, file_format) as new_figure:
        figure = new_figure(7.2, 3.8)
        axes = figure.add_subplot()
        for number, curve in enumerate(shown):
            filled = curve.n_pairs > 0
            middle = (curve.start + curve.end)[filled] / 2000.0
            label = f"{curve.group} ({int(curve.n_pairs.sum()):,} pairs)"
            axes.plot(middle, curve.mean_r2[filled], color=COLOURS[number % len(COLOURS)], label=label, lw=1.5)
        axes.set(xlabel="distance (kb)", ylabel="mean $r^2$")
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=0.0)
        axes.spines[["top", "right"]].set_visible(False)
        if shown:
            axes.legend(frameon=False)


def _draw_chromosome(axes: Any, linkage: LinkageMap, variants: Sequence[int], *, height: float, named: bool) -> None:
    """A bar for the stretch of the chromosome, lines from each locus to its step of the triangle, and names."""
    n = len(variants)
    places = [linkage.places[variant] for variant in variants]
    positions = np.array([position for _, position in places], np.float64)
    span = positions[-1] - positions[0]
    one_contig = len({chrom for chrom, _ in places}) == 1 and span > 0
    along = (positions - positions[0]) / span * n if one_contig else np.arange(n) + 0.5
    axes.plot([0, n], [height, height], color="0.2", lw=3, solid_capstyle="butt")
    for step, place in enumerate(along):
        axes.plot([step + 0.5, place], [0.0, height], color="0.55", lw=max(0.15, min(0.8, 60.0 / n)))
    if named:  # evenly spaced: neighbours on the chromosome may be too close to tell apart
        for step, (variant, place) in enumerate(zip(variants, along, strict=True)):
            name = linkage.identifiers[variant]
            label = name if name != "." else f"{linkage.places[variant][1]:,}"
            axes.plot([place, step + 0.5], [height, 1.6 * height], color="0.55", lw=0.8)
            axes.text(step + 0.5, 1.7 * height, label, rotation=60, ha="left", va="bottom", fontsize=7)
    elif one_contig:
        for place, (chrom, position), side in ((0, places[0], "left"), (n, places[-1], "right")):
            axes.text(place, height * 1.1, f"{chrom}:{position:,}", ha=side, va="bottom", fontsize=8)
