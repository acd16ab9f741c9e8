"""Pictures of interval mapping: LOD curves along the genome, genotype means at loci."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genem.errors import UsageError
from genem.picture import COLOURS, Target, picture
from genem.qtl.one_locus.effects import LocusEffects
from genem.qtl.one_locus.peaks import Threshold
from genem.qtl.one_locus.scanning import Scan

__all__ = ["plot_effects", "plot_lod_curves"]

LINE_COLOURS = COLOURS[:6]
DASHES = ((0, (6, 2)), (0, (2, 2)), (0, (6, 2, 1, 2)), (0, (1, 1)))
"""Line styles of thresholds, the strictest first."""
METHOD_NAMES = {
    "em": "EM",
    "hk": "Haley-Knott",
    "ehk": "extended Haley-Knott",
    "imp": "imputation",
    "mr": "marker regression",
    "np": "ranks",
    "2part": "two-part",
}
MAX_PANELS = 8
MAX_LOCI = 40
GAP = 0.02
"""Between chromosomes, as a share of the genome."""
LEAST_WIDTH = 0.012
"""Width of a chromosome with one marker."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Chromosomes laid side by side: where each begins and ends."""

    chromosomes: tuple[str, ...]
    left: NDArray[np.float64]
    right: NDArray[np.float64]
    origin: NDArray[np.float64]
    """Offsets that are added to positions in cM."""

    @property
    def span(self) -> float:
        return float(self.right[-1])


def plot_lod_curves(
    scans: Mapping[str, Scan],
    path: Target,
    *,
    thresholds: Sequence[Threshold] = (),
    x_chromosomes: Collection[str] = (),
    file_format: str | None = None,
) -> None:
    """Draw LOD scores along the genome, chromosomes side by side: a panel per trait, a colour per method.

    Markers are ticks along the bottom; thresholds are dashed lines across the chromosomes that they are for. Of more
    than eight traits those with the highest LOD scores are drawn. A single chromosome has its scale in cM.

    Parameters
    ----------
    scans
        By method. The traits and chromosomes are the same in all.
    path
        A file, or a binary stream. The same scans give the same bytes.
    thresholds
        From :func:`~genem.qtl.thresholds`, of any traits and methods.
    x_chromosomes
        Which of the chromosomes are the X chromosome, for its thresholds.
    file_format
        ``svg``, ``png`` or ``pdf``; by default told from the name of the file.

    Raises
    ------
    UsageError
        There is no scan, or matplotlib is not installed.
    """
    if not scans:
        raise UsageError("no scan to draw")
    first = next(iter(scans.values()))
    highest = np.max([scan.lod.max(axis=0, initial=0.0, where=~np.isnan(scan.lod)) for scan in scans.values()], axis=0)
    shown = np.sort(np.argsort(-highest, kind="stable")[:MAX_PANELS])
    axis = _side_by_side(list(scans.values()))
    with picture(path, file_format) as new_figure:
        figure = new_figure(9.6, 1.2 + 2.5 * len(shown))
        panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for panel, k in zip(panels, shown.tolist(), strict=True):
            trait = first.traits[k]
            of_trait = [drawn for drawn in thresholds if drawn.trait == trait]
            _draw_background(panel, axis)
            for number, (method, scan) in enumerate(scans.items()):
                _draw_curve(panel, axis, scan, k, METHOD_NAMES.get(method, method), number)
                for drawn in (drawn for drawn in of_trait if drawn.method == method):
                    colour = LINE_COLOURS[number % len(LINE_COLOURS)] if len(scans) > 1 else "0.35"
                    _draw_threshold(panel, axis, drawn, of_trait, colour, x_chromosomes)
            top = max([float(highest[k]), *(drawn.lod for drawn in of_trait), 1.0])
            panel.set(ylabel="LOD score", ylim=(-0.035 * top, 1.12 * top))
            panel.set_title(trait if len(shown) > 1 or len(first.traits) > 1 else "", loc="left", fontsize=10)
            _draw_markers(panel, axis, next(iter(scans.values())))
        levels = sorted({drawn.alpha for drawn in thresholds})
        _draw_legend(figure, panels[0], list(scans), levels)
        _label_chromosomes(panels[-1], axis)
        if len(shown) < len(first.traits):
            text = f"{len(shown)} of {len(first.traits)} traits: those with the highest LOD scores"
            figure.suptitle(text, x=0.01, ha="left", fontsize=9)


def plot_effects(effects: Sequence[LocusEffects], path: Target, *, file_format: str | None = None) -> None:
    """Draw the mean of the trait for each genotype, with standard errors, a panel per locus.

    Covariates are held at their means. Of more than forty loci those with the highest LOD scores are drawn.

    Parameters
    ----------
    effects
        From :func:`~genem.qtl.locus_effects`; with none the picture says so.
    path, file_format
        As in :func:`plot_lod_curves`.

    Raises
    ------
    UsageError
        matplotlib is not installed.
    """
    n_found = len(effects)
    if n_found > MAX_LOCI:
        least = sorted((drawn.lod for drawn in effects), reverse=True)[MAX_LOCI - 1]
        effects = [drawn for drawn in effects if drawn.lod >= least][:MAX_LOCI]
    n_columns = min(4, max(1, len(effects)))
    n_rows = max(1, -(-len(effects) // n_columns))
    with picture(path, file_format) as new_figure:
        figure = new_figure(1.0 + 2.3 * n_columns, 2.9 * n_rows)
        panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
        for panel in panels[len(effects) :]:
            panel.axis("off")
        if not effects:
            panels[0].text(0.5, 0.5, "no peak", ha="center", va="center", transform=panels[0].transAxes, color="0.4")
        limits = _limits(effects)
        for number, (panel, drawn) in enumerate(zip(panels, effects, strict=False)):
            _draw_means(panel, drawn)
            panel.set_ylim(limits[drawn.trait])
            if number % n_columns == 0 or effects[number - 1].trait != drawn.trait:
                panel.set_ylabel(drawn.trait)
        if n_found > len(effects):
            text = f"{len(effects)} of {n_found} loci: those with the highest LOD scores"
            figure.suptitle(text, x=0.01, ha="left", fontsize=9)


def _side_by_side(scans: Sequence[Scan]) -> _Axis:
    first = scans[0]
    low = np.array([min(float(scan.position[scan.on(c)].min()) for scan in scans) for c in first.chromosomes])
    high = np.array([max(float(scan.position[scan.on(c)].max()) for scan in scans) for c in first.chromosomes])
    total = max(float((high - low).sum()), 1.0)
    width = np.maximum(high - low, LEAST_WIDTH * total)
    left = np.concatenate([[0.0], np.cumsum(width + GAP * total)[:-1]])
    return _Axis(first.chromosomes, left, left + width, left - low + (width - (high - low)) / 2.0)


def _draw_background(panel: Any, axis: _Axis) -> None:
    """A band behind every other chromosome, as wide as to the middle of the gaps."""
    half = (axis.left[1] - axis.right[0]) / 2.0 if len(axis.left) > 1 else 0.0
    for k in range(1, len(axis.chromosomes), 2):
        panel.axvspan(axis.left[k] - half, axis.right[k] + half, color="0.955", lw=0, zorder=0)
    panel.set_xlim(-max(half, 0.01 * axis.span), axis.span + max(half, 0.01 * axis.span))
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(axis="x", length=0)


def _draw_curve(panel: Any, axis: _Axis, scan: Scan, trait: int, label: str, order: int) -> None:
    """A line, or points where nothing is known in between; the first method lies on top."""
    for k, chromosome in enumerate(axis.chromosomes):
        on = scan.on(chromosome)
        points = len(on) == 1 or scan.method == "mr"
        panel.plot(
            scan.position[on] + axis.origin[k],
            scan.lod[on, trait],
            color=LINE_COLOURS[order % len(LINE_COLOURS)],
            lw=0.0 if points else 1.3,
            marker="o" if points else "",
            ms=2.8,
            label=label if k == 0 else None,
            solid_joinstyle="round",
            zorder=3.0 - 0.1 * order,
        )


def _draw_markers(panel: Any, axis: _Axis, scan: Scan) -> None:
    x = np.concatenate(
        [
            scan.position[on][scan.is_marker[on]] + axis.origin[k]
            for k, on in ((k, scan.on(c)) for k, c in enumerate(axis.chromosomes))
        ]
    )
    bottom = panel.get_ylim()[0]
    panel.vlines(x, bottom, 0.35 * bottom, color="0.25", lw=0.6)


def _draw_threshold(
    panel: Any, axis: _Axis, drawn: Threshold, others: Sequence[Threshold], colour: str, x_chromosomes: Collection[str]
) -> None:
    """Across the chromosomes of its region; all of them where there is no other."""
    apart = len({other.region for other in others}) > 1
    on = [
        k
        for k, chromosome in enumerate(axis.chromosomes)
        if not apart or (chromosome in x_chromosomes) == (drawn.region == "X")
    ]
    if not on:
        return
    levels = sorted({other.alpha for other in others})
    dashes = DASHES[levels.index(drawn.alpha) % len(DASHES)]
    for run in np.split(np.array(on), np.flatnonzero(np.diff(on) > 1) + 1):
        panel.hlines(drawn.lod, axis.left[run[0]], axis.right[run[-1]], color=colour, lw=0.9, linestyles=[dashes])


def _draw_legend(figure: Any, panel: Any, methods: Sequence[str], levels: Sequence[float]) -> None:
    """Methods by colour, where there are several, and levels by line style."""
    from matplotlib.lines import Line2D

    handles, _ = panel.get_legend_handles_labels()
    shown = handles if len(methods) > 1 else []
    for alpha, dashes in zip(levels, DASHES, strict=False):
        shown.append(Line2D([], [], color="0.35", lw=0.9, linestyle=dashes, label=f"{100 * alpha:g} % threshold"))
    if shown:
        figure.legend(handles=shown, loc="outside upper right", ncols=len(shown), frameon=False, fontsize=9)


def _label_chromosomes(panel: Any, axis: _Axis) -> None:
    if len(axis.chromosomes) == 1:
        ticks = np.asarray(panel.get_xticks(), np.float64)
        inside = ticks[(ticks >= 0.0) & (ticks <= axis.span)]
        panel.set_xticks(inside, [f"{tick - axis.origin[0]:.4g}" for tick in inside])
        panel.tick_params(axis="x", length=3.5)
        panel.set_xlabel(f"chromosome {axis.chromosomes[0]} (cM)")
        return
    panel.set_xticks((axis.left + axis.right) / 2.0, axis.chromosomes)
    panel.tick_params(axis="x", labelsize=9 if len(axis.chromosomes) <= 24 else 7)
    panel.set_xlabel("chromosome")


def _limits(effects: Sequence[LocusEffects]) -> dict[str, tuple[float, float]]:
    """One scale for all loci of a trait, so that large effects look large."""
    limits: dict[str, tuple[float, float]] = {}
    for trait in dict.fromkeys(drawn.trait for drawn in effects):
        of_trait = [drawn for drawn in effects if drawn.trait == trait]
        means = np.concatenate([drawn.adjusted_means for drawn in of_trait])
        errors = np.nan_to_num(np.concatenate([drawn.adjusted_errors for drawn in of_trait]))
        low, high = float(np.nanmin(means - errors)), float(np.nanmax(means + errors))
        margin = 0.12 * (high - low) or 1.0
        limits[trait] = low - margin, high + margin
    return limits


def _draw_means(panel: Any, drawn: LocusEffects) -> None:
    means, errors = drawn.adjusted_means, drawn.adjusted_errors
    x = np.arange(len(means))
    if drawn.contrasts:  # on the X chromosome genotypes of both sexes stand side by side: nothing to join
        panel.plot(x, means, color="0.75", lw=1.0, zorder=1)
    panel.errorbar(x, means, np.nan_to_num(errors), fmt="o", color=LINE_COLOURS[0], ms=5, capsize=4, lw=1.3, zorder=2)
    panel.set_xticks(x, drawn.terms[: len(means)])
    panel.set_xlim(-0.5, len(means) - 0.5)
    panel.set_title(f"{drawn.name}\nchr {drawn.chromosome}, {drawn.position:.1f} cM, LOD {drawn.lod:.2f}", fontsize=8.5)
    panel.spines[["top", "right"]].set_visible(False)
