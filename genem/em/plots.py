"""Pictures of what a fit did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genem.em.driver import EMFit
from genem.em.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STATUS_COLOURS = {
    Status.CONVERGED: "#1b6ca8",
    Status.MAX_ITER: "#c98a00",
    Status.DECREASED: "#b3261e",
    Status.DEGENERATE: "#7a7a7a",
    Status.LOCKED: "#7b3fa0",
    Status.CONVERGED_OBJECTIVE: "#5b9bd0",
    Status.LEFT: "#4f7f3a",
}
FIT_COLOURS = ("#1b6ca8", "#c2571a", "#2e7d4f", "#7b3fa0")
"""Told apart by colour-blind readers too; fits after the fourth start over."""

ROUNDING = 1e-13
"""Gaps smaller than this times 1 + the size of the objective are rounding and drawn at that height."""
LOGARITHMIC_FROM = 10.0
"""The axis of EM maps is logarithmic where the longest fit needed this many times the maps of the shortest."""


def plot_trace(
    fits: EMFit[Any] | dict[str, EMFit[Any]], path: str | Path | None = None, axes: Axes | None = None
) -> Axes:
    """Draw how far below the best objective every start was, against the EM maps it had used.

    A straight line is linear convergence, its slope the fraction of missing information; a plateau is another
    optimum. The best start of a fit is drawn strong and marked with its status, SQUAREM extrapolations are open
    circles. A single fit is coloured by status, several fits by name.

    Parameters
    ----------
    fits
        A traced fit, or several under their names (plain and accelerated, say), compared with the best of all.
    path
        Write the picture here; the ending names the format (svg, png, pdf).
    axes
        Draw into these instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        A fit was not traced, or no fit has a finite objective.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    named = fits if isinstance(fits, dict) else {"": fits}
    if any(run.trace is None for fit in named.values() for run in fit.runs):
        raise ValueError("the fit was not traced; fit with trace=True")
    best = max((fit.objective for fit in named.values() if np.isfinite(fit.objective)), default=np.nan)
    if not np.isfinite(best):
        raise ValueError("no fit with a finite objective: nothing to draw")
    if axes is None:
        axes = Figure(figsize=(7.0, 4.2), layout="constrained").add_subplot()
    lengths = [fit.n_maps for fit in named.values()]
    axes.set_xscale("log" if max(lengths) >= LOGARITHMIC_FROM * min(lengths) else "linear")
    if axes.get_xscale() == "linear":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_yscale("log")
    for number, (name, fit) in enumerate(named.items()):
        _draw_fit(axes, fit, best, name, FIT_COLOURS[number % len(FIT_COLOURS)] if name else None)
    axes.set_xlabel("EM maps")
    axes.set_ylabel("objective below the best (nats)")
    axes.set_title("\n".join(f"{name}: {fit.verdict}" if name else fit.verdict for name, fit in named.items()))
    axes.title.set_fontsize("medium")
    axes.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False, fontsize="small")
    if path is not None:
        axes.figure.canvas.print_figure(path, dpi=150)
    return axes


def _draw_fit(axes: Axes, fit: EMFit[Any], best: float, name: str, fit_colour: str | None) -> None:
    """One line per start, the best on top; coloured by status where ``fit_colour`` is None."""
    floor = ROUNDING * (1.0 + abs(best))
    for run in sorted(fit.runs, key=lambda run: run is fit.best):
        trace, strong = run.trace, run is fit.best
        if trace is None or len(trace) == 0:
            continue
        gap = np.maximum(best - trace.objective, floor)
        colour = fit_colour or STATUS_COLOURS[run.status]
        label = name or run.status.label
        width, alpha, size = (1.8, 1.0, 6) if strong else (0.9, 0.55, 4)
        axes.plot(trace.n_maps, gap, color=colour, linewidth=width, alpha=alpha, label=label)
        axes.plot(trace.n_maps[-1], gap[-1], "o", color=colour, markersize=size)
        if not strong:
            continue
        jumps = trace.extrapolated
        if np.any(jumps):
            axes.plot(trace.n_maps[jumps], gap[jumps], "o", ms=4, mfc="white", mec=colour, label="SQUAREM step")
        axes.annotate(
            f"{run.status.label}\n{run.n_maps} maps",
            (float(trace.n_maps[-1]), float(gap[-1])),
            xytext=(0, 9),
            textcoords="offset points",
            horizontalalignment="center",
            color=colour,
            fontsize="small",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
